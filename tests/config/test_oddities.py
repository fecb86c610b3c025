"""What ``a1d --check`` warns of beyond what the daemon says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a1d.config.oddities import oddities_of
from a1d.config.reader import parse_config
from a1d.config.settings import Config, ProfileConfig
from a1d.temperature.profiles import by_clock


def test_the_default_deserves_none() -> None:
    assert oddities_of(Config()) == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("fan: {critical_celsius: 60}", ["fan.critical_celsius: 60 is below the curve's point at 64 C, which never"]),
        ("fan: {critical_celsius: 70, curve: {50: 10, 70: 100}}", ["fan.critical_celsius: 70 is below"]),
        ("fan: {critical_celsius: 71, curve: {50: 10, 70: 100}}", []),
        ("sensors: [{zone: cpu-thermal, critical_celsius: 60}]", ["sensors[0].critical_celsius: 60 is below"]),
        (
            "sensors: [{zone: cpu-thermal}, {hwmon: nvme, curve: {50: 20, 85: 100}}]",
            ["sensors[1].critical_celsius: 80"],
        ),
        (
            "fan: {curve: {50: 0.1, 60: 0.55, 70: 1}}",
            ["fan.curve: duties are percent, and its highest is 1 %; is that"],
        ),
        ("fan: {curve: {50: 0.3, 60: 55}}", ["fan.curve: a duty below 1 % turns no fan"]),
        ("fan: {curve: {50: 1, 60: 55}}", []),
        ("fan: {max_percent: 40, yield_celsius: 85}", ["fan.yield_celsius: 85 is not below the critical 80 C"]),
        (
            'profiles: {a: {from: "22:00", to: "07:00"}, b: {from: "23:00", to: "06:00"}}',
            ["profiles.b: the clock never chooses it, because those above it have all its time; move it up"],
        ),
        ('profiles: {a: {from: "22:00", to: "07:00"}, b: {from: "23:00", to: "07:01"}}', []),
        ("button: {line: 17}", ["button.line: the case's button is on line 4 (GPIO4), not 17"]),
        ("button: {line: 17, backend: none}", []),
        ("button: {hold: none}", ["button.hold: none leaves the system running until the case cuts its power"]),
        ("button: {hold: reboot}", ["button.hold: reboot leaves the system running"]),
        ("button: {double_press: none}", []),
        (
            "sensors: [{zone: cpu_thermal}]",
            ["sensors[0].zone: the kernel calls the CPU's zone cpu-thermal, not cpu_th"],
        ),
        ("sensors: [{zone: CPU-Thermal}]", ["the kernel calls the CPU's zone cpu-thermal"]),
        ("sensors: [{zone: thermal_zone0}]", ["sensors[0].zone: thermal_zone0 is a directory"]),
        ("sensors: [{zone: cpu-thermal}, {hwmon: hwmon2}]", ["sensors[1].hwmon: hwmon2 is a directory"]),
        ("sensors: [{zone: gpu-thermal}]", []),
        ("button: {double_press: [/nowhere/prog]}", ["button.double_press: there is no command /nowhere/prog on this"]),
        (
            "button: {double_press: [no-such-command-here]}",
            ["there is no command no-such-command-here on this machine"],
        ),
        ("button: {double_press: [/etc/passwd]}", ["there is no command /etc/passwd"]),
        ("button: {double_press: [sh, -c, 'echo a']}", []),
        ("button: {double_press: [/bin/sh, -c, 'echo a']}", []),
        ("button: {double_press: [sudo, reboot]}", ["sudo does not work in the service's sandbox"]),
        ("button: {double_press: [reboot]}", ["the command reboot runs as user a1d, who may not do that"]),
        ("button: {hold: [/sbin/shutdown, now]}", ["the command /sbin/shutdown runs as user a1d"]),
        ("button: {double_press: [/home/pi/lamp.sh]}", ["the directory of /home/pi/lamp.sh is hidden"]),
        ("button: {double_press: [~/lamp.sh]}", ["nobody replaces the ~"]),
        ("button: {double_press: ['logger pressed']}", ["logger pressed is one word with blanks in it"]),
    ],
)
def test_what_is_surely_not_meant(text: str, words: list[str]) -> None:
    found = oddities_of(parse_config(text))
    assert len(found) == len(words), found
    assert [word for word, oddity in zip(words, found, strict=True) if word not in oddity] == []
    assert all(oddity.isprintable() and len(oddity) < 240 for oddity in found)


MINUTES = st.sampled_from([0, 60, 90, 719, 720, 1439])


@given(st.lists(st.tuples(MINUTES, MINUTES), max_size=4))
def test_a_profile_that_the_clock_never_chooses_is_said(times: list[tuple[int, int]]) -> None:
    profiles = {f"p{at}": ProfileConfig(from_minute=begin, to_minute=end) for at, (begin, end) in enumerate(times)}
    profiles["by-hand"] = ProfileConfig(max_percent=40)
    never = profiles.keys() - {by_clock(profiles, minute) for minute in range(1440)} - {"by-hand"}
    found = oddities_of(Config(profiles=tuple(profiles.items())))
    assert {oddity.split(":")[0] for oddity in found} == {f"profiles.{name}" for name in never}


def test_a_machine_that_only_builds_has_no_commands_to_miss() -> None:
    config = parse_config("button: {double_press: [no-such-command-here], hold: [sudo, x]}")
    (oddity,) = oddities_of(config, for_this_machine=False)
    assert "sudo" in oddity


def _check(path: Path, *more: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "a1d", "--check", str(path), *more]
    return subprocess.run(command, input=stdin, capture_output=True, check=False, timeout=20)


def test_a_warning_is_0_and_with_strict_1(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("fan: {hold: 0}\nbutton: {line: 5}\n")
    done, strict = _check(path), _check(path, "--strict")
    lines = done.stderr.decode().splitlines()
    assert [line.startswith(f"{path}: warning: ") for line in lines] == [True, True]
    assert (done.returncode, done.stdout.decode()) == (0, f"{path}: fine\n")
    assert (strict.returncode, strict.stdout, strict.stderr) == (1, b"", done.stderr)


def test_strict_has_nothing_against_a_good_file(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("fan: {preset: quiet}\n")
    assert _check(path, "--strict").returncode == 0


@pytest.mark.parametrize("text", ["", "# a comment\n\n#fan:\n", "fan:\n", "fan: {hold: 1m}\ninterval: 500ms\n"])
def test_a_file_that_changes_nothing_is_called_so(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(text)
    shown = f"a1d --print-config --config {path}"
    said = f"{path}: fine; it changes nothing: every setting has its default ({shown})\n"
    assert _check(path, "--strict").stdout.decode() == said


@pytest.mark.parametrize(
    ("stdin", "code", "words"),
    [
        (b"fan: {hold: 20s}", 0, b"standard input: fine\n"),
        (b"fan: {hold: x}", 78, b"standard input:1: fan.hold: found 'x'"),
        (b"#" * 100_000, 78, b"standard input: larger than 16 KiB"),
        (b"", 0, b"standard input: fine; it changes nothing: every setting has its default (man a1d.yaml)\n"),
        (b"\xff", 78, b"standard input:1: not UTF-8 (byte 0xff)"),
    ],
)
def test_a_dash_is_standard_input(stdin: bytes, code: int, words: bytes) -> None:
    done = _check(Path("-"), stdin=stdin)
    assert done.returncode == code
    assert words in done.stdout + done.stderr


def test_an_endless_standard_input_is_not_read_to_its_end() -> None:
    with open("/dev/zero", "rb") as zero:
        command = [sys.executable, "-m", "a1d", "--check", "-"]
        done = subprocess.run(command, stdin=zero, capture_output=True, check=False, timeout=20)
    assert (done.returncode, b"larger than 16 KiB" in done.stderr) == (78, True)


def test_the_daemon_imports_none_of_it() -> None:
    program = (
        "import sys; from a1d import cli, daemon;"
        "print(sorted(name for name in sys.modules if name.startswith(('a1d.moving', 'a1d.check', 'a1d.config.odd',"
        "'a1d.config.complaint', 'a1d.config.advice', 'a1d.config.yaml_words', 'a1d.config.printer'))))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
