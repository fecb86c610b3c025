"""How many columns a text takes on a terminal, and a text broken into lines that fit. Pure."""

from __future__ import annotations


def char_width(char: str) -> int:
    """0, 1 or 2 columns, of a printable character."""
    if char < "\u0300":
        return 1
    import unicodedata  # 1 MB that is only needed for what is not Latin

    if unicodedata.category(char) in ("Mn", "Me") or "\u1160" <= char <= "\u11ff":
        return 0  # accents, and the parts of a Hangul syllable that follow its first
    return 2 if unicodedata.east_asian_width(char) in ("W", "F") else 1


def width(text: str) -> int:
    """The columns that a printable ``text`` takes."""
    return len(text) if text.isascii() else sum(map(char_width, text))


def wrap(text: str, columns: int, indent: int) -> list[str]:
    """A printable ``text`` as lines of at most ``columns``, broken at blanks; from the second on they are indented.

    The first ``indent`` columns stay in one piece, as does a word that is longer than a line.
    """
    lines: list[str] = []
    line, *words = text.split(" ")
    for word in words:
        if width(line) > indent and width(line) + 1 + width(word) > columns:
            lines.append(line.rstrip())
            line = " " * indent + word
        else:
            line += f" {word}"
    return [*lines, line]
