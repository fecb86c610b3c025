"""The whole daemon on the simulated case, in virtual time: what docs/safety.md promises."""

from __future__ import annotations

import functools
import itertools
import random
import re
import selectors
import socket
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from unittest.mock import ANY

import pytest

from a1d.case.apply_failsafe import apply_failsafe
from a1d.case.stop_program import read_stop_settings
from a1d.config.reader import read_config
from a1d.config.settings import Config, SensorConfig
from a1d.errors import ConfigError, StopError
from a1d.sim.case import FanFault, SensorFault
from a1d.sim.mcu import BusFault
from a1d.temperature.curve import curve_of
from a1d.temperature.decision import Decision
from a1d.temperature.reading import Reading
from tests.virtual import PROMPT_FAN, VirtualRig

MakeRig = Callable[..., VirtualRig]
KICK_S = 0.6


def settle_at(rig: VirtualRig, celsius: float) -> int:
    """Hold the chip at a temperature until nothing moves; the duty it leads to."""
    rig.case.fixed_celsius = celsius
    rig.run(30)
    assert rig.fan_percent == rig.duty_percent == rig.daemon.fan.confirmed_percent
    return rig.fan_percent


def test_follows_the_temperature_up_at_once_and_down_late(rig: VirtualRig) -> None:
    assert settle_at(rig, 45.0) == 0
    rig.case.fixed_celsius = 72.0
    rig.run(0.51)
    assert rig.fan_percent == 100
    rig.case.fixed_celsius = 55.0
    rig.run(9)
    assert rig.fan_percent == 100
    rig.run(3)
    assert rig.fan_percent == 25


def test_starts_from_what_the_fan_already_does(make_rig: MakeRig) -> None:
    rig = make_rig()
    rig.case.mcu.set_duty(70)
    duties: list[int] = []
    rig.run(8, lambda: duties.append(rig.fan_percent))
    assert set(duties) == {70}


def test_steady_temperature_causes_no_traffic_but_the_refresh(rig: VirtualRig) -> None:
    duty = settle_at(rig, 60.0)
    jitter = random.Random(3)
    rig.case.mcu.transfers.clear()

    def shake() -> None:
        rig.case.fixed_celsius = 58.0 + jitter.uniform(-1, 1)

    rig.run(600, shake)
    writes = [transfer.value for transfer in rig.case.mcu.transfers if transfer.value is not None]
    reads = [transfer for transfer in rig.case.mcu.transfers if transfer.value is None]
    assert writes == [duty] * 10
    assert len(reads) == 2 * len(writes)  # one before, one to verify


@pytest.mark.parametrize("fault", list(BusFault))
def test_after_a_minute_of_bus_fault_the_duty_is_right_within_a_second(rig: VirtualRig, fault: BusFault) -> None:
    settle_at(rig, 55.0)
    rig.case.bus_faults.add(fault)
    rig.case.fixed_celsius = 65.0  # asks for 70 %
    rig.run(62)
    if fault is not BusFault.ARBITRATION:
        assert rig.daemon.health.state == "degraded"
    rig.case.bus_faults.clear()
    rig.case.fixed_celsius = 72.0  # asks for 100 %
    rig.run(1.0)
    assert rig.fan_percent == 100
    rig.run(3.0)
    assert rig.daemon.fan.confirmed_percent == 100
    assert rig.daemon.health.state == "ok"


def test_a_reset_mcu_is_healed_by_the_refresh(rig: VirtualRig) -> None:
    settle_at(rig, 65.0)
    rig.case.mcu.reset()
    rig.run(61)
    assert rig.fan_percent == 70


@pytest.mark.parametrize("fault", [SensorFault.DEAD, SensorFault.RAVING])
def test_a_lost_sensor_means_failsafe_and_ends_with_it(rig: VirtualRig, fault: SensorFault) -> None:
    settle_at(rig, 55.0)
    rig.case.sensor_faults.add(fault)
    rig.run(2.1)
    assert rig.fan_percent == 100
    assert rig.daemon.health.state == "failsafe"
    rig.case.sensor_faults.clear()
    rig.run(1)
    assert rig.daemon.health.state == "ok"
    assert rig.fan_percent == 100
    rig.run(12)
    assert rig.fan_percent == 25


def test_a_frozen_sensor_is_noticed(make_rig: MakeRig) -> None:
    sensor = SensorConfig(name="cpu", zone="cpu-thermal", frozen_s=30.0)
    rig = make_rig(Config(sensors=(sensor,)))
    rig.case.fixed_celsius = None
    rig.run(60)
    assert rig.daemon.health.state == "ok"
    rig.case.sensor_faults.add(SensorFault.FROZEN)
    rig.run(33)
    assert rig.fan_percent == 100
    assert "has not changed at all" in " ".join(rig.daemon.health.problems)
    rig.case.sensor_faults.clear()
    rig.run(2)
    assert rig.daemon.health.state == "ok"


