"""The reason in words: a sentence for each thing that can decide, and what it foretells comes true."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from a1d.config.settings import Config, FanConfig
from a1d.temperature.controller import Controller
from a1d.temperature.decision import Decision
from a1d.temperature.reading import Reading
from tests.temperature.test_controller import CPU, DEFAULT, HOLD_S, NVME, TICK_S, TWO, Loop, demand, with_fan

CALM = with_fan(rise_s=30.0)
CAPPED = with_fan(max_percent=30)
TARGET = with_fan(mode="target")


# -- each sentence -----------------------------------------------------------------------------------------


def kept(loop: Loop) -> Decision:
    loop.tick(52.0)
    return loop.tick(49.0)


def kept_by_one_of_two(loop: Loop) -> Decision:
    loop.tick(50.0, 60.0)
    return loop.tick(50.0, 59.0)


def kept_by_two(loop: Loop) -> Decision:
    loop.tick(60.0, 60.0)
    return loop.tick(59.0, 59.0)


def kept_beside_a_target(loop: Loop) -> Decision:
    loop.tick(65.0, 60.0)
    return loop.tick(65.0, 59.0)


def slowing(loop: Loop) -> Decision:
    loop.tick(60.0)
    loop.tick(52.0)
    loop.run(3, 45.0)
    return loop.tick(45.0)


def slowed(loop: Loop) -> Decision:
    loop.tick(60.0)
    loop.tick(52.0)
    return loop.run(HOLD_S, 45.0)


def spike(loop: Loop) -> Decision:
    loop.run(60, 45.0)
    return loop.tick(55.0)


def spike_above_what_is_kept(loop: Loop) -> Decision:
    loop.run(60, 50.0)
    loop.run(31, 55.0)
    loop.run(20, 52.0)
    return loop.tick(65.0)


def by_hand(loop: Loop) -> Decision:
    loop.hold(60)
    return loop.tick(45.0)


def raised_by_hand(loop: Loop) -> Decision:
    loop.hold(1, 900.5)
    return loop.tick(45.0)


def unread(loop: Loop) -> Decision:
    loop.tick(60.0)
    loop.tick(45.0)
    return loop.tick(None)


def lost(loop: Loop) -> Decision:
    loop.tick(45.0)
    return loop.run(2, None)


def lost_over_a_hand(loop: Loop) -> Decision:
    loop.hold(20)
    return lost(loop)


def critical_over_a_hand(loop: Loop) -> Decision:
    loop.hold(20)
    return loop.tick(81.0)


def cooler_over_a_hand(loop: Loop) -> Decision:
    critical_over_a_hand(loop)
    return loop.tick(78.0)


def calm_over_a_hand(loop: Loop) -> Decision:
    critical_over_a_hand(loop)
    loop.tick(60.0)
    return loop.run(4, 60.0)


@pytest.mark.parametrize(
    ("config", "reach", "sentence"),
    [
        (DEFAULT, lambda loop: loop.tick(60.0), "cpu at 60.0 C asks for 40 %"),
        (DEFAULT, lambda loop: loop.tick(45.0), "cpu at 45.0 C needs no fan"),
        (DEFAULT, lambda loop: loop.tick(50.0), "cpu at 50.0 C asks for 10 %, the lowest that turns the fan"),
        (DEFAULT, kept, "16 % kept until cpu stays below 48.7 C for 10 s"),
        (with_fan(TWO, mode="target"), kept_beside_a_target, "44 % kept until nvme stays below 57.0 C for 10 s"),
        (with_fan(hold_s=0.0), kept, "16 % kept until cpu stays below 48.7 C"),
        (TWO, kept_by_one_of_two, "44 % kept until nvme stays below 57.0 C for 10 s"),
        (TWO, kept_by_two, "44 % kept until cpu stays below 57.6 C and nvme stays below 57.0 C for 10 s"),
        (DEFAULT, slowing, "cool enough for 16 %, slowing in 7 s"),
        (DEFAULT, slowed, "slowed to 16 %, the most that was asked for in the last 10 s"),
        (CALM, spike, "cpu at 55.0 C gets 25 % if that lasts 30 s; a short spike is waited out"),
        (CALM, spike_above_what_is_kept, "cpu at 65.0 C gets 70 % if that lasts 30 s; a short spike is waited out"),
        (CAPPED, lambda loop: loop.tick(65.0), "cpu at 65.0 C: 30 %, the most that max_percent allows"),
        (TARGET, lambda loop: loop.tick(60.0), "cpu at 60.0 C: 10 % to hold 58 C"),
        (TARGET, lambda loop: loop.tick(40.0), "cpu at 40.0 C: no fan is needed to stay at 58 C"),
        (DEFAULT, by_hand, "60 % set by hand, until 'a1d-ctl fan auto'"),
        (DEFAULT, raised_by_hand, "10 % set by hand (1 % might not turn the fan), for 15m"),
        (DEFAULT, unread, "40 % kept until cpu can be read"),
        (DEFAULT, lost, "no good temperature from cpu, so failsafe: 100 %"),
        (DEFAULT, lost_over_a_hand, "no good temperature from cpu, so failsafe: 100 %; what is set by hand "
         "comes back once cpu can be read for 10 s"),
        (DEFAULT, lambda loop: loop.tick(81.0), "cpu at 81.0 C is critical (from 80 C on), so 100 %"),
        (DEFAULT, critical_over_a_hand, "cpu at 81.0 C is critical (from 80 C on), so 100 %; what is set by hand "
         "comes back once cpu stays below 77 C for 10 s"),
        (DEFAULT, cooler_over_a_hand, "cpu at 78.0 C asks for 100 %; what is set by hand comes back "
         "once cpu stays below 77 C for 10 s"),
        (DEFAULT, calm_over_a_hand, "cool enough for 40 %, slowing in 6 s; what is set by hand comes back in 6 s"),
    ],
)  # fmt: skip
def test_each_thing_that_can_decide_has_a_sentence(
    config: Config, reach: Callable[[Loop], Decision], sentence: str
) -> None:
    assert reach(Loop(config)).reason == sentence


def test_a_lost_sensor_with_a_reading_is_waited_for_by_its_name() -> None:
    """As when one of two drives is lost."""
    controller = Controller(TWO, 0.0, 50)
    controller.set_manual(20, None)
    readings = [Reading("cpu", 45.0, 0.5), Reading("nvme", 40.0, 0.5)]
    assert controller.step(0.5, readings, lost=["nvme"]).reason == (
        "no good temperature from nvme, so failsafe: 100 %; what is set by hand comes back "
        "once nvme can be read for 10 s"
    )


def test_before_the_first_reading_the_duty_is_kept_and_it_says_for_what() -> None:
    controller = Controller(TWO, 0.0, 50)
    assert controller.step(0.5, []).reason == "50 % kept until cpu can be read and nvme can be read"


def test_nobody_waits_for_a_reading_of_a_sensor_that_is_absent() -> None:
    controller = Controller(TWO, 0.0, 50)
    reading = Reading("cpu", 45.0, 0.0, "no answer", 1)
    assert controller.step(0.5, [reading], absent=["nvme"]).reason == "50 % kept until cpu can be read"


@pytest.mark.parametrize(("duty", "first"), [(None, 100), (50, 50), (0, 0)])
def test_when_every_sensor_is_absent_the_fan_slows_to_a_stop(duty: int | None, first: int) -> None:
    config = replace(DEFAULT, sensors=(replace(NVME, optional=True),))
    controller = Controller(config, 0.0, duty)
    decisions = [controller.step(tick * TICK_S, [], absent=["nvme"]) for tick in range(60)]
    assert (decisions[0].duty_percent, decisions[-1].duty_percent) == (first, 0)
    assert decisions[-1].reason == "there is nothing to cool: none of the sensors is there"


# -- what it foretells -------------------------------------------------------------------------------------

fans = st.builds(
    lambda points, **settings: FanConfig(curve=tuple(sorted(points.items())), on_stop="keep", **settings),
    points=st.dictionaries(
        st.integers(300, 800).map(lambda tenth: tenth / 10), st.integers(0, 100).map(float), min_size=1, max_size=5
    ),
    interpolation=st.sampled_from(["linear", "step"]),
    critical_celsius=st.integers(60, 95).map(float),
    hysteresis_celsius=st.integers(0, 100).map(lambda tenth: tenth / 10),
    hold_s=st.integers(0, 20).map(float),
    rise_s=st.sampled_from([0.0, 30.0]),
    duty_min_percent=st.integers(0, 30),
    max_percent=st.sampled_from([100, 100, 60]),
)
configs = st.builds(
    lambda fan, sensors: replace(DEFAULT, fan=fan, sensors=sensors),
    fans,
    st.sampled_from([(CPU,), (CPU, replace(NVME, interval_s=0.5))]),
)
tenths = st.integers(300, 900).map(lambda tenth: tenth / 10)
cooler = st.integers(1, 120).map(lambda tenth: tenth / 10)
pairs = st.lists(st.tuples(tenths, cooler), min_size=2, max_size=2)
# What is foretold is only now and then what these tests look at; they look at it often enough.
often = settings(suppress_health_check=[HealthCheck.filter_too_much], max_examples=200)


@often
@given(configs, pairs, st.data())
def test_the_temperature_at_which_a_kept_duty_falls_is_right_to_the_tenth(
    config: Config, temps: list[tuple[float, float]], data: st.DataObject
) -> None:
    names = [sensor.name for sensor in config.sensors]
    duty = demand(config, *(hot for hot, _ in temps[: len(names)]))
    now = {name: round(hot - by, 1) for name, (hot, by) in zip(names, temps, strict=False)}
    reason = Loop(config, duty).tick(*now.values()).reason
    named = dict(re.findall(r"(\w+) stays below (-?[\d.]+) C", reason))
    assume(reason.startswith(f"{duty} % kept until "))
    assert named
    limits = {name: float(text) for name, text in named.items()}

    below = now | {name: round(limit - 0.1, 1) for name, limit in limits.items()}
    loop = Loop(config, duty)
    ticks = round(config.fan.hold_s / TICK_S)
    seen = [loop.tick(*below.values()).duty_percent for _ in range(ticks + 1)]
    assert seen[-1] < duty, "one tenth below, it falls"
    assert seen[:-1] == [duty] * ticks, "but not before its time"
    warmer = data.draw(st.sampled_from(sorted(limits)))
    loop = Loop(config, duty)
    for _ in range(ticks + 5):
        assert loop.tick(*(below | {warmer: limits[warmer]}).values()).duty_percent >= duty, "at it, it does not"


@often
@given(configs, st.integers(1, 100), st.lists(tenths, min_size=2, max_size=2), st.integers(0, 30))
def test_the_time_until_it_slows_is_right_to_the_second(
    config: Config, duty: int, temps: list[float], ticks: int
) -> None:
    loop = Loop(config, duty)
    temps = temps[: len(config.sensors)]
    for _ in range(ticks + 1):
        decision = loop.tick(*temps)
    found = re.fullmatch(r"cool enough for (\d+) %, slowing in (\d+) s", decision.reason)
    assume(found)
    assert found is not None
    percent, seconds = map(int, found.groups())
    early = [loop.tick(*temps).duty_percent for _ in range(round((seconds - 1) / TICK_S))]
    assert early == [decision.duty_percent] * len(early)
    assert loop.run(1, *temps).duty_percent == percent < decision.duty_percent


@often
@given(st.floats(45, 70), st.floats(45, 79.9))
def test_a_spike_that_lasts_as_long_as_it_says_gets_what_it_says(before: float, temp: float) -> None:
    loop = Loop(CALM)
    loop.run(60, before)
    reason = loop.tick(temp).reason
    found = re.match(r"cpu at [\d.]+ C gets (\d+) % if that lasts (\d+) s", reason)
    assume(found)
    assert found is not None
    assert loop.run(int(found[2]), temp).duty_percent == int(found[1])


@often
@given(configs, st.lists(tenths, min_size=2, max_size=2), st.data())
def test_when_a_duty_set_by_hand_comes_back_is_right_to_the_tenth(
    config: Config, temps: list[float], data: st.DataObject
) -> None:
    config = replace(config, fan=replace(config.fan, rise_s=0.0))
    names = [sensor.name for sensor in config.sensors]
    now = dict(zip(names, temps, strict=False))

    def emergency() -> Loop:
        loop = Loop(config)
        loop.hold(40)
        loop.tick(*[100.0] * len(names))
        return loop

    reason = emergency().tick(*now.values()).reason
    assume("comes back once" in reason)
    named = dict(re.findall(r"(\w+) stays below ([\d.]+) C", reason.partition("comes back once")[2]))
    below = now | {name: round(float(text) - 0.1, 1) for name, text in named.items()}
    loop = emergency()
    ticks = round(config.fan.hold_s / TICK_S)
    seen = [loop.tick(*below.values()) for _ in range(ticks + 1)]
    assert seen[-1].reason.startswith("40 % set by hand")
    assert not any(decision.reason.startswith("40 % set by hand") for decision in seen[:-1])
    for tick, decision in enumerate(seen[:-1]):
        assert f"comes back in {-(-(ticks - tick) // 2)} s" in decision.reason
    warmer = data.draw(st.sampled_from(sorted(named)))
    loop = emergency()
    seen = [loop.tick(*(below | {warmer: float(named[warmer])}).values()) for _ in range(ticks + 5)]
    assert all("comes back once" in decision.reason for decision in seen)
