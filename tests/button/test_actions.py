"""Gestures set off real processes: started beside the loop, gathered on the tick, power verbs retried."""

from __future__ import annotations

import contextlib
import os
import select
import signal
from collections.abc import Callable, Iterator, Sequence
from itertools import count, pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_mock import MockerFixture

from a1d import spawn as spawn_module
from a1d.button import actions as actions_module
from a1d.button.actions import Actions
from a1d.errors import ActionError
from a1d.hardware import RealCase
from a1d.log import Log
from a1d.sim.case import SimulatedCase
from a1d.spawn import spawn
from tests.virtual import VirtualClock

TICK_S = 0.5


class Bench:
    """``actions`` with its log, the processes it started, and a clock."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, power: Callable[[str, bool], Sequence[str] | None]) -> None:
        self.log_lines: list[str] = []
        self.now_s = 100.0
        self.pids: list[int] = []
        self.actions = Actions(power, Log(self.log_lines.append))
        monkeypatch.setattr(actions_module, "spawn", self._spawn)

    def _spawn(self, command: Sequence[str]) -> int:
        self.pids.append(spawn(command))
        return self.pids[-1]

    def tick(self, seconds: float = TICK_S) -> None:
        self.now_s += seconds
        self.actions.tick(self.now_s)

    def finish(self) -> None:
        """Wait until the last process that was started has ended, and tick."""
        wait_for_end(self.pids[-1])
        self.tick()

    def run(self, *command: str) -> None:
        self.actions.run(command)
        self.finish()

    def kill_rest(self) -> None:
        for pid in self.pids:
            with contextlib.suppress(ProcessLookupError, ChildProcessError):
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    bench = Bench(monkeypatch, RealCase().power)
    yield bench
    bench.kill_rest()


class Systemctl:
    """A systemctl on PATH that notes how it was called and fails as often as it is told."""

    def __init__(self, tmp_path: Path) -> None:
        self._calls = tmp_path / "calls"
        self._failures = tmp_path / "failures"
        self.path = tmp_path / "bin" / "systemctl"
        self.path.parent.mkdir()
        self.path.write_text(
            f'#!/bin/sh\necho "$* within $SYSTEMD_BUS_TIMEOUT" >> {self._calls}\nread left < {self._failures}\n'
            f'[ "$left" -gt 0 ] || exit 0\necho $((left - 1)) > {self._failures}\nexit 1\n'
        )
        self.path.chmod(0o755)
        self.fail(0)

    def fail(self, times: int) -> None:
        self._failures.write_text(f"{times}\n")

    def hang(self) -> None:
        self.path.write_text(f'#!/bin/sh\necho "$*" >> {self._calls}\nexec sleep 1000\n')

    @property
    def calls(self) -> list[str]:
        return self._calls.read_text().splitlines() if self._calls.exists() else []


@pytest.fixture
def systemctl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Systemctl:
    systemctl = Systemctl(tmp_path)
    monkeypatch.setenv("PATH", f"{systemctl.path.parent}:{os.environ['PATH']}")
    return systemctl


def wait_for_end(pid: int) -> None:
    """Wait until a child has ended, and leave it to be gathered."""
    fd = os.pidfd_open(pid)
    try:
        assert select.select([fd], [], [], 10)[0], "still runs"
    finally:
        os.close(fd)


def is_zombie(pid: int) -> bool:
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is not None


# -- commands --------------------------------------------------------------------------------------


def test_arguments_reach_the_command_as_they_are(bench: Bench, tmp_path: Path) -> None:
    names = ["a b", "$HOME", "$(id)", "`id`", "*", ";exit", "'\"", "-n", "ä"]
    bench.run("touch", "--", *(str(tmp_path / name) for name in names))
    assert sorted(os.listdir(tmp_path)) == sorted(names)
    assert bench.actions.error is None


def test_one_text_is_a_command_and_not_a_line_of_shell(bench: Bench, tmp_path: Path) -> None:
    bench.actions.run((f"touch {tmp_path}/x",))
    assert "cannot be started" in str(bench.actions.error)
    assert os.listdir(tmp_path) == []


def test_none_does_nothing(bench: Bench) -> None:
    bench.actions.run("none")
    bench.tick()
    assert (bench.pids, bench.log_lines, bench.actions.error) == ([], [], None)


@pytest.mark.parametrize(
    "command", [("/no/such/command",), ("a1d-no-such-command", "x"), ("/etc/passwd",), ("/tmp",), ("sh\0x",), ("",)]
)
def test_a_command_that_cannot_be_started_is_an_error_in_words(bench: Bench, command: tuple[str, ...]) -> None:
    with pytest.raises(ActionError, match="cannot be started"):
        spawn(command)
    bench.actions.run(command)
    assert "cannot be started" in str(bench.actions.error)
    assert sum("cannot be started" in line for line in bench.log_lines) == 1
    for _ in range(10):
        bench.tick()
    assert len(bench.log_lines) == 1
    bench.run("true")
    assert len(bench.pids) == 1


def test_an_empty_command_is_refused() -> None:
    with pytest.raises(ActionError):
        spawn(())


@pytest.mark.parametrize(("script", "words"), [("exit 3", "exit code 3"), ("kill -9 $$", "signal 9")])
def test_a_command_that_fails_is_reported_once_and_not_repeated(bench: Bench, script: str, words: str) -> None:
    bench.run("sh", "-c", script)
    for _ in range(10):
        bench.tick()
    assert words in str(bench.actions.error)
    assert sum(words in line for line in bench.log_lines) == 1
    assert len(bench.pids) == 1
    bench.run("sh", "-c", "exit 0")
    assert bench.actions.error is None


def test_input_is_dev_null(bench: Bench, tmp_path: Path) -> None:
    ours, pipe = os.dup(0), os.pipe()
    os.dup2(pipe[0], 0)
    try:
        bench.run("sh", "-c", 'readlink /proc/self/fd/0 > "$0" && cat >> "$0"', str(tmp_path / "out"))
    finally:
        os.dup2(ours, 0)
        for fd in (ours, *pipe):
            os.close(fd)
    assert (tmp_path / "out").read_text() == "/dev/null\n"


def test_a_command_is_in_a_session_of_its_own(bench: Bench) -> None:
    """Ctrl-C at the simulation, and systemd's signal to the daemon alone, do not hit it."""
    bench.actions.run(("sleep", "1000"))
    assert os.getsid(bench.pids[0]) == bench.pids[0]


