"""``a1d-ctl report`` and ``a1d-ctl doctor`` as commands; and that nothing personal is in a report."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a1d import __version__
from a1d.config.reader import parse_config
from a1d.doctor import report
from a1d.doctor.redact import Redaction, redaction_of
from tests.client.hostile import listening, reply
from tests.client.test_words import GOOD
from tests.doctor.machine import CONFIG, FakeMachine
from tests.process import SimulatedDaemon

CTL = [sys.executable, "-m", "a1d.client.main", "--socket"]
JOURNAL = (
    "journalctl -u a1d.service -n 200 --no-pager --no-hostname -q -o short-iso",
    "2026-11-26T08:00:00+0000 a1d[99]: a1d: 51.2 C\n",
)
PERSONAL = {
    "host": "kates-basement",
    "full host": "kates-basement.fritz.box",
    "user": "kate",
    "full name": "Kate Example",
    "serial": "a1d-serial-77",
    "machine id": "0123456789abcdef0123456789abcdef",
    "disk": "2f3c1a9e-1111-4222-8333-444455556666",
    "MAC": "d8:3a:dd:01:02:03",
    "IPv4": "192.168.178.23",
    "IPv6": "fe80::da3a:ddff:fe01:203",
    "global IPv6": "2001:db8:0:1:2:3:4:5",
    "home": "/home/katherine/fan.sh",
    "mail": "someone@mailbox.net",
    "password": "https://bob:secret@nas/x",
}


@pytest.fixture
def machine(tmp_path: Path) -> FakeMachine:
    machine = FakeMachine(tmp_path / "root")
    machine.put("/etc/os-release", 'PRETTY_NAME="Debian GNU/Linux 13 (trixie)"\n')
    machine.put("/etc/hostname", "kates-basement\n")
    machine.put("/etc/hosts", "127.0.0.1 localhost\n127.0.1.1 kates-basement.fritz.box kates-basement # mine\n")
    with machine.path("/etc/passwd").open("a") as file:
        file.write("kate:x:1000:1000:Kate Example,,,:/home/kate:/bin/bash\nnobody:x:65534:65534::/:/bin/false\n")
    machine.put("/proc/device-tree/serial-number", "a1d-serial-77\0")
    machine.put("/etc/machine-id", "0123456789abcdef0123456789abcdef\n")
    machine.commands[JOURNAL[0]] = JOURNAL[1]
    return machine


def test_it_holds_all_that_a_bug_report_needs(machine: FakeMachine) -> None:
    machine.put(CONFIG, "# a comment\nfan:\n  curve: {40: 10, 60: 100}\n")
    text = report.compose(machine.system())
    assert "READ THIS FILE BEFORE YOU SEND IT" in text.splitlines()[0]
    for part in (
        f"a1d      {__version__}",
        "Debian GNU/Linux 13 (trixie)",
        "Raspberry Pi 5 Model B Rev 1.0",
        "I2C bus",
        '"duty_confirmed_percent": 40',
        "  curve: {40: 10, 60: 100}",
        "a1d: 51.2 C",
    ):
        assert part in text, part


def test_the_arguments_of_a_gesture_s_command_are_not_in_it(machine: FakeMachine) -> None:
    machine.put(CONFIG, 'button: {hold: [/usr/bin/curl, "-HAuthorization: Bearer s3cr3t"]}')
    logged = "a1d[99]: button: {}: /usr/bin/curl -HAuthorization: Bearer s3cr3t\n"  # as an older a1d wrote it
    machine.commands[JOURNAL[0]] = logged.format("hold") + logged.format("double press") + "a1d[99]: after\n"
    again = "a1d[99]: button: hold: poweroff (it comes and goes, 4 times in 9s; from now on said only now and then)\n"
    machine.commands[JOURNAL[0]] += again
    text = report.compose(machine.system())
    assert "button: hold: /usr/bin/curl ..." in text and "a1d[99]: after" in text and "s3cr3t" not in text
    assert again in text


def test_a_configuration_with_a_mistake_is_shown_with_it(machine: FakeMachine) -> None:
    machine.put(CONFIG, "fan:\n  hold: soon\n")
    text = report.compose(machine.system())
    assert "  hold: soon" in text and "config.yaml:2: fan.hold: found 'soon'" in text


@pytest.mark.parametrize("what", PERSONAL)
def test_nothing_personal_is_in_it(machine: FakeMachine, what: str) -> None:
    """Planted in each of the parts: configuration, journal, status."""
    planted = PERSONAL[what]
    machine.put(CONFIG, f"button:\n  hold: [sh, -c, 'echo \"{planted}\"; true {planted}, ({planted})']\n")
    shouted = planted if what == "home" else planted.upper()
    machine.commands[JOURNAL[0]] = f"{planted}: {shouted} a1d[1]: says {planted}.\n"
    assert machine.status is not None
    machine.status["health"] = {"state": "degraded", "problems": [f"at {planted}", planted]}
    text = report.compose(machine.system()).lower()
    assert planted.lower() not in text
    for secret in ("kate", "katherine", "secret", "serial-77", "fritz"):
        assert secret not in text, secret
    assert "says" in text and "at " in text, "more than that was taken out"


def test_what_a_reader_needs_stays(machine: FakeMachine) -> None:
    """Times, versions, temperatures, devices and addresses on the bus are nothing personal."""
    kept = (
        "12:34:56 2026-11-26T08:00:00+0000 6.12.34 0x1a 51.2 C 1-001a i2c-1 a1d root ::1 127.0.0.1 a1d:3: fan::x 10:5"
    )
    machine.commands[JOURNAL[0]] = f"{kept}\n"
    assert kept in report.compose(machine.system())


@given(st.text(max_size=60), st.text(max_size=60))
def test_a_name_is_gone_whatever_stands_around_it(before: str, after: str) -> None:
    text = Redaction({"kates-basement"}, {"kate"}, set()).apply(f"{before} kates-basement {after} kate {before}")
    assert "kates-basement" not in text
    assert "kate" not in text.replace(before, "").replace(after, "")


def test_a_name_within_a_word_is_no_name(machine: FakeMachine) -> None:
    machine.put("/etc/passwd", "pi:x:1000:1000:,,,:/home/pi:/bin/sh\n")
    assert redaction_of(machine.system()).apply("pi: api pid 3.1pi, pi") == "USER: api pid 3.1pi, USER"


def test_every_line_is_printable(machine: FakeMachine) -> None:
    machine.put(CONFIG, "fan:\x1b[2J\n")
    machine.commands[JOURNAL[0]] = "\x1b]0;title\x07\r\u202e\n"
    assert all(line.isprintable() for line in report.compose(machine.system()).split("\n"))


def test_it_is_short_whatever_the_journal_holds(machine: FakeMachine) -> None:
    machine.commands[JOURNAL[0]] = "x" * 10_000_000
    assert len(report.compose(machine.system())) < 200_000


@pytest.mark.parametrize("word", ["a.", "1.", "a@", "a:", "://", "12345678-", "-"])
def test_a_long_word_costs_no_time(word: str) -> None:
    text = word * (64 * 1024 // len(word))
    started_s = time.process_time()
    Redaction({"host"}, {"user"}, {"12345678"}).apply(text)
    assert time.process_time() - started_s < 2


def test_without_daemon_journal_and_configuration(machine: FakeMachine) -> None:
    machine.status, machine.silence = None, "no daemon at /run/a1d/control.sock"
    machine.commands.clear()
    machine.remove(CONFIG)
    text = report.compose(machine.system())
    for part in (
        "none: no daemon at",
        "journalctl is not installed",
        "Configuration file (/etc/a1d/config.yaml) ====\nthere is none",
    ):
        assert part in text, part


def test_the_configuration_is_the_one_that_the_daemon_uses(machine: FakeMachine) -> None:
    used = "button: {hold: [/usr/bin/curl, s3cr3t]}\nfan: {curve: {41: 11, 61: 100}}"
    machine.in_use = parse_config(used, "its own")
    machine.remove(CONFIG)
    text = report.compose(machine.system())
    assert "  curve: {41: 11, 61: 100}" in text and "/usr/bin/curl" in text and "s3cr3t" not in text
    machine.put(CONFIG, "fan: {curve: {42: 12, 62: 100}}")
    assert "  curve: {41: 11, 61: 100}" in (text := report.compose(machine.system()))
    assert "  curve: {42: 12, 62: 100}" in text
    machine.put(CONFIG, used)
    assert "(/etc/a1d/config.yaml) ====\nas above" in report.compose(machine.system())


@pytest.mark.parametrize(
    ("caller", "journal"),
    [
        ((0, [0]), "there is none: the service has logged nothing"),
        ((1000, [1000, 4]), "there is none: the service has logged nothing"),
        ((1000, [1000]), "it may not be read: sudo a1d-ctl report"),
    ],
)
def test_what_is_empty_is_told_from_what_may_not_be_read(
    machine: FakeMachine, caller: tuple[int, list[int]], journal: str
) -> None:
    with machine.path("/etc/group").open("a") as file:
        file.write("adm:x:4:\n")
    machine.caller = caller
    machine.commands[JOURNAL[0]] = ""
    machine.remove(CONFIG)
    machine.path(CONFIG).symlink_to(machine.path(CONFIG).name)  # a loop: may not be read, by root neither
    text = report.compose(machine.system())
    assert f"lines of a1d) ====\n{journal}" in text
    assert "config.yaml) ====\nit may not be read (Too many levels of symbolic links): sudo a1d-ctl report" in text


# -- as a command ------------------------------------------------------------------------------------


def ctl(tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [*CTL, str(tmp_path / "none.sock"), *arguments]
    return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)


def test_the_file_is_new_and_never_written_over(tmp_path: Path) -> None:
    done = ctl(tmp_path, "report")
    assert (done.returncode, done.stderr) == (0, "")
    assert "Read it before you send it" in done.stdout
    path = tmp_path / "a1d-report.txt"
    assert path.stat().st_mode & 0o777 == 0o600
    text = path.read_text()
    assert text.startswith("Report of a1d. READ THIS")
    again = ctl(tmp_path, "report")
    assert again.returncode == 1
    assert "exists already" in again.stderr
    assert path.read_text() == text
    assert ctl(tmp_path, "report", "no/such/place").returncode == 1
    assert os.listdir(tmp_path) == ["a1d-report.txt"]
    (tmp_path / "link").symlink_to("elsewhere")
    assert ctl(tmp_path, "report", "link").returncode == 1
    assert not (tmp_path / "elsewhere").exists()


def test_it_can_be_printed(tmp_path: Path) -> None:
    done = ctl(tmp_path, "report", "-")
    assert done.stdout.startswith("Report of a1d.")
    assert os.listdir(tmp_path) == []


def test_a_report_that_cannot_be_finished_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_system: object) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(report, "compose", broken)
    with pytest.raises(KeyboardInterrupt):
        report.write(str(tmp_path / "none.sock"), str(tmp_path / "report"))
    assert os.listdir(tmp_path) == []


def test_doctor_works_without_a_daemon_and_says_so(tmp_path: Path) -> None:
    done = ctl(tmp_path, "doctor")
    assert (done.returncode, done.stderr) == (1, "")
    assert "no daemon at" in done.stdout
    assert "the checks of" not in done.stdout, "a check broke"


def test_doctor_for_programs(tmp_path: Path) -> None:
    done = ctl(tmp_path, "doctor", "--json")
    found = json.loads(done.stdout)
    assert done.stdout.count("\n") == 1
    assert found["version"] == __version__
    assert {"state", "check", "fact", "mend"} == set(found["results"][0])
    assert {each["state"] for each in found["results"]} <= {"ok", "warn", "FAIL", "info"}


LIES = [b"\0", b"{}\0", b"no\0", reply({"status": {"version": 3}}), reply({"status": {**GOOD, "firmware_id": "x"}})]


@pytest.mark.parametrize("answer", LIES)
def test_a_liar_at_the_socket_is_a_sentence(tmp_path: Path, answer: bytes) -> None:
    with listening(tmp_path / "liar.sock", answer) as liar:
        done = subprocess.run([*CTL, liar.path, "doctor"], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (1, "")
    assert "FAIL  daemon" in done.stdout


def test_a_daemon_with_a_configuration_of_its_own_tells_it(tmp_path: Path) -> None:
    (tmp_path / "my.yaml").write_text("fan: {hold: 7s}\n")
    daemon = SimulatedDaemon(tmp_path, "--config", str(tmp_path / "my.yaml"))
    try:
        daemon.wait_notified("READY=1")
        command = [*CTL, str(daemon.socket_path)]
        report = subprocess.run([*command, "report", "-"], capture_output=True, text=True, check=True, timeout=60)
        doctor = subprocess.run([*command, "doctor"], capture_output=True, text=True, check=False, timeout=60)
    finally:
        daemon.close()
    assert "\n  hold: 7s\n" in report.stdout
    assert doctor.stdout.startswith("info  simulation ")
    assert "the built-in settings are used" not in doctor.stdout
