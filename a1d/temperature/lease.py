"""A duty set by hand, and what ends it. Pure: time is an argument."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from a1d.duration import format_duration
from a1d.temperature.reading import Reading


class Lease(NamedTuple):
    """It ends at a time, or when nothing is hotter than a temperature (None: not by that), or when it is taken back.

    ``asked_percent`` is what was asked for, ``duty_percent`` that or the lowest that turns the fan.
    """

    duty_percent: int
    until_s: float | None
    asked_percent: int
    until_celsius: float | None = None

    def is_cool(self, readings: Sequence[Reading]) -> bool:
        """Whether the temperature ends it. An old reading, or one that is no number, does not."""
        limit = self.until_celsius
        return limit is not None and all(r.error is None and r.temp_celsius <= limit for r in readings)

    def waits_for(self, now_s: float) -> str:
        """What ends it, in words."""
        ends = [] if self.until_celsius is None else [f"until {self.until_celsius:g} C"]
        if self.until_s is not None:
            ends.append(f"for {format_duration(round(self.until_s - now_s))}")
        return " or ".join(ends) or "until 'a1d-ctl fan auto'"
