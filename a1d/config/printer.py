"""The effective configuration as YAML that a1d reads back, each setting with its meaning above it."""

from __future__ import annotations

import dataclasses
import re
import textwrap
from collections.abc import Iterator
from typing import Any

import yaml

from a1d.config.reader import key_of
from a1d.config.settings import PRESETS, FanConfig

_PLAIN = re.compile(r"[A-Za-z][\w./-]*|\d+(?:ms|s|m|h|d)", re.ASCII)


def print_config(config: Any) -> str:
    """YAML text for a Config, or another program's settings of its make; reading it gives an equal one."""
    return "\n".join(["# a1d configuration. Every key is optional.", *_section(config, "")]) + "\n"


def _section(section: Any, indent: str) -> Iterator[str]:
    for field in dataclasses.fields(section):
        value = getattr(section, field.name)
        if not indent:
            yield ""
        yield textwrap.indent(field.metadata["doc"], f"{indent}# ")
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
                yield textwrap.indent(f"{key_of(option)}: {option.metadata['doc']}", "  # ")
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
        key_of(field): field.metadata["kind"].show(value)
        for field, value in pairs
        if value is not None and value is not False
    }


def _setting(field: dataclasses.Field[Any], value: object) -> str:
    return f"{key_of(field)}: {_show(field.metadata['kind'].show(value))}"


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
    quoted: str = yaml.safe_dump(value, default_style='"', width=1 << 20)
    return quoted.removesuffix("\n")