def test_a_failing_sensor_beats_a_manual_stop(rig: VirtualRig) -> None:
    settle_at(rig, 45.0)
    rig.daemon.set_manual(0, None)
    rig.case.sensor_faults.add(SensorFault.DEAD)
    rig.run(3)
    assert rig.fan_percent == 100


def test_critical_beats_a_manual_stop_and_hands_back_after_the_hold(rig: VirtualRig) -> None:
    settle_at(rig, 45.0)
    rig.daemon.set_manual(0, None)
    rig.case.fixed_celsius = 80.0
    rig.run(0.51)
    assert rig.fan_percent == 100
    rig.case.fixed_celsius = 70.0
    rig.run(9)
    assert rig.fan_percent == 100
    rig.run(2)
    assert rig.fan_percent == 0


def test_a_manual_setting_ends_by_itself(rig: VirtualRig) -> None:
    settle_at(rig, 45.0)
    assert rig.daemon.set_manual(60, 15 * 60.0) == (60, None)
    rig.run(15 * 60 - 1)
    assert rig.fan_percent == 60
    rig.run(13)
    assert rig.fan_percent == 0


def test_suspend_drops_what_was_known(rig: VirtualRig) -> None:
    settle_at(rig, 45.0)
    rig.clock.now_s += 8 * 3600
    rig.case.sensor_faults.add(SensorFault.DEAD)
    rig.run(0.6)
    assert rig.duty_percent == 100


def test_a_bad_file_at_start_means_defaults_and_says_so(make_rig: MakeRig) -> None:
    def bad() -> Config:
        raise ConfigError(["config.yaml:3: fan.hold: found 'x', expected a duration"])

    rig = make_rig(bad)
    rig.case.fixed_celsius = 72.0
    rig.run(1)
    assert rig.fan_percent == 100
    assert rig.daemon.health.state == "degraded"
    assert "config.yaml:3" in rig.daemon.health.problems[0]


def test_reload_takes_a_good_file_keeps_the_old_for_a_bad_one_and_keeps_the_lease(
    make_rig: MakeRig, tmp_path: Path
) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("fan: {curve: {40: 30, 70: 100}, hold: 10s}\n")
    rig = make_rig(lambda: read_config(str(path)))
    settle_at(rig, 40.0)
    assert rig.fan_percent == 30
    path.write_text("fan: {curve: {40: 50, 70: 100}, hold: 10s}\n")
    rig.reload()
    rig.run(1)
    assert rig.fan_percent == 50
    rig.daemon.set_manual(90, None)
    path.write_text("fan: {curve: nonsense}\n")
    with pytest.raises(ConfigError, match=r"config.yaml:1: fan.curve"):
        rig.reload()
    path.write_text("fan: {curve: {40: 20, 70: 100}, hold: 10s}\n")
    rig.reload()
    rig.run(1)
    assert rig.fan_percent == 90
    rig.daemon.resume_automatic()
    rig.run(30)
    assert rig.fan_percent == 20


def test_nvme_with_its_own_curve_can_ask_for_more(make_rig: MakeRig) -> None:
    nvme = SensorConfig(name="nvme", hwmon="nvme", curve=((30.0, 80.0),), critical_celsius=110.0)
    rig = make_rig(replace(Config(), sensors=(*Config().sensors, nvme)))
    rig.case.fixed_celsius = 45.0
    rig.run(20)
    assert 80 <= rig.fan_percent < 90


def test_legacy_protocol_follows_too(make_rig: MakeRig) -> None:
    config = Config(fan=PROMPT_FAN)
    rig = make_rig(replace(config, case=replace(config.case, protocol="legacy")), legacy=True)
    rig.case.fixed_celsius = 65.0
    rig.run(2)
    assert rig.fan_percent == 70
    assert {transfer.register for transfer in rig.case.mcu.transfers} == {None}
    assert rig.case.mcu.forbidden == []


def test_a_reload_of_the_sensors_does_not_give_the_fan_back_while_one_is_lost(make_rig: MakeRig) -> None:
    configs = [Config(sensors=(SensorConfig(name="cpu", zone="cpu-thermal", interval_s=s),)) for s in (10.0, 11.0)]
    rig = make_rig(lambda: configs[0])
    settle_at(rig, 45.0)
    rig.daemon.set_manual(0, None)
    rig.case.sensor_faults.add(SensorFault.DEAD)
    rig.run(40)
    assert rig.fan_percent == 100
    del configs[0]
    rig.reload()
    duties: list[int] = []
    rig.run(60, lambda: duties.append(rig.fan_percent))
    assert set(duties) == {100}


