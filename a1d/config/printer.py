"""The effective configuration as YAML that a1d reads back, each setting with its meaning above it."""

from __future__ import annotations

import dataclasses
import re
import textwrap
from collections.abc import Iterator
from typing import Any

from a1d.config.kinds import kind_of
from a1d.config.settings import PRESETS, Config, FanConfig, key_of

_ROW = re.compile(r" \([A-Z]\d{1,2}\)")  # of docs/hardware.md: for whoever reads the code
_RANGE = re.compile(r"from (\S+) to ([^\s,]+)")
_LINE_MAX = 110
_PLAIN = re.compile(r"[A-Za-z][\w./-]*|(?:\d+(?:ms|s|m|h|d))+", re.ASCII)


def print_config(config: Any, *, program: str = "a1d", hides_arguments: bool = False) -> str:
    """YAML text for a Config, or another ``program``'s settings of its make; reading it gives an equal one.

    ``hides_arguments``: of a gesture's command only the program is shown, as its arguments may hold a secret.
    """
    head = [f"# {program} configuration. Every key is optional."]
    if hides_arguments:
        config = _without_arguments(config)
        head.append("# Only root and the group a1d are shown the arguments of the button's commands.")
    return "\n".join([*head, *_section(config, "")]) + "\n"


def _without_arguments(config: Config) -> Config:
    button = config.button
    double_press, hold = (
        (action[0], "...") if isinstance(action, tuple) and action[1:] else action
        for action in (button.double_press, button.hold)
    )
    return dataclasses.replace(config, button=dataclasses.replace(button, double_press=double_press, hold=hold))


def meaning_of(field: dataclasses.Field[Any]) -> str:
    """What a setting means and its range, in lines of at most 118 characters."""
    text = _ROW.sub("", field.metadata["doc"])
    found = _RANGE.search(kind_of(field).expected) if "kind" in field.metadata else None
    if found is None:
        return text
    separator = " " if len(text.rpartition("\n")[2]) <= _LINE_MAX - len(found[0]) - 4 else "\n"
    return f"{text}{separator}Range: {found[1]} to {found[2]}."


def _section(section: Any, indent: str) -> Iterator[str]:
    for field in dataclasses.fields(section):
        value = getattr(section, field.name)
        if not indent:
            yield ""
        yield textwrap.indent(meaning_of(field), f"{indent}# ")
        if "kind" in field.metadata:
            # What is the preset's stays a comment, or another preset written above it would change nothing.
            preset = PRESETS[section.preset] if isinstance(section, FanConfig) else {}
            is_preset = field.name in preset and preset[field.name] == value
            yield f"{'#' if is_preset else ''}{indent}{_setting(field, value)}"
            continue
        if field.name == "profiles":
            yield f"profiles: {_show({name: _set_keys(profile) for name, profile in value})}"
            continue
        if isinstance(value, tuple):
            yield "# Each has:"
            for option in dataclasses.fields(value[0]):
                yield textwrap.indent(f"{key_of(option)}: {meaning_of(option)}", "  # ")
        yield f"{indent}{key_of(field)}:"
        if isinstance(value, tuple):
            yield from map(_list_entry, value)
        else:
            yield from _section(value, f"{indent}  ")


def _list_entry(entry: Any) -> str:
    """A list's entry without comments."""
    return "  - " + "\n    ".join(f"{key}: {_show(value)}" for key, value in _set_keys(entry).items())


def _set_keys(entry: Any) -> dict[str, object]:
    """Its keys and values as YAML can hold them; what is unset is left out."""
    pairs = [(field, getattr(entry, field.name)) for field in dataclasses.fields(entry)]
    return {
        key_of(field): kind_of(field).show(value) for field, value in pairs if value is not None and value is not False
    }


def _setting(field: dataclasses.Field[Any], value: object) -> str:
    return f"{key_of(field)}: {_show(kind_of(field).show(value))}"


def _show(value: object) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(map(_show, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{_show(key)}: {_show(entry)}' for key, entry in value.items())}}}"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if not isinstance(value, str):
        return "null" if value is None else str(value).lower()  # true and false; numbers have no capitals
    if _PLAIN.fullmatch(value) and value not in ("null", "true", "false"):
        return value
    return f'"{"".join(map(_quoted, value))}"'


def _quoted(char: str) -> str:
    """As it stands within double quotes. Not YAML's own writer: it costs the daemon 14 ms and 1.4 MB."""
    if char in '"\\':
        return f"\\{char}"
    code = ord(char)
    if char.isascii() and char.isprintable():
        return char
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
