"""The calm rise: spikes and lone readings move nothing, what is real and hot is answered at once."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a1d.config.settings import Config, SensorConfig
from a1d.temperature.controller import Controller
from a1d.temperature.curve import curve_of
from a1d.temperature.decision import Decision
from a1d.temperature.reading import Reading, gap_s
from a1d.temperature.rise import SLACK_CELSIUS, Rise

CRITICAL = 80.0
DEFAULT = Config()
RISE_S = DEFAULT.fan.rise_s
TWO = replace(DEFAULT, sensors=(*DEFAULT.sensors, SensorConfig(name="nvme", hwmon="nvme", critical_celsius=75.0)))
temps = st.floats(-20, 125)
any_temps = temps | st.sampled_from([math.nan, math.inf, -math.inf])
histories = st.lists(temps, max_size=30)


def rise(critical: float = CRITICAL, rise_s: float = 20.0) -> Rise:
    made = Rise()
    made.configure(rise_s, critical)
    return made


def feed(memory: Rise, *temps: float, every_s: float = 0.5, from_s: float = 0.0) -> float:
    for k, temp in enumerate(temps):
        counted = memory.update(temp, from_s + k * every_s)
    return counted


class Loop:
    """A controller under a clock; a temperature for each sensor at each tick, None where the reading is lost."""

    def __init__(self, config: Config = DEFAULT, duty: int | None = 0) -> None:
        self.config, self.now_s = config, 1000.0
        self.controller = Controller(config, self.now_s, duty)
        self.last: dict[str, Reading] = {}

    def tick(self, *temps: float | None, after_s: float = 0.5) -> Decision:
        self.now_s += after_s
        for sensor, temp in zip(self.config.sensors, temps, strict=True):
            if temp is not None:
                self.last[sensor.name] = Reading(sensor.name, temp, self.now_s)
            elif sensor.name in self.last:
                last = self.last[sensor.name]
                self.last[sensor.name] = last._replace(error="no answer", missed=last.missed + 1)
        return self.controller.step(self.now_s, list(self.last.values()), gap=after_s > gap_s(self.config))

    def run(self, seconds: float, *temps: float) -> Decision:
        for _ in range(round(seconds / 0.5) - 1):
            self.tick(*temps)
        return self.tick(*temps)


# -- the memory --------------------------------------------------------------------------------------


def test_it_counts_the_lowest_of_the_span_and_no_older_one() -> None:
    memory = rise()
    feed(memory, *[50.0] * 20, 45.0, *[55.0] * 39)
    assert feed(memory, 55.0, from_s=30.0) == 45.0
    assert feed(memory, 55.0, from_s=30.5) == 55.0


@pytest.mark.parametrize(
    ("critical", "temp", "slack"),
    [(80, 55, 16), (80, 60, 16), (80, 66, 8), (80, 72, 0), (80, 79, 0), (75, 55, 16), (75, 61, 8), (75, 67, 0)],
)
def test_it_never_lags_by_more_than_the_slack_which_is_nothing_near_critical(
    critical: float, temp: float, slack: float
) -> None:
    memory = rise(critical)
    feed(memory, *[20.0] * 10)
    assert feed(memory, temp, temp, from_s=5.0) == pytest.approx(temp - slack)


@given(histories.filter(bool), st.floats(40, 110), st.sampled_from([0.1, 0.5, 2.0]))
def test_it_lies_between_the_slack_below_the_last_two_readings_and_the_last(
    history: list[float], critical: float, every_s: float
) -> None:
    counted = feed(rise(critical), *history, every_s=every_s)
    lower = min(history[-2:])
    assert lower - SLACK_CELSIUS <= counted <= history[-1]
    if lower >= critical - 8:
        assert counted == lower


@given(st.lists(st.tuples(temps, st.floats(0, 100)), min_size=1, max_size=30))
def test_hotter_readings_never_count_as_cooler(pairs: list[tuple[float, float]]) -> None:
    assert feed(rise(), *[temp for temp, _ in pairs]) <= feed(rise(), *[temp + more for temp, more in pairs])


@given(st.lists(any_temps, min_size=1, max_size=30), st.sampled_from([0.0, 20.0]))
def test_every_float_has_an_answer_and_nan_is_hot(history: list[float], rise_s: float) -> None:
    assert not math.isnan(feed(rise(rise_s=rise_s), *history))
    assert feed(rise(rise_s=rise_s), *history, math.nan, math.nan) == math.inf


def test_the_same_reading_again_confirms_nothing() -> None:
    memory = rise()
    feed(memory, 45.0, 45.0)
    assert [memory.update(85.0, 1.0) for _ in range(4)] == [pytest.approx(45.0)] * 4
    assert memory.update(85.0, 3.0) == 85.0


def test_a_sensor_that_is_read_rarely_needs_no_second_reading() -> None:
    assert feed(rise(), 45.0, 85.0, every_s=6.0) == 45.0
    assert feed(rise(rise_s=2.0), 45.0, 85.0, every_s=6.0) == 45.0
    assert feed(rise(rise_s=2.0), 45.0, 85.0, every_s=6.1) == 85.0


def test_what_was_forgotten_and_what_new_settings_leave_behind_calms_nothing() -> None:
    memory = rise()
    feed(memory, *[45.0] * 50)
    memory.forget()
    assert memory.update(58.0, 100.0) == 58.0
    feed(memory, *[45.0] * 50, 58.0, from_s=200.0)
    memory.configure(20.0, 60.0)
    assert memory.update(58.0, 225.0) == 58.0


def test_without_a_rise_every_reading_counts_in_full() -> None:
    assert feed(rise(rise_s=0.0), 45.0, 85.0) == 85.0


# -- in the controller, with the defaults ------------------------------------------------------------


@pytest.mark.parametrize("leap", [60.0, 72.0, 79.9, 85.0, 125.0, math.nan])
def test_a_lone_reading_starts_nothing_and_beats_no_manual_duty(leap: float) -> None:
    loop = Loop()
    loop.run(30, 45.0)
    assert loop.tick(leap).duty_percent == 0
    assert loop.run(30, 45.0).duty_percent == 0
    loop.controller.set_manual(0, None)
    assert loop.tick(leap).reason.startswith("0 % set by hand")
    assert not loop.controller.is_emergency


@given(st.lists(temps, max_size=60), st.none() | st.integers(0, 100), st.floats(80, 125) | st.just(math.nan))
def test_critical_is_full_speed_with_its_second_reading_whatever_came_before(
    history: list[float], manual: int | None, temp: float
) -> None:
    loop = Loop()
    if manual is not None:
        loop.controller.set_manual(manual, None)
    for before in history:
        loop.tick(before)
    loop.tick(temp)
    assert loop.tick(temp).duty_percent == 100


def test_a_leap_to_72_is_answered_with_its_second_reading() -> None:
    loop = Loop()
    loop.run(60, 45.0)
    loop.tick(72.0)
    assert loop.tick(72.0).duty_percent == curve_of(DEFAULT, DEFAULT.sensors[0]).duty_percent(72.0) == 100


def test_a_leap_asks_for_a_second_look_and_jitter_does_not() -> None:
    loop = Loop()
    for temp in (45.0, 46.0, 44.0, 73.0):
        loop.tick(temp)
    assert loop.controller.saw_leap
    for temp in (73.0, 74.0, 72.5, 74.5):
        loop.tick(temp)
        assert not loop.controller.saw_leap


@given(st.lists(temps, min_size=1, max_size=30))
def test_the_lowest_reading_of_all_counts_as_it_is_and_is_no_leap(temps: list[float]) -> None:
    memory = rise()
    for at_s, temp in enumerate([*temps, min(temps), min(temps) - 1.0]):
        counted = memory.update(temp, at_s / 2)
        assert memory.update(temp, at_s / 2) == counted, "the same reading again changes nothing"
        if temp <= min(temps[:at_s], default=math.inf):
            assert (counted, memory.is_leap) == (temp, False)


def test_a_leap_that_would_not_count_for_much_more_needs_no_second_look() -> None:
    loop = Loop()
    loop.run(30, 45.0)
    loop.tick(62.0)
    assert not loop.controller.saw_leap
    loop.run(30, 45.0)
    loop.tick(64.5)  # the second one of these would count for 54.5 C
    assert loop.controller.saw_leap


def test_a_short_spike_moves_nothing_and_what_lasts_does() -> None:
    loop = Loop()
    loop.run(60, 42.0)
    assert loop.run(RISE_S - 1, 58.0).duty_percent == 0
    loop.run(RISE_S, 42.0)
    loop.run(RISE_S, 58.0)
    assert loop.run(1, 58.0).duty_percent == curve_of(DEFAULT, DEFAULT.sensors[0]).duty_percent(58.0) > 0


@pytest.mark.parametrize("lost", ["a reading", "a gap"])
def test_after_something_was_lost_the_next_reading_counts_in_full(lost: str) -> None:
    loop = Loop()
    loop.run(60, 45.0)
    if lost == "a reading":
        loop.tick(None)
    assert loop.tick(63.0, after_s=0.5 if lost == "a reading" else 5.5).duty_percent >= 50


def test_a_leap_followed_by_a_lost_reading_counts() -> None:
    loop = Loop()
    loop.run(60, 45.0)
    loop.tick(85.0)
    assert loop.tick(None).duty_percent == 100


def test_each_sensor_has_its_own_memory() -> None:
    loop = Loop(TWO)
    loop.run(60, 45.0, 40.0)
    assert loop.tick(85.0, 40.0).duty_percent == 0
    assert loop.tick(45.0, 85.0).duty_percent == 0, "another sensor's leap confirms nothing"
    assert loop.tick(45.0, 85.0).duty_percent == 100


@given(st.lists(st.tuples(temps, temps), max_size=40), st.integers(0, 100), any_temps, temps)
def test_a_hotter_reading_never_means_a_slower_fan(
    history: list[tuple[float, float]], start: int, nvme: float, cpu: float
) -> None:
    def duty(now: float) -> int:
        loop = Loop(TWO, start)
        for pair in history:
            loop.tick(*pair)
        return loop.tick(now, nvme).duty_percent

    assert duty(cpu) <= duty(cpu + 3) <= duty(cpu + 40) <= max(duty(math.nan), 0)


@given(st.lists(any_temps | st.none(), max_size=60), st.integers(30, 100))
def test_a_lost_sensor_is_failsafe_whatever_came_before(history: list[float | None], failsafe: int) -> None:
    config = replace(DEFAULT, fan=replace(DEFAULT.fan, failsafe_percent=failsafe))
    loop = Loop(config)
    for temp in history:
        loop.tick(temp)
    decisions = [loop.tick(None) for _ in range(3)]
    assert decisions[-1].duty_percent >= failsafe
    assert decisions[-1].untrusted == ("cpu",)


def test_the_reason_says_why_it_does_not_rise_yet() -> None:
    loop = Loop()
    loop.run(60, 50.0)
    assert loop.tick(60.0).reason.startswith("cpu at 60.0 C gets 42 % if that lasts ")
