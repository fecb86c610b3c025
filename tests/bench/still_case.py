"""``a1d`` as installed, but on a case that costs nothing to simulate and says what reaches it, and when.

``python -m tests.bench.still_case DIR [a1d's arguments]``: DIR holds ``sys/`` and gets ``events``, a FIFO-like
file of lines ``<what> <nanoseconds>``; a line written to the FIFO ``DIR/button`` is a double press.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence

import a1d.cli
import a1d.serve
from a1d.button.pulses import Edge
from a1d.case.bus import SmbusLike
from a1d.clocks import boot_clock
from a1d.config.settings import ButtonConfig
from a1d.service.varlink import Interface
from a1d.sim.mcu import SimulatedBus, SimulatedMcu
from a1d.temperature.file_reader import FileReader

DIRECTORY = sys.argv[1]
_EVENTS = os.open(os.path.join(DIRECTORY, "events"), os.O_WRONLY | os.O_CREAT | os.O_APPEND)


def say(what: str) -> None:
    os.write(_EVENTS, f"{what} {time.monotonic_ns()}\n".encode())


class TellingBus(SimulatedBus):
    def write_byte_data(self, i2c_addr: int, register: int, value: int) -> None:
        super().write_byte_data(i2c_addr, register, value)
        say(f"duty={value}")


class FifoEdges:
    def __init__(self) -> None:
        self._fd = os.open(os.path.join(DIRECTORY, "button"), os.O_RDWR | os.O_NONBLOCK)

    def fileno(self) -> int:
        return self._fd

    def read_edges(self) -> list[Edge]:
        os.read(self._fd, 4096)
        now_ns = time.monotonic_ns()
        return [Edge(now_ns - 20_000_000, True), Edge(now_ns, False)]

    def is_alive(self) -> bool:
        return True

    def close(self) -> None:
        os.close(self._fd)


class StillCase:
    simulated = False
    sysfs = os.path.join(DIRECTORY, "sys")

    def __init__(self) -> None:
        self._mcu = SimulatedMcu(boot_clock)
        self._mcu.set_duty(0)

    def open_smbus(self, bus: int, timeout_s: float) -> SmbusLike:
        import smbus2  # noqa: F401 - paid for by the real case

        return TellingBus(self._mcu, set(), time.sleep, timeout_s)

    def open_edges(self, config: ButtonConfig) -> FifoEdges:
        import a1d.button.gpiod  # noqa: F401 - likewise

        return FifoEdges()

    def power(self, verb: str) -> Sequence[str] | None:
        say(verb)
        return None

    def open_file_reader(self) -> FileReader:
        from a1d.temperature.file_reader import ReaderProcess

        return ReaderProcess()

    def advance(self, now_s: float) -> None:
        pass

    def interfaces(self) -> list[Interface]:
        return []


if __name__ == "__main__":
    del sys.argv[1]
    setattr(a1d.serve, "RealCase", StillCase)  # noqa: B010 - a bench may stand in for the hardware
    raise SystemExit(a1d.cli.main())
