"""The Pi's config.txt: what of it this model heeds, and on which line. Pure but for finding the file."""

from __future__ import annotations

import re
from typing import NamedTuple

from a1d.doctor.system import System

PLACES = ("/boot/firmware/config.txt", "/boot/config.txt")
_I2C = ("i2c", "i2c_arm", "i2c1")
_ON = ("on", "true", "yes", "y", "okay", "1", "")
# As in systemd/enable-i2c.sh; unknown counts as a Pi 5, which the case is for.
_MODELS = (
    (r"Pi 500", ("pi5", "pi500")),
    (r"Module 5", ("pi5", "cm5")),
    (r"Pi 400", ("pi4", "pi400")),
    (r"Module 4", ("pi4", "cm4")),
    (r"Pi 4 ", ("pi4",)),
    (r"Pi 3 .*Plus", ("pi3", "pi3+")),
    (r"Pi 3 ", ("pi3",)),
    (r"", ("pi5",)),
)
# Overlays that take a line of their own accord, by the parameter that gives them another one.
_DEFAULT_LINES: dict[str, tuple[str | None, int]] = {
    "w1-gpio": ("gpiopin", 4),
    "w1-gpio-pi5": ("gpiopin", 4),
    "w1-gpio-pullup": ("gpiopin", 4),
    "dht11": ("gpiopin", 4),
    "rotary-encoder": ("pin_a", 4),
    "uart2-pi5": (None, 4),
    "i2c2-pi5": ("pins_12_13", 4),
}
_LINE_NAME = re.compile(r"gpio|pin|^(sda|scl|cs|int|reset)", re.ASCII)
_NO_LINE = re.compile(r"pull|freq|delay|speed|pins_", re.ASCII)


class Setting(NamedTuple):
    """``key=value`` on a line that counts, from 1."""

    line: int
    key: str
    value: str


class Overlay(NamedTuple):
    """A dtoverlay, with the parameters on its line and on those that follow it."""

    line: int
    name: str
    parameters: dict[str, str]


def find_file(system: System) -> tuple[str, list[Setting]] | None:
    """The file's name and what counts of it; None if there is none to be read."""
    for name in PLACES:
        if (text := system.read(name)) is not None:
            return name, parse(text, system.model)
    return None


def parse(text: str, model: str) -> list[Setting]:
    """What a Pi of this model heeds. Whether a serial number, a monitor or a pin is the right one is not known here, so
    such sections count for nothing. [all] ends every section; one for a model replaces one for another model."""
    mine = next(names for pattern, names in _MODELS if re.search(pattern, model))
    is_model = is_other = True
    found = []
    for number, raw in enumerate(text.split("\n"), 1):
        line = raw.strip(" \t\r")
        if line.startswith("["):
            section = line[1 : line.find("]")] if "]" in line else ""
            if section == "all":
                is_model = is_other = True
            elif section.startswith(("pi", "cm", "board-type")):
                is_model = section in mine
            else:
                is_other = False
        elif is_model and is_other and "=" in line and not line.startswith("#"):
            key, _, value = line.partition("=")
            found.append(Setting(number, key, value))
    return found


def parameters(settings: list[Setting]) -> list[Setting]:
    """Each parameter of the device tree, one by one."""
    return [
        Setting(setting.line, *part.partition("=")[::2])
        for setting in settings
        if setting.key in ("dtparam", "device_tree_param")
        for part in setting.value.split(",")
    ]


def last(settings: list[Setting], *names: str) -> Setting | None:
    """The parameter of one of these names that counts: the last."""
    return next((each for each in reversed(parameters(settings)) if each.key in names), None)


def is_on(setting: Setting | None) -> bool:
    """Whether a parameter is set, and not to off."""
    return setting is not None and setting.value in _ON


def i2c(settings: list[Setting]) -> Setting | None:
    """What switches the bus of the 40-pin header on or off."""
    return last(settings, *_I2C)


def overlays(settings: list[Setting]) -> list[Overlay]:
    """Every overlay. A dtparam after it may be its own: those with the name of a line count as that."""
    found: list[Overlay] = []
    open_one: Overlay | None = None
    for setting in settings:
        if setting.key in ("dtoverlay", "device_tree_overlay"):
            name, *parts = setting.value.split(",")
            open_one = None
            if name:
                named = dict(part.partition("=")[::2] for part in parts)
                open_one = Overlay(setting.line, name, named)
                found.append(open_one)
        elif setting.key == "dtparam" and open_one is not None:
            open_one.parameters.update(part.partition("=")[::2] for part in setting.value.split(","))
    return found


def lines_of(overlay: Overlay) -> set[int]:
    """The GPIO lines that an overlay is known or seems to take."""
    named = {
        key: int(value)
        for key, value in overlay.parameters.items()
        if value.isascii()
        and value.isdecimal()
        and len(value) < 4
        and _LINE_NAME.search(key)
        and not _NO_LINE.search(key)
    }
    parameter, line = _DEFAULT_LINES.get(overlay.name, (None, -1))
    if line >= 0 and (parameter is None or parameter not in overlay.parameters):
        return {line, *named.values()}
    return set(named.values())


def comment_out(name: str, line: int) -> str:
    """The command that takes a line out of force."""
    return f"sudo sed -i '{line}s/^/#/' {name} && sudo reboot"
