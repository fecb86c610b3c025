"""What is said of a setting that cannot be taken: what was found, what was expected, and what to write instead.

Only imported once there is something to complain about.
"""

from __future__ import annotations

import dataclasses
import difflib
import re
from collections.abc import Iterator, Sequence
from typing import Any

from a1d.config.kinds import printable
from a1d.config.settings import Config, ProfileConfig, SensorConfig, key_of

_FOUND_MAX = 60
_PARTS_MAX = 32
_NUMBER = r"[-+]?\d{1,9}(?:\.\d{1,9})?"
_WITH_UNIT = re.compile(rf"({_NUMBER})\s*(%|percent|°?\s*[CF]|celsius|fahrenheit|degrees?|deg|ms|s|sec|seconds?)", re.I)
_COMMA = re.compile(r"[-+]?\d{1,9},\d{1,9}")
_WORDY_TIME = re.compile(rf"({_NUMBER})\s*(sec|min|hour|hr|day|s|m|h|d)\w*\.?", re.I)
_SHORT_CLOCK = re.compile(r"(\d):([0-5]\d)")
_NAMED_NUMBER = re.compile(r"(?:/dev/i2c-|i2c-?|gpio\s*|bcm\s*)(\d{1,3})", re.I)
_PAIR = re.compile(rf"\s*({_NUMBER})\s*[=:]\s*({_NUMBER})\s*")
_POWEROFF = ("shutdown", "power-off", "power_off", "poweroff", "halt", "off")


def complaint(where: str, expected: str, found: object, written: str | None, *, is_key: bool) -> str:
    """One line: ``where`` is the setting, ``written`` what stands in the file if it is a single word or number."""
    shown = show(found) if written is None else written
    advice = None if is_key and not isinstance(found, str) else _advice(found, expected)
    return f"{where}: found {shown}, expected {expected}" + (f"; {advice}" if advice else "")


def unknown_key(path: Sequence[object], where: str, known: Sequence[str]) -> str:
    """One line about a key that its section does not know."""
    key = str(path[-1])
    section = "" if len(path) == 1 else str(path[0])
    homes = [home for home in _homes(key) if home != section]
    if homes and key not in known:
        shown = " or ".join(f"'{home}:'" if home else "no section" for home in homes)
        if not section:
            return (
                f"{where}: belongs under {shown}, uncomment that too (take the # away, or write it above), and indent "
                "this line below it"
            )
        return f"{where}: belongs under {shown}, not under '{section}:'"
    close = difflib.get_close_matches(key[:40], known, n=1)
    if not close:
        close = [name for name in known if name == key[:40].strip().lower().replace("-", "_")]
    hint = f"did you mean '{close[0]}'?" if close else f"expected one of {', '.join(known)}"
    return f"{where}: unknown key, {hint}"


def misplaced_list(value: object) -> str | None:
    """Advice for a whole file that is a list, or a single text."""
    if isinstance(value, list) and any(isinstance(entry, dict) and {"zone", "hwmon"} & entry.keys() for entry in value):
        return "these belong under 'sensors:', uncomment that too"
    return None


def show(value: object) -> str:
    """A value as YAML on one line, printable and not too long."""
    text = ""
    for piece in _pieces(value):
        text += piece
        if len(text) > _FOUND_MAX:
            break
    return printable(text, _FOUND_MAX)


def _pieces(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        yield "{"
        for index, (key, entry) in enumerate(value.items()):
            yield f"{', ' if index else ''}{_word(key)}: "
            yield from _pieces(entry)
        yield "}"
    elif isinstance(value, (list, tuple)):
        yield "["
        for index, entry in enumerate(value):
            yield ", " if index else ""
            yield from _pieces(entry)
        yield "]"
    else:
        yield _word(value)


def _word(value: object) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:g}"
    return str(value)[:_FOUND_MAX] if isinstance(value, str) else f"{value!s:.{_FOUND_MAX}}"


def _homes(key: str) -> list[str]:
    """The sections that have a setting of this name; "" is the file itself."""
    sections: list[tuple[str, Any]] = [("", Config())]
    sections += [(field.name, getattr(Config(), field.name)) for field in dataclasses.fields(Config)]
    homes = []
    for name, section in sections:
        if name == "sensors":
            section = SensorConfig()  # noqa: PLW2901
        elif name == "profiles":
            section = ProfileConfig()  # noqa: PLW2901
        if not dataclasses.is_dataclass(section):
            continue
        # A profile has the fan's settings: whoever writes one outside means the fan.
        names = {"from", "to"} if name == "profiles" else {key_of(field) for field in dataclasses.fields(section)}
        if key in names and not (name == "sensors" and key in ("name", "interval", "curve", "critical_celsius")):
            homes.append(name)
    return homes


