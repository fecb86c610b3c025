"""What clients may ask of the daemon, in virtual time: every method, every state, every kind of caller."""

from __future__ import annotations

import dataclasses
import json
import os
import re
from collections import deque
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from varlink.client import ClientInterfaceHandler
from varlink.error import VarlinkError

import a1d.service.methods
from a1d.button.pulses import Gesture
from a1d.client.varlink import WAIT_MAX_S
from a1d.config.reader import parse_config
from a1d.config.settings import CaseConfig, Config, FanConfig, SensorConfig
from a1d.service import access, server
from a1d.service.access import steering_gid
from a1d.service.server import UNREAD_MAX
from a1d.service.status import Publisher
from a1d.service.systemd import Notifier
from a1d.service.varlink import Peer
from a1d.sim.case import FanFault, SensorFault, SimulatedCase
from a1d.sim.mcu import BusFault
from a1d.temperature.curve import Curve
from tests.service.test_server import JSON, SERVICE, STRANGER, Wire, check_message, declared_methods, describe, is_open
from tests.virtual import PROMPT_FAN, VirtualRig

CONTROL = "org.a1d.control"
SIMULATION = "org.a1d.simulation"
MakeRig = Callable[..., VirtualRig]

READING = {
    f"{CONTROL}.GetStatus",
    f"{CONTROL}.GetCurves",
    f"{CONTROL}.GetConfig",
    f"{CONTROL}.Monitor",
    f"{SIMULATION}.GetCase",
}
STEERING: dict[str, Any] = {
    f"{CONTROL}.SetFan": {"duty_percent": 70},
    f"{CONTROL}.ResumeAutomatic": {},
    f"{CONTROL}.SetProfile": {"name": "none"},
    f"{CONTROL}.ResumeProfiles": {},
    f"{CONTROL}.Reload": {},
    f"{SIMULATION}.Press": {"gesture": "double_press"},
    f"{SIMULATION}.SetFault": {"fault": "no-answer", "on": True},
    f"{SIMULATION}.SetLoad": {"watts": 20},
    f"{SIMULATION}.PowerOn": {},
}


class Caller(Wire):
    """Talks to the rig's daemon; each call takes no virtual time."""

    def __init__(self, rig: VirtualRig) -> None:
        self._rig = rig
        self._waiting: deque[Any] = deque()
        super().__init__(str(rig.run_dir / "control.sock"))
        rig.daemon.loop.run_once()

    def listen(self, turns_max: int = 50) -> Any:
        """The next message."""
        for _ in range(turns_max):
            self._waiting.extend(self.read())
            if self._waiting:
                return self._waiting.popleft()
            assert not self.closed, "the daemon closed the connection"
            self._rig.daemon.loop.run_once()
        raise AssertionError("no answer")

    def message(self, method: str, parameters: object = None) -> Any:
        self.call(method, parameters)
        return self.listen()

    def ask(self, method: str, **parameters: object) -> Any:
        """The reply's parameters; ``method`` is one of org.a1d.control's or a full name."""
        message = self.message(method if "." in method else f"{CONTROL}.{method}", parameters)
        assert "error" not in message, message
        return message["parameters"]

    def refusal(self, method: str, **parameters: object) -> Any:
        """The error's short name and its parameters."""
        message = self.message(method if "." in method else f"{CONTROL}.{method}", parameters)
        return message["error"].rpartition(".")[2], message["parameters"]

    def status(self) -> Any:
        return self.ask("GetStatus")["status"]


class ReferenceClient(ClientInterfaceHandler):  # type: ignore[misc]
    """The reference library's client over a Caller: its own encoding, decoding and checks."""

    def __init__(self, interface: Any, caller: Caller) -> None:
        super().__init__(interface)
        self._caller = caller

    def _send_message(self, out: bytes) -> None:
        self._caller.send(out + b"\0")

    def _next_message(self) -> Iterator[str]:
        while True:
            yield json.dumps(self._caller.listen())


@pytest.fixture
def call(rig: VirtualRig) -> Iterator[Caller]:
    """A caller to ``rig`` when its fan has come to rest."""
    rig.run(20)
    caller = Caller(rig)
    yield caller
    caller.sock.close()


@pytest.fixture
def make_caller() -> Iterator[Callable[[VirtualRig], Caller]]:
    callers: list[Caller] = []

    def make(rig: VirtualRig) -> Caller:
        callers.append(Caller(rig))
        return callers[-1]

    yield make
    for caller in callers:
        caller.sock.close()


MakeCaller = Callable[[VirtualRig], Caller]


# -- the descriptions and the replies ------------------------------------------------------------------


def test_every_declared_method_is_there_and_no_other(rig: VirtualRig, call: Caller) -> None:
    interfaces = describe(call.message)
    assert {SERVICE, CONTROL, SIMULATION} == set(interfaces)
    assert rig.daemon.server is not None
    served = [rig.daemon.server._service.interfaces[CONTROL], *rig.case.interfaces()]
    for interface in served:
        assert set(interface.methods) == set(declared_methods(interfaces[interface.name]))
    methods = {f"{interface.name}.{name}" for interface in served for name in interface.methods}
    assert methods == READING | set(STEERING)


