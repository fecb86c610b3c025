"""The button in the whole daemon: presses become actions whatever else goes on, and never cost the fan a tick."""

from __future__ import annotations

import errno
import os
import random
import select
import sys
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from pytest_mock import MockerFixture

from a1d.button.pulses import Edge, Gesture
from a1d.config.settings import ButtonConfig, Config, GestureAction
from a1d.errors import ConfigError
from a1d.hardware import RealCase
from a1d.sim.case import SimulatedCase
from a1d.sim.edges import SimulatedEdges
from a1d.sim.mcu import BusFault
from a1d.temperature.controller import Controller
from tests.virtual import VirtualClock, VirtualRig

MakeRig = Callable[..., VirtualRig]
DOUBLE, HOLD = Gesture.DOUBLE_PRESS, Gesture.HOLD


class Settings:
    """A configuration that can be changed and reloaded."""

    def __init__(self, config: Config | None = None) -> None:
        self.config: Config | None = config or Config()

    def __call__(self) -> Config:
        if self.config is None:
            raise ConfigError(["config.yaml:1: bad"])
        return self.config


def settle(rig: VirtualRig) -> None:
    """Let the daemon deal with what waits at its descriptors, in no time."""
    for _ in range(1000):
        if not rig.daemon.loop.selector.select(0):
            return
        rig.daemon.loop.run_once()
    raise AssertionError("a descriptor stays readable: the loop spins")


def press(rig: VirtualRig, gesture: Gesture) -> None:
    rig.case.press(gesture)
    settle(rig)


def with_button(**settings: object) -> Config:
    return Config(button=ButtonConfig(**settings))  # type: ignore[arg-type]


# -- a press becomes an action ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("double_press", "hold", "gesture", "powered"),
    [
        ("reboot", "poweroff", DOUBLE, ["reboot"]),
        ("reboot", "poweroff", HOLD, ["poweroff"]),
        ("poweroff", "reboot", DOUBLE, ["poweroff"]),
        ("poweroff", "reboot", HOLD, ["reboot"]),
        ("none", "none", DOUBLE, []),
        ("none", "none", HOLD, []),
    ],
)
def test_each_gesture_does_what_is_configured(
    make_rig: MakeRig, double_press: str, hold: str, gesture: Gesture, powered: list[str]
) -> None:
    rig = make_rig(with_button(double_press=double_press, hold=hold))
    rig.run(2)
    press(rig, gesture)
    assert rig.case.powered == powered
    assert f"button: {gesture.value.replace('_', ' ')}" in " ".join(rig.log_lines)
    assert rig.daemon.health.state == "ok"


def test_a_press_is_acted_on_at_once_and_not_on_the_tick(rig: VirtualRig) -> None:
    rig.run(2)
    rig.clock.now_s += 0.1
    before_s = rig.clock()
    press(rig, HOLD)
    assert rig.case.powered == ["poweroff"]
    assert rig.clock() == before_s


def test_every_press_counts(rig: VirtualRig) -> None:
    rig.run(2)
    for gesture in (DOUBLE, DOUBLE, HOLD):
        press(rig, gesture)
        rig.run(1)
    rig.case.pulse(5.0)
    settle(rig)
    assert rig.case.powered == ["reboot", "reboot", "poweroff"]
    assert rig.daemon.status()["button"] == {
        "watching": True,
        "double_presses": 2,
        "holds": 1,
        "pulses_ignored": 1,
    }


@pytest.fixture
def spawned(mocker: MockerFixture) -> Iterator[list[int]]:
    """Processes that actions started."""
    from a1d.spawn import spawn

    pids: list[int] = []

    def note(command: tuple[str, ...]) -> int:
        pids.append(spawn(command))
        return pids[-1]

    mocker.patch("a1d.button.actions.spawn", note)
    yield pids


def wait_for_end(pid: int) -> None:
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return  # it was reaped
    assert select.select([fd], [], [], 10)[0]
    os.close(fd)


def test_no_argument_of_a_command_is_logged_or_told(make_rig: MakeRig, spawned: list[int]) -> None:
    """They may hold a secret, and everybody may read the status and a report."""
    failing = ("sh", "-c", "exit 3 # s3cr3t")
    rig = make_rig(with_button(double_press=failing, hold=("/no/such/program", "s3cr3t")))
    rig.run(2)
    press(rig, DOUBLE)
    press(rig, HOLD)
    wait_for_end(spawned[-1])
    rig.run(1)
    said = [*rig.log_lines, *rig.daemon.status()["health"]["problems"]]
    assert "a1d: button: double press: sh" in said and "a1d: button: hold: /no/such/program" in said
    assert any("exit code 3" in line for line in said) and any("cannot be started" in line for line in said)
    assert [line for line in said if "s3cr3t" in line] == []


