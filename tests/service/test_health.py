"""What is wrong right now, and how it is said: health and log."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a1d.config.reader import parse_config
from a1d.log import Log
from a1d.service.flapping import STILL_S, TIMES
from a1d.service.health import Health
from a1d.sim.case import SensorFault
from tests.virtual import VirtualRig

Capture = pytest.CaptureFixture[str]
NAMES = st.sampled_from(["fan", "button", "sensor cpu"])
REPORTS = st.tuples(NAMES, st.one_of(st.none(), st.sampled_from(["broken", "worse"])), st.booleans())
FORGETS = st.tuples(NAMES)


@pytest.fixture(autouse=True)
def no_journal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JOURNAL_STREAM", raising=False)


# -- health ----------------------------------------------------------------------------------------


@given(steps=st.lists(st.one_of(REPORTS, FORGETS), max_size=30))
def test_health_is_what_was_last_reported_and_each_problem_is_logged_when_it_begins_and_ends(
    steps: list[tuple[str, str | None, bool] | tuple[str]],
) -> None:
    lines: list[str] = []
    health = Health(Log(lines.append))
    expected: dict[str, tuple[str, bool]] = {}
    expected_lines = 0
    begins: Counter[str] = Counter()
    for step in steps:
        name, text, failsafe = step if len(step) == 3 else (step[0], None, False)
        begins[name] += text is not None and name not in expected
        if begins[name] == TIMES:  # from here on it flaps: test_flapping.py
            return
        if len(step) == 1:
            health.forget(name)
        else:
            health.report(name, text, failsafe=failsafe)
            expected_lines += (text is None) == (name in expected)
        if text is None:
            expected.pop(name, None)
        else:
            expected[name] = text, failsafe
        assert health.problems == [f"{name}: {text}" for name, (text, _) in expected.items()]
        failsafe_now = any(failsafe for _, failsafe in expected.values())
        assert health.state == ("failsafe" if failsafe_now else "degraded" if expected else "ok")
        assert len(lines) == expected_lines


def test_the_log_names_the_thing_and_what_ails_it() -> None:
    lines: list[str] = []
    health = Health(Log(lines.append))
    health.report("button", "GPIO4 is busy")
    health.report("button", "GPIO4 is still busy")
    health.report("button", None)
    assert lines == ["a1d: warning: button: GPIO4 is busy", "a1d: button: recovered"]


def test_what_came_and_went_and_is_not_there_any_more_is_not_said_to_stay(make_rig: Callable[..., VirtualRig]) -> None:
    """A sensor that flaps is taken out of the configuration."""
    rig = make_rig(parse_config("sensors: [{zone: cpu-thermal}, {hwmon: nvme, interval: 500ms}]"))
    rig.run(2)
    for _ in range(TIMES):
        rig.case.sensor_faults.add(SensorFault.DEAD)
        rig.run(10)
        rig.case.sensor_faults.clear()
        rig.run(10)
    rig.case.sensor_faults.add(SensorFault.DEAD)
    rig.run(10)
    assert any("it comes and goes" in line for line in rig.log_lines)
    rig.log_lines.clear()
    rig.read_config = lambda: parse_config("sensors: [{hwmon: nvme, interval: 500ms}]")
    rig.reload()
    rig.run(2 * STILL_S)
    assert rig.daemon.health.problems == []
    assert [line for line in rig.log_lines if "sensor cpu" in line] == []


# -- log -------------------------------------------------------------------------------------------


WORDS = "a1d: error: e\na1d: warning: w\na1d: i\n"


def stream_of(fd: int) -> str:
    stat = os.fstat(fd)
    return f"{stat.st_dev}:{stat.st_ino}"


def put_all(log: Log) -> None:
    log.error("e")
    log.warning("w")
    log.info("i")


def test_a_terminal_gets_words(capfd: Capture) -> None:
    put_all(Log())
    assert capfd.readouterr() == ("", WORDS)


def test_the_journal_gets_priorities(capfd: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOURNAL_STREAM", stream_of(2))
    put_all(Log())
    assert capfd.readouterr() == ("", "<3>e\n<4>w\n<6>i\n")


@pytest.mark.parametrize("stream", ["1:2", "", "nonsense"])
def test_a_terminal_that_itself_came_from_a_service_gets_words(
    capfd: Capture, monkeypatch: pytest.MonkeyPatch, stream: str
) -> None:
    """A desktop's terminal is a user service: its shells inherit a JOURNAL_STREAM that is not their output."""
    monkeypatch.setenv("JOURNAL_STREAM", stream)
    put_all(Log())
    assert capfd.readouterr() == ("", WORDS)


def test_every_line_of_a_message_has_its_own_prefix(capfd: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOURNAL_STREAM", stream_of(2))
    Log().error("config.yaml:3: this\nconfig.yaml:7: and this\n")
    assert capfd.readouterr().err == "<3>config.yaml:3: this\n<3>config.yaml:7: and this\n"


@given(text=st.text())
def test_a_message_cannot_pass_for_another_or_lose_its_prefix(text: str) -> None:
    lines: list[str] = []
    Log(lines.append).warning(text)
    assert [line for line in lines if not line.startswith("a1d: warning: ") or "\n" in line] == []


def full_disk() -> int:
    return os.open("/dev/full", os.O_WRONLY)


def reader_gone() -> int:
    reading, writing = os.pipe()
    os.close(reading)
    return writing


def ascii_only() -> int:
    return os.open(os.devnull, os.O_WRONLY)


@pytest.mark.parametrize("make_stderr", [full_disk, reader_gone, ascii_only, None])
def test_a_log_that_cannot_be_written_is_survived(make_stderr: Callable[[], int] | None) -> None:
    stderr = None if make_stderr is None else make_stderr()
    assert what_goes_on_after_logging(stderr) == "went on\n"
    if stderr is not None:
        os.close(stderr)


def test_a_reader_that_does_not_read_does_not_hold_up_the_fan() -> None:
    """``a1d 2>&1 | less``, a stuck journald: the line may be lost, the loop must go on."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(writing, b"x" * 4096)
    os.set_blocking(writing, True)
    try:
        assert what_goes_on_after_logging(writing) == "went on\n"
    finally:
        os.close(reading)
        os.close(writing)


def what_goes_on_after_logging(stderr: int | None) -> str:
    """Standard output of a program that logs to ``stderr`` (None: closed) and then prints."""
    code = (
        "import sys; from a1d.log import Log\n"
        "if sys.stderr: sys.stderr.reconfigure(encoding='ascii', errors='strict')\n"
        "Log().error('x\\n45 \\u00b0C \\ud800'); print('went on')"
    )
    command = [sys.executable, "-c", code]
    if stderr is None:
        command = ["sh", "-c", 'exec "$@" 2>&-', "sh", *command]
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=stderr, timeout=30, text=True, check=False).stdout
