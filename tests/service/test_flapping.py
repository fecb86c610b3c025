"""What comes and goes is said a few times, then rarely, and its end is said."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a1d.config.settings import Config, ProfileConfig, SensorConfig
from a1d.log import Log
from a1d.service.event_log import EventLog
from a1d.service.flapping import STILL_S, TIMES, WITHIN_S, Flapping
from a1d.service.health import Health
from a1d.sim.case import SensorFault
from tests.virtual import VirtualRig

MakeRig = Callable[..., VirtualRig]


def flap(flapping: Flapping, seconds: float, period_s: float, start_s: float = 0.0) -> list[str]:
    """The lines of that long; the problem is there for half of each period."""
    lines: list[str | None] = []
    now_s = start_s
    while now_s < start_s + seconds:
        lines += [flapping.tick(now_s), flapping.begin("no answer", now_s)]
        now_s += period_s / 2
        lines += [flapping.tick(now_s), flapping.end(period_s / 2, now_s)]
        now_s += period_s / 2
    return [line for line in lines if line]


def test_the_first_times_are_said_as_they_come() -> None:
    assert flap(Flapping(), 3 * 4.0, 4.0) == ["no answer", "recovered after 2s"] * 3


def test_the_fourth_in_ten_minutes_says_that_it_flaps_and_an_hour_of_it_is_a_few_lines() -> None:
    lines = flap(Flapping(), 3600, 2.0)
    assert len(lines) == 9
    assert "it comes and goes, 4 times in 6s" in lines[6]
    assert lines[7] == "still comes and goes: 303 times in 10m6s"


def test_a_day_of_it_is_a_line_an_hour() -> None:
    assert len(flap(Flapping(), 86400, 2.0)) < 9 + 25


def test_what_comes_back_rarely_is_said_each_time() -> None:
    assert len(flap(Flapping(), 86400, WITHIN_S)) == 2 * 86400 // WITHIN_S


@pytest.mark.parametrize("stays", [False, True])
def test_its_end_is_said_after_a_while_and_then_it_is_said_again_as_it_comes(stays: bool) -> None:
    flapping = Flapping()
    flap(flapping, 60, 2.0)
    if stays:
        flapping.begin("no answer", 60.0)
    assert flapping.tick(59 + STILL_S - 1) is None
    line = flapping.tick(60 + STILL_S)
    assert line is not None
    assert f"no longer comes and goes ({30 + stays} times in" in line
    assert line.endswith("it stays: no answer" if stays else "it is over")
    assert not flapping.is_flapping
    flapping.end(1, 400)
    assert flapping.begin("no answer", 500.0) == "no answer"


def test_another_problem_of_the_same_name_is_said_while_it_flaps() -> None:
    flapping = Flapping()
    flap(flapping, 60, 2.0)
    assert flapping.begin("the case reports 5 %", 61) == "the case reports 5 %"
    flapping.end(1, 62)
    assert flapping.begin("the case reports 6 %", 63) is None


@given(st.lists(st.tuples(st.floats(0, 1000), st.text(max_size=5)), max_size=200))
def test_lines_are_bounded_whatever_comes(steps: list[tuple[float, str]]) -> None:
    flapping = Flapping()
    now_s, lines = 0.0, 0
    for pause_s, text in steps:
        now_s += pause_s
        lines += sum(1 for line in (flapping.tick(now_s), flapping.begin(text, now_s), flapping.end(1, now_s)) if line)
    # Three a quiet spell or ten minutes at most are said as they come, with their ends; the kinds are eight.
    assert lines <= 2 * (TIMES - 1) * (1 + now_s // 200) + 8 + 3 * (1 + now_s // STILL_S)


def test_health_counts_each_problem_for_itself() -> None:
    lines: list[str] = []
    health = Health(Log(lines.append))
    for _ in range(10):
        health.report("fan", "no answer")
        health.report("fan", None)
    before = len(lines)
    health.report("button", "gone")
    assert lines[before:] == ["a1d: warning: button: gone"]


def test_a_sensor_that_is_dead_for_a_moment_again_and_again_is_a_few_lines_an_hour(rig: VirtualRig) -> None:
    rig.run(20)
    rig.log_lines.clear()
    for _ in range(900):
        rig.case.sensor_faults.add(SensorFault.DEAD)
        rig.run(1.5)
        rig.case.sensor_faults.clear()
        rig.run(0.5)
    assert len(rig.log_lines) <= 10
    rig.run(400)
    assert "no longer comes and goes (900 times in 29m58s" in rig.log_lines[-1]


def test_another_program_that_writes_the_duty_again_and_again_is_a_few_lines_an_hour(rig: VirtualRig) -> None:
    rig.case.fixed_celsius = 72.0
    rig.run(20)
    rig.log_lines.clear()
    for _ in range(300):
        rig.case.mcu.set_duty(0)
        rig.run(5)
    assert 5 <= len(rig.log_lines) <= 10


def test_a_line_that_comes_and_goes_is_a_few_lines_an_hour(rig: VirtualRig) -> None:
    rig.run(20)
    rig.log_lines.clear()
    for _ in range(100):
        rig.case.line_held_by = "another"
        rig.daemon.button._lose(OSError(19, "gone"))
        rig.run(5)
        rig.case.line_held_by = None
        rig.run(5)
    assert len(rig.log_lines) <= 10


def test_presses_and_what_they_set_off_are_a_few_lines_however_many_there_are(rig: VirtualRig) -> None:
    rig.run(20)
    rig.log_lines.clear()
    for _ in range(200):
        rig.case.pulse(20.0)
        rig.run(1)
    assert len(rig.case.powered) == 200
    assert 8 <= len(rig.log_lines) <= 12
    rig.log_lines.clear()
    rig.run(400)
    assert sum("no longer comes and goes (200 times" in line for line in rig.log_lines) == 2


def test_a_drive_that_comes_and_goes_is_a_few_lines_an_hour(make_rig: MakeRig) -> None:
    rig = make_rig(Config(sensors=(SensorConfig(name="nvme", hwmon="nvme", interval_s=2.0),)))
    second = Path(rig.case.sysfs) / "class/hwmon/hwmon1"
    for _ in range(60):
        second.mkdir()
        (second / "name").write_text("nvme\n")
        (second / "temp1_input").write_text("40000\n")
        rig.run(60)
        shutil.rmtree(second)
        rig.run(60)
    assert 3 < sum("watched" in line for line in rig.log_lines) <= 20


def test_a_clock_that_jumps_again_and_again_is_a_few_lines_an_hour(make_rig: MakeRig) -> None:
    night = ProfileConfig(from_minute=0, to_minute=60, max_percent=40)
    rig = make_rig(Config(profiles=(("night", night),)))
    for _ in range(600):
        rig.minute = 30
        rig.run(3)
        rig.minute = 720
        rig.run(3)
    assert 3 < sum("profile" in line for line in rig.log_lines) <= 20


def test_lines_of_many_kinds_do_not_fill_the_memory() -> None:
    lines: list[str] = []
    log = EventLog(Log(lines.append))
    for number in range(1000):
        log.info(chr(0x4E00 + number))
    assert len(lines) == 1000
    assert len(log._events) <= 32
