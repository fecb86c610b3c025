"""What is allowed in a configuration and is probably not meant. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from a1d.config.settings import Config, Points
from a1d.log import Log

_FIRST_POINT_MAX_CELSIUS = 70.0


def warnings_of(config: Config) -> list[str]:
    """A sentence for each setting that deserves a second look; a good configuration has none."""
    warnings = []
    if not any("cpu" in (sensor.zone or "") for sensor in config.sensors):
        warnings.append("sensors: the CPU is not among them, so its heat does not move the fan; add zone: cpu-thermal")
    for where, points in _curves(config):
        first_celsius = next((temp for temp, duty in points if duty > 0), None)
        if first_celsius is not None and first_celsius > _FIRST_POINT_MAX_CELSIUS:
            starts = f"the fan stands still up to {first_celsius:g} C"
            warnings.append(f"{where}: {starts}; a first point at {_FIRST_POINT_MAX_CELSIUS:g} or lower is usual")
    if config.fan.hold_s == 0:
        warnings.append("fan.hold: 0 lets the fan slow down at once, so that it is restless; 10s is usual")
    return warnings


def _curves(config: Config) -> Iterator[tuple[str, Points]]:
    """Each curve that a sensor uses, and where it stands."""
    if any(sensor.curve is None for sensor in config.sensors):
        yield "fan.curve", config.fan.curve
    for index, sensor in enumerate(config.sensors):
        if sensor.curve is not None:
            yield f"sensors[{index}].curve", sensor.curve


def log_warnings(config: Config, log: Log) -> list[str]:
    """The same, each of them logged."""
    warnings = warnings_of(config)
    for warning in warnings:
        log.warning(f"configuration: {warning}")
    return warnings
