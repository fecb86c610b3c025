"""A temperature that was read, how often each sensor is read, and when a reading is too old."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from a1d.config.settings import Config, SensorConfig

# A sensor may miss two of its readings; with the third it counts as hot.
MISSED_MAX = 3
GAP_MIN_S = 5.0
_DRIVE_ANSWERS_S = 3.0  # a read that takes 2 s hangs (file_reader.py)


class Reading(NamedTuple):
    """The last good temperature of a sensor, when it was taken, and why there is no newer one."""

    sensor: str
    temp_celsius: float
    at_s: float
    error: str | None = None
    missed: int = 0  # attempts that have failed since

    def __str__(self) -> str:
        """As the debug log says it."""
        return f"reading: {self.sensor}: {self.temp_celsius:.1f} C, {self.error or 'ok'}"


def read_interval_s(config: Config, sensor: SensorConfig) -> float:
    """How often the sensor is read, seconds: a whole number of ticks."""
    wanted_s = sensor.interval_s if sensor.interval_s is not None else 2.0 if sensor.hwmon else 0.0
    return config.interval_s * max(1, math.ceil(wanted_s / config.interval_s - 1e-9))


def age_max_s(config: Config, sensor: SensorConfig) -> float:
    """A reading of this age, seconds, is too old: three of its successors are missing."""
    return (MISSED_MAX - 0.5) * read_interval_s(config, sensor)


def silence_max_s(config: Config, sensor: SensorConfig) -> float:
    """How long a sensor is waited for that has not been heard yet, seconds.

    A drive may be slow to answer, and is not broken for that.
    """
    return max((MISSED_MAX - 0.5) * config.interval_s, _DRIVE_ANSWERS_S if sensor.hwmon else 0.0)


def gap_s(config: Config) -> float:
    """A pause between two ticks longer than this, seconds, is a gap: the machine slept or a1d was stopped."""
    return max(GAP_MIN_S, 2 * config.interval_s)
