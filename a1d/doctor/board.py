"""The Pi itself: what of its settings touches the case. Nothing here fails; each line says how sure it is.

docs/hardware.md P5-P7 and T4.
"""

from __future__ import annotations

import re

from a1d.doctor import config_txt
from a1d.doctor.result import Result, info, ok, warn
from a1d.doctor.system import System

_THROTTLED = {
    0: "the voltage is too low now",
    1: "the clock is capped now",
    2: "it is throttled now",
    3: "it is near its temperature limit now",
    16: "the voltage was too low since the start",
    17: "the clock was capped since the start",
    18: "it was throttled since the start",
    19: "it was near its temperature limit since the start",
}


def checks(system: System) -> list[Result]:
    """The model, config.txt, the EEPROM, and whether the Pi throttles."""
    return [_model(system), *_config_txt(system), *_eeprom(system), _throttling(system)]


def _model(system: System) -> Result:
    if not system.model:
        return info("board", "it does not say what it is, so it is no Raspberry Pi")
    if "Raspberry Pi 5" in system.model:
        return ok("board", system.model)
    return info("board", f"{system.model}; a1d is made for a Raspberry Pi 5 in an ARGON ONE V3")


def _config_txt(system: System) -> list[Result]:
    boot = config_txt.find_file(system)
    if boot is None:
        return [info("config.txt", "none was found, so uart0 and cooling_fan are not seen")]
    name, settings = boot
    uart0 = config_txt.last(settings, "uart0")
    state = f"line {uart0.line} of {name} says uart0={uart0.value or 'on'}" if uart0 else f"{name} does not set uart0"
    text = f"{state}; the vendor sets dtparam=uart0=on, so that the case sees when the Pi is off (by users' reports)"
    results = [info("uart0", text)]
    fan = config_txt.last(settings, "cooling_fan")
    if config_txt.is_on(fan) and fan is not None:
        text = f"line {fan.line} of {name} sets cooling_fan: this case's fan is not on the Pi's header"
        results.append(warn("cooling_fan", text, config_txt.comment_out(name, fan.line)))
    return results


def _eeprom(system: System) -> list[Result]:
    ran = system.run("vcgencmd", "bootloader_config")
    if ran.code != 0:
        ran = system.run("rpi-eeprom-config")
    if ran.code != 0:
        return [info("EEPROM", f"not seen: {ran.why or 'its settings cannot be read; try it with sudo'}")]
    found = dict(re.findall(r"^([A-Z_]+)=(\S*)\s*$", ran.out, re.MULTILINE))
    halt = found.get("POWER_OFF_ON_HALT", "not set")
    supply = found.get("PSU_MAX_CURRENT", "not set")
    return [
        info(
            "EEPROM",
            f"POWER_OFF_ON_HALT is {halt}; the vendor sets 1, so that a halted Pi is off (not measured)",
        ),
        info(
            "EEPROM", f"PSU_MAX_CURRENT is {supply}; the vendor sets 5000 for its power path (nobody has measured it)"
        ),
    ]


def _throttling(system: System) -> Result:
    """By the firmware, else by the kernel's own under-voltage alarm."""
    ran = system.run("vcgencmd", "get_throttled")
    if ran.code == 0 and (found := re.search(r"throttled=0x([0-9a-fA-F]{1,8})\b", ran.out)):
        bits = int(found[1], 16)
        words = [text for bit, text in _THROTTLED.items() if bits >> bit & 1]
        return info("throttling", f"0x{bits:x}: {', '.join(words) or 'never since the start'}")
    for name in system.glob("/sys/class/hwmon/hwmon*/name"):
        if (system.read(name) or "").strip() == "rpi_volt":
            alarm = (system.read(name.replace("/name", "/in0_lcrit_alarm")) or "").strip()
            low = {"0": "the voltage is high enough", "1": "the voltage is or was too low"}.get(
                alarm, "it says nothing"
            )
            return info("throttling", f"the kernel's rpi_volt: {low}; whether it throttles is not seen")
    return info("throttling", f"not seen: {ran.why or 'vcgencmd gives no answer'}, and there is no hwmon rpi_volt")
