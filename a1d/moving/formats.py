"""Whose settings a text holds, told from the text alone. docs/moving.md has the formats."""

from __future__ import annotations

import re
from dataclasses import fields

from a1d.config.bounded import SIZE_MAX
from a1d.config.settings import Config, key_of

VENDOR, ARGONONED, ARGONEON = "vendor", "argononed", "argoneon"
_STAGES = [f"{name}{at}" for name in ("fan", "temp") for at in range(3)]
ARGONONED_KEYS = ["fans", "temps", *_STAGES, "hysteresis", "i2cbus", "loglevel", "flags"]
_WHOSE = {
    VENDOR: "of Argon's own daemon, or of argonone-rs (lines such as 55=30)",
    ARGONONED: "of argononed (fans = 10, 55, 100)",
    ARGONEON: "of JeffCurless's argoneon ([CPUFan])",
}
_SIGNS = (
    (ARGONEON, re.compile(r"^[ \t]*\[(?:CPUFan|HDDFan)\]", re.MULTILINE)),
    (ARGONONED, re.compile(rf"^[ \t]*(?:{'|'.join(ARGONONED_KEYS)})[ \t]*=", re.MULTILINE)),
    (VENDOR, re.compile(r"^[ \t]*\d{1,3}(?:\.\d{1,9})?[ \t]*=[ \t]*\d{1,3}(?:\.\d{1,9})?[ \t]*$", re.MULTILINE)),
)
_OURS = re.compile(rf"^(?:{'|'.join(key_of(field) for field in fields(Config))}):(?:\s|$)", re.MULTILINE)
_YAML = re.compile(r"^[ \t]*[\w-]+:(?:\s|$)", re.MULTILINE)


def text_of(data: bytes) -> str:
    """The first SIZE_MAX bytes as text with plain line ends, whatever they are."""
    return data[:SIZE_MAX].decode("utf-8", "replace").removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")


def format_of(text: str) -> str | None:
    """VENDOR, ARGONONED or ARGONEON; None if it is none of them, or looks like YAML."""
    if _YAML.search(text):
        return None
    return next((name for name, sign in _SIGNS if sign.search(text)), None)


def is_our_own(text: str) -> bool:
    """Whether it looks like a configuration of a1d's."""
    return _OURS.search(text) is not None


def describe(data: bytes) -> str | None:
    """Whose settings these are, in words that follow "settings"; None if nobody's that is known."""
    name = format_of(text_of(data))
    return None if name is None else _WHOSE[name]
