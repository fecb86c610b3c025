"""The kinds of value a setting can have: what is accepted, how it reads in an error, how it is printed."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeGuard

from a1d.duration import format_duration, parse_duration_s


class NotThisKind(Exception):
    """Raised by ``convert``. Each of ``parts``: the way from the setting to what is wrong, what was expected
    there, and whether it is the key that is wrong, not its value."""

    def __init__(self, *parts: tuple[tuple[object, ...], str, bool]) -> None:
        self.parts = parts
        super().__init__(*parts)


@dataclass(frozen=True, slots=True)
class Kind:
    """``convert`` takes what YAML gave and returns the setting's value, or raises NotThisKind."""

    expected: str
    convert: Callable[[object], object]
    show: Callable[[object], object] = lambda value: value


def printable(text: str, length_max: int = 60) -> str:
    """``text`` on one line that no terminal stumbles over, cut to a bearable length."""
    shown = "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in text[: length_max + 1])
    return shown if len(shown) <= length_max else shown[: length_max - 3] + "..."


def is_number(value: object) -> TypeGuard[int | float]:
    """An int or float of reasonable size; YAML's true and false are not numbers here."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and -1e12 < value < 1e12


def number(low: float, high: float) -> Kind:
    """A float from ``low`` to ``high``, both included."""

    def convert(value: object) -> float:
        if not is_number(value) or not low <= value <= high:
            raise NotThisKind
        return float(value)

    return Kind(f"a number from {low:g} to {high:g}", convert, _plain)


def integer(low: int, high: int) -> Kind:
    """An int from ``low`` to ``high``, both included."""

    def convert(value: object) -> int:
        if not is_number(value) or value != int(value) or not low <= value <= high:
            raise NotThisKind
        return int(value)

    return Kind(f"a whole number from {low} to {high}", convert)


def duration(low_s: float, high_s: float) -> Kind:
    """Seconds from ``low_s`` to ``high_s``, written as a duration or a number of seconds."""

    def convert(value: object) -> float:
        try:
            seconds = parse_duration_s(value)
        except ValueError:
            raise NotThisKind from None
        seconds = math.ceil(seconds * 1000 - 1e-6) / 1000  # what can be printed; up, as 0 often means never
        if not low_s <= seconds <= high_s:
            raise NotThisKind
        return seconds

    expected = f"a duration from {format_duration(low_s)} to {format_duration(high_s)} (10s, 15m, or seconds)"
    return Kind(expected, convert, lambda value: format_duration(float(value)))  # type: ignore[arg-type]


def choice(*names: str) -> Kind:
    """One of ``names``."""

    def convert(value: object) -> object:
        if value not in names:
            raise NotThisKind
        return value

    return Kind(" or ".join(names), convert)


def optional(kind: Kind) -> Kind:
    """``kind`` or null."""
    return Kind(
        f"{kind.expected}, or null",
        lambda value: None if value is None else kind.convert(value),
        lambda value: None if value is None else kind.show(value),
    )


def _text(value: object) -> str:
    if not isinstance(value, str) or not value or len(value) > 64 or not value.isprintable():
        raise NotThisKind
    return value


def _labels(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not value:
        raise NotThisKind
    wrong = [
        ((index,), "a text (put it in quotes)", False) for index, entry in enumerate(value) if not _is_argument(entry)
    ]
    if wrong:
        raise NotThisKind(*wrong)
    return tuple(value)


def _is_argument(value: object) -> bool:
    """Whether the kernel would take it as a program's argument."""
    try:
        return isinstance(value, str) and value != "" and b"\0" not in value.encode()
    except UnicodeEncodeError:
        return False


def _points(value: object) -> tuple[tuple[float, float], ...]:
    if not isinstance(value, dict) or not 1 <= len(value) <= 32:
        raise NotThisKind
    wrong: list[tuple[tuple[object, ...], str, bool]] = []
    for temp, duty in value.items():
        if not is_number(temp) or not -20 <= temp <= 125:
            wrong.append(((temp,), "a temperature from -20 to 125 as the key", True))
        elif not is_number(duty) or not 0 <= duty <= 100:
            wrong.append(((temp,), "a duty from 0 to 100", False))
    if wrong:
        raise NotThisKind(*wrong)
    points = sorted(value.items())
    for (_, lower), (temp, duty) in pairwise(points):
        if duty < lower:
            wrong.append(((temp,), f"at least {lower:g}: a fan must not slow down as it gets hotter", False))
    if wrong:
        raise NotThisKind(*wrong)
    return tuple((float(temp), float(duty)) for temp, duty in points)


def _window(value: object) -> tuple[float, float]:
    if not isinstance(value, list) or len(value) != 2 or not all(is_number(bound) for bound in value):
        raise NotThisKind
    low, high = float(value[0]), float(value[1])
    if not 1 <= low < high <= 500:
        raise NotThisKind
    return low, high


def _on_stop(value: object) -> str | int:
    if value in ("keep", "failsafe"):
        return str(value)
    return integer(0, 100).convert(value)  # type: ignore[return-value]


def _action(value: object) -> str | tuple[str, ...]:
    if isinstance(value, list):
        return _labels(value)
    return choice("reboot", "poweroff", "none").convert(value)  # type: ignore[return-value]


def _plain(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _as_list(value: object) -> object:
    return [_plain(entry) for entry in value] if isinstance(value, tuple) else value


text = Kind("a text of at most 64 characters", _text)
labels = Kind("a list of texts", _labels, _as_list)
curve_points = Kind(
    "temperatures and duties such as {50: 10, 60: 40, 70: 100}",
    _points,
    lambda value: {_plain(temp): _plain(duty) for temp, duty in value},  # type: ignore[attr-defined]
)
window_ms = Kind("two rising numbers of milliseconds from 1 to 500, such as [10, 30]", _window, _as_list)
on_stop = Kind("keep, failsafe, or a whole number from 0 to 100", _on_stop)
gesture_action = Kind("reboot, poweroff, none, or a list with a command and its arguments", _action, _as_list)
