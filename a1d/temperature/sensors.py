"""Temperatures from sysfs: files stay open and are re-read in place; what cannot be true is an error.

docs/hardware.md T1-T3. No process is spawned, no root is needed, no disk is woken.
"""

from __future__ import annotations

import contextlib
import glob
import math
import os
from collections.abc import Callable, Sequence

from a1d.config.settings import Config, SensorConfig
from a1d.duration import format_duration
from a1d.errors import SensorError
from a1d.temperature.reading import Reading, read_interval_s

TEMP_MIN_CELSIUS = -20.0
TEMP_MAX_CELSIUS = 125.0
# A guess (T5): the real sensor is never still, but nobody has measured how still it can be.
_ZONE_FROZEN_S = 1800.0


def find_zone(sysfs: str, zone_type: str) -> list[str]:
    """The ``temp`` file of the first thermal zone of a type (T1); SensorError if there is none."""
    found = []
    for path in sorted(glob.glob(f"{sysfs}/class/thermal/thermal_zone*/type")):
        kind = _read_line(path)
        if kind == zone_type:
            return [os.path.join(os.path.dirname(path), "temp")]
        found.append(kind)
    raise SensorError(f"no thermal zone of type {zone_type!r}; found {', '.join(found) or 'none'}")


def find_hwmon(sysfs: str, name: str) -> list[str]:
    """The ``temp1_input`` file of every hwmon device of a name (T3); SensorError if there is none."""
    found = []
    paths = []
    for path in sorted(glob.glob(f"{sysfs}/class/hwmon/hwmon*/name")):
        kind = _read_line(path)
        if kind == name:
            paths.append(os.path.join(os.path.dirname(path), "temp1_input"))
        found.append(kind)
    if not paths:
        raise SensorError(f"no hwmon device named {name!r}; found {', '.join(found) or 'none'}")
    return paths


def parse_celsius(raw: bytes) -> float:
    """Degrees Celsius from a sysfs file's millidegrees; SensorError for anything that cannot be true."""
    if not raw.strip().removeprefix(b"-").isdigit():  # int() alone would take 4_5000 and more
        raise SensorError(f"not a temperature: {raw[:20]!r}")
    temp_celsius = int(raw) / 1000
    if not TEMP_MIN_CELSIUS <= temp_celsius <= TEMP_MAX_CELSIUS:
        raise SensorError(f"{temp_celsius:g} C cannot be true")
    return temp_celsius


class Sensor:
    """One configured temperature. ``read`` never raises: ``error`` says why there is no newer ``last``."""

    def __init__(self, name: str, find: Callable[[], list[str]], pause_s: float, frozen_s: float) -> None:
        """``find`` names the files, or raises SensorError. They are read again after ``pause_s``, or at the next
        tick if that failed. A value that has not changed for ``frozen_s`` counts as broken (0: never)."""
        self.name = name
        self._find = find
        self._pause_s = pause_s
        self._frozen_s = frozen_s
        self._fds: list[int] = []
        self._paths = ""
        self._due_s = -math.inf
        self._raw: list[bytes] = []
        self._changed_s = 0.0
        self.last: Reading | None = None
        self.error: str | None = None

    def read(self, now_s: float, *, gap: bool = False) -> Reading | None:
        """The newest reading, taken now if it is time to; None if there has never been a good one.

        After a ``gap`` in the ticks it is taken at once, and how long the value stood still before does not count.
        """
        if now_s < self._due_s and not gap:
            return self.last
        self._due_s = now_s + self._pause_s
        try:
            raw = self._read_files()
            temp_celsius = max(map(parse_celsius, raw))
        except OSError as error:
            self._failed(str(error) if error.strerror is None else f"{error.filename or self._paths}: {error.strerror}")
            self._due_s = now_s  # the next tick tries again
            self.close()
            return self.last
        if raw != self._raw or gap:
            self._raw, self._changed_s = raw, now_s
        elif self._frozen_s and now_s - self._changed_s >= self._frozen_s:
            self._failed(f"has not changed at all for {format_duration(round(now_s - self._changed_s))}")
            return self.last
        self.error = None
        self.last = Reading(self.name, temp_celsius, now_s)
        return self.last

    def close(self) -> None:
        """Close the files; the next ``read`` finds them anew."""
        for fd in self._fds:
            with contextlib.suppress(OSError):
                os.close(fd)
        self._fds, self._raw = [], []

    def _read_files(self) -> list[bytes]:
        if not self._fds:
            self._paths = ", ".join(paths := self._find())
            for path in paths:
                self._fds.append(os.open(path, os.O_RDONLY | os.O_CLOEXEC))
        return [os.pread(fd, 32, 0) for fd in self._fds]

    def _failed(self, error: str) -> None:
        self.error = error
        if self.last is not None:
            self.last = self.last._replace(error=error, missed=self.last.missed + 1)


def open_sensors(config: Config, sysfs: str) -> list[Sensor]:
    """A sensor for each that is configured; nothing is opened before the first ``read``."""
    return [_sensor(config, sensor, sysfs) for sensor in config.sensors]


def read_all(sensors: Sequence[Sensor], now_s: float, *, gap: bool = False) -> list[Reading]:
    """The newest reading of each sensor that has ever had one. ``gap`` as in ``Sensor.read``."""
    return [reading for sensor in sensors if (reading := sensor.read(now_s, gap=gap)) is not None]


def _sensor(config: Config, sensor: SensorConfig, sysfs: str) -> Sensor:
    zone, hwmon = sensor.zone, sensor.hwmon
    frozen_s = sensor.frozen_s
    if frozen_s is None:
        frozen_s = _ZONE_FROZEN_S if zone else 0.0

    def find() -> list[str]:
        return find_zone(sysfs, zone) if zone is not None else find_hwmon(sysfs, hwmon or "")

    pause_s = read_interval_s(config, sensor) - config.interval_s / 2  # ticks come late, and then early again
    return Sensor(sensor.name, find, pause_s, frozen_s)


def _read_line(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.readline(64).strip()
    except OSError:
        return ""
