"""What is allowed in a configuration and may leave heat unanswered. Pure; the daemon logs it and status shows it.

What is merely odd, and what only this machine's files can tell, is in a1d/config/oddities.py.
"""

from __future__ import annotations

from collections.abc import Iterator

from a1d.config.limits import YIELDS_OVER_MIN_CELSIUS
from a1d.config.settings import PRESETS, Config, Points

_FIRST_POINT_MAX_CELSIUS = 70.0


def warnings_of(config: Config) -> list[str]:
    """A sentence for each setting that deserves a second look; a good configuration has none."""
    warnings = []
    if not any("cpu" in (sensor.zone or sensor.hwmon or "") for sensor in config.sensors):
        warnings.append("sensors: the CPU is not among them, so its heat does not move the fan; add zone: cpu-thermal")
    for where, points, is_linear in curves_of(config):
        from_celsius = _starts_celsius(points, is_linear)
        if len(points) > 1 and points[0][1] == points[-1][1]:
            warnings.append(f"{where}: never rises: all its points say {points[0][1]:g} %; let it rise with the heat")
        elif from_celsius > _FIRST_POINT_MAX_CELSIUS:
            until = f"{from_celsius:g} C" if points[-1][1] else "the critical temperature"
            starts = f"the fan stands still up to {until}"
            warnings.append(f"{where}: {starts}; a first point at {_FIRST_POINT_MAX_CELSIUS:g} or lower is usual")
    warnings += _of_caps(config)
    if config.fan.hold_s == 0:
        warnings.append("fan.hold: 0 lets the fan slow down at once, so that it is restless; 10s is usual")
    if config.fan.on_stop == 0:
        warnings.append("fan.on_stop: 0 leaves the fan off after a stop, and nobody looks after it; keep is usual")
    return warnings


def _of_caps(config: Config) -> Iterator[str]:
    """A cap of 0 is a curve that begins where the cap yields."""
    fan = config.fan
    until_celsius = min(fan.yield_celsius, fan.critical_celsius - YIELDS_OVER_MIN_CELSIUS)
    if until_celsius <= _FIRST_POINT_MAX_CELSIUS:
        return
    caps = [("fan", fan.max_percent), *((f"profiles.{name}", each.max_percent) for name, each in config.profiles)]
    for where, max_percent in caps:
        if max_percent == 0:
            advice = f"fan.yield_celsius at {_FIRST_POINT_MAX_CELSIUS:g} or lower, or a higher cap, is usual"
            yield f"{where}.max_percent: 0: the fan stands still up to {until_celsius:g} C; {advice}"


def curves_of(config: Config) -> Iterator[tuple[str, Points, bool]]:
    """Each curve that a sensor may use, where it stands, at what is read, and whether it is linear between points."""
    is_linear = config.fan.interpolation == "linear"
    offsets = [sensor.offset_celsius or 0.0 for sensor in config.sensors if sensor.curve is None]
    if offsets:
        yield "fan.curve", _shifted(config.fan.curve, min(offsets)), is_linear
        for name, profile in config.profiles:
            points = profile.curve or (PRESETS[profile.preset]["curve"] if profile.preset else None)
            if points:
                points = _shifted(points, min(offsets))
                yield f"profiles.{name}.curve", points, (profile.interpolation or config.fan.interpolation) == "linear"
    for index, sensor in enumerate(config.sensors):
        if sensor.curve is not None:
            yield f"sensors[{index}].curve", _shifted(sensor.curve, sensor.offset_celsius or 0.0), is_linear


def _shifted(points: Points, offset_celsius: float) -> Points:
    """At what the sensor reads."""
    return tuple((temp - offset_celsius, duty) for temp, duty in points)


def _starts_celsius(points: Points, is_linear: bool) -> float:
    """From here on the fan turns; infinite if only the critical temperature starts it."""
    before = None
    for temp_celsius, duty_percent in points:
        if duty_percent > 0:
            return temp_celsius if before is None or not is_linear else before
        before = temp_celsius
    return before if is_linear and before is not None else float("inf")
