"""Files that hang are read beside the loop. A FIFO that nobody writes to stands in for a driver that hangs.

It can be killed, as a read inside a driver cannot; what a process in state D does to a stop is in docs/safety.md.
"""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_mock import MockerFixture

from a1d.config.settings import Config, SensorConfig
from a1d.temperature.file_reader import HANGING_MAX, HANGS_S, Answer, DirectReader, ReaderProcess
from tests.process import has_ended
from tests.virtual import PROMPT_FAN, VirtualRig

CPU = SensorConfig(name="cpu", zone="cpu-thermal")
NVME = SensorConfig(name="nvme", hwmon="nvme")


@pytest.fixture
def reader() -> Iterator[ReaderProcess]:
    reader = ReaderProcess()
    yield reader
    reader.close()


def answers(reader: ReaderProcess, now_s: float, *paths: Path) -> list[Answer | None]:
    """Ask, give it all the real time it needs, and take. ``now_s`` is the time that the reader is told."""
    requests = [reader.ask(str(path), now_s) for path in paths]
    reader.wait(5, now_s)
    return [request.answer for request in requests]


def hang(tmp_path: Path, name: str = "hangs") -> Path:
    os.mkfifo(tmp_path / name)
    return tmp_path / name


def poll_until_it_hangs(reader: ReaderProcess, now_s: float) -> float:
    for _ in range(3):
        now_s += HANGS_S / 2
        reader.poll(now_s)
    return now_s


def child_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def wait_for(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5
    while not what():
        assert time.monotonic() < deadline, "never happened"
        time.sleep(0.01)


@given(st.binary(max_size=64))
def test_the_direct_reader_gives_what_the_file_says(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "temp").write_bytes(raw)
    assert DirectReader().ask(str(tmp_path / "temp"), 0).answer == raw[:32]


def test_the_process_answers_each_file_with_what_it_says_or_with_its_error(
    tmp_path: Path, reader: ReaderProcess
) -> None:
    (tmp_path / "a").write_text("45000\n")
    (tmp_path / "b").write_bytes(b"")
    first, second, missing, is_directory = answers(reader, 0, tmp_path / "a", tmp_path / "b", tmp_path / "no", tmp_path)
    assert (first, second) == (b"45000\n", b"")
    assert isinstance(missing, OSError)
    assert isinstance(is_directory, OSError)
    assert (missing.errno, is_directory.errno) == (errno.ENOENT, errno.EISDIR)
    (tmp_path / "a").write_text("46000\n")
    assert answers(reader, 1, tmp_path / "a") == [b"46000\n"]


def test_nothing_is_started_before_something_is_asked(reader: ReaderProcess) -> None:
    before = child_of(os.getpid())
    reader.poll(0)
    reader.wait(1, 0)
    assert child_of(os.getpid()) == before


def test_a_device_that_sleeps_is_not_woken(tmp_path: Path, reader: ReaderProcess) -> None:
    power = tmp_path / "device/power"
    power.mkdir(parents=True)
    (power / "runtime_status").write_text("suspended\n")
    file = hang(tmp_path)  # opening it would take for ever
    (asleep,) = answers(reader, 0, file)
    assert isinstance(asleep, OSError)
    assert "sleeps" in str(asleep.strerror)
    (power / "runtime_status").write_text("active\n")
    file.unlink()
    file.write_text("45000\n")
    assert answers(reader, 1, file) == [b"45000\n"]


def test_a_read_that_hangs_is_left_behind_and_the_other_files_are_read_on(
    tmp_path: Path, reader: ReaderProcess
) -> None:
    file, other = hang(tmp_path), tmp_path / "other"
    other.write_text("45000\n")
    begin = time.monotonic()
    hanging, again, good = (reader.ask(str(path), 0) for path in (file, file, other))
    now_s = poll_until_it_hangs(reader, 0)
    assert time.monotonic() - begin < 0.5  # nobody waits
    for found in (hanging.answer, again.answer):
        assert isinstance(found, OSError)
        assert "hangs in the kernel" in str(found.strerror)
    reader.wait(5, now_s)
    assert good.answer == b"45000\n"


def test_what_hung_is_read_again_once_its_process_has_ended(tmp_path: Path, reader: ReaderProcess) -> None:
    before = set(child_of(os.getpid()))
    (tmp_path / "other").write_text("45000\n")
    answers(reader, 0, tmp_path / "other")  # it runs by now
    (pid,) = set(child_of(os.getpid())) - before
    file = hang(tmp_path)
    reader.ask(str(file), 0)
    now_s = poll_until_it_hangs(reader, 0)
    file.unlink()
    file.write_text("45000\n")
    wait_for(lambda: has_ended(pid))  # a FIFO can be killed
    assert answers(reader, now_s, file) == [b"45000\n"]


def test_so_many_may_hang_and_no_more(tmp_path: Path, reader: ReaderProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "kill", lambda _pid, _signal: None)  # as in state D
    before = set(child_of(os.getpid()))
    now_s = 0.0
    for number in range(HANGING_MAX):
        reader.ask(str(hang(tmp_path, f"hangs{number}")), now_s)
        now_s = poll_until_it_hangs(reader, now_s)
    (tmp_path / "good").write_text("45000\n")
    (found,) = answers(reader, now_s, tmp_path / "good")
    assert isinstance(found, OSError)
    assert "4 other reads hang" in str(found.strerror)
    hanging = set(child_of(os.getpid())) - before
    assert len(hanging) == HANGING_MAX
    monkeypatch.undo()
    for pid in hanging:
        os.kill(pid, signal.SIGKILL)
    wait_for(lambda: all(map(has_ended, hanging)))
    assert answers(reader, now_s + 1, tmp_path / "good") == [b"45000\n"]


def test_a_process_that_dies_is_an_error_and_then_there_is_another(tmp_path: Path, reader: ReaderProcess) -> None:
    before = set(child_of(os.getpid()))
    (tmp_path / "temp").write_text("45000\n")
    answers(reader, 0, tmp_path / "temp")
    (pid,) = set(child_of(os.getpid())) - before
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: has_ended(pid))
    (found,) = answers(reader, 2, tmp_path / "temp")
    assert isinstance(found, OSError)
    assert "not read" in str(found.strerror)
    assert answers(reader, 4, tmp_path / "temp") == [b"45000\n"]
    assert pid not in child_of(os.getpid())


