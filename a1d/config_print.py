"""The effective configuration as YAML that a1d reads back, each setting with its meaning above it."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from typing import Any

import yaml

from a1d.config import Config
from a1d.config_file import key_of

_PLAIN = re.compile(r"[A-Za-z][\w./-]*|\d+(?:ms|s|m|h|d)", re.ASCII)


def print_config(config: Config) -> str:
    """YAML text for ``config``; reading it gives an equal configuration."""
    return "\n".join(["# a1d configuration. Every key is optional.", *_section(config, "")]) + "\n"


def _section(section: Any, indent: str) -> Iterator[str]:
    for field in dataclasses.fields(section):
        value = getattr(section, field.name)
        if not indent:
            yield ""
        yield from _comment(field.metadata["doc"], indent)
        if "kind" in field.metadata:
            yield f"{indent}{key_of(field)}: {_show(field.metadata['kind'].show(value))}"
        elif isinstance(value, tuple):
            yield "# Each has:"
            for option in dataclasses.fields(value[0]):
                yield from _comment(f"{key_of(option)}: {option.metadata['doc']}", "  ")
            yield f"{indent}{key_of(field)}:"
            for entry in value:
                yield from _list_entry(entry, f"{indent}  ")
        else:
            yield f"{indent}{key_of(field)}:"
            yield from _section(value, f"{indent}  ")


def _comment(doc: str, indent: str) -> Iterator[str]:
    for line in doc.splitlines():
        yield f"{indent}# {line}"


def _list_entry(entry: Any, indent: str) -> Iterator[str]:
    """A list's entry without comments; what is unset is left out."""
    dash = "- "
    for field in dataclasses.fields(entry):
        value = getattr(entry, field.name)
        if value is not None:
            yield f"{indent}{dash}{key_of(field)}: {_show(field.metadata['kind'].show(value))}"
            dash = "  "


def _show(value: object) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_show, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{_show(key)}: {_show(entry)}' for key, entry in value.items())}}}"
    if not isinstance(value, str):
        return "null" if value is None else str(value)
    if _PLAIN.fullmatch(value) and value not in ("null", "true", "false"):
        return value
    quoted: str = yaml.safe_dump(value, default_style='"', width=1 << 20)
    return quoted.removesuffix("\n")
