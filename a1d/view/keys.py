"""What was typed, from the bytes that a terminal sends. Pure."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_ARROWS = {"A": "+", "B": "-", "C": ">", "D": "<"}  # up, down, right, left
_SAME = {"=": "+", "_": "-", "\x1b": "escape"}


def keys_of(data: bytes) -> Iterator[str]:
    """Each key: a printable ASCII character, or ``escape``. Arrows are ``+ - > <``; what is unknown is dropped.

    A lone escape is the key; with more behind it, it begins a sequence, of which nothing is taken for a key.
    """
    text = data.decode("ascii", "replace")
    at = 0
    while at < len(text):
        char = text[at]
        at += 1
        if char == "\x1b" and at < len(text):
            if text[at] in "[O":
                at += 1
                while at < len(text) and not "@" <= text[at] <= "~":
                    at += 1
                if at < len(text) and text[at] in _ARROWS:
                    yield _ARROWS[text[at]]
            at += 1
        elif char in _SAME:
            yield _SAME[char]
        elif " " <= char <= "~":
            yield char
