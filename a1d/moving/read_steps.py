"""Lines such as ``55=30``: the files of Argon's own daemon, which argonone-rs reads too, and JeffCurless's argoneon."""

from __future__ import annotations

import re
from collections.abc import Iterable

from a1d.config.printable import printable
from a1d.moving.moved import DEFAULTS, FILE, Moved, Step

# The vendor's daemon turns 1 to 24 % into this.
_FLOOR_PERCENT = 25
DEFAULT_STEPS = [(55.0, 30.0), (60.0, 55.0), (65.0, 100.0)]
_DRIVE_STEPS = [(30.0, 30.0), (40.0, 55.0), (50.0, 100.0)]
_EON_DRIVE_STEPS = [(40.0, 25.0), (44.0, 30.0), (46.0, 35.0), (48.0, 40.0), (50.0, 50.0)]
_EON_DRIVE_STEPS += [(52.0, 55.0), (54.0, 60.0), (60.0, 100.0)]
_NUMBER = re.compile(r"\d{1,9}(?:\.\d{0,9})?", re.ASCII)
_LOOKED = "It looked every {} s and slowed the fan 30 s late, without hysteresis."


def read_vendor(text: str, *, is_for_drives: bool) -> Moved:
    """/etc/argononed.conf, or /etc/argononed-hdd.conf if ``is_for_drives``."""
    moved = Moved("Argon's own daemon (argonone-rs reads the same file)", why=_LOOKED.format(30))
    steps = _steps(enumerate(text.split("\n"), 1), moved.notes)
    low = sorted({duty for _, duty in steps if 0 < duty < _FLOOR_PERCENT})
    if low:
        first, last = ", ".join(f"{duty:g}" for duty in low[:-1]), f"{low[-1]:g} %"
        these = f"{first} and {last} are" if first else f"{last} is"
        moved.notes.append(f"{these} {_FLOOR_PERCENT} % here, as Argon's own daemon makes of it (argonone-rs does not)")
        steps = [(temp, max(duty, _FLOOR_PERCENT) if duty else duty) for temp, duty in steps]
    if is_for_drives:
        moved.drives, moved.drives_from = _or(steps, _DRIVE_STEPS)
    else:
        moved.cpu, moved.cpu_from = _or(steps, DEFAULT_STEPS)
    return moved


def read_argoneon(text: str) -> Moved:
    """/etc/argoneon.conf: sections CPUFan and HDDFan; a section that is missing has defaults."""
    moved = Moved("JeffCurless's argoneon", why=_LOOKED.format(60))
    sections: dict[str, list[tuple[int, str]]] = {}
    name = ""
    for number, line in enumerate(text.split("\n"), 1):
        if match := re.fullmatch(r"\s*\[([^\]]{1,40})\]\s*", line):
            name = match[1]
            sections.setdefault(name, [])
        elif not line.lstrip().startswith(";"):
            sections.setdefault(name, []).append((number, line))
    moved.cpu, moved.cpu_from = _or(_steps(sections.get("CPUFan", []), moved.notes), DEFAULT_STEPS)
    if "HDDFan" in sections:
        moved.drives, moved.drives_from = _or(_steps(sections["HDDFan"], moved.notes), _EON_DRIVE_STEPS)
    if "OLED" in sections:
        moved.notes.append("the screen ([OLED]) is not a1d's: it drives the fan and the button")
    moved.debugs = any(re.fullmatch(r"\s*debug\s*[=:]\s*Y\s*", line, re.I) for _, line in sections.get("General", []))
    return moved


def _or(steps: list[Step], defaults: list[Step]) -> tuple[list[Step], int]:
    """The steps, or if there is none the daemon's defaults; and which."""
    return (steps, FILE) if steps else (defaults, DEFAULTS)


def _steps(lines: Iterable[tuple[int, str]], notes: list[str]) -> list[Step]:
    """The pairs of 0 to 100 C and 0 to 100 %; what else stands there is noted, as the daemon passes over it."""
    steps = []
    for number, line in lines:
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        temp, _, duty = (part.strip() for part in text.partition("="))
        if not _NUMBER.fullmatch(temp) or not _NUMBER.fullmatch(duty) or float(temp) > 100 or float(duty) > 100:
            notes.append(f"line {number} is left out, as there: {printable(text, 40)}")
            continue
        steps.append((round(float(temp), 1), float(int(float(duty)))))
    return steps