def _advice(found: object, expected: str) -> str | None:
    """What to write instead, if it is plain what was meant."""
    if expected.startswith("temperatures and duties"):
        return _curve_advice(found)
    if isinstance(found, list) and expected.startswith("settings such as"):
        return "without the '-' before each"
    if isinstance(found, dict) and expected.startswith("a list of"):
        return "begin each with '- ', below the key"
    if not isinstance(found, str):
        return None
    text = found.strip()
    if expected.startswith("settings such as"):
        return _setting_advice(text)
    if expected.startswith("a duration"):
        return _duration_advice(text)
    if expected.startswith("a time of day") and (clock := _SHORT_CLOCK.fullmatch(text)):
        return f"write 0{clock[0]}"
    if re.match(r"a (whole )?number|a duty|a temperature|at (least|most) ", expected):
        return _number_advice(text)
    if expected.startswith("a list of texts"):
        return f"write it as a list: [{printable(text, 40)}]"
    return _word_advice(text, expected)


def _number_advice(text: str) -> str | None:
    if re.fullmatch(_NUMBER, text):
        return f"write {text}, without the quotes"
    if match := _WITH_UNIT.fullmatch(text):
        number, unit = match[1], match[2].lower()
        if unit.endswith("f") or unit == "fahrenheit":
            return f"write it in Celsius: {(float(number) - 32) / 1.8:.0f}"
        return f"write {number}, without the {printable(match[2])}"
    if _COMMA.fullmatch(text):
        return f"write {text.replace(',', '.')}, with a point"
    if match := _NAMED_NUMBER.fullmatch(text):
        return f"write {match[1]}"
    return None


def _duration_advice(text: str) -> str | None:
    if match := _WORDY_TIME.fullmatch(text):
        return f"write {match[1]}{match[2][0].lower()}"
    return f"write {text.replace(',', '.')}s, with a point" if _COMMA.fullmatch(text) else None


def _word_advice(text: str, expected: str) -> str | None:
    names = re.findall(r"[\w-]+", expected.split(", or ")[0]) if not expected.startswith(("a ", "either")) else []
    names = [name for name in names if name != "or"]
    lower = text.lower()
    if names == ["true", "false"]:
        answers = {"yes": "true", "on": "true", "1": "true", "no": "false", "off": "false", "0": "false"}
        answer = lower if lower in names else answers.get(lower)
        return f"write {answer}, without quotes" if answer else None
    if "poweroff" in names and lower in _POWEROFF:
        return "write poweroff"
    close = difflib.get_close_matches(lower[:40], names, n=1)
    if close:
        return f"did you mean {close[0]}?"
    if "a list with a command" in expected and text:
        return f"write a command as a list: [{', '.join(printable(text, 40).split())}]"
    return None


def _setting_advice(text: str) -> str | None:
    if match := re.match(r"([\w-]{1,40}):(?=\S)", text):
        return f"put a blank after '{match[1]}:'"
    if match := re.match(r"([\w-]{1,40})\s*=\s*(?=\S)", text):
        return f"write '{match[1]}: ...', with ':' instead of '='"
    return None


def _curve_advice(found: object) -> str | None:
    """The same points as a1d reads them, if ``found`` is another way to write some."""
    entries = re.split(r"[,;\s]+", found.strip("{}[] \n")) if isinstance(found, str) else found
    if not isinstance(entries, list) or not 1 <= len(entries) <= _PARTS_MAX:
        return None
    points = []
    for entry in entries:
        pair = list(entry.items())[0] if isinstance(entry, dict) and len(entry) == 1 else entry
        if isinstance(pair, str) and (match := _PAIR.fullmatch(pair)):
            pair = match.groups()
        if not isinstance(pair, (list, tuple)) or len(pair) != 2 or not all(map(_is_number, pair)):
            return None
        points.append(f"{_word(pair[0])}: {_word(pair[1])}")
    return f"write {{{', '.join(points)}}}"


def _is_number(value: object) -> bool:
    text = str(value)[:40] if isinstance(value, (int, float, str)) and not isinstance(value, bool) else ""
    return re.fullmatch(_NUMBER, text) is not None
