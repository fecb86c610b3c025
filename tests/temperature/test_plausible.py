"""Which fall of a temperature can be true. The heat of an honest machine is in a1d/sim/heat.py."""

from __future__ import annotations

import math
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a1d.sim.heat import IDLE_WATTS, LOAD_WATTS, HeatModel
from a1d.temperature.plausible import FALL_MAX_CELSIUS, Plausibility

TICK_S = 0.5


def after(*warm: float) -> Plausibility:
    """One that has believed these, a tick apart; the last at 0 s."""
    plausibility = Plausibility()
    for number, temp_celsius in enumerate(warm):
        assert plausibility.doubt(temp_celsius, (number + 1 - len(warm)) * TICK_S) is None
    return plausibility


def believed_from(plausibility: Plausibility, temps: Iterable[float], tick_s: float = TICK_S) -> float | None:
    """The time of the first reading that is believed."""
    for number, temp_celsius in enumerate(temps, 1):
        if plausibility.doubt(temp_celsius, number * tick_s) is None:
            return number * tick_s
    return None


@pytest.mark.parametrize("zeros", [0.0, 3.0, -20.0, 0.072])
@pytest.mark.parametrize("warm", [64.5, 45.0, 38.5])
def test_what_no_chip_falls_to_in_a_tick_is_doubted_for_as_long_as_it_is_said(warm: float, zeros: float) -> None:
    assert believed_from(after(*[warm] * 20), [zeros] * 10_000) is None


def test_zero_for_ever_after_a_warm_spell_is_doubted_from_the_first_on() -> None:
    reason = after(*[64.5] * 20).doubt(0.0, 0.5)
    assert reason == "says exactly 0 C, as a sensor does that measures nothing"
    assert after(*[64.5] * 20).doubt(3.0, 0.5) == "fell from 64.5 C to 3.0 C in 0.5 s; no chip cools so fast"


@pytest.mark.parametrize("warm", [(), (1.0,), (64.5,)])
def test_degrees_where_millidegrees_belong_are_doubted_always(warm: tuple[float, ...]) -> None:
    plausibility = after(*warm)
    assert believed_from(plausibility, [0.072, 0.073] * 10_000) is None
    assert "says 72" in str(plausibility.doubt(0.072, 20_000))
    assert "says 125" in str(plausibility.doubt(0.125, 20_000))


def test_exactly_0_from_the_start_is_doubted_until_it_moves() -> None:
    plausibility = Plausibility()
    assert plausibility.doubt(0.0, 0) is not None
    assert plausibility.doubt(0.55, 1) is None
    assert plausibility.doubt(0.0, 2) is None  # by now it is a frosty place


def test_a_chip_that_cools_into_frost_step_by_step_is_believed() -> None:
    temps = [40 - 0.55 * step for step in range(74)] + [0.0] * 1000  # the Pi's driver says 0 for all that is below
    assert believed_from(after(40.0), temps) == TICK_S
    plausibility = after(40.0)
    assert [t for n, t in enumerate(temps) if plausibility.doubt(t, n * 5.0) is not None] == []


@pytest.mark.parametrize("fall", [1.0, 20.0, 30.0])
@given(warm=st.floats(31, 110))
def test_a_fall_that_a_load_s_end_can_bring_is_believed_at_once(warm: float, fall: float) -> None:
    assert after(*[warm] * 20).doubt(warm - fall, TICK_S) is None


@pytest.mark.parametrize("tick_s", [0.1, 0.5, 2.0, 5.0])
@pytest.mark.parametrize("tau_s", [1.0, 2.0, 4.0, 8.0])
@pytest.mark.parametrize("celsius_per_watt", [2.4, 3.5])
def test_no_load_s_end_of_the_published_figures_is_doubted(
    tick_s: float, tau_s: float, celsius_per_watt: float
) -> None:
    """The chip over its case, first order, from 9 W more than idle to idle, with a degree of noise."""
    fall = celsius_per_watt * (LOAD_WATTS - 1.2)
    plausibility = after(*[80.0] * 200)
    for tick in range(1, 400):
        noise = (-1.0, 0.3, 1.0)[tick % 3]
        temp_celsius = 80.0 - fall * (1 - math.exp(-tick * tick_s / tau_s)) + noise
        assert plausibility.doubt(temp_celsius, tick * tick_s) is None


