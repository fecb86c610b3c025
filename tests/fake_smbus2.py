"""A stand-in for the package smbus2 with a case behind it, for real processes.

Copied as ``smbus2.py`` into a directory that is then on PYTHONPATH. That directory is the hardware: a file
``i2c-1`` is bus 1, and ``wire`` gets a line for each transfer, such as ``0x1a 0x80=60 ok`` (a write), ``0x1a 255 ok``
(a bare byte) or ``0x1a 0x80? 121`` (a read that failed). The last duty written there is what the fan does, so it
outlives the processes. ``FAKE_SCRIPT`` has a word for each transfer, and the last one holds for all that follow: ok,
an errno, lost (acknowledged and dropped) or hang.
"""

from __future__ import annotations

import os
import re
import shutil
import time
from pathlib import Path

HERE = Path(__file__).parent
FIRST_DUTY = 20
_script = os.environ.get("FAKE_SCRIPT", "ok").split()


def install(directory: Path, *buses: int, duty: int = FIRST_DUTY) -> None:
    """Make ``directory`` such a place, with these buses and a fan at ``duty``."""
    shutil.copy(__file__, directory / "smbus2.py")
    (directory / "wire").write_text(f"0x1a 0x80={duty} before\n")
    for bus in buses:
        (directory / f"i2c-{bus}").touch()


def transfers(directory: Path) -> list[tuple[str, str]]:
    """Each transfer that was tried, and how it ended."""
    lines = [line.rsplit(" ", 1) for line in (directory / "wire").read_text().splitlines()[1:]]
    return [(what, word) for what, word in lines]


def duties(directory: Path) -> list[int]:
    """Each duty the fan has had, the first one being older than any program."""
    return [
        int(duty) for duty in re.findall(r"^0x1a 0x80=(\d+) (?:ok|before)$", (directory / "wire").read_text(), re.M)
    ]


class SMBus:
    """As much of smbus2.SMBus as a1d uses."""

    def __init__(self, bus: int | None = None) -> None:
        self.fd: int | None = None
        self._bus = bus
        if bus is not None:
            self.open(bus)

    def open(self, bus: int) -> None:
        """FileNotFoundError without that bus."""
        self._bus = bus
        if not (HERE / f"i2c-{bus}").exists():
            raise FileNotFoundError(2, "No such file or directory", f"/dev/i2c-{bus}")
        self.fd = os.open("/dev/null", os.O_RDWR)

    def write_byte_data(self, i2c_addr: int, register: int, value: int) -> None:
        """A register's new value."""
        self._transfer(f"{i2c_addr:#x} {register:#x}={value}")

    def write_byte(self, i2c_addr: int, value: int) -> None:
        """A bare byte."""
        self._transfer(f"{i2c_addr:#x} {value}")

    def read_byte_data(self, i2c_addr: int, register: int) -> int:
        """The firmware's id, or the duty."""
        self._transfer(f"{i2c_addr:#x} {register:#x}?")
        return 0xA2 if register == 0x81 else duties(HERE)[-1]

    def close(self) -> None:
        """Give the descriptor back."""
        if self.fd is not None:
            os.close(self.fd)
        self.fd = None

    def _transfer(self, what: str) -> None:
        word = _script.pop(0) if len(_script) > 1 else _script[0]
        if not (HERE / f"i2c-{self._bus}").exists():
            word = "121"  # a bus that has gone away
        with (HERE / "wire").open("a") as wire:
            wire.write(f"{what} {word}\n")
        if word == "hang":
            time.sleep(60)
        if word.isdigit():
            raise OSError(int(word), os.strerror(int(word)))
