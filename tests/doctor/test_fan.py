"""The trial of the fan: what is made of its samples, in virtual time on the simulated case, and as a real process."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a1d.client.errors import NoDaemonError
from a1d.doctor.air import STEPS_PERCENT, Load, Sample, judge
from a1d.doctor.trial import LEASE_S, StoppedError, refusal, try_fan
from a1d.errors import A1dError
from a1d.sim.case import FanFault, SensorFault
from a1d.sim.mcu import BusFault
from tests.process import SimulatedDaemon
from tests.virtual import VirtualRig

LOAD = Load("W", 0.3)
CTL = [sys.executable, "-m", "a1d.client.main"]


# -- what the samples tell: pure -------------------------------------------------------------------


def samples(*ends_celsius: float, begin_celsius: float | None = None, loads: tuple[float, ...] = ()) -> list[Sample]:
    """A minute at each duty, with the temperature on its way to that end in a line."""
    found = []
    before = ends_celsius[0] if begin_celsius is None else begin_celsius
    for number, (duty_percent, end) in enumerate(zip(STEPS_PERCENT, ends_celsius, strict=False)):
        for second in range(60):
            celsius = before + (end - before) * min(1.0, second / 40)
            found.append(Sample(60 * number + second, duty_percent, celsius, loads[number] if loads else None))
        before = end
    return found


JUDGED = {
    "it cools": (samples(52, 50, 48, 46), "ok", "seems to move air"),
    "it cools what had been warming": (samples(52, 51, 49, 47, begin_celsius=48), "ok", "fell by 5.0 C"),
    "it stands still": (samples(52, 52, 52.3, 52.1), "FAIL", "no sign"),
    "it stands still, and it warms a little": (samples(52, 52.2, 52.4, 52.5, begin_celsius=51.9), "FAIL", "rose by"),
    # A fan that turns cannot cool a case faster than a load that has just begun heats it.
    "a load has just begun": (samples(66, 68.2, 67.7, 66.5, begin_celsius=58), "warn", "warming up, 6.2 C a minute"),
    "it stands still, or a load has just begun": (samples(50, 51, 52, 52.5, begin_celsius=48), "warn", "warming up"),
    "a little": (samples(52, 51.5, 51, 50), "warn", "too little for one that cools"),
    "cold": (samples(35, 35, 35, 35), "warn", "little to cool"),
    "cold, and it cools all the same": (samples(38, 36, 35, 34), "ok", "seems to move air"),
    "up and down": (samples(52, 48, 51, 47), "warn", "cannot tell"),
    "the load fell": (samples(52, 50, 48, 46, loads=(4.6, 4.6, 3.0, 1.4)), "warn", "1.4 to 4.6 W"),
    "the load was steady": (samples(52, 50, 48, 46, loads=(4.5, 4.6, 4.6, 4.4)), "ok", "seems to move air"),
    "cut short": (samples(52, 50, 48), "warn", "not every duty was tried (0 %: 52.0 C, 30 %: 50.0 C, 60 %: 48.0 C)"),
    "nothing": ([], "warn", "none was"),
    "too few": (samples(52, 50, 48, 46)[:-57], "warn", "not every duty"),
}


@pytest.mark.parametrize("what", JUDGED)
def test_what_the_samples_tell(what: str) -> None:
    given_samples, state, words = JUDGED[what]
    verdict = judge(given_samples, LOAD)
    assert verdict.state == state, verdict
    assert words in verdict.text, verdict


def test_what_cools_by_itself_is_no_credit_to_the_fan() -> None:
    cooling = [Sample(s, STEPS_PERCENT[s // 60], 60 - s / 40, None) for s in range(240)]
    verdict = judge(cooling, LOAD)
    assert verdict.state == "warn"
    assert "cooled by itself, 1.5 C a minute" in verdict.text
    helped = [each._replace(temp_celsius=each.temp_celsius - max(0, each.at_s - 60) / 15) for each in cooling]
    assert judge(helped, LOAD).state == "ok"


@given(st.lists(st.floats(20, 90), min_size=4, max_size=4), st.floats(20, 90))
def test_no_verdict_of_air_without_a_real_fall_and_none_of_no_air_with_one(ends: list[float], begin: float) -> None:
    verdict = judge(samples(*ends, begin_celsius=begin), LOAD)
    fall_kelvin = ends[0] - ends[-1]
    assert verdict.state != "ok" or fall_kelvin >= 3
    assert verdict.state != "FAIL" or fall_kelvin < 1


# -- on the simulated case, in virtual time --------------------------------------------------------


class OnRig:
    """The trial's daemon: the real one, in virtual time. ``log`` is what was asked of it."""

    def __init__(self, rig: VirtualRig) -> None:
        self._rig = rig
        self.log: list[str] = []
        self.gone = False

    def status(self) -> dict[str, Any]:
        if self.gone:
            raise NoDaemonError("no daemon")
        return self._rig.daemon.status()

    def hold(self, duty_percent: int, for_s: float) -> str | None:
        self.log.append(f"hold {duty_percent}")
        assert for_s <= LEASE_S
        return self._rig.daemon.set_manual(duty_percent, for_s)[1]

    def resume(self) -> None:
        self.log.append("resume")
        if self.gone:
            raise NoDaemonError("no daemon")
        self._rig.daemon.resume_automatic()

    def load(self) -> float | None:
        return self._rig.case.watts


