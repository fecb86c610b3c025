"""What a temperature file says, and whether that can be true. One ``Judge`` for each file."""

from __future__ import annotations

from a1d.duration import format_duration
from a1d.errors import SensorError
from a1d.temperature.plausible import Plausibility

TEMP_MIN_CELSIUS = -20.0
TEMP_MAX_CELSIUS = 125.0


class Judge:
    """A value that has not changed for ``frozen_s`` counts as broken (0: never)."""

    def __init__(self, frozen_s: float) -> None:
        self._frozen_s = frozen_s
        self._plausibility = Plausibility()
        self._raw = b""
        self._changed_s = 0.0

    def celsius(self, raw: bytes, now_s: float) -> float:
        """Degrees Celsius; SensorError that says why they cannot be true."""
        try:
            temp_celsius = parse_celsius(raw)
            reason = self._plausibility.doubt(temp_celsius, now_s)
            if reason is not None:
                raise SensorError(reason)
        except SensorError:
            self.missed()
            raise
        if raw != self._raw:
            self._raw, self._changed_s = raw, now_s
        elif self._frozen_s and now_s - self._changed_s >= self._frozen_s:
            raise SensorError(f"has not changed at all for {format_duration(round(now_s - self._changed_s))}")
        return temp_celsius

    def missed(self) -> None:
        """There was no reading: how long the value stood still before does not count."""
        self._raw = b""

    def forget(self) -> None:
        """After a gap: nobody has looked for a while, so nothing that was known counts."""
        self._plausibility.forget()
        self.missed()


def parse_celsius(raw: bytes) -> float:
    """Degrees Celsius from a sysfs file's millidegrees; SensorError for anything that cannot be true (T2)."""
    if not raw.strip().removeprefix(b"-").isdigit():  # int() alone would take 4_5000 and more
        raise SensorError(f"not a temperature: {repr(raw.strip()[:20])[1:]}")
    temp_celsius = int(raw) / 1000
    if not TEMP_MIN_CELSIUS <= temp_celsius <= TEMP_MAX_CELSIUS:
        raise SensorError(f"{temp_celsius:g} C cannot be true")
    return temp_celsius


def read_line(path: str) -> str:
    """The first line of a small file, for example a device's name; empty if it cannot be read."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.readline(64).strip()
    except OSError:
        return ""
