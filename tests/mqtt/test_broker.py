"""a1d-mqtt between the simulated daemon and a real mosquitto: loss, return, hostility, TLS and passwords."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import paho.mqtt.client as paho
import pytest

from a1d.config.reader import parse_config
from a1d.mqtt.broker import Broker, BrokerError
from a1d.mqtt.settings import MqttConfig
from a1d.mqtt.topics import Topics
from tests.mqtt.broker import DISCOVERY, ROOT, Bridge, Mosquitto, Somebody, closing_bridge, wait_until
from tests.process import SimulatedDaemon

PROFILES = "profiles: {night: {max_percent: 40}}\nfan: {rise: 0s}\n"


@pytest.fixture
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory that mosquitto, who is not root, may read."""
    path = tmp_path_factory.mktemp("mqtt")
    for each in (path, path.parent, path.parent.parent):
        with contextlib.suppress(PermissionError):
            each.chmod(0o755)
    return path


@pytest.fixture
def daemon(here: Path) -> Iterator[SimulatedDaemon]:
    parse_config(PROFILES)
    (here / "config.yaml").write_text(PROFILES)
    found = SimulatedDaemon(here, "--config", str(here / "config.yaml"))
    try:
        found.wait_notified("READY=1")
        yield found
    finally:
        found.close()


@pytest.fixture
def mosquitto(here: Path) -> Iterator[Mosquitto]:
    found = Mosquitto(here)
    found.start()
    yield found
    found.stop()


@pytest.fixture
def somebody(mosquitto: Mosquitto) -> Iterator[Somebody]:
    found = Somebody(mosquitto.port)
    yield found
    found.close()


Begin = Callable[..., Bridge]


@pytest.fixture
def begin(here: Path, daemon: SimulatedDaemon, mosquitto: Mosquitto) -> Iterator[Begin]:
    """Starts an a1d-mqtt that may steer; ended at the end."""
    with contextlib.ExitStack() as stack:

        def begin_one(settings: str = "steering: true\n", **environ: str) -> Bridge:
            bridge = Bridge(here, mosquitto.port, daemon.socket_path, settings, **environ)
            return stack.enter_context(closing_bridge(bridge))

        yield begin_one


def test_home_assistant_finds_it_and_steers_it(begin: Begin, somebody: Somebody, daemon: SimulatedDaemon) -> None:
    bridge = begin()
    somebody.wait(f"{ROOT}/availability", "online")
    assert json.loads(somebody.now[DISCOVERY])["components"]["fan"]["preset_modes"] == ["auto", "night"]
    assert float(somebody.now[f"{ROOT}/temperature/cpu"]) > 20
    somebody.say(f"{ROOT}/fan/percentage/set", "60")
    somebody.wait(f"{ROOT}/fan/percentage", "60")
    somebody.wait(f"{ROOT}/fan/preset", "-")
    assert daemon.status()["manual_percent"] == 60
    before = somebody.count(f"{ROOT}/fan/percentage")
    somebody.say(f"{ROOT}/fan/percentage/set", "60")
    again = f"{ROOT}/fan/percentage"
    wait_until("what is so already is said again", lambda: somebody.count(again) > before)
    somebody.say(f"{ROOT}/fan/state/set", "OFF")
    somebody.wait(f"{ROOT}/fan/state", "OFF")
    assert daemon.status()["manual_percent"] == 0
    somebody.say(f"{ROOT}/fan/preset/set", "night")
    somebody.wait(f"{ROOT}/fan/preset", "night")
    assert daemon.status()["profile"]["name"] == "night"
    assert daemon.status()["mode"] == "automatic"
    somebody.say(f"{ROOT}/fan/preset/set", "auto")
    somebody.wait(f"{ROOT}/fan/preset", "auto")
    assert daemon.status()["profile"] is None
    assert bridge.end() == 0
    somebody.wait(f"{ROOT}/availability", "offline")
    assert "Traceback" not in bridge.log


