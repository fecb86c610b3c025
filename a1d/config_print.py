"""The effective configuration as YAML that a1d reads back, each setting with its meaning above it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import yaml

from a1d.config import Config
from a1d.config_file import key_of


def print_config(config: Config) -> str:
    """YAML text for ``config``; reading it gives an equal configuration."""
    return "\n".join(["# a1d configuration. Every key is optional.", *_section(config, "")]) + "\n"


def _section(section: Any, indent: str) -> Iterator[str]:
    for field in dataclasses.fields(section):
        value = getattr(section, field.name)
        if not indent:
            yield ""
        for line in field.metadata["doc"].splitlines():
            yield f"{indent}# {line}"
        if "kind" in field.metadata:
            yield f"{indent}{key_of(field)}: {_scalar(field.metadata['kind'].show(value))}"
        elif isinstance(value, tuple):
            yield f"{indent}{key_of(field)}:"
            for entry in value:
                yield from _list_entry(entry, f"{indent}  ")
        else:
            yield f"{indent}{key_of(field)}:"
            yield from _section(value, f"{indent}  ")


def _list_entry(entry: Any, indent: str) -> Iterator[str]:
    """A list's entry without comments; what is unset is left out."""
    dash = "- "
    for field in dataclasses.fields(entry):
        value = getattr(entry, field.name)
        if value is not None:
            yield f"{indent}{dash}{key_of(field)}: {_scalar(field.metadata['kind'].show(value))}"
            dash = "  "


def _scalar(value: object) -> str:
    text: str = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, allow_unicode=True, width=1 << 20)
    return text.removesuffix("\n").removesuffix("\n...")
