"""``a1d --import FILE...``: another daemon's settings, printed as a configuration of a1d's that ``--check`` accepts."""

from __future__ import annotations

import os
from collections.abc import Sequence

from a1d.config.bounded import SIZE_MAX
from a1d.config.named_file import read_named
from a1d.config.printable import printable
from a1d.config.reader import parse_config
from a1d.config.settings import Points
from a1d.errors import ConfigError
from a1d.moving.formats import ARGONEON, ARGONONED, format_of, is_our_own, text_of
from a1d.moving.moved import DEFAULTS, FILE, PARTLY, Moved, Step
from a1d.moving.read_argononed import read_argononed
from a1d.moving.read_steps import DEFAULT_STEPS, read_argoneon, read_vendor
from a1d.moving.steps import safe_steps

_FILES_MAX = 4
_NOTES_MAX = 20
_KNOWN = (
    "lines such as 55=30 (Argon's own daemon, argonone-rs), keys such as fans = 10, 55, 100 (argononed), or a section "
    "[CPUFan] (JeffCurless's argoneon)"
)
_POINTS = {
    FILE: "The points are from {name}.",
    PARTLY: "Some of the points are defaults of {origin}; the notes above say which.",
    DEFAULTS: "The points are the defaults of {origin}: {name} has none that counts.",
}


def import_settings(paths: Sequence[str]) -> str:
    """The YAML text. ConfigError, with the file, if one cannot be read or is none of the known formats."""
    if len(paths) > _FILES_MAX:
        raise ConfigError([f"{len(paths)} files were named; expected at most {_FILES_MAX}"])
    names, moved = zip(*map(_read, paths), strict=True)
    for part in ("cpu", "drives"):
        twice = [name for name, one in zip(names, moved, strict=True) if getattr(one, part) is not None]
        if len(twice) > 1:
            what = "the CPU" if part == "cpu" else "drives"
            raise ConfigError([f"{' and '.join(twice)}: both have settings for {what}; name one of them"])
    text = _configuration(names, moved)
    parse_config(text, "the result")
    return text


def _read(path: str) -> tuple[str, Moved]:
    """The file's name, to be shown, and what it sets."""
    name, data = read_named(path)
    if len(data) > SIZE_MAX:
        raise ConfigError([f"{name}: larger than {SIZE_MAX // 1024} KiB; no daemon for this case has such a file"])
    text = text_of(data)
    return name, _moved(text, name, is_for_drives="hdd" in os.path.basename(path).lower())


def _moved(text: str, name: str, *, is_for_drives: bool) -> Moved:
    form = format_of(text)
    if form is None:
        raise ConfigError([f"{name}{_what_it_is(text)}"])
    if form == ARGONONED:
        return read_argononed(text)
    if form == ARGONEON:
        return read_argoneon(text)
    return read_vendor(text, is_for_drives=is_for_drives)


def _what_it_is(text: str) -> str:
    """What to say, behind the file's name, of a text that is none of the known formats."""
    if is_our_own(text):
        return ": this is a1d's own format; a1d --check says whether it is good"
    lines = [(number, line.strip()) for number, line in enumerate(text.split("\n"), 1)]
    if not text.strip():
        return ": the file is empty"
    number, line = next(((number, line) for number, line in lines if line and line[0] not in "#;"), (0, ""))
    if not line:
        return ": the file has only comments"
    return f":{number}: found '{printable(line, 40)}', expected {_KNOWN}"


def _configuration(names: Sequence[str], moved: Sequence[Moved]) -> str:
    name, main = next(
        ((name, one) for name, one in zip(names, moved, strict=True) if one.cpu is not None), (names[0], moved[0])
    )
    notes = [f"{name}: {note}" for name, one in zip(names, moved, strict=True) for note in one.notes]
    cpu = None if main.cpu is None else _curve("the CPU's curve", main.cpu, notes)
    points = _POINTS[main.cpu_from].format(name=name, origin=main.origin)
    if cpu is None:
        points = "The points are those that Argon's own daemon has when nothing is set."
        cpu = tuple(DEFAULT_STEPS)
    lines = _fan(main, cpu, points)
    for name, one in zip(names, moved, strict=True):
        if one.drives is not None:
            points = _POINTS[one.drives_from].format(name=name, origin=one.origin)
            lines += _sensors(_curve("the drives' curve", one.drives, notes), points)
    lines += [line for one in moved if one.bus is not None for line in ("case:", f"  bus: {one.bus}")]
    if not all(one.has_button for one in moved):
        lines += ["button:", "  backend: none  # flag 0x01 there: no button"]
    if any(one.debugs for one in moved):
        lines += ["log_level: debug"]
    return "\n".join([*_head(names, moved, notes), *lines]) + "\n"


def _curve(where: str, steps: list[Step], notes: list[str]) -> Points | None:
    changed: list[str] = []
    curve = safe_steps(steps, changed)
    notes += [f"{where}: {note}" for note in changed]
    return curve


def _head(names: Sequence[str], moved: Sequence[Moved], notes: list[str]) -> list[str]:
    lines = [
        f"# Made by 'a1d --import' from {' and '.join(names)}:",
        f"# settings of {' and '.join(dict.fromkeys(one.origin for one in moved))}.",
        "# Where a1d is safer: from 80 C on the fan is at 100 %, and a sensor that is lost counts as hot.",
    ]
    if notes:
        lines.append("# What else is different, or left out:")
        lines += [f"#   {note}" for note in notes[:_NOTES_MAX]]
        if len(notes) > _NOTES_MAX:
            lines.append(f"#   and {len(notes) - _NOTES_MAX} more")
    return [*lines, ""]


def _fan(moved: Moved, curve: Points, points: str) -> list[str]:
    return [
        "fan:",
        "  # Steps, as there: a point's duty holds until the next.",
        "  interpolation: step",
        f"  # {points}",
        f"  curve: {_flow(curve)}",
        f"  # {moved.why}",
        f"  hysteresis_celsius: {moved.hysteresis_celsius:g}",
        f"  hold: {moved.hold}",
        f"  rise: {moved.rise}",
    ]


def _sensors(curve: Points | None, points: str) -> list[str]:
    lines = ["sensors:", "  - name: cpu", "    zone: cpu-thermal"]
    if curve is None:
        return lines
    return [
        *lines,
        "  # SATA and USB disks, once the kernel's driver for their temperature is loaded:",
        "  #   echo drivetemp | sudo tee /etc/modules-load.d/drivetemp.conf && sudo modprobe drivetemp",
        "  # An NVMe drive, which was not watched there, is 'hwmon: nvme'.",
        "  - name: drives",
        "    hwmon: drivetemp",
        "    optional: true",
        "    interval: 30s",
        f"    # {points}",
        f"    curve: {_flow(curve)}",
    ]


def _flow(points: Points) -> str:
    return "{" + ", ".join(f"{temp:g}: {duty:g}" for temp, duty in points) + "}"
