"""A duty set by hand, and what ends it. Pure: time is an argument."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from a1d.duration import format_span
from a1d.errors import A1dError
from a1d.temperature.reading import Reading

if TYPE_CHECKING:
    from a1d.temperature.sensors import Sensor


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
            ends.append(f"for {format_span(self.until_s - now_s)}")
        return " or ".join(ends) or "until 'a1d-ctl fan auto'"


def refuse_if_cool(until_celsius: float, sensors: Sequence[Sensor]) -> None:
    """A1dError if ``until_celsius`` would end a duty at once, because no sensor is hotter."""
    waited_for = [sensor for sensor in sensors if not sensor.absent]
    readings = [sensor.last for sensor in waited_for if sensor.last is not None and not sensor.lost]
    if len(readings) < len(waited_for) or not Lease(0, None, 0, until_celsius).is_cool(readings):
        return
    now = f"it is {max(r.temp_celsius for r in readings):.1f} C already" if readings else "no sensor is there"
    raise A1dError(f"{now}, so nothing is held until {until_celsius:g} C")