def test_an_emergency_wins_and_is_seen_at_once(begin: Begin, somebody: Somebody, daemon: SimulatedDaemon) -> None:
    begin()
    somebody.wait(f"{ROOT}/availability", "online")
    somebody.say(f"{ROOT}/fan/state/set", "OFF")
    somebody.wait(f"{ROOT}/fan/state", "OFF")
    daemon.fault("sensor-dead", True)
    somebody.wait(f"{ROOT}/fan/state", "ON")
    somebody.wait(f"{ROOT}/fan/percentage", "100")
    somebody.wait(f"{ROOT}/problem", "ON")
    assert json.loads(somebody.now[f"{ROOT}/problem/attributes"])["health"] == "failsafe"
    somebody.wait(f"{ROOT}/temperature/cpu", "None")
    somebody.say(f"{ROOT}/fan/percentage/set", "20")
    time.sleep(1)
    assert daemon.status()["duty_percent"] == 100
    assert somebody.now[f"{ROOT}/fan/percentage"] == "100"


def test_a_press_is_an_event_that_nobody_hears_later(
    begin: Begin, mosquitto: Mosquitto, somebody: Somebody, daemon: SimulatedDaemon
) -> None:
    begin()
    somebody.wait(f"{ROOT}/availability", "online")
    daemon.call("org.a1d.simulation.Press", gesture="double_press")
    somebody.wait(f"{ROOT}/button", '{"event_type": "double_press"}')
    late = Somebody(mosquitto.port)
    wait_until("it has the state", lambda: f"{ROOT}/duty" in late.now)
    assert f"{ROOT}/button" not in late.now
    late.close()


def test_killed_it_is_unavailable_by_its_last_will(begin: Begin, somebody: Somebody) -> None:
    bridge = begin()
    somebody.wait(f"{ROOT}/availability", "online")
    bridge.process.send_signal(signal.SIGKILL)
    somebody.wait(f"{ROOT}/availability", "offline")


def test_without_the_daemon_it_is_unavailable_and_comes_back(
    begin: Begin, here: Path, somebody: Somebody, daemon: SimulatedDaemon
) -> None:
    bridge = begin()
    somebody.wait(f"{ROOT}/availability", "online")
    daemon.close()
    somebody.wait(f"{ROOT}/availability", "offline")
    somebody.say(f"{ROOT}/fan/percentage/set", "77")
    bridge.wait_said("a command is ignored, and stays so, since the daemon does not answer")
    (here / "notify").unlink()
    again = SimulatedDaemon(here)
    try:
        somebody.wait(f"{ROOT}/availability", "online", 20)
        bridge.wait_said("the daemon answers again")
    finally:
        again.close()


def test_a_broker_that_is_away_is_said_once_and_found_again(
    begin: Begin, mosquitto: Mosquitto, somebody: Somebody, daemon: SimulatedDaemon
) -> None:
    bridge = begin()
    somebody.wait(f"{ROOT}/availability", "online")
    somebody.close()
    mosquitto.stop()
    bridge.wait_said("cannot be reached")
    time.sleep(4)  # it has tried again by now
    assert bridge.log.count("cannot be reached") == 1
    assert daemon.status()["health"]["state"] == "ok"
    mosquitto.start()  # and has forgotten everything
    other = Somebody(mosquitto.port)
    other.wait(f"{ROOT}/availability", "online", 15)
    assert {DISCOVERY, f"{ROOT}/fan/state", f"{ROOT}/temperature/cpu"} <= other.now.keys()
    wait_until("it is said", lambda: bridge.log.count("connected to the broker") == 2)
    other.close()


