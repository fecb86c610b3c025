"""The kinds of value a setting can have: what is accepted, how it reads in an error, how it is printed."""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import Field, field
from itertools import pairwise
from typing import Any, NamedTuple

from a1d.config.limits import DUTY_MAX_PERCENT, ON_STOP_WORDS
from a1d.config.parse_duration import parse_duration_s
from a1d.duration import format_duration, format_minute

_CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)", re.ASCII)
_ARGUMENT = re.compile(r"[^\0\ud800-\udfff]+")  # what the kernel takes as a program's argument


class WrongParts(ValueError):
    """``args``: for each wrong part of a value its key or index, what was expected there, and whether it is
    the key that is wrong."""


class Kind(NamedTuple):
    """What YAML gave is accepted if ``is_good``, and then made the setting's value; both may raise ValueError.

    ``expected`` is what an error says was expected; ``show`` turns the value back into what the file may hold.
    """

    expected: str
    is_good: Callable[[Any], bool]
    make: Callable[[Any], Any] = lambda value: value
    show: Callable[[Any], object] = lambda value: value

    def convert(self, value: object) -> Any:
        """The setting's value for what YAML gave; ValueError if it is not accepted, WrongParts if parts are not."""
        if not self.is_good(value):
            raise ValueError(self.expected)
        return self.make(value)

    def option(self, default: object, doc: str) -> Any:
        """A dataclass field of this kind."""
        return field(default=default, metadata={"kind": self, "doc": doc})

    def optional(self, doc: str) -> Any:
        """A field that may be null and is, unless set."""
        return self.or_null().option(None, doc)

    def or_null(self) -> Kind:
        """As this one, but null is accepted too."""
        return Kind(
            f"{self.expected}, or null",
            lambda value: value is None or self.is_good(value),
            lambda value: None if value is None else self.make(value),
            lambda value: None if value is None else self.show(value),
        )


def _is_within(value: Any, low: float, high: float) -> bool:
    """Whether it is an int or float from ``low`` to ``high``; YAML's true and false are not numbers here."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and low <= value <= high


def _is_whole(value: Any, low: int, high: int) -> bool:
    return _is_within(value, low, high) and int(value) == value


def number(low: float, high: float) -> Kind:
    """A float from ``low`` to ``high``, both included."""
    return Kind(f"a number from {low:g} to {high:g}", lambda value: _is_within(value, low, high), float)


def integer(low: int, high: int) -> Kind:
    """An int from ``low`` to ``high``, both included."""
    return Kind(f"a whole number from {low} to {high}", lambda value: _is_whole(value, low, high), int)


def duration(low_s: float, high_s: float) -> Kind:
    """Seconds from ``low_s`` to ``high_s``, written as a duration or a number of seconds."""
    expected = f"a duration from {format_duration(low_s)} to {format_duration(high_s)} (10s, 15m, or seconds)"
    return Kind(expected, lambda value: low_s <= _seconds(value) <= high_s, _seconds, format_duration)


def _seconds(value: object) -> float:
    """Rounded to what can be printed; up, as 0 often means never."""
    return math.ceil(parse_duration_s(value) * 1000 - 1e-6) / 1000


def choice(*names: str) -> Kind:
    """One of ``names``."""
    return Kind(f"{', '.join(names[:-1])} or {names[-1]}", lambda value: value in names)


def _is_list(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and len(value) > 0


def _labels(value: Sequence[Any]) -> tuple[str, ...]:
    wrong = [at for at, entry in enumerate(value) if not isinstance(entry, str) or not _ARGUMENT.fullmatch(entry)]
    if wrong:
        raise WrongParts(*((at, "a text (put it in quotes)", False) for at in wrong))
    return tuple(value)


def _points(value: dict[Any, Any]) -> tuple[tuple[float, float], ...]:
    wrong: list[tuple[object, str, bool]] = []
    for temp, duty in value.items():
        if not _is_within(temp, -20, 125):
            wrong.append((temp, "a temperature from -20 to 125 as the key", True))
        elif not _is_within(duty, 0, DUTY_MAX_PERCENT):
            wrong.append((temp, "a duty from 0 to 100", False))
    for (_, lower), (temp, duty) in pairwise(sorted(value.items()) if not wrong else ()):
        if duty < lower:
            wrong.append((temp, f"at least {lower:g}: a fan must not slow down as it gets hotter", False))
    if wrong:
        raise WrongParts(*wrong)
    return tuple((float(temp), float(duty)) for temp, duty in sorted(value.items()))


def _is_window(value: Any) -> bool:
    return _is_list(value) and len(value) == 2 and all(_is_within(ms, 1, 500) for ms in value) and value[0] < value[1]


text = Kind(
    "a text of at most 64 characters",
    lambda value: isinstance(value, str) and 0 < len(value) <= 64 and value.isprintable(),
)
labels = Kind("a list of texts", _is_list, _labels)
curve_points = Kind(
    "temperatures and duties such as {50: 10, 60: 40, 70: 100}",
    lambda value: isinstance(value, dict) and 1 <= len(value) <= 32,
    _points,
    dict,
)
yes_or_no = Kind("true or false", lambda value: isinstance(value, bool))
minute_of_day = Kind(
    "a time of day, 00:00 to 23:59",
    lambda value: isinstance(value, str) and _CLOCK.fullmatch(value) is not None,
    lambda value: int(value[:2]) * 60 + int(value[3:]),
    format_minute,
)
window_ms = Kind(
    "two rising numbers of milliseconds from 1 to 500, such as [10, 30]",
    _is_window,
    lambda value: tuple(map(float, value)),
)
on_stop = Kind(
    "keep, failsafe, or a whole number from 0 to 100",
    lambda value: value in ON_STOP_WORDS or _is_whole(value, 0, DUTY_MAX_PERCENT),
    lambda value: value if isinstance(value, str) else int(value),
)
gesture_action = Kind(
    "reboot, poweroff, none, or a list with a command and its arguments",
    lambda value: value in ("reboot", "poweroff", "none") or _is_list(value),
    lambda value: value if isinstance(value, str) else _labels(value),
)

_KINDS: dict[str, Callable[..., Kind]] = {
    "number": number,
    "integer": integer,
    "duration": duration,
    "choice": choice,
    "text": lambda: text,
    "labels": lambda: labels,
    "curve_points": lambda: curve_points,
    "yes_or_no": lambda: yes_or_no,
    "minute_of_day": lambda: minute_of_day,
    "window_ms": lambda: window_ms,
    "on_stop": lambda: on_stop,
    "gesture_action": lambda: gesture_action,
}


def kind_of(field: Field[Any]) -> Kind:
    """The kind of value that a setting takes: what its field says, or what that describes."""
    kind = field.metadata["kind"]
    return kind if isinstance(kind, Kind) else _built(*kind)


@functools.cache
def _built(name: str, *arguments: Any) -> Kind:
    return _built(*arguments).or_null() if name == "optional" else _KINDS[name](*arguments)