def test_the_shipped_files_are_what_introspection_serves(call: Caller) -> None:
    package = Path(a1d.service.methods.__file__).parent
    for name, path in (
        (CONTROL, package / f"{CONTROL}.varlink"),
        (SIMULATION, package.parent / "sim" / f"{SIMULATION}.varlink"),
    ):
        served = call.ask(f"{SERVICE}.GetInterfaceDescription", interface=name)["description"]
        assert served == path.read_text(encoding="utf-8")


def test_the_longest_curves_fit_into_what_may_wait_for_a_slow_reader(
    make_rig: MakeRig, make_caller: MakeCaller
) -> None:
    points = tuple((temp + 0.123, temp * 1.0) for temp in range(32))
    sensors = tuple(SensorConfig(name="\u00e9" * 62 + f"{n:02}", zone="cpu-thermal", curve=points) for n in range(16))
    call = make_caller(make_rig(Config(sensors=sensors)))
    curves = call.ask("GetCurves")["curves"]
    assert [len(curve["points"]) for curve in curves] == [32] * 16
    assert len(json.dumps({"parameters": {"curves": curves}}, separators=(",", ":"))) < UNREAD_MAX


def test_a_real_case_offers_no_simulation(
    make_rig: MakeRig, make_caller: MakeCaller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SimulatedCase, "interfaces", lambda _case: [])
    call = make_caller(make_rig())
    assert set(describe(call.message)) == {SERVICE, CONTROL}
    assert call.refusal(f"{SIMULATION}.GetCase") == ("InterfaceNotFound", {"interface": SIMULATION})


def settled(rig: VirtualRig) -> None:
    rig.run(5)


def starting(rig: VirtualRig) -> None:
    rig.case.bus_faults.add(BusFault.NO_BUS)


def by_hand(rig: VirtualRig) -> None:
    rig.run(5)
    rig.daemon.set_manual(60, None)
    rig.run(2)


def on_lease(rig: VirtualRig) -> None:
    rig.run(5)
    rig.daemon.set_manual(0, 90.5)


def no_bus(rig: VirtualRig) -> None:
    rig.run(5)
    rig.case.bus_faults.add(BusFault.NO_ANSWER)
    rig.run(65)


def no_sensor(rig: VirtualRig) -> None:
    rig.run(5)
    rig.case.sensor_faults.add(SensorFault.DEAD)
    rig.run(5)


def held_button(rig: VirtualRig) -> None:
    rig.run(5)
    rig.case.press(Gesture.HOLD)
    rig.run(1)


NVME = SensorConfig(name="nvme", hwmon="nvme", curve=((55.0, 20.0), (70.0, 100.0)), critical_celsius=75.5)
MISSING = SensorConfig(name="missing", zone="none")
CONFIGS = {
    "default": Config(),
    "nvme": Config(sensors=(SensorConfig(name="cpu", zone="cpu-thermal"), NVME)),
    "missing": Config(sensors=(MISSING, NVME)),
    "legacy": Config(case=CaseConfig(protocol="legacy")),
}


@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize("reach", [settled, starting, by_hand, on_lease, no_bus, no_sensor, held_button])
def test_every_reply_is_of_its_declared_type_in_every_state(
    make_rig: MakeRig, make_caller: MakeCaller, config: str, reach: Callable[[VirtualRig], None]
) -> None:
    rig = make_rig(CONFIGS[config], legacy=config == "legacy")
    reach(rig)
    call = make_caller(rig)
    interfaces = describe(call.message)
    for method in READING - {f"{CONTROL}.Monitor"}:
        check_message(call.message(method), interfaces, method)
    for method, parameters in STEERING.items():
        check_message(call.message(method, parameters), interfaces, method)
    call.call(f"{CONTROL}.Monitor", more=True)
    rig.run(1.5)
    messages = call.read()
    assert len(messages) >= 2
    for message in messages:
        assert message.pop("continues") is True
        check_message(message, interfaces, f"{CONTROL}.Monitor")


@given(
    method=st.sampled_from(sorted((READING | set(STEERING)) - {f"{CONTROL}.Monitor"})),
    parameters=st.dictionaries(
        st.sampled_from(["duty_percent", "for_s", "gesture", "fault", "on", "watts"]) | st.text(max_size=3),
        JSON | st.integers(-1, 101) | st.sampled_from([1e999, -1e999, 1e-320, 10**400, "hold", "no-bus"]),
        max_size=3,
    ),
)
def test_whatever_is_asked_is_answered_as_described(
    rig: VirtualRig, make_caller: MakeCaller, method: str, parameters: dict[str, object]
) -> None:
    rig.run(1)
    call = make_caller(rig)
    interfaces = describe(call.message)
    text = json.dumps({"method": method, "parameters": parameters}).replace("Infinity", "1e999")
    call.send(text.encode() + b"\0")
    check_message(call.listen(), interfaces, method)
    check_message(call.message(f"{CONTROL}.GetStatus"), interfaces, f"{CONTROL}.GetStatus")
    check_message(call.message(f"{SIMULATION}.GetCase"), interfaces, f"{SIMULATION}.GetCase")
    call.sock.close()


