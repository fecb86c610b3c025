"""What is told of the curves: the Curve type of org.a1d.control. Only imported when somebody asks."""

from __future__ import annotations

from a1d.config.settings import Config, SensorConfig
from a1d.service.varlink import Parameters
from a1d.temperature.curve import curve_of, points_of
from a1d.temperature.target import TargetLaw, target_laws

# A curve is told for each whole degree of this range.
_CURVE_CELSIUS = range(20, 101)


def curves_of(config: Config) -> list[Parameters]:
    """The Curve type of org.a1d.control, for each sensor."""
    laws = target_laws(config, {}, None)
    return [_curve(config, sensor, laws.get(sensor.name)) for sensor in config.sensors]


def _curve(config: Config, sensor: SensorConfig, law: TargetLaw | None) -> Parameters:
    curve = curve_of(config, sensor)
    return {
        "sensor": sensor.name,
        "critical_celsius": curve.critical_celsius,
        "target_celsius": law.target_celsius if law else None,
        "hysteresis_celsius": config.fan.hysteresis_celsius,
        "duty_min_percent": config.fan.duty_min_percent,
        "points": [{"temp_celsius": temp, "duty_percent": duty} for temp, duty in points_of(config, sensor)],
        "duties_percent": [curve.duty_percent(temp) for temp in _CURVE_CELSIUS],
    }
