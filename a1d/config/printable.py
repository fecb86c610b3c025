"""Text of unknown origin, made fit to be shown."""

from __future__ import annotations


def printable(text: str, length_max: int = 60) -> str:
    """``text`` on one line that no terminal stumbles over, cut to a bearable length."""
    shown = "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in text[: length_max + 1])
    return shown if len(shown) <= length_max else shown[: length_max - 3] + "..."
