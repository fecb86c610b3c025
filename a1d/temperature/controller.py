"""From temperatures to one duty, with the reason in words. Pure: time is an argument.

The fan rises calmly (rise.py) and slows late. Above everything stand the critical temperature and a
reading that cannot be trusted; below them a manual setting; below that the curve or the target.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from a1d.config.settings import Config
from a1d.temperature import reason
from a1d.temperature.curve import curve_of
from a1d.temperature.decision import Critical, Decision, Why
from a1d.temperature.lease import Lease
from a1d.temperature.reading import MISSED_MAX, Reading, age_max_s, silence_max_s
from a1d.temperature.rise import Rise
from a1d.temperature.target import TargetLaw, target_laws


class Controller:
    """``step`` once a tick with the newest reading of every configured sensor."""

    def __init__(self, config: Config, now_s: float, duty_percent: int | None = None) -> None:
        """``duty_percent`` is what the fan does already: None when nobody knows, then the curve decides."""
        self._duty = duty_percent
        self._last_s = now_s
        self._fresh_s = now_s  # readings from before this do not count
        self._silent_s = now_s  # from here on counts the silence of a sensor that has never been heard
        self._lease: Lease | None = None
        self._emergency = False
        self._calm_since_s: float | None = None
        self._cool_since_s: float | None = None
        self._cool_duty = 0
        self._ages_max_s: dict[str, float] = {}
        self._absent: Collection[str] = ()
        self._critical: Critical | None = None
        # Whether a sensor's newest reading leaps and waits for a second one: worth a look before the next tick.
        self.saw_leap = False
        self._rises: dict[str, Rise] = {}
        self._targets: dict[str, TargetLaw] = {}
        self.configure(config)

    def configure(self, config: Config) -> None:
        """Take new settings and keep the duty, the manual setting and the time."""
        self._fan = config.fan
        self._curves = {sensor.name: curve_of(config, sensor) for sensor in config.sensors}
        self._targets = target_laws(config, self._targets, self._duty)
        self._rises = {name: self._rises.get(name) or Rise() for name in self._curves}
        for name, rise in self._rises.items():
            rise.configure(config.fan.rise_s, self._curves[name].critical_celsius)
        ages_max_s = {sensor.name: age_max_s(config, sensor) for sensor in config.sensors}
        if ages_max_s != self._ages_max_s:
            self._ages_max_s, self._silent_s = ages_max_s, self._last_s
        self._silences_max_s = {sensor.name: silence_max_s(config, sensor) for sensor in config.sensors}
        if self._lease:
            self.set_manual(self._lease.asked_percent, self._lease.until_s, self._lease.until_celsius)
        self._cool_since_s = None

    @property
    def lease(self) -> Lease | None:
        """The manual setting in force, if any."""
        return self._lease

    @property
    def is_emergency(self) -> bool:
        """Whether a critical temperature or a lost sensor beats a manual setting, or has within the hold time."""
        return self._emergency

    def set_manual(self, duty_percent: int, until_s: float | None, until_celsius: float | None = None) -> int:
        """Hold a duty until ``until_s``, or until no sensor is hotter than ``until_celsius``, or (None)
        ``resume_automatic``. The duty that the fan will get, in percent.

        A duty below ``fan.duty_min_percent``, at which the fan may stall, is raised to that; 0 stays 0. In an emergency
        the fan keeps a higher duty. ValueError if it is not 0 to 100.
        """
        if not 0 <= duty_percent <= 100:
            raise ValueError(f"a duty of {duty_percent} % was asked for; expected 0 to 100")
        duty = max(duty_percent, self._fan.duty_min_percent) if duty_percent else 0
        self._lease = Lease(duty, until_s, duty_percent, until_celsius)
        return max(duty, self._duty or 0) if self._emergency else duty

    def resume_automatic(self) -> None:
        """Forget the manual setting; the fan slows from there as after any warm spell."""
        self._lease = None

    def step(
        self,
        now_s: float,
        readings: Sequence[Reading],
        *,
        gap: bool = False,
        absent: Collection[str] = (),
        lost: Collection[str] = (),
    ) -> Decision:
        """The duty for now. A sensor without a recent good reading counts as hot.

        ``gap``: there was no step for so long (``reading.gap_s``) that nothing is known of the time between. Nobody
        waits for a reading of an ``absent`` sensor. A ``lost`` one counts as hot, though its reading is to be trusted.
        """
        self._absent = absent
        self._expected = len(self._curves) - len(absent)  # so many sensors should have a reading
        if gap:
            self._cool_since_s = self._calm_since_s = None  # nobody saw whether it was cool meanwhile
            self._fresh_s = now_s
            for rise in self._rises.values():
                rise.forget()
        self._last_s = now_s
        lease = self._lease
        if lease and lease.until_s is not None and now_s >= lease.until_s:
            lease = self._lease = None

        untrusted = self._untrusted(now_s, readings)
        trusted = [reading for reading in readings if reading.sensor not in untrusted] if untrusted else readings
        for name in untrusted:
            self._rises[name].forget()
        if lease and len(trusted) == self._expected and not lost and lease.is_cool(trusted):
            lease = self._lease = None
        rising = self._rising(trusted)
        if lost:
            untrusted += tuple(name for name in lost if name not in untrusted)
        critical = self._update_emergency(now_s, trusted, rising, bool(untrusted))
        if lease and not self._emergency:
            self._duty, self._cool_since_s = lease.duty_percent, None
            return Decision(lease.duty_percent, (reason.by_hand, lease, now_s), manual=True)

        basis = reason.Basis(self._fan, trusted, self._curves, self._targets, absent)
        why = self._automatic(now_s, basis, rising)
        assert self._duty is not None
        if untrusted:
            self._duty = max(self._duty, self._fan.failsafe_duty_percent)
            why = (reason.untrusted, self._duty, untrusted)
        elif critical:
            why = (reason.critical, basis, critical)
        if lease:
            self._duty = max(self._duty, lease.duty_percent)
            left_s = None if self._calm_since_s is None else self._calm_since_s + self._fan.hold_s - now_s
            why = (reason.overridden, basis, why, left_s)
        return Decision(self._duty, why, lease is not None, untrusted, self._critical)

    def _untrusted(self, now_s: float, readings: Sequence[Reading]) -> tuple[str, ...]:
        """Sensors whose last good reading is too old, or that have not been heard of for as long."""
        untrusted = []
        for sensor, _temp_celsius, at_s, _error, missed in readings:
            is_recent = self._fresh_s <= at_s and now_s - at_s < self._ages_max_s[sensor]
            if missed >= MISSED_MAX or not is_recent:
                untrusted.append(sensor)
        if len(readings) < self._expected:
            heard = [*self._absent, *(reading.sensor for reading in readings)]
            silent_s = now_s - self._silent_s
            untrusted += [n for n, max_s in self._silences_max_s.items() if n not in heard and not silent_s < max_s]
        return tuple(untrusted)

    def _rising(self, trusted: Sequence[Reading]) -> list[float]:
        """How hot each counts as for speeding up. A lost reading takes the calm away until there are new ones."""
        self.saw_leap = False
        rising = []
        for reading in trusted:
            rise = self._rises[reading.sensor]
            if reading.error is None:
                rising.append(rise.update(reading.temp_celsius, reading.at_s))
                self.saw_leap = self.saw_leap or rise.is_leap
            else:
                rise.forget()
                rising.append(reading.temp_celsius)
        return rising

    def _update_emergency(
        self, now_s: float, trusted: Sequence[Reading], rising: Sequence[float], emergency: bool
    ) -> Reading | None:
        """An emergency beats a manual setting until it has been calm for the hold time. The critical reading."""
        critical = None
        for reading, rising_celsius in zip(trusted, rising, strict=True):
            if not rising_celsius < self._curves[reading.sensor].critical_celsius:
                critical = reading
        if emergency or critical:
            self._emergency, self._calm_since_s = True, None
        elif self._emergency:
            if not self._is_calm(trusted):
                self._calm_since_s = None
            elif self._calm_since_s is None:
                self._calm_since_s = now_s
            if self._calm_since_s is not None and now_s - self._calm_since_s >= self._fan.hold_s:
                self._emergency, self._calm_since_s = False, None
        if critical:
            name = critical.sensor
            self._critical = Critical(name, critical.temp_celsius, self._curves[name].critical_celsius)
        elif self._critical:
            self._critical = self._critical._replace(is_over=True) if self._emergency else None
        return critical

    def _is_calm(self, trusted: Sequence[Reading]) -> bool:
        """Whether every sensor is heard, and cooler than critical by the hysteresis."""
        return len(trusted) == self._expected and all(
            not reading.error
            and reading.temp_celsius < self._curves[reading.sensor].critical_celsius - self._fan.hysteresis_celsius
            for reading in trusted
        )

    def _automatic(self, now_s: float, basis: reason.Basis, rising: Sequence[float]) -> Why:
        """Follow the curve or hold the target: up calmly, down after hysteresis and hold. The reason's parts."""
        trusted = basis.readings
        demand = -1
        why: Why = (reason.nothing_there,)
        # A sensor that is late may be hiding heat: the fan may speed up on what is known, never slow down.
        late = len(trusted) < self._expected
        for reading, rising_celsius in zip(trusted, rising, strict=True):
            name, temp_celsius, error = reading.sensor, reading.temp_celsius, reading.error
            curve, target = self._curves[name], self._targets.get(name)
            late = late or error is not None
            if target is None:
                wanted = curve.duty_percent(rising_celsius)
            else:
                cap_percent = curve.cap_percent(rising_celsius)
                wanted = target.duty_percent(now_s, temp_celsius, rising_celsius, cap_percent)
            if wanted > demand:
                demand = wanted
                why = (reason.asked, basis, reading, rising_celsius, wanted)

        if self._duty is None:
            self._duty = self._fan.failsafe_duty_percent if late or not trusted else demand
        if not trusted and not late:
            demand = 0  # every sensor is absent
        if demand >= self._duty:
            self._duty, self._cool_since_s = demand, None
        elif late or self._needs_its_duty(trusted):
            self._cool_since_s = None
            why = (reason.unread if late else reason.kept, basis, self._duty)
        else:
            if self._cool_since_s is None:
                self._cool_since_s, self._cool_duty = now_s, demand
            self._cool_duty = max(self._cool_duty, demand)
            left_s = self._fan.hold_s - (now_s - self._cool_since_s)
            if left_s > 0:
                return (reason.slowing, self._cool_duty, left_s)
            self._duty, self._cool_since_s = self._cool_duty, None
            why = (reason.slowed, basis, self._duty)
        return why

    def _needs_its_duty(self, trusted: Sequence[Reading]) -> bool:
        """Whether the present duty would be needed if it were ``hysteresis_celsius`` hotter."""
        duty_percent = self._duty or 0
        for reading in trusted:
            if reading.sensor not in self._targets:
                hotter_celsius = reading.temp_celsius + self._fan.hysteresis_celsius
                if self._curves[reading.sensor].duty_percent(hotter_celsius) >= duty_percent:
                    return True
        return False