def test_two_of_one_id_drive_each_other_out_say_so_once_and_slow_down(
    begin: Begin, here: Path, mosquitto: Mosquitto, daemon: SimulatedDaemon
) -> None:
    """As copies of one SD card do."""
    bridge = begin()
    bridge.wait_said("connected to the broker")
    (here / "copy").mkdir()
    with closing_bridge(Bridge(here / "copy", mosquitto.port, daemon.socket_path)) as copy:
        said = "is another a1d-mqtt with the id test connected? Give each an 'id' of its own"
        for each in (bridge, copy):
            each.wait_said(said, 30)
        time.sleep(3)
        for each in (bridge, copy):
            assert each.log.count(said) == 1
            assert each.log.count("has gone away") <= 4, each.log
            assert each.log.count("connected to the broker") <= 3, each.log


@pytest.mark.parametrize("topic", ["homeassistant/status"])
def test_when_home_assistant_starts_it_is_told_everything_again(begin: Begin, somebody: Somebody, topic: str) -> None:
    begin()
    somebody.wait(f"{ROOT}/availability", "online")
    time.sleep(0.5)
    before = {each: somebody.count(each) for each in (DISCOVERY, f"{ROOT}/availability", f"{ROOT}/fan/state")}
    somebody.say(topic, "offline")
    time.sleep(1.5)
    assert {each: somebody.count(each) for each in before} == before
    somebody.say(topic, "online")
    wait_until("all is said again", lambda: all(somebody.count(each) == n + 1 for each, n in before.items()))


def test_a_flood_of_starts_of_home_assistant_is_answered_at_a_bounded_pace(begin: Begin, somebody: Somebody) -> None:
    begin()
    somebody.wait(f"{ROOT}/availability", "online")
    before, began_s = somebody.count(DISCOVERY), time.monotonic()
    while time.monotonic() < began_s + 4:
        somebody.client.publish("homeassistant/status", "online")
        time.sleep(0.005)
    last = somebody.count(DISCOVERY)
    assert last - before <= 1 + (time.monotonic() - began_s) / 5
    somebody.say("homeassistant/status", "online")
    wait_until("the last of them is answered, too", lambda: somebody.count(DISCOVERY) > last)


def test_what_was_set_lasts_while_the_broker_and_home_assistant_are_there(
    begin: Begin, mosquitto: Mosquitto, somebody: Somebody, daemon: SimulatedDaemon
) -> None:
    """By the time that is left: put off every 3 s, and no more once either is gone."""

    def left_s() -> float:
        return float(daemon.status()["manual_remaining_s"] or 0)

    bridge = begin("steering: true\nhand_back: 30s\n")
    somebody.wait(f"{ROOT}/availability", "online")
    somebody.say(f"{ROOT}/fan/percentage/set", "60")
    somebody.wait(f"{ROOT}/fan/percentage", "60")
    wait_until("time passes", lambda: left_s() < 28.5)
    wait_until("it is put off", lambda: left_s() > 29)
    somebody.say("homeassistant/status", "offline")
    wait_until("it is put off no more", lambda: left_s() < 25.5)
    somebody.say("homeassistant/status", "online")
    wait_until("it is put off again", lambda: left_s() > 29)
    mosquitto.stop()
    wait_until("without a broker it is not", lambda: left_s() < 25.5)
    assert daemon.status()["manual_percent"] == 60
    assert bridge.log.count("over MQTT: ") == bridge.log.count("a1d-mqtt: over MQTT: the fan is set to 60 %") == 1


def test_a_retained_command_of_long_ago_does_nothing(
    begin: Begin, mosquitto: Mosquitto, somebody: Somebody, daemon: SimulatedDaemon
) -> None:
    somebody.say(f"{ROOT}/fan/state/set", "OFF", retain=True)
    somebody.say(f"{ROOT}/fan/percentage/set", "1", retain=True)
    bridge = begin()
    bridge.wait_said("a retained command is ignored")
    somebody.wait(f"{ROOT}/availability", "online")
    time.sleep(1)
    assert daemon.status()["mode"] == "automatic"
    mosquitto.stop()
    mosquitto.start()
    time.sleep(3)
    assert daemon.status()["mode"] == "automatic"


