"""A frame as a picture, for README. Pure."""

from __future__ import annotations

from a1d.client.columns import width
from a1d.view.chart import BLOCKS
from a1d.view.svg import escaped, number, picture

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from a1d.view.text import Line

_CELL_WIDTH, _CELL_HEIGHT, _MARGIN = 8.0, 17.0, 12.0
_INK = "#d1d7e0"
_COLOURS = {
    "title": "#ffffff",
    "number": "#ffffff",
    "dim": "#8b949e",
    "ok": "#3fb950",
    "warn": "#d29922",
    "bad": "#ff7b72",
    "temp": "#3fb950",
    "duty": "#39c5cf",
    "curve": "#4184e4",
    "point": "#f778ba",
    "message": "#d29922",
}
_BOLD = ("title", "number", "bad", "point")


def frame_svg(lines: list[Line], columns: int) -> str:
    """A whole SVG file of a frame of so many columns; areas are drawn, so that no font can tear them."""
    body: list[str] = []
    for row, line in enumerate(lines):
        column = 0
        for style, text in line:
            for run, is_block in _runs(text):
                if run.strip():
                    body.append(_block(run, style, column, row) if is_block else _text(run, style, column, row))
                column += width(run)
    high = _MARGIN * 2 + len(lines) * _CELL_HEIGHT
    return picture(_MARGIN * 2 + columns * _CELL_WIDTH, high, "#0d1117", body, 13)


def _runs(text: str) -> Iterator[tuple[str, bool]]:
    """Each block of one height, and the texts between."""
    start = 0
    for end in range(1, len(text) + 1):
        is_block = text[start] in BLOCKS[1:]
        more = end < len(text) and (text[end] == text[start] if is_block else text[end] not in BLOCKS[1:])
        if not more:
            yield text[start:end], is_block
            start = end


def _block(run: str, style: str, column: int, row: int) -> str:
    height = _CELL_HEIGHT * BLOCKS.index(run[0]) / (len(BLOCKS) - 1)
    x, y = _MARGIN + column * _CELL_WIDTH, _MARGIN + (row + 1) * _CELL_HEIGHT - height
    where = f'x="{number(x)}" y="{number(y)}" width="{number(len(run) * _CELL_WIDTH)}" height="{number(height)}"'
    return f'<rect {where} fill="{_COLOURS.get(style, _INK)}" shape-rendering="crispEdges"/>'


def _text(run: str, style: str, column: int, row: int) -> str:
    blank = len(run) - len(run.lstrip(" "))
    shown = run.strip(" ")
    x, y = _MARGIN + (column + blank) * _CELL_WIDTH, _MARGIN + (row + 1) * _CELL_HEIGHT - 4
    bold = ' font-weight="bold"' if style in _BOLD else ""
    where = f'x="{number(x)}" y="{number(y)}" textLength="{number(width(shown) * _CELL_WIDTH)}"'
    ink = f'fill="{_COLOURS.get(style, _INK)}"{bold}'
    return f'<text {where} {ink} xml:space="preserve">{escaped(shown)}</text>'