class Trial:
    """A daemon on a case that has been at this load for a while, and a trial of its fan."""

    def __init__(self, rig: VirtualRig, watts: float = 3.5) -> None:
        self.rig, self.asked, self.said = rig, OnRig(rig), list[str]()
        rig.case.fixed_celsius = None
        rig.case.load_watts = watts
        rig.run(40)

    def run(self, step_s: float = 15.0, during: Callable[[float], None] = lambda _now_s: None) -> list[Sample]:
        begin_s = self.rig.clock()

        def sleep(seconds: float) -> None:
            self.rig.run(seconds)
            during(self.rig.clock() - begin_s)

        return try_fan(self.asked, 80.0, step_s, clock=self.rig.clock, sleep=sleep, say=self.said.append)

    @property
    def mode(self) -> str:
        self.rig.run(1)
        return str(self.rig.daemon.status()["mode"])


@pytest.fixture
def trial(make_rig: Callable[..., VirtualRig]) -> Trial:
    return Trial(make_rig(heat_speed=10.0))


def test_a_fan_that_works(trial: Trial) -> None:
    fan: set[int] = set()
    found = trial.run(during=lambda _s: fan.add(trial.rig.fan_percent))
    assert judge(found, LOAD).state == "ok", judge(found, LOAD)
    assert fan == {0, 30, 60, 100}
    assert (trial.mode, trial.asked.log[-1]) == ("automatic", "resume")
    assert trial.said[-1] == "Automatic control is back."
    assert [re.match(r" *\d+ %", text) is not None for text in trial.said] == [True] * 4 + [False]


def test_a_fan_that_is_stuck(trial: Trial) -> None:
    trial.rig.case.fan_faults.add(FanFault.STUCK)
    verdict = judge(trial.run(), LOAD)
    assert (verdict.state, "no sign" in verdict.text) == ("FAIL", True)
    assert trial.mode == "automatic"


def test_a_load_that_changes_hides_the_fan(trial: Trial) -> None:
    def change(now_s: float) -> None:
        trial.rig.case.load_watts = 3.5 if now_s < 30 else 1.4

    trial.rig.case.fan_faults.add(FanFault.STUCK)
    assert "the load changed" in judge(trial.run(during=change), LOAD).text


@pytest.mark.parametrize("at_s", [3, 20, 40, 55])
@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError, OSError, A1dError])
def test_however_it_ends_automatic_control_is_back(trial: Trial, error: type[BaseException], at_s: float) -> None:
    def fail(now_s: float) -> None:
        if now_s >= at_s:
            raise error

    with pytest.raises(error):
        trial.run(during=fail)
    assert (trial.mode, trial.asked.log[-1]) == ("automatic", "resume")


def test_killed_it_leaves_a_lease_that_ends_by_itself(trial: Trial) -> None:
    class KilledError(BaseException):
        pass

    def fail(now_s: float) -> None:
        if now_s >= 10:
            trial.asked.resume = lambda: None  # type: ignore[method-assign] # nobody is left to ask
            raise KilledError

    with pytest.raises(KilledError):
        trial.run(during=fail)
    assert trial.mode == "manual"
    trial.rig.run(LEASE_S)
    assert trial.mode == "automatic"


def test_an_emergency_wins_and_ends_it(trial: Trial) -> None:
    def heat(now_s: float) -> None:
        if now_s >= 20:
            trial.rig.case.fixed_celsius = 85.0

    with pytest.raises(StoppedError, match=r"stopped"):
        trial.run(during=heat)
    trial.rig.run(2)
    assert (trial.rig.fan_percent, trial.mode) == (100, "automatic")


def test_it_ends_before_it_is_critical(trial: Trial) -> None:
    def heat(now_s: float) -> None:
        if now_s >= 20:
            trial.rig.case.fixed_celsius = 73.0

    with pytest.raises(StoppedError, match=r"stopped at 73\.0 C: the trial ends at 72 C"):
        trial.run(during=heat)
    assert trial.mode == "automatic"


def test_a_lost_sensor_ends_it(trial: Trial) -> None:
    with pytest.raises(StoppedError, match="temperature was lost"):
        trial.run(during=lambda _s: trial.rig.case.sensor_faults.add(SensorFault.DEAD))
    trial.rig.run(2)
    assert (trial.rig.fan_percent, trial.mode) == (100, "automatic")


