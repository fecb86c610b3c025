"""Histories and areas: what is drawn is what was seen."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a1d.view import chart
from a1d.view.history import _SAMPLES_MAX, WINDOW_S, History, column_s

VALUE = st.none() | st.floats(-50, 150)


@given(st.lists(VALUE, max_size=60), st.integers(0, 30), st.booleans())
def test_an_area_has_its_size_and_rises_with_its_values(values: list[float | None], rows: int, unicode: bool) -> None:
    drawn = chart.area(values, rows, 0, 100, unicode=unicode)
    assert len(drawn) == rows
    assert all(len(line) == len(values) for line in drawn)
    assert unicode or all(line.isascii() for line in drawn)
    blocks = chart.BLOCKS if unicode else chart.ASCII_BLOCKS
    heights = [sum(blocks.index(line[column]) for line in drawn) for column in range(len(values))]
    for value, height in zip(values, heights, strict=True):
        assert (height == 0) == (value is None or rows == 0)
    known = sorted((value, height) for value, height in zip(values, heights, strict=True) if value is not None)
    assert [height for _value, height in known] == sorted(height for _value, height in known)


def test_an_area_as_it_looks() -> None:
    assert chart.area([0, 25, 50, 100, None], 2, 0, 100, unicode=True) == ["   \u2588 ", "\u2581\u2584\u2588\u2588 "]
    assert chart.area([0, 25, 50, 100, None], 2, 0, 100, unicode=False) == ["   # ", ".:## "]


@given(st.floats(0, 100), st.integers(1, 30))
def test_the_mark_of_a_value_stands_where_its_area_ends(value: float, rows: int) -> None:
    drawn = chart.area([value], rows, 0, 100, unicode=True)
    top = next(row for row, line in enumerate(drawn) if line != " ")
    assert abs(chart.row_of(value, rows, 0, 100) - top) <= 1


@pytest.mark.parametrize(
    ("values", "expected"),
    [([], (30, 50)), ([None], (30, 50)), ([45.0, 46.0], (40, 60)), ([38.0, 71.5], (30, 80)), ([50.0], (40, 60))],
)
def test_the_range_is_round_and_wide_enough(values: list[float | None], expected: tuple[float, float]) -> None:
    assert chart.temperature_range(values) == expected


@given(st.lists(st.floats(-300, 1000), max_size=30))
def test_the_range_holds_every_value(values: list[float]) -> None:
    low, high = chart.temperature_range(values)
    assert high - low >= 20 and all(low <= value <= high for value in values)


def test_the_history_keeps_the_highest_of_each_column_and_leaves_gaps() -> None:
    history = History()
    columns = 60
    assert column_s(columns) == 5
    for second, temp in ((1000, 50.0), (1001, 52.0), (1004.9, 51.0), (1010, 60.0)):
        history.add(second, temp, None if second == 1010 else 30)
    assert history.temps_celsius(1012, columns)[-3:] == [52.0, None, 60.0]
    assert history.duties_percent(1012, columns)[-3:] == [30, None, None]
    assert history.temps_celsius(1017, columns)[-4:] == [52.0, None, 60.0, None], "a column keeps its value and moves"


def test_the_history_is_bounded_however_often_it_is_told() -> None:
    history = History()
    for turn in range(20_000):
        history.add(1000 + turn / 10, 50.0 if turn % 10 else 70.0, 10)
    assert len(history._samples) <= _SAMPLES_MAX
    assert len({int(at_s) for at_s, _temp, _duty in history._samples}) == len(history._samples)
    assert history.temps_celsius(2999.9, 10)[-1] == 70.0
    assert _SAMPLES_MAX >= WINDOW_S * 2


@given(st.integers(1, 600), st.floats(0, 1e6))
def test_the_window_is_about_five_minutes_whatever_the_size(columns: int, now_s: float) -> None:
    assert WINDOW_S <= columns * column_s(columns) < WINDOW_S + max(columns, WINDOW_S)
    assert History().temps_celsius(now_s, columns) == [None] * columns
