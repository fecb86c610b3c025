"""What the controller decides, as plain values."""

from __future__ import annotations

from typing import NamedTuple


class Critical(NamedTuple):
    """A sensor that is critical, or was until just now: the emergency it led to is not over."""

    sensor: str
    temp_celsius: float
    from_celsius: float  # where critical begins


class Decision(NamedTuple):
    """What the fan should do and why. ``untrusted`` names the sensors that count as hot."""

    duty_percent: int
    why: tuple[object, ...]  # a format and what goes into it: most reasons are never read
    manual: bool = False
    untrusted: tuple[str, ...] = ()
    critical: Critical | None = None

    @property
    def reason(self) -> str:
        """The reason in words."""
        return str(self.why[0]).format(*self.why[1:])

    def __str__(self) -> str:
        """As the debug log says it."""
        return f"decision: {self.duty_percent} %: {self.reason}"