def test_signals_are_as_if_a1d_had_never_touched_them(bench: Bench, tmp_path: Path) -> None:
    touched = [signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGPIPE, signal.SIGXFSZ]
    before = {number: signal.signal(number, signal.SIG_IGN) for number in touched}
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1])
    try:
        bench.run("sh", "-c", 'exec cat /proc/self/status > "$0"', str(tmp_path / "out"))
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        for number, handler in before.items():
            signal.signal(number, handler)
    fields = dict(line.split(":\t", 1) for line in (tmp_path / "out").read_text().splitlines())
    ignored = int(fields["SigIgn"], 16)
    assert int(fields["SigBlk"], 16) == 0
    assert [number.name for number in touched if ignored >> (number - 1) & 1] == []


def test_ended_commands_leave_no_zombies(bench: Bench) -> None:
    for _ in range(5):
        bench.actions.run(("true",))
    for pid in bench.pids:
        wait_for_end(pid)
    bench.tick()
    for pid in bench.pids:
        with pytest.raises(ChildProcessError):
            is_zombie(pid)


def test_commands_that_run_for_ever_hold_up_nothing(bench: Bench, systemctl: Systemctl) -> None:
    for _ in range(20):
        bench.actions.run(("sleep", "1000"))
        bench.tick()
    started = len(bench.pids)
    assert 1 < started < 20, "bounded"
    assert "still run" in bench.log_lines[-1]
    bench.actions.run("poweroff")
    bench.finish()
    assert len(systemctl.calls) == 1
    os.kill(bench.pids[0], signal.SIGKILL)
    wait_for_end(bench.pids[0])
    bench.tick()
    bench.run("true")
    assert len(bench.pids) == started + 2