def test_the_reference_client_reads_and_steers(rig: VirtualRig, call: Caller) -> None:
    interfaces = describe(call.message)
    control = ReferenceClient(interfaces[CONTROL], call)
    assert control.SetFan(60, 90.0) == {"duty_percent": 60}
    status = control.GetStatus()["status"]
    assert (status["mode"], status["manual_percent"], status["manual_remaining_s"]) == ("manual", 60, 90.0)
    assert control.SetFan(duty_percent=0) == {"duty_percent": 0}
    assert "manual_remaining_s" not in control.GetStatus()["status"]  # null
    control.ResumeAutomatic()
    assert control.GetStatus()["status"]["mode"] == "automatic"
    with pytest.raises(VarlinkError) as refused:
        control.SetFan(101)
    assert refused.value.error() == f"{CONTROL}.InvalidRequest"
    monitor = control.Monitor(_more=True)
    assert next(monitor)["status"]["mode"] == "automatic"


def test_before_the_first_look_nothing_is_claimed(make_rig: MakeRig, make_caller: MakeCaller) -> None:
    rig = make_rig()
    starting(rig)
    call = make_caller(rig)
    status = call.status()
    nulls = ("duty_percent", "duty_confirmed_percent", "manual_percent", "manual_remaining_s", "manual_until_celsius")
    assert [status[name] for name in (*nulls, "temp_celsius")] == [None] * 6
    assert status["firmware_id"] is None
    assert status["reason"] == "starting: the case has not answered yet"
    name, parameters = call.refusal("SetFan", duty_percent=50)
    assert name == "Failed" and "starting" in parameters["reasons"][0]
    call.ask("ResumeAutomatic")
    call.ask("Reload")


def test_status_tells_what_is(make_rig: MakeRig, make_caller: MakeCaller) -> None:
    rig = make_rig(dataclasses.replace(CONFIGS["nvme"], fan=PROMPT_FAN))
    rig.case.fixed_celsius = 65.0
    rig.run(9.75)
    rig.case.press(Gesture.DOUBLE_PRESS)
    rig.case.pulse(80)
    rig.daemon.loop.run_once()
    status = make_caller(rig).status()
    assert status["simulated"] is True
    assert status["uptime_s"] == 9.75
    assert status["health"] == {"state": "ok", "problems": [], "ages_s": []}
    assert status["temp_celsius"] == 65.0
    assert status["duty_percent"] == status["duty_confirmed_percent"] == rig.fan_percent == 70
    assert "cpu" in status["reason"]
    cpu, nvme = status["sensors"]
    assert cpu == {"name": "cpu", "temp_celsius": 65.0, "age_s": 0.0, "error": None}, "a press brings the tick"
    assert nvme["name"] == "nvme" and nvme["age_s"] == 0.0
    assert status["button"] == {"watching": True, "double_presses": 1, "holds": 0, "pulses_ignored": 1}
    assert (status["bus_errors"], status["firmware_id"]) == (0, 0xA2)


def test_an_old_case_is_never_asked_for_its_firmware(make_rig: MakeRig, make_caller: MakeCaller) -> None:
    rig = make_rig(Config(case=CaseConfig(protocol="legacy")), legacy=True)
    rig.run(120)
    status = make_caller(rig).status()
    assert (status["health"]["state"], status["firmware_id"]) == ("ok", None)
    assert all(transfer.value is not None for transfer in rig.case.mcu.transfers), "nothing is read"


def test_problems_have_their_name_and_how_long_they_have_lasted(make_rig: MakeRig, make_caller: MakeCaller) -> None:
    rig = make_rig(ConfigFile("intervall: 1"))
    rig.run(10)
    rig.case.sensor_faults.add(SensorFault.DEAD)
    rig.run(30)
    health = make_caller(rig).status()["health"]
    assert [problem.split(":")[0] for problem in health["problems"]] == ["configuration", "sensor cpu"]
    assert health["ages_s"] == pytest.approx([40.0, 28.5], abs=1)


def test_status_ages_a_reading_that_does_not_come(rig: VirtualRig, call: Caller) -> None:
    rig.case.sensor_faults.add(SensorFault.DEAD)
    rig.run(30)
    status = call.status()
    [sensor] = status["sensors"]
    assert status["health"]["state"] == "failsafe"
    assert status["duty_percent"] == 100
    assert 29.5 <= sensor["age_s"] <= 30.5
    assert sensor["temp_celsius"] == 45.0
    assert sensor["error"]


def test_status_of_a_dead_bus_confirms_nothing(rig: VirtualRig, call: Caller) -> None:
    rig.case.bus_faults.add(BusFault.NO_ANSWER)
    rig.run(65)
    status = call.status()
    assert status["health"]["state"] == "degraded"
    assert status["duty_confirmed_percent"] is None
    assert status["bus_errors"] >= 3


# -- setting the fan -------------------------------------------------------------------------------


def test_a_duty_is_held_at_once_and_given_back_at_once(rig: VirtualRig, call: Caller) -> None:
    assert call.ask("SetFan", duty_percent=60) == {"duty_percent": 60, "overridden": None}
    assert call.status()["duty_percent"] == 60
    assert (call.status()["mode"], call.status()["manual_remaining_s"]) == ("manual", None)
    rig.run(1)
    assert rig.fan_percent == 60
    rig.run(500)
    assert rig.fan_percent == 60
    call.ask("ResumeAutomatic")
    assert (call.status()["mode"], call.status()["manual_percent"]) == ("automatic", None)
    rig.run(60)
    assert rig.fan_percent == 0


