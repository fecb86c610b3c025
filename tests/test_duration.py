"""Durations: what people write is understood, anything else is a ValueError, and what is printed is read back."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a1d.config.parse_duration import parse_duration_s
from a1d.duration import format_duration, format_span

YEAR_MS = 366 * 86_400_000

like_durations = st.text(alphabet="0123456789.mshd -+e_", max_size=12)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("10s", 10),
        ("15m", 900),
        ("1h30m", 5400),
        ("500ms", 0.5),
        ("1.5h", 5400),
        ("2d", 172_800),
        (" 1H 30M ", 5400),
        ("10 s", 10),
        ("\t10s\n", 10),
        ("1m 500ms", 60.5),
        ("90", 90),
        ("0.25", 0.25),
        ("0s", 0),
        (0, 0),
        (90, 90),
        (0.25, 0.25),
    ],
)
def test_what_people_write(value: object, seconds: float) -> None:
    assert parse_duration_s(value) == seconds


@pytest.mark.parametrize(
    "value",
    [
        *("", " ", "s", "ms", ".", "1h30", "30m1", "10x", "10 seconds", "1:30", "1,5s", "1.s", ".5s", "1e3", "0x10"),
        *("-5s", "-5", "+5s", "nan", "inf", "1_000s", "10s\0", "\u0661\u0660s", "\uff11\uff10s", "10\u017f", "9" * 400),
        *(None, True, False, [], {}, b"10s", (10,), object(), -1, -0.001, math.nan, math.inf, -math.inf),
    ],
)
def test_anything_else_is_a_value_error(value: object) -> None:
    with pytest.raises(ValueError, match="is not a"):
        parse_duration_s(value)


@pytest.mark.parametrize("value", ["1 5", "1 30", "1 0s", "5 m s", "1. 5s", "1 . 5"])
def test_a_space_does_not_glue_two_numbers_or_make_a_unit(value: str) -> None:
    with pytest.raises(ValueError, match="is not a"):
        parse_duration_s(value)


@pytest.mark.parametrize("sign", [1, -1])
def test_an_integer_too_large_for_a_float_is_a_value_error(sign: int) -> None:
    with pytest.raises(ValueError):
        parse_duration_s(sign * 10**400)


@given(
    st.text()
    | like_durations
    | st.integers()
    | st.floats()
    | st.none()
    | st.booleans()
    | st.binary()
    | st.lists(st.integers())
)
def test_the_result_is_a_finite_length_or_a_value_error(value: object) -> None:
    try:
        seconds = parse_duration_s(value)
    except ValueError:
        return
    assert type(seconds) is float
    assert math.isfinite(seconds)
    assert seconds >= 0


@given(st.integers(0, YEAR_MS) | st.integers(0, 200_000) | st.integers(0, YEAR_MS // 1000).map(lambda s: s * 1000))
def test_what_is_printed_is_read_back_to_the_millisecond(whole_ms: int) -> None:
    assert round(parse_duration_s(format_duration(whole_ms / 1000)) * 1000) == whole_ms


@given(st.floats(0, YEAR_MS / 1000))
def test_printing_rounds_by_half_a_millisecond_at_most(seconds: float) -> None:
    assert parse_duration_s(format_duration(seconds)) == pytest.approx(seconds, abs=0.000501)


@pytest.mark.parametrize(
    ("seconds", "texts"),
    [
        (0, ["0s"]),
        (0.05, ["50ms"]),
        (1.5, ["1.5s"]),
        (10, ["10s"]),
        (60, ["1m"]),
        (90, ["1m30s", "90s"]),
        (900, ["15m"]),
        (5400, ["1h30m"]),
        (86_400, ["1d"]),
        (90_061, ["1d1h1m1s"]),
        (100.5, ["100.5s", "1m40.5s"]),
    ],
)
def test_what_is_printed_is_what_a_person_would_write(seconds: float, texts: list[str]) -> None:
    assert format_duration(seconds) in texts


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (15.2, "15 s"), (59.4, "59 s"), (59.6, "1m"), (3599, "59m59s"), (3661, "1h1m"), (90061, "1d1h")],
)
def test_a_time_is_the_coarser_the_longer(seconds: float, text: str) -> None:
    assert format_span(seconds) == text
