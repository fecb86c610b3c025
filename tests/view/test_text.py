"""How wide a text is, and what is left of it when it must fit."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wcwidth import wcwidth

from a1d.client.columns import char_width, width, wrap
from a1d.client.words import printable
from a1d.view.text import cut, cut_coloured, fit, line_width

TEXT = st.text(st.characters() | st.sampled_from("ab \u2588\u2026\u4e2d\uff21e\u0301\U0001f600"), max_size=40).map(
    printable
)
COLOURS = re.compile(r"\x1b\[\d*m")


@pytest.mark.parametrize(
    ("char", "columns"),
    [
        ("a", 1),
        ("\u00e9", 1),
        ("\u2588", 1),
        ("\u25cf", 1),
        ("\u4e2d", 2),
        ("\uff21", 2),
        ("\u0301", 0),
        ("\U0001f600", 2),
    ],
)
def test_what_a_character_takes(char: str, columns: int) -> None:
    assert char_width(char) == columns


@given(st.characters().filter(str.isprintable))
def test_we_and_wcwidth_agree_but_for_what_unicode_changed_since(char: str) -> None:
    """It may be of a later Unicode than Python; where they differ, it is about what terminals differ in, too."""
    if wcwidth(char) != char_width(char):
        import unicodedata

        assert unicodedata.category(char) in ("Mn", "Mc", "Me", "Lo", "So", "Sk", "Lm", "Cn", "Sm", "Nd", "No", "Po")


@given(TEXT, st.integers(0, 50))
def test_a_cut_text_fits_and_is_a_beginning(text: str, columns: int) -> None:
    kept = cut(text, columns)
    assert width(kept) <= columns
    assert kept == text if width(text) <= columns else text.startswith(kept.removesuffix("\u2026"))
    assert width(kept) >= min(width(text), columns - 1), "a wide character may leave one column empty, no more"


@given(st.lists(st.tuples(TEXT, st.sampled_from(["", "\x1b[31m", "\x1b[0m"])), max_size=4), st.integers(0, 50))
def test_colours_take_no_room_and_none_is_left_on(parts: list[tuple[str, str]], columns: int) -> None:
    text = "".join(colour + shown for shown, colour in parts)
    shown = COLOURS.sub("", text)
    kept = cut_coloured(text, columns)
    assert width(COLOURS.sub("", kept)) <= columns
    if width(shown) <= columns:
        assert kept == text
    elif "\x1b" in text:
        assert "\x1b[0m" in kept[-6:]
    assert COLOURS.sub("", kept) == cut(shown, columns)


@given(st.lists(st.tuples(st.just("dim"), TEXT), max_size=5), st.integers(0, 60))
def test_a_line_takes_exactly_its_room(line: list[tuple[str, str]], columns: int) -> None:
    fitted = fit(line, columns)
    assert line_width(fitted) == columns
    whole = "".join(text for _style, text in line)
    if width(whole) <= columns:
        assert "".join(text for _style, text in fitted).startswith(whole)


@given(st.lists(st.text("ab\u4e2d", max_size=9), min_size=1, max_size=20), st.integers(20, 60), st.integers(0, 10))
def test_a_text_is_broken_at_blanks_alone(words: list[str], columns: int, indent: int) -> None:
    text = " ".join(words)
    first, *more = lines = wrap(text, columns, indent)
    assert " ".join(lines).split() == text.split()
    assert all(line.startswith(" " * indent) for line in more)
    longest = max(map(width, words))
    assert all(width(line) <= max(columns, indent + 1 + longest) for line in lines)
    if not more:
        assert first == text


def test_the_first_columns_are_not_torn_off() -> None:
    assert wrap("title   a word", 12, 8) == ["title   a", "        word"]
    assert wrap("title   averylongword", 12, 8) == ["title   averylongword"]