def test_a_lease_counts_down_and_ends(rig: VirtualRig, call: Caller) -> None:
    call.ask("SetFan", duty_percent=60, for_s=20)
    rig.run(12.5)
    assert call.status()["manual_remaining_s"] == 7.5
    rig.run(8)
    assert call.status()["mode"] == "automatic"
    call.ask("SetFan", duty_percent=60, for_s=20)
    call.ask("SetFan", duty_percent=30)
    rig.run(100)
    assert (call.status()["mode"], rig.fan_percent) == ("manual", 30)


def test_a_lease_waits_for_a_temperature_and_says_which(rig: VirtualRig, call: Caller) -> None:
    call.ask("SetFan", duty_percent=60, until_celsius=40)
    rig.run(500)
    status = call.status()
    assert (status["mode"], status["manual_until_celsius"], status["manual_remaining_s"]) == ("manual", 40, None)
    rig.case.fixed_celsius = 40.0
    rig.run(1)
    status = call.status()
    assert (status["mode"], status["manual_until_celsius"]) == ("automatic", None)


def test_a_temperature_that_it_is_cooler_than_already_holds_nothing_and_says_so(rig: VirtualRig, call: Caller) -> None:
    call.ask("SetFan", duty_percent=30)
    error, parameters = call.refusal("SetFan", duty_percent=60, until_celsius=90)
    assert error == "Failed"
    assert re.fullmatch(r"it is 4[45]\.\d C already, so nothing is held until 90 C", *parameters["reasons"])
    assert (call.status()["mode"], call.status()["manual_percent"]) == ("manual", 30)
    rig.case.sensor_faults.add(SensorFault.DEAD)
    rig.run(5)
    call.ask("SetFan", duty_percent=60, until_celsius=90)  # nobody knows how hot it is: it waits for a reading
    assert call.status()["manual_until_celsius"] == 90


@pytest.mark.parametrize(("asked", "held"), [(0, 0), (1, 10), (9, 10), (10, 10), (100, 100)])
def test_a_duty_at_which_the_fan_stalls_is_raised_but_zero_stays(
    rig: VirtualRig, call: Caller, asked: int, held: int
) -> None:
    assert call.ask("SetFan", duty_percent=asked) == {"duty_percent": held, "overridden": None}
    rig.run(2)
    assert rig.fan_percent == held


@pytest.mark.parametrize(
    ("culprit", "parameters"),
    [
        ("duty_percent", {}),
        ("duty_percent", {"duty_percent": -1}),
        ("duty_percent", {"duty_percent": 101}),
        ("duty_percent", {"duty_percent": 10**4000}),
        ("duty_percent", {"duty_percent": 60.5}),
        ("duty_percent", {"duty_percent": "60"}),
        ("duty_percent", {"duty_percent": True}),
        ("duty_percent", {"duty_percent": None}),
        ("for_s", {"duty_percent": 60, "for_s": 0}),
        ("for_s", {"duty_percent": 60, "for_s": -0.0}),
        ("for_s", {"duty_percent": 60, "for_s": -1}),
        ("for_s", {"duty_percent": 60, "for_s": 7 * 86400 + 1}),
        ("for_s", {"duty_percent": 60, "for_s": 10**4000}),
        ("for_s", {"duty_percent": 60, "for_s": "15m"}),
        ("for_s", {"duty_percent": 60, "for_s": False}),
        ("until_celsius", {"duty_percent": 60, "until_celsius": 19.9}),
        ("until_celsius", {"duty_percent": 60, "until_celsius": 101}),
        ("until_celsius", {"duty_percent": 60, "until_celsius": 10**4000}),
        ("until_celsius", {"duty_percent": 60, "until_celsius": "45C"}),
        ("percent", {"duty_percent": 60, "percent": 60}),
    ],
)
def test_a_wrong_duty_or_time_is_named_and_changes_nothing(
    rig: VirtualRig, call: Caller, culprit: str, parameters: dict[str, Any]
) -> None:
    name, told = call.refusal("SetFan", **parameters)
    assert (name, told["parameter"]) == ("InvalidRequest", culprit)
    assert 10 < len(told["reason"]) < 150
    rig.run(2)
    assert (call.status()["mode"], rig.fan_percent) == ("automatic", 0)


@pytest.mark.parametrize(
    ("culprit", "parameters"),
    [
        ("name", {}),
        ("name", {"name": None}),
        ("name", {"name": 5}),
        ("for_s", {"name": "none", "for_s": 0}),
        ("for_s", {"name": "none", "for_s": 7 * 86400 + 1}),
        ("for_s", {"name": "none", "for_s": "2h"}),
        ("until", {"name": "none", "until": "07:00"}),
    ],
)
def test_a_wrong_profile_or_time_is_named(call: Caller, culprit: str, parameters: dict[str, Any]) -> None:
    name, told = call.refusal("SetProfile", **parameters)
    assert (name, told["parameter"]) == ("InvalidRequest", culprit)
    assert call.status()["profile"] is None


def test_a_profile_that_is_not_there_is_a_failure_of_bounded_length(call: Caller) -> None:
    name, told = call.refusal("SetProfile", name="x" * 9000)
    assert name == "Failed"
    assert "the configuration has no profiles" in told["reasons"][0] and len(told["reasons"][0]) < 150


