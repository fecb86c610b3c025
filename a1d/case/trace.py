"""Logs each transfer on the bus, in one line. Only used while ``log_level`` is debug."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from a1d.case.bus import SmbusLike

Result = TypeVar("Result")


class TracedSmbus:
    """An ``SmbusLike`` that does what ``smbus`` does and tells ``say``. It raises what ``smbus`` raises."""

    def __init__(self, smbus: SmbusLike, say: Callable[[str], None]) -> None:
        self._smbus = smbus
        self._say = say

    def write_byte_data(self, i2c_addr: int, register: int, value: int) -> None:
        """SMBus write byte data."""
        self._trace(f"write {value} to 0x{register:02x}", self._smbus.write_byte_data, i2c_addr, register, value)

    def read_byte_data(self, i2c_addr: int, register: int) -> int:
        """SMBus read byte data."""
        return self._trace(f"read 0x{register:02x}", self._smbus.read_byte_data, i2c_addr, register)

    def write_byte(self, i2c_addr: int, value: int) -> None:
        """SMBus send byte."""
        self._trace(f"write the bare byte {value}", self._smbus.write_byte, i2c_addr, value)

    def close(self) -> None:
        """Give the bus back."""
        self._smbus.close()

    def _trace(self, what: str, transfer: Callable[..., Result], i2c_addr: int, *values: int) -> Result:
        try:
            result = transfer(i2c_addr, *values)
        except OSError as error:
            self._say(f"bus: 0x{i2c_addr:02x}: {what}: {error}")
            raise
        self._say(f"bus: 0x{i2c_addr:02x}: {what}" + ("" if result is None else f": {result}"))
        return result
