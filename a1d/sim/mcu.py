"""The case's MCU with its quirks, as docs/hardware.md describes them (rows in brackets), and a bus to reach it."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

ADDRESS = 0x1A
KICK_S = 0.5  # M6
POWER_UP_S = 5.0  # M5
POWER_UP_DUTY = 50  # M5
CUT_AFTER_ARMING_S = 5.6  # P2
CUT_AFTER_HOLD_S = 5.6  # B3, the earliest
FIRMWARE = 0xA2  # M3


class BusFault(Enum):
    """What can be wrong between the Pi and the MCU."""

    NO_ANSWER = "no-answer"  # EREMOTEIO at once
    TIME_OUT = "time-out"  # ETIMEDOUT after the adapter's time
    ARBITRATION = "arbitration"  # EAGAIN
    LOST_WRITES = "lost-writes"  # acknowledged and dropped
    WRONG_READ_BACK = "wrong-read-back"
    IO_ERROR = "io-error"  # EIO
    NO_BUS = "no-bus"  # the device node is gone


@dataclass(frozen=True, slots=True)
class Transfer:
    """One transfer on the bus; ``register`` None is a bare byte, ``value`` None a read."""

    at_s: float
    register: int | None
    value: int | None
    taken: bool


class SimulatedMcu:
    """Registers and timers. Time comes from ``clock``; ``legacy`` speaks the older cases' protocol."""

    def __init__(self, clock: Callable[[], float], *, legacy: bool = False, transfers_max: int = 10_000) -> None:
        self._clock = clock
        self._legacy = legacy
        self._transfers_max = transfers_max
        self.transfers: list[Transfer] = []
        self.forbidden: list[Transfer] = []  # what the daemon must never send
        self.cut_s: float | None = None  # when the power goes
        self.reset()

    def reset(self) -> None:
        """As after power-on: 50 % for 5 s, then 0 (M5)."""
        self._powered_s = self._clock()
        self._written: int | None = None
        self._kick_until_s = float("-inf")

    def restore_power(self) -> None:
        """The case's button is pressed while it is off: all begins anew."""
        self.cut_s = None
        self.reset()

    @property
    def power_on(self) -> bool:
        """False once the power has been cut."""
        return self.cut_s is None or self._clock() < self.cut_s

    @property
    def register_duty(self) -> int:
        """What 0x80 reads back: the last duty processed, unclamped (M2, M4)."""
        if self._written is not None:
            return self._written
        return POWER_UP_DUTY if self._clock() < self._powered_s + POWER_UP_S else 0

    @property
    def is_kicking(self) -> bool:
        """Whether the fan is at 100 % to get it going, and writes are being dropped (M6, M7)."""
        return self._clock() < self._kick_until_s

    @property
    def fan_percent(self) -> int:
        """What the fan really gets."""
        if not self.power_on:
            return 0
        return 100 if self.is_kicking else min(100, self.register_duty)

    def set_duty(self, duty: int) -> None:
        """As if another program had written the duty."""
        self._written = duty

    def hold(self) -> None:
        """The button was held: the power will go, whatever anyone does (B3)."""
        self._cut_at(self._clock() + CUT_AFTER_HOLD_S)

    def write(self, register: int | None, value: int, *, lost: bool = False) -> None:
        """A write that was acknowledged on the wire; ``lost`` drops it."""
        taken = not lost and not self.is_kicking and (register is None) == self._legacy
        self._record(Transfer(self._clock(), register, value, taken))
        if not taken:
            return
        if register is None:
            if value <= 100:
                self._take_duty(value, kick=False)
            elif value == 0xFF:
                self._cut_at(self._clock() + CUT_AFTER_ARMING_S)
        elif register == 0x80:
            self._take_duty(value, kick=True)
        elif register == 0x86 and value == 1:
            self._cut_at(self._clock() + CUT_AFTER_ARMING_S)

    def read(self, register: int) -> int:
        """A read. Registers that are not known give 0."""
        self._record(Transfer(self._clock(), register, None, True))
        if self._legacy:
            return 0xFF
        return {0x80: self.register_duty, 0x81: FIRMWARE}.get(register, 0)

    def _take_duty(self, duty: int, *, kick: bool) -> None:
        if kick and self.register_duty == 0 and duty > 0:
            self._kick_until_s = self._clock() + KICK_S
        self._written = duty

    def _cut_at(self, at_s: float) -> None:
        self.cut_s = at_s if self.cut_s is None else min(self.cut_s, at_s)

    def _record(self, transfer: Transfer) -> None:
        if len(self.transfers) >= self._transfers_max:
            del self.transfers[: self._transfers_max // 2]
        self.transfers.append(transfer)
        if transfer.value is None:
            allowed = not self._legacy  # a register read can hang old firmware (L1)
        else:
            allowed = transfer.register == (None if self._legacy else 0x80) and transfer.value <= 100
        if not allowed:
            self.forbidden.append(transfer)


class SimulatedBus:
    """What ``smbus2.SMBus`` is to the real MCU, errors included. ``sleep`` passes the time of a time-out."""

    def __init__(
        self, mcu: SimulatedMcu, faults: set[BusFault], sleep: Callable[[float], None], timeout_s: float
    ) -> None:
        self._mcu = mcu
        self._faults = faults
        self._sleep = sleep
        self._timeout_s = timeout_s or 1.0
        self._open = True
        self._check_device()

    def write_byte_data(self, i2c_addr: int, register: int, value: int) -> None:
        """SMBus write byte data."""
        self._transfer(i2c_addr)
        self._mcu.write(register, value, lost=BusFault.LOST_WRITES in self._faults)

    def read_byte_data(self, i2c_addr: int, register: int) -> int:
        """SMBus read byte data."""
        self._transfer(i2c_addr)
        value = self._mcu.read(register)
        return value ^ 0x55 if BusFault.WRONG_READ_BACK in self._faults else value

    def write_byte(self, i2c_addr: int, value: int) -> None:
        """SMBus send byte."""
        self._transfer(i2c_addr)
        self._mcu.write(None, value, lost=BusFault.LOST_WRITES in self._faults)

    def close(self) -> None:
        """A closed bus takes no transfers."""
        self._open = False

    def _transfer(self, i2c_addr: int) -> None:
        if not self._open:
            raise ValueError("transfer on a closed bus")
        self._check_device()
        if i2c_addr != ADDRESS or BusFault.NO_ANSWER in self._faults or not self._mcu.power_on:
            raise _os_error(errno.EREMOTEIO)
        if BusFault.TIME_OUT in self._faults:
            self._sleep(self._timeout_s)
            raise _os_error(errno.ETIMEDOUT)
        if BusFault.ARBITRATION in self._faults:
            raise _os_error(errno.EAGAIN)
        if BusFault.IO_ERROR in self._faults:
            raise _os_error(errno.EIO)

    def _check_device(self) -> None:
        if BusFault.NO_BUS in self._faults:
            raise _os_error(errno.ENOENT)


def _os_error(number: int) -> OSError:
    return OSError(number, os.strerror(number))
