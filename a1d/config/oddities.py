"""What is allowed in a configuration and is surely not meant: for ``a1d --check``, never for the daemon.

Some of it only the files of this machine can tell: whether a command exists.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

from a1d.config.printable import printable
from a1d.config.settings import Config
from a1d.config.warnings import curves_of

_LINE = 4
_DAY = 1440  # minutes
_CPU_ZONE = "cpu-thermal"
_POWER_COMMANDS = ("reboot", "poweroff", "shutdown", "halt", "init")
# What systemd gives a service that does not say otherwise.
_SERVICE_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_HIDDEN = ("/home/", "/root/", "/run/user/", "/tmp/", "/var/tmp/")


def oddities_of(config: Config, *, for_this_machine: bool = True) -> list[str]:
    """A sentence for each. ``for_this_machine``: whether a command that does not exist here would be missing."""
    found = [*_of_curves(config), *_of_sensors(config), *_of_profiles(config), *_of_button(config)]
    for name in ("double_press", "hold"):
        action = getattr(config.button, name)
        if isinstance(action, tuple):
            found += [f"button.{name}: {text}" for text in _of_command(action[0], for_this_machine)]
    return found


def _of_curves(config: Config) -> Iterator[str]:
    for where, points, _ in curves_of(config):
        if 0 < max(duty for _, duty in points) <= 1:
            yield f"{where}: duties are percent, and its highest is {points[-1][1]:g} %; is that {points[-1][1]:.0%}?"
        elif any(0 < duty < 1 for _, duty in points):
            yield f"{where}: a duty below 1 % turns no fan; duties are percent, 0.3 is not 30"
    for where, points, critical_celsius in _with_critical(config):
        above = [temp for temp, _ in points if temp >= critical_celsius]
        if above:
            yield (
                f"{where}: {critical_celsius:g} is below the curve's point at {above[0]:g} C, which never counts: from "
                f"{critical_celsius:g} C on the fan is at 100 %"
            )
    fan = config.fan
    if fan.max_percent < 100 and fan.yield_celsius >= fan.critical_celsius:
        yield (
            f"fan.yield_celsius: {fan.yield_celsius:g} is not below the critical {fan.critical_celsius:g} C, so that "
            "max_percent yields only in the last 4 C"
        )


def _with_critical(config: Config) -> Iterator[tuple[str, tuple[tuple[float, float], ...], float]]:
    """Where each critical temperature stands, with the curve below it."""
    fan = config.fan
    if any(sensor.curve is None and sensor.critical_celsius is None for sensor in config.sensors):
        yield "fan.critical_celsius", fan.curve, fan.critical_celsius
    for index, sensor in enumerate(config.sensors):
        if sensor.curve is not None or sensor.critical_celsius is not None:
            critical_celsius = fan.critical_celsius if sensor.critical_celsius is None else sensor.critical_celsius
            yield f"sensors[{index}].critical_celsius", sensor.curve or fan.curve, critical_celsius


def _of_sensors(config: Config) -> Iterator[str]:
    for index, sensor in enumerate(config.sensors):
        where = f"sensors[{index}]"
        zone, hwmon = sensor.zone or "", sensor.hwmon or ""
        if zone != _CPU_ZONE and re.sub(r"[\s_]", "-", zone.lower()) in (_CPU_ZONE, "cpu", "cputhermal", "cpu-temp"):
            yield f"{where}.zone: the kernel calls the CPU's zone {_CPU_ZONE}, not {printable(zone)}"
        if re.fullmatch(r"thermal_zone\d+", zone):
            yield f"{where}.zone: {zone} is a directory; a zone goes by its type: cat /sys/class/thermal/{zone}/type"
        if re.fullmatch(r"hwmon\d+", hwmon):
            yield f"{where}.hwmon: {hwmon} is a directory; a device goes by its name: cat /sys/class/hwmon/{hwmon}/name"


def _of_profiles(config: Config) -> Iterator[str]:
    """One whose time is all taken: the first of several wins."""
    taken: set[int] = set()
    for name, profile in config.profiles:
        begin, end = profile.from_minute, profile.to_minute
        if begin is None or end is None:
            continue
        minutes = {minute % _DAY for minute in range(begin, begin + ((end - begin) % _DAY or _DAY))}
        if minutes <= taken:
            yield f"profiles.{name}: the clock never chooses it, because those above it have all its time; move it up"
        taken |= minutes


def _of_button(config: Config) -> Iterator[str]:
    button = config.button
    if button.backend == "none":
        return
    if button.line != _LINE:
        yield f"button.line: the case's button is on line {_LINE} (GPIO4), not {button.line}"
    if button.hold in ("none", "reboot"):
        yield (
            f"button.hold: {button.hold} leaves the system running until the case cuts its power, 5.6 to 17 s after a "
            "hold, whatever this says; poweroff is usual"
        )


def _of_command(program: str, for_this_machine: bool) -> Iterator[str]:
    shown, name = printable(program), os.path.basename(program)
    if name == "sudo":
        yield "sudo does not work in the service's sandbox; docs/service.md says how else"
    elif name in _POWER_COMMANDS:
        yield f"the command {shown} runs as user a1d, who may not do that; write reboot or poweroff, without brackets"
    elif program.startswith(_HIDDEN):
        yield f"the directory of {shown} is hidden from the service; put it into /usr/local/bin, say"
    elif program.startswith("~"):
        yield f"nobody replaces the ~ of {shown}; write the whole path"
    elif " " in program and not os.path.exists(program):
        yield f"{shown} is one word with blanks in it; write each argument as a text of its own"
    elif for_this_machine and not _exists(program):
        yield f"there is no command {shown} on this machine"


def _exists(program: str) -> bool:
    places = [program] if "/" in program else [f"{place}/{program}" for place in _SERVICE_PATH.split(":")]
    return any(os.path.isfile(place) and os.access(place, os.X_OK) for place in places)
