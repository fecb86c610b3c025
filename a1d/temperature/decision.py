"""What the controller decides, as plain values."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

# A function that puts the reason into words, and its arguments: most reasons are never read.
Why = tuple[Callable[..., str], *tuple[object, ...]]


class Critical(NamedTuple):
    """A sensor that is critical, or was until just now: the emergency it led to is not over."""

    sensor: str
    temp_celsius: float
    from_celsius: float  # where critical begins
    is_over: bool = False

    def __str__(self) -> str:
        """As a problem is told."""
        was = f"{self.sensor} reached {self.temp_celsius:.1f} C, critical from {self.from_celsius:g} C on"
        return f"{was}, and has not been cool for long enough since" if self.is_over else was


class Decision(NamedTuple):
    """What the fan should do and why. ``untrusted`` names the sensors that count as hot."""

    duty_percent: int
    why: Why
    manual: bool = False
    untrusted: tuple[str, ...] = ()
    critical: Critical | None = None

    @property
    def reason(self) -> str:
        """The reason in words."""
        return self.why[0](*self.why[1:])

    def __str__(self) -> str:
        """As the debug log says it."""
        return f"decision: {self.duty_percent} %: {self.reason}"
