"""The daemon's last acts, each on a simulated case in virtual time."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from a1d.case import apply_failsafe, shutdown
from a1d.case.bus import CaseBus, open_case
from a1d.case.fan import Fan
from a1d.case.shutdown import save_stop_settings, set_failsafe, set_last_duty
from a1d.case.stop_program import read_stop_settings
from a1d.case.stop_settings import StopSettings, write_stop_settings
from a1d.config.settings import Config
from a1d.errors import StopError
from a1d.log import Log
from a1d.sim.mcu import BusFault, SimulatedBus, SimulatedMcu
from tests.virtual import VirtualClock


class Stop:
    """A fan at ``duty`` percent that the daemon has set and confirmed, and what the last acts do with it."""

    def __init__(self, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch, duty: int = 50) -> None:
        self.clock = clock
        self.mcu = SimulatedMcu(clock)
        self.mcu.set_duty(duty)
        self.faults: set[BusFault] = set()
        self.opened = 0
        self.log_lines: list[str] = []
        self.fan = Fan(self.open_bus, clock, 60.0)
        self.fan.target_percent = self.fan.confirmed_percent = duty

        def in_virtual_time(open_bus: Callable[[], CaseBus], percent: int, exact: int | None = None) -> str:
            return apply_failsafe.apply_failsafe(open_bus, percent, exact, clock=clock, sleep=clock.sleep)

        monkeypatch.setattr(shutdown, "apply_failsafe", in_virtual_time)

    def open_bus(self) -> CaseBus:
        self.opened += 1
        return open_case("register", lambda: SimulatedBus(self.mcu, self.faults, self.clock.sleep, 0.3))

    def set_last_duty(self) -> None:
        set_last_duty(self.fan, self.open_bus, 7, Log(self.log_lines.append))


@pytest.fixture
def stop(clock: VirtualClock, monkeypatch: pytest.MonkeyPatch) -> Stop:
    return Stop(clock, monkeypatch)


# -- a clean stop --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("target", "confirmed"), [(None, None), (None, 30), (50, 50), (0, 0), (30, 50)])
def test_a_duty_that_is_there_is_left_alone(stop: Stop, target: int | None, confirmed: int | None) -> None:
    """A fan that is faster than wanted may stay so; where nothing was wanted yet, nothing is changed."""
    stop.fan.target_percent, stop.fan.confirmed_percent = target, confirmed
    stop.set_last_duty()
    assert stop.opened == 0
    assert stop.log_lines == []


@pytest.mark.parametrize(("target", "confirmed"), [(60, 50), (51, 50), (60, None), (0, None), (30, None)])
def test_the_duty_that_was_wanted_is_set_exactly_and_said(stop: Stop, target: int, confirmed: int | None) -> None:
    stop.fan.target_percent, stop.fan.confirmed_percent = target, confirmed
    stop.set_last_duty()
    assert stop.mcu.register_duty == target
    assert len(stop.log_lines) == 1
    assert f"stopping: the fan was set to {target} %" in stop.log_lines[0]


@pytest.mark.parametrize("target", [1, 60])
def test_a_fan_that_cannot_be_made_faster_is_an_error_that_names_bus_and_cause(stop: Stop, target: int) -> None:
    stop.fan.target_percent, stop.fan.confirmed_percent = target, None
    stop.faults.add(BusFault.NO_ANSWER)
    with pytest.raises(StopError) as caught:
        stop.set_last_duty()
    assert caught.value.errno == errno.EREMOTEIO
    said = str(caught.value)
    assert f"stopping: the fan could not be set to {target} %: " in said
    assert "/dev/i2c-7" in said
    assert stop.log_lines == []


def test_a_fan_that_cannot_be_stopped_is_said_and_no_error(stop: Stop) -> None:
    stop.fan.target_percent, stop.fan.confirmed_percent = 0, None
    stop.faults.add(BusFault.NO_ANSWER)
    stop.set_last_duty()
    assert len(stop.log_lines) == 1
    assert "stopping: the fan could not be set to 0 %: " in stop.log_lines[0]
    assert "/dev/i2c-7" in stop.log_lines[0]


def test_the_daemons_own_bus_is_given_back_first(stop: Stop) -> None:
    stop.fan.target_percent = 60
    stop.fan.poll()
    assert stop.opened == 1
    stop.fan.confirmed_percent = 50
    stop.set_last_duty()
    assert stop.fan.confirmed_percent is None, "closed"


# -- a failing daemon ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("present", "target", "failsafe_percent", "left"),
    [(50, 50, 60, 60), (50, 80, 60, 80), (90, 30, 60, 90), (50, None, 60, 60), (50, 0, 60, 60)],
)
def test_a_failing_daemon_leaves_the_highest_of_present_wanted_and_failsafe(
    stop: Stop, present: int, target: int | None, failsafe_percent: int, left: int
) -> None:
    stop.mcu.set_duty(present)
    stop.fan.target_percent = target
    set_failsafe(stop.fan, stop.open_bus, failsafe_percent)
    assert stop.mcu.register_duty == left
    assert stop.fan.confirmed_percent is None, "closed"


def test_a_failing_daemon_raises_nothing_more(stop: Stop, monkeypatch: pytest.MonkeyPatch) -> None:
    stop.faults.add(BusFault.NO_BUS)
    set_failsafe(stop.fan, stop.open_bus, 60)

    def broken(*_arguments: object) -> str:
        raise RuntimeError("broken too")

    monkeypatch.setattr(shutdown, "apply_failsafe", broken)
    set_failsafe(stop.fan, stop.open_bus, 60)


# -- stop.json -----------------------------------------------------------------------------------------------


def test_all_that_the_stop_programs_need_is_left_for_them(tmp_path: Path) -> None:
    config = Config()
    config = replace(
        config,
        case=replace(config.case, protocol="legacy", bus=7, timeout_s=0.5),
        fan=replace(config.fan, failsafe_percent=70, on_stop=40),
    )
    assert save_stop_settings(str(tmp_path), config) is None
    assert read_stop_settings(str(tmp_path), "/nonexistent") == StopSettings("legacy", 7, 0.5, 70, 40)


def test_a_directory_that_cannot_be_written_is_named_with_the_cause(tmp_path: Path) -> None:
    missing = str(tmp_path / "missing")
    assert save_stop_settings(missing, Config()) == (
        f"{missing}: {os.strerror(errno.ENOENT)}; expected a directory that a1d may write, such as systemd's "
        "RuntimeDirectory=a1d"
    )


def test_an_error_without_a_number_is_said_in_its_own_words(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_run_dir: str, _settings: StopSettings) -> None:
        raise OSError("odd")

    monkeypatch.setattr(shutdown, "write_stop_settings", fail)
    assert str(save_stop_settings("/run/a1d", Config())).startswith("/run/a1d: odd; expected a directory")


def test_whatever_the_umask_nobody_else_may_write_what_is_left_not_even_for_a_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    modes: list[int] = []
    fchmod = os.fchmod

    def note(fd: int, mode: int) -> None:
        modes.append(stat.S_IMODE(os.fstat(fd).st_mode))
        fchmod(fd, mode)

    monkeypatch.setattr(os, "fchmod", note)
    before = os.umask(0)
    try:
        write_stop_settings(str(tmp_path), StopSettings())
    finally:
        os.umask(before)
    assert modes == [0o644]
