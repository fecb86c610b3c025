"""The simulated case on a terminal: a block that redraws itself below the log; elsewhere a line a second."""

from __future__ import annotations

import io
import os
import re
import select
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TextIO

from a1d.client.words import bar, celsius, health, lines, mode, one_line, percent, printable, problems, wants_colour
from a1d.paths import SOCKET_NAME, simulation_run_dir

if TYPE_CHECKING:
    from a1d.service.varlink import Parameters
    from a1d.sim.case import SimulatedCase

_ESCAPE = re.compile(r"\x1b\[\d*m")


class View:
    """``show`` a status, ``log`` a line; both go to ``out``."""

    def __init__(self, case: SimulatedCase, socket_path: str, out: TextIO) -> None:
        self.on_gone: Callable[[], None] = lambda: None  # called when nobody can be shown anything any more
        self._case = case
        self._socket_path = socket_path
        self._out = out
        if isinstance(out, io.TextIOWrapper):
            out.reconfigure(errors="backslashreplace")  # a degree sign on a terminal that has none
        self._live = out.isatty()
        self._colour = wants_colour(out)
        self._drawn = 0
        self._lines: list[str] = []
        self._shown_s = float("-inf")
        self._put([], f"a1d on a simulated case. From a second terminal:\n{self._help()}")

    def log(self, line: str) -> None:
        """A line of the log, above the block."""
        if self._live:
            self._put(self._lines, line)
        else:
            print(printable(line), file=sys.stderr, flush=True)

    def show(self, status: Parameters) -> None:
        """The daemon's status and the case's own truth."""
        if self._live:
            self._put(self._block(status))
            return
        now_s = time.monotonic()
        if now_s - self._shown_s >= 0.95:
            self._shown_s = now_s
            self._put([], one_line(status, colour=False))

    def _block(self, status: Parameters) -> list[str]:
        duty = status["duty_percent"]
        temp = status["temp_celsius"]
        case = self._case
        return [
            "",
            f"  temperature  {bar((temp or 0) - 20, 80)}  {celsius(temp)}",
            f"  duty         {bar(duty or 0, 100)}  {percent(duty)}",
            f"  mode         {mode(status)}: {printable(status['reason'])}",
            f"  health       {health(status, self._colour)}  {problems(status)}",
            f"  the case     {case.watts:.0f} W in, chip {case.chip_celsius:.1f} C, fan {case.mcu.fan_percent} %"
            + (
                f", faults: {', '.join(f.value for f in (*case.bus_faults, *case.sensor_faults))}"
                if case.bus_faults or case.sensor_faults
                else ""
            )
            + (f", done (dry run): {', '.join(case.powered[-3:])}" if case.powered else "")
            + ("" if case.mcu.power_on else ", \x1b[31mPOWER CUT\x1b[0m"),
        ]

    def _help(self) -> str:
        beside = os.path.join(os.path.dirname(sys.argv[0]), "a1d-ctl")  # as in a virtual environment
        ctl = beside if os.path.exists(beside) else "a1d-ctl"
        if self._socket_path != os.path.join(simulation_run_dir(), SOCKET_NAME):
            ctl += f" --socket {self._socket_path}"
        return "\n".join(
            f"  {ctl} {words}"
            for words in ("status", "fan set 60 --for 1m", "fan auto", "sim fault no-answer on", "sim press double")
        )

    def _put(self, block: list[str], text: str | None = None) -> None:
        """Wipe the block that stands, print ``text`` above it, draw ``block``."""
        columns = (os.get_terminal_size(self._out.fileno()).columns or 80) if self._live else 1000
        out = f"\x1b[{self._drawn}F\x1b[J" if self._drawn else ""
        out += "".join(f"{line}\n" for line in lines(text or ""))
        out += "".join(f"{line[: columns - 1 + len(line) - len(_ESCAPE.sub('', line))]}\x1b[0m\n" for line in block)
        try:
            # A terminal that was stopped with Ctrl-S must not stop the daemon.
            if not select.select((), (self._out,), (), 0)[1]:
                return
            self._out.write(out)
            self._out.flush()
        except (OSError, ValueError):
            self.on_gone()
            return
        self._drawn, self._lines = len(block), block
