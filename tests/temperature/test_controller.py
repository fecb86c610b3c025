"""The controller: up at once, down late, a manual setting is a lease, and what cannot be trusted counts as hot."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from a1d.config.settings import Config, SensorConfig
from a1d.temperature import reason
from a1d.temperature.controller import Controller
from a1d.temperature.curve import Curve, curve_of
from a1d.temperature.decision import Critical, Decision
from a1d.temperature.reading import MISSED_MAX, Reading, gap_s, read_interval_s
from a1d.temperature.sensors import ZoneSensor
from tests.virtual import PROMPT_FAN

START_S = 1000.0
CPU = SensorConfig(name="cpu", zone="cpu-thermal")
NVME = SensorConfig(name="nvme", hwmon="nvme", curve=((55.0, 20.0), (70.0, 90.0)), critical_celsius=75.0)
# How calmly the fan rises by default has its own tests (test_rise.py).
DEFAULT = Config(fan=PROMPT_FAN)
HOLD_S = DEFAULT.fan.hold_s
TICK_S = DEFAULT.interval_s
TWO = replace(DEFAULT, sensors=(CPU, replace(NVME, interval_s=0.5)))

odd_temps = st.sampled_from([math.nan, math.inf, -math.inf])
temps = st.floats(-20, 125)
duties = st.integers(0, 100)


def with_fan(config: Config = DEFAULT, **settings: object) -> Config:
    return replace(config, fan=replace(config.fan, **settings))  # type: ignore[arg-type]


class Loop:
    """A controller that is ticked as the daemon does it: readings stay until there is a newer one."""

    def __init__(self, config: Config = DEFAULT, duty: int | None = 0) -> None:
        self.config = config
        self.now_s = START_S
        self.controller = Controller(config, self.now_s, duty)
        self.last: dict[str, Reading] = {}

    def tick(self, *temps: float | None, after_s: float | None = None) -> Decision:
        """One tick later; a temperature for each sensor, None where the reading fails."""
        passed_s = self.config.interval_s if after_s is None else after_s
        self.now_s += passed_s
        for sensor, temp in zip(self.config.sensors, temps, strict=True):
            last = self.last.get(sensor.name)
            if temp is not None:
                self.last[sensor.name] = Reading(sensor.name, temp, self.now_s)
            elif last is not None:
                self.last[sensor.name] = Reading(sensor.name, last.temp_celsius, last.at_s, "no answer")
        return self.controller.step(self.now_s, list(self.last.values()), gap=passed_s > gap_s(self.config))

    def run(self, seconds: float, *temps: float | None) -> Decision:
        """As many ticks as fit; the last decision."""
        for _ in range(round(seconds / self.config.interval_s) - 1):
            self.tick(*temps)
        return self.tick(*temps)

    def hold(self, duty: int, for_s: float | None = None, until_celsius: float | None = None) -> int:
        return self.controller.set_manual(duty, None if for_s is None else self.now_s + for_s, until_celsius)

    def reload(self, config: Config) -> None:
        self.config = config
        self.controller.configure(config)
        names = {sensor.name for sensor in config.sensors}
        self.last = {name: reading for name, reading in self.last.items() if name in names}


def demand(config: Config, *temps: float) -> int:
    return max(curve_of(config, sensor).duty_percent(temp) for sensor, temp in zip(config.sensors, temps, strict=True))


# -- up at once, down late -------------------------------------------------------------------------


@given(st.none() | duties, temps | odd_temps)
def test_speeds_up_at_once(duty: int | None, temp: float) -> None:
    assert Loop(duty=duty).tick(temp).duty_percent == max(duty or 0, demand(DEFAULT, temp))


@given(st.lists(st.tuples(temps | odd_temps, temps | odd_temps), min_size=1, max_size=60))
def test_the_highest_demand_of_all_sensors_on_their_own_curves_is_always_met(pairs: list[tuple[float, float]]) -> None:
    loop = Loop(TWO)
    for pair in pairs:
        assert loop.tick(*pair).duty_percent >= demand(TWO, *pair)


@pytest.mark.parametrize("config", [DEFAULT, with_fan(interpolation="step"), with_fan(duty_min_percent=0)])
def test_follows_a_slow_rise_without_lag(config: Config) -> None:
    loop = Loop(config)
    rise = [40 + step / 50 for step in range(50 * 45)]
    assert [loop.tick(temp).duty_percent for temp in rise] == [demand(config, temp) for temp in rise]


@pytest.mark.parametrize(
    ("config", "at_celsius", "expected"),
    [
        (TWO, (40.0, 54.9), 0),
        (TWO, (40.0, 60.0), 44),
        (TWO, (60.0, 55.0), 40),
        (TWO, (65.0, 60.0), 70),
        (TWO, (40.0, 74.9), 100),
        (with_fan(TWO, interpolation="step"), (59.0, 69.0), 20),
        (with_fan(TWO, interpolation="step", duty_min_percent=25), (59.0, 69.0), 25),
        (with_fan(TWO, critical_celsius=50.0), (50.0, 40.0), 100),
    ],
)
def test_each_sensor_has_its_own_curve_or_the_fans(
    config: Config, at_celsius: tuple[float, float], expected: int
) -> None:
    assert Loop(config).tick(*at_celsius).duty_percent == expected


def test_slows_once_it_has_been_cool_enough_for_the_hold_time_and_not_before() -> None:
    loop = Loop()
    assert loop.tick(60.0).duty_percent == 40
    for _ in range(round(HOLD_S / TICK_S)):
        assert loop.tick(56.5).duty_percent == 40
    assert loop.tick(56.5).duty_percent == demand(DEFAULT, 56.5)


@pytest.mark.parametrize("config", [DEFAULT, with_fan(interpolation="step"), with_fan(hold_s=0.0)])
def test_never_slows_within_the_hysteresis_however_long_it_lasts(config: Config) -> None:
    loop = Loop(config)
    peak = loop.tick(60.0).duty_percent
    assert {loop.tick(57.0 + step / 1000).duty_percent for step in range(1000)} == {peak}
    assert loop.run(HOLD_S + 1, 56.5).duty_percent < peak


def test_without_a_hold_time_hysteresis_alone_decides() -> None:
    loop = Loop(with_fan(hold_s=0.0))
    loop.tick(60.0)
    assert loop.tick(56.5).duty_percent == demand(DEFAULT, 56.5)


@pytest.mark.parametrize("spell", [57.1, 59.0, 61.0])
def test_a_warm_spell_starts_the_hold_anew(spell: float) -> None:
    loop = Loop()
    loop.tick(60.0)
    loop.run(HOLD_S - 1, 50.0)
    peak = loop.tick(spell).duty_percent
    assert peak >= 40
    assert loop.run(HOLD_S, 50.0).duty_percent == peak
    assert loop.tick(50.0).duty_percent < peak


def test_slows_to_the_most_that_was_needed_during_the_hold_not_to_its_coolest_or_last() -> None:
    loop = Loop()
    loop.tick(60.0)
    for temp in (40.0, 40.0, 55.0, 40.0):
        loop.run(HOLD_S / 4, temp)
    assert loop.tick(40.0).duty_percent == demand(DEFAULT, 55.0)
    assert loop.run(HOLD_S, 40.0).duty_percent == demand(DEFAULT, 55.0)
    assert loop.run(1, 40.0).duty_percent == 0


@given(
    st.floats(30, 90),
    st.none() | duties,
    st.lists(st.tuples(st.floats(-1, 1), st.integers(1, 30)), max_size=30),
    st.booleans(),
    st.sampled_from([2.001, 3.0, 20.0]),
    st.sampled_from([0.0, 10.0]),
)
def test_a_jitter_of_one_degree_moves_nothing_once_settled(
    base: float,
    start: int | None,
    jitter: list[tuple[float, int]],
    linear: bool,
    hysteresis: float,
    hold_s: float,
) -> None:
    config = with_fan(
        interpolation="linear" if linear else "step", hysteresis_celsius=hysteresis, hold_s=hold_s, duty_min_percent=0
    )
    loop = Loop(config, start)
    seen = [loop.tick(base + offset).duty_percent for offset, ticks in jitter for _ in range(ticks)]
    assert sum(later < earlier for earlier, later in pairwise(seen)) <= 1, "slows once at most"
    loop.run(hold_s + 1, base - 4 - 2 * hysteresis)
    settled = loop.tick(base + 1).duty_percent
    assert {loop.tick(base + offset).duty_percent for offset, ticks in jitter for _ in range(ticks)} <= {settled}


@given(duties, st.integers(0, 100), st.lists(temps, min_size=1, max_size=30))
def test_no_duty_lies_between_off_and_the_lowest_that_turns_the_fan(
    duty_min: int, manual: int, sequence: list[float]
) -> None:
    loop = Loop(with_fan(duty_min_percent=duty_min, hold_s=1.0))
    decisions = [loop.tick(temp) for temp in sequence]
    answered = loop.hold(manual)
    lease = loop.controller.lease
    assert lease
    assert lease.duty_percent == (max(manual, duty_min) if manual else 0) <= answered
    decisions += [loop.tick(40.0)]
    loop.controller.resume_automatic()
    decisions += [loop.tick(temp) for temp in sequence]
    assert all(decision.duty_percent == 0 or decision.duty_percent >= duty_min for decision in decisions)


# -- the start -------------------------------------------------------------------------------------


@given(duties, st.lists(temps | st.none(), min_size=1, max_size=round(HOLD_S / TICK_S)))
def test_no_dip_below_what_the_fan_did_before_until_a_whole_hold_time_has_passed(
    duty: int, sequence: list[float | None]
) -> None:
    loop = Loop(duty=duty)
    assert all(loop.tick(temp).duty_percent >= duty for temp in sequence)


def test_a_cold_start_slows_from_the_duty_that_was_read() -> None:
    loop = Loop(duty=50)
    assert loop.run(HOLD_S, 40.0).duty_percent == 50
    assert loop.run(1, 40.0).duty_percent == 0


@pytest.mark.parametrize(
    ("temp", "expected"), [(40.0, 0), (60.0, 40), (90.0, 100), (math.nan, 100), (None, DEFAULT.fan.failsafe_percent)]
)
def test_an_unknown_duty_is_replaced_by_the_curve_or_without_a_reading_by_failsafe(
    temp: float | None, expected: int
) -> None:
    assert Loop(duty=None).tick(temp).duty_percent == expected


def test_an_unknown_duty_and_one_of_two_sensors_silent_is_failsafe() -> None:
    config = with_fan(TWO, failsafe_percent=70)
    assert Loop(config, None).tick(40.0, None).duty_percent == 70
    assert Loop(config, None).tick(90.0, None).duty_percent == 100


def test_a_sensor_that_never_gave_a_reading_becomes_hot_and_until_then_the_fan_stays() -> None:
    loop = Loop(duty=20)
    assert loop.tick(None, after_s=0).duty_percent == 20
    decisions = [loop.tick(None) for _ in range(MISSED_MAX)]
    assert (decisions[-1].duty_percent, decisions[-1].untrusted) == (100, ("cpu",))
    assert min(decision.duty_percent for decision in decisions) == 20


def test_a_restart_returns_to_automatic() -> None:
    loop = Loop()
    loop.hold(60)
    assert loop.tick(40.0).manual
    again = Controller(DEFAULT, loop.now_s, 60)
    assert again.lease is None
    assert not again.step(loop.now_s, [Reading("cpu", 40.0, loop.now_s)]).manual


# -- a manual setting is a lease -------------------------------------------------------------------


@given(duties, st.lists(st.floats(-20, 79.9), min_size=1, max_size=40), st.none() | duties)
def test_a_manual_duty_holds_at_any_temperature_below_critical(
    manual: int, sequence: list[float], start: int | None
) -> None:
    loop = Loop(duty=start)
    held = loop.hold(manual)
    for temp in sequence:
        decision = loop.tick(temp)
        assert (decision.duty_percent, decision.manual, decision.untrusted) == (held, True, ())


@pytest.mark.parametrize("duty", [-1, 101, 1000])
def test_a_manual_duty_out_of_range_is_refused_and_changes_nothing(duty: int) -> None:
    loop = Loop()
    loop.hold(60)
    with pytest.raises(ValueError, match="expected 0 to 100"):
        loop.hold(duty)
    assert loop.tick(40.0).duty_percent == 60


@pytest.mark.parametrize("for_s", [0.1, 0.5, 5.0, 900.0])
def test_a_lease_ends_on_time_and_the_fan_then_follows_the_curve(for_s: float) -> None:
    loop = Loop()
    loop.hold(0, for_s)
    end_s = loop.now_s + for_s
    assert loop.controller.step(math.nextafter(end_s, 0), [Reading("cpu", 72.0, end_s)]).duty_percent == 0
    decision = loop.controller.step(end_s, [Reading("cpu", 72.0, end_s)])
    assert (decision.duty_percent, decision.manual, loop.controller.lease) == (100, False, None)


@pytest.mark.parametrize("end", ["taken back", "expired"])
def test_after_a_lease_the_fan_slows_as_after_any_warm_spell(end: str) -> None:
    loop = Loop()
    loop.hold(80, 60 if end == "expired" else None)
    assert loop.run(59.5, 40.0).duty_percent == 80
    if end == "taken back":
        loop.controller.resume_automatic()
    assert not loop.tick(40.0).manual
    assert loop.run(HOLD_S - TICK_S, 40.0).duty_percent == 80
    assert loop.run(1, 40.0).duty_percent == 0


@pytest.mark.parametrize("for_s", [None, 900.0])
def test_a_lease_ends_when_every_sensor_is_cool_and_the_fan_then_slows_as_after_any_warm_spell(
    for_s: float | None,
) -> None:
    loop = Loop(TWO)
    loop.hold(60, for_s, 45.0)
    assert loop.run(60, 45.1, 40.0).manual
    assert loop.run(60, 40.0, 45.1).manual
    decision = loop.tick(45.0, 45.0)
    assert (decision.duty_percent, decision.manual, loop.controller.lease) == (60, False, None)
    assert loop.run(HOLD_S - TICK_S, 45.0, 45.0).duty_percent == 60
    assert loop.run(2 * TICK_S, 45.0, 45.0).duty_percent == 0


@pytest.mark.parametrize("lost", [None, math.nan, math.inf])
def test_a_reading_that_is_lost_or_no_number_does_not_end_a_lease_by_temperature(lost: float | None) -> None:
    loop = Loop(TWO)
    loop.tick(60.0, 44.0)
    loop.hold(60, None, 45.0)
    for _ in range(20):
        loop.tick(44.0, lost)
        assert loop.controller.lease is not None
    loop.tick(44.0, 44.0, after_s=TICK_S)
    assert loop.controller.lease is None


def test_a_sensor_that_was_never_heard_does_not_let_a_lease_end_by_temperature() -> None:
    loop = Loop(TWO)
    loop.hold(60, None, 45.0)
    loop.run(5, 40.0, None)
    assert loop.controller.lease is not None


def test_a_lease_that_waits_for_a_temperature_ends_by_time_too_and_yields_to_an_emergency() -> None:
    loop = Loop()
    loop.hold(20, 30, 45.0)
    assert loop.tick(80.0).duty_percent == 100
    assert loop.run(20, 50.0).manual
    assert not loop.run(11, 50.0).manual


@pytest.mark.parametrize(
    ("for_s", "until_celsius", "expected"),
    [
        (None, None, "until 'a1d-ctl fan auto'"),
        (90.0, None, "for 1m30s"),
        (None, 45.5, "until 45.5 C"),
        (90.0, 45.0, "until 45 C or for 1m30s"),
    ],
)
def test_what_ends_a_lease_is_said(for_s: float | None, until_celsius: float | None, expected: str) -> None:
    loop = Loop()
    loop.hold(20, for_s, until_celsius)
    assert loop.controller.lease and loop.controller.lease.waits_for(START_S) == expected


def test_a_lease_in_the_middle_of_a_hold_starts_the_hold_anew() -> None:
    loop = Loop(duty=50)
    loop.run(HOLD_S - 1, 40.0)
    loop.hold(80)
    loop.tick(40.0)
    loop.controller.resume_automatic()
    assert loop.run(HOLD_S, 40.0).duty_percent == 80
    assert loop.tick(40.0).duty_percent == 0


def test_taking_a_lease_back_that_is_not_there_is_nothing() -> None:
    loop = Loop(duty=30)
    loop.controller.resume_automatic()
    assert loop.tick(40.0).duty_percent == 30


def test_a_later_lease_replaces_an_earlier_one_and_its_end() -> None:
    loop = Loop()
    loop.hold(60, 5)
    loop.hold(30)
    assert loop.run(60, 40.0).duty_percent == 30


@given(duties, st.sampled_from([80.0, 80.001, 125.0, math.inf, math.nan]), st.booleans())
def test_critical_beats_any_manual_duty_at_once_zero_included(manual: int, temp: float, before: bool) -> None:
    loop = Loop()
    if before:
        loop.hold(manual)
        loop.tick(60.0)
        assert loop.tick(temp).duty_percent == 100
    else:
        loop.tick(temp)
        loop.hold(manual)
        assert loop.tick(temp).duty_percent == 100


def test_a_sensor_of_its_own_critical_temperature_beats_a_manual_duty_there() -> None:
    loop = Loop(TWO)
    loop.hold(0)
    assert loop.tick(79.9, 74.9).duty_percent == 0
    assert loop.tick(20.0, 75.0).duty_percent == 100


def test_a_lease_is_back_once_it_has_been_calm_for_the_hold_time() -> None:
    loop = Loop()
    loop.hold(0)
    loop.tick(80.0)
    assert loop.run(300, 77.0).duty_percent == 100, "within the hysteresis it is not calm"
    loop.run(HOLD_S, 76.9)
    assert loop.tick(76.9).duty_percent == 0


def test_while_a_drive_is_waited_for_it_is_not_calm() -> None:
    config = with_fan(hold_s=1.0)
    loop = Loop(config)
    loop.hold(0)
    loop.tick(80.0)
    loop.reload(replace(config, sensors=TWO.sensors))
    assert loop.run(2.5, 60.0, None).duty_percent == 100
    loop.run(1.0, 60.0, 40.0)
    assert loop.tick(60.0, 40.0).duty_percent == 0


def test_a_spell_that_is_not_calm_starts_the_wait_for_the_lease_anew() -> None:
    loop = Loop()
    loop.hold(0)
    loop.tick(80.0)
    loop.run(HOLD_S - 1, 60.0)
    loop.tick(77.0)
    assert loop.run(HOLD_S, 60.0).duty_percent >= 40
    assert loop.tick(60.0).duty_percent == 0


def test_what_was_critical_is_known_until_the_emergency_is_over() -> None:
    loop = Loop(TWO)
    assert loop.tick(60.0, 60.0).critical is None
    assert loop.tick(60.0, 81.0).critical == Critical("nvme", 81.0, 75.0)
    assert loop.run(HOLD_S, 60.0, 60.0).critical == Critical("nvme", 81.0, 75.0, is_over=True)
    assert loop.run(2 * TICK_S, 60.0, 60.0).critical is None


@given(st.lists(st.tuples(st.floats(40, 79.9), st.integers(1, 19)), min_size=1, max_size=20))
def test_a_temperature_that_keeps_touching_critical_does_not_switch_the_fan_on_and_off(
    spells: list[tuple[float, int]],
) -> None:
    loop = Loop()
    loop.hold(0)
    for temp, ticks in spells:
        assert loop.tick(80.0).duty_percent == 100
        for _ in range(ticks):
            assert loop.tick(temp).duty_percent >= demand(DEFAULT, temp)


def test_a_lease_is_not_back_on_a_reading_that_may_hide_heat() -> None:
    loop = Loop()
    loop.hold(0)
    loop.tick(80.0)
    loop.run(HOLD_S, 60.0)
    assert loop.tick(None).duty_percent >= 40


def test_a_lease_ends_on_time_during_an_emergency_too() -> None:
    loop = Loop()
    loop.hold(0, 5)
    loop.run(6, 85.0)
    assert loop.controller.lease is None
    assert loop.run(HOLD_S + 1, 60.0).duty_percent == 40


def test_a_higher_manual_duty_speeds_the_fan_up_in_an_emergency() -> None:
    loop = Loop(with_fan(failsafe_percent=30))
    loop.tick(40.0)
    assert loop.run(5, None).duty_percent == 30
    loop.hold(90)
    assert loop.tick(None).duty_percent == 90


# -- a reload --------------------------------------------------------------------------------------


@given(duties, st.sampled_from([TWO, with_fan(hold_s=1.0), with_fan(interpolation="step"), replace(TWO, interval_s=2)]))
def test_a_reload_keeps_the_lease_and_its_end(manual: int, config: Config) -> None:
    loop = Loop()
    held = loop.hold(manual, 30, 39.0)
    loop.run(10, 60.0)
    loop.reload(config)
    assert loop.controller.lease and loop.controller.lease.until_celsius == 39.0
    cool = [40.0] * len(config.sensors)
    assert loop.tick(*cool).duty_percent == held
    assert loop.run(14, *cool).duty_percent == held
    assert not loop.run(8, *cool).manual


@given(duties, temps, st.sampled_from([TWO, with_fan(hold_s=1.0), with_fan(interpolation="step")]))
def test_a_reload_is_no_dip(start: int, temp: float, config: Config) -> None:
    loop = Loop(duty=start)
    before = loop.tick(temp).duty_percent
    loop.reload(config)
    assert loop.tick(*[-20.0] * len(config.sensors)).duty_percent == before


def test_a_reload_takes_a_new_curve_up_at_once_and_down_late() -> None:
    loop = Loop()
    loop.run(HOLD_S + 1, 55.0)
    loop.reload(with_fan(curve=((50.0, 60.0),)))
    high = loop.tick(55.0).duty_percent
    assert high >= 60
    loop.reload(DEFAULT)
    assert loop.run(HOLD_S, 55.0).duty_percent == high
    assert loop.run(1, 55.0).duty_percent == 25


def test_reloads_more_often_than_the_hold_time_never_slow_the_fan_early() -> None:
    loop = Loop(duty=50)
    for _ in range(5):
        assert loop.run(HOLD_S - 1, 40.0).duty_percent == 50
        loop.reload(DEFAULT)
    assert loop.run(HOLD_S, 40.0).duty_percent == 50


def test_a_reload_that_lowers_critical_beats_a_lease_at_once() -> None:
    loop = Loop()
    loop.hold(0)
    assert loop.tick(70.0).duty_percent == 0
    loop.reload(with_fan(critical_celsius=70.0))
    assert loop.tick(70.0).duty_percent == 100


def test_a_reload_that_raises_the_lowest_duty_raises_a_lease_that_would_stall_the_fan() -> None:
    loop = Loop()
    loop.hold(15)
    loop.tick(40.0)
    loop.reload(with_fan(duty_min_percent=30))
    assert loop.tick(40.0).duty_percent == 30


@pytest.mark.parametrize(("zone", "patience_s"), [("board-thermal", 1.25), (None, 3.0)])
def test_a_sensor_that_a_reload_adds_is_waited_for_and_a_drive_longer(zone: str | None, patience_s: float) -> None:
    loop = Loop()
    loop.run(60, 40.0)
    new = SensorConfig("nvme", zone=zone, hwmon=None if zone else "nvme")
    loop.reload(replace(DEFAULT, sensors=(*DEFAULT.sensors, new)))
    decisions = [loop.tick(40.0, None) for _ in range(10)]
    waited = round(math.ceil(patience_s / TICK_S))
    assert [decision.untrusted for decision in decisions[: waited - 1]] == [()] * (waited - 1)
    assert decisions[waited].untrusted == ("nvme",)


def test_a_reload_keeps_the_calm_of_a_rise() -> None:
    config = with_fan(rise_s=20.0)
    loop = Loop(config)
    loop.run(30, 45.0)
    loop.reload(config)
    assert loop.tick(75.0).duty_percent == 0, "a lone leap moves nothing"


# -- what cannot be trusted counts as hot ----------------------------------------------------------


def test_a_reading_that_is_too_old_does_not_let_the_fan_slow() -> None:
    loop = Loop(with_fan(failsafe_percent=60), 90)
    old = Reading("cpu", 40.0, START_S)
    for tick in range(round(3 * HOLD_S / TICK_S)):
        decision = loop.controller.step(START_S + tick * TICK_S, [old])
    assert (decision.duty_percent, decision.untrusted) == (90, ("cpu",))


def test_a_stale_sensor_and_one_that_was_never_heard_are_both_named() -> None:
    loop = Loop(TWO)
    loop.tick(40.0, None)
    assert set(loop.run(30, None, None).untrusted) == {"cpu", "nvme"}


@given(duties, st.integers(30, 100), st.sampled_from([DEFAULT, replace(DEFAULT, interval_s=2.0)]), temps)
def test_the_third_missed_reading_is_failsafe_or_faster_and_the_second_is_nothing(
    start: int, failsafe: int, base: Config, temp: float
) -> None:
    loop = Loop(with_fan(base, failsafe_percent=failsafe), start)
    before = loop.tick(temp).duty_percent
    for _ in range(2):
        decision = loop.tick(None)
        assert (decision.duty_percent, decision.untrusted) == (before, ())
    for _ in range(30):
        decision = loop.tick(None)
        assert (decision.duty_percent, decision.untrusted) == (max(before, failsafe), ("cpu",))


@given(duties, st.integers(30, 100))
def test_failsafe_beats_a_lease_and_is_never_slower_than_it(manual: int, failsafe: int) -> None:
    loop = Loop(with_fan(failsafe_percent=failsafe))
    held = loop.hold(manual)
    loop.tick(40.0)
    assert loop.run(5, None).duty_percent == max(held, failsafe)
    assert loop.run(HOLD_S, 40.0).duty_percent >= max(held, failsafe)
    assert loop.run(1, 40.0).duty_percent == held


def test_one_dead_sensor_of_two_is_failsafe_while_the_other_still_speeds_the_fan_up() -> None:
    loop = Loop(with_fan(TWO, failsafe_percent=30))
    loop.tick(40.0, 40.0)
    assert loop.run(5, 40.0, None).duty_percent == 30
    assert loop.tick(60.0, None).duty_percent == 40
    assert loop.run(60, 30.0, None).duty_percent == 40, "never slower while one is not trusted"
    assert loop.tick(80.0, None).duty_percent == 100
    decision = loop.tick(None, 40.0)
    assert (decision.untrusted, decision.duty_percent) == ((), 100)


@given(st.lists(st.sampled_from([20.0, None]), min_size=1, max_size=200))
def test_a_single_missed_reading_keeps_the_fan_from_slowing(sequence: list[float | None]) -> None:
    loop = Loop(duty=50)
    good = 0
    for temp in sequence:
        duty = loop.tick(temp).duty_percent
        good = 0 if temp is None else good + 1
        if good * TICK_S > HOLD_S:
            return
        assert duty >= 50


def test_the_fan_slows_late_once_readings_return() -> None:
    loop = Loop()
    loop.tick(40.0)
    loop.run(5, None)
    assert loop.run(HOLD_S, 40.0).duty_percent == 100
    decision = loop.run(1, 40.0)
    assert (decision.duty_percent, decision.untrusted) == (0, ())


@pytest.mark.parametrize("tick_s", [0.5, 2.0, 5.0])
@pytest.mark.parametrize("sensor_s", [None, 0.6, 0.7, 2.0, 2.1, 6.0])
def test_a_slow_sensor_may_miss_two_of_its_own_readings(tick_s: float, sensor_s: float | None, tmp_path: Path) -> None:
    config = replace(DEFAULT, interval_s=tick_s, sensors=(replace(CPU, interval_s=sensor_s),))
    zone = tmp_path / "class/thermal/thermal_zone0"
    zone.mkdir(parents=True)
    (zone / "type").write_text("cpu-thermal")
    (zone / "temp").write_text("40000\n")
    reads: list[float] = []
    now_s = START_S

    class CountingSensor(ZoneSensor):
        def _read_file(self) -> bytes:
            reads.append(now_s)
            return super()._read_file()

    sensor = CountingSensor("cpu", str(tmp_path), "cpu-thermal", read_interval_s(config, config.sensors[0]), 0)
    controller = Controller(config, now_s, 0)
    sensor.read(now_s)
    (zone / "temp").write_text("")
    reads.clear()
    while len(reads) < MISSED_MAX and now_s < START_S + 100:
        now_s += tick_s
        reading = sensor.read(now_s)
        assert reading is not None
        decision = controller.step(now_s, [reading])
        if len(reads) < MISSED_MAX - 1:
            assert decision.untrusted == (), f"after {len(reads)} missed"
    assert decision.untrusted == ("cpu",)
    sensor.close()


# -- a gap in the ticks ----------------------------------------------------------------------------


@given(st.floats(5.001, 1e6))
def test_sleep_does_not_count_as_having_been_cool(pause_s: float) -> None:
    loop = Loop(duty=50)
    loop.run(HOLD_S - 1, 40.0)
    assert loop.tick(40.0, after_s=pause_s).duty_percent == 50
    assert loop.run(HOLD_S - TICK_S, 40.0).duty_percent == 50
    assert loop.run(2 * TICK_S, 40.0).duty_percent == 0


@given(st.floats(5.001, 1e6))
def test_sleep_does_not_count_as_having_been_calm(pause_s: float) -> None:
    loop = Loop()
    loop.hold(0)
    loop.tick(80.0)
    loop.tick(60.0)
    assert loop.tick(60.0, after_s=pause_s).duty_percent >= 40
    assert loop.run(HOLD_S - TICK_S, 60.0).duty_percent >= 40
    assert loop.run(2 * TICK_S, 60.0).duty_percent == 0


def test_a_lease_ends_while_the_machine_sleeps() -> None:
    loop = Loop()
    loop.hold(0, 60)
    loop.tick(60.0)
    decision = loop.tick(60.0, after_s=3600)
    assert (decision.manual, decision.duty_percent) == (False, 40)


@pytest.mark.parametrize("sensor_s", [None, 2.0, 10.0, 60.0])
@pytest.mark.parametrize("pause_s", [6.0, 20.0])
def test_a_reading_from_before_a_gap_is_not_trusted_after_it(sensor_s: float | None, pause_s: float) -> None:
    loop = Loop(replace(DEFAULT, sensors=(replace(CPU, interval_s=sensor_s),)))
    loop.tick(40.0)
    decision = loop.tick(None, after_s=pause_s)
    assert (decision.untrusted, decision.duty_percent) == (("cpu",), 100)


@pytest.mark.parametrize("late_s", [0.0, 0.004])
def test_the_longest_tick_interval_is_no_gap(late_s: float) -> None:
    loop = Loop(replace(DEFAULT, interval_s=5.0), 50)
    seen = [loop.tick(40.0, after_s=5.0 + late_s).duty_percent for _ in range(5)]
    assert seen[-1] == 0


def test_a_pause_of_more_than_two_ticks_and_5_s_is_a_gap() -> None:
    assert [gap_s(replace(DEFAULT, interval_s=tick_s)) for tick_s in (0.5, 2.0, 5.0)] == [5.0, 5.0, 10.0]


# -- any sequence of events ------------------------------------------------------------------------

RELOADS = [
    with_fan(TWO, hold_s=2.0),
    with_fan(TWO, hold_s=4.0, hysteresis_celsius=1.0, failsafe_percent=60, interpolation="step"),
    with_fan(TWO, hold_s=2.0, hysteresis_celsius=0.0, curve=((45.0, 30.0), (65.0, 80.0)), critical_celsius=70.0),
]
SHORTEST_HOLD_S = min(config.fan.hold_s for config in RELOADS)
borderline_temps = st.sampled_from([40.0, 50.0, 52.0, 56.5, 60.0, 69.0, 74.9, 75.0, 76.9, 79.9, 80.0, math.nan]) | temps


class AnyEvents(RuleBasedStateMachine):
    """Whatever happens in whatever order, the rules hold at every tick."""

    @initialize(duty=st.none() | st.just(0) | st.integers(10, 100), config=st.sampled_from(RELOADS))
    def start(self, duty: int | None, config: Config) -> None:
        self.loop = Loop(config, duty)
        self.before = duty
        self.calm_ticks = math.inf  # since the last emergency
        # Since when, without a break, has it been cool enough for less than ``before``, and what was needed meanwhile?
        self.cool_since_s: float | None = None
        self.cool_demand = 0

    @rule(cpu=borderline_temps | st.none(), nvme=borderline_temps | st.none(), ticks=st.integers(1, 12))
    def run(self, cpu: float | None, nvme: float | None, ticks: int) -> None:
        for _ in range(ticks):
            self.check(cpu, nvme)

    @rule(cpu=borderline_temps, nvme=borderline_temps | st.none(), pause_s=st.floats(6, 1000))
    def sleep(self, cpu: float, nvme: float | None, pause_s: float) -> None:
        self.cool_since_s = None
        self.check(cpu, nvme, pause_s)

    @rule(manual=duties, for_s=st.none() | st.floats(0.1, 20))
    def lease(self, manual: int, for_s: float | None) -> None:
        self.loop.hold(manual, for_s)

    @rule()
    def resume(self) -> None:
        self.loop.controller.resume_automatic()

    @rule(config=st.sampled_from(RELOADS))
    def reload(self, config: Config) -> None:
        lease = self.loop.controller.lease
        self.loop.reload(config)
        after = self.loop.controller.lease
        assert (after and (after.until_s, after.asked_percent)) == (lease and (lease.until_s, lease.asked_percent))
        self.cool_since_s = None

    def check(self, cpu: float | None, nvme: float | None, after_s: float | None = None) -> None:
        loop, before = self.loop, self.before
        decision = loop.tick(cpu, nvme, after_s=after_s)
        duty, now_s, fan, lease = decision.duty_percent, loop.now_s, loop.config.fan, loop.controller.lease
        by_hand = decision.why[0] is reason.by_hand

        silent_s = {s.name: now_s - START_S for s in loop.config.sensors if s.name not in loop.last}
        hot = {s.name for s in loop.config.sensors if silent_s.get(s.name, 0.0) >= (3.0 if s.hwmon else 1.25)}
        hot |= {name for name, r in loop.last.items() if now_s - r.at_s >= (MISSED_MAX - 0.5) * TICK_S}
        trusted = [(s, r) for s in loop.config.sensors if (r := loop.last.get(s.name)) and s.name not in hot]
        curves = [(curve_of(loop.config, sensor), reading.temp_celsius) for sensor, reading in trusted]
        wanted = max((curve.duty_percent(temp) for curve, temp in curves), default=0)
        is_critical = any(not temp < curve.critical_celsius for curve, temp in curves)
        self.calm_ticks = 0 if hot or is_critical else self.calm_ticks + (after_s is None)

        assert set(decision.untrusted) == hot
        assert decision.manual == (lease is not None)
        assert lease is None or lease.until_s is None or now_s < lease.until_s
        assert duty == 0 or fan.duty_min_percent <= duty <= 100
        if is_critical:
            assert duty == 100
        if hot:
            assert duty >= max(before or 0, fan.failsafe_percent)
        if by_hand:
            assert lease is not None
            assert duty == lease.duty_percent
            assert self.calm_ticks * TICK_S >= SHORTEST_HOLD_S
            self.cool_since_s = None
        else:
            assert lease is None or self.calm_ticks < math.inf
            assert duty >= wanted
            self.check_automatic(duty, wanted, curves, complete=cpu is not None and nvme is not None and not hot)
        self.before = duty

    def check_automatic(self, duty: int, wanted: int, curves: list[tuple[Curve, float]], complete: bool) -> None:
        before, now_s, fan = self.before, self.loop.now_s, self.loop.config.fan
        if before is None:
            return
        if not complete or max(curve.duty_percent(temp + fan.hysteresis_celsius) for curve, temp in curves) >= before:
            self.cool_since_s = None
        elif self.cool_since_s is None:
            self.cool_since_s, self.cool_demand = now_s, wanted
        self.cool_demand = max(self.cool_demand, wanted)
        if duty < before:
            assert self.cool_since_s is not None, "slowed although it was not cool"
            assert now_s - self.cool_since_s >= fan.hold_s, "slowed before the hold time was over"
            assert duty == self.cool_demand, "slowed below what was needed during the hold time"
        if duty > before and complete:
            lease = self.loop.controller.lease
            assert duty == max(wanted, lease.duty_percent if lease else 0), "faster than asked for"
        if duty != before:
            self.cool_since_s = None


AnyEvents.TestCase.settings = settings(max_examples=60, stateful_step_count=30)
TestAnyEvents = AnyEvents.TestCase
