"""Texts and lines cut to fit. Pure; client/columns.py knows how many columns a text takes.

A line is a list of spans, (style, text); ``ansi`` and ``svg`` know what a style looks like.
"""

from __future__ import annotations

from a1d.client.columns import char_width, width

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    Span = tuple[str, str]
    Line = list[Span]


def cut(text: str, columns: int, *, unicode: bool = True) -> str:
    """A printable ``text`` in at most ``columns``; one that was longer ends in an ellipsis."""
    if len(text) <= columns and width(text) <= columns:
        return text
    ellipsis = "\u2026" if unicode else "."
    kept = _first(text, columns - 1)
    return kept + ellipsis if columns > 0 else ""


def cut_coloured(text: str, columns: int) -> str:
    """The same for a text with colours (``ESC [ ... m``), which take no column; it ends without colour."""
    if "\x1b" not in text:
        return cut(text, columns)
    shown = "".join(part for part, is_colour in _parts(text) if not is_colour)
    if width(shown) <= columns:
        return text
    left, out = max(0, columns - 1), ""
    for part, is_colour in _parts(text):
        kept = part if is_colour else _first(part, left)
        out += kept
        if not is_colour:
            left -= width(kept)
            if kept != part:
                break
    return f"{out}\x1b[0m" + ("\u2026" if columns > 0 else "")


def line_width(line: Line) -> int:
    """The columns that it takes."""
    return sum(width(text) for _style, text in line)


def fit(line: Iterable[Span], columns: int, *, unicode: bool = True) -> Line:
    """``line`` in exactly ``columns``: cut, or filled with spaces."""
    left = max(0, columns)
    fitted: Line = []
    for style, text in line:
        if left <= 0:
            break
        kept = cut(text, left, unicode=unicode)
        if kept:
            fitted.append((style, kept))
            left -= width(kept)
        if kept != text:
            break
    return [*fitted, ("", " " * left)] if left else fitted


def _first(text: str, columns: int) -> str:
    """As much of the beginning as fits."""
    if text.isascii():
        return text[: max(0, columns)]
    used = 0
    for index, char in enumerate(text):
        used += char_width(char)
        if used > columns:
            return text[:index]
    return text


def _parts(text: str) -> Iterator[tuple[str, bool]]:
    """What is shown, and the colours between."""
    first, *rest = text.split("\x1b[")
    yield first, False
    for piece in rest:
        colour, _, shown = piece.partition("m")
        yield f"\x1b[{colour}m", True
        yield shown, False
