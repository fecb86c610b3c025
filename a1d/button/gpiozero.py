"""Button edges through gpiozero, with whatever pin factory it is told: lgpio on a Pi, MockFactory in CI.

The factory's thread only hands edges over; the loop is woken through a descriptor.
"""

from __future__ import annotations

import contextlib
import errno
import os
import site
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Iterator
from typing import Any

from a1d.button.gpiod import find_chip
from a1d.button.pulses import Edge
from a1d.config.settings import ButtonConfig
from a1d.errors import ButtonError

_QUEUE_MAX = 1024
_EDGES_PER_READ = 64


class GpiozeroEdges:
    """The pin ``config.line``; ButtonError if the factory cannot give it."""

    def __init__(self, config: ButtonConfig) -> None:
        self._wake_fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._edges: deque[Edge] = deque(maxlen=_QUEUE_MAX)
        self._seqno = 0
        self._first_ticks: float | None = None
        self._factory: Any = None
        self._owns_factory = False
        self._pin: Any = None
        self._lock = threading.Lock()  # an edge may arrive while the descriptor is being closed
        try:
            self._factory = self._make_factory(config)
            self._pin = self._factory.pin(config.line)
            self._pin.input_with_pull("down")
            self._pin.bounce = None
            self._pin.edges = "both"
            self._pin.when_changed = self._changed
        except Exception as error:  # each pin library raises its own
            self.close()
            if isinstance(error, ButtonError):
                raise
            raise ButtonError(
                errno.EIO, f"gpiozero cannot watch GPIO{config.line}: {str(error) or repr(error)}"
            ) from error

    def fileno(self) -> int:
        """Readable while edges wait."""
        return self._wake_fd

    def read_edges(self) -> list[Edge]:
        """Waiting edges, a bounded number at a time."""
        with contextlib.suppress(BlockingIOError):
            os.eventfd_read(self._wake_fd)
        edges = [self._edges.popleft() for _ in range(min(len(self._edges), _EDGES_PER_READ))]
        if self._edges:
            os.eventfd_write(self._wake_fd, 1)
        return edges

    def is_alive(self) -> bool:
        """False once lgpio's thread is gone; other factories have none that can be asked."""
        thread = getattr(sys.modules.get("lgpio"), "_notify_thread", None)
        return thread is None or bool(thread.is_alive())

    def close(self) -> None:
        """Give the pin, and the factory if it is ours, back. A library that refuses has lost them anyway."""
        with contextlib.suppress(Exception):
            if self._pin is not None:
                self._pin.when_changed = None
        with contextlib.suppress(Exception):
            if self._factory is not None:
                (self._factory if self._owns_factory else self._pin).close()
        with self._lock:
            if self._wake_fd >= 0:
                os.close(self._wake_fd)
            self._wake_fd = -1

    def _make_factory(self, config: ButtonConfig) -> Any:
        with _system_packages("gpiozero"):
            import gpiozero

            if gpiozero.Device.pin_factory is not None or "GPIOZERO_PIN_FACTORY" in os.environ:
                gpiozero.Device.ensure_pin_factory()
                return gpiozero.Device.pin_factory
        # Left alone, gpiozero would open a chip by number and fall back to another library without a word.
        _import_lgpio()
        from gpiozero.pins.lgpio import LGPIOFactory

        self._owns_factory = True
        return LGPIOFactory(chip=int(find_chip(config.chips).removeprefix("/dev/gpiochip")))

    def _changed(self, ticks: float, state: float) -> None:
        """Runs in the factory's thread: an exception here would kill it, so nothing here can raise one."""
        if self._first_ticks is None:
            self._first_ticks = ticks
        self._seqno += 1
        since_first_s = self._factory.ticks_diff(ticks, self._first_ticks)  # ticks alone mean nothing
        self._edges.append(Edge(round(since_first_s * 1e9), bool(state), self._seqno))
        with self._lock, contextlib.suppress(OSError):
            if self._wake_fd >= 0:
                os.eventfd_write(self._wake_fd, 1)


def _import_lgpio() -> None:
    # It makes a FIFO in the working directory that anybody may read, and who reads takes edges away.
    with _system_packages("lgpio"), tempfile.TemporaryDirectory() as private, contextlib.chdir(private):
        import lgpio  # noqa: F401


@contextlib.contextmanager
def _system_packages(name: str) -> Iterator[None]:
    """What a1d's own environment has not comes from the system's Python: Raspberry Pi OS has both as packages."""
    path = sys.path
    sys.path = [*path, *site.getsitepackages([sys.base_prefix])]
    try:
        yield
    except ModuleNotFoundError as error:
        raise ButtonError(
            errno.ENOENT, f"{error}: sudo apt install python3-{name}, or see docs/service.md; or button.backend: gpiod"
        ) from error
    finally:
        sys.path = path