def test_a_parent_that_ignored_sigchld_does_not_crash_the_tick(bench: Bench) -> None:
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        bench.actions.run(("true",))
        with pytest.raises(ChildProcessError):  # the kernel has gathered it already
            os.waitid(os.P_PID, bench.pids[0], os.WEXITED | os.WNOWAIT)
        bench.tick()
    finally:
        signal.signal(signal.SIGCHLD, before)


# -- power -----------------------------------------------------------------------------------------

QUIETLY = "--no-wall --no-ask-password"


@pytest.mark.parametrize("verb", ["reboot", "poweroff"])
@pytest.mark.parametrize("urgent", [False, True])
def test_power_goes_to_logind_and_asks_nobody_for_a_password(
    bench: Bench, systemctl: Systemctl, verb: str, urgent: bool
) -> None:
    """Only what the case does anyway overrules an inhibitor, such as a package that is being installed."""
    bench.actions.run(verb, urgent=urgent)
    bench.finish()
    overrule = "--ignore-inhibitors " if urgent else ""
    assert systemctl.calls == [f"{QUIETLY} {overrule}{verb} within 3s"]
    assert bench.actions.error is None
    for _ in range(10):
        bench.tick()
    assert len(systemctl.calls) == 1


def test_a_hold_does_not_wait_for_a_power_off_that_may_be_refused(bench: Bench, systemctl: Systemctl) -> None:
    systemctl.hang()
    bench.actions.run("poweroff")
    bench.actions.run("poweroff", urgent=True)
    assert len(bench.pids) == 2


def test_the_simulated_case_only_notes_it(monkeypatch: pytest.MonkeyPatch, systemctl: Systemctl) -> None:
    case = SimulatedCase(VirtualClock())
    bench = Bench(monkeypatch, case.power)
    bench.actions.run("reboot")
    bench.actions.run("poweroff")
    bench.tick()
    assert case.powered == ["reboot", "poweroff"]
    assert (bench.pids, systemctl.calls) == ([], [])
    case.close()


def test_power_that_fails_is_asked_for_again_until_it_succeeds(bench: Bench, systemctl: Systemctl) -> None:
    systemctl.fail(2)
    bench.actions.run("poweroff")
    for attempt in (1, 2):
        bench.finish()
        assert "poweroff: failed (exit code 1)" in str(bench.actions.error)
        bench.tick(0.5)
        assert len(bench.pids) == attempt, "a second apart"
        bench.tick(0.5)
    bench.finish()
    assert bench.actions.error is None
    assert len(systemctl.calls) == 3


@pytest.mark.parametrize("installed", [True, False])
def test_power_that_cannot_be_had_is_retried_each_second_five_times(
    bench: Bench, systemctl: Systemctl, monkeypatch: pytest.MonkeyPatch, installed: bool
) -> None:
    systemctl.fail(1000)
    if not installed:
        monkeypatch.setenv("PATH", "/nowhere")
    bench.tick()
    asked_s: list[float] = []
    bench.actions.run("poweroff")
    for _ in range(50):
        if sum("asking" in line for line in bench.log_lines) > len(asked_s):
            asked_s.append(bench.now_s)
            if installed:
                wait_for_end(bench.pids[-1])
        bench.tick()
    assert len(asked_s) == 5
    assert all(1.0 <= later - earlier <= 1.0 + TICK_S for earlier, later in pairwise(asked_s))
    assert "poweroff" in str(bench.actions.error)


def test_power_is_never_asked_for_twice_at_once(bench: Bench, systemctl: Systemctl) -> None:
    systemctl.hang()
    for _ in range(5):
        bench.actions.run("poweroff")
        bench.tick()
    assert len(bench.pids) == 1
    assert "already under way" in bench.log_lines[-1]