def test_a_flood_of_commands_is_as_good_as_its_end(begin: Begin, somebody: Somebody, daemon: SimulatedDaemon) -> None:
    bridge = begin()
    somebody.wait(f"{ROOT}/availability", "online")
    began_s = time.monotonic()
    for index in range(3000):
        somebody.client.publish(f"{ROOT}/fan/percentage/set", str(index % 101))
        somebody.client.publish(f"{ROOT}/fan/percentage/set", b"x" * 2000)
    # mosquitto itself loses some of a flood; what comes after it has to come through.
    time.sleep(2)
    somebody.say(f"{ROOT}/fan/percentage/set", "77")
    somebody.wait(f"{ROOT}/fan/percentage", "77")
    took_s = time.monotonic() - began_s
    assert bridge.log.count("the fan is ") <= took_s / 0.25 + 2
    assert bridge.log.count("makes no sense") == 1
    assert daemon.status()["health"]["state"] == "ok"


def test_read_only_listens_to_no_command(begin: Begin, somebody: Somebody, daemon: SimulatedDaemon) -> None:
    bridge = begin("")
    somebody.wait(f"{ROOT}/availability", "online")
    assert f"a1d-mqtt: connected to the broker at 127.0.0.1:{somebody.port}: {ROOT}, read only\n" == bridge.log
    somebody.say(f"{ROOT}/fan/state/set", "OFF")
    time.sleep(1)
    assert daemon.status()["mode"] == "automatic"
    assert json.loads(somebody.now[DISCOVERY])["components"]["fan"] == {"platform": "fan"}


@pytest.mark.parametrize("runs", [True, False], ids=["the daemon runs", "the daemon is gone"])
def test_forgotten_it_leaves_nothing_on_the_broker(
    begin: Begin, mosquitto: Mosquitto, somebody: Somebody, daemon: SimulatedDaemon, runs: bool
) -> None:
    bridge = begin()
    somebody.wait(f"{ROOT}/availability", "online")
    bridge.end()
    somebody.say(f"{ROOT}/temperature/renamed_long_ago", "50", retain=True)
    somebody.say(f"{ROOT}er/duty", "40", retain=True)  # another machine's
    if not runs:
        daemon.close()
    done = bridge.run("--forget")
    assert (done.returncode, done.stderr) == (0, "")
    assert "10 retained topics are cleared" in done.stdout
    somebody.wait(DISCOVERY, "")
    late = Somebody(mosquitto.port)
    time.sleep(0.5)
    assert [each[0] for each in late.log if each[0].startswith(("a1d/", "homeassistant/"))] == [f"{ROOT}er/duty"]
    late.close()
    done = bridge.run("--forget")
    assert (done.returncode, done.stdout.partition(" on the")[0]) == (0, "nothing of a1d/test was found")


def run_forget(here: Path, port: int) -> subprocess.CompletedProcess[str]:
    """Without credentials."""
    config = here / "forget.yaml"
    config.write_text(f"broker: 127.0.0.1\nport: {port}\nid: test\n")
    command = [sys.executable, "-m", "a1d.mqtt.main", "--config", str(config), "--forget"]
    environ = {name: value for name, value in os.environ.items() if name != "CREDENTIALS_DIRECTORY"}
    return subprocess.run(command, env=environ, capture_output=True, text=True, check=False, timeout=30)


def test_what_cannot_be_cleared_is_not_said_to_be(here: Path) -> None:
    """mosquitto acknowledges what a user may not publish, and drops it."""
    subprocess.run(["mosquitto_passwd", "-b", "-c", here / "passwords", "pi", "secret"], check=True)
    (here / "acl").write_text("topic read #\nuser pi\ntopic readwrite #\n")
    for name in ("passwords", "acl"):
        (here / name).chmod(0o644)
    broker = Mosquitto(here, "allow_anonymous true", f"password_file {here}/passwords", f"acl_file {here}/acl")
    broker.start()
    try:
        somebody = Somebody(broker.port, user="pi", password="secret")
        somebody.say(f"{ROOT}/duty", "40", retain=True)
        done = run_forget(here, broker.port)
        assert (done.returncode, done.stdout) == (1, "")
        assert "still has 1 retained topics, such as a1d/test/duty: stop a1d-mqtt first, and see" in done.stderr
        assert somebody.now[f"{ROOT}/duty"] == "40"
        somebody.close()
    finally:
        broker.stop()