@pytest.mark.parametrize("held", [0, 60])
def test_a_critical_temperature_beats_the_hand_and_the_status_says_so(rig: VirtualRig, call: Caller, held: int) -> None:
    call.ask("SetFan", duty_percent=held)
    rig.case.fixed_celsius = 80.0
    rig.run(2)
    status = call.status()
    assert status["duty_percent"] == rig.fan_percent == 100
    assert (status["mode"], status["manual_percent"]) == ("manual", held)
    assert "80.0 C" in status["reason"]
    rig.case.fixed_celsius = 45.0
    rig.run(60)
    assert (call.status()["mode"], rig.fan_percent) == ("manual", held)


# -- reload ------------------------------------------------------------------------------------------


class ConfigFile:
    """What the daemon reads; replace ``text`` and reload."""

    def __init__(self, text: str = "") -> None:
        self.text = text

    def __call__(self) -> Config:
        return parse_config(self.text, "config.yaml")


def test_a_reload_takes_the_new_settings_and_keeps_the_hand(make_rig: MakeRig, make_caller: MakeCaller) -> None:
    file = ConfigFile()
    rig = make_rig(file)
    rig.run(5)
    call = make_caller(rig)
    call.ask("SetFan", duty_percent=60, for_s=100, until_celsius=30)
    file.text = "fan: {critical_celsius: 70}\ninterval: 1s\n"
    assert call.ask("Reload") == {}
    assert call.ask("GetCurves")["curves"][0]["critical_celsius"] == 70
    rig.run(50)
    assert (call.status()["manual_percent"], call.status()["manual_until_celsius"]) == (60, 30)
    assert 49 <= call.status()["manual_remaining_s"] <= 50


def test_a_bad_reload_tells_every_problem_and_changes_nothing(make_rig: MakeRig, make_caller: MakeCaller) -> None:
    file = ConfigFile("fan: {critical_celsius: 70}\n")
    rig = make_rig(file)
    rig.run(5)
    call = make_caller(rig)
    file.text = "fan:\n  critical_celsius: 700\n  hold: soon\nintervall: 1\n"
    name, parameters = call.refusal("Reload")
    assert name == "Failed"
    assert [reason.split(":")[1] for reason in parameters["reasons"]] == ["2", "3", "4"]
    assert call.ask("GetCurves")["curves"][0]["critical_celsius"] == 70
    assert call.status()["health"]["state"] == "ok"


@pytest.mark.parametrize("problems", [300, 3500])
def test_a_reload_with_any_number_of_problems_is_answered(
    make_rig: MakeRig, make_caller: MakeCaller, problems: int
) -> None:
    file = ConfigFile()
    rig = make_rig(file)
    rig.run(5)
    call = make_caller(rig)
    file.text = "".join(f"key{index}:\n" for index in range(problems))
    name, parameters = call.refusal("Reload")
    assert (name, len(parameters["reasons"]) > 9) == ("Failed", True)


@pytest.mark.parametrize("problems", [300, 3500])
def test_a_daemon_with_any_bad_file_can_be_asked_and_watched(
    make_rig: MakeRig, make_caller: MakeCaller, problems: int
) -> None:
    rig = make_rig(ConfigFile("".join(f"key{index}:\n" for index in range(problems))))
    rig.run(5)
    call = make_caller(rig)
    assert call.status()["health"]["state"] == "degraded"
    call.call(f"{CONTROL}.Monitor", more=True)
    rig.run(2)
    assert call.read()


# -- the curve -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize("interpolation", ["linear", "step"])
def test_the_curves_are_what_the_fan_follows(
    make_rig: MakeRig, make_caller: MakeCaller, config: str, interpolation: str
) -> None:
    chosen = dataclasses.replace(CONFIGS[config], fan=FanConfig(interpolation=interpolation))
    rig = make_rig(chosen)
    curves = make_caller(rig).ask("GetCurves")["curves"]
    assert [curve["sensor"] for curve in curves] == [sensor.name for sensor in chosen.sensors]
    for curve, sensor in zip(curves, chosen.sensors, strict=True):
        points = sensor.curve or chosen.fan.curve
        assert [(point["temp_celsius"], point["duty_percent"]) for point in curve["points"]] == list(points)
        duties = dict(zip(range(20, 101), curve["duties_percent"], strict=True))
        assert list(duties.values()) == sorted(duties.values())
        assert all(duties[temp] == 100 for temp in duties if temp >= curve["critical_celsius"])
        for temp, duty in points:
            assert duties[round(temp)] == duty


def test_a_target_that_is_held_is_told_where_it_decides(make_rig: MakeRig, make_caller: MakeCaller) -> None:
    cpu = SensorConfig("cpu", zone="cpu-thermal", offset_celsius=2.0)
    own = SensorConfig("nvme", hwmon="nvme", curve=((50.0, 20.0),))
    for mode, targets in (("curve", [None, None]), ("target", [53.0, None])):
        rig = make_rig(Config(fan=FanConfig(mode=mode, target_celsius=55.0), sensors=(cpu, own)))
        curves = make_caller(rig).ask("GetCurves")["curves"]
        assert [curve["target_celsius"] for curve in curves] == targets


def test_the_curve_shown_is_the_duty_given(make_rig: MakeRig, make_caller: MakeCaller) -> None:
    rig = make_rig()
    rig.run(20)
    duties = make_caller(rig).ask("GetCurves")["curves"][0]["duties_percent"]
    for temp_celsius in range(20, 101, 7):
        rig.case.fixed_celsius = temp_celsius
        rig.run(0.6)
        assert rig.duty_percent == duties[temp_celsius - 20]


