"""The soak's plan, and its judge, who must let a right daemon pass and find each of some wrong ones."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from a1d.button.watcher import ButtonWatcher
from a1d.case.fan import Fan
from a1d.config.reader import parse_config
from a1d.config.settings import Config
from a1d.errors import ConfigError
from a1d.sim.case import SensorFault
from a1d.sim.mcu import BusFault
from a1d.temperature.controller import Controller
from a1d.temperature.curve import Curve
from a1d.temperature.decision import Decision
from a1d.temperature.plausible import Plausibility
from hil.rig import Rig
from hil.soak.driver import Soak
from hil.soak.judge import findings
from hil.soak.plan import ALONE_S, BUS_FAULTS, CALM_S, CONFIGS, EPISODE_MINUTES, SENSOR_FAULTS, Action, plan
from hil.soak.spans import CURVES, Look, Record, Write
from tests.virtual import VirtualRig

MakeRig = Callable[..., VirtualRig]
SEEDS = st.integers(0, 2**32 - 1)
SIMULATED = {
    "nak": BusFault.NO_ANSWER,
    "timeout": BusFault.TIME_OUT,
    "arbitration": BusFault.ARBITRATION,
    "io": BusFault.IO_ERROR,
    "lost-writes": BusFault.LOST_WRITES,
    "wrong-read-back": BusFault.WRONG_READ_BACK,
    "absent": BusFault.NO_ANSWER,
    "gone": BusFault.NO_BUS,
    "error": SensorFault.DEAD,
    "vanish": SensorFault.DEAD,
    "garbage": SensorFault.RAVING,
}
WORDS = {"reboot": "double", "poweroff": "hold"}


@given(SEEDS, st.sampled_from([5.0, 20.0, 60.0]))
def test_a_seed_is_a_plan_in_the_order_of_time_and_it_leaves_nothing_behind(seed: int, minutes: float) -> None:
    actions = plan(seed, minutes)
    assert actions == plan(seed, minutes)
    assert actions == sorted(actions, key=lambda action: action.at_s)
    assert actions[-1] == Action(minutes * 60, "look")
    for what in ("bus", "sensor"):
        values = [action.value for action in actions if action.what == what]
        assert values[1::2] == ["none"] * (len(values) // 2)
        assert "none" not in values[::2]
        assert len(values) % 2 == 0
    assert [action for action in actions if action.what in ("fan", "auto")][-1].what == "auto"
    episode_s = min(minutes, EPISODE_MINUTES) * 60
    calm = [action for action in actions if action.at_s % episode_s > episode_s - CALM_S]
    assert {action.what for action in calm} == {"look"}


@settings(max_examples=5)
@given(SEEDS)
def test_what_may_happen_does_and_each_press_stands_alone(seed: int) -> None:
    actions = plan(seed, 600)
    assert {str(action.value).split("/")[0] for action in actions if action.what == "bus"} == {*BUS_FAULTS, "none"}
    assert {action.value for action in actions if action.what == "sensor"} == {*SENSOR_FAULTS, "none"}
    assert {action.value for action in actions if action.what == "reload"} == set(CONFIGS)
    presses_s = [action.at_s for action in actions if action.what == "press"]
    assert len(presses_s) > 600
    assert min(next_s - at_s for at_s, next_s in pairwise(presses_s)) >= ALONE_S
    absent = [action for action in actions if action.what == "bus"]
    for begin, end in zip(absent[::2], absent[1::2], strict=True):
        if begin.value == "absent":
            assert not [at_s for at_s in presses_s if begin.at_s <= at_s <= end.at_s]


@settings(max_examples=5)
@given(SEEDS)
def test_no_temperature_of_a_plan_is_one_that_a1d_need_not_believe(seed: int) -> None:
    """However long the sensor was faulty before, and whatever the heat was meanwhile."""
    known, celsius, is_lost, tick_s = Plausibility(), 45.0, False, 0.0
    for action in plan(seed, 600):
        while tick_s < action.at_s:
            assert is_lost or known.doubt(celsius, tick_s) is None, f"before {action}"
            tick_s += 0.5
        if action.what == "heat":
            celsius = float(action.value)
        elif action.what == "sensor":
            is_lost = action.value != "none"


def test_the_judge_knows_the_curves_that_the_configurations_have() -> None:
    for name, text in CONFIGS.items():
        if name == "refused":
            with pytest.raises(ConfigError):
                parse_config(text)
        else:
            config = parse_config(text)
            curve = Curve(config.fan.curve, config.fan.critical_celsius, duty_min_percent=config.fan.duty_min_percent)
            for celsius in range(20, 101):
                assert curve.duty_percent(celsius) == CURVES[name].duty_percent(celsius)


class SlowRig(Rig):
    """Each new temperature takes 3 s."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.at_s = 0.0
        monkeypatch.setattr("hil.soak.driver.time.sleep", self.sleep)

    def now_s(self) -> float:
        return self.at_s

    def sleep(self, for_s: float) -> None:
        self.at_s += for_s

    def heat_at_once(self, celsius: float) -> None:
        self.at_s += 3

    def pulse(self, ms: float) -> None:
        self.at_s += 0.02


