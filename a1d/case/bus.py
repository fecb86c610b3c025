"""The only way to the case's MCU, and what keeps a1d from ever writing anything it must not.

No method here sends a register or value that is not listed in docs/hardware.md M1-M8 and L1: there is
no generic write. ``arm_power_cut`` lives with the power-cut program. Standard library and smbus2 only,
because the two small programs that systemd calls use this too.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from a1d.case.remedy import remedy
from a1d.config.limits import DUTY_MAX_PERCENT
from a1d.errors import BusError

if TYPE_CHECKING:
    from a1d.log import Log

ADDRESS = 0x1A  # M1
REGISTER_DUTY = 0x80  # M2
REGISTER_FIRMWARE = 0x81  # M3
FIRMWARE_KNOWN = 0xA2  # M3
# After a 0 -> N write the MCU drives 100 % for 500 ms and drops what is written meanwhile (M6, M7).
# A read this long after a write tells what the MCU made of it (M4).
SETTLE_S = 0.6
# Closer writes are untested by anyone (M9).
PACE_S = 0.1

_I2C_TIMEOUT = 0x0702  # linux/i2c-dev.h; the argument counts 10 ms steps

# Errors that a working case shows now and then (M11).
_TRANSIENT = {errno.EREMOTEIO, errno.ETIMEDOUT, errno.EAGAIN, errno.EIO, errno.ENXIO}


class SmbusLike(Protocol):
    """The I2C bus as a1d needs it: this much of ``smbus2.SMBus``, or the simulated case's.

    Implement these four methods and hand a1d something that opens the bus, for example::

        class OtherBus:
            def __init__(self, number: int) -> None: ...  # OSError if it cannot be opened
            def write_byte_data(self, i2c_addr: int, register: int, value: int) -> None: ...
            # and the other three

        case = open_case("register", lambda: OtherBus(1))

    All calls come from one thread, one after another, and only to ADDRESS. Each makes one transfer and does not try
    again: pace and retries are a1d's. It may block for the adapter's time-out (``case.timeout``, 0..1 s) and no longer.
    It raises OSError with the kernel's errno if the transfer fails, whether or not the case took it. After an error
    a1d calls ``close`` and opens a new one.
    """

    def write_byte_data(self, i2c_addr: int, register: int, value: int) -> None:
        """SMBus write byte data: 0..255 to a register. Called for each duty, and to arm the power cut (M2, M8)."""

    def read_byte_data(self, i2c_addr: int, register: int) -> int:
        """SMBus read byte data: a register, 0..255. Called to verify, 0.6 s after a write; never for an old case."""

    def write_byte(self, i2c_addr: int, value: int) -> None:
        """SMBus send byte: 0..255 without a register. Called for old cases only (L1)."""

    def close(self) -> None:
        """Give the bus back. Called once, also after an error; OSError is of no consequence."""


class _Bus:
    def __init__(self, smbus: SmbusLike) -> None:
        self._smbus = smbus

    def close(self) -> None:
        """Close the bus device. OSError if that fails."""
        self._smbus.close()


class RegisterBus(_Bus):
    """The V3's protocol: registers that can be read back."""

    readable = True

    def write_duty(self, duty_percent: int) -> None:
        """Ask for a duty, a whole number of 0..100 % (M2). That it was acknowledged does not mean processed (M7).

        ValueError for anything else, OSError if the bus fails.
        """
        self._smbus.write_byte_data(ADDRESS, REGISTER_DUTY, checked_duty(duty_percent))

    def read_duty(self) -> int:
        """The duty the MCU last processed, 0..255 % (M2: not clamped). OSError if the bus fails."""
        return self._smbus.read_byte_data(ADDRESS, REGISTER_DUTY)

    def read_firmware(self) -> int:
        """The firmware's id, 0..255 (M3). OSError if the bus fails."""
        return self._smbus.read_byte_data(ADDRESS, REGISTER_FIRMWARE)


class LegacyBus(_Bus):
    """The older cases' protocol (L1): one bare byte, and nothing can be read back."""

    readable = False

    def write_duty(self, duty_percent: int) -> None:
        """Ask for a duty, a whole number of 0..100 % (L1). ValueError for anything else, OSError if the bus fails."""
        self._smbus.write_byte(ADDRESS, checked_duty(duty_percent))


CaseBus = RegisterBus | LegacyBus


def checked_duty(duty_percent: int) -> int:
    """``duty_percent`` if it is an int of 0..100; ValueError otherwise, before anything reaches the wire."""
    if type(duty_percent) is not int or not 0 <= duty_percent <= DUTY_MAX_PERCENT:
        raise ValueError(f"a duty of {duty_percent!r} was about to be written; only whole numbers 0 to 100 are")
    return duty_percent


def open_case(protocol: str, open_smbus: Callable[[], SmbusLike]) -> CaseBus:
    """A bus that speaks ``protocol`` ("register" or "legacy"); nothing is sent. OSError if it cannot be opened."""
    return (LegacyBus if protocol == "legacy" else RegisterBus)(open_smbus())


def open_smbus(bus: int, timeout_s: float) -> SmbusLike:
    """``/dev/i2c-<bus>`` (0..99), with the kernel told to give a hung transfer up after ``timeout_s`` (0: its own 1 s).

    OSError if it cannot be opened.
    """
    import smbus2

    smbus = smbus2.SMBus()
    try:
        smbus.open(bus)
    except OSError:
        smbus.close()  # the library leaves its descriptor open when the second half of opening fails
        raise
    assert smbus.fd is not None
    if timeout_s > 0:
        # An old adapter driver may refuse; then a hung transfer costs its 1 s, which is survivable.
        with contextlib.suppress(OSError):
            fcntl.ioctl(smbus.fd, _I2C_TIMEOUT, max(1, round(timeout_s * 100)))
    return smbus


def traced(smbus: SmbusLike, log: Log) -> SmbusLike:
    """``smbus`` itself, or while ``log`` is debugging one that logs each transfer."""
    if log.debugging:
        with contextlib.suppress(Exception):  # a disk that died, or a1d's files are just being replaced
            from a1d.case.trace import TracedSmbus

            return TracedSmbus(smbus, log.debug)
    return smbus


def describe_bus_error(error: OSError, bus: int) -> BusError:
    """The same error (M11, L2) in words that name the remedy; returned, not raised."""
    what = remedy(error.errno or 0, bus, ADDRESS)
    return BusError(error.errno or 0, what or f"/dev/i2c-{bus}: {error.strerror or error}")


def is_transient(error: OSError) -> bool:
    """True for what a healthy case shows now and then, so that one of them is not worth a message (M11)."""
    return error.errno in _TRANSIENT
