"""max_percent: a cap on the duty that yields before critical, and never beats what decides in an emergency."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a1d.config.settings import Config, FanConfig, SensorConfig
from a1d.temperature.controller import Controller
from a1d.temperature.curve import Curve, curve_of
from a1d.temperature.decision import Decision
from a1d.temperature.reading import Reading
from a1d.temperature.target import TargetLaw
from tests.virtual import PROMPT_FAN

POINTS = ((50.0, 10.0), (60.0, 40.0), (70.0, 100.0))
CAPPED = Config(fan=replace(PROMPT_FAN, max_percent=40))
any_temp = st.floats() | st.floats(-20, 125)


def run(config: Config, *temps: float | None, duty: int | None = 0) -> Decision:
    """A tick each; the last decision. None: the reading fails."""
    controller, last = Controller(config, 0.0, duty), Reading("cpu", 45.0, 0.0)
    for k, temp in enumerate(temps, 1):
        last = last._replace(error="no answer", missed=last.missed + 1) if temp is None else Reading("cpu", temp, k / 2)
        decision = controller.step(k / 2, [last])
    return decision


def test_the_cap_holds_below_yield_and_rises_in_a_straight_line_to_100_at_critical() -> None:
    curve = curve_of(CAPPED, CAPPED.sensors[0])
    expected = {55: 25, 60: 40, 65: 40, 70: 40, 72: 40, 73: 48, 74: 55, 76: 70, 78: 85, 79.9: 100, 80: 100}
    assert {temp: curve.duty_percent(temp) for temp in expected} == expected


@given(
    st.lists(st.tuples(st.floats(-20, 125), st.floats(0, 100)), max_size=6),
    st.floats(40, 110),
    st.integers(0, 100),
    st.integers(0, 100),
    st.floats(-60, 60),
    any_temp,
    any_temp,
)
def test_a_capped_curve_is_total_never_falls_and_is_the_free_one_or_the_cap(
    points: list[tuple[float, float]],
    critical: float,
    duty_min: int,
    cap: int,
    over: float,
    one: float,
    other: float,
) -> None:
    free = Curve(points, critical, duty_min_percent=duty_min)
    capped = Curve(points, critical, duty_min_percent=duty_min, max_percent=cap, yields_over_celsius=over)
    for temp in (one, other, critical, math.nan):
        duty = capped.duty_percent(temp)
        assert duty == min(free.duty_percent(temp), capped.cap_percent(temp))
        assert duty == 0 or duty_min <= duty <= 100
        assert temp < critical or duty == capped.cap_percent(temp) == 100
        assert not temp <= critical - max(over, 4.0) or capped.cap_percent(temp) == (max(cap, duty_min) if cap else 0)
    if one <= other:
        assert capped.duty_percent(one) <= capped.duty_percent(other)
        assert capped.cap_percent(one) <= capped.cap_percent(other)


def test_a_yield_above_critical_still_yields_over_4_degrees() -> None:
    curve = curve_of(replace(CAPPED, fan=replace(CAPPED.fan, critical_celsius=66.0)), CAPPED.sensors[0])
    assert [curve.cap_percent(temp) for temp in (62, 63, 64, 65, 66)] == [40, 55, 70, 85, 100]


def test_a_sensor_with_a_critical_temperature_of_its_own_has_the_yield_as_far_below_it() -> None:
    nvme = SensorConfig(name="nvme", hwmon="nvme", curve=((40.0, 100.0),), critical_celsius=70.0)
    curve = curve_of(CAPPED, nvme)
    assert [curve.duty_percent(temp) for temp in (50, 62, 66, 69.9, 70)] == [40, 40, 70, 100, 100]


def test_a_cap_of_0_is_a_fan_that_stands_until_it_yields() -> None:
    config = replace(CAPPED, fan=replace(CAPPED.fan, max_percent=0))
    assert run(config, 72.0).duty_percent == 0
    assert run(config, 72.1).duty_percent == 10
    assert run(config, 80.0).duty_percent == 100


def test_a_cap_below_the_lowest_duty_that_turns_the_fan_is_that_one() -> None:
    assert run(replace(CAPPED, fan=replace(CAPPED.fan, max_percent=3)), 65.0).duty_percent == 10


def test_the_reason_says_that_more_is_not_allowed() -> None:
    assert run(CAPPED, 65.0).reason == "cpu at 65.0 C: 40 %, the most that max_percent allows"
    assert run(CAPPED, 55.0).reason == "cpu at 55.0 C asks for 25 %"


def test_critical_and_failsafe_beat_the_cap() -> None:
    assert run(CAPPED, 80.0).duty_percent == 100
    assert run(CAPPED, math.nan).duty_percent == 100
    assert run(CAPPED, 45.0, None, None, None).duty_percent == 100
    assert run(CAPPED, None, duty=None).duty_percent == 100


def test_by_default_a_leap_into_what_yields_is_answered_with_its_second_reading() -> None:
    calm = Config(fan=replace(FanConfig(), max_percent=40))
    assert [run(calm, *([45.0] * 60), *([76.0] * leaps)).duty_percent for leaps in (1, 2)] == [0, 70]


def test_a_duty_set_by_hand_is_not_capped() -> None:
    controller = Controller(CAPPED, 0.0, 0)
    assert controller.set_manual(80, None) == 80
    assert controller.step(0.5, [Reading("cpu", 45.0, 0.5)]).duty_percent == 80


def test_a_cap_that_begins_slows_the_fan_as_after_any_warm_spell_and_its_end_speeds_it_up_at_once() -> None:
    free = replace(CAPPED, fan=PROMPT_FAN)
    controller = Controller(free, 0.0, 0)
    duties = []
    for k in range(1, 121):
        if k in (41, 101):
            controller.configure(CAPPED if k == 41 else free)
        duties.append(controller.step(k / 2, [Reading("cpu", 65.0, k / 2)]).duty_percent)
    changes = [(k, after) for k, (before, after) in enumerate(pairwise(duties), 2) if after != before]
    assert duties[0] == 70
    assert changes == [(61, 40), (101, 70)]


@pytest.mark.parametrize("temp", [65.0, 74.0])
def test_what_the_target_asks_for_is_capped_too(temp: float) -> None:
    config = Config(fan=FanConfig(mode="target", max_percent=40, rise_s=0.0))
    assert run(config, *([temp] * 4000)).duty_percent == {65.0: 40, 74.0: 55}[temp]


def test_what_was_beyond_the_cap_is_not_gathered_by_the_target_s_law() -> None:
    def seconds_until_slower(cap: int) -> int:
        law = TargetLaw(58.0, 80.0, 10, 0)
        for k in range(7200):
            law.duty_percent(k, 64.0, 64.0, cap)
        return next(k for k in range(20000) if law.duty_percent(7200 + k, 55.0, 55.0, cap) < 40)

    assert seconds_until_slower(40) < 120
    assert seconds_until_slower(100) > 3600