def test_a_press_between_two_tries_adds_none(bench: Bench, systemctl: Systemctl) -> None:
    systemctl.fail(1)
    bench.actions.run("reboot")
    bench.finish()
    bench.actions.run("reboot")
    assert len(bench.pids) == 1
    bench.tick(1.0)
    bench.finish()
    assert len(systemctl.calls) == 2


def test_a_hold_during_a_reboot_still_asks_for_power_off(bench: Bench, systemctl: Systemctl) -> None:
    """The case cuts the power whatever happens: there is no time to wait for the reboot to fail."""
    systemctl.hang()
    bench.actions.run("reboot")
    bench.actions.run("poweroff")
    assert len(bench.pids) == 2


def test_a_users_command_of_that_name_does_not_stand_in_for_power_off(
    bench: Bench, systemctl: Systemctl, monkeypatch: pytest.MonkeyPatch
) -> None:
    (systemctl.path.parent / "poweroff").symlink_to("/bin/sleep")
    bench.actions.run(("poweroff", "1000"))
    bench.actions.run("poweroff")
    assert len(bench.pids) == 2
    bench.finish()
    assert len(systemctl.calls) == 1


def test_a_command_that_works_does_not_end_the_trouble_with_power(bench: Bench, systemctl: Systemctl) -> None:
    systemctl.fail(1000)
    bench.actions.run("poweroff")
    for _ in range(5):
        bench.finish()
        bench.tick(1.0)
    trouble = bench.actions.error
    bench.run("true")
    assert bench.actions.error == trouble


@given(
    presses=st.lists(st.sampled_from(["reboot", "poweroff", None]), min_size=1, max_size=40),
    fates=st.lists(st.sampled_from(["ok", "fails", "hangs", "missing"]), min_size=1, max_size=20),
)
def test_however_it_ends_each_verb_runs_once_at_a_time_and_is_retried_once_a_second(
    presses: list[str | None], fates: list[str]
) -> None:
    now_s = 0.0
    running: dict[int, tuple[str, str]] = {}  # pid: verb, fate
    started_s = {"reboot": -9.0, "poweroff": -9.0}
    in_tick = False
    pids = count(1)

    def fake_spawn(command: Sequence[str]) -> int:
        verb, pid = command[-1], next(pids)
        assert verb not in [other for other, _ in running.values()]
        assert not in_tick or now_s - started_s[verb] >= 1.0
        started_s[verb] = now_s
        fate = fates[pid % len(fates)]
        if fate == "missing":
            raise ActionError(2, "systemctl cannot be started")
        running[pid] = verb, fate
        return pid

    def fake_waitpid(pid: int, _options: int) -> tuple[int, int]:
        if running[pid][1] == "hangs":
            return 0, 0
        return pid, {"ok": 0, "fails": 256}[running.pop(pid)[1]]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(actions_module, "spawn", fake_spawn)
        patch.setattr("a1d.button.actions.os.waitpid", fake_waitpid)
        actions = Actions(RealCase().power, Log(lambda _line: None))
        for press in presses:
            if press:
                actions.run(press)
            now_s += TICK_S
            in_tick = True
            actions.tick(now_s)
            in_tick = False


# -- memory ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("ours", "childs"), [("-900\n", "0"), ("0\n", "0\n"), ("300\n", "300\n"), ("", "")])
def test_a_command_goes_early_when_memory_runs_out_and_the_daemon_as_late_as_before(
    tmp_path: Path, mocker: MockerFixture, ours: str, childs: str
) -> None:
    """The real file takes negative numbers only from root; in the virtual machine (hil) it is the real one."""
    score = tmp_path / "oom_score_adj"
    score.write_text(ours)
    mocker.patch.object(spawn_module, "_OOM_SCORE", str(score))
    seen: list[str] = []
    mocker.patch("os.posix_spawnp", side_effect=lambda *_args, **_kwargs: seen.append(score.read_text()))
    spawn(["true"])
    assert seen == [childs]
    mocker.patch("os.posix_spawnp", side_effect=FileNotFoundError(2, "gone"))
    with pytest.raises(ActionError):
        spawn(["true"])
    assert score.read_text().strip() == ours.strip()
