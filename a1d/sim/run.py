"""``a1d --simulate``: its configuration, and what it prints: a line a second, and a log with times."""

from __future__ import annotations

import io
import select
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TextIO

from a1d.client.words import one_line, printable
from a1d.config.settings import Config, SensorConfig

if TYPE_CHECKING:
    from a1d.service.varlink import Parameters


def simulation_config() -> Config:
    """The built-in configuration, but impatient with a frozen sensor: nobody watches a simulation for half an hour."""
    return Config(sensors=(SensorConfig(name="cpu", zone="cpu-thermal", frozen_s=20.0),))


class Lines:
    """``show`` a status on ``out``, ``log`` a line on standard error; each with the time of day.

    Whoever does not read them in time misses some: nothing here waits.
    """

    def __init__(self, out: TextIO) -> None:
        self.on_gone: Callable[[], None] = lambda: None  # called when nobody can be shown anything any more
        self._out = out
        self._shown_s = float("-inf")
        for stream in (out, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")  # a character that its reader has not

    def log(self, line: str) -> None:
        """A line of the log."""
        self._put(line, sys.stderr)

    def show(self, status: Parameters) -> None:
        """The daemon's status, if a second has passed."""
        now_s = time.monotonic()
        if now_s - self._shown_s >= 0.95:
            self._shown_s = now_s
            if not self._put(one_line(status, colour=False), self._out):
                self.on_gone()

    def _put(self, line: str, stream: TextIO) -> bool:
        """False when nobody reads any more."""
        try:
            if select.select((), (stream,), (), 0)[1]:
                stream.write(f"{time.strftime('%H:%M:%S')} {printable(line)}\n")
                stream.flush()
        except (OSError, ValueError):
            return False
        return True
