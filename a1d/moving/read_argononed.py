"""argononed's file: three temperatures, three duties, hysteresis, and a few more; odd values as it reads them."""

from __future__ import annotations

import re

from a1d.config.limits import BUS_MAX
from a1d.config.printable import printable
from a1d.moving.formats import ARGONONED_KEYS
from a1d.moving.moved import FILE, PARTLY, Moved

_FANS, _TEMPS, _HYSTERESIS = [10, 55, 100], [55, 60, 65], 3
_HYSTERESIS_MAX, _FAN_MAX, _TEMP_MAX = 10, 100, 80
_NO_BUTTON, _FOREGROUND, _SYSFS = 0x01, 0x02, 0x04
_DEBUG_LEVEL = 6
_WHY = "It looked each second, and slowed the fan at once; 10s keeps a wavering temperature from being heard."


def read_argononed(text: str) -> Moved:
    """What argononed makes of the file: what is not set is 0 to it, and what it does not accept keeps its default."""
    moved = Moved("argononed", hold="10s", rise="1s", why=_WHY)
    fans, temps, hysteresis, flags = [0, 0, 0], [0, 0, 0], 0, 0
    for number, line in enumerate(text.split("\n"), 1):
        key, equals, value = (part.strip() for part in line.partition("#")[0].partition("="))
        if not key and not equals:
            continue
        if key not in ARGONONED_KEYS or not equals:
            moved.notes.append(f"line {number} is left out, as there: {printable(line.strip(), 40)}")
            continue
        if key == "flags":
            flags |= _hexadecimal(value)
            continue
        numbers = [_whole(part) for part in value.split(",")][: 3 if key in ("fans", "temps") else 1]
        if (read := ", ".join(map(str, numbers))) != re.sub(r"\s*,\s*", ", ", value):
            moved.notes.append(f"line {number} counts as {key} = {read}, as there: {printable(line.strip(), 40)}")
        if key[:-1] in ("fan", "temp"):
            at = 0 if key.endswith("s") else int(key[-1])
            (fans if key[:-1] == "fan" else temps)[at : at + len(numbers)] = numbers
        elif key == "hysteresis":
            hysteresis = numbers[0]
        elif key == "i2cbus":
            _take_bus(moved, numbers[0], number)
        else:
            moved.debugs = numbers[0] >= _DEBUG_LEVEL
    if hysteresis > _HYSTERESIS_MAX:
        moved.notes.append(f"hysteresis is more than {_HYSTERESIS_MAX}, so it is {_HYSTERESIS}, argononed's default")
        hysteresis = _HYSTERESIS
    moved.hysteresis_celsius = float(hysteresis)
    duties = _accepted(fans, _FANS, _FAN_MAX, "fan", moved.notes)
    celsius = _accepted(temps, _TEMPS, _TEMP_MAX, "temp", moved.notes)
    # It climbs one step after the other, so a step counts from the hottest of the temperatures up to it.
    moved.cpu_from = FILE if (duties, celsius) == (fans, temps) else PARTLY
    moved.cpu = [(float(max(celsius[: at + 1])), float(duty)) for at, duty in enumerate(duties)]
    moved.has_button = not flags & _NO_BUTTON
    if flags & _FOREGROUND:
        moved.notes.append("flag 0x02 (foreground) is not needed: a1d always runs in the foreground")
    if flags & ~(_NO_BUTTON | _FOREGROUND | _SYSFS):
        moved.notes.append(f"flags 0x{flags:02x}: those beyond 0x07 have no equivalent")
    moved.notes.append("argononed 0.4 is for older cases than the V3: for one of these add 'case: {protocol: legacy}'")
    return moved


def _accepted(values: list[int], defaults: list[int], highest: int, name: str, notes: list[str]) -> list[int]:
    """What it uses: a value has to be higher than the one before it, and at most ``highest``."""
    source, used = list(values), list(defaults)
    for at, value in enumerate(values):
        if at and not source[at] > source[at - 1]:
            notes.append(f"{name}{at} is not above {name}{at - 1}, so it is {used[at]}, argononed's default")
            continue
        if value > highest:
            notes.append(f"{name}{at} is more than {highest}, so it is {used[at]}, argononed's default")
        else:
            used[at] = value
        source[at] = used[at]
    return used


def _take_bus(moved: Moved, bus: int, number: int) -> None:
    if bus <= BUS_MAX:
        moved.bus = bus
    else:
        moved.notes.append(f"line {number}: there is no bus {bus}; 1 is usual")


def _whole(text: str) -> int:
    """The digits it begins with, as C reads them; 0 if there are none. Bounded."""
    match = re.match(r"[+]?(\d{1,9})", text.strip(), re.ASCII)
    return int(match[1]) if match else 0


def _hexadecimal(text: str) -> int:
    match = re.match(r"(?:0[xX])?([0-9a-fA-F]{1,8})", text.strip())
    return int(match[1], 16) & 0xFF if match else 0
