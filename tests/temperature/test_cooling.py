"""Cooling that does not work is said, and a fan that turns is not accused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from a1d.config.settings import Config, SensorConfig
from a1d.sim.heat import LOAD_WATTS, HeatModel
from a1d.temperature.controller import Controller
from a1d.temperature.cooling import CoolingCheck
from a1d.temperature.reading import Reading

CRITICAL = 80.0
CONFIG = Config(
    sensors=(
        SensorConfig(name="cpu", zone="cpu-thermal"),
        SensorConfig(name="nvme", hwmon="nvme", critical_celsius=75.0),
    )
)
HOT_WATTS = 9.5  # beyond critical without a fan, far below with it


class Watch:
    """A check under a clock of half a second."""

    def __init__(self) -> None:
        self.check, self.now_s = CoolingCheck(CONFIG), 1000.0

    def tick(self, duty: int | None, temp: float, gap: bool = False, error: str | None = None) -> str | None:
        self.now_s += 0.5
        return self.check.step(self.now_s, duty, [Reading("cpu", temp, self.now_s, error)], gap=gap)

    def run(self, seconds: float, duty: int | None, temp: float) -> str | None:
        for _ in range(round(seconds * 2)):
            said = self.tick(duty, temp)
        return said


def test_a_minute_at_critical_at_full_speed_is_said_and_ends_once_it_is_cooler() -> None:
    watch = Watch()
    assert watch.run(60, 100, 84.0) is None
    said = watch.run(4, 100, 84.0)
    assert (
        said
        == "the fan runs at 100 % and cpu stays at 84 C: is the fan stuck or unplugged, the inlet blocked, the pad off?"
    )
    assert watch.run(60, 100, 78.0) is not None, "not for a moment a little below"
    assert watch.run(60, 100, 76.0) is None


def test_readings_that_scatter_around_critical_do_not_hide_it() -> None:
    watch = Watch()
    said = [watch.tick(100, temp) for _ in range(60) for temp in (81.5, 79.5, 82.0)]
    assert said[-1] is not None
    assert "stays at 81 C" in said[-1], "their mean"


def test_a_reload_goes_on_counting_unless_another_temperature_is_critical_now() -> None:
    watch = Watch()
    watch.run(55, 100, 84.0)
    watch.check.configure(CONFIG)
    assert watch.run(10, 100, 84.0) is not None
    watch.check.configure(CONFIG)
    assert watch.tick(100, 84.0) is not None
    cpu, nvme = CONFIG.sensors
    watch.check.configure(replace(CONFIG, sensors=(replace(cpu, critical_celsius=82.0), nvme)))
    assert watch.run(55, 100, 84.0) is None
    assert watch.run(10, 100, 84.0) is not None


@pytest.mark.parametrize(("below_for_s", "is_said"), [(30, True), (42, False)])
def test_what_was_above_critical_outweighs_40_s_of_a_degree_below_and_no_more(below_for_s: int, is_said: bool) -> None:
    watch = Watch()
    watch.run(15, 100, 84.0)
    watch.run(below_for_s, 100, 79.0)
    assert (watch.run(64 - 15 - below_for_s, 100, 84.0) is not None) == is_said


@pytest.mark.parametrize(
    "spoil",
    [
        lambda watch: watch.tick(99, 84.0),
        lambda watch: watch.tick(None, 84.0),
        lambda watch: watch.tick(100, 84.0, gap=True),
        lambda watch: watch.tick(100, 84.0, error="no answer"),
        lambda watch: watch.tick(100, float("nan")),
        lambda watch: watch.run(10, 100, 70.0),
    ],
    ids=["not full speed", "nothing confirmed", "a gap", "a lost reading", "no number", "cool"],
)
def test_the_minute_starts_anew(spoil: Callable[[Watch], object]) -> None:
    watch = Watch()
    watch.run(55, 100, 84.0)
    spoil(watch)
    assert watch.run(55, 100, 84.0) is None
    assert watch.run(10, 100, 84.0) is not None


@pytest.mark.parametrize("temp", [79.0, 79.9])
def test_an_hour_below_critical_is_nothing(temp: float) -> None:
    assert Watch().run(3600, 100, temp) is None


def test_one_absurd_reading_is_nothing() -> None:
    watch = Watch()
    watch.run(10, 100, 60.0)
    watch.tick(100, 125.0)
    assert watch.run(120, 100, 60.0) is None


@pytest.mark.parametrize(("before", "after"), [(0, 60), (10, 60), (10, 100), (100, 0)])
def test_a_step_that_changes_nothing_is_said_after_four_minutes(before: int, after: int) -> None:
    watch = Watch()
    watch.run(240, before, 65.0)
    assert watch.run(239, after, 65.0) is None
    said = watch.run(3, after, 65.0)
    assert said is not None and f"from {before} to {after} %" in said and "65 C" in said
    assert watch.run(60, after, 62.0) is None, "it does cool"


@pytest.mark.parametrize(
    ("before", "after", "temp", "moves_to"),
    [
        (0, 49, 65.0, 65.0),
        (0, 60, 50.0, 50.0),
        (0, 60, 65.0, 64.5),
        (0, 60, 65.0, 70.0),
        (100, 30, 65.0, 66.0),
    ],
    ids=["too small a step", "not warm", "cools", "more heat", "warms as it must"],
)
def test_a_step_proves_nothing(before: int, after: int, temp: float, moves_to: float) -> None:
    watch = Watch()
    watch.run(240, before, temp)
    assert watch.run(600, after, moves_to) is None


def test_a_step_out_of_what_was_not_steady_proves_nothing() -> None:
    watch = Watch()
    watch.run(120, 0, 64.4)
    watch.run(120, 0, 66.0)
    assert watch.run(600, 100, 65.45) is None, "as warm as on average before"


@pytest.mark.parametrize(("before", "is_said"), [((64.6, 65.4), True), ((64.3, 65.7), False)])
def test_within_a_degree_is_steady(before: tuple[float, float], is_said: bool) -> None:
    watch = Watch()
    for temp in before:
        watch.run(120, 0, temp)
    assert (watch.run(300, 100, 65.0) is not None) == is_said


def test_after_less_than_three_steady_minutes_a_step_proves_nothing() -> None:
    watch = Watch()
    watch.run(150, 0, 65.0)
    assert watch.run(600, 100, 65.0) is None


def test_a_step_that_was_soon_taken_back_for_the_most_part_proves_nothing() -> None:
    watch = Watch()
    watch.run(240, 30, 65.0)
    watch.run(10, 90, 65.0)
    assert watch.run(600, 50, 65.0) is None


@pytest.mark.parametrize("stuck", [False, True])
@pytest.mark.parametrize("watts", [LOAD_WATTS, HOT_WATTS])
def test_the_simulated_case(watts: float, stuck: bool) -> None:
    """An hour of load under the controller; then half an hour at 0 and 20 minutes at 100 % by hand."""
    model, controller, check = HeatModel(), Controller(Config(), 0.0, 0), CoolingCheck(Config())
    said: list[float] = []
    critical_s = None
    for k in range(110 * 120):
        now_s = k / 2
        if now_s == 3600:
            controller.set_manual(0, None)
        if now_s == 5400:
            controller.set_manual(100, None)
        reading = Reading("cpu", round(model.chip_celsius, 2), now_s)
        duty = controller.step(now_s, [reading]).duty_percent
        model.advance(0.5, watts, 0 if stuck else duty)
        if critical_s is None and duty == 100 and reading.temp_celsius >= CRITICAL:
            critical_s = now_s
        if check.step(now_s, duty, [reading]):
            said.append(now_s)
    if not stuck:
        assert not said
    elif watts == HOT_WATTS:
        assert critical_s is not None and said[0] <= critical_s + 300
    else:
        assert critical_s is None and 5400 < said[0] <= 5400 + 300