def test_an_action_that_comes_late_delays_all_that_follow(monkeypatch: pytest.MonkeyPatch) -> None:
    soak = Soak(SlowRig(monkeypatch), seed=0, minutes=5)
    for at_s, what in ((1, "heat"), (2, "press"), (4, "press"), (6, "heat"), (10, "press"), (10.01, "press")):
        soak.do(Action(at_s, what, 40.0))
    # 2 s between two presses, as planned. The heat at 6 s delays nothing: there was time enough.
    assert [action.at_s for action in soak.record.actions] == pytest.approx([1, 4, 6, 8, 12, 12.02])


class SimulatedSoak:
    """What hil.soak.driver does, to the daemon on the simulated case, in virtual time."""

    def __init__(self, make_rig: MakeRig) -> None:
        self.config = "plain"
        self.rig = make_rig(self.read_config)
        self.rig.run(10)
        self.zero_s = self.rig.clock()
        self.rig.case.mcu.transfers.clear()
        self.record = Record(self.rig.fan_percent)

    def read_config(self) -> Config:
        config = parse_config(CONFIGS[self.config])
        return replace(config, button=replace(config.button, double_press="reboot", hold="poweroff"))

    def run(self, actions: list[Action]) -> None:
        for action in actions:
            self.rig.run(self.zero_s + action.at_s - self.rig.clock())
            self.record.actions.append(action._replace(at_s=self.rig.clock() - self.zero_s))
            self.do(action)
            for transfer in self.rig.case.mcu.transfers:
                if transfer.value is not None:
                    self.record.writes.append(Write(transfer.at_s - self.zero_s, transfer.value, not transfer.taken))
            self.rig.case.mcu.transfers.clear()
        self.record.end_s = self.rig.clock() - self.zero_s

    def do(self, action: Action) -> None:
        case, daemon = self.rig.case, self.rig.daemon
        match action.what:
            case "heat":
                case.fixed_celsius = float(action.value)
            case "bus":
                case.bus_faults.clear()
                name = SIMULATED.get(str(action.value).split("/")[0])
                if isinstance(name, BusFault):
                    case.bus_faults.add(name)
            case "sensor":
                case.sensor_faults.clear()
                name = SIMULATED.get(str(action.value))
                if isinstance(name, SensorFault):
                    case.sensor_faults.add(name)
            case "fan":
                daemon.set_manual(int(action.value), action.for_s)
            case "auto":
                daemon.resume_automatic()
            case "reload" | "hangup":
                self.config = str(action.value)
                daemon.reload()
            case "press":
                case.pulse(float(action.value))
            case "reset":
                case.mcu.reset()
            case "tamper":
                case.mcu.set_duty(int(action.value))
            case "look":
                status = daemon.status()
                pressed = tuple(WORDS[verb] for verb in case.powered)
                look = Look(action.at_s, status["health"]["state"], self.rig.fan_percent, pressed, 0, 0)
                self.record.looks.append(look)


@pytest.mark.parametrize("seed", range(2))
def test_the_judge_has_nothing_against_a_right_daemon(make_rig: MakeRig, seed: int) -> None:
    soak = SimulatedSoak(make_rig)
    soak.run(plan(seed, 60))
    assert findings(soak.record) == []


def _lower_failsafe(monkeypatch: pytest.MonkeyPatch) -> None:
    step = Controller.step
    monkeypatch.setattr(
        Controller,
        "step",
        lambda *args, **gap: (d := step(*args, **gap))._replace(duty_percent=90 if d.untrusted else d.duty_percent),
    )


