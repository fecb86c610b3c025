"""The command a1d as a process: what it prints, and with which exit code it ends."""

from __future__ import annotations

import fcntl
import gc
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from a1d import __version__, by_hand, cli
from a1d.config.reader import parse_config
from a1d.config.settings import Config
from a1d.errors import A1dError
from a1d.loop import Loop
from a1d.paths import CONFIG_PATH, SOCKET_NAME
from tests.view.screen import Screen, on_screen
from tests.virtual import VirtualRig

TIMEOUT_S = 20.0
EX_CONFIG = 78
# As on a Raspberry Pi: a UTF-8 locale other than C, where output is strict.
STRICT = {"PYTHONIOENCODING": "utf-8:strict"}


def command(*arguments: str | bytes) -> list[str | bytes]:
    return [sys.executable, "-m", "a1d", *arguments]


def a1d(*arguments: str | bytes, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run a1d to its end; whatever happens, it must be told in words."""
    done = subprocess.run(
        command(*arguments),
        capture_output=True,
        text=True,
        errors="surrogateescape",
        timeout=TIMEOUT_S,
        check=False,
        stdin=subprocess.DEVNULL,
        env={**os.environ, **(env or {})},
    )
    assert "Traceback" not in done.stderr
    return done


class Simulation:
    """a1d on a simulated case. Its output goes to files beside the run directory."""

    def __init__(self, run_dir: Path, *arguments: str) -> None:
        self.run_dir = run_dir
        self._stderr = run_dir.with_suffix(".err")
        self._file = self._stderr.open("w")
        self.process = subprocess.Popen(
            command("--simulate", "--run-dir", str(run_dir), *arguments), stdout=self._file, stderr=self._file
        )

    def wait_for(self, condition: Callable[[], bool]) -> None:
        """Until ``condition``, or fail with what the process said."""
        end_s = time.monotonic() + TIMEOUT_S
        while not condition():
            assert self.process.poll() is None, self.output
            assert time.monotonic() < end_s, self.output
            time.sleep(0.02)

    @property
    def output(self) -> str:
        return self._stderr.read_text()

    def wait_until_ready(self) -> None:
        self.wait_for(lambda: " %  automatic  " in self.output)

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal; the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        self._file.close()
        return self.process.wait(TIMEOUT_S)


Simulate = Callable[..., Simulation]


@pytest.fixture
def simulate(tmp_path: Path) -> Iterator[Simulate]:
    """Starts simulations in ``tmp_path/run``; all are over at the end."""
    started: list[Simulation] = []

    def start(*arguments: str) -> Simulation:
        started.append(Simulation(tmp_path / "run", *arguments))
        return started[-1]

    yield start
    for simulation in started:
        simulation.end(signal.SIGKILL)


# -- what ends at once --------------------------------------------------------------------------------


def test_version_is_the_package_s() -> None:
    done = a1d("--version")
    assert (done.returncode, done.stdout) == (0, f"a1d {__version__}\n")


@pytest.mark.parametrize("arguments", [["--check"], ["--nonsense"], ["start"]], ids=str)
def test_a_wrong_call_is_2_and_shows_the_usage(arguments: list[str]) -> None:
    done = a1d(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert "usage: a1d" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--print-config", "--simulate"], "not allowed with"),
        (["--check", "F", "--simulate"], "not allowed with"),
        (["--check", "F", "--import", "F"], "not allowed with"),
        (["--config", "F", "--check", "F"], "--config names the file that a1d runs with"),
        (["--config", "F", "--import", "F"], "--config names the file that a1d runs with"),
    ],
    ids=str,
)
def test_what_is_asked_for_together_is_never_left_out_silently(arguments: list[str], words: str) -> None:
    done = a1d(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr


def test_check_of_a_good_file_is_0(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("fan: {hold: 20s}\n")
    done = a1d("--check", str(path))
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{path}: fine\n", "")


def test_check_of_a_bad_file_says_every_error_and_is_78(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("interval: x\nfan:\n  hodl: 1s\n\ncase: {bus: -1}\n")
    done = a1d("--check", str(path))
    assert (done.returncode, done.stdout) == (EX_CONFIG, "")
    assert done.stderr.replace("'", "").splitlines() == [
        f"{path}:1: interval: found x, expected a duration from 100ms to 5s (10s, 15m, or seconds)",
        f"{path}:3: fan.hodl: unknown key, did you mean hold?",
        f"{path}:5: case.bus: found -1, expected a whole number from 0 to 99",
    ]


def _sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(100 * 1000 * 1000)


@pytest.mark.parametrize(
    "make",
    [
        Path.mkdir,
        os.mkfifo,
        lambda path: path.symlink_to("/dev/zero"),
        _sparse,
        lambda path: path.write_bytes(b"# \xb0C\n"),
        lambda path: path.write_text("interval: 1" + "0" * 400),
        lambda path: path.write_text("[" * 60_000),
    ],
    ids=["directory", "FIFO", "device", "100 MB", "latin-1", "huge number", "deep"],
)
def test_check_of_anything_else_is_one_clear_error_and_78(tmp_path: Path, make: Callable[[Path], object]) -> None:
    path = tmp_path / "config.yaml"
    make(path)
    done = a1d("--check", str(path))
    assert (done.returncode, done.stdout) == (EX_CONFIG, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"{path}:")


@pytest.mark.parametrize(("text", "code"), [("", 0), ("x", EX_CONFIG)])
def test_a_file_may_have_any_name(tmp_path: Path, text: str, code: int) -> None:
    path = os.path.join(os.fsencode(tmp_path), b"caf\xe9.yaml")
    with open(path, "w") as file:
        file.write(text)
    assert a1d("--check", path, env=STRICT).returncode == code


def test_an_empty_name_is_not_the_default_file(tmp_path: Path) -> None:
    done = a1d("--print-config", "--config", "")
    assert done.returncode in (2, EX_CONFIG)
    assert CONFIG_PATH not in done.stderr


@pytest.mark.skipif(os.path.lexists(CONFIG_PATH), reason=f"this machine has a {CONFIG_PATH}")
def test_print_config_without_a_file_is_the_default() -> None:
    done = a1d("--print-config")
    assert (done.returncode, done.stderr) == (0, "")
    assert parse_config(done.stdout) == Config()


def test_print_config_shows_what_is_in_force(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("fan: {hold: 20s}\nsensors: [{name: Küche, hwmon: nvme}]\n", encoding="utf-8")
    done = a1d("--print-config", "--config", str(path), env=STRICT)
    assert (done.returncode, done.stderr) == (0, "")
    assert parse_config(done.stdout) == parse_config(path.read_text(encoding="utf-8"))


def test_print_config_of_a_bad_file_prints_no_configuration(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("fan: 1\n")
    done = a1d("--print-config", "--config", str(path))
    assert (done.returncode, done.stdout) == (EX_CONFIG, "")
    assert done.stderr.startswith(f"{path}:1: fan: found ")


def test_print_config_to_a_full_disk_fails_in_words() -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            command("--print-config"), stdout=full, stderr=subprocess.PIPE, text=True, timeout=TIMEOUT_S, check=False
        )
    assert done.returncode not in (0, 120)
    assert "No space left" in done.stderr
    assert "Traceback" not in done.stderr


# -- the run directory -----------------------------------------------------------------------------------


def _foreign(path: Path) -> None:
    path.mkdir()
    os.chown(path, 65534, -1)


def _open_to_all(path: Path) -> None:
    path.mkdir()
    path.chmod(0o1777)


WRONG_DIRS: dict[str, Callable[[Path], object]] = {
    "a file": Path.touch,
    "a link": lambda path: path.symlink_to(path.parent),
    "below a file": lambda path: path.parent.joinpath("file").touch(),
    "another user's": _foreign,
    "open to all": _open_to_all,
}


@pytest.mark.parametrize("name", WRONG_DIRS)
def test_a_run_directory_that_cannot_be_ours_is_an_error_with_a_remedy(tmp_path: Path, name: str) -> None:
    if name == "another user's" and os.geteuid() != 0:
        pytest.skip("needs root to make one")
    path = tmp_path / "run"
    WRONG_DIRS[name](path)
    if name == "below a file":
        path = tmp_path / "file" / "run"
    done = a1d("--simulate", "--run-dir", str(path))
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"a1d: error: {path} ")
    assert "--run-dir" in line
    assert list(tmp_path.rglob(SOCKET_NAME)) == []


def test_without_a_run_directory_of_its_own_it_says_how_to_start(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch()
    done = a1d(env={"RUNTIME_DIRECTORY": str(path / "a1d")})
    assert done.returncode == 1
    assert "a1d --simulate" in done.stderr


def _serve(tmp_path: Path, **environ: str) -> AbstractContextManager[Screen]:
    """The real daemon on a terminal, on a bus that no machine has."""
    config = tmp_path / "config.yaml"
    config.write_text("case: {bus: 98}\nbutton: {backend: none}\n")
    words = [str(word) for word in command("--config", str(config), "--run-dir", str(tmp_path / "run"))]
    return on_screen(words, 400, 24, **environ)


def test_on_a_terminal_it_says_that_it_drives_the_case(tmp_path: Path) -> None:
    with _serve(tmp_path) as screen:
        screen.wait_for("i2c-98")  # the daemon's own first words
        first, second = screen.text.splitlines()[:2]
        what = f"a1d: drives the real case, with {tmp_path}/config.yaml and {tmp_path}/run; Ctrl-C ends it"
        assert first.startswith(what)
        assert "a1d --simulate" in second
        screen.type("\x03")
        screen.ended()
        assert b"Traceback" not in screen.raw


def test_as_a_service_it_does_not(tmp_path: Path) -> None:
    """Nor where systemd has given a service a terminal."""
    with _serve(tmp_path, NOTIFY_SOCKET=str(tmp_path / "none")) as screen:
        screen.wait_for("i2c-98")
        assert "real case" not in screen.text


@pytest.mark.parametrize("is_there", [True, False])
def test_it_says_which_settings_it_takes_if_none_were_named(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path, is_there: bool
) -> None:
    path = tmp_path / "config.yaml"
    monkeypatch.setattr(by_hand, "CONFIG_PATH", str(path))
    if is_there:
        path.touch()
    by_hand.say_what_starts(None, "/run/\x1b[2Ja1d")
    said = capfd.readouterr().err
    settings = str(path) if is_there else f"the built-in settings ({path} is not there)"
    assert f"with {settings} and /run/\\x1b[2Ja1d;" in said
    assert said.endswith("how it goes: a1d-ctl --socket '/run/\\x1b[2Ja1d/control.sock' status\n")
    assert len(said.splitlines()) == 2


@pytest.mark.parametrize(
    ("run_dir", "has_service", "client"),
    [
        ("/run/a1d", False, "a1d-ctl"),
        ("/tmp/a1d-of-me", False, "a1d-ctl"),
        ("/tmp/a1d-of-me", True, "a1d-ctl --socket /tmp/a1d-of-me/control.sock"),
        ("/tmp/my run", False, "a1d-ctl --socket '/tmp/my run/control.sock'"),
    ],
)
def test_a1d_ctl_is_told_of_a_socket_that_it_would_not_find(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, run_dir: str, has_service: bool, client: str
) -> None:
    if has_service:
        (tmp_path / "control.sock").touch()
    service = str(tmp_path) if run_dir != "/run/a1d" else run_dir
    monkeypatch.setattr(by_hand, "RUN_DIR", service)
    monkeypatch.setattr(by_hand, "simulation_run_dir", lambda: "/tmp/a1d-of-me")
    assert by_hand.client_for(run_dir) == client


def test_without_standard_error_it_starts_all_the_same(tmp_path: Path) -> None:
    """A log that nobody can read must not stop the fan."""
    path = tmp_path / "config.yaml"
    path.write_text("case: {bus: 98}\n")
    command = f'exec "$0" -m a1d --config {path} --run-dir {tmp_path}/run 2>&-'
    with subprocess.Popen(["sh", "-c", command, sys.executable]) as daemon:
        try:
            deadline_s = time.monotonic() + 10
            while not (tmp_path / "run/control.sock").exists():
                assert daemon.poll() is None, daemon.returncode
                assert time.monotonic() < deadline_s
                time.sleep(0.02)
        finally:
            daemon.terminate()


def test_of_several_run_directories_the_first_is_ours(tmp_path: Path) -> None:
    """A drop-in that adds a RuntimeDirectory= makes two, separated by a colon."""
    path = tmp_path / "file"
    path.touch()
    done = a1d(env={"RUNTIME_DIRECTORY": f"{path}/a1d:{tmp_path}/of-a-drop-in"})
    assert f"{path}/a1d" in done.stderr
    assert "of-a-drop-in" not in done.stderr


def test_a_run_directory_of_another_a1d_is_refused_without_touching_it(tmp_path: Path) -> None:
    socket = tmp_path / SOCKET_NAME
    socket.touch()
    fd = os.open(tmp_path / "lock", os.O_RDONLY | os.O_CREAT)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        done = a1d("--run-dir", str(tmp_path))
    finally:
        os.close(fd)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"a1d: error: another a1d already runs with {tmp_path}")
    assert done.stderr.endswith("with --run-dir, and reach it with: a1d-ctl --socket DIR/control.sock\n")
    assert sorted(os.listdir(tmp_path)) == sorted([SOCKET_NAME, "lock"])
    assert socket.is_file()


def test_a_strangers_lock_keeps_nobody_from_starting(simulate: Simulate) -> None:
    """Who may open a file may lock it, so the lock is a file that nobody else may open."""
    first = simulate()
    first.wait_until_ready()
    first.end()
    lock = first.run_dir / "lock"
    assert lock.stat().st_mode & 0o777 == 0o600
    fd = os.open(first.run_dir, os.O_RDONLY)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        simulate().wait_until_ready()
    finally:
        os.close(fd)


@pytest.mark.parametrize("make", [lambda path: path.symlink_to("/dev/zero"), Path.mkdir])
def test_something_else_at_the_locks_place_is_refused_in_words(tmp_path: Path, make: Callable[[Path], object]) -> None:
    make(tmp_path / "lock")
    done = a1d("--simulate", "--run-dir", str(tmp_path))
    assert done.returncode == 1
    assert done.stderr.startswith(f"a1d: error: {tmp_path} cannot be used: ")
    assert done.stderr.endswith("; name another directory with --run-dir\n")
    usual = a1d(env={"RUNTIME_DIRECTORY": str(tmp_path)})
    assert usual.stderr.endswith("; start a1d as a service, or try it without hardware: a1d --simulate\n")


def test_a_path_too_long_for_a_socket_is_named_as_such(tmp_path: Path) -> None:
    base = tmp_path / ("x" * 120)
    base.mkdir()
    rig = VirtualRig(base)
    try:
        (problem,) = (problem for problem in rig.daemon.health.problems if SOCKET_NAME in problem)
        assert "Success" not in problem
        assert "too long" in problem
    finally:
        rig.close()
        del rig
        gc.collect()  # what was left open shows here, and not in another test


# -- a process that lives ----------------------------------------------------------------------------------


def test_a_second_a1d_is_refused_and_a_killed_one_leaves_no_lock_behind(simulate: Simulate) -> None:
    first = simulate()
    first.wait_until_ready()
    second = a1d("--simulate", "--run-dir", str(first.run_dir))
    assert second.returncode == 1
    assert "another a1d already runs" in second.stderr
    assert first.process.poll() is None
    assert first.run_dir.joinpath(SOCKET_NAME).is_socket()
    assert first.end(signal.SIGKILL) == -signal.SIGKILL
    third = simulate()
    third.wait_until_ready()
    assert third.end() == 0
    assert not third.run_dir.joinpath(SOCKET_NAME).exists()


@pytest.mark.parametrize("error", [OSError(5, "lost"), A1dError("lost"), RuntimeError("lost"), MemoryError()])
def test_an_error_in_the_loop_leaves_its_traceback_in_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], error: Exception
) -> None:
    def fail(_loop: Loop) -> None:
        raise error

    monkeypatch.setattr(Loop, "run_once", fail)
    monkeypatch.setattr(sys, "argv", ["a1d", "--simulate", "--run-dir", str(tmp_path / "run")])
    assert cli.main() == 1
    said = capfd.readouterr().err
    assert "a1d crashed" in said
    assert "Traceback (most recent call last)" in said
    assert "in fail" in said


def test_without_a_disk_for_the_traceback_the_error_is_said_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def fail(_loop: Loop) -> None:
        monkeypatch.setitem(sys.modules, "traceback", None)
        raise RuntimeError("lost")

    monkeypatch.setattr(Loop, "run_once", fail)
    monkeypatch.setattr(sys, "argv", ["a1d", "--simulate", "--run-dir", str(tmp_path / "run")])
    code = cli.main()
    monkeypatch.undo()
    assert code == 1
    said = capfd.readouterr().err
    assert "a1d crashed" in said
    assert "RuntimeError('lost')" in said


@pytest.mark.parametrize("kind", ["missing", "directory"])
def test_a_simulation_of_a_file_that_cannot_be_read_is_78_as_printing_it_is(tmp_path: Path, kind: str) -> None:
    path = tmp_path if kind == "directory" else tmp_path / "none.yaml"
    simulated = a1d("--simulate", "--config", str(path), "--run-dir", str(tmp_path / "run"))
    printed = a1d("--print-config", "--config", str(path))
    assert (simulated.returncode, simulated.stdout) == (printed.returncode, printed.stdout) == (78, "")
    assert simulated.stderr == printed.stderr
    assert f"{path}: cannot be read: " in simulated.stderr


def test_on_a_terminal_too_before_any_view(tmp_path: Path) -> None:
    words = [str(word) for word in command("--simulate", "--config", "/nowhere.yaml", "--run-dir", str(tmp_path))]
    with on_screen(words, 80, 24) as screen:
        assert screen.ended() == EX_CONFIG
        assert screen.raw == b"/nowhere.yaml: cannot be read: No such file or directory\r\n"


def test_a_bad_file_neither_stops_the_start_nor_ends_a_running_a1d(simulate: Simulate, tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("fan:\n  hodl: 1s\n")
    running = simulate("--config", str(path))
    running.wait_for(lambda: "  degraded  " in running.output)
    assert f"{path}:2: fan.hodl: unknown key, did you mean 'hold'?" in running.output

    path.write_text("fan:\n  hold: 1s\n")
    running.process.send_signal(signal.SIGHUP)
    running.wait_for(lambda: "  ok  " in running.output)

    path.write_text("interval: 1" + "0" * 400)
    running.process.send_signal(signal.SIGHUP)
    running.wait_for(lambda: f"{path}:1: interval: found" in running.output)
    assert "old configuration stays" in running.output
    assert running.end(signal.SIGINT) == 0