def test_a_case_that_takes_nothing_is_no_verdict_on_its_fan(trial: Trial) -> None:
    def fail(now_s: float) -> None:
        if now_s >= 16:
            trial.rig.case.bus_faults.add(BusFault.LOST_WRITES)

    with pytest.raises(StoppedError, match=r"stopped: "):
        trial.run(during=fail)
    assert trial.mode == "automatic"


def test_what_somebody_else_sets_meanwhile_stays(trial: Trial) -> None:
    def set_fan(now_s: float) -> None:
        if now_s >= 20:
            trial.rig.daemon.set_manual(77, None)

    with pytest.raises(StoppedError, match="somebody else"):
        trial.run(during=set_fan)
    assert (trial.mode, trial.rig.duty_percent) == ("manual", 77)
    assert "resume" not in trial.asked.log


def test_a_daemon_that_goes_away_is_said_with_when_it_ends(trial: Trial) -> None:
    with pytest.raises(A1dError, match=rf"no daemon\n.*within {LEASE_S:g} s"):
        trial.run(during=lambda _s: setattr(trial.asked, "gone", True))


def test_when_it_does_not_begin(trial: Trial) -> None:
    status = trial.asked.status()
    assert refusal(status, 80.0) is None
    assert "only below 65 C" in (refusal({**status, "temp_celsius": 65.0}, 80.0) or "")
    assert "set by hand" in (refusal({**status, "mode": "manual"}, 80.0) or "")
    assert "failsafe" in (refusal({**status, "temp_celsius": None}, 80.0) or "")
    assert "failsafe" in (refusal({**status, "health": {"state": "failsafe", "problems": []}}, 80.0) or "")


# -- as a real process -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def daemon() -> Iterator[SimulatedDaemon]:
    with tempfile.TemporaryDirectory(prefix="a1d-doctor-") as place:  # where a stranger may enter, too
        os.chmod(place, 0o711)
        daemon = SimulatedDaemon(Path(place))
        try:
            daemon.wait_notified("READY=1")
            os.chmod(daemon.run_dir, 0o711)
            daemon.call("org.a1d.simulation.SetLoad", watts=3)
            yield daemon
        finally:
            daemon.close()


@contextlib.contextmanager
def trial_process(daemon: SimulatedDaemon, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    command = [*CTL, "--socket", str(daemon.socket_path), "doctor", "--fan", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        daemon.wait_for("mode", "manual")
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_ends_it_and_automatic_control_is_back_at_once(daemon: SimulatedDaemon, number: int) -> None:
    with trial_process(daemon) as process:
        process.send_signal(number)
        out, err = process.communicate(timeout=10)
        assert daemon.status()["mode"] == "automatic"
    assert process.returncode == 130
    assert "Automatic control is back." in out
    assert err == ""


def test_a_reader_that_goes_away_ends_it_too(daemon: SimulatedDaemon) -> None:
    """As when the terminal or the connection is lost; it shows with the first line after that."""
    script = f"{' '.join(CTL)} --socket {daemon.socket_path} doctor --fan | head -n 1"
    with subprocess.Popen(["sh", "-c", script], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert "Ctrl-C ends it" in process.stdout.read()
        daemon.wait_for("mode", "automatic", 30)


def test_a_kill_leaves_less_than_half_a_minute(daemon: SimulatedDaemon) -> None:
    with trial_process(daemon) as process:
        process.kill()
        process.wait()
        left_s = daemon.status()["manual_remaining_s"]
    assert 0 < left_s <= LEASE_S < 30
    daemon.call("org.a1d.control.ResumeAutomatic")


def test_json_is_one_line_and_it_refuses_with_a_reason(daemon: SimulatedDaemon) -> None:
    daemon.call("org.a1d.control.SetFan", duty_percent=40)
    command = [*CTL, "--socket", str(daemon.socket_path), "doctor", "--fan", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert "a duty is set by hand" in done.stderr
    daemon.call("org.a1d.control.ResumeAutomatic")
    with trial_process(daemon, "--json") as process:
        daemon.call("org.a1d.simulation.SetFault", fault="sensor-dead", on=True)
        out, err = process.communicate(timeout=30)
        daemon.call("org.a1d.simulation.SetFault", fault="sensor-dead", on=False)
    assert err == ""
    assert process.returncode == 1
    (result,) = json.loads(out)["results"]
    assert (result["state"], result["check"]) == ("FAIL", "fan")
    assert "lost" in result["fact"]


STRANGER = """
import os, sys, a1d.client.main, a1d.client.parser, a1d.doctor.command
os.setgroups([]); os.setgid(65534); os.setuid(65534)
sys.exit(a1d.client.main.main())
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_a_stranger_is_told_how_to_be_allowed(daemon: SimulatedDaemon) -> None:
    daemon.wait_for("health", "ok", 30)
    command = [sys.executable, "-c", STRANGER, "--socket", str(daemon.socket_path), "doctor", "--fan"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "sudo a1d-ctl doctor --fan" in done.stderr
    assert daemon.status()["mode"] == "automatic"
