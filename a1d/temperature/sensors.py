"""Temperatures from sysfs: what each configured sensor says, and why it says nothing.

A thermal zone is read here, in the loop: its file stays open and is re-read in place. Drives: drives.py.
docs/hardware.md T1-T3.
"""

from __future__ import annotations

import contextlib
import glob
import math
import os
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from a1d.errors import SensorError
from a1d.temperature.judge import Judge, read_line
from a1d.temperature.reading import Reading, read_interval_s

if TYPE_CHECKING:
    from a1d.config.settings import Config, SensorConfig
    from a1d.temperature.file_reader import FileReader

# A guess (T5): the real sensor is never still, but nobody has measured how still it can be.
_ZONE_FROZEN_S = 1800.0
# How long the loop waits for the drives' answers at the start and after a gap: without them the fan may go to failsafe
# for a minute.
_FIRST_WAIT_S = 0.25


class Sensor(Protocol):
    """One configured temperature. ``read`` never raises: ``error`` says why there is no newer ``last``."""

    name: str
    last: Reading | None
    error: str | None

    absent: bool
    """Whether there is nothing to read, and that is fine: nobody waits for a reading."""
    lost: bool
    """Whether it counts as hot although ``last`` is good: another of its devices cannot be read."""

    def read(self, now_s: float, *, gap: bool = False) -> Reading | None:
        """The newest reading, taken now if it is time to; None if there has never been a good one.

        After a ``gap`` in the ticks it is taken at once, and what was known of the time before does not count.
        """

    def close(self) -> None:
        """Close what is open; the next ``read`` finds it anew."""


def find_zone(sysfs: str, zone_type: str) -> str:
    """The ``temp`` file of the first thermal zone of a type (T1); SensorError if there is none."""
    found = []
    for path in sorted(glob.glob(f"{sysfs}/class/thermal/thermal_zone*/type")):
        kind = read_line(path)
        if kind == zone_type:
            return os.path.join(os.path.dirname(path), "temp")
        found.append(kind)
    raise SensorError(f"no thermal zone of type {zone_type!r}; found {', '.join(found) or 'none'}")


class ZoneSensor:
    """A thermal zone, found by its type."""

    absent = lost = False

    def __init__(self, name: str, sysfs: str, zone_type: str, pause_s: float, frozen_s: float) -> None:
        """It is read again after ``pause_s``, or at the next tick if that failed. A value that has not changed for
        ``frozen_s`` counts as broken (0: never)."""
        self.name = name
        self._sysfs = sysfs
        self._zone_type = zone_type
        self._pause_s = pause_s
        self._fd: int | None = None
        self._path = ""
        self._due_s = -math.inf
        self._judge = Judge(frozen_s)
        self.last: Reading | None = None
        self.error: str | None = None

    def read(self, now_s: float, *, gap: bool = False) -> Reading | None:
        """As in ``Sensor``."""
        if now_s < self._due_s and not gap:
            return self.last
        if gap:
            self._judge.forget()
        try:
            temp_celsius = self._judge.celsius(self._read_file(), now_s)
        except SensorError as error:
            self._failed(str(error) if self._fd is None else f"{self._path}: {error}")
        except OSError as error:
            self._judge.missed()
            self._failed(f"{error.filename or self._path}: {error.strerror}")
        else:
            self._due_s = now_s + self._pause_s
            self.error = None
            self.last = Reading(self.name, temp_celsius, now_s)
        return self.last

    def close(self) -> None:
        """As in ``Sensor``."""
        fd, self._fd = self._fd, None
        if fd is not None:
            with contextlib.suppress(OSError):
                os.close(fd)

    def _read_file(self) -> bytes:
        if self._fd is None:
            self._path = find_zone(self._sysfs, self._zone_type)
            self._fd = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        return os.pread(self._fd, 32, 0)

    def _failed(self, error: str) -> None:
        """The next tick tries again, and looks for the zone anew."""
        self.close()
        self.error = error
        if self.last is not None:
            self.last = self.last._replace(error=error, missed=self.last.missed + 1)