def test_a_gesture_can_be_a_command(make_rig: MakeRig, tmp_path: Path, spawned: list[int]) -> None:
    made = tmp_path / "a b; $HOME"
    rig = make_rig(with_button(double_press=("touch", str(made))))
    rig.run(2)
    press(rig, DOUBLE)
    wait_for_end(spawned[-1])
    rig.run(0.5)
    assert made.exists()
    assert rig.case.powered == []
    assert rig.daemon.health.state == "ok"


def test_a_command_that_cannot_be_started_degrades_and_the_fan_runs_on(make_rig: MakeRig) -> None:
    rig = make_rig(with_button(double_press=("/no/such/command",)))
    rig.run(2)
    press(rig, DOUBLE)
    rig.case.fixed_celsius = 72.0
    rig.run(1)
    assert rig.fan_percent == 100
    assert rig.daemon.health.state == "degraded"
    assert "/no/such/command" in " ".join(rig.daemon.health.problems)


def test_logind_that_refuses_degrades_and_is_asked_again_each_second_until_it_agrees(
    make_rig: MakeRig, mocker: MockerFixture, spawned: list[int], tmp_path: Path
) -> None:
    agreed = tmp_path / "agreed"
    power = mocker.patch.object(SimulatedCase, "power", return_value=("test", "-e", str(agreed)))
    rig = make_rig()
    rig.run(2)
    press(rig, HOLD)
    for asked in (1, 2, 3):
        assert len(spawned) == asked
        wait_for_end(spawned[-1])
        rig.run(0.5)
        assert rig.daemon.health.state == "degraded"
        if asked == 3:
            agreed.touch()
        rig.run(1.0)
    wait_for_end(spawned[-1])
    rig.run(0.5)
    assert rig.daemon.health.state == "ok"
    assert len(spawned) == 4
    power.assert_called_with("poweroff", True)


@pytest.mark.parametrize(("to", "goes_on"), [("none", False), ("reboot", False), ("poweroff", True)])
def test_a_reload_that_wants_no_power_off_any_more_ends_its_retries_and_its_problem(
    make_rig: MakeRig, mocker: MockerFixture, spawned: list[int], to: GestureAction, goes_on: bool
) -> None:
    mocker.patch.object(SimulatedCase, "power", return_value=("false",))
    settings = Settings()
    rig = make_rig(settings)
    rig.run(2)
    press(rig, HOLD)
    wait_for_end(spawned[-1])
    rig.run(0.5)
    assert rig.daemon.health.state == "degraded"
    settings.config = with_button(hold=to)
    rig.reload()
    for _ in range(12):
        rig.run(0.5)
        wait_for_end(spawned[-1])
    assert (len(spawned) > 1) is goes_on
    assert (rig.daemon.health.state == "degraded") is goes_on


