"""Lines of spans as bytes for a terminal: what differs from the frame before, and no more. Pure."""

from __future__ import annotations

from a1d.client.columns import char_width

TYPE_CHECKING = False
if TYPE_CHECKING:
    from a1d.view.text import Line

    Cell = tuple[str, str]  # style and character; an empty character is the right half of a wide one

CODES = {
    "title": "1",
    "number": "1",
    "dim": "2",
    "ok": "32",
    "warn": "33",
    "bad": "31;1",
    "temp": "32",
    "duty": "36",
    "curve": "34",
    "point": "35;1",
    "message": "33",
}
_PLAIN = {"title": "1", "number": "1", "bad": "1", "point": "7", "message": "1"}  # NO_COLOR says nothing of bold
_NEAR = 6  # so many cells that did not change are cheaper to send than to jump over


class Painter:
    """``paint`` gives the bytes that turn the frame before into this one."""

    def __init__(self, colour: bool) -> None:
        self._codes = CODES if colour else _PLAIN
        self._lines: list[Line] = []

    def forget(self) -> None:
        """Nothing is known of what the terminal shows."""
        self._lines = []

    def paint(self, lines: list[Line]) -> str:
        """All of the frame after ``forget``, or when its height has changed; otherwise what differs."""
        out = []
        if len(lines) != len(self._lines):
            self._lines = []
            out.append("\x1b[0m\x1b[2J")
        for row, line in enumerate(lines):
            if not self._lines:
                out.append(self._at(row, 0, _cells(line)))
            elif line != self._lines[row]:
                out.append(self._change(row, _cells(self._lines[row]), _cells(line)))
        self._lines = lines
        return "".join(out)

    def text(self, line: Line) -> str:
        """A line by itself, with its colours."""
        return self._text(_cells(line))

    def _change(self, row: int, old: list[Cell], new: list[Cell]) -> str:
        """Each stretch of the row that has changed. A wide character differs in its left half or not at all."""
        if len(old) != len(new):
            return f"\x1b[{row + 1};1H\x1b[K{self._text(new)}"
        out = []
        start = end = -1
        for column, (before, now) in enumerate(zip(old, new, strict=True)):
            if before == now:
                continue
            if start >= 0 and column - end > _NEAR:
                out.append(self._at(row, start, new[start : end + 1]))
                start = -1
            start, end = column if start < 0 else start, column
        out.append(self._at(row, start, new[start : end + 1]))
        return "".join(out)

    def _at(self, row: int, column: int, cells: list[Cell]) -> str:
        return f"\x1b[{row + 1};{column + 1}H{self._text(cells)}"

    def _text(self, cells: list[Cell]) -> str:
        """With colours, and none left on at the end."""
        out = []
        code = ""
        for style, char in cells:
            wanted = self._codes.get(style, "")
            if wanted != code and (char != " " or "7" in (code, wanted)):  # a blank has no colour
                out.append(f"\x1b[0;{wanted}m" if code and wanted else f"\x1b[{wanted}m" if wanted else "\x1b[0m")
                code = wanted
            out.append(char)
        return "".join([*out, "\x1b[0m" if code else ""])


def _cells(line: Line) -> list[Cell]:
    cells: list[Cell] = []
    for style, text in line:
        if text.isascii():
            cells += [(style, char) for char in text]
            continue
        for char in text:
            wide = char_width(char)
            if wide == 0 and cells:
                # An accent belongs to what stands before it.
                at = -2 if cells[-1][1] == "" and len(cells) > 1 else -1
                cells[at] = (cells[at][0], cells[at][1] + char)
            elif wide:
                cells += [(style, char), (style, "")][:wide]
    return cells
