"""What is sent turns the frame before into the new one, and is little."""

from __future__ import annotations

from typing import TYPE_CHECKING
from unicodedata import normalize

import pyte
from hypothesis import given
from hypothesis import strategies as st

from a1d.client.words import printable
from a1d.view.ansi import CODES, Painter
from a1d.view.text import fit

if TYPE_CHECKING:
    from a1d.view.text import Line

CHARS = st.sampled_from(["a", "b", " ", "#", "\u2588", "\u25cf", "\u4e2d", "\u6587", "\u00e9", "e\u0301"])
LINE = st.lists(st.tuples(st.sampled_from(["", *CODES]), st.lists(CHARS, max_size=8).map("".join)), max_size=5)


def shown(emulator: pyte.Screen) -> list[tuple[tuple[str, str], ...]]:
    """Character and colour of each cell; a blank has none."""
    grid = []
    for row in range(emulator.lines):
        cells = [emulator.buffer[row][column] for column in range(emulator.columns)]
        grid.append(tuple((cell.data, cell.fg if cell.data.strip() else "") for cell in cells))
    return grid


def colours_of(emulator: pyte.Screen, row: int) -> list[tuple[str, str]]:
    cells = [emulator.buffer[row][column] for column in range(emulator.columns)]
    return [(normalize("NFD", cell.data)[0], cell.fg) for cell in cells if cell.data.strip()]


def wanted_colours(line: Line) -> list[tuple[str, str]]:
    """Each visible character with the colour of its style, as the emulator names it."""
    names = {"31": "red", "32": "green", "33": "brown", "34": "blue", "35": "magenta", "36": "cyan"}
    wanted = []
    for style, text in line:
        colour = names.get(CODES.get(style, "").partition(";")[0], "default")
        wanted += [(normalize("NFD", char)[0], colour) for char in text if char != "\u0301" and char.strip()]
    return wanted


def emulated() -> pyte.Screen:
    screen = pyte.Screen(20, 3)
    screen.reset_mode(7, private=True)  # no wrapping at the edge, as Terminal.enter asks
    return screen


@given(st.lists(st.tuples(st.lists(LINE, min_size=3, max_size=3), st.booleans()), min_size=1, max_size=6))
def test_frame_after_frame_is_shown_as_if_it_were_the_first(frames: list[tuple[list[Line], bool]]) -> None:
    painter, kept = Painter(colour=True), emulated()
    stream = pyte.Stream(kept)
    for drawn, forgets in frames:
        lines = [fit(line, 20) for line in drawn]
        if forgets:
            painter.forget()
        sent = painter.paint(lines)
        stream.feed(sent)
        fresh = emulated()
        pyte.Stream(fresh).feed(Painter(colour=True).paint(lines))
        assert shown(kept) == shown(fresh)
        for row, line in enumerate(lines):
            assert colours_of(kept, row) == wanted_colours(line)
        assert painter.paint(lines) == "", "the same again costs nothing"


def test_a_changed_number_costs_a_few_bytes() -> None:
    painter = Painter(colour=True)
    painter.paint([fit([("number", "60.0 C"), ("", "  fan 40 %")], 80), fit([("dim", "x" * 80)], 80)])
    assert painter.paint([fit([("number", "60.5 C"), ("", "  fan 40 %")], 80), fit([("dim", "x" * 80)], 80)]) == (
        "\x1b[1;4H\x1b[1m5\x1b[0m"
    )


def test_without_colour_there_is_none() -> None:
    line = fit([(style, style) for style in CODES], 200)
    sent = Painter(colour=False).paint([line])
    assert not any(f"[{code}" in sent or f";{code}" in sent for code in ("31", "32", "33", "34", "35", "36"))


@given(st.text())
def test_nothing_printable_steers_the_terminal(text: str) -> None:
    sent = Painter(colour=True).text(fit([("", printable(text))], 40))
    assert sent.isprintable()
