"""a1d-ctl: in process against a daemon in virtual time, and for real against ``a1d --simulate``."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock
from unittest.mock import ANY

import pytest
import varlink as reference
from hypothesis import given, settings
from hypothesis import strategies as st

from a1d import __version__
from a1d.client import hold, output, varlink
from a1d.client import main as ctl
from a1d.client.errors import NoDaemonError
from a1d.client.faults import FAULTS
from a1d.config.reader import parse_config
from a1d.config.settings import CaseConfig, Config, FanConfig, SensorConfig
from a1d.sim.case import SensorFault, SimulatedCase
from a1d.sim.heat import LOAD_WATTS
from a1d.sim.mcu import BusFault
from tests.client.hostile import Listener, listening, reply, slowly
from tests.client.test_words import GOOD, GOOD_CURVE, JSON, tampered
from tests.virtual import VirtualRig

ROOT = str(Path(__file__).parents[2])
CTL = [sys.executable, "-m", "a1d.client.main"]
ENV = {name: value for name, value in os.environ.items() if name not in ("A1D_SOCKET", "PYTHONUNBUFFERED", "NO_COLOR")}
STRANGER = """
import locale, os, shutil, sys, a1d.client.main, a1d.client.parser
a1d.client.parser.make_parser().format_help()  # loads what is loaded late: the stranger may not be able to
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
sys.exit(a1d.client.main.main())
"""
INTERRUPTIBLE = (
    "import signal, sys; from a1d.client.main import main; "
    "signal.signal(signal.SIGINT, signal.default_int_handler); sys.exit(main())"
)
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")


# -- words and codes, in virtual time --------------------------------------------------------------


class Ctl:
    """Runs a1d-ctl's main; ``code``, ``out`` and ``err`` are what the last run left."""

    def __init__(self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self._capsys = capsys
        self._monkeypatch = monkeypatch
        self.out = self.err = ""

    def __call__(self, *words: object) -> int:
        self._monkeypatch.setattr(sys, "argv", ["a1d-ctl", *map(str, words)])
        try:
            code = ctl.main()
        except SystemExit as stop:
            code = int(stop.code or 0)
        self.out, self.err = self._capsys.readouterr()
        return code

    def at(self, rig: VirtualRig, *words: object) -> int:
        """Against the rig's daemon, whose virtual time stands still unless this program sleeps."""
        done = threading.Event()

        def serve() -> None:
            while not done.is_set():
                rig.daemon.loop.run_once()

        path = str(rig.run_dir / "control.sock")
        self._monkeypatch.setattr(hold, "sleep", rig.clock.sleep)
        self._monkeypatch.setattr(hold, "monotonic", rig.clock)
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            return self("--socket", path, *words)
        finally:
            done.set()
            with socket.socket(socket.AF_UNIX) as wake:
                wake.connect(path)
                thread.join()


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Ctl:
    monkeypatch.delenv("A1D_SOCKET", raising=False)
    return Ctl(capsys, monkeypatch)


@pytest.fixture
def calm(rig: VirtualRig) -> VirtualRig:
    """The rig when its fan has come to rest."""
    rig.run(20)
    return rig


def test_status_in_words(run: Ctl, calm: VirtualRig) -> None:
    assert run.at(calm, "status") == 0
    assert run.err == ""
    lines = dict(line.split(None, 1) for line in run.out.splitlines())
    assert (lines["temperature"], lines["fan"], lines["mode"]) == ("45.0 C (cpu)", "0 %", "automatic")
    assert (lines["health"], lines["case"], lines["uptime"]) == ("ok", "simulated, firmware 0xa2", "20 s")
    assert "\x1b" not in run.out


STATUS_KEYS = [
    "version",
    "simulated",
    "uptime_s",
    "health",
    "mode",
    "duty_percent",
    "duty_confirmed_percent",
    "manual_percent",
    "manual_remaining_s",
    "manual_until_celsius",
    "profile",
    "profiles",
    "reason",
    "temp_celsius",
    "sensors",
    "button",
    "bus_errors",
    "firmware_id",
    "warnings",
]


def starting(rig: VirtualRig) -> None:
    rig.case.bus_faults.add(BusFault.NO_BUS)


def without_bus(rig: VirtualRig) -> None:
    rig.run(20)
    rig.case.bus_faults.add(BusFault.NO_ANSWER)
    rig.run(65)


def without_sensor(rig: VirtualRig) -> None:
    rig.run(20)
    rig.case.sensor_faults.add(SensorFault.DEAD)
    rig.run(5)


@pytest.mark.parametrize(
    ("reach", "code", "state"),
    [(lambda rig: rig.run(20), 0, "ok"), (without_bus, 1, "degraded"), (without_sensor, 1, "failsafe")],
)
def test_the_exit_code_and_the_text_say_the_health(
    run: Ctl, rig: VirtualRig, reach: Callable[[VirtualRig], None], code: int, state: str
) -> None:
    reach(rig)
    assert run.at(rig, "status") == code
    assert re.search(rf"^health +{state}$", run.out, re.MULTILINE)
    for problem in rig.daemon.health.problems:
        assert problem in run.out
    assert run.at(rig, "status", "--json") == code
    status = json.loads(run.out)
    assert run.out.count("\n") == 1
    assert status["health"] == {"state": state, "problems": rig.daemon.health.problems, "ages_s": ANY}


@pytest.mark.parametrize("reach", [starting, lambda rig: rig.run(20), without_bus, without_sensor])
def test_json_has_the_same_keys_in_every_state(run: Ctl, rig: VirtualRig, reach: Callable[[VirtualRig], None]) -> None:
    reach(rig)
    run.at(rig, "status", "--json")
    assert list(json.loads(run.out)) == STATUS_KEYS


def test_before_the_first_tick_status_says_so(run: Ctl, rig: VirtualRig) -> None:
    starting(rig)
    run.at(rig, "status")
    assert "unknown" in run.out and "starting" in run.out and "None" not in run.out
    assert run.at(rig, "fan", "set", 50) == 1
    assert "still starting" in run.err


def test_every_line_of_a_long_problem_is_shown_below_health(run: Ctl, make_rig: Callable[..., VirtualRig]) -> None:
    rig = make_rig(lambda: parse_config("intervall: 1\nfan: {hold: soon}\n", "/etc/a1d/config.yaml"))
    rig.run(20)
    assert run.at(rig, "status") == 1
    assert run.out.count("/etc/a1d/config.yaml:") == 2
    assert "built-in defaults" in run.out


def test_several_sensors_are_told_apart(run: Ctl, make_rig: Callable[..., VirtualRig]) -> None:
    rig = make_rig(Config(sensors=(SensorConfig("cpu", zone="cpu-thermal"), SensorConfig("disk", zone="none"))))
    rig.run(20)
    run.at(rig, "status")
    assert re.search(r"cpu: 45\.0 C", run.out) and re.search(r"disk: lost, no temperature yet", run.out)


def test_the_fan_is_set_and_given_back(run: Ctl, calm: VirtualRig) -> None:
    assert run.at(calm, "fan", "set", "60%") == 0
    assert run.out == "the fan is held at 60 % until 'a1d-ctl fan auto'\n"
    assert calm.daemon.decision and calm.daemon.decision.duty_percent == 60
    run.at(calm, "status")
    assert "manual, 60 % until 'a1d-ctl fan auto'" in run.out
    assert run.at(calm, "fan", "auto") == 0
    assert run.out
    run.at(calm, "status", "--json")
    assert json.loads(run.out)["mode"] == "automatic"


def test_a_time_is_said_and_what_is_left_of_it(run: Ctl, calm: VirtualRig) -> None:
    assert run.at(calm, "fan", "set", 60, "--for", "15m") == 0
    assert run.out == "the fan is held at 60 % for 15m\n"
    calm.run(65)
    run.at(calm, "status")
    assert "for another 13m54s" in run.out
    run.at(calm, "fan", "set", 60, "--for", "45s")
    assert run.out == "the fan is held at 60 % for 45 s\n"
    calm.run(5)
    run.at(calm, "status")
    said = dict(line.split(None, 1) for line in run.out.splitlines())
    assert (said["mode"], said["because"]) == ("manual, 60 % for another 40 s", "60 % set by hand, for 40 s")
    run.at(calm, "fan", "set", 60, "--for", "500ms")
    assert run.out == "the fan is held at 60 % for 500ms\n"
    assert run.at(calm, "fan", "off", "--for", "90s") == 0
    assert run.out == "the fan is held at 0 % for 1m30s\n"
    calm.run(2)
    assert calm.fan_percent == 0


def test_a_temperature_that_it_is_cooler_than_is_refused_at_once(run: Ctl, calm: VirtualRig) -> None:
    started_s = calm.clock.now_s
    assert run.at(calm, "fan", "set", 60, "--until", "90C") == 1
    assert re.fullmatch(r"a1d-ctl: it is 4[45]\.\d C already, so nothing is held until 90 C\n", run.err)
    assert (run.out, calm.clock.now_s) == ("", started_s)


@pytest.mark.parametrize("word", ["44", "44C", "44c", "44.0C"])
def test_a_duty_may_end_by_temperature(run: Ctl, calm: VirtualRig, word: str) -> None:
    assert run.at(calm, "fan", "set", 60, "--until", word, "--for", "15m") == 0
    assert run.out == "the fan is held at 60 % until 44 C or for 15m\n"
    calm.run(179.3)
    run.at(calm, "status")
    assert "manual, 60 % until 44 C or for another 12m" in run.out
    assert "set by hand, until 44 C or for 12m" in run.out
    calm.case.fixed_celsius = 44.0
    calm.run(1)
    run.at(calm, "status")
    assert "automatic" in run.out


def test_a_raised_duty_is_said(run: Ctl, calm: VirtualRig) -> None:
    assert run.at(calm, "fan", "set", 1) == 0
    assert "10 %" in run.out and "raised from 1 %" in run.out


@pytest.mark.parametrize(
    ("disturb", "said"),
    [
        (lambda rig: setattr(rig.case, "fixed_celsius", 85.0), "cpu at 85.0 C is critical (from 80 C on), so 100 %"),
        (lambda rig: rig.case.sensor_faults.add(SensorFault.DEAD), "no good temperature from cpu, so failsafe: 100 %"),
        (lambda rig: rig.case.bus_faults.add(BusFault.NO_ANSWER), "nothing answers at 0x1a"),
    ],
)
def test_a_duty_that_is_not_in_force_is_not_said_to_be_held(
    run: Ctl, calm: VirtualRig, disturb: Callable[[VirtualRig], object], said: str
) -> None:
    assert run.at(calm, "fan", "set", 30) == 0
    disturb(calm)
    calm.run(70)
    assert run.at(calm, "fan", "set", 20, "--for", "5m") == 1
    assert run.out.startswith("20 % is set by hand for 5m, but not in force yet: ")
    assert said in run.out


@pytest.mark.parametrize(
    ("disturb", "said"),
    [
        (lambda rig: rig.case.bus_faults.add(BusFault.NO_ANSWER), "nothing answers at 0x1a"),
        (lambda rig: rig.case.bus_faults.add(BusFault.TIME_OUT), "hangs"),
        (lambda rig: rig.case.bus_faults.add(BusFault.LOST_WRITES), "the case reports a duty of 0 % after 20 %"),
        (lambda rig: setattr(rig.case, "fixed_celsius", 85.0), "a1d wants 100 %: cpu at 85.0 C is critical"),
    ],
)
def test_a_duty_is_only_called_held_once_the_case_has_confirmed_it(
    run: Ctl, calm: VirtualRig, disturb: Callable[[VirtualRig], object], said: str
) -> None:
    disturb(calm)
    assert calm.daemon.health.state == "ok", "nobody has noticed yet"
    for _ in ("when it shows", "when it is known"):
        assert run.at(calm, "fan", "set", 20) == 1
        assert run.out.startswith("20 % is set by hand until 'a1d-ctl fan auto', but not in force yet: ")
        assert said in run.out or "the fan is at 100 %" in run.out
        calm.run(1)


def test_a_case_that_has_just_stopped_answering_is_not_taken_for_one_that_never_confirms(
    run: Ctl, calm: VirtualRig
) -> None:
    calm.case.bus_faults.add(BusFault.NO_ANSWER)
    calm.daemon.set_manual(30, None, None)
    while calm.daemon.fan.confirmed_percent is not None:
        calm.run(0.1)
    assert calm.daemon.health.state == "ok", "not worth a word yet"
    assert run.at(calm, "fan", "set", 70) == 1
    assert run.out.startswith("70 % is set by hand until 'a1d-ctl fan auto', but not in force yet: ")


def test_an_old_case_confirms_nothing_and_is_not_waited_for(run: Ctl, make_rig: Callable[..., VirtualRig]) -> None:
    rig = make_rig(Config(case=CaseConfig(protocol="legacy")), legacy=True)
    rig.run(20)
    started_s = rig.clock.now_s
    assert run.at(rig, "fan", "set", 20) == 0
    assert (run.out, rig.clock.now_s) == ("the fan is held at 20 % until 'a1d-ctl fan auto'\n", started_s)


def test_the_curve_is_drawn_with_its_points_or_listed(
    run: Ctl, calm: VirtualRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LANG", "C.UTF-8")
    monkeypatch.delenv("LC_ALL", raising=False)
    assert run.at(calm, "curve") == 0
    assert run.out.startswith("cpu: 50 C 10 %, 60 C 40 %, 70 C 100 %; 100 % from 80 C on\n100 ")
    assert (
        run.out.endswith("\u25cf now 45.0 C: the curve asks for 0 %, the fan is to run at 0 %\n")
        and "\u2588" in run.out
    )
    assert all(len(line) < 80 for line in run.out.splitlines())
    monkeypatch.setattr(output, "columns", lambda _out: 39)
    assert run.at(calm, "curve") == 0
    assert run.out.startswith("cpu: 50 C 10 %, 60 C 40 %, 70 C 100 %;\n  100 % from 80 C on\n100 ")
    assert run.out.endswith("now 45.0 C: the curve asks for 0 %,\n    the fan is to run at 0 %\n")
    assert all(len(line) < 40 for line in run.out.splitlines())
    monkeypatch.setenv("LC_ALL", "C")
    assert run.at(calm, "curve") == 0
    assert run.out.isascii() and "###" in run.out and "O now" in run.out
    assert run.at(calm, "curve", "--json") == 0
    [curve] = json.loads(run.out)
    told = {"sensor", "critical_celsius", "target_celsius", "hysteresis_celsius", "duty_min_percent", "points"}
    told |= {"duties_percent"}
    assert set(curve) == told


def test_a_target_is_drawn_instead_of_a_curve(run: Ctl, make_rig: Callable[..., VirtualRig], tmp_path: Path) -> None:
    own = SensorConfig("disk", zone="none", curve=((52.5, 35.0),))
    fan = FanConfig(mode="target", target_celsius=55.0)
    rig = make_rig(Config(fan=fan, sensors=(SensorConfig("cpu", zone="cpu-thermal"), own)))
    rig.run(2)
    assert run.at(rig, "curve") == 0
    cpu, _, disk = run.out.partition("disk: ")
    assert cpu.startswith("cpu: held at 55 C, whatever duty that takes; 100 % from 80 C on\n")
    assert "the curve asks" not in cpu and "\u25cf now 45.0 C: the fan is to run at" in cpu
    lines = [line for line in cpu.splitlines() if "\u2502" in line]
    assert len(lines) >= 10 and len({line.index("\u2502") for line in lines}) == 1, "an upright line"
    assert disk.startswith("52.5 C 35 %;"), "this one has a curve of its own"
    assert run.at(rig, "curve", "--svg", str(tmp_path / "curve.svg")) == 0
    picture = (tmp_path / "curve.svg").read_text()
    assert "held, 55 C" in picture and picture.count("rising") == 1


def test_every_curve_is_drawn_from_its_points_not_from_every_fifth_degree(
    run: Ctl, make_rig: Callable[..., VirtualRig]
) -> None:
    sensors = (SensorConfig("cpu", zone="cpu-thermal"), SensorConfig("disk", zone="none", curve=((52.5, 35.0),)))
    rig = make_rig(Config(sensors=sensors))
    rig.run(20)
    assert run.at(rig, "curve") == 0
    assert "disk: 52.5 C 35 %; 100 % from 80 C on" in run.out
    assert run.out.count("100 % from") == 2 and "the fan's duty is not known" not in run.out.partition("disk")[0]


def test_a_picture_is_written_or_it_is_said_why_not(run: Ctl, calm: VirtualRig, tmp_path: Path) -> None:
    picture = tmp_path / "curve.svg"
    assert run.at(calm, "curve", "--svg", picture) == 0
    assert run.out == f"{picture} is written.\n"
    assert picture.read_text().startswith("<svg ")
    picture.write_text("mine")
    assert run.at(calm, "curve", "--svg", picture) == 1
    assert run.err == f"a1d-ctl: {picture} exists already; name another file: a1d-ctl curve --svg FILE\n"
    assert picture.read_text() == "mine"
    assert run.at(calm, "curve", "--svg", "-") == 0
    assert run.out.startswith("<svg ") and not Path("-").exists()
    assert run.at(calm, "curve", "--svg", tmp_path / "none" / "curve.svg") == 1
    assert "cannot be written (No such file" in run.err and run.out == ""


def test_config_prints_what_the_daemon_is_using(run: Ctl, make_rig: Callable[..., VirtualRig]) -> None:
    config = parse_config("fan: {hold: 77s}\nsensors: [{zone: cpu-thermal, name: Küche, offset_celsius: -3}]")
    rig = make_rig(config)
    rig.run(2)
    assert run.at(rig, "config") == 0
    assert parse_config(run.out) == config
    assert "hold: 1m17s" in run.out


def test_a_reload_says_what_is_wrong_with_the_file(run: Ctl, make_rig: Callable[..., VirtualRig]) -> None:
    text = ["interval: 1s"]
    rig = make_rig(lambda: parse_config(text[0], "/etc/a1d/config.yaml"))
    rig.run(20)
    assert run.at(rig, "reload") == 0
    assert run.out
    text[0] = "intervall: 1\nfan: {hold: soon}\n"
    assert run.at(rig, "reload") == 1
    assert run.out == ""
    assert "did you mean 'interval'" in run.err and "fan.hold" in run.err


def test_version_names_both(run: Ctl, calm: VirtualRig) -> None:
    assert run.at(calm, "version") == 0
    assert run.out.split() == ["a1d-ctl", __version__, "a1d", __version__]


def test_the_simulated_case_can_be_played_with(run: Ctl, calm: VirtualRig) -> None:
    assert run.at(calm, "sim", "press", "double") == 0
    assert run.at(calm, "sim", "load", "12.5") == 0
    assert run.at(calm, "sim", "fault", "sensor-dead") == 0
    calm.run(1)
    assert run.at(calm, "sim", "show") == 0
    case = json.loads(run.out)
    assert (case["powered"], case["watts"], case["faults"]) == (["reboot"], 12.5, ["sensor-dead"])
    assert run.at(calm, "sim", "fault", "sensor-dead", "off") == 0
    assert run.at(calm, "sim", "load", "auto") == 0
    assert calm.case.load_watts is None and not calm.case.sensor_faults
    assert run.at(calm, "sim", "fault", "nonsense") == 1
    assert "sensor-dead" in run.err and "reset-mcu" in run.err
    assert run.at(calm, "sim", "load", "20.5") == 2
    assert "found '20.5', expected 0 to 20 watts, or auto" in run.err
    assert run.at(calm, "sim", "press", "hold") == 0
    calm.run(10)
    assert not calm.case.mcu.power_on
    assert run.at(calm, "sim", "power-on") == 0
    assert calm.case.mcu.power_on


def test_playing_with_the_simulated_case_says_what_is_now_so(run: Ctl, calm: VirtualRig) -> None:
    for words, said in [
        (
            "press double",
            "the button was pressed twice: 'a1d-ctl status' counts it. Nothing reboots; a command of your own does run",
        ),
        ("load 12.5", "the chip gets 12.5 W of heat, until 'a1d-ctl sim load auto'"),
        ("load auto", f"the chip gets much and little heat in turns, {LOAD_WATTS:g} W just now"),
        ("fault no-answer on", "the fault no-answer is on; 'a1d-ctl sim fault no-answer off' ends it"),
        (
            "fault fan-stuck",
            "the fault fan-stuck is on, beside no-answer; 'a1d-ctl sim fault fan-stuck off' ends it",
        ),
        ("fault no-answer off", "the fault no-answer is off; still on: fan-stuck"),
        ("fault fan-stuck off", "no fault is on"),
        ("fault reset-mcu", "the case's controller was reset"),
        ("fault reset-mcu off", "a reset is over at once"),
        (
            "press hold",
            "the button was held: the simulated case cuts its power in some seconds, until 'a1d-ctl sim power-on'",
        ),
        ("power-on", "the simulated case is switched on"),
    ]:
        assert run.at(calm, "sim", *words.split()) == 0
        assert run.out == f"{said}\n"


def test_a_real_case_has_nothing_to_play_with(
    run: Ctl, make_rig: Callable[..., VirtualRig], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SimulatedCase, "interfaces", lambda _case: [])
    assert run.at(make_rig(), "sim", "show") == 1
    assert "a1d --simulate" in run.err


@pytest.mark.parametrize(
    "words",
    [
        ["dance"],
        ["fan"],
        ["fan", "set"],
        ["fan", "set", "101"],
        ["fan", "set", "-1"],
        ["fan", "set", "60.5"],
        ["fan", "set", "fast"],
        ["fan", "set", ""],
        ["fan", "set", "\u0665"],
        ["fan", "set", "1e2"],
        ["fan", "set", "60", "--for"],
        ["fan", "set", "60", "--for", "soon"],
        ["fan", "set", "60", "--for", "-5"],
        ["fan", "set", "60", "--until", "19.9"],
        ["fan", "set", "60", "--until", "100.1C"],
        ["fan", "set", "60", "--until", "nan"],
        ["fan", "set", "60", "--until", "45F"],
        ["fan", "off", "50"],
        ["fan", "auto", "--for", "5m"],
        ["status", "--yaml"],
        ["sim", "press", "triple"],
        ["fan", "auto", "--json"],
        ["--json", "fan", "auto"],
        ["sim", "fault", "no-bus", "maybe"],
        ["sim", "load", "hot"],
        ["sim", "load", "nan"],
        ["sim", "load", "inf"],
    ],
)
def test_wrong_usage_is_2_and_says_what_is_right(run: Ctl, calm: VirtualRig, words: list[str]) -> None:
    assert run.at(calm, *words) == 2
    assert run.out == ""
    assert run.err.startswith("usage: a1d-ctl")


def test_what_goes_before_a_command_goes_after_it(run: Ctl, calm: VirtualRig) -> None:
    path = calm.run_dir / "control.sock"
    for words in (["--json"], ["--json", "status"], ["status", "--json"]):
        assert run.at(calm, *words) == 0
        assert json.loads(run.out)["mode"] == "automatic"
    assert run("status", "--socket", path.with_name("none")) == 3
    assert "none" in run.err
    assert run.at(calm, "fan", "off", "--until", "44C") == 0
    assert run.out == "the fan is held at 0 % until 44 C\n"
    assert run("--socket", path.with_name("none"), "fan", "auto", "--socket", path.with_name("other")) == 3
    assert "other" in run.err


def test_the_faults_are_listed(run: Ctl, calm: VirtualRig) -> None:
    assert run("sim", "fault", "--help") == 0
    assert "sensor-raving" in run.out
    run.at(calm, "sim", "fault", "no-bus")
    assert run.at(calm, "sim", "fault") == 0
    assert run.out == f"the faults: {', '.join(FAULTS)}; on: no-bus\n"


def test_what_is_shown_of_the_case_has_no_more_digits_than_a_sensor(run: Ctl, calm: VirtualRig) -> None:
    calm.case.fixed_celsius = 51.27642830505961
    assert run.at(calm, "sim", "show") == 0
    assert json.loads(run.out)["chip_celsius"] == 51.3


def test_help_is_fine(run: Ctl) -> None:
    assert run("--help") == 0
    assert "Exit codes" in run.out and "A1D_SOCKET" in run.out


def test_its_own_version_needs_no_daemon(run: Ctl) -> None:
    assert run("--version") == 0
    assert run.out == f"a1d-ctl {__version__}\n"


def test_without_a_command_it_is_status(run: Ctl, calm: VirtualRig, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run.at(calm, "status") == 0
    status = run.out
    assert run.at(calm) == 0
    assert run.out == status
    monkeypatch.setenv("A1D_SOCKET", "/nowhere/a1d")
    for words in ([], ["status"]):
        assert run(*words) == 3
        assert "/nowhere/a1d" in run.err


# -- no daemon, or something else in its place ---------------------------------------------------------

COMMANDS = [
    "status",
    "status --json",
    "watch",
    "fan set 60",
    "fan off",
    "fan auto",
    "profile",
    "curve",
    "reload",
    "version",
]


@pytest.mark.parametrize("words", COMMANDS)
def test_without_a_daemon_every_command_says_how_to_start_one(run: Ctl, tmp_path: Path, words: str) -> None:
    path = tmp_path / "none"
    assert run("--socket", path, *words.split()) == 3
    assert str(path) in run.err
    assert "systemctl start a1d" in run.err and "a1d --simulate" in run.err
    assert run.out == ("" if words != "version" else f"a1d-ctl {__version__}\n")


def test_the_socket_is_that_of_the_service_else_the_simulation_else_the_variable(
    run: Ctl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service, simulation = tmp_path / "service", tmp_path / "a1d"
    monkeypatch.setattr(varlink, "RUN_DIR", str(service))
    monkeypatch.setattr(varlink, "simulation_run_dir", lambda: str(simulation))
    assert run("status") == 3
    assert str(service) in run.err
    simulation.mkdir()
    (simulation / "control.sock").touch()
    assert run("status") == 3
    assert str(simulation) in run.err
    service.mkdir()
    (service / "control.sock").touch()
    assert run("status") == 3
    assert str(service) in run.err
    monkeypatch.setenv("A1D_SOCKET", str(tmp_path / "chosen"))
    assert run("status") == 3
    assert str(tmp_path / "chosen") in run.err


def test_a_socket_that_is_none_is_no_daemon(run: Ctl, tmp_path: Path) -> None:
    assert run("--socket", tmp_path, "status") == 3
    assert str(tmp_path) in run.err


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        ("status", b""),
        ("status", b"hello\0"),
        ("status", reply({})),
        ("status", reply({"status": {}})),
        ("status", reply({"status": GOOD | {"duty_percent": 1e13}})),
        ("status", reply({"status": GOOD | {"reason": None}})),
        ("status --json", reply({"status": GOOD | {"duty_percent": "40"}})),
        ("status --json", reply({"status": GOOD | {"more": 0}}).replace(b": 0}", b": 1e999}")),
        ("curve", reply({"curves": [GOOD_CURVE | {"duties_percent": [1e13]}]})),
        ("curve", reply({"curves": [GOOD_CURVE | {"critical_celsius": None}]})),
        ("version", reply({"status": None})),
        ("fan set 60", reply({"duty_percent": 1e13})),
        ("sim show", reply({"watts": 0}).replace(b"0", b"1e999")),
        ("watch", b"hello\0"),
        ("watch", reply({}, continues=True)),
        ("watch", reply({"status": GOOD})),
    ],
    ids=lambda value: repr(value)[-40:],
)
def test_an_answer_that_makes_no_sense_is_a_sentence(run: Ctl, tmp_path: Path, words: str, answer: bytes) -> None:
    with listening(tmp_path / "s", answer) as listener:
        assert run("--socket", listener.path, *words.split()) == 3
    assert re.fullmatch(r"a1d-ctl: .*\n", run.err)


@pytest.mark.parametrize("depth", [100, 900, 990, 5000, 100_000])
@pytest.mark.parametrize("words", ["sim show", "status", "reload"])
def test_a_deep_answer_gives_no_traceback(run: Ctl, tmp_path: Path, words: str, depth: int) -> None:
    answer = b'{"parameters":{"status":' + b"[" * depth + b"]" * depth + b"}}\0"
    with listening(tmp_path / "s", answer) as listener:
        assert run("--socket", listener.path, *words.split()) in (0, 3)


def test_json_is_ascii_without_control_characters(run: Ctl, tmp_path: Path) -> None:
    status = GOOD | {"reason": "\x1b\x7f\x9b\u2103\U0001f600\ud800"}
    with listening(tmp_path / "s", reply({"status": status})) as listener:
        assert run("--socket", listener.path, "status", "--json") == 0
    assert run.out.isascii() and run.out.removesuffix("\n").isprintable()
    assert json.loads(run.out) == status


def test_a_version_is_printable(run: Ctl, tmp_path: Path) -> None:
    with listening(tmp_path / "s", reply({"status": GOOD | {"version": "1\x1b[2J"}})) as listener:
        assert run("--socket", listener.path, "version") == 0
    assert run.out == f"a1d-ctl {__version__}\na1d     1\\x1b[2J\n"


def test_a_refusal_is_said_in_the_daemons_words(run: Ctl, tmp_path: Path) -> None:
    answer = reply({"reasons": ["one\x1b[2J", "two"]}, error="org.example.Odd")
    with listening(tmp_path / "s", answer) as listener:
        assert run("--socket", listener.path, "reload") == 1
    assert run.err == "a1d-ctl: one\\x1b[2J\ntwo\n"


@pytest.mark.parametrize("words", ["status", "watch", "reload"])
def test_a_daemon_that_does_not_answer_is_given_up(
    run: Ctl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    monkeypatch.setattr(ctl, "replies", partial(varlink.replies, wait_max_s=0.1))
    for name in ("WAIT_MAX_S", "_RELOAD_MAX_S"):
        monkeypatch.setattr(ctl, name, 0.1)
    with listening(tmp_path / "s", lambda _request: slowly([b" "] * 50, 0.01)) as listener:
        assert run("--socket", listener.path, words) == 3
    assert "does not answer" in run.err


@pytest.fixture(scope="module")
def liar(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Listener]:
    with listening(tmp_path_factory.mktemp("liar") / "s", b"") as listener:
        yield listener


REPLIES = (
    st.builds(lambda status: {"status": status}, tampered(GOOD) | JSON)
    | st.builds(lambda curve: {"curves": [curve]}, tampered(GOOD_CURVE) | JSON)
    | st.builds(lambda duty: {"duty_percent": duty}, JSON)
    | st.builds(lambda reasons: {"reasons": reasons}, JSON | st.lists(st.text()))
    | JSON
)
ERRORS = st.none() | st.sampled_from(["org.varlink.service.PermissionDenied", "org.a1d.control.Failed"]) | JSON
QUESTIONS = [*COMMANDS, "curve --json", "watch --json", "sim show", "sim load 5"]


@settings(max_examples=300)
@given(words=st.sampled_from(QUESTIONS), parameters=REPLIES, error=ERRORS, encoding=st.sampled_from(["ascii", "utf-8"]))
def test_whatever_a_liar_answers_is_printed_harmlessly(
    liar: Listener, words: str, parameters: object, error: object, encoding: str
) -> None:
    message = {"parameters": parameters, "continues": words.startswith("watch")}
    liar.answer = lambda _request: [
        json.dumps(message | ({"error": error} if error is not None else {})).encode() + b"\0"
    ]
    out = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    err = io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors="backslashreplace")
    begin_s = time.monotonic()
    with (
        mock.patch.object(sys, "argv", ["a1d-ctl", "--socket", liar.path, *words.split()]),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        mock.patch.object(time, "sleep", side_effect=KeyboardInterrupt),  # watch waits for a daemon that was there
    ):
        assert ctl.main() in (0, 1, 3, 130)
    assert time.monotonic() - begin_s < 5
    for stream in (out, err):
        stream.flush()
        printed = stream.buffer.getvalue().decode(encoding)
        assert printed.replace("\n", "").isprintable()
        assert "Traceback" not in printed
        if stream is out and "--json" in words and printed:
            json.loads(printed, parse_constant=pytest.fail)


def test_it_loads_nothing_that_it_does_not_need(tmp_path: Path) -> None:
    code = (
        "import sys; from a1d.client.main import main\n"
        f"sys.argv = ['a1d-ctl', '--socket', {str(tmp_path / 'none')!r}, 'status']\n"
        "assert main() == 3; print(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", code], check=True, env=ENV | {"PYTHONPATH": ROOT}, capture_output=True, text=True
    )
    loaded = done.stdout.split()
    assert "a1d.client.words" in loaded
    too_much = ("a1d.config.", "a1d.service", "a1d.sim", "dataclasses", "shutil", "typing", "yaml")
    assert [name for name in loaded if name.startswith(too_much)] == ["a1d.config.limits"]


# -- for real --------------------------------------------------------------------------------------


def finished(command: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, check=False, env=ENV, stderr=subprocess.PIPE, text=True, timeout=10, **options)


class RealDaemon:
    """``a1d --simulate`` as a process, in a directory that every user can reach."""

    def __init__(self, *options: str) -> None:
        self.directory = tempfile.mkdtemp(prefix="a1d-test-")
        os.chmod(self.directory, 0o755)
        self.path = os.path.join(self.directory, "run", "control.sock")
        command = [sys.executable, "-m", "a1d", "--simulate", "--run-dir", os.path.dirname(self.path), *options]
        env = {**ENV, "TMPDIR": self.directory}  # what a killed daemon leaves behind goes with it
        self.process = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            self._await()
        except BaseException:
            self.close()
            raise

    def _await(self) -> None:
        for _ in range(1000):
            assert self.process.poll() is None, "the daemon has ended"
            with contextlib.suppress(NoDaemonError):
                varlink.call(self.path, "org.a1d.control.GetStatus")
                return
            time.sleep(0.01)
        raise AssertionError("the daemon does not come up")

    def ctl(self, *words: str, code: str = "") -> subprocess.CompletedProcess[str]:
        return finished(self.command(*words, code=code), stdout=subprocess.PIPE)

    def command(self, *words: str, code: str = "") -> list[str]:
        program = [sys.executable, "-c", code] if code else CTL
        return [*program, "--socket", self.path, *words]

    def close(self) -> int:
        if self.process.poll() is None:
            self.process.terminate()
        try:
            return self.process.wait(10)
        finally:
            self.process.kill()
            self.process.wait()
            shutil.rmtree(self.directory)


@pytest.fixture(scope="module")
def daemon() -> Iterator[RealDaemon]:
    daemon = RealDaemon()
    yield daemon
    assert daemon.close() == 0


@contextlib.contextmanager
def running(command: list[str], **options: Any) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(command, env=ENV, text=True, **options) as process:
        try:
            yield process
        finally:
            process.kill()


def test_the_commands_work_as_processes(daemon: RealDaemon) -> None:
    held = daemon.ctl("fan", "set", "60", "--for", "15m")
    assert (held.returncode, held.stderr) == (0, "")
    assert held.stdout == "the fan is held at 60 % for 15m\n"
    status = daemon.ctl("status", "--json")
    assert (status.returncode, status.stderr) == (0, "")
    assert json.loads(status.stdout)["manual_percent"] == 60
    assert daemon.ctl("fan", "auto").returncode == 0
    assert daemon.ctl("fan", "set", "101").returncode == 2


def test_the_reference_library_talks_to_the_daemon(daemon: RealDaemon) -> None:
    with reference.Client(f"unix:{daemon.path}") as client, client.open("org.a1d.control") as control:
        assert set(client.get_interfaces()) == {"org.varlink.service", "org.a1d.control", "org.a1d.simulation"}
        assert control.SetFan(0, None) == {"duty_percent": 0}
        control.ResumeAutomatic()
        assert control.GetStatus()["status"]["version"] == __version__
        assert next(control.Monitor(_more=True))["status"]["simulated"] is True


@pytest.fixture(scope="module")
def watchers(daemon: RealDaemon) -> Iterator[dict[str, subprocess.Popen[str]]]:
    """Started together, because each waits a second for its first line."""
    ours, theirs = os.openpty()
    with (
        os.fdopen(theirs) as terminal,
        running(daemon.command("watch"), stdout=terminal) as live,
        running(daemon.command("watch"), stdout=subprocess.PIPE) as pipe,
        running(
            daemon.command("watch", "--json", code=INTERRUPTIBLE), stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as lines,
    ):
        live.stdout = os.fdopen(ours, newline="")
        yield {"pipe": pipe, "json": lines, "terminal": live}


def test_watch_into_a_pipe_is_a_plain_line_a_second(watchers: dict[str, subprocess.Popen[str]]) -> None:
    out = watchers["pipe"].stdout
    assert out
    for line in (out.readline(), out.readline()):
        assert re.match(r"\d\d:\d\d:\d\d \d+\.\d C \(cpu\)  fan \d+ %( \(case 50 %\))?  automatic  ok  \S", line)
        assert "\x1b" not in line and "\r" not in line


def test_watch_json_is_a_status_a_line_and_ends_quietly_when_interrupted(
    watchers: dict[str, subprocess.Popen[str]],
) -> None:
    watch = watchers["json"]
    assert watch.stdout and watch.stderr
    assert list(json.loads(watch.stdout.readline())) == STATUS_KEYS
    watch.send_signal(signal.SIGINT)
    assert watch.wait(5) == 130
    assert watch.stderr.read() == ""


def test_watch_on_a_terminal_rewrites_one_line(watchers: dict[str, subprocess.Popen[str]]) -> None:
    out = watchers["terminal"].stdout
    assert out
    text = ""
    while text.count("\r\x1b[K") < 2:
        text += out.read(1)
    assert text.startswith("\r\x1b[K") and "\n" not in text


def test_a_terminal_gets_colours_unless_it_does_not_want_them(daemon: RealDaemon) -> None:
    def on_a_terminal(*words: str, **environment: str) -> str:
        ours, theirs = os.openpty()
        with os.fdopen(ours, "rb", buffering=0) as screen, os.fdopen(theirs) as terminal:
            environment = {**ENV, "TERM": "xterm", **environment}
            subprocess.run(daemon.command(*words), check=False, env=environment, stdout=terminal, timeout=10)
            return screen.read(4096).decode()

    assert "\x1b[32mok\x1b[0m" in on_a_terminal("status")
    assert "\x1b[32mok\x1b[0m" in on_a_terminal("status", NO_COLOR=""), "an empty one says nothing"
    assert "\x1b" not in on_a_terminal("status", NO_COLOR="1")
    assert "\x1b" not in on_a_terminal("status", TERM="dumb")
    assert "\x1b" not in on_a_terminal("status", "--json")


@pytest.mark.parametrize("words", ["status", "status --json", "curve", "version", "watch"])
def test_a_reader_that_has_gone_is_no_failure(daemon: RealDaemon, words: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        ended = finished(daemon.command(*words.split()), stdout=writer)
    finally:
        os.close(writer)
    assert (ended.returncode, ended.stderr) == (0, "")


@pytest.mark.parametrize(
    ("words", "output", "codes"),
    [
        ("status", ">/dev/full", {1}),
        ("status", ">&-", {0, 1}),
        ("watch", ">&-", {0, 1, 124}),
    ],
)
def test_an_output_that_takes_nothing_gives_no_traceback(
    daemon: RealDaemon, words: str, output: str, codes: set[int]
) -> None:
    ended = finished(["sh", "-c", f'timeout 0.5 "$@" {output}', "sh", *daemon.command(words)])
    assert "Traceback" not in ended.stderr and "Exception ignored" not in ended.stderr
    assert ended.returncode in codes
    assert output != ">/dev/full" or ended.stderr == "a1d-ctl: cannot write: No space left on device\n"


def test_a_terminal_that_lacks_a_character_gets_a_replacement(tmp_path: Path) -> None:
    answer = reply({"status": GOOD | {"reason": "45 \u2103 \x1b[2J"}})
    with listening(tmp_path / "s", answer) as listener:
        environment = {**ENV, "PYTHONIOENCODING": "ascii"}
        command = [*CTL, "--socket", listener.path, "status"]
        done = subprocess.run(command, check=False, env=environment, capture_output=True, timeout=10)
    assert (done.returncode, done.stderr) == (0, b"")
    assert rb"because      45 \u2103 \x1b[2J" in done.stdout.splitlines()


@needs_root
def test_a_stranger_reads_but_is_told_how_to_be_allowed_to_steer(daemon: RealDaemon) -> None:
    assert daemon.ctl("status", code=STRANGER).returncode == 0
    for words in ("fan set 60", "fan off", "fan auto", "reload", "sim fault no-bus"):
        ended = daemon.ctl(*words.split(), code=STRANGER)
        assert (ended.returncode, ended.stdout) == (1, "")
        assert "root" in ended.stderr and "group a1d" in ended.stderr and "usermod" in ended.stderr
    assert json.loads(daemon.ctl("status", "--json").stdout)["mode"] == "automatic"


@needs_root
def test_a_socket_out_of_reach_gives_no_advice_to_start_a_daemon(daemon: RealDaemon) -> None:
    os.chmod(daemon.directory, 0o700)
    try:
        ended = daemon.ctl("status", code=STRANGER)
    finally:
        os.chmod(daemon.directory, 0o755)
    assert ended.returncode == 3
    assert "Permission denied" in ended.stderr
    assert "systemctl start" not in ended.stderr


@pytest.mark.usefixtures("many_descriptors")
def test_a_thousand_connections_at_once_do_not_stop_the_daemon(daemon: RealDaemon) -> None:
    def sleeps() -> bool:
        """Most of 0.3 s. By its state: of CPU time a busy one, too, gets little on a busy machine."""
        states = []
        for _ in range(30):
            states.append(Path(f"/proc/{daemon.process.pid}/stat").read_text().rpartition(")")[2].split()[0])
            time.sleep(0.01)
        return states.count("S") > 24

    with contextlib.ExitStack() as stack:
        for _ in range(1000):
            client = stack.enter_context(socket.socket(socket.AF_UNIX))
            client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", 5, 0))
            client.connect(daemon.path)
            with contextlib.suppress(ConnectionError):
                client.send(b'{"method":"org.a1d.control.GetCurves"}\0{"half')
        assert daemon.ctl("status").returncode == 0
        # What they have said takes a moment; one that is busy with silent clients stays so.
        assert any(sleeps() for _ in range(10)), "the daemon is busy with silent clients"


def test_a_daemon_that_was_killed_is_none() -> None:
    daemon = RealDaemon()
    try:
        daemon.process.kill()
        assert daemon.process.wait(5) == -signal.SIGKILL
        dead = daemon.ctl("status")
        assert dead.returncode == 3
        assert "systemctl start a1d" in dead.stderr
    finally:
        daemon.close()