# -- monitoring ----------------------------------------------------------------------------------------


def heard(rig: VirtualRig, caller: Caller, seconds: float) -> list[tuple[float, Any]]:
    """Each message of ``seconds`` with its time."""
    messages: list[tuple[float, Any]] = []
    rig.run(seconds, lambda: messages.extend((rig.clock.now_s, m["parameters"]["status"]) for m in caller.read()))
    return messages


@pytest.mark.parametrize("interval_s", [0.1, 0.3, 0.5, 1.0, 5.0])
def test_a_monitor_hears_something_before_ctl_gives_up(
    make_rig: MakeRig, make_caller: MakeCaller, interval_s: float
) -> None:
    rig = make_rig(Config(interval_s=interval_s))
    rig.run(10)
    caller = make_caller(rig)
    started_s = rig.clock.now_s
    caller.call(f"{CONTROL}.Monitor", more=True)
    times = [started_s, *(at_s for at_s, _ in heard(rig, caller, 60))]
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert max(gaps) < WAIT_MAX_S / 2
    assert len(times) <= 63, "the start, the answer, and a second's worth 61 times"


def test_a_tick_that_comes_late_does_not_make_the_next_second_longer(rig: VirtualRig) -> None:
    rig.run(10)
    published_s: list[float] = []
    publisher = Publisher(Notifier(0.0))
    publisher.listeners.append(lambda status: published_s.append(status["uptime_s"]))
    for tick in range(100):
        late_s = 0.004 if tick % 3 else 0.0
        publisher.tick(rig.clock.now_s + tick / 2 + late_s, rig.daemon, None)
    gaps_s = [later - earlier for earlier, later in pairwise(published_s)]
    assert len(gaps_s) > 10 and max(gaps_s) < 1.1


def test_a_monitor_hears_of_a_press_before_the_next_tick(rig: VirtualRig, call: Caller) -> None:
    call.call(f"{CONTROL}.Monitor", more=True)
    rig.run(3.2)
    call.read()
    for count in (1, 2, 3):
        rig.case.press(Gesture.DOUBLE_PRESS)
        pressed_s = rig.clock.now_s
        rig.daemon.loop.run_once()
        assert rig.clock.now_s == pressed_s
        [message] = call.read()
        assert message["parameters"]["status"]["button"]["double_presses"] == count


def test_a_reason_that_changes_with_each_tick_is_neither_published_at_once_nor_logged(rig: VirtualRig) -> None:
    rig.run(20)
    rig.log_lines.clear()
    published_s: list[float] = []
    reasons: set[str] = set()
    rig.daemon.publisher.listeners.append(lambda _status: published_s.append(rig.clock.now_s))

    def shake() -> None:
        rig.case.fixed_celsius = 40.0 + rig.clock.now_s % 5
        reasons.add(rig.daemon.status()["reason"])

    rig.run(10, shake)
    assert len(reasons) >= 8 and all("needs no fan" in reason for reason in reasons)
    assert min(later - earlier for earlier, later in pairwise(published_s)) >= 0.999
    assert rig.log_lines == []


def test_a_monitor_hears_of_the_state_and_of_each_change_at_once(rig: VirtualRig, call: Caller) -> None:
    started_s = rig.clock.now_s
    call.call(f"{CONTROL}.Monitor", more=True)
    assert call.listen()["parameters"]["status"]["duty_percent"] == 0
    assert rig.clock.now_s == started_s
    rig.run(3.2)
    call.read()
    other = Caller(rig)
    for duty in (60, 0):
        other.ask("SetFan", duty_percent=duty)
        [message] = call.read()
        assert message["parameters"]["status"]["duty_percent"] == duty
    other.sock.close()
    rig.case.sensor_faults.add(SensorFault.DEAD)
    changed = [(at_s, status) for at_s, status in heard(rig, call, 4) if status["health"]["state"] == "failsafe"]
    untrusted_s = changed[0][0]
    assert untrusted_s - rig.clock.now_s < -2
    assert changed[0][1]["duty_percent"] == 100


def test_monitors_that_do_not_read_cost_no_tick_and_no_neighbour(rig: VirtualRig, make_caller: MakeCaller) -> None:
    lazy = [make_caller(rig) for _ in range(8)]
    keen = make_caller(rig)
    for caller in (*lazy, keen):
        caller.call(f"{CONTROL}.Monitor", more=True)
    assert keen.listen()  # each turn of the loop ends when the fan is due
    times = [at_s for at_s, _ in heard(rig, keen, 600)]
    assert len(times) >= 599
    assert all(map(is_open, lazy))


# -- who may do what -----------------------------------------------------------------------------------

GROUP_ID = 4711
OWN_UID = 1500


@pytest.fixture
def as_peer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Callable[[Peer], None]]:
    """Chooses who is at the other end; the daemon runs as OWN_UID and the group a1d is GROUP_ID."""
    peers = [STRANGER]
    monkeypatch.setattr(server, "peer_of", lambda _sock: peers[0])
    monkeypatch.setattr(os, "geteuid", lambda: OWN_UID)
    groups = tmp_path / "group"
    groups.write_text(f"root:x:0:\na1d-other:x:77:\na1d:x:{GROUP_ID}:somebody\n\xff\xff")
    monkeypatch.setattr(access, "_GROUP_FILE", str(groups))
    steering_gid.cache_clear()

    def choose(peer: Peer) -> None:
        peers[0] = peer

    yield choose
    steering_gid.cache_clear()


