"""Whether the fan cools at all, judged from duty and temperature alone: the case reports no fan speed. Pure.

Two signs count. The fan has had 100 % for a minute and a sensor stays at or above critical. Or the duty took a step
of 50 points or more while everything was steady and warm, and four minutes later the temperature is the same.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence

from a1d.config.settings import Config
from a1d.temperature.curve import curve_of
from a1d.temperature.reading import Reading

_MEAN_S = 10.0
_LOOK_S = 1.9  # it takes minutes, so not every tick is worth a look
_CRITICAL_FOR_S = 60.0
# Readings scatter. It counts as critical while what they were above it outweighs what they were below since it began;
# but no more than this is remembered, in degrees times seconds.
_ABOVE_MAX_CELSIUS_S = 40.0
_OVER_BELOW_CELSIUS = 3.0  # below critical by this much it is over
# The second sign. In every machine of the bench with a fan that turns, such a step moves 55 C by more than 0.3 C.
_STEP_PERCENT = 50
_STEADY_FOR_S = 180.0
_STEADY_WITHIN_CELSIUS = 1.0
_WARM_CELSIUS = 55.0
_ANSWER_AFTER_S = 240.0
_NO_ANSWER_CELSIUS = 0.3
_ANSWER_CELSIUS = 1.5  # a later move of this much: it does cool, or the heat has changed
_SAMPLE_S = 10.0
_ASK = "is the fan stuck or unplugged, the inlet blocked, the pad off?"


class CoolingCheck:
    """``step`` once a tick; the problem in words, or None."""

    def __init__(self, config: Config) -> None:
        self._sensors: dict[str, _SensorCheck] = {}
        self._duty_percent: int | None = None
        self._found: str | None = None
        self.configure(config)

    def configure(self, config: Config) -> None:
        """Take new settings. A sensor with the critical temperature that it had goes on as it was."""
        before, self._sensors = self._sensors, {}
        for sensor in config.sensors:
            celsius = curve_of(config, sensor).critical_celsius
            old = before.get(sensor.name)
            if old is None or old.critical_celsius != celsius:
                old = _SensorCheck(sensor.name, celsius)
            self._sensors[sensor.name] = old
        self._looked_s = -math.inf

    def step(
        self, now_s: float, duty_percent: int | None, readings: Sequence[Reading], gap: bool = False
    ) -> str | None:
        """``duty_percent`` is what the case has confirmed (None: nothing); ``gap``: ticks are missing before this one.

        A sensor whose reading is lost, or is no number, is judged anew from its next one on.
        """
        is_early = now_s - self._looked_s < _LOOK_S and duty_percent == self._duty_percent and not gap
        if is_early and duty_percent is not None and all(map(_is_good, readings)):
            return self._found
        self._duty_percent, self._looked_s = duty_percent, now_s
        found = None
        for reading in readings:
            check = self._sensors[reading.sensor]
            if gap or duty_percent is None or not _is_good(reading):
                check.forget()
            else:
                found = check.step(now_s, duty_percent, reading.temp_celsius) or found
        self._found = found
        return found


def _is_good(reading: Reading) -> bool:
    return reading.error is None and math.isfinite(reading.temp_celsius)


class _SensorCheck:
    def __init__(self, name: str, critical_celsius: float) -> None:
        self._name, self.critical_celsius = name, critical_celsius
        self.forget()

    def forget(self) -> None:
        self._mean_celsius = math.nan
        self._last_s = 0.0
        self._critical_since_s = 0.0
        self._above_celsius_s = 0.0
        self._stays_critical = False
        self._duty_percent: int | None = None
        self._settle()

    def _settle(self) -> None:
        """Look for a steady spell from here on."""
        self._samples: deque[float] = deque(maxlen=round(_STEADY_FOR_S / _SAMPLE_S))
        self._sampled_s = -math.inf
        self._step: tuple[float, int, float] | None = None  # since when, the duty before, the temperature before
        self._unanswered = False

    def step(self, now_s: float, duty_percent: int, temp_celsius: float) -> str | None:
        if math.isnan(self._mean_celsius):
            self._mean_celsius, self._last_s = temp_celsius, now_s
        elapsed_s, self._last_s = max(0.0, now_s - self._last_s), now_s
        self._mean_celsius += (temp_celsius - self._mean_celsius) * (1 - math.exp(-elapsed_s / _MEAN_S))
        self._watch_critical(now_s, duty_percent, (temp_celsius - self.critical_celsius) * elapsed_s)
        self._watch_steps(now_s, duty_percent)
        if self._stays_critical:
            return f"the fan runs at 100 % and {self._name} stays at {self._mean_celsius:.0f} C: {_ASK}"
        if self._unanswered:
            assert self._step is not None
            went = f"the fan went from {self._step[1]} to {duty_percent} %"
            return f"{went} and {self._name} stays at {self._mean_celsius:.0f} C: {_ASK}"
        return None

    def _watch_critical(self, now_s: float, duty_percent: int, above_celsius_s: float) -> None:
        if self._mean_celsius < self.critical_celsius - _OVER_BELOW_CELSIUS:
            self._stays_critical = False
        was_below = self._above_celsius_s == 0
        self._above_celsius_s = min(_ABOVE_MAX_CELSIUS_S, max(0.0, self._above_celsius_s + above_celsius_s))
        if duty_percent < 100:
            self._above_celsius_s = 0.0
        elif was_below:
            self._critical_since_s = now_s
        elif now_s - self._critical_since_s >= _CRITICAL_FOR_S:
            self._stays_critical = True

    def _watch_steps(self, now_s: float, duty_percent: int) -> None:
        before, self._duty_percent = self._duty_percent, duty_percent
        if self._step is not None:
            since_s, duty_before, before_celsius = self._step
            moved_celsius = abs(self._mean_celsius - before_celsius)
            if abs(duty_percent - duty_before) < _STEP_PERCENT or moved_celsius >= _ANSWER_CELSIUS:
                self._settle()
            elif now_s - since_s >= _ANSWER_AFTER_S and not self._unanswered:
                if moved_celsius < _NO_ANSWER_CELSIUS:
                    self._unanswered = True
                else:
                    self._settle()
            return
        if before is not None and duty_percent != before:
            if abs(duty_percent - before) >= _STEP_PERCENT and self._is_steady():
                self._step = (now_s, before, sum(self._samples) / len(self._samples))
            else:
                self._settle()
        elif now_s - self._sampled_s >= _SAMPLE_S:
            self._sampled_s = now_s
            self._samples.append(self._mean_celsius)

    def _is_steady(self) -> bool:
        samples = self._samples
        full = len(samples) == samples.maxlen
        return full and min(samples) >= _WARM_CELSIUS and max(samples) - min(samples) <= _STEADY_WITHIN_CELSIUS