def test_nothing_the_simulated_case_does_is_doubted() -> None:
    """Full load and none in turns, the fan at full speed or off, for hours."""
    heat, plausibility = HeatModel(), Plausibility()
    for tick in range(4 * 3600):
        phase = tick // 200
        heat.advance(TICK_S, (IDLE_WATTS, LOAD_WATTS)[phase % 2], (0, 100)[phase // 2 % 2])
        assert plausibility.doubt(round(heat.chip_celsius / 0.55) * 0.55, tick * TICK_S) is None


@pytest.mark.parametrize("ticks", [1, 2, 4])
def test_a_leap_that_is_over_in_two_seconds_makes_nobody_doubt_what_follows(ticks: int) -> None:
    plausibility = after(*[45.0] * 20)
    temps = [84.0] * ticks + [45.0] * 10
    assert [plausibility.doubt(temp, n * TICK_S) for n, temp in enumerate(temps, 1)] == [None] * len(temps)


def test_a_fall_in_two_steps_is_still_a_fall() -> None:
    plausibility = after(*[64.5] * 20)
    assert plausibility.doubt(36.0, 0.5) is None
    assert plausibility.doubt(7.0, 1.0) is not None


def test_it_is_believed_again_at_once_when_it_says_what_it_said_before() -> None:
    plausibility = after(*[64.5] * 20)
    assert plausibility.doubt(0.0, 0.5) is not None
    assert plausibility.doubt(64.0, 1.0) is None


def test_a_new_low_value_is_believed_once_it_moves_and_a_case_can_have_cooled_to_it() -> None:
    moving = [20.0, 20.55] * 10_000
    from_s = believed_from(after(*[64.5] * 20), moving)
    assert from_s is not None
    assert 139 <= from_s <= 146  # 64.5 - 30 - 20 at 0.1 C a second
    assert believed_from(after(*[64.5] * 20), [20.0] * 10_000) is None  # a live sensor is never so still
    assert believed_from(after(*[64.5] * 20), [14.0, 14.5] * 10_000) is None  # no room is so cold


@pytest.mark.parametrize("begin_s", [0.0, 5000.0])
def test_once_it_has_moved_it_may_stand_still_again(begin_s: float) -> None:
    plausibility = Plausibility()
    assert plausibility.doubt(64.5, begin_s) is None
    temps = [20.0, 20.55] + [20.0] * 10_000
    believed = [n for n, temp in enumerate(temps, 1) if plausibility.doubt(temp, begin_s + n * TICK_S) is None]
    assert 144 <= believed[0] * TICK_S <= 146


def test_a_low_value_after_a_long_silence_is_doubted_until_it_moves() -> None:
    plausibility = after(64.5)
    assert plausibility.doubt(30.0, 400.0) is not None
    assert plausibility.doubt(30.0, 400.5) is not None
    assert plausibility.doubt(30.55, 401.0) is None


@pytest.mark.parametrize(("fall_to", "is_believed"), [(45.1, True), (44.9, False)])
def test_what_is_known_follows_a_rise_by_3_degrees_a_second(fall_to: float, is_believed: bool) -> None:
    plausibility = after(*[45.0] * 20, *[84.0] * 20)  # ten seconds: 75 C is known
    assert (plausibility.doubt(fall_to, TICK_S) is None) == is_believed


@pytest.mark.parametrize(("fall_to", "is_believed"), [(49.1, True), (48.9, False)])
def test_what_is_known_follows_a_fall_by_10_degrees_a_second(fall_to: float, is_believed: bool) -> None:
    plausibility = after(*[84.0] * 20, 60.0)  # half a second: 79 C is known
    assert (plausibility.doubt(fall_to, TICK_S) is None) == is_believed


@pytest.mark.parametrize(("before", "then", "is_believed"), [(4.9, 0.0, True), (5.1, 0.0, False), (1.0, 0.126, True)])
def test_frost_is_believed_from_5_degrees_down(before: float, then: float, is_believed: bool) -> None:
    assert (after(before).doubt(then, TICK_S) is None) == is_believed


def test_after_a_gap_nothing_is_compared_with_what_was_before() -> None:
    plausibility = after(*[64.5] * 20)
    plausibility.forget()
    assert plausibility.doubt(12.0, 0.5) is None


@given(st.lists(st.tuples(st.floats(0.1, 100), st.floats(-20, 125)), max_size=100))
def test_what_is_hotter_than_the_last_believed_is_never_doubted(steps: list[tuple[float, float]]) -> None:
    plausibility, now_s, last = Plausibility(), 0.0, -20.0
    for pause_s, temp_celsius in steps:
        now_s += pause_s
        reason = plausibility.doubt(temp_celsius, now_s)
        if temp_celsius >= max(last, 1.0):
            assert reason is None
        if reason is None:
            last = temp_celsius
        else:
            assert reason.isprintable()


def test_the_threshold_is_what_the_documentation_says() -> None:
    assert FALL_MAX_CELSIUS == 30