def _manual_beats_critical(monkeypatch: pytest.MonkeyPatch) -> None:
    step = Controller.step

    def wrong(self: Controller, now_s: float, readings: Any, **how: Any) -> Decision:
        decision = step(self, now_s, readings, **how)
        return decision._replace(duty_percent=self.lease.duty_percent) if self.lease else decision

    monkeypatch.setattr(Controller, "step", wrong)


def _hold_is_short(monkeypatch: pytest.MonkeyPatch) -> None:
    configure = Controller.configure

    def wrong(self: Controller, config: Config) -> None:
        configure(self, replace(config, fan=replace(config.fan, hold_s=8.0)))

    monkeypatch.setattr(Controller, "configure", wrong)


def _never_slows(monkeypatch: pytest.MonkeyPatch) -> None:
    step = Controller.step

    def wrong(self: Controller, now_s: float, readings: Any, **how: Any) -> Decision:
        decision = step(self, now_s, readings, **how)
        self._cool_since_s = None
        return decision

    monkeypatch.setattr(Controller, "step", wrong)


def _curve_rounds_down(monkeypatch: pytest.MonkeyPatch) -> None:
    duty_percent = Curve.duty_percent
    step = Controller.step

    def wrong(self: Controller, now_s: float, readings: Any, **how: Any) -> Decision:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Curve, "duty_percent", lambda curve, celsius: duty_percent(curve, celsius - 0.1))
            return step(self, now_s, readings, **how)

    monkeypatch.setattr(Controller, "step", wrong)


def _late_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("a1d.case.fan._RETRY_MAX_S", 3.0)


def _unverified(monkeypatch: pytest.MonkeyPatch) -> None:
    verify = Fan._verify

    def wrong(self: Fan, bus: Any) -> None:
        verify(self, bus)
        self.confirmed_percent = self.target_percent

    monkeypatch.setattr(Fan, "_verify", wrong)


def _no_refresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Fan, "refresh_s", property(lambda _self: 1e9, lambda _self, _value: None), raising=False)


def _presses_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    read = ButtonWatcher.read
    monkeypatch.setattr(ButtonWatcher, "read", lambda self: read(self) * 2)


def _reload_forgets_the_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    configure = Controller.configure

    def wrong(self: Controller, config: Config) -> None:
        configure(self, config)
        self._duty = 0

    monkeypatch.setattr(Controller, "configure", wrong)


@pytest.mark.parametrize(
    ("breaking", "expected"),
    [
        (_lower_failsafe, r"90 % was written instead of 100 % \(an emergency\)"),
        (_manual_beats_critical, r"slower than 100 % \(an emergency\)"),
        (_hold_is_short, r"written instead of \d+ % \(\S+ C\)"),
        (_never_slows, r"faster than \d+ % \(steady\)"),
        (_curve_rounds_down, r"slower than \d+ % \(\S+ C\)"),
        (_late_retries, r"slower than 100 % \(\S+ C\)"),
        (_unverified, r"slower than \d+ %"),
        (_no_refresh, r"nothing was written for"),
        (_presses_twice, r"1 presses, 2 acted upon"),
        (_reload_forgets_the_hold, r"written instead of 100 % \(an emergency\)"),
    ],
)
def test_the_judge_finds_a_wrong_daemon(
    make_rig: MakeRig, monkeypatch: pytest.MonkeyPatch, breaking: Callable[[pytest.MonkeyPatch], None], expected: str
) -> None:
    breaking(monkeypatch)
    soak = SimulatedSoak(make_rig)
    soak.run(plan(1, 20))
    assert [finding for finding in findings(soak.record) if re.search(expected, finding.what)]


def _quiet(*more: Action | Write | Look, celsius: float = 45.0, percent: int = 0) -> Record:
    """Ten minutes in which nothing happens but a refresh each minute, and ``more``."""
    looks = [_look(at_s, fan_percent=percent) for at_s in (1.0, 299.0, 590.0)]
    writes = [Write(at_s, percent) for at_s in range(0, 600, 60)]
    everything: list[Action | Write | Look] = [Action(0.0, "heat", celsius), *writes, *looks, *more]
    everything.sort(key=lambda each: each.at_s)
    return Record(
        percent,
        end_s=600.0,
        actions=[each for each in everything if isinstance(each, Action)],
        writes=[each for each in everything if isinstance(each, Write)],
        looks=[each for each in everything if isinstance(each, Look)],
    )


def _look(at_s: float, health: str = "ok", **changes: Any) -> Look:
    return Look(at_s, health, fan_percent=0, pressed=(), rss_kb=10_000, fds=9)._replace(**changes)