class UnloadedSensor:
    """Drives of which nothing is known, because what reads them could not be loaded: they count as hot."""

    absent, lost = False, True

    def __init__(self, name: str, error: Exception) -> None:
        self.name = name
        self.last: Reading | None = None
        self.error: str | None = f"what reads drives cannot be loaded: {error!r:.200}; systemctl restart a1d"

    def read(self, now_s: float, *, gap: bool = False) -> Reading | None:
        """As in ``Sensor``."""
        return self.last

    def close(self) -> None:
        """As in ``Sensor``."""


class Sensors:
    """All that are configured, as ``all``. ``read`` once a tick."""

    def __init__(
        self, config: Config, sysfs: str, open_reader: Callable[[], FileReader], note: Callable[[str], None]
    ) -> None:
        """``open_reader`` is called if there are hwmon sensors; they share what it gives. ``note`` takes what is worth
        a line in the log. Nothing is opened before the first ``read``."""
        self._sysfs = sysfs
        self._open_reader = open_reader
        self._note = note
        self._reader: FileReader | None = None
        self._by_settings: dict[object, Sensor] = {}  # by those that say how it is read
        self._is_new = True
        self.absent: list[str] = []  # by name, at the last read
        self.lost: list[str] = []
        self.configure(config)

    def configure(self, config: Config) -> None:
        """Take new settings. What is read as before goes on; what has kept its name keeps its last reading."""
        before, self._by_settings = self._by_settings, {}
        last = {sensor.name: sensor.last for sensor in before.values()}
        for sensor in config.sensors:
            key = (replace(sensor, curve=None, critical_celsius=None, offset_celsius=None), config.interval_s)
            found = before.pop(key, None)
            if found is None:
                found = self._sensor(config, sensor)
                found.last = last.get(sensor.name)
            self._by_settings[key] = found
        for old in before.values():
            old.close()
        self.all = list(self._by_settings.values())
        if self._reader is not None and not any(sensor.hwmon for sensor in config.sensors):
            self._reader.close()

    def _sensor(self, config: Config, sensor: SensorConfig) -> Sensor:
        # Ticks come late, and then early again.
        pause_s = read_interval_s(config, sensor) - config.interval_s / 2
        if sensor.zone is not None:
            frozen_s = _ZONE_FROZEN_S if sensor.frozen_s is None else sensor.frozen_s
            return ZoneSensor(sensor.name, self._sysfs, sensor.zone, pause_s, frozen_s)
        try:
            from a1d.temperature.drives import DriveSensor

            self._reader = self._reader or self._open_reader()
        except Exception as error:  # a disk that died, or a1d's files are just being replaced
            return UnloadedSensor(sensor.name, error)
        return DriveSensor(sensor, self._sysfs, self._reader, pause_s, self._note)

    def read(self, now_s: float, *, gap: bool = False) -> list[Reading]:
        """The newest reading of each sensor that has ever had one. ``gap`` as in ``Sensor.read``."""
        readings = self._read(now_s, gap)
        if (gap or self._is_new) and self._reader is not None:
            self._reader.wait(_FIRST_WAIT_S, now_s)
            readings = self._read(now_s, False)
        self._is_new = False
        return readings

    def _read(self, now_s: float, gap: bool) -> list[Reading]:
        readings: list[Reading] = []
        self.absent, self.lost = [], []
        for sensor in self.all:
            if (reading := sensor.read(now_s, gap=gap)) is not None:
                readings.append(reading)
            if sensor.absent:
                self.absent.append(sensor.name)
            if sensor.lost:
                self.lost.append(sensor.name)
        return readings

    def close(self) -> None:
        """Close what is open."""
        for sensor in self.all:
            sensor.close()
        if self._reader is not None:
            self._reader.close()