def refused(message: Any) -> bool:
    return bool(message.get("error") == f"{SERVICE}.PermissionDenied")


@pytest.mark.parametrize(
    ("peer", "may_steer"),
    [
        (Peer(0, frozenset({0})), True),
        (Peer(OWN_UID, frozenset({OWN_UID})), True),
        (Peer(1000, frozenset({GROUP_ID})), True),
        (Peer(1000, frozenset({1000, 27, GROUP_ID})), True),
        (Peer(1000, frozenset({1000, 27, 0})), False),
        (Peer(GROUP_ID, frozenset({GROUP_ID + 1})), False),
        (Peer(65534, frozenset()), False),
        (Peer(-1, frozenset({-1})), False),
    ],
)
def test_root_the_daemons_user_and_the_group_steer_and_everybody_reads(
    rig: VirtualRig,
    make_caller: MakeCaller,
    as_peer: Callable[[Peer], None],
    peer: Peer,
    may_steer: bool,
) -> None:
    rig.run(5)
    as_peer(peer)
    for method in READING - {f"{CONTROL}.Monitor"}:
        assert "error" not in make_caller(rig).message(method)
    for method, parameters in STEERING.items():
        message = make_caller(rig).message(method, parameters)
        assert refused(message) != may_steer
        assert ("error" in message) != may_steer
    monitor = make_caller(rig)
    monitor.call(f"{CONTROL}.Monitor", more=True)
    rig.run(1.5)
    assert monitor.read()


def test_what_is_refused_has_no_effect_oneway_or_not(
    rig: VirtualRig, make_caller: MakeCaller, as_peer: Callable[[Peer], None]
) -> None:
    rig.run(5)
    as_peer(STRANGER)
    caller = make_caller(rig)
    before = caller.ask(f"{SIMULATION}.GetCase"), rig.daemon.config, len(rig.log_lines)
    for method, parameters in STEERING.items():
        caller.call(method, parameters, oneway=True)
        assert refused(caller.message(method, parameters))
        assert refused(caller.message(method, {"nonsense": 1}))
    assert (caller.ask(f"{SIMULATION}.GetCase"), rig.daemon.config, len(rig.log_lines)) == before
    assert caller.status()["mode"] == "automatic"


SECRET = parse_config(
    "button: {double_press: [/usr/bin/curl, 'http://lamp/?key=s3cret'], hold: poweroff}\n"
    "profiles: {night: {max_percent: 20}}"
)


def test_the_configuration_in_use_is_told_and_reads_back_the_same(make_rig: MakeRig, make_caller: MakeCaller) -> None:
    rig = make_rig(SECRET)
    rig.run(5)
    rig.daemon.set_profile("night")
    rig.run(2)
    assert parse_config(make_caller(rig).ask("GetConfig")["config"]) == SECRET


def test_a_stranger_is_told_the_configuration_but_no_argument_of_a_gesture_s_command(
    make_rig: MakeRig, make_caller: MakeCaller, as_peer: Callable[[Peer], None]
) -> None:
    rig = make_rig(SECRET)
    rig.run(5)
    as_peer(STRANGER)
    text = make_caller(rig).ask("GetConfig")["config"]
    assert "s3cret" not in text
    assert parse_config(text).button.double_press == ("/usr/bin/curl", "...")
    assert parse_config(text).profiles == SECRET.profiles


def test_a_configuration_that_is_too_long_to_be_sent_is_refused_in_words(
    make_rig: MakeRig, make_caller: MakeCaller
) -> None:
    long = parse_config(f"button: {{hold: ['{chr(34) * 16_000}', b]}}")
    reply = make_caller(make_rig(long)).message(f"{CONTROL}.GetConfig")
    assert reply["error"] == f"{CONTROL}.Failed"
    assert "a1d --print-config" in reply["parameters"]["reasons"][0]


@pytest.mark.parametrize("groups", [b"root:x:0:\n", b"", b"a1d:x\n", b"a1d:x:many:\n", b"\0\xff" * 1000])
def test_without_the_group_on_this_machine_only_root_and_the_daemons_user_steer(
    rig: VirtualRig,
    make_caller: MakeCaller,
    as_peer: Callable[[Peer], None],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    groups: bytes,
) -> None:
    rig.run(5)
    monkeypatch.setattr(access, "_GROUP_FILE", str(tmp_path / "group"))
    (tmp_path / "group").write_bytes(groups)
    steering_gid.cache_clear()
    as_peer(Peer(1000, frozenset({GROUP_ID})))
    assert refused(make_caller(rig).message(f"{CONTROL}.SetFan", {"duty_percent": 5}))
    as_peer(Peer(0, frozenset({0})))
    assert make_caller(rig).ask("SetFan", duty_percent=60)


# -- a crowd and the tick ------------------------------------------------------------------------------