SENSOR = (Action(310.0, "sensor", "error"), Action(325.0, "sensor", "none"))
FAILSAFE = (*SENSOR, Write(312.0, 100), Write(336.0, 0))
LOST_WRITES = (Action(310.0, "bus", "lost-writes"), Action(330.0, "bus", "none"))
MANUAL = Action(310.0, "fan", 30, 40.0)
HOT = (Action(310.0, "heat", 70.0), Action(340.0, "heat", 45.0))
CRITICAL = (Action(320.0, "heat", 80.0), Action(330.0, "heat", 45.0))


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (_quiet(), ""),
        # The fan.
        (_quiet(MANUAL, Write(310.5, 30), Write(350.5, 0)), ""),
        (_quiet(MANUAL), "slower than 30 % (set by hand)"),
        (_quiet(MANUAL, Write(310.5, 40), Write(350.5, 0)), "faster than 30 % (set by hand)"),
        (_quiet(MANUAL, *CRITICAL, Write(310.5, 30), Write(350.5, 0)), "slower than 100 % (an emergency)"),
        (_quiet(MANUAL, *SENSOR, Write(310.5, 30), Write(350.5, 0)), "slower than 100 % (an emergency)"),
        (_quiet(*HOT), "slower than 100 % (70.0 C)"),
        (_quiet(Write(310.0, 40)), "faster than 0 % (steady)"),
        (_quiet(*SENSOR, Action(312.0, "reload", "plain"), Write(314.4, 100), Write(336.0, 0)), ""),
        (_quiet(*SENSOR, Action(312.0, "reload", "plain"), Write(314.6, 100), Write(336.0, 0)), "(an emergency)"),
        (_quiet(*SENSOR, Action(320.0, "reload", "plain"), Write(312.6, 100), Write(336.0, 0)), "(an emergency)"),
        (_quiet(Action(310.0, "tamper", 20), celsius=75.0, percent=100), "slower than 100 % (75.0 C)"),
        (_quiet(*HOT, *LOST_WRITES, Write(320.0, 90, dropped=True), Write(330.5, 100)), "90 % was written instead"),
        # The wire.
        (_quiet(Write(310.0, 0), Write(310.1, 0)), ""),
        (_quiet(Write(310.0, 0), Write(310.05, 0)), "written 0.050 s after the last"),
        (_quiet(Write(310.0, 0, dropped=True)), "while the case kicked"),
        (_quiet(*LOST_WRITES, Write(320.0, 0, dropped=True)), ""),
        (_quiet(*LOST_WRITES, Write(320.0, 101, dropped=True)), "101 % was written"),
        (_quiet(_look(310.0, fan_percent=40)), "the fan is at 40 %, but was told"),
        # Health.
        (_quiet(*FAILSAFE, _look(320.0, "failsafe", fan_percent=100)), ""),
        (_quiet(*FAILSAFE, _look(320.0, "ok", fan_percent=100)), "health is ok, not failsafe"),
        (_quiet(*FAILSAFE, Action(318.0, "reload", "plain"), _look(320.0, "ok", fan_percent=100)), ""),
        (_quiet(_look(310.0, "degraded")), "health is degraded, not ok"),
        (_quiet(*LOST_WRITES, _look(320.0, "degraded")), ""),
        # The button.
        (_quiet(Action(595.0, "press", 20.0), _look(599.0, pressed=("double",))), ""),
        (_quiet(Action(595.0, "press", 20.0), _look(599.0)), "1 presses, 0 acted upon"),
        (_quiet(Action(595.0, "press", 20.0), _look(599.0, pressed=("hold",))), "1 presses, 1 acted upon"),
        (_quiet(_look(599.0, pressed=("hold",))), "0 presses, 1 acted upon"),
        # The memory.
        (_quiet(_look(150.0, rss_kb=10_600, fds=11), _look(599.0, rss_kb=10_600)), ""),
        (_quiet(_look(599.0, rss_kb=10_600)), "Rss grew by 600 kB"),
        (_quiet(_look(599.0, fds=10)), "10 descriptors, 9 in the beginning"),
    ],
)
def test_the_judge_finds_what_is_wrong_in_a_record_and_nothing_else(record: Record, expected: str) -> None:
    found = [finding.what for finding in findings(record)]
    assert len(found) == bool(expected), found
    assert all(expected in what for what in found), found