def test_a_reload_gives_a_sensor_that_was_never_heard_no_new_grace(rig: VirtualRig) -> None:
    rig.case.sensor_faults.add(SensorFault.DEAD)
    rig.run(5)
    for _ in range(3):
        rig.reload()
        rig.run(0.6, lambda: None)
        assert rig.daemon.decision is not None
        assert rig.daemon.decision.untrusted == ("cpu",)


def test_with_no_hold_a_reload_does_not_give_the_fan_back_for_a_moment_either(make_rig: MakeRig) -> None:
    fan = replace(Config().fan, hold_s=0.0)
    configs = [
        Config(fan=fan, sensors=(SensorConfig(name="cpu", zone="cpu-thermal", interval_s=s),)) for s in (0.5, 1.0)
    ]
    rig = make_rig(lambda: configs[0])
    rig.run(5)
    rig.daemon.set_manual(0, None)
    rig.case.sensor_faults.add(SensorFault.DEAD)
    rig.run(5)
    del configs[0]
    rig.reload()
    duties: list[int] = []
    rig.run(5, lambda: duties.append(rig.duty_percent))
    assert set(duties) == {100}


def test_a_slow_sensor_that_is_lost_is_tried_each_tick_and_soon_counts_as_hot(make_rig: MakeRig) -> None:
    rig = make_rig(Config(sensors=(SensorConfig(name="cpu", zone="cpu-thermal", interval_s=60.0),)))
    settle_at(rig, 45.0)
    rig.case.sensor_faults.add(SensorFault.DEAD)
    rig.run(62)
    assert rig.fan_percent == 100


def test_a_duty_changed_by_another_program_is_said(rig: VirtualRig) -> None:
    settle_at(rig, 65.0)
    rig.log_lines.clear()
    rig.case.mcu.set_duty(0)
    rig.run(61)
    assert rig.fan_percent == 70
    assert "to 0 % by itself" in rig.log_lines[0]


def test_at_full_speed_an_mcu_that_forgot_is_noticed_in_seconds(rig: VirtualRig) -> None:
    settle_at(rig, 85.0)
    rig.case.mcu.set_duty(0)
    rig.run(6.5)
    assert rig.fan_percent == 100


def test_a_bus_that_dies_at_full_speed_is_noticed_in_seconds(rig: VirtualRig) -> None:
    settle_at(rig, 85.0)
    rig.case.bus_faults.add(BusFault.NO_ANSWER)
    rig.run(7)
    assert rig.daemon.health.state == "degraded"


def test_failsafe_is_never_a_duty_at_which_the_fan_stalls(make_rig: MakeRig) -> None:
    rig = make_rig(replace(Config(), fan=replace(Config().fan, failsafe_percent=30, duty_min_percent=50)))
    settle_at(rig, 45.0)
    rig.case.sensor_faults.add(SensorFault.DEAD)
    rig.run(3)
    assert rig.fan_percent == 50


def test_a_clean_stop_delivers_the_duty_that_was_wanted(rig: VirtualRig, monkeypatch: pytest.MonkeyPatch) -> None:
    in_virtual_time(rig, monkeypatch)
    settle_at(rig, 45.0)
    rig.case.bus_faults.add(BusFault.NO_ANSWER)
    rig.case.fixed_celsius = 72.0
    rig.run(5)
    rig.case.bus_faults.clear()
    rig.daemon.stop()
    rig.daemon.run()
    rig.clock.sleep(1)
    assert rig.fan_percent == 100


def test_one_error_at_the_start_does_not_cost_an_interval(make_rig: MakeRig) -> None:
    rig = make_rig(Config(interval_s=5.0))
    rig.case.mcu.set_duty(0)
    rig.case.fixed_celsius = 85.0
    rig.case.bus_faults.add(BusFault.NO_ANSWER)
    rig.run_once()
    rig.case.bus_faults.clear()
    rig.run(0.8)
    assert rig.fan_percent == 100


def test_a_lost_sensor_s_last_temperature_is_not_shown_as_the_present_one(rig: VirtualRig) -> None:
    settle_at(rig, 55.0)
    rig.case.sensor_faults.add(SensorFault.DEAD)
    rig.run(3)
    assert rig.daemon.status()["temp_celsius"] is None


def in_virtual_time(rig: VirtualRig, monkeypatch: pytest.MonkeyPatch) -> None:
    """The daemon's last efforts, too, live by the rig's clock."""
    last_effort = functools.partial(apply_failsafe, clock=rig.clock, sleep=rig.clock.sleep)
    monkeypatch.setattr("a1d.case.shutdown.apply_failsafe", last_effort)