def test_greedy_strangers_do_not_delay_a_tick(
    make_rig: MakeRig, make_caller: MakeCaller, as_peer: Callable[[Peer], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sixteen sensors' curves cost 2 ms on a fast machine. Here that is exactly what they cost."""
    rig = make_rig()
    rig.run(5)
    as_peer(STRANGER)
    crowd = [make_caller(rig) for _ in range(16)]
    real = Curve.__init__

    def slow_curve(*args: Any, **options: Any) -> None:
        rig.clock.sleep(0.002)
        real(*args, **options)

    monkeypatch.setattr(Curve, "__init__", slow_curve)
    calls = json.dumps({"method": f"{CONTROL}.GetCurves"}).encode() + b"\0"
    worst_s = 0.0
    for _ in range(5):
        for caller in crowd:
            caller.send(calls * 20)
            caller.read()
        rig.clock.now_s = max(rig.clock.now_s, rig.daemon.loop._next_tick_s - 0.001)
        due_s = rig.daemon.loop._next_tick_s
        rig.daemon.loop.run_once()
        worst_s = max(worst_s, rig.clock.now_s - due_s)
    assert worst_s < 0.1


@pytest.mark.parametrize("obstacle", ["a directory in its place", "a path that is too long"])
def test_without_its_socket_the_daemon_runs_degraded_and_says_why(tmp_path: Path, obstacle: str) -> None:
    where = tmp_path
    if obstacle.startswith("a path"):
        where = tmp_path / ("x" * 120)
        where.mkdir()
    else:
        (tmp_path / "run" / "control.sock").mkdir(parents=True)
    rig = VirtualRig(where)
    rig.case.fixed_celsius = 72.0
    rig.run(5)
    [problem] = rig.daemon.health.problems
    assert rig.fan_percent == 100
    rig.close()
    assert "control.sock" in problem
    assert "Success" not in problem


# -- the simulated case -------------------------------------------------------------------------------


def test_faults_switch_on_and_off_and_are_all_in_the_description(rig: VirtualRig, call: Caller) -> None:
    names = [fault.value for kind in (BusFault, SensorFault, FanFault) for fault in kind]
    for name in names:
        call.ask(f"{SIMULATION}.SetFault", fault=name, on=True)
        call.ask(f"{SIMULATION}.SetFault", fault=name, on=True)
    assert call.ask(f"{SIMULATION}.GetCase")["faults"] == sorted(names)
    for name in names:
        call.ask(f"{SIMULATION}.SetFault", fault=name, on=False)
        call.ask(f"{SIMULATION}.SetFault", fault=name, on=False)
    assert call.ask(f"{SIMULATION}.GetCase")["faults"] == []
    description = call.ask(f"{SERVICE}.GetInterfaceDescription", interface=SIMULATION)["description"]
    told = call.refusal(f"{SIMULATION}.SetFault", fault="x", on=True)[1]["reason"]
    for name in (*names, "reset-mcu"):
        assert name in description and name in told


def test_a_reset_of_the_mcu_is_healed(rig: VirtualRig, call: Caller) -> None:
    call.ask("SetFan", duty_percent=70)
    rig.run(2)
    call.ask(f"{SIMULATION}.SetFault", fault="reset-mcu", on=False)
    assert rig.fan_percent == 70
    call.ask(f"{SIMULATION}.SetFault", fault="reset-mcu", on=True)
    assert rig.fan_percent == 50
    rig.run(61)
    assert rig.fan_percent == 70


@pytest.mark.parametrize(("gesture", "verb"), [("double_press", "reboot"), ("hold", "poweroff")])
def test_a_press_goes_all_the_way_to_the_dry_run(rig: VirtualRig, call: Caller, gesture: str, verb: str) -> None:
    call.ask(f"{SIMULATION}.Press", gesture=gesture)
    rig.run(1)
    case = call.ask(f"{SIMULATION}.GetCase")
    assert case["powered"] == [verb]
    assert (case["power_cut_s"] is None) == (gesture != "hold")
    assert case["forbidden_writes"] == 0


def test_the_load_is_fixed_or_taken_in_turns(rig: VirtualRig, call: Caller) -> None:
    def watts() -> Any:
        return call.ask(f"{SIMULATION}.GetCase")["watts"]

    for load in (0, 20, 7.5):
        call.ask(f"{SIMULATION}.SetLoad", watts=load)
        assert watts() == load
    call.ask(f"{SIMULATION}.SetLoad", watts=None)
    seen = set()
    for _ in range(3):
        rig.run(60)
        seen.add(watts())
    assert len(seen) == 2


@pytest.mark.parametrize(
    ("method", "culprit", "parameters"),
    [
        ("SetLoad", "watts", {"watts": -0.1}),
        ("SetLoad", "watts", {"watts": 20.1}),
        ("SetLoad", "watts", {"watts": "auto"}),
        ("SetLoad", "watts", {"watts": True}),
        ("Press", "gesture", {}),
        ("Press", "gesture", {"gesture": "triple"}),
        ("Press", "gesture", {"gesture": "x" * 9000}),
        ("SetFault", "on", {"fault": "no-bus"}),
        ("SetFault", "on", {"fault": "no-bus", "on": 1}),
        ("SetFault", "fault", {"fault": "\ud800", "on": True}),
        ("GetCase", "x", {"x": 1}),
    ],
)
def test_the_simulation_names_what_is_wrong(
    call: Caller, method: str, culprit: str, parameters: dict[str, object]
) -> None:
    before = call.ask(f"{SIMULATION}.GetCase")
    name, told = call.refusal(f"{SIMULATION}.{method}", **parameters)
    assert (name, told["parameter"]) == ("InvalidRequest", culprit)
    assert len(told["reason"]) < 250
    assert call.ask(f"{SIMULATION}.GetCase") == before
