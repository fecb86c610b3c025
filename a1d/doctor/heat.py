"""The temperatures: what is configured and absent, what is there and not configured. No drive's temperature is read."""

from __future__ import annotations

import os

from a1d.doctor.result import Result, fail, info, ok, warn
from a1d.doctor.system import System
from a1d.errors import SensorError
from a1d.temperature.judge import TEMP_MAX_CELSIUS, TEMP_MIN_CELSIUS
from a1d.temperature.sensors import find_zone

_DRIVES = ("nvme", "drivetemp")


def checks(system: System) -> list[Result]:
    """Each sensor of the configuration, and drives that nobody watches."""
    kinds = {path: (system.read(path) or "").strip() for path in system.glob("/sys/class/hwmon/hwmon*/name")}
    watched = {sensor.hwmon for sensor in system.config.sensors}
    results = []
    for sensor in system.config.sensors:
        if sensor.zone is not None:
            results.append(_zone(system, sensor.name, sensor.zone))
        elif sensor.hwmon is not None:
            results.append(_hwmon(system, sensor.name, sensor.hwmon, kinds, sensor.optional))
    for kind in _DRIVES:
        count = list(kinds.values()).count(kind)
        if count and kind not in watched:
            several = f"{count} drives are" if count > 1 else "a drive is"
            text = f"{several} there (hwmon {kind}), and the configuration does not name them: the fan ignores them"
            results.append(info("drives", text, "a1d --print-config   # under sensors: it shows what to add"))
    return results


def _zone(system: System, name: str, zone: str) -> Result:
    check = f"sensor {name}"
    try:
        path = find_zone(system.path("/sys"), zone)[len(system.root) :]
    except SensorError as error:
        mend = "grep . /sys/class/thermal/thermal_zone*/type"
        return fail(check, f"{error} (setting sensors, zone): the fan goes to failsafe", mend)
    text = (system.read(path) or "").strip()
    try:
        celsius = int(text) / 1000
    except ValueError:
        return fail(check, f"{path} says {text[:20]!r}, expected thousandths of a degree", f"cat {path}")
    if not TEMP_MIN_CELSIUS <= celsius <= TEMP_MAX_CELSIUS:
        return fail(check, f"{path} says {celsius:.0f} C, which cannot be true", f"cat {path}")
    return ok(check, f"{os.path.dirname(path)} is {zone}, {celsius:.1f} C")


def _hwmon(system: System, name: str, kind: str, kinds: dict[str, str], optional: bool) -> Result:
    check = f"sensor {name}"
    paths = [os.path.dirname(path) for path, found in kinds.items() if found == kind]
    if not paths:
        text = f"no hwmon device is named {kind!r}; found {', '.join(sorted(set(kinds.values()))) or 'none'}"
        if optional:
            return info(check, f"{text}; it is optional, so that is fine")
        mend = "sudo nano /etc/a1d/config.yaml   # correct it, or add optional: true"
        return fail(check, f"{text}: the fan goes to failsafe", mend)
    if dumb := [path for path in paths if not system.exists(f"{path}/temp1_input")]:
        return warn(check, f"{dumb[0]} is a {kind} without a temperature (temp1_input)", f"ls {dumb[0]}/")
    return ok(check, f"{', '.join(paths)} {'is' if len(paths) == 1 else 'are'} {kind}")
