"""Holding a temperature: it settles there in steps that do not hunt, and hot is hot whatever the law thinks."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a1d.config.settings import Config, FanConfig, SensorConfig
from a1d.sim.heat import HeatModel
from a1d.temperature.controller import Controller
from a1d.temperature.reading import Reading
from a1d.temperature.target import TargetLaw

TARGET, CRITICAL = 58.0, 80.0
CONFIG = Config(fan=FanConfig(mode="target", target_celsius=TARGET))
any_temps = st.floats(-20, 125) | st.sampled_from([math.nan, math.inf, -math.inf])


def law(duty: int = 0) -> TargetLaw:
    return TargetLaw(TARGET, CRITICAL, 10, duty)


def live(config: Config, watts: float, minutes: float, start: float = 45.0) -> tuple[list[float], list[int]]:
    """The simulated case under the controller: temperatures and duties, a pair each half second."""
    model, duty = HeatModel(start), 0
    controller = Controller(config, 0.0, duty)
    seen: tuple[list[float], list[int]] = [], []
    for k in range(round(minutes * 120)):
        duty = controller.step(k / 2, [Reading("cpu", round(model.chip_celsius, 2), k / 2)]).duty_percent
        model.advance(0.5, watts, duty)
        seen[0].append(model.chip_celsius)
        seen[1].append(duty)
    return seen


@pytest.mark.parametrize("watts", [5.5, 7.0, 8.5])
def test_it_settles_at_its_target_and_does_not_hunt(watts: float) -> None:
    temps, duties = live(CONFIG, watts, 240)
    last_hour = slice(-7200, None)
    assert max(temps[last_hour]) - 4 < TARGET < min(temps[last_hour]) + 4
    assert sum(a != b for a, b in pairwise(duties[last_hour])) <= 4
    assert all(duty % 5 == 0 for duty in duties[last_hour])


def test_it_stands_while_it_is_well_below_and_starts_and_stops_apart() -> None:
    one = law()
    assert [one.duty_percent(k, 54.5, 54.5) for k in range(100)] == [0] * 100
    assert one.duty_percent(99.5, 90.0, 48.0) == 0, "nobody has confirmed it"
    for k in range(101, 200):
        duty = one.duty_percent(k, 56.0, 56.0)
    assert duty == 10
    for k in range(200, 300):
        duty = one.duty_percent(k, 51.0, 51.0)
    assert duty == 10
    for k in range(300, 400):
        duty = one.duty_percent(k, 49.0, 49.0)
    assert duty == 0


def test_hours_of_heat_that_no_fan_can_cool_leave_nothing_to_unwind() -> None:
    one = law()
    for k in range(36_000):
        one.duty_percent(k, 75.0, 75.0)
    for k in range(36_000, 36_000 + 100):
        duty = one.duty_percent(k, 49.0, 49.0)
    assert duty == 0


def test_what_was_beyond_full_speed_is_not_gathered() -> None:
    one = law()
    for k in range(36_000):
        one.duty_percent(k, 75.0, 75.0)
    for k in range(36_000, 36_060):
        duty = one.duty_percent(k, TARGET, TARGET)
    assert duty <= 75, "2 % for each of 17 C above the target were enough for the rest"


def test_nor_is_it_while_the_target_is_nearly_held() -> None:
    one = law()
    for k in range(9000):
        one.duty_percent(k * 10.0, TARGET + 0.9, TARGET + 0.9)
    for k in range(90_000, 90_060):
        duty = one.duty_percent(k, TARGET - 7, TARGET - 7)
    assert duty <= 90


def test_it_looks_at_a_mean_of_about_10_s() -> None:
    one = law(50)
    one.duty_percent(0.0, TARGET, TARGET)
    duties = [one.duty_percent(k / 2, TARGET + 10, TARGET + 10) for k in range(1, 21)]
    assert (duties[0], duties[-1]) == (55, 65), "two thirds of the way after 10 s"


def test_a_pause_counts_for_10_s_at_most() -> None:
    def after_pauses_of(pause_s: float) -> int:
        one = law()
        return [one.duty_percent(k * pause_s, TARGET + 9, TARGET + 9) for k in range(100)][-1]

    assert after_pauses_of(1000.0) == after_pauses_of(10.0) > after_pauses_of(5.0)


def test_a_lone_leap_counts_as_critical_at_most() -> None:
    one, other = law(), law()
    for k in range(20):
        assert one.duty_percent(k, 125.0, 70.0) == other.duty_percent(k, CRITICAL, 70.0)


@pytest.mark.parametrize(("below_critical", "expected"), [(6.0, 35), (4.0, 50), (2.0, 75), (1.0, 88)])
def test_near_critical_it_is_on_the_straight_line_at_least(below_critical: float, expected: int) -> None:
    temp = CRITICAL - below_critical
    assert law().duty_percent(0.0, temp, temp) == expected


def test_after_a_long_cool_spell_it_rises_without_delay() -> None:
    one = law()
    for k in range(36_000):
        one.duty_percent(k, 40.0, 40.0)
    for k in range(36_000, 36_060):
        duty = one.duty_percent(k, 68.0, 68.0)
    assert duty >= 20


@given(st.lists(st.tuples(any_temps, any_temps, st.floats(0, 100)), max_size=30), any_temps, st.integers(0, 100))
def test_every_float_has_a_duty_and_critical_is_full_speed_whatever_came_before(
    history: list[tuple[float, float, float]], temp: float, start: int
) -> None:
    one, now_s = law(start), 0.0
    for before, rising, pause_s in [*history, (temp, temp, 1.0)]:
        now_s += pause_s
        duty = one.duty_percent(now_s, before, rising)
        assert duty == 0 or 10 <= duty <= 100
        if not rising < CRITICAL:
            assert duty == 100
        elif rising > CRITICAL - 8:
            assert duty >= 100 * (1 - (CRITICAL - rising) / 8) - 1e-9


@given(st.lists(st.floats(30, 79), max_size=60), st.floats(-20, 125), st.floats(0, 60))
def test_a_hotter_reading_never_means_less(history: list[float], temp: float, more: float) -> None:
    def duty(now: float) -> int:
        one = law(30)
        for k, before in enumerate(history):
            one.duty_percent(k, before, before)
        return one.duty_percent(len(history), now, now)

    assert duty(temp) <= duty(temp + more) <= duty(math.nan)


def test_a_restart_goes_on_from_the_duty_that_the_fan_has_but_not_from_failsafe() -> None:
    assert law(35).duty_percent(0, TARGET, TARGET) == 35
    assert law(100).duty_percent(0, TARGET, TARGET) == 50


def test_in_the_controller_a_sensor_with_a_curve_of_its_own_keeps_to_that() -> None:
    nvme = SensorConfig(name="nvme", hwmon="nvme", curve=((50.0, 70.0),))
    controller = Controller(replace(CONFIG, sensors=(*CONFIG.sensors, nvme)), 0.0, 0)
    readings = [Reading("cpu", 40.0, 0.0), Reading("nvme", 51.0, 0.0)]
    assert controller.step(0.0, readings).duty_percent >= 70


def test_in_the_controller_the_mode_can_come_and_go_and_the_reason_names_the_target() -> None:
    controller = Controller(Config(), 0.0, 30)
    controller.configure(CONFIG)
    decision = controller.step(0.5, [Reading("cpu", 60.0, 0.5)])
    assert decision.duty_percent >= 30
    assert "58 C" in decision.reason
    controller.configure(Config())
    assert "58 C" not in controller.step(1.0, [Reading("cpu", 60.0, 1.0)]).reason


def test_a_reload_that_changes_something_else_keeps_what_the_law_has_learned() -> None:
    controller = Controller(CONFIG, 0.0, 0)
    for k in range(20_000):
        before = controller.step(k / 2, [Reading("cpu", 68.0, k / 2)]).duty_percent
    controller.configure(replace(CONFIG, fan=replace(CONFIG.fan, hold_s=0.0)))
    assert before == 100
    assert controller.step(10_000.5, [Reading("cpu", 68.0, 10_000.5)]).duty_percent == 100


def test_a_reload_that_changes_the_target_takes_it() -> None:
    controller = Controller(CONFIG, 0.0, 0)
    assert controller.step(0.0, [Reading("cpu", 60.0, 0.0)]).duty_percent > 0
    controller = Controller(CONFIG, 0.0, 0)
    controller.configure(replace(CONFIG, fan=replace(CONFIG.fan, target_celsius=70.0)))
    assert controller.step(0.0, [Reading("cpu", 60.0, 0.0)]).duty_percent == 0