def test_without_a_broker_forgetting_fails_with_a_sentence(begin: Begin, mosquitto: Mosquitto) -> None:
    bridge = begin()
    mosquitto.stop()
    done = bridge.run("--forget")
    assert done.returncode == 1
    assert "cannot be reached" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_broker_that_freezes_does_not_touch_the_daemon_and_gets_the_latest(
    begin: Begin, mosquitto: Mosquitto, somebody: Somebody, daemon: SimulatedDaemon
) -> None:
    bridge = begin()
    somebody.wait(f"{ROOT}/availability", "online")
    mosquitto.freeze(True)
    for duty in (30, 50, 70):
        daemon.call("org.a1d.control.SetFan", duty_percent=duty, for_s=None, until_celsius=None)
        time.sleep(1.2)
    assert daemon.status()["health"]["state"] == "ok"
    mosquitto.freeze(False)
    somebody.wait(f"{ROOT}/fan/percentage", "70")
    assert bridge.process.poll() is None


# As with hypothesis: CI tries the same each time, everybody else something new.
GARBAGE = random.Random(1 if "CI" in os.environ else None)

HOSTILE = {
    "nothing": b"",
    "garbage": GARBAGE.randbytes(4096),
    "no CONNACK but a PUBLISH": b"\x30\xff\xff\xff\x7f" + b"x" * 4096,
    "a short PUBLISH": b"\x20\x02\x00\x00" + b"\x30\x01\x00",
    "a topic that is no text": b"\x20\x02\x00\x00" + b"\x30\x04\x00\x02\xff\xfe" * 100,
    "a packet without an end": b"\x20\x02\x00\x00" + b"\x30\xff\xff\xff\x7f\x00\x01a" + b"x" * 3_000_000,
    "messages that are never released": b"\x20\x02\x00\x00"
    + b"".join(b"\x34\x87\xb5\x18\x00\x03a1d" + number.to_bytes(2, "big") + b"x" * 400_000 for number in range(1, 200)),
    "an odd SUBACK": b"\x20\x02\x00\x00" + b"\x90\x00" + b"\x90\x01\x00",
    "a refusal": b"\x20\x02\x00\x05",
}


SAID = {
    HOSTILE["no CONNACK but a PUBLISH"]: "sends more than anybody asked for",
    HOSTILE["a packet without an end"]: "sends more than anybody asked for",
    HOSTILE["messages that are never released"]: "sends more than anybody asked for",
    HOSTILE["garbage"]: "the broker at",
    HOSTILE["a refusal"]: "refuses: we may not",
}


