"""How hot the machine really is, whatever a1d is told, and how hot it may get during a run."""

from __future__ import annotations

import dataclasses
import os

from a1d.config.reader import read_config
from a1d.config.settings import Config, SensorConfig
from a1d.paths import CONFIG_PATH
from a1d.temperature.drives import find_hwmon
from a1d.temperature.file_reader import DirectReader
from a1d.temperature.sensors import Sensors

HOT_CELSIUS = 75.0
# Below the owner's own critical temperature, so that the fan is at full speed before that is reached.
MARGIN_CELSIUS = 5.0


def owners_config() -> Config:
    """The owner's own configuration. ConfigError if it cannot be used."""
    return read_config(CONFIG_PATH) if os.path.lexists(CONFIG_PATH) else Config()


class RealHeat:
    """Every sensor that the owner configured, and the processor and the NVMe drive in any case."""

    def __init__(self, config: Config, sysfs: str = "/sys") -> None:
        critical = [each.critical_celsius for each in config.sensors if each.critical_celsius is not None]
        self.limit_celsius = min(HOT_CELSIUS, min([config.fan.critical_celsius, *critical]) - MARGIN_CELSIUS)
        self._config, self._sysfs = config, sysfs

    def trouble(self) -> str:
        """Why the fan must not be changed now: too hot, or a sensor cannot be read. Empty if it may be changed."""
        config = dataclasses.replace(self._config, sensors=(*self._config.sensors, *self._more()))
        # Opened again each time, so that no value is reused after an error or counts as frozen.
        for sensor in Sensors(config, self._sysfs, DirectReader, lambda _note: None).all:
            reading = sensor.read(0.0)
            sensor.close()
            if sensor.error or reading is None:
                return f"the sensor {sensor.name} cannot be read: {sensor.error}"
            if reading.temp_celsius >= self.limit_celsius:
                return f"{sensor.name}: {reading.temp_celsius:.0f} C; {self.limit_celsius:.0f} C is too hot for this"
        return ""

    def _more(self) -> list[SensorConfig]:
        more = []
        if not any(each.zone == "cpu-thermal" for each in self._config.sensors):
            more.append(SensorConfig(name="cpu-thermal", zone="cpu-thermal"))
        is_watched = any(each.hwmon == "nvme" for each in self._config.sensors)
        if not is_watched and find_hwmon(self._sysfs, "nvme")[0]:
            more.append(SensorConfig(name="nvme", hwmon="nvme"))
        return more
