"""``a1d --simulate`` on a terminal: the view, and the daemon beside it in a process of its own."""

from __future__ import annotations

import os
import re
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from a1d.client import varlink
from a1d.client.errors import NoDaemonError
from tests.process import has_ended
from tests.view.screen import LEAVE, Screen, on_screen
from tests.view.test_top import ends, has_numbers


def command(run_dir: Path) -> list[str]:
    return [sys.executable, "-m", "a1d", "--simulate", "--run-dir", str(run_dir)]


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    return tmp_path / "run"


@pytest.fixture
def screen(run_dir: Path) -> Iterator[Screen]:
    with on_screen(command(run_dir)) as screen:
        screen.wait(has_numbers)
        yield screen


def daemon_of(screen: Screen) -> int:
    """Its process."""
    children = Path(f"/proc/{screen.process.pid}/task/{screen.process.pid}/children").read_text().split()
    [child] = children
    return int(child)


def wait_until_dead(process: int, seconds: float = 5.0) -> None:
    deadline_s = time.monotonic() + seconds
    while not has_ended(process):
        assert time.monotonic() < deadline_s, "the daemon lives on"
        time.sleep(0.02)


def test_the_view_has_the_log_with_times_and_the_simulations_keys(screen: Screen) -> None:
    screen.wait_for("log")
    screen.wait_for("a1d: a1d-ctl --socket /")
    screen.type("d")
    screen.wait(lambda text: bool(re.search(r"\d\d:\d\d:\d\d a1d: button: double press: reboot", text)))
    screen.type("h")
    screen.wait_for("POWER IS CUT, o: on again")
    screen.type("o")
    screen.wait_for("the case is powered on again")


@pytest.mark.parametrize("how", ["q", "\x03", signal.SIGTERM, signal.SIGHUP], ids=["q", "Ctrl-C", "TERM", "HUP"])
def test_however_it_ends_the_daemon_stops_cleanly_and_the_terminal_is_as_before(
    screen: Screen, run_dir: Path, how: object
) -> None:
    daemon = daemon_of(screen)
    screen.type("d")
    screen.wait_for("dry run of reboot")
    assert ends(screen, how) == 0
    assert screen.is_as_before()
    assert has_ended(daemon)
    assert sorted(os.listdir(run_dir)) == ["lock", "stop.json"], "as after a clean stop"
    after = screen.raw.rpartition(LEAVE)[2].decode()
    assert re.search(r"^\d\d:\d\d:\d\d a1d: reboot: noted, a dry run\r$", after, re.MULTILINE), "the log stays"


def test_a_killed_view_leaves_no_daemon(screen: Screen) -> None:
    daemon = daemon_of(screen)
    screen.process.kill()
    wait_until_dead(daemon)


def test_a_view_that_stands_still_does_not_stop_the_daemon(screen: Screen, run_dir: Path) -> None:
    """After Ctrl-Z, which a terminal sends to its whole session where a shell can go on with it."""
    assert os.getsid(daemon_of(screen)) != os.getsid(screen.process.pid)
    screen.type("\x1a")
    screen.wait(lambda _text: screen.raw.endswith(LEAVE))
    path = str(run_dir / "control.sock")
    begin = varlink.call(path, "org.a1d.control.GetStatus")["status"]["uptime_s"]
    time.sleep(1.5)
    status = varlink.call(path, "org.a1d.control.GetStatus", wait_max_s=1.0)["status"]
    assert status["uptime_s"] >= begin + 1.4
    screen.process.send_signal(signal.SIGCONT)
    assert ends(screen, "q") == 0


def test_a_daemon_that_is_killed_ends_the_view_and_says_so_with_its_code(screen: Screen) -> None:
    os.kill(daemon_of(screen), signal.SIGKILL)
    assert screen.ended() == 1
    assert screen.is_as_before()


def test_one_that_cannot_start_says_why_on_the_terminal(screen: Screen, run_dir: Path) -> None:
    with on_screen(command(run_dir)) as second:
        assert second.ended() == 1
        assert "another a1d already runs" in second.text.replace("\n", "")
        assert b"\x1b[?1049h" not in second.raw or second.is_as_before()


def test_on_a_dumb_terminal_it_is_a_line_a_second_with_its_time(run_dir: Path) -> None:
    with on_screen(command(run_dir), TERM="dumb") as screen:
        screen.wait(
            lambda text: len(re.findall(r"^\d\d:\d\d:\d\d \d+\.\d C \(cpu\)  fan \d+ %", text, re.MULTILINE)) >= 2
        )
        screen.type("\x03")
        assert screen.ended() == 0
        with pytest.raises(NoDaemonError):
            varlink.call(str(run_dir / "control.sock"), "org.a1d.control.GetStatus")