def test_whoever_asks_for_the_same_file_gets_an_answer_each(tmp_path: Path, reader: ReaderProcess) -> None:
    (tmp_path / "temp").write_text("45000\n")
    assert answers(reader, 0, tmp_path / "temp", tmp_path / "temp") == [b"45000\n"] * 2


def test_each_request_has_an_answer_while_the_process_keeps_ending(
    tmp_path: Path, reader: ReaderProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever waits for one asks for no other, so a request without an answer would be the last."""
    (tmp_path / "temp").write_text("45000\n")
    monkeypatch.setattr("a1d.temperature.file_reader._PROGRAM", str(tmp_path / "no-program"))
    for tick in range(8):
        (found,) = answers(reader, tick / 4, tmp_path / "temp")
        assert isinstance(found, OSError)
    monkeypatch.undo()
    assert answers(reader, 4, tmp_path / "temp") == [b"45000\n"]


def test_a_request_for_which_the_socket_has_no_room_has_an_answer(tmp_path: Path, reader: ReaderProcess) -> None:
    before = set(child_of(os.getpid()))
    reader.ask(str(tmp_path), 0)
    (pid,) = set(child_of(os.getpid())) - before
    os.kill(pid, signal.SIGSTOP)
    requests = [reader.ask(f"{tmp_path}/{'x' * 100}", 0) for _ in range(5000)]
    assert requests[0].answer is None
    assert "too many" in str(requests[-1].answer)


def test_without_a_process_there_are_errors_and_no_exception(
    tmp_path: Path, reader: ReaderProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "no-python"))
    (found,) = answers(reader, 0, tmp_path / "temp")
    assert isinstance(found, OSError)
    assert "no process" in str(found.strerror)


def test_without_room_for_a_process_the_error_says_so(
    tmp_path: Path, reader: ReaderProcess, mocker: MockerFixture
) -> None:
    """EAGAIN, as when the socket has no room."""
    mocker.patch("os.posix_spawn", side_effect=OSError(errno.EAGAIN, os.strerror(errno.EAGAIN)))
    (found,) = answers(reader, 0, tmp_path / "temp")
    assert isinstance(found, OSError)
    assert "no process" in str(found.strerror)


def test_the_process_holds_nothing_of_the_daemon_s(tmp_path: Path, reader: ReaderProcess) -> None:
    """Above all not the lock: the next a1d must get it while a read still hangs."""
    before = set(child_of(os.getpid()))
    answers(reader, 0, tmp_path)
    (pid,) = set(child_of(os.getpid())) - before
    assert {fd for fd in os.listdir(f"/proc/{pid}/fd") if int(fd) > 2} == set()


def test_it_ends_with_the_daemon_whatever_ends_that(tmp_path: Path) -> None:
    code = (
        "import sys, time; from a1d.temperature.file_reader import ReaderProcess\n"
        f"r = ReaderProcess(); r.ask({str(tmp_path)!r}, 0); r.wait(5, 0); print('asked', flush=True); time.sleep(60)"
    )
    daemon = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert daemon.stdout is not None
    assert daemon.stdout.readline() == "asked\n"
    (pid,) = child_of(daemon.pid)
    daemon.kill()
    daemon.communicate()
    wait_for(lambda: has_ended(pid))


# -- in the daemon ---------------------------------------------------------------------------------


def hanging_rig(
    make_rig: Callable[..., VirtualRig], monkeypatch: pytest.MonkeyPatch, failsafe_percent: int = 100
) -> VirtualRig:
    """A daemon with the real reader; its drive hangs."""
    monkeypatch.setattr("a1d.sim.case.SimulatedCase.open_file_reader", lambda _case: ReaderProcess())
    monkeypatch.setattr("a1d.temperature.sensors._FIRST_WAIT_S", 0.0)  # real time, of which this test has none
    rig = make_rig(Config(fan=replace(PROMPT_FAN, failsafe_percent=failsafe_percent), sensors=(CPU, NVME)))
    file = Path(rig.case.sysfs, "class/hwmon/hwmon0/temp1_input")
    monkeypatch.setattr(rig.case, "_nvme", str(file.parent.parent.parent / "elsewhere"))
    file.unlink()
    os.mkfifo(file)
    return rig


def test_a_drive_that_hangs_is_hot_within_seconds_and_the_cpu_is_followed_on_time(
    make_rig: Callable[..., VirtualRig], monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = hanging_rig(make_rig, monkeypatch, failsafe_percent=30)
    rig.case.mcu.set_duty(0)
    begin = time.monotonic()
    rig.run(6)
    assert rig.daemon.health.state == "failsafe"
    assert "temp1_input: does not answer: a read hangs in the kernel" in rig.daemon.health.problems[0]
    assert rig.fan_percent == 30
    rig.case.fixed_celsius = 72.0
    rig.run(1.1)
    assert rig.fan_percent == 100
    assert time.monotonic() - begin < 5  # real time


def test_an_optional_drive_that_hangs_is_absent(
    make_rig: Callable[..., VirtualRig], monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = hanging_rig(make_rig, monkeypatch)
    nvme = SensorConfig(name="nvme", hwmon="nvme", optional=True)
    monkeypatch.setattr(rig, "read_config", lambda: Config(fan=PROMPT_FAN, sensors=(CPU, nvme)))
    rig.reload()
    rig.run(30)
    assert rig.daemon.health.state == "ok"
    assert rig.fan_percent == 0
    assert "hangs" in rig.daemon.status()["sensors"][1]["error"]
