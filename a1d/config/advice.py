"""What to write instead of a value that cannot be taken, where it is plain what was meant. Pure."""

from __future__ import annotations

import difflib
import re

from a1d.config.parse_duration import parse_duration_s
from a1d.config.printable import printable
from a1d.config.settings import PRESETS
from a1d.duration import format_duration

_PARTS_MAX = 32
_NUMBER = r"[-+]?\d{1,9}(?:\.\d{1,9})?"
_WITH_UNIT = re.compile(rf"({_NUMBER})\s*(%|percent|°?\s*[CF]|celsius|fahrenheit|degrees?|deg|ms|s|sec|seconds?)", re.I)
_COMMA = re.compile(r"[-+]?\d{1,9},\d{1,9}")
_WORDY_TIME = re.compile(rf"({_NUMBER})\s*(sec|min|hour|hr|day|s|m|h|d)\w*\.?", re.I)
_SHORT_CLOCK = re.compile(r"(\d):([0-5]\d)")
_NAMED_NUMBER = re.compile(r"(?:/dev/i2c-|i2c-?|gpio\s*|bcm\s*)(\d{1,3})", re.I)
_PAIR = re.compile(rf"\s*({_NUMBER})\s*[=:]\s*({_NUMBER})\s*")
_BOOLEANS = {"yes": "true", "on": "true", "1": "true", "no": "false", "off": "false", "0": "false"}
_POWEROFF = ("shutdown", "power-off", "power_off", "poweroff", "halt", "off")


def advice_for(found: object, expected: str) -> str | None:
    """A few words, or None. ``expected`` is what the error says was expected (a1d/config/kinds.py)."""
    for pattern, advise in _BY_EXPECTED:
        if re.match(pattern, expected):
            return advise(found, expected)
    return None


def _number(found: object, _expected: str) -> str | None:
    text = found.strip() if isinstance(found, str) else ""
    if re.fullmatch(_NUMBER, text):
        return f"write {text}, without the quotes"
    if match := _WITH_UNIT.fullmatch(text):
        number, unit = match[1], match[2].lower()
        if unit.endswith("f") or unit == "fahrenheit":
            return f"write it in Celsius: {(float(number) - 32) / 1.8:.0f}"
        return f"write {number}, without the {printable(match[2])}"
    if _COMMA.fullmatch(text):
        return f"write {text.replace(',', '.')}, with a point"
    match = _NAMED_NUMBER.fullmatch(text)
    return f"write {match[1]}" if match else None


def _duration(found: object, expected: str) -> str | None:
    if isinstance(found, (int, float)) and not isinstance(found, bool) and 0 < found < 1e6:
        low, high = re.findall(r"from (\S+) to (\S+)", expected)[0]
        fits = parse_duration_s(low) <= found / 1000 <= parse_duration_s(high)
        return f"write {format_duration(found / 1000)} if you mean milliseconds" if fits else None
    text = found.strip() if isinstance(found, str) else ""
    if match := _WORDY_TIME.fullmatch(text):
        return f"write {match[1]}{match[2][0].lower()}"
    return f"write {text.replace(',', '.')}s, with a point" if _COMMA.fullmatch(text) else None


def _clock(found: object, _expected: str) -> str | None:
    match = _SHORT_CLOCK.fullmatch(found) if isinstance(found, str) else None
    return f"write 0{match[0]}" if match else None


def _texts(found: object, _expected: str) -> str | None:
    return f"write it as a list: [{printable(found, 40)}]" if isinstance(found, str) and found else None


def _entries(found: object, _expected: str) -> str | None:
    return "begin each with '- ', below the key" if isinstance(found, dict) else None


def _settings(found: object, expected: str) -> str | None:
    if isinstance(found, list):
        if any(isinstance(entry, dict) and {"zone", "hwmon"} & entry.keys() for entry in found):
            return "these belong below a line 'sensors:', which must not be a comment"
        return "write them without a '-' before each" if found else None
    text = found.strip() if isinstance(found, str) else ""
    if "'preset: " in expected and text.lower() in PRESETS:
        return f"write {{preset: {text.lower()}}}"
    if "'name: " in expected and text:
        return "write {zone: cpu-thermal}" if "cpu" in text.lower() else f"write {{hwmon: {printable(text, 40)}}}"
    match = re.match(r"([\w-]{1,40})(:|\s*=)\s*(?=\S)", text)
    if not match:
        return None
    return (
        f"put a blank after '{match[1]}:'" if match[2] == ":" else f"write '{match[1]}: ...', with ':' instead of '='"
    )


def _curve(found: object, _expected: str) -> str | None:
    """The same points as a1d reads them, if ``found`` is another way to write some."""
    entries = re.split(r"[,;\s]+", found.strip("{}[] \n")) if isinstance(found, str) else found
    if not isinstance(entries, list) or not 1 <= len(entries) <= _PARTS_MAX:
        return None
    points = []
    for entry in entries:
        pair = next(iter(entry.items())) if isinstance(entry, dict) and len(entry) == 1 else entry
        if isinstance(pair, str) and (match := _PAIR.fullmatch(pair)):
            pair = match.groups()
        if not isinstance(pair, (list, tuple)) or len(pair) != 2 or not all(map(_is_number, pair)):
            return None
        points.append(f"{pair[0]}: {pair[1]}")
    return f"write {{{', '.join(points)}}}"


def _is_number(value: object) -> bool:
    text = str(value)[:40] if isinstance(value, (int, float, str)) and not isinstance(value, bool) else ""
    return re.fullmatch(_NUMBER, text) is not None


def _boolean(found: object, _expected: str) -> str | None:
    lower = found.strip().lower() if isinstance(found, str) else ""
    answer = lower if lower in ("true", "false") else _BOOLEANS.get(lower)
    return f"write {answer}, without quotes" if answer else None


def _gesture(found: object, expected: str) -> str | None:
    text = found.strip() if isinstance(found, str) else ""
    if text.lower() in _POWEROFF:
        return "write poweroff"
    close = _name(found, expected)
    if close or not text:
        return close
    program, *arguments = text.split()
    return f"write a command as a list: [{printable(program, 40)}{', ...' if arguments else ''}]"


def _name(found: object, expected: str) -> str | None:
    """One of a few names."""
    if not isinstance(found, str):
        return None
    names = [name for name in re.findall(r"[\w-]+", expected) if name not in ("or", "a", "null")]
    close = difflib.get_close_matches(found.strip().lower()[:40], names, n=1)
    return f"did you mean {close[0]}?" if close else None


def _name_or_number(found: object, expected: str) -> str | None:
    return _number(found, expected) or _name(found, "keep or failsafe")


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
