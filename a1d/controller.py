"""From temperatures to one duty, with the reason in words. Pure: time is an argument.

The fan speeds up at once and slows late. Above everything stand the critical temperature and a
reading that cannot be trusted; below them a manual setting; below that the curve.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from a1d.config import Config, SensorConfig
from a1d.curve import Curve
from a1d.duration import format_duration

# A longer pause between two steps than this means the machine slept or the process was stopped.
GAP_S = 5.0
# A sensor may miss two of its readings; with the third it counts as hot.
MISSED_MAX = 3


@dataclass(frozen=True, slots=True)
class Reading:
    """The last good temperature of a sensor, when it was taken, and why there is no newer one."""

    sensor: str
    temp_celsius: float
    at_s: float
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """What the fan should do and why. ``untrusted`` names the sensors that count as hot."""

    duty_percent: int
    reason: str
    manual: bool = False
    untrusted: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Lease:
    """A manual duty, until a time or (None) until it is taken back."""

    duty_percent: int
    until_s: float | None


class Controller:
    """``step`` once a tick with the newest reading of every configured sensor."""

    def __init__(self, config: Config, now_s: float, duty_percent: int | None = None) -> None:
        """``duty_percent`` is what the fan does already: None when nobody knows, then the curve decides."""
        self._duty = duty_percent
        self._started_s = self._last_s = now_s
        self._lease: Lease | None = None
        self._override = False
        self._calm_since_s: float | None = None
        self._cool_since_s: float | None = None
        self._cool_duty = 0
        self.configure(config)

    def configure(self, config: Config) -> None:
        """Take new settings and keep the duty, the manual setting and the time."""
        fan = config.fan
        self._fan = fan
        self._curves = {sensor.name: curve_of(config, sensor) for sensor in config.sensors}
        self._age_max_s = {s.name: (MISSED_MAX - 0.5) * read_interval_s(config, s) for s in config.sensors}
        self._cool_since_s = None

    @property
    def lease(self) -> Lease | None:
        """The manual setting in force, if any."""
        return self._lease

    def set_manual(self, duty_percent: int, until_s: float | None) -> int:
        """Hold a duty, 0..100 %; the duty that will be held, which is never one at which the fan stalls."""
        if not 0 <= duty_percent <= 100:
            raise ValueError(f"a duty of {duty_percent} % was asked for; expected 0 to 100")
        duty = max(duty_percent, self._fan.duty_min_percent) if duty_percent else 0
        self._lease = Lease(duty, until_s)
        return duty

    def resume_automatic(self) -> None:
        """Forget the manual setting; the fan slows from there as after any warm spell."""
        self._lease = None

    def step(self, now_s: float, readings: Sequence[Reading]) -> Decision:
        """The duty for now. A sensor without a recent good reading counts as hot."""
        if now_s - self._last_s > GAP_S:
            self._cool_since_s = self._calm_since_s = None  # nobody saw whether it was cool meanwhile
        self._last_s = now_s
        if self._lease and self._lease.until_s is not None and now_s >= self._lease.until_s:
            self._lease = None

        untrusted = self._untrusted(now_s, readings)
        trusted = [reading for reading in readings if reading.sensor not in untrusted]
        critical = [r for r in trusted if not r.temp_celsius < self._curves[r.sensor].critical_celsius]
        self._update_override(now_s, trusted, bool(untrusted or critical))

        lease = self._lease
        if lease and not self._override:
            self._duty, self._cool_since_s = lease.duty_percent, None
            left = "until fan auto" if lease.until_s is None else f"for {format_duration(round(lease.until_s - now_s))}"
            return Decision(lease.duty_percent, f"set by hand, {left}", manual=True)

        reason = self._automatic(now_s, trusted)
        if untrusted:
            self._duty = max(self._duty or 0, self._fan.failsafe_percent)
            self._cool_since_s = None
            reason = f"no trust in {', '.join(untrusted)}: at least {self._fan.failsafe_percent} %"
        elif critical:
            reason = f"critical: {critical[0].sensor} is at {critical[0].temp_celsius:.1f} C"
        assert self._duty is not None
        return Decision(self._duty, reason, manual=lease is not None, untrusted=untrusted)

    def _untrusted(self, now_s: float, readings: Sequence[Reading]) -> tuple[str, ...]:
        """Sensors whose last good reading is too old, or that have not been heard of since the start."""
        taken_s = dict.fromkeys(self._curves, self._started_s)
        for reading in readings:
            taken_s[reading.sensor] = reading.at_s
        return tuple(name for name, at_s in taken_s.items() if not now_s - at_s < self._age_max_s[name])

    def _update_override(self, now_s: float, trusted: list[Reading], emergency: bool) -> None:
        """An emergency beats a manual setting until it has been calm for the hold time."""
        if emergency:
            self._override = True
        calm = not emergency and all(
            r.temp_celsius < self._curves[r.sensor].critical_celsius - self._fan.hysteresis_celsius for r in trusted
        )
        if not calm or self._calm_since_s is None:
            self._calm_since_s = now_s if calm else None
        if calm and self._calm_since_s is not None and now_s - self._calm_since_s >= self._fan.hold_s:
            self._override = False

    def _automatic(self, now_s: float, trusted: list[Reading]) -> str:
        """Follow the curve: up at once, down after hysteresis and hold. Returns the reason."""
        demand, hottest = 0, None
        slow_demand = 0  # what would be needed if it were hysteresis_celsius hotter
        for reading in trusted:
            curve = self._curves[reading.sensor]
            wanted = curve.duty_percent(reading.temp_celsius)
            if hottest is None or wanted > demand:
                demand, hottest = wanted, reading
            slow_demand = max(slow_demand, curve.duty_percent(reading.temp_celsius + self._fan.hysteresis_celsius))
        # A sensor that is late may be hiding heat: the fan may speed up on what is known, never slow down.
        late = len(trusted) < len(self._curves) or any(reading.error for reading in trusted)
        what = f"{hottest.sensor} at {hottest.temp_celsius:.1f} C asks for {demand} %" if hottest else "no reading yet"

        if self._duty is None:
            self._duty = self._fan.failsafe_percent if late else demand
        if demand >= self._duty:
            self._duty, self._cool_since_s = demand, None
            return what
        if late or slow_demand >= self._duty:
            self._cool_since_s = None
            return what
        if self._cool_since_s is None:
            self._cool_since_s, self._cool_duty = now_s, demand
        self._cool_duty = max(self._cool_duty, demand)
        left_s = self._fan.hold_s - (now_s - self._cool_since_s)
        if left_s > 0:
            return f"{what}, slowing in {format_duration(max(1, round(left_s)))}"
        self._duty, self._cool_since_s = self._cool_duty, None
        return what


def curve_of(config: Config, sensor: SensorConfig) -> Curve:
    """The sensor's own curve and critical temperature, or the fan's."""
    fan = config.fan
    return Curve(
        fan.curve if sensor.curve is None else sensor.curve,
        fan.critical_celsius if sensor.critical_celsius is None else sensor.critical_celsius,
        linear=fan.interpolation == "linear",
        duty_min_percent=fan.duty_min_percent,
    )


def read_interval_s(config: Config, sensor: SensorConfig) -> float:
    """How often the sensor is read, seconds: never more often than the tick."""
    wanted = sensor.interval_s if sensor.interval_s is not None else 2.0 if sensor.hwmon else 0.0
    return max(config.interval_s, wanted)
