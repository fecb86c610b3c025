"""What to write instead of a value that cannot be taken, where it is plain what was meant. Pure.

Each value is tried before it is advised: what would be refused, too, is never said.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator

from a1d.config.kinds import Kind
from a1d.config.printable import printable
from a1d.config.settings import PRESETS
from a1d.config.yaml_tree import Tree
from a1d.duration import format_duration

_PARTS_MAX = 32
_SHOWN_MAX = 40
_NUMBER = r"[-+]?\d{1,9}(?:\.\d{1,9})?"
_WITH_UNIT = re.compile(rf"({_NUMBER})\s*(%|percent|°?\s*[CF]|celsius|fahrenheit|degrees?|deg|ms|s|sec|seconds?)", re.I)
_COMMA = re.compile(r"(?<=\d),(?=\d)")
_UNITS = {
    "ms": r"ms(?:ecs?)?|milli(?:second)?s?",
    "s": r"s(?:ec(?:ond)?s?)?",
    "m": r"m(?:in(?:ute)?s?)?",
    "h": r"h(?:(?:ou)?rs?)?",
    "d": r"d(?:ays?)?",
}
_TIME = re.compile(rf"({_NUMBER})\s*({'|'.join(_UNITS.values())})\.?(?![a-z])\s*", re.I)
_CLOCK = re.compile(r"(\d{1,2})(?:[:.](\d\d))?\s*([ap]m)?", re.I)
_NAMED_NUMBER = re.compile(r"(?:/dev/i2c-|i2c-?|gpio\s*|bcm\s*)(\d{1,3})", re.I)
_PAIR = re.compile(rf"\s*({_NUMBER})\s*[=:]\s*({_NUMBER})\s*")
_FAHRENHEIT_MIN, _DIFFERENCE_MAX_CELSIUS = 120, 20
_NOTHING = ("off", "no", "false", "none", "nothing", "disabled")
_BOOLEANS = {"true": "true", "yes": "true", "on": "true", "1": "true"}
_BOOLEANS |= {"false": "false", "no": "false", "off": "false", "0": "false"}
_MEANT = {
    **dict.fromkeys(("shutdown", "shut down", "power-off", "power_off", "power off", "halt"), "poweroff"),
    "restart": "reboot",
    "v3": "register",
    **dict.fromkeys(("v1", "v2"), "legacy"),
    "silent": "quiet",
}

_Advice = tuple[str | None, str]
"""A value as YAML, and the words with {} in its place. None: the words name no value."""


def advice_for(found: object, kind: Kind) -> str | None:
    """A few words, or None. ``kind`` is what was expected."""
    for pattern, advise in _BY_EXPECTED:
        if re.match(pattern, kind.expected):
            for value, words in advise(found, kind.expected):
                if value is None or _is_accepted(value, kind):
                    return words.replace("{}", value or "")
            return None
    return None


def _is_accepted(value: str, kind: Kind) -> bool:
    tree = Tree(value)
    try:
        kind.convert(tree.value)
    except ValueError:
        return False
    return tree.value is not None and not tree.problems


def _word(found: object) -> str:
    """What is written there, if it is one scalar that can be shown whole."""
    text = str(found).lower() if isinstance(found, bool) else str(found).strip()
    is_word = isinstance(found, (str, int, float)) and text.isprintable() and len(text) <= _SHOWN_MAX
    return text if is_word else ""


def _plain_number(found: object) -> float | None:
    """The number that YAML found there, if it is one of a size that can be meant."""
    is_number = isinstance(found, (int, float)) and not isinstance(found, bool) and 0 <= found < 1e6
    return float(str(found)) if is_number else None


def _number(found: object, expected: str) -> Iterator[_Advice]:
    number, text = _plain_number(found), _word(found)
    if number is not None:
        if number >= _FAHRENHEIT_MIN and re.match(r"a number|a temperature", expected):
            yield from _celsius(number, "write {} if that is Fahrenheit")
    elif match := _WITH_UNIT.fullmatch(text):
        unit = match[2].lower()
        if unit.endswith("f") or unit == "fahrenheit":
            yield from _celsius(float(match[1]), "write it in Celsius: {}")
        else:
            yield match[1], f"write {{}}, without the {match[2]}"
    elif match := _NAMED_NUMBER.fullmatch(text):
        yield match[1], "write {}"
    elif re.fullmatch(_NUMBER, point := _COMMA.sub(".", text)):
        yield point, "write {}, without the quotes" if point == text else "write {}, with a point"


def _celsius(fahrenheit: float, words: str) -> Iterator[_Advice]:
    """Nothing for what may as well be a difference of temperatures."""
    celsius = (fahrenheit - 32) / 1.8
    if celsius > _DIFFERENCE_MAX_CELSIUS:
        yield f"{celsius:.0f}", words


def _duration(found: object, _expected: str) -> Iterator[_Advice]:
    number, text = _plain_number(found), _COMMA.sub(".", _word(found))
    if number is not None:
        yield format_duration(number / 1000), "write {} if you mean milliseconds"
    elif re.fullmatch(_NUMBER, text):
        yield f"{text}s", "write {}, with a point"
    else:
        yield _TIME.sub(lambda part: f"{part[1]}{_unit_of(part[2])}", text), "write {}"


def _unit_of(word: str) -> str:
    return next(unit for unit, pattern in _UNITS.items() if re.fullmatch(pattern, word, re.I))


def _clock(found: object, _expected: str) -> Iterator[_Advice]:
    match = _CLOCK.fullmatch(_word(found))
    if match is None:
        return
    hour, minute, half = int(match[1]), match[2] or "00", (match[3] or "").lower()
    if half and 1 <= hour <= 12:
        hour = hour % 12 + (12 if half == "pm" else 0)
    elif half:
        return
    yield f"{0 if (hour, minute) == (24, '00') else hour:02}:{minute}", "write {}"


def _texts(found: object, _expected: str) -> Iterator[_Advice]:
    if isinstance(found, str):
        yield f"[{_word(found)}]", "write it as a list: {}"


def _entries(found: object, _expected: str) -> Iterator[_Advice]:
    if isinstance(found, dict) and found:
        yield None, "begin each with '- ', below the key"


def _settings(found: object, expected: str) -> Iterator[_Advice]:
    if isinstance(found, list):
        if any(isinstance(entry, dict) and {"zone", "hwmon"} & entry.keys() for entry in found):
            yield None, "these belong below a line 'sensors:', which must not be a comment"
        elif found:
            yield None, "write them without a '-' before each"
        return
    text = _word(found)
    if "'preset: " in expected and text.lower() in PRESETS:
        yield f"{{preset: {text.lower()}}}", "write {}"
    if "'backend: " in expected and text.lower() in _NOTHING:
        yield "{backend: none}", "write {}"
    if "'name: " in expected and re.fullmatch(r"[\w-]+", text):
        yield "{zone: cpu-thermal}" if "cpu" in text.lower() else f"{{hwmon: {text}}}", "write {}"
    if match := re.match(r"\s*([\w-]{1,40})(:|\s*=)\s*(?=\S)", str(found)):
        colon = match[2] == ":"
        yield None, f"put a blank after '{match[1]}:'" if colon else f"write '{match[1]}: ...', with ':' instead of '='"


def _curve(found: object, _expected: str) -> Iterator[_Advice]:
    """The same points as a1d reads them, if ``found`` is another way to write some."""
    entries = re.split(r"[,;\s]+", found.strip("{}[] \n")) if isinstance(found, str) else found
    if not isinstance(entries, list) or not 1 <= len(entries) <= _PARTS_MAX:
        return
    points = []
    for entry in entries:
        pair = next(iter(entry.items())) if isinstance(entry, dict) and len(entry) == 1 else entry
        if isinstance(pair, str) and (match := _PAIR.fullmatch(pair)):
            pair = match.groups()
        if not isinstance(pair, (list, tuple)) or len(pair) != 2 or not all(map(_is_number, pair)):
            return
        points.append(f"{pair[0]}: {pair[1]}")
    yield f"{{{', '.join(points)}}}", "write {}"


def _is_number(value: object) -> bool:
    text = str(value)[:40] if isinstance(value, (int, float, str)) and not isinstance(value, bool) else ""
    return re.fullmatch(_NUMBER, text) is not None


def _boolean(found: object, _expected: str) -> Iterator[_Advice]:
    if answer := _BOOLEANS.get(_word(found).lower()):
        yield answer, "write {}, without quotes"


def _gesture(found: object, expected: str) -> Iterator[_Advice]:
    text = _word(found)
    if text.lower() in (*_NOTHING, *_BOOLEANS):
        yield None, "none: nothing happens; poweroff: shuts down"
    yield from _name(found, expected)
    if isinstance(found, str) and text:
        program, *arguments = text.split()
        yield f"[{printable(program, 40)}{', ...' if arguments else ''}]", "write a command as a list: {}"


def _name(found: object, expected: str) -> Iterator[_Advice]:
    """One of a few names."""
    lower = _word(found).lower()
    if meant := "none" if lower in _NOTHING else _MEANT.get(lower):
        yield meant, "write {}"
    if len(lower) > 2:  # "on" is not like "none"
        for close in difflib.get_close_matches(lower, re.findall(r"[\w-]+", expected)):
            yield close, "did you mean {}?"


def _name_or_number(found: object, expected: str) -> Iterator[_Advice]:
    yield from _number(found, expected)
    yield from _name(found, expected)


_BY_EXPECTED = [
    (r"temperatures and duties", _curve),
    (r"settings such as|at most 16 profiles", _settings),
    (r"a duration", _duration),
    (r"a time of day", _clock),
    (r"a list of texts", _texts),
    (r"a list of", _entries),
    (r"(a|an) (whole )?(number|duty|temperature)|at least \d|the percent", _number),
    (r"true or false", _boolean),
    (r"keep, failsafe", _name_or_number),
    (r"reboot, poweroff", _gesture),
    (r"[\w-]+(, [\w-]+)* or [\w-]+(, or null)?$", _name),
]
