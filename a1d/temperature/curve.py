"""How fast the fan should turn at a temperature: pure, total, never falling as it gets hotter."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable
from typing import TYPE_CHECKING

from a1d.config.limits import YIELDS_OVER_MIN_CELSIUS

if TYPE_CHECKING:
    from a1d.config.settings import Config, SensorConfig


class Curve:
    """A duty in percent for every float, NaN and the infinities included.

    ``points`` are (temp_celsius, duty_percent). Below the first point the fan is off; from
    ``critical_celsius`` on it is 100 % whatever the points say. Between two points the duty is
    interpolated (``linear``) or stays that of the lower one (``step``).
    A duty between 0 and ``duty_min_percent``, at which a fan may stall, becomes ``duty_min_percent``.
    ``max_percent`` caps it all, but yields: from ``yields_over_celsius`` below critical on the cap rises to 100 %.
    """

    def __init__(
        self,
        points: Iterable[tuple[float, float]],
        critical_celsius: float,
        *,
        linear: bool = True,
        duty_min_percent: int = 0,
        max_percent: int = 100,
        yields_over_celsius: float = YIELDS_OVER_MIN_CELSIUS,
    ) -> None:
        self.critical_celsius = critical_celsius
        self._max_percent = max(max_percent, duty_min_percent) if max_percent else 0
        self._yields_over_celsius = max(yields_over_celsius, YIELDS_OVER_MIN_CELSIUS)
        self._linear = linear
        self._duty_min = duty_min_percent
        self._temps: list[float] = []
        self._duties: list[float] = []
        highest = 0.0
        for temp, duty in sorted(points):
            highest = max(highest, min(100.0, max(0.0, duty)))
            if temp < critical_celsius:
                self._temps.append(temp)
                self._duties.append(highest)
        self._temps.append(critical_celsius)
        self._duties.append(100.0)

    def duty_percent(self, temp_celsius: float) -> int:
        """The duty, 0..100 %, rounded up so that no rounding ever slows the fan."""
        if math.isnan(temp_celsius) or temp_celsius >= self.critical_celsius:
            return 100
        right = bisect_right(self._temps, temp_celsius)
        if right == 0:
            return 0
        left_temp, left_duty = self._temps[right - 1], self._duties[right - 1]
        duty = left_duty
        if self._linear:
            share = (temp_celsius - left_temp) / (self._temps[right] - left_temp)
            duty += (self._duties[right] - left_duty) * share
        return min(max(math.ceil(duty), self._duty_min), self.cap_percent(temp_celsius)) if duty > 0 else 0

    def cap_percent(self, temp_celsius: float) -> int:
        """The highest duty that is allowed at a temperature, 0..100 %; 100 from critical on, and for NaN."""
        if not temp_celsius < self.critical_celsius:
            return 100
        share = 1 - (self.critical_celsius - temp_celsius) / self._yields_over_celsius
        if share <= 0:
            return self._max_percent
        return max(self._duty_min, math.ceil(self._max_percent + (100 - self._max_percent) * share))


def points_of(config: Config, sensor: SensorConfig) -> list[tuple[float, float]]:
    """The points of the sensor's own curve, or of the fan's, at what the sensor reads: its offset is taken off."""
    points = config.fan.curve if sensor.curve is None else sensor.curve
    return [(temp - (sensor.offset_celsius or 0.0), duty) for temp, duty in points]


def curve_of(config: Config, sensor: SensorConfig) -> Curve:
    """The sensor's own curve and critical temperature, or the fan's, for what the sensor reads.

    An offset below 0 leaves the critical temperature where it is: no heat is to count as less than it is.
    """
    fan = config.fan
    critical_celsius = fan.critical_celsius if sensor.critical_celsius is None else sensor.critical_celsius
    return Curve(
        points_of(config, sensor),
        critical_celsius - max(0.0, sensor.offset_celsius or 0.0),
        linear=fan.interpolation == "linear",
        duty_min_percent=fan.duty_min_percent,
        max_percent=fan.max_percent,
        yields_over_celsius=fan.critical_celsius - fan.yield_celsius,
    )
