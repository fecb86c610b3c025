"""Hold a temperature instead of following a curve: a PI law, slow on purpose. Pure: time is an argument.

The fan cools the case, which takes minutes, so the law looks at a mean and gathers its integral over many minutes.
What it asks for goes through the controller's hold as a curve's demand does.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from a1d.config.settings import Config
from a1d.temperature.curve import curve_of
from a1d.temperature.rise import SLACK_CELSIUS

_MEAN_S = 10.0
_GAIN_PERCENT_PER_CELSIUS = 2.0
_RESET_S = 800.0
_STEP_PERCENT = 5  # duties are multiples of it; it falls by two at least, so that it does not hunt between two
_OFF_BELOW_CELSIUS = 8.0
_START_BELOW_CELSIUS = 3.0  # a fan that stands starts only here: off and on lie 5 C apart
_RAMP_BELOW_CELSIUS = 8.0
_START_PERCENT_MAX = 50
_PAUSE_MAX_S = 10.0  # a longer one counts as this
_TEMP_MIN_CELSIUS = -50.0


class TargetLaw:
    """``duty_percent`` once a tick. Uncapped never below the line from 8 C below critical, 0 %, to critical, 100 %."""

    def __init__(
        self, target_celsius: float, critical_celsius: float, duty_min_percent: int, duty_percent: int
    ) -> None:
        """``duty_percent`` is what the fan does now: the law starts from there, but not from more than half speed."""
        self.settings = (target_celsius, critical_celsius, duty_min_percent)
        self.target_celsius = target_celsius
        self._critical_celsius = critical_celsius
        self._duty_min_percent = duty_min_percent
        self._integral_percent = float(min(duty_percent, _START_PERCENT_MAX))
        self._mean_celsius = math.nan
        self._last_s = math.nan
        self._held_percent = duty_percent

    def duty_percent(self, now_s: float, temp_celsius: float, rising_celsius: float, cap_percent: int = 100) -> int:
        """0 to ``cap_percent``, for any float. ``rising_celsius`` is the calm temperature (rise.py), which no lone leap
        moves.
        """
        if not rising_celsius < self._critical_celsius:
            return 100
        elapsed_s = 0.0 if math.isnan(self._last_s) else min(max(0.0, now_s - self._last_s), _PAUSE_MAX_S)
        self._last_s = now_s
        # What has not been confirmed counts for little, and NaN and the infinities spoil no mean.
        temp_celsius = max(_TEMP_MIN_CELSIUS, min(self._critical_celsius, rising_celsius + SLACK_CELSIUS, temp_celsius))
        if math.isnan(self._mean_celsius):
            self._mean_celsius = temp_celsius
        self._mean_celsius += (temp_celsius - self._mean_celsius) * (1 - math.exp(-elapsed_s / _MEAN_S))
        return min(cap_percent, max(self._regulated(elapsed_s, cap_percent), self._ramp(rising_celsius)))

    def _regulated(self, elapsed_s: float, cap_percent: int) -> int:
        above_celsius = self._mean_celsius - self.target_celsius
        asked = _GAIN_PERCENT_PER_CELSIUS * above_celsius + self._integral_percent
        # The integral stands still while the fan can do no more of what it would add to.
        if asked < cap_percent if above_celsius > 0 else asked > 0:
            self._integral_percent += _GAIN_PERCENT_PER_CELSIUS * above_celsius * elapsed_s / _RESET_S
        if above_celsius < -(_OFF_BELOW_CELSIUS if self._held_percent else _START_BELOW_CELSIUS):
            self._held_percent = 0
        else:
            step = max(_STEP_PERCENT, min(100, math.ceil(asked / _STEP_PERCENT) * _STEP_PERCENT))
            if not self._held_percent - _STEP_PERCENT <= step <= self._held_percent:
                self._held_percent = step
        return max(self._held_percent, self._duty_min_percent) if self._held_percent else 0

    def _ramp(self, rising_celsius: float) -> int:
        share = 1 - (self._critical_celsius - rising_celsius) / _RAMP_BELOW_CELSIUS
        return max(self._duty_min_percent, math.ceil(100 * share)) if share > 0 else 0


def target_laws(config: Config, old: Mapping[str, TargetLaw], duty_percent: int | None) -> dict[str, TargetLaw]:
    """A law for each sensor whose temperature is held, by its name; one of ``old`` goes on if nothing has changed."""
    laws = {}
    for sensor in config.sensors:
        if config.fan.mode == "target" and sensor.curve is None:
            critical_celsius = curve_of(config, sensor).critical_celsius
            target_celsius = config.fan.target_celsius - (sensor.offset_celsius or 0.0)
            law = TargetLaw(target_celsius, critical_celsius, config.fan.duty_min_percent, duty_percent or 0)
            before = old.get(sensor.name)
            laws[sensor.name] = before if before is not None and before.settings == law.settings else law
    return laws