@pytest.mark.parametrize("answer", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_broker_ends_nothing(here: Path, daemon: SimulatedDaemon, answer: bytes) -> None:
    server = socket.create_server(("127.0.0.1", 0))
    server.settimeout(0.2)
    seen: list[bytes] = []
    ending = threading.Event()

    def serve() -> None:
        while not ending.is_set():
            with contextlib.suppress(OSError):
                client = server.accept()[0]
                client.settimeout(0.5)
                with client, contextlib.suppress(OSError):
                    seen.append(client.recv(65536))
                    client.sendall(answer)
                    client.recv(65536)

    thread = threading.Thread(target=serve)
    thread.start()
    port = server.getsockname()[1]
    try:
        with closing_bridge(Bridge(here, port, daemon.socket_path, "steering: true\n")) as bridge:
            wait_until("it has tried a second time", lambda: len(seen) >= 2, 15)
            assert bridge.process.poll() is None, bridge.log
            assert "Traceback" not in bridge.log
            assert SAID.get(answer, "has gone away") in bridge.log
            memory = Path(f"/proc/{bridge.process.pid}/status").read_text()
            (peak,) = (line for line in memory.splitlines() if line.startswith("VmHWM"))
            assert int(peak.split()[1]) < 64_000, peak
            assert bridge.end() == 0
        assert daemon.status()["health"]["state"] == "ok"
    finally:
        ending.set()
        thread.join(10)
        server.close()


def test_a_packet_that_paho_stumbles_over_is_a_lost_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    server = socket.create_server(("127.0.0.1", 0))
    settings = MqttConfig(broker="127.0.0.1", port=server.getsockname()[1])
    heard: list[str] = []
    topics = Topics("a1d", "homeassistant", "test")
    broker = Broker(settings, topics, "test", lambda topic, *_: heard.append(topic))
    broker.connect()
    assert broker.socket() is not None

    def stumble() -> int:
        raise struct.error("bad char in struct format")

    with monkeypatch.context() as patched:
        patched.setattr(broker._client, "loop_read", stumble)
        with pytest.raises(BrokerError, match="makes no sense"):
            broker.read()
    assert broker.socket() is None, "it will be connected anew"
    # A topic that is no text is nobody's.
    message = paho.MQTTMessage(topic=b"\xff\xfe")
    message.payload = b"x"
    broker._received(None, None, message)
    assert heard == []
    broker.connect()
    broker._client.disconnect()
    server.close()


# -- TLS and passwords -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    openssl = shutil.which("openssl")
    if not openssl:
        pytest.skip("needs openssl")
    place = tmp_path_factory.mktemp("certificates")
    new = [openssl, "req", "-x509", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-days", "2"]

    def make(name: str, *options: str) -> None:
        names = ["-keyout", f"{name}.key", "-out", f"{name}.crt", "-subj", f"/CN={name}"]
        subprocess.run([*new, *names, *options], cwd=place, check=True, capture_output=True)

    make("ca")
    for name, extension in (("broker", "subjectAltName=IP:127.0.0.1"), ("elsewhere", "subjectAltName=DNS:elsewhere")):
        make(name, "-CA", "ca.crt", "-CAkey", "ca.key", "-addext", extension)
    make("client", "-CA", "ca.crt", "-CAkey", "ca.key")
    for path in (place.parent.parent, place.parent, place, *place.iterdir()):
        with contextlib.suppress(PermissionError):
            path.chmod(0o755)
    return place


def encrypted(certificates: Path, name: str = "broker", *more: str) -> list[str]:
    at = f"{certificates}/"
    return ["allow_anonymous true", f"cafile {at}ca.crt", f"certfile {at}{name}.crt", f"keyfile {at}{name}.key", *more]


def test_user_and_password_come_from_credentials(here: Path, daemon: SimulatedDaemon) -> None:
    secrets = here / "credentials"
    secrets.mkdir()
    subprocess.run(["mosquitto_passwd", "-b", "-c", here / "passwords", "pi", "secret"], check=True)
    (here / "passwords").chmod(0o644)
    broker = Mosquitto(here, "allow_anonymous false", f"password_file {here}/passwords")
    broker.start()
    try:
        environ = {"CREDENTIALS_DIRECTORY": str(secrets)}
        with closing_bridge(Bridge(here, broker.port, daemon.socket_path, **environ)) as bridge:
            said = "refuses: we may not: it wants a user and a password: see /etc/a1d/mqtt.user and"
            bridge.wait_said(said)
            bridge.end()
            forgotten = run_forget(here, broker.port)  # by hand, and without the variable
            assert (
                "without systemd, a1d-mqtt reads mqtt.user and mqtt.password from where CREDENTIALS_D"
                in forgotten.stderr
            )
            (secrets / "mqtt.user").write_text("pi\n")
            (secrets / "mqtt.password").write_text("wrong\n")
            bridge.again()
            wait_until("it is refused again", lambda: bridge.log.count("refuses: ") == 2)
            bridge.end()
            (secrets / "mqtt.password").write_text("secret\n")
            bridge.again()
            somebody = Somebody(broker.port, user="pi", password="secret")
            somebody.wait(f"{ROOT}/availability", "online")
            somebody.close()
            assert "secret" not in bridge.log
            assert "wrong" not in bridge.log
    finally:
        broker.stop()


def test_tls_with_a_certificate_of_our_own(here: Path, daemon: SimulatedDaemon, certificates: Path) -> None:
    secrets = here / "credentials"
    secrets.mkdir()
    shutil.copy(certificates / "client.key", secrets / "mqtt.key")
    broker = Mosquitto(here, *encrypted(certificates, "broker", "require_certificate true"))
    broker.start()
    settings = f"tls: {{enabled: true, ca_file: {certificates}/ca.crt, certificate_file: {certificates}/client.crt}}\n"
    try:
        bridge = Bridge(here, broker.port, daemon.socket_path, settings, CREDENTIALS_DIRECTORY=str(secrets))
        with closing_bridge(bridge):
            options = {"ca": f"{certificates}/ca.crt", "certificate": f"{certificates}/client.crt"}
            somebody = Somebody(broker.port, key=f"{certificates}/client.key", **options)
            somebody.wait(f"{ROOT}/availability", "online")
            somebody.wait(f"{ROOT}/problem", "OFF")
            somebody.close()
            assert "Traceback" not in bridge.log
    finally:
        broker.stop()


@pytest.mark.parametrize(
    ("name", "ca", "said"),
    [
        ("elsewhere", True, "is not who it should be"),  # signed, but for another host
        ("broker", False, "is not who it should be"),  # signed by nobody that the system knows
    ],
)
def test_a_broker_that_is_not_the_right_one_is_told_nothing(
    here: Path, daemon: SimulatedDaemon, certificates: Path, name: str, ca: bool, said: str
) -> None:
    broker = Mosquitto(here, *encrypted(certificates, name))
    broker.start()
    ca_file = f", ca_file: {certificates}/ca.crt" if ca else ""
    try:
        with closing_bridge(
            Bridge(here, broker.port, daemon.socket_path, f"tls: {{enabled: true{ca_file}}}\n")
        ) as bridge:
            bridge.wait_said(said)
            assert "connected" not in bridge.log
    finally:
        broker.stop()


def test_a_broker_without_tls_where_it_should_have_some_is_told_nothing(
    here: Path, daemon: SimulatedDaemon, mosquitto: Mosquitto
) -> None:
    with closing_bridge(Bridge(here, mosquitto.port, daemon.socket_path, "tls: {enabled: true}\n")) as bridge:
        bridge.wait_said("cannot be reached")
        assert bridge.process.poll() is None


def test_what_is_no_certificate_is_a_sentence(here: Path, daemon: SimulatedDaemon) -> None:
    settings = f"tls: {{enabled: true, ca_file: {here}/mqtt.yaml}}\n"
    bridge = Bridge(here, 1, daemon.socket_path, settings)
    assert bridge.process.wait(10) == 1
    assert "TLS cannot be used" in bridge.log
    assert "Traceback" not in bridge.log


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("the system", "on Debian, sudo apt install python3-paho-mqtt"),
        ("a clone", "{here}/bin/pip install 'paho-mqtt>=1.6'"),
        ("make install", "in a1d's sources, sudo make install"),
    ],
)
def test_without_paho_it_says_what_to_install(here: Path, where: str, said: str) -> None:
    (here / "bin").mkdir()
    if where == "a clone":
        (here / "bin/pip").touch()
    base = here if where == "the system" else "/usr"
    script = "import sys; sys.modules['paho'] = None; sys.argv[1:] = ['--socket', '/nowhere']\n"
    script += f"sys.prefix, sys.base_prefix = {str(here)!r}, {str(base)!r}\n"
    script += "from a1d.mqtt.main import main; sys.exit(main())"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=20)
    assert done.returncode == 1
    assert done.stderr.endswith(f": {said.format(here=here)}\n")