def test_a_crash_in_the_loop_leaves_the_fan_at_failsafe(rig: VirtualRig, monkeypatch: pytest.MonkeyPatch) -> None:
    settle_at(rig, 55.0)
    in_virtual_time(rig, monkeypatch)

    def crash(*_arguments: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(rig.daemon.actions, "tick", crash)
    rig.clock.now_s += 0.5
    with pytest.raises(RuntimeError, match="a bug"):
        rig.daemon.run()
    rig.clock.now_s += 1
    assert rig.fan_percent == 100


def test_a_crash_does_not_forget_the_duty_that_was_wanted(make_rig: MakeRig, monkeypatch: pytest.MonkeyPatch) -> None:
    rig = make_rig(replace(Config(), fan=replace(Config().fan, failsafe_percent=30)))
    in_virtual_time(rig, monkeypatch)
    settle_at(rig, 45.0)
    rig.case.bus_faults.add(BusFault.NO_ANSWER)
    rig.case.fixed_celsius = 85.0
    rig.run(2)
    rig.case.bus_faults.clear()

    def crash(*_arguments: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(rig.daemon.health, "check", crash)
    monkeypatch.setattr(rig.daemon.fan, "poll", lambda: rig.clock() + 1)
    rig.clock.now_s += 0.5
    with pytest.raises(RuntimeError, match="a bug"):
        rig.daemon.run()
    rig.clock.now_s += 1
    assert rig.fan_percent == 100


@pytest.mark.parametrize(("on_stop", "left"), [(0, 0), (5, 20), (60, 60), ("keep", "keep")])
def test_what_a_stop_is_to_leave_is_never_a_duty_that_stalls(
    make_rig: MakeRig, on_stop: str | int, left: str | int
) -> None:
    rig = make_rig(replace(Config(), fan=replace(Config().fan, on_stop=on_stop, duty_min_percent=20)))
    assert read_stop_settings(str(rig.run_dir), "/nonexistent").on_stop == left


def test_an_unusable_run_directory_does_not_stop_the_fan(make_rig: MakeRig, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object, **_options: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("a1d.case.shutdown.write_stop_settings", refuse)
    monkeypatch.setattr("a1d.service.server.Server", refuse)
    rig = make_rig()
    rig.case.fixed_celsius = 72.0
    rig.run(1)
    assert rig.fan_percent == 100
    assert rig.daemon.health.state == "degraded"
    assert len(rig.daemon.health.problems) == 2


def test_a_failure_is_logged_when_it_begins_and_when_it_ends(rig: VirtualRig) -> None:
    settle_at(rig, 55.0)
    rig.log_lines.clear()
    rig.case.bus_faults.add(BusFault.NO_ANSWER)
    rig.case.fixed_celsius = 65.0
    rig.run(1200)
    assert len(rig.log_lines) == 1
    rig.case.bus_faults.clear()
    rig.run(5)
    assert len(rig.log_lines) == 2


@pytest.mark.parametrize("seed", range(4))
def test_half_an_hour_of_chaos_never_leaves_the_fan_too_slow(make_rig: MakeRig, seed: int) -> None:
    """Random temperatures, faults, leases and resets. With the bus well for a second and nothing set by hand,
    the fan is at what the curve asks for or faster; a lost sensor means failsafe; nothing forbidden is written."""
    rig = make_rig()
    dice = random.Random(seed)
    curve = curve_of(rig.daemon.config, rig.daemon.config.sensors[0])
    since = {"bus": rig.clock(), "sensor": rig.clock(), "demand": rig.clock(), "manual": rig.clock()}
    end_s = rig.clock() + 1800

    def disturb() -> None:
        now_s = rig.clock()
        what = dice.random()
        if what < 0.3:
            rig.case.fixed_celsius = dice.uniform(35, 90)
            since["demand"] = now_s
        elif what < 0.45:
            rig.case.bus_faults ^= {dice.choice(list(BusFault))}
            since["bus"] = now_s
        elif what < 0.55:
            rig.case.bus_faults.clear()
            since["bus"] = now_s
        elif what < 0.65:
            rig.case.sensor_faults ^= {dice.choice([SensorFault.DEAD, SensorFault.RAVING])}
            since["sensor"] = now_s
        elif what < 0.75 and rig.daemon.controller:
            rig.daemon.set_manual(dice.choice([0, 5, 40, 100]), dice.choice([None, 20.0]))
        elif what < 0.9:
            rig.daemon.resume_automatic()
            since["manual"] = now_s
        else:
            rig.reload()

    def check() -> None:
        now_s = rig.clock()
        assert rig.case.mcu.forbidden == []
        if rig.case.bus_faults or now_s - max(since["bus"], since["sensor"], since["demand"], since["manual"]) < 3:
            return
        controller = rig.daemon.controller
        assert controller
        truth = rig.case.chip_celsius
        if rig.case.sensor_faults:
            assert rig.fan_percent == 100
        elif controller.lease is None or truth >= 80:
            assert rig.fan_percent >= curve.duty_percent(truth)

    while rig.clock() < end_s:
        disturb()
        rig.run(dice.uniform(0.1, 20), check)


# -- the loop's time -------------------------------------------------------------------------------


def test_ticks_stay_on_their_grid_and_a_delay_begins_a_new_one(
    rig: VirtualRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However late a tick is, the next one is never due at once: no burst makes up for lost time."""
    rig.run(5)
    ticks: list[float] = []
    delays_s = [0.0, 0.2, 0.0, 1.7, 0.0, 0.0]
    advance = rig.case.advance

    def note(now_s: float) -> None:
        ticks.append(now_s)
        advance(now_s)
        rig.clock.sleep(delays_s.pop(0) if delays_s else 0.0)

    monkeypatch.setattr(rig.case, "advance", note)
    rig.clock.now_s = rig.daemon.loop.wake_s
    begin_s = rig.clock.now_s
    rig.run(4.2)
    late_s = begin_s + 1.5 + 1.7
    assert ticks == pytest.approx(
        [begin_s + at_s for at_s in (0.0, 0.5, 1.0, 1.5)] + [late_s, late_s + 0.5, late_s + 1]
    )


def test_once_a_tick_is_due_the_fan_comes_before_whatever_else_is_ready(
    rig: VirtualRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig.run(5)
    happened: list[str] = []
    pairs = [socket.socketpair() for _ in range(2)]

    def slow() -> None:
        happened.append("handled")
        rig.clock.sleep(0.5)

    for ours, theirs in pairs:
        theirs.send(b"x")
        rig.daemon.loop.selector.register(ours, selectors.EVENT_READ, slow)
    monkeypatch.setattr(rig.case, "advance", lambda _now_s: happened.append("tick"))
    rig.daemon.loop.run_once()
    rig.daemon.loop.run_once()
    assert happened[:3] == ["handled", "tick", "handled"]
    for ours, theirs in pairs:
        rig.daemon.loop.selector.unregister(ours)
        ours.close()
        theirs.close()


def test_whoever_waits_gets_a_turn_and_signals_and_the_button_go_first(rig: VirtualRig) -> None:
    """64 connections that always want something once kept a signal and the button waiting for 10 s."""
    rig.run(5)
    served: list[str] = []

    def handler(name: str) -> Callable[[], None]:
        def handle() -> None:
            served.append(name)
            rig.clock.sleep(0.1)

        return handle

    pairs = {name: socket.socketpair() for name in [*map(str, range(64)), "signal"]}
    for name, (ours, theirs) in pairs.items():
        handle = handler(name)
        if name == "signal":
            rig.daemon.loop.urgent.add(handle)
        rig.daemon.loop.selector.register(ours, selectors.EVENT_READ, handle)
        if name != "signal":
            theirs.send(b"x")
    while len(served) < 20:
        rig.daemon.loop.run_once()
    pairs["signal"][1].send(b"x")
    before = len(served)
    rig.daemon.loop.run_once()
    assert served[before] == "signal"
    pairs["signal"][0].recv(1)
    while len(served) < 140:
        rig.daemon.loop.run_once()
    turns = [name for name in served if name != "signal"][:128]
    assert {turns.count(str(index)) for index in range(64)} == {2}
    for ours, theirs in pairs.values():
        rig.daemon.loop.selector.unregister(ours)
        ours.close()
        theirs.close()


def test_a_transfer_that_is_due_between_two_ticks_does_not_wait_until_everybody_was_served(rig: VirtualRig) -> None:
    rig.run(5)
    loop = rig.daemon.loop
    pairs = [socket.socketpair() for _ in range(64)]
    for ours, theirs in pairs:
        loop.selector.register(ours, selectors.EVENT_READ, lambda: rig.clock.sleep(0.006))
        theirs.send(b"x")
    polled_s: list[float] = []

    def poll_fan() -> float:
        polled_s.append(rig.clock())
        return float("inf")

    loop._poll_fan = poll_fan
    due_s = loop.fan_due_s = rig.clock() + 0.05
    for _ in range(3):
        loop.run_once()
    assert due_s <= polled_s[0] < due_s + 0.01
    for ours, theirs in pairs:
        loop.selector.unregister(ours)
        ours.close()
        theirs.close()


def test_a_gap_in_the_ticks_is_told_to_sensors_and_controller_alike(
    rig: VirtualRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig.run(5)
    told: list[tuple[str, bool]] = []
    assert rig.daemon.controller is not None
    step, read = rig.daemon.controller.step, rig.daemon.sensors.all[0].read

    def note_step(now_s: float, readings: Sequence[Reading], *, gap: bool, **_rest: object) -> Decision:
        told.append(("step", gap))
        return step(now_s, readings, gap=gap)

    def note_read(now_s: float, *, gap: bool) -> Reading | None:
        told.append(("read", gap))
        return read(now_s, gap=gap)

    monkeypatch.setattr(rig.daemon.controller, "step", note_step)
    monkeypatch.setattr(rig.daemon.sensors.all[0], "read", note_read)
    for pause_s, gap in ((0.5, False), (4.9, False), (5.1, True)):
        rig.clock.sleep(pause_s)
        rig.daemon.loop.run_once()
        assert told == [("read", gap), ("step", gap)]
        told.clear()


# -- reloads ---------------------------------------------------------------------------------------


def test_a_reload_takes_the_refresh(make_rig: MakeRig) -> None:
    chosen = [Config()]
    rig = make_rig(lambda: chosen[0])
    settle_at(rig, 45.0)
    chosen[0] = replace(Config(), fan=replace(Config().fan, refresh_s=5.0))
    rig.reload()
    rig.case.mcu.transfers.clear()
    rig.run(61)
    assert 11 <= len([transfer for transfer in rig.case.mcu.transfers if transfer.value is not None]) <= 13


def test_a_duty_set_by_hand_is_raised_only_as_long_as_the_minimum_asks_for_it(make_rig: MakeRig) -> None:
    chosen = [Config()]
    rig = make_rig(lambda: chosen[0])
    settle_at(rig, 45.0)
    rig.daemon.set_manual(20, None)
    for duty_min_percent, held in ((50, 50), (10, 20)):
        chosen[0] = replace(Config(), fan=replace(Config().fan, duty_min_percent=duty_min_percent))
        rig.reload()
        rig.run(2)
        assert (rig.fan_percent, rig.daemon.status()["manual_percent"]) == (held, held)


def test_in_an_emergency_a_manual_duty_is_answered_with_what_the_fan_gets(rig: VirtualRig) -> None:
    settle_at(rig, 85.0)
    duty_percent, overridden = rig.daemon.set_manual(20, None)
    assert (duty_percent, overridden) == (
        100,
        "the fan is at 100 %: cpu at 85.0 C is critical (from 80 C on), so 100 %",
    )
    rig.run(2)
    assert rig.fan_percent == 100
    settle_at(rig, 60.0)
    settle_at(rig, 45.0)
    assert rig.fan_percent == 20


# -- the debug level -------------------------------------------------------------------------------


def test_debug_logs_each_transfer_reading_and_decision_and_a_reload_ends_it(make_rig: MakeRig) -> None:
    chosen = [replace(Config(fan=PROMPT_FAN), log_level="debug")]
    rig = make_rig(lambda: chosen[0])
    rig.run(5)
    rig.log_lines.clear()
    before = len(rig.case.mcu.transfers)
    rig.case.fixed_celsius = 72.0
    rig.run(3)
    said = [line.removeprefix("a1d: debug: ") for line in rig.log_lines]
    transfers = len(rig.case.mcu.transfers) - before
    assert len([line for line in said if line.startswith("bus: 0x1a: ")]) == transfers >= 2
    assert "bus: 0x1a: write 100 to 0x80" in said
    assert "bus: 0x1a: read 0x80: 100" in said
    assert len([line for line in said if line.startswith("reading: cpu: 72.0 C")]) == 6
    assert len([line for line in said if line.startswith("decision: 100 %: cpu at 72.0 C")]) == 6
    rig.case.bus_faults.add(BusFault.NO_ANSWER)
    rig.case.fixed_celsius = 45.0
    rig.run(15)
    assert any(line.endswith("Remote I/O error") for line in rig.log_lines)
    rig.case.bus_faults.clear()
    rig.run(5)
    chosen[0] = Config()
    rig.reload()
    rig.log_lines.clear()
    rig.case.fixed_celsius = 72.0
    rig.run(5)
    assert rig.fan_percent == 100
    assert [line for line in rig.log_lines if "debug" in line] == []


# -- the bus ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", [BusFault.NO_ANSWER, BusFault.TIME_OUT, BusFault.NO_BUS, BusFault.LOST_WRITES])
def test_a_stop_that_cannot_deliver_a_higher_duty_is_an_error(
    rig: VirtualRig, monkeypatch: pytest.MonkeyPatch, fault: BusFault
) -> None:
    """As a clean one it would leave 25 % at 85 C, even with the bus back when a1d-failsafe runs."""
    in_virtual_time(rig, monkeypatch)
    settle_at(rig, 55.0)
    rig.case.bus_faults.add(fault)
    rig.case.fixed_celsius = 85.0
    rig.run(5)
    rig.daemon.stop()
    before_s = rig.clock()
    with pytest.raises(StopError, match=r"^stopping: the fan could not be set to 100 %: "):
        rig.daemon.run()
    assert rig.clock() - before_s < 8, "systemd gives it 10 s"


def test_a_stop_that_cannot_slow_the_fan_to_0_is_a_clean_one(rig: VirtualRig, monkeypatch: pytest.MonkeyPatch) -> None:
    in_virtual_time(rig, monkeypatch)
    settle_at(rig, 55.0)
    rig.case.bus_faults.add(BusFault.NO_ANSWER)
    rig.case.fixed_celsius = 40.0
    rig.run(20)
    assert rig.duty_percent == 0
    rig.daemon.stop()
    rig.daemon.run()
    assert "could not be set to 0 %" in rig.log_lines[-1]


def test_a_stop_right_after_a_rise_waits_until_the_case_has_confirmed_it(
    rig: VirtualRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last thing confirmed is an older and lower duty."""
    in_virtual_time(rig, monkeypatch)
    settle_at(rig, 55.0)
    rig.daemon.fan.target_percent = 100  # wanted, and not written yet
    assert rig.daemon.fan.confirmed_percent == 25
    rig.daemon.stop()
    rig.daemon.run()
    rig.clock.sleep(1)
    assert rig.fan_percent == 100


def test_a_change_of_protocol_at_a_reload_ends_every_read(make_rig: MakeRig) -> None:
    """An old case that was first set up as a V3."""
    case = Config().case
    configs = [Config(), Config(case=replace(case, protocol="legacy"))]
    rig = make_rig(lambda: configs[0], legacy=True)
    rig.case.fixed_celsius = 72.0
    rig.run(10)
    assert rig.daemon.health.state == "degraded"
    del configs[0]
    rig.reload()
    rig.case.mcu.forbidden.clear()
    rig.run(150)
    assert rig.case.mcu.forbidden == []
    assert rig.fan_percent == rig.daemon.fan.confirmed_percent == 100
    assert rig.daemon.health.state == "ok"


@pytest.mark.parametrize("interval_s", [0.5, 2.0, 5.0])
def test_a_changed_duty_is_said_however_far_apart_the_ticks_are(make_rig: MakeRig, interval_s: float) -> None:
    """It is healed 0.6 s after it was noticed, so no tick may ever see it."""
    rig = make_rig(Config(interval_s=interval_s, fan=PROMPT_FAN))
    settle_at(rig, 45.0)
    rig.case.bus_faults.add(BusFault.NO_ANSWER)
    rig.case.fixed_celsius = 65.0
    while not rig.daemon.fan.errors:
        rig.run_once()
    rig.case.bus_faults.clear()
    rig.run(10)  # from here on the refresh is due between two ticks
    rig.log_lines.clear()
    rig.case.mcu.set_duty(0)
    rig.run(70)
    assert rig.fan_percent == 70
    assert ["from 70 % to 0 % by itself" in line or line == "a1d: fan: recovered" for line in rig.log_lines] == [
        True,
        True,
    ]


def test_an_outage_between_two_ticks_is_said(make_rig: MakeRig) -> None:
    rig = make_rig(Config(interval_s=5.0))
    settle_at(rig, 55.0)
    rig.log_lines.clear()
    rig.case.fixed_celsius = 72.0
    while rig.fan_percent != 100:
        rig.run_once()
    rig.case.bus_faults.add(BusFault.NO_BUS)  # the read that verifies it fails
    while rig.daemon.fan.error is None:
        rig.run_once()
    rig.case.bus_faults.clear()
    rig.run(10)
    assert rig.fan_percent == rig.daemon.fan.confirmed_percent == 100
    assert ["does not exist" in line or "recovered" in line for line in rig.log_lines] == [True, True]


# -- what cannot be true, and critical -------------------------------------------------------------


def say(rig: VirtualRig, *texts: str) -> None:
    """From now on the CPU's file says these in turns, whatever the chip's temperature."""
    turns = itertools.cycle(texts)
    rig.case._write_temperatures = lambda: rig.case._write(  # type: ignore[method-assign]
        rig.case._zone, "temp", next(turns)
    )


@pytest.mark.parametrize("texts", [("0\n",), ("72\n", "73\n"), ("3000\n", "3550\n")])
def test_a_fall_that_no_chip_can_make_is_hot_within_seconds_and_said_once(
    rig: VirtualRig, texts: tuple[str, ...]
) -> None:
    before = settle_at(rig, 64.5)
    rig.log_lines.clear()
    say(rig, *texts)
    duties: list[int] = []
    rig.run(1.6, lambda: duties.append(rig.fan_percent))
    assert min(duties) >= before
    rig.run(1)
    assert (rig.fan_percent, rig.daemon.health.state) == (100, "failsafe")
    assert "thermal_zone0/temp: " in rig.daemon.health.problems[0]
    rig.run(1200)
    assert (rig.fan_percent, rig.daemon.health.state) == (100, "failsafe")
    assert len(rig.log_lines) == 1


def test_a_load_s_end_is_believed(rig: VirtualRig) -> None:
    settle_at(rig, 72.0)
    for celsius in (62.0, 55.0, 52.0):
        rig.case.fixed_celsius = celsius
        rig.run(0.5)
        assert rig.daemon.health.state == "ok"
    rig.run(20)
    assert rig.fan_percent == 16


def test_reaching_critical_is_said_and_how_long_it_lasted(rig: VirtualRig) -> None:
    settle_at(rig, 60.0)
    rig.log_lines.clear()
    rig.case.fixed_celsius = 85.0
    rig.run(2)
    assert rig.log_lines == ["a1d: warning: critical: cpu reached 85.0 C, critical from 80 C on"]
    assert rig.daemon.health.state == "degraded"
    rig.run(600)
    assert rig.daemon.health.problems == ["critical: cpu reached 85.0 C, critical from 80 C on", ANY]
    assert 600 < rig.daemon.health.ages_s(rig.clock.now_s)[0] < 603
    rig.case.fixed_celsius = 67.0
    rig.run(1)
    was = "critical: cpu reached 85.0 C, critical from 80 C on"
    assert rig.daemon.health.problems[0] == f"{was}, and has not been cool for long enough since"
    assert re.fullmatch(r"100 % kept until cpu stays below [\d.]+ C for 10 s", rig.daemon.status()["reason"])
    rig.case.fixed_celsius = 85.0
    rig.run(1)
    assert rig.daemon.health.problems[0] == was
    rig.case.fixed_celsius = 70.0
    rig.run(12)
    assert rig.daemon.health.state == "ok"
    said = [line for line in rig.log_lines if "critical: " in line]
    assert len(said) == 2
    assert re.fullmatch(r"a1d: critical: recovered after 10m1\ds", said[1])


def test_a_temperature_around_critical_is_one_problem_and_not_many(rig: VirtualRig) -> None:
    settle_at(rig, 60.0)
    rig.log_lines.clear()
    jitter = random.Random(3)

    def shake() -> None:
        rig.case.fixed_celsius = 80.0 + jitter.uniform(-1, 1)

    rig.run(600, shake)
    assert [line.split(":")[2] for line in rig.log_lines] == [" critical", " cooling"]


# -- the calm rise, by default ---------------------------------------------------------------------


@pytest.mark.parametrize("offset_s", [0.01, 0.26, 0.49])
@pytest.mark.parametrize("celsius", [72.0, 85.0])
def test_by_default_a_leap_is_on_the_bus_within_a_second(make_rig: MakeRig, offset_s: float, celsius: float) -> None:
    rig = make_rig(Config())
    rig.run(60)
    rig.clock.now_s += offset_s
    rig.case.fixed_celsius = celsius
    rig.run(0.9)
    assert rig.case.mcu.register_duty == 100


def test_by_default_a_lone_reading_causes_no_write(make_rig: MakeRig) -> None:
    rig = make_rig(Config())
    rig.run(60)
    before = [transfer for transfer in rig.case.mcu.transfers if transfer.value]
    rig.case.fixed_celsius = 85.0
    rig.run_once()
    assert rig.daemon.controller is not None and rig.daemon.controller.saw_leap
    rig.case.fixed_celsius = 45.0
    rig.run(10)
    assert [transfer for transfer in rig.case.mcu.transfers if transfer.value] == before
    assert rig.fan_percent == 0


# -- cooling that does not work --------------------------------------------------------------------


def test_a_fan_that_stands_still_is_said_and_its_end_too(rig: VirtualRig) -> None:
    settle_at(rig, 55.0)
    rig.case.fixed_celsius = 84.0
    rig.run(50)
    assert len(rig.daemon.health.problems) == 1, "it is critical"
    rig.run(30)
    assert rig.daemon.health.problems[1:] == [
        "cooling: the fan runs at 100 % and cpu stays at 84 C: is the fan stuck or unplugged, the inlet blocked, the "
        "pad off?"
    ]
    assert rig.daemon.health.state == "degraded"
    rig.reload()
    rig.run(80)
    assert len([line for line in rig.log_lines if "is the fan stuck" in line]) == 1, "a reload asks once more"
    rig.case.fixed_celsius = 70.0
    rig.run(60)
    assert rig.daemon.health.state == "ok"


def test_a_fan_that_is_stuck_is_found_on_the_simulated_case(make_rig: MakeRig) -> None:
    rig = make_rig(heat_speed=1.0)
    rig.case.fixed_celsius = None
    rig.case.load_watts = 14.0
    rig.run(60)
    rig.case.fan_faults.add(FanFault.STUCK)
    rig.run(1800)
    assert any("is the fan stuck" in problem for problem in rig.daemon.health.problems)


def test_a_firmware_that_nobody_knows_is_logged_once(make_rig: MakeRig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("a1d.case.fan.FIRMWARE_KNOWN", 0xA1)
    rig = make_rig()
    rig.run(20)
    assert len([line for line in rig.log_lines if "firmware id is 0xa2" in line]) == 1
