"""The file of a1d-mqtt: read, checked and printed as the daemon's is, and the pause between two tries."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from a1d.config.printer import print_config
from a1d.config.reader import parse_config
from a1d.errors import A1dError, ConfigError
from a1d.mqtt import main
from a1d.mqtt.broker import credential
from a1d.mqtt.retry import Retry
from a1d.mqtt.settings import MqttConfig, TlsConfig, parse_settings, read_settings


def problems_of(text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        parse_settings(text, "mqtt.yaml")
    return caught.value.problems


def test_an_empty_file_means_the_defaults() -> None:
    assert parse_settings("", "mqtt.yaml") == parse_settings("# nothing\n", "mqtt.yaml") == MqttConfig()
    assert MqttConfig().steering is False, "nobody steers by accident"
    assert (MqttConfig().port_number, MqttConfig(tls=TlsConfig(enabled=True)).port_number) == (1883, 8883)


def test_everything_can_be_set() -> None:
    text = """
        broker: mqtt.example.org
        port: 1884
        tls: {enabled: true, ca_file: /etc/ssl/ca.pem, certificate_file: /etc/a1d/mqtt.crt}
        steering: true
        name: Pi im Keller
        id: cellar
        base_topic: home/a1d
        discovery_prefix: ha
        interval: 30s
    """
    settings = parse_settings(text, "mqtt.yaml")
    assert settings.tls == TlsConfig(True, "/etc/ssl/ca.pem", "/etc/a1d/mqtt.crt")
    assert (settings.broker, settings.port_number, settings.interval_s) == ("mqtt.example.org", 1884, 30.0)
    assert (settings.base_topic, settings.id, settings.name) == ("home/a1d", "cellar", "Pi im Keller")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("brokr: x", "mqtt.yaml:1: brokr: unknown key, did you mean 'broker'?"),
        ("port: 70000", "mqtt.yaml:1: port: found 70000, expected a whole number from 1 to 65535, or null"),
        ("broker: a b", "mqtt.yaml:1: broker: found 'a b', expected the name or the address of a host"),
        ("steering: yes", "mqtt.yaml:1: steering: found 'yes', expected true or false"),
        ("base_topic: a1d/#", "mqtt.yaml:1: base_topic: found 'a1d/#', expected words of"),
        ("base_topic: /a1d", "mqtt.yaml:1: base_topic: found '/a1d', expected words of"),
        ("id: Ä", "mqtt.yaml:1: id: found 'Ä', expected 1 to 32 of a to z"),
        ("\ntls:\n  ca_file: ca.pem", "mqtt.yaml:3: tls.ca_file: found 'ca.pem', expected the path of a file, or null"),
        ("interval: 0", "mqtt.yaml:1: interval: found 0, expected a duration from 1s to 1h"),
        ("- broker", "mqtt.yaml:1: the file: found [broker], expected settings such as 'broker: ...'"),
        ("a: &x 1", "mqtt.yaml:1: anchors and aliases"),
    ],
)
def test_what_is_wrong_is_said(text: str, problem: str) -> None:
    (found,) = problems_of(text)
    assert found.startswith(problem)


def test_all_problems_are_said_at_once_and_as_the_daemon_says_them() -> None:
    text = "intervall: 5\nport: x\nname: 7"
    assert [line.partition(": ")[2][:9] for line in problems_of(text)] == ["intervall", "port: fou", "name: fou"]
    with pytest.raises(ConfigError) as caught:
        parse_config("intervall: 5", "mqtt.yaml")
    assert caught.value.problems == problems_of("intervall: 5")


@pytest.mark.parametrize("key", ["ca_file", "certificate_file"])
def test_files_for_an_encryption_that_is_off_are_a_mistake(key: str) -> None:
    """The password would go out readable, and nobody would say so."""
    [problem] = problems_of(f"tls: {{{key}: /etc/a1d/it.pem}}")
    assert problem.startswith(f"mqtt.yaml: tls: found {key} without 'enabled: true'")


_BROKER = "the name or the address of a host"


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("broker: localhost:1883", "write broker: localhost and port: 1883, each on a line of its own"),
        ("broker: 192.168.1.5:1884", "write broker: 192.168.1.5 and port: 1884, each on a line of its own"),
        ("broker: mqtt://localhost", "write broker: localhost"),
        ("broker: mqtt://localhost:1883/", "write broker: localhost and port: 1883, each on a line of its own"),
        ("broker: mqtts://a.b", "write broker: a.b and tls: {enabled: true}, each on a line of its own"),
        ("broker: '[::1]:1883'", "write broker: ::1 and port: 1883, each on a line of its own"),
        ("broker: '[::1]'", "write broker: ::1"),
        (
            "broker: mqtt://pi:secret@host",
            "write broker: host; user and password belong into /etc/a1d/mqtt.user and /etc/a1d/mqtt.password",
        ),
        ("broker: 1:2:3", _BROKER),
        ("broker: fe80::1%", _BROKER),
        ("tls: true", "write {enabled: true}"),
        ("tls: yes", "write {enabled: true}"),
        ("tls: false", "leave it out"),
        ("host: x", "unknown key, did you mean 'broker'?"),
        ("client-id: x", "unknown key, did you mean 'id'?"),
        ("ca_file: /ca.pem", "belongs under 'tls:': write that line above this one, and indent this one below it"),
    ],
)
def test_what_is_meant_is_said(text: str, advice: str) -> None:
    (found,) = problems_of(text)
    assert found.endswith(advice)
    assert found.isprintable()


@pytest.mark.parametrize(
    ("text", "file"),
    [
        ("user: pi", "mqtt.user"),
        ("username: pi", "mqtt.user"),
        ("password: secret", "mqtt.password"),
        ("tls: {enabled: true, key_file: /key}", "mqtt.key"),
    ],
)
def test_a_credential_is_sent_to_its_own_file(text: str, file: str) -> None:
    (found,) = problems_of(text)
    assert f"is no setting, since everybody may read this file: write it into /etc/a1d/{file}, readable" in found
    assert "CREDENTIALS_DIRECTORY=/etc/a1d" in found
    assert "secret" not in found


@pytest.mark.parametrize("host", ["localhost", "a-b.example.org", "10.0.0.1", "::1", "fe80::1%eth0", "2001:db8::1"])
def test_a_name_or_an_address_is_a_broker_as_it_is(host: str) -> None:
    assert parse_settings(f"broker: {host}", "mqtt.yaml").broker == host


def test_what_is_printed_is_read_back() -> None:
    settings = MqttConfig(broker="::1", port=1, name="a: b", tls=TlsConfig(enabled=True, ca_file="/ca"))
    assert parse_settings(print_config(settings), "printed") == settings
    assert parse_settings(print_config(MqttConfig()), "printed") == MqttConfig()


def test_a_file_that_cannot_be_used_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        read_settings(str(tmp_path / "none"))
    for data, problem in ((b"x" * 20_000, "larger than 16 KiB"), (b"\n\xff", ":2: not UTF-8")):
        (tmp_path / "mqtt.yaml").write_bytes(data)
        with pytest.raises(ConfigError, match=problem):
            read_settings(str(tmp_path / "mqtt.yaml"))


# -- the command -------------------------------------------------------------------------------------


def run(*arguments: object, given: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "a1d.mqtt.main", *map(str, arguments)]
    return subprocess.run(command, input=given, capture_output=True, text=True, check=False, timeout=20)


def test_check_says_fine_or_what_is_wrong(tmp_path: Path) -> None:
    file = tmp_path / "mqtt.yaml"
    file.write_text("broker: somewhere\n")
    done = run("--check", file)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{file}: fine\n", "")
    file.write_text("port: 0\nsteering: maybe\n")
    done = run("--check", file)
    assert (done.returncode, done.stdout) == (main.EX_CONFIG, "")
    assert len(done.stderr.splitlines()) == 2
    assert run("--config", file).returncode == main.EX_CONFIG, "it does not start with it either"


def test_check_reads_standard_input() -> None:
    assert run("--check", "-", given="broker: somewhere\n").stdout == "standard input: fine\n"
    nothing = "standard input: fine; it changes nothing: every setting has its default (man a1d-mqtt)\n"
    assert run("--check", "-").stdout == nothing
    done = run("--check", "-", given="\nport: 0\n")
    assert (done.returncode, done.stdout) == (main.EX_CONFIG, "")
    assert done.stderr.startswith("standard input:2: port: found 0, expected")


def test_check_says_if_a_file_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "mqtt.yaml"
    file.write_text("# broker: somewhere\n")
    shown = f"a1d-mqtt --print-config --config {file}"
    said = f"{file}: fine; it changes nothing: every setting has its default ({shown})\n"
    assert run("--check", file).stdout == said


def test_check_without_a_file_checks_the_one_of_config(tmp_path: Path) -> None:
    file, other = tmp_path / "mqtt.yaml", tmp_path / "other.yaml"
    file.write_text("port: 0\n")
    other.write_text("broker: somewhere\n")
    assert run("--config", file, "--check").stderr.startswith(f"{file}:1: port: ")
    assert run("--check", "--config", other).stdout == f"{other}: fine\n"
    assert run("--config", file, "--check", other).stdout == f"{other}: fine\n"


def test_the_configuration_is_printed(tmp_path: Path) -> None:
    done = run("--print-config")
    assert done.returncode == 0
    assert done.stdout.startswith("# a1d-mqtt configuration. Every key is optional.\n")
    assert parse_settings(done.stdout, "printed") == MqttConfig()


def test_a_machine_has_an_id_of_its_own_that_does_not_give_it_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "machine-id"
    monkeypatch.setattr(main, "_MACHINE_ID", str(file))
    file.write_text("0123456789abcdef0123456789abcdef\n")
    first = main.machine_id()
    assert len(first) == 12
    assert first not in file.read_text()
    assert main.machine_id() == first
    file.write_text("1123456789abcdef0123456789abcdef\n")
    assert main.machine_id() != first
    for text in ("", "uninitialized\n"):
        file.write_text(text)
        with pytest.raises(A1dError, match="systemd-machine-id-setup"):
            main.machine_id()
    file.unlink()
    with pytest.raises(A1dError, match="No such file"):
        main.machine_id()


def test_a_credential_is_what_systemd_passed_or_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    assert credential("mqtt.user") is None
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert credential("mqtt.user") is None
    for data, expected in ((b"\n", None), (b"pi\n", "pi"), (b" p i \r\n", " p i ")):
        (tmp_path / "mqtt.user").write_bytes(data)
        assert credential("mqtt.user") == expected
    (tmp_path / "mqtt.user").write_bytes(b"\xff\xfe")
    with pytest.raises(A1dError, match="no text"):
        credential("mqtt.user")
    os.unlink(tmp_path / "mqtt.user")
    (tmp_path / "mqtt.user").mkdir()
    with pytest.raises(A1dError, match="cannot be read"):
        credential("mqtt.user")


# -- trying again --------------------------------------------------------------------------------------


STEADY_S = 90.0


def test_the_pause_grows_to_its_limit_and_a_success_ends_that() -> None:
    retry, pauses_s = Retry(1.0, 60.0, STEADY_S), []
    for _ in range(9):
        retry.failed(100.0, "gone")
        pauses_s.append(retry.due_s - 100.0)
    assert pauses_s == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    retry.succeeded(200.0)
    retry.failed(200.0, "gone")
    assert retry.due_s == 201.0


def test_a_failure_is_news_once_and_a_success_after_it() -> None:
    retry = Retry(1.0, 60.0, STEADY_S)
    assert not retry.succeeded(0.0)
    said = [retry.failed(1000.0, text) for text in ("gone", "gone", "refused", "refused", "gone")]
    assert said == ["gone", None, "refused", None, None]
    assert [retry.succeeded(1001.0), retry.succeeded(1002.0)] == [True, False]
    assert retry.failed(2000.0, "refused") == "refused"


def test_what_never_lasts_and_fails_in_two_ways_says_each_once() -> None:
    """As a daemon that is started again and again: it goes away, is not there, and answers."""
    retry, said, now_s = Retry(1.0, 10.0, 15.0), [], 0.0
    for _ in range(20):
        retry.succeeded(now_s)
        said += [retry.failed(now_s + each, text, "?") for each, text in ((1, "gone"), (2, "nobody listens"))]
        now_s = retry.due_s
    assert said[:6] == [*2 * ["gone", "nobody listens"], "gone?", None]
    assert not any(said[6:])
    for number in range(100):
        retry.failed(now_s, f"garbage {number}")
    assert len(retry._said) <= 8


def test_what_never_lasts_is_said_with_a_suspicion_once_and_tried_less_and_less() -> None:
    retry, pauses_s, now_s = Retry(1.0, 60.0, STEADY_S), [], 0.0
    said: list[object] = []
    for _ in range(12):
        said.append(retry.succeeded(now_s))
        said.append(retry.failed(now_s + 1, "gone", ": two of us?"))
        pauses_s.append(retry.due_s - now_s - 1)
        now_s = retry.due_s
    assert said[:6] == [False, "gone", True, "gone", False, "gone: two of us?"]
    assert [each for each in said[6:] if each] == []
    assert pauses_s == [1, 1, 2, 4, 8, 16, 32, 60, 60, 60, 60, 60]
    assert not retry.succeeded(now_s)
    assert not retry.succeeded(now_s + STEADY_S - 1)
    assert retry.succeeded(now_s + STEADY_S), "now it works again"
    assert retry.failed(now_s + STEADY_S + 10, "gone", ": two of us?") == "gone"
    assert retry.due_s == now_s + STEADY_S + 10 + 1


def test_the_daemon_and_its_client_load_nothing_of_it() -> None:
    script = "import sys, a1d.cli, a1d.daemon, a1d.client.main\n"
    script += "print([name for name in sys.modules if name.startswith(('a1d.mqtt', 'paho', 'ssl', 'a1d.client.metr'))])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