def test_what_runs_when_a_reload_wants_it_no_more_is_no_problem_when_it_fails(
    make_rig: MakeRig, mocker: MockerFixture, spawned: list[int], tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    mocker.patch.object(SimulatedCase, "power", return_value=("sh", "-c", f"read _ < '{gate}'; exit 1"))
    settings = Settings()
    rig = make_rig(settings)
    rig.run(2)
    press(rig, HOLD)
    settings.config = with_button(hold="none")
    rig.reload()
    gate.write_text("\n")
    wait_for_end(spawned[-1])
    rig.run(5)
    assert len(spawned) == 1
    assert rig.daemon.health.state == "ok"


def test_counts_are_since_the_start_whatever_a_reload_does_to_the_line(make_rig: MakeRig) -> None:
    settings = Settings()
    rig = make_rig(settings)
    rig.run(2)
    for _ in range(2):
        press(rig, DOUBLE)
        rig.case.pulse(1.0)
        settle(rig)
    for changed in ({"line": 17}, {"backend": "none"}, {}):
        settings.config = with_button(**changed)
        rig.reload()
        rig.run(6)
    press(rig, DOUBLE)
    rig.case.pulse(1.0)
    settle(rig)
    button = rig.daemon.status()["button"]
    assert (button["double_presses"], button["pulses_ignored"]) == (3, 3)


def test_the_simulated_case_never_asks_the_real_logind(rig: VirtualRig, mocker: MockerFixture) -> None:
    spawn = mocker.patch("a1d.button.actions.spawn")
    rig.run(2)
    press(rig, DOUBLE)
    press(rig, HOLD)
    rig.run(10)
    spawn.assert_not_called()
    assert rig.case.powered == ["reboot", "poweroff"]


def test_only_a_hold_is_urgent(make_rig: MakeRig, mocker: MockerFixture) -> None:
    """After a double press nothing cuts the power, so an inhibitor may refuse."""
    power = mocker.patch.object(SimulatedCase, "power", return_value=None)
    rig = make_rig()
    rig.run(2)
    press(rig, DOUBLE)
    press(rig, HOLD)
    assert [call.args for call in power.call_args_list] == [("reboot", False), ("poweroff", True)]


# -- a press is not lost ---------------------------------------------------------------------------


@pytest.mark.parametrize("after_s", [0.0, 5.0])
def test_a_press_during_a_bus_time_out_is_acted_on_right_after_it(
    make_rig: MakeRig, monkeypatch: pytest.MonkeyPatch, after_s: float
) -> None:
    """At 0 s it is the first transfer of all that hangs: a press during start-up."""
    pressed_s: list[float] = []
    sleep = VirtualClock.sleep

    def hang(clock: VirtualClock, seconds: float) -> None:
        if not pressed_s:
            pressed_s.append(clock())
            rig.case.press(HOLD)
        sleep(clock, seconds)

    monkeypatch.setattr(VirtualClock, "sleep", hang)
    rig = make_rig()
    rig.run(after_s)
    rig.case.bus_faults.add(BusFault.TIME_OUT)
    rig.case.fixed_celsius = 72.0
    while not pressed_s:
        rig.run_once()
    settle(rig)
    assert rig.case.powered == ["poweroff"]
    assert rig.clock() - pressed_s[0] <= rig.daemon.config.case.timeout_s


def test_presses_while_the_bus_hangs_for_a_minute_are_all_acted_on(rig: VirtualRig) -> None:
    rig.run(2)
    rig.case.bus_faults.add(BusFault.TIME_OUT)
    for count in range(1, 13):
        press(rig, DOUBLE)
        assert len(rig.case.powered) == count
        rig.run(5)


def test_a_press_waiting_when_the_settings_change_is_acted_on(make_rig: MakeRig) -> None:
    """A reload may come in the same wake-up as the press, and before it."""
    settings = Settings()
    rig = make_rig(settings)
    rig.run(2)
    rig.case.press(HOLD)
    settings.config = with_button(hold_window_ms=(30.0, 50.0))
    rig.reload()
    settle(rig)
    rig.run(1)
    assert rig.case.powered == ["poweroff"]


# -- noise -----------------------------------------------------------------------------------------


def noise(dice: random.Random, seconds: float) -> Iterator[tuple[float, float]]:
    """(period, width) in seconds of pulses that make 10,000 edges a second; one in 200 is as wide as a gesture."""
    yield from [(200e-6, 50e-6)] * 10
    passed_s = 0.0
    while passed_s < seconds:
        width_s = dice.uniform(10e-3, 55e-3) if dice.random() < 0.005 else dice.uniform(5e-6, 25e-6)
        period_s = width_s + dice.uniform(5e-6, 40e-6)
        passed_s += period_s
        yield period_s, width_s


def test_a_minute_of_10000_edges_a_second_triggers_nothing_and_costs_the_fan_no_tick(
    rig: VirtualRig, mocker: MockerFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig.run(2)
    reads: list[int] = []
    read_edges = SimulatedEdges.read_edges

    def count(source: SimulatedEdges) -> list[Edge]:
        edges = read_edges(source)
        reads.append(len(edges))
        return edges

    monkeypatch.setattr(SimulatedEdges, "read_edges", count)
    step = mocker.spy(Controller, "step")
    start_s, pulses = rig.clock(), 0
    for period_s, width_s in noise(random.Random(1), 60.0):
        pulses += 1
        rig.clock.now_s += period_s
        rig.case.pulse(width_s * 1e3)
        if pulses % 32 == 0 or rig.clock() >= rig.daemon.loop.wake_s:
            settle(rig)
            rig.run(0.0)
    assert pulses * 2 / (rig.clock() - start_s) > 9_000
    ticks_s = [call.args[1] for call in step.call_args_list]
    assert len(ticks_s) >= 115
    assert max(later - earlier for earlier, later in pairwise(ticks_s)) < 0.6
    assert sum(reads) < len(ticks_s) * 400
    assert rig.daemon.button.ignored > 0
    assert rig.case.powered == []


def test_the_fan_follows_during_noise_and_the_button_works_soon_after_it(rig: VirtualRig) -> None:
    rig.run(2)
    rig.case.fixed_celsius = 72.0
    for period_s, _ in noise(random.Random(1), 0.6):
        rig.clock.now_s += period_s
        rig.case.pulse(0.05)
        if rig.clock() >= rig.daemon.loop.wake_s:
            settle(rig)
            rig.run(0.0)
    assert rig.fan_percent == 100
    rig.run(0.2)
    rig.case.press(HOLD)
    for _ in range(5):
        settle(rig)
        rig.run(0.5)
    assert rig.case.powered == ["poweroff"]


def test_an_idle_button_wakes_nobody(rig: VirtualRig, mocker: MockerFixture) -> None:
    rig.run(30)
    select_spy = mocker.spy(rig.daemon.loop, "run_once")
    press(rig, DOUBLE)
    assert select_spy.call_count == 1
    rig.run(60)
    assert select_spy.call_count <= 125


# -- the line comes and goes -----------------------------------------------------------------------


def test_a_busy_line_degrades_and_is_tried_again_while_the_fan_runs(rig: VirtualRig) -> None:
    rig.case.line_held_by = "w1-gpio"
    rig.case.fixed_celsius = 72.0
    rig.run(60)
    assert rig.fan_percent == 100
    assert rig.daemon.health.state == "degraded"
    assert rig.daemon.health.problems == ["button: GPIO4 is held by w1-gpio"]
    assert rig.daemon.status()["button"]["watching"] is False
    assert sum("w1-gpio" in line for line in rig.log_lines) == 1
    rig.case.line_held_by = None
    rig.run(5.5)
    assert rig.daemon.health.state == "ok"
    press(rig, DOUBLE)
    assert rig.case.powered == ["reboot"]


@pytest.mark.parametrize("quietly", [True, False])
@pytest.mark.parametrize("outage_s", [0, 12])
@pytest.mark.parametrize("presses_before", [0, 4])
def test_a_line_that_was_lost_is_found_again(
    rig: VirtualRig, mocker: MockerFixture, quietly: bool, outage_s: int, presses_before: int
) -> None:
    rig.run(10)
    for _ in range(presses_before):
        press(rig, DOUBLE)
        rig.run(2)
    source = rig.daemon.button.source
    assert isinstance(source, SimulatedEdges)
    if quietly:
        mocker.patch.object(source, "is_alive", return_value=False)
    else:
        mocker.patch.object(source, "read_edges", side_effect=OSError(errno.ENODEV, os.strerror(errno.ENODEV)))
        rig.case.pulse(1.0)
        settle(rig)
    if outage_s:
        rig.case.line_held_by = "nobody knows"
        rig.run(outage_s)
        assert rig.daemon.health.state == "degraded"
        rig.case.line_held_by = None
    rig.run(5.5)
    assert rig.daemon.health.state == "ok"
    assert rig.daemon.status()["button"]["watching"] is True
    press(rig, HOLD)
    assert rig.case.powered == ["reboot"] * presses_before + ["poweroff"]


def test_a_line_that_dies_whenever_it_is_opened_is_said_once(rig: VirtualRig, mocker: MockerFixture) -> None:
    rig.run(2)
    rig.log_lines.clear()
    mocker.patch.object(SimulatedEdges, "is_alive", return_value=False)
    rig.run(600)
    assert rig.daemon.health.state == "degraded"
    assert len(rig.log_lines) == 1


def test_losing_and_finding_the_line_a_hundred_times_leaks_nothing(rig: VirtualRig, mocker: MockerFixture) -> None:
    rig.run(10)
    fds = len(os.listdir("/proc/self/fd"))
    for _ in range(100):
        mocker.patch.object(rig.daemon.button.source, "is_alive", return_value=False)
        rig.run(6)
    assert len(os.listdir("/proc/self/fd")) == fds


# -- reload ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after", "width_ms", "powered"),
    [
        ({}, {"double_press": "poweroff"}, 20, ["poweroff"]),
        ({}, {"double_press": "none"}, 20, []),
        ({"double_press": "none"}, {}, 20, ["reboot"]),
        ({}, {"double_press_window_ms": (5.0, 8.0)}, 20, []),
        ({}, {"double_press_window_ms": (5.0, 8.0)}, 6, ["reboot"]),
        ({}, {"hold_window_ms": (30.0, 70.0)}, 60, ["poweroff"]),
        ({"backend": "none"}, {}, 40, ["poweroff"]),
        ({}, {"backend": "none"}, 40, []),
        ({}, {"line": 17}, 40, ["poweroff"]),
    ],
)
def test_a_reload_changes_what_the_button_does(
    make_rig: MakeRig, before: dict[str, object], after: dict[str, object], width_ms: float, powered: list[str]
) -> None:
    settings = Settings(with_button(**before))
    rig = make_rig(settings)
    rig.run(2)
    settings.config = with_button(**after)
    rig.reload()
    rig.run(1)
    rig.case.pulse(width_ms)
    settle(rig)
    assert rig.case.powered == powered
    assert rig.daemon.health.state == "ok"


def test_a_bad_file_leaves_the_button_as_it_was(make_rig: MakeRig) -> None:
    settings = Settings(with_button(hold="reboot"))
    rig = make_rig(settings)
    rig.run(2)
    settings.config = None
    rig.daemon.reload()
    press(rig, HOLD)
    assert rig.case.powered == ["reboot"]


@pytest.mark.parametrize("changed", [{}, {"double_press": "none"}])
def test_the_line_stays_open_and_the_counts_stay_if_only_actions_change(
    make_rig: MakeRig, changed: dict[str, GestureAction]
) -> None:
    """The counts are since the start, and a pulse that is half over at the reload is not lost."""
    settings = Settings()
    rig = make_rig(settings)
    rig.run(2)
    source = rig.daemon.button.source
    press(rig, HOLD)
    rig.case.pulse(1.0)
    settle(rig)
    settings.config = with_button(**changed)
    rig.reload()
    rig.run(1)
    assert rig.daemon.button.source is source
    assert rig.daemon.status()["button"]["holds"] == 1
    assert rig.daemon.button.ignored == 1


def test_a_reload_frees_a_line_that_is_not_wanted_any_more(make_rig: MakeRig) -> None:
    settings = Settings()
    rig = make_rig(settings)
    rig.run(2)
    rig.case.line_held_by = "w1-gpio"
    fds = len(os.listdir("/proc/self/fd"))
    settings.config = with_button(backend="none")
    rig.reload()
    rig.run(30)
    assert len(os.listdir("/proc/self/fd")) == fds - 1
    assert rig.daemon.health.state == "ok"


def test_turning_a_busy_button_off_ends_its_problem(make_rig: MakeRig) -> None:
    settings = Settings()
    rig = make_rig(settings)
    rig.case.line_held_by = "w1-gpio"
    rig.run(2)
    assert rig.daemon.health.state == "degraded"
    settings.config = with_button(backend="none")
    rig.reload()
    rig.run(1)
    assert rig.daemon.health.state == "ok"


def test_the_trouble_with_a_command_ends_when_it_is_not_configured_any_more(make_rig: MakeRig) -> None:
    settings = Settings(with_button(double_press=("/no/such/command",)))
    rig = make_rig(settings)
    rig.run(2)
    press(rig, DOUBLE)
    rig.run(1)
    assert rig.daemon.health.state == "degraded"
    settings.config = with_button(double_press="none")
    rig.reload()
    rig.run(1)
    assert rig.daemon.health.state == "ok"


def test_backend_none_never_touches_the_line(make_rig: MakeRig, mocker: MockerFixture) -> None:
    open_edges = mocker.patch.object(SimulatedCase, "open_edges")
    rig = make_rig(with_button(backend="none"))
    rig.run(60)
    open_edges.assert_not_called()
    assert rig.daemon.health.state == "ok"


@pytest.mark.parametrize("error", [EOFError("marshal data too short"), SyntaxError("null bytes"), MemoryError()])
def test_a_library_whose_file_is_damaged_is_a_missing_line_and_not_a_crash(
    make_rig: MakeRig, mocker: MockerFixture, error: Exception
) -> None:
    mocker.patch.object(SimulatedCase, "open_edges", side_effect=error)
    rig = make_rig()
    rig.case.fixed_celsius = 72.0
    rig.run(1)
    assert rig.fan_percent == 100
    assert rig.daemon.health.problems == [f"button: the gpiod library cannot be used: {str(error) or 'MemoryError()'}"]


def test_a_library_that_cannot_be_imported_is_a_missing_line_and_not_a_crash(
    make_rig: MakeRig, mocker: MockerFixture
) -> None:
    """Debian 12's python3-libgpiod is version 1 under the same name: its import fails, the fan must run."""
    mocker.patch.dict(sys.modules, {"a1d.button.gpiod": None})
    mocker.patch.object(SimulatedCase, "open_edges", lambda _case, config: RealCase().open_edges(config))
    rig = make_rig()
    rig.case.fixed_celsius = 72.0
    rig.run(1)
    assert rig.fan_percent == 100
    assert rig.daemon.health.state == "degraded"
