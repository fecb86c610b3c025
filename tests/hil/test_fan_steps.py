"""The question of the fan's steps, on the simulated heat model and its clock."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from a1d.sim.heat import IDLE_WATTS, LOAD_WATTS, HeatModel
from hil.bench import QUESTIONS, Answer
from hil.questions import fan_steps
from hil.questions.fan_steps import Place, busy_cores, core_watts, room, run_steps
from hil.rig import NotHere
from tests.virtual import VirtualClock

LIMIT_CELSIUS = 75.0


class Model:
    """A heat model in virtual time, and what was done to it."""

    def __init__(self, load_watts: float = LOAD_WATTS) -> None:
        self.clock = VirtualClock()
        self.heat = HeatModel(start_celsius=45.0)
        self.load_watts, self.watts = load_watts, IDLE_WATTS
        self.duty_percent = 60
        self.duties: list[int] = []
        self.hottest_celsius = 0.0
        self.saved: list[Answer] = []
        self.place = Place(self._set, self._read, self._load, lambda: self.watts, self.clock, self._sleep)

    def run(self) -> Answer:
        return run_steps(self.place, 24.0, LIMIT_CELSIUS, self.saved.append)

    def _set(self, duty_percent: int) -> None:
        self.duty_percent = duty_percent
        if self.duties[-1:] != [duty_percent]:
            self.duties.append(duty_percent)

    def _read(self) -> float:
        self.hottest_celsius = max(self.hottest_celsius, self.heat.chip_celsius)
        return self.heat.chip_celsius

    def _sleep(self, seconds: float) -> None:
        self.clock.sleep(seconds)
        self.heat.advance(seconds, self.watts, self.duty_percent)

    @contextlib.contextmanager
    def _load(self) -> Iterator[Callable[[], float]]:
        self.watts, begin_s = self.load_watts, self.clock()
        try:
            yield lambda: 4 * (self.clock() - begin_s)
        finally:
            self.watts = IDLE_WATTS


def test_four_steps_of_twenty_minutes_show_what_the_fan_does() -> None:
    model = Model()
    begin_s = model.clock()
    answer = model.run()
    assert model.duties == [0, 30, 60, 100]
    assert model.clock() - begin_s == pytest.approx(85 * 60, abs=5)
    assert "error" not in answer
    assert [len(step["minutes_celsius"]) for step in answer["steps"]] == [20] * 4
    ends = [step["minutes_celsius"][-1] for step in answer["steps"]]
    assert ends == sorted(ends, reverse=True)
    assert [step["cores_busy"] for step in answer["steps"]] == [4.0] * 4
    assert (answer["idle_watts"], answer["steps"][0]["watts"]) == (IDLE_WATTS, LOAD_WATTS)
    assert answer["answer"].startswith(f"{ends[0]:.1f} C at 0 %, {ends[1]:.1f} C at 30 %")
    assert model.watts == IDLE_WATTS


def test_the_chips_own_rise_can_be_told_from_the_cases() -> None:
    answer = Model().run()
    rise = max(answer["chip_celsius"]) - answer["idle_celsius"]
    chip_over_case = 2.4 * (LOAD_WATTS - IDLE_WATTS)
    assert chip_over_case < rise < chip_over_case + 1.0  # the case: less than a degree in half a minute
    assert f"within 30 s of the load the chip rose by {rise:.1f} C" in answer["answer"]


def test_a_step_that_gets_hot_ends_before_the_guard_ends_the_run() -> None:
    model = Model(load_watts=8.5)
    answer = model.run()
    assert model.hottest_celsius < LIMIT_CELSIUS
    assert model.duties == [0, 100, 30, 60, 100], "full speed in between"
    assert [step["ended_by_heat"] for step in answer["steps"]] == [True, False, False, False]
    assert len(answer["steps"][0]["minutes_celsius"]) < 20
    assert "and rising when it got too hot at 0 %" in answer["answer"]


def test_a_machine_that_is_hot_without_load_gets_none() -> None:
    model = Model()
    model.heat.chip_celsius = model.heat.case_celsius = 72.0
    answer = model.run()
    assert answer["error"] == "too hot to begin: 73 C with an idle processor"
    assert model.saved == []


def test_what_was_measured_is_kept_if_the_run_ends_in_a_later_step() -> None:
    model = Model()

    def set_duty(duty_percent: int) -> None:
        if duty_percent == 60:
            raise KeyboardInterrupt  # as check_guard does

    with pytest.raises(KeyboardInterrupt):
        run_steps(model.place._replace(set_duty=set_duty), 24.0, LIMIT_CELSIUS, model.saved.append)
    assert [step["duty_percent"] for step in model.saved[-1]["steps"]] == [0, 30]
    assert model.saved[-1]["error"] == "ended early, after 30 %"
    assert model.watts == IDLE_WATTS, "the load goes on"


@pytest.mark.parametrize(
    ("text", "celsius"), [("21", 21.0), (" 21.5 C", 21.5), ("21,5", 21.5), ("-3 c", -3.0), ("19\N{DEGREE SIGN}C", 19.0)]
)
def test_the_rooms_temperature(text: str, celsius: float) -> None:
    assert room(text) == celsius


@pytest.mark.parametrize("text", ["", "warm", "70 F", "72", "nan", "2 1", "-40"])
def test_no_rooms_temperature(text: str) -> None:
    with pytest.raises(NotHere, match="not the temperature of a room"):
        room(text)


@pytest.mark.parametrize(
    ("answers", "why"),
    [
        ("\n21\n", "not now"),
        ("n\n21\n", "not now"),
        ("y\nwarm\n", "not the temperature of a room"),
        ("", "nobody answers"),
    ],
)
def test_nothing_is_done_without_an_operator_who_agrees(
    answers: str, why: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "stdin").write_text(answers)
    bench: Any = None  # touching it would raise
    asked = next(each for each in QUESTIONS if each.ask.__module__ == fan_steps.__name__)
    assert asked.needs_operator
    assert not asked.ends
    with (tmp_path / "stdin").open() as stdin:
        monkeypatch.setattr("sys.stdin", stdin)
        with pytest.raises(NotHere, match=why):
            asked.ask(bench)


def test_the_cores_power_is_read_from_what_the_firmware_says() -> None:
    said = """\
     3V7_WL_SW_A current(0)=0.09074870A
       VDD_CORE_A current(7)=2.50000000A
   VDD_CORE_V volt(15)=0.80000000V
"""
    assert core_watts(said) == 2.0
    assert core_watts("VDD_CORE_A current(7)=2.5A") is None
    assert core_watts("") is None


def test_busy_cores_count_what_they_had_and_end() -> None:
    with busy_cores(1) as cpu_s:
        end_s = time.monotonic() + 20
        while cpu_s() == 0:
            assert time.monotonic() < end_s
            time.sleep(0.02)
    with pytest.raises(FileNotFoundError):
        cpu_s()


def test_no_core_stays_busy_after_kill_9() -> None:
    """The guard kills the run so; a load without an owner would heat the machine for ever."""
    code = "from hil.questions.fan_steps import busy_cores\nimport time\n"
    code += "with busy_cores(1):\n    print(end='x', flush=True)\n    time.sleep(60)"
    run = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert run.stdout
    assert run.stdout.read(1) == b"x"
    child = int(Path(f"/proc/{run.pid}/task/{run.pid}/children").read_text())
    pidfd = os.pidfd_open(child)
    run.kill()
    run.wait()
    run.stdout.close()
    try:
        assert select.select([pidfd], [], [], 20)[0], "still busy"
    finally:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(pidfd, signal.SIGKILL)
        os.close(pidfd)
