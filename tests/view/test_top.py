"""a1d-ctl top as a user has it: a real process on a terminal of its own, before a real daemon or a liar."""

from __future__ import annotations

import itertools
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from a1d.view.terminal import speaks_unicode
from tests.client.hostile import listening, reply, slowly
from tests.client.test_words import GOOD
from tests.process import SimulatedDaemon
from tests.view.screen import LEAVE, Screen, on_screen

CTL = [sys.executable, "-m", "a1d.client.main"]
NUMBERS = re.compile(r"\d+\.\d C  fan \d+ %")


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatedDaemon]:
    daemon = SimulatedDaemon(tmp_path_factory.mktemp("top"))
    daemon.wait_notified("READY=1")
    yield daemon
    daemon.close()


def top(socket_path: object) -> list[str]:
    return [*CTL, "--socket", str(socket_path), "top"]


def has_numbers(text: str) -> bool:
    return bool(NUMBERS.search(text))


@pytest.fixture(scope="module")
def screen(daemon: SimulatedDaemon) -> Iterator[Screen]:
    with on_screen(top(daemon.socket_path)) as screen:
        screen.wait(has_numbers)
        yield screen


def test_it_shows_the_numbers_the_histories_the_curve_and_the_sensors(screen: Screen) -> None:
    # Waited for one by one: a frame may come in pieces.
    for words in (
        "on a simulated case",
        "because",
        "temperature C",
        "fan %",
        "curve of cpu",
        "sensors",
        "button",
        "q quit",
    ):
        screen.wait_for(words)
    screen.wait_for("\u25cf")
    assert len(screen.colours()) > 3


def test_keys_steer_the_fan(screen: Screen, daemon: SimulatedDaemon) -> None:
    screen.type("++")
    screen.wait_for("the fan is held at")
    assert daemon.status()["mode"] == "manual"
    screen.wait_for("manual, ")
    screen.type("a")
    screen.wait_for("automatic control again")
    assert daemon.status()["mode"] == "automatic"


def test_keys_play_with_the_simulated_case(screen: Screen, daemon: SimulatedDaemon) -> None:
    screen.type("f")
    screen.wait_for("a-l switch")
    screen.type("a")
    screen.wait_for("*no-answer")
    assert daemon.case()["faults"] == ["no-answer"]
    screen.type("a")
    screen.wait(lambda text: "*no-answer" not in text)
    screen.type(" d")
    screen.wait_for("pressed twice")
    screen.wait_for("dry run of reboot")
    screen.type("h")
    screen.wait_for("POWER IS CUT IN")
    screen.wait_for("POWER IS CUT, o: on again")
    screen.type("o")
    screen.wait_for("fan turns at")
    assert daemon.case()["power_cut_s"] is None


def test_help_comes_and_goes(screen: Screen) -> None:
    screen.type("?")
    screen.wait_for("this page")
    screen.type("q")
    screen.wait(has_numbers)
    assert screen.process.poll() is None


@pytest.mark.parametrize("size", [(40, 10), (200, 60), (39, 10), (80, 24)])
def test_after_a_resize_nothing_of_before_is_left(screen: Screen, size: tuple[int, int]) -> None:
    """Whatever a terminal makes of the old picture, here the worst: a character everywhere."""
    screen.fill("@")
    screen.resize(*size)
    last = "this is 39x10" if size[0] < 40 else "d double press" if size[1] > 20 else "q quit"
    text = screen.wait(lambda text: "@" not in text and last in text)
    assert len(text.splitlines()) == size[1]
    assert size[0] < 40 or all(words in text for words in ("because", "temperature C", "fan %"))


def test_a_second_costs_few_bytes_and_one_write(screen: Screen) -> None:
    screen.resize(80, 24)
    screen.wait(lambda text: "temperature C" in text and "q quit" in text)
    screen.read(1.0)
    before = len(screen.raw)
    screen.read(4.0)
    assert (len(screen.raw) - before) / 4 < 1000


def ends(screen: Screen, how: object) -> int:
    screen.wait(has_numbers)
    if isinstance(how, str):
        screen.type(how)
    else:
        assert isinstance(how, int)
        screen.process.send_signal(how)
    return screen.ended()


@pytest.mark.parametrize(
    ("how", "code"),
    [("q", 0), ("\x03", 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129), ("\x1c", 131)],
    ids=["q", "Ctrl-C", "SIGTERM", "SIGHUP", "Ctrl-backslash"],
)
def test_however_it_ends_the_terminal_is_as_before(daemon: SimulatedDaemon, how: object, code: int) -> None:
    with on_screen(top(daemon.socket_path)) as screen:
        screen.wait(has_numbers)
        screen.resize(60, 24)  # the terminal is taken over again
        screen.fill("@")
        screen.wait(lambda text: "@" not in text)
        assert ends(screen, how) == code
        assert screen.is_as_before()
        assert screen.raw.endswith(LEAVE), "nothing is printed after it"


def test_a_bug_leaves_the_terminal_as_before_and_a_traceback(daemon: SimulatedDaemon) -> None:
    code = (
        "import a1d.view.top as top, itertools\n"
        "real, turns = top.frame, itertools.count()\n"
        "def frame(*a, **b):\n    if next(turns) == 3: raise RuntimeError('a bug')\n    return real(*a, **b)\n"
        f"top.frame = frame\ntop.run({str(daemon.socket_path)!r})"
    )
    with on_screen([sys.executable, "-c", code]) as screen:
        assert screen.ended() == 1
        assert screen.is_as_before()
        assert b"RuntimeError: a bug" in screen.raw.rpartition(LEAVE)[2]


def test_ctrl_z_gives_the_terminal_back_and_fg_draws_it_all_again(daemon: SimulatedDaemon) -> None:
    with on_screen(top(daemon.socket_path)) as screen:
        screen.wait(has_numbers)
        screen.type("\x1a")
        stopped = Path(f"/proc/{screen.process.pid}/stat")
        deadline_s = time.monotonic() + 5
        while stopped.read_text().rpartition(")")[2].split()[0] != "T":
            assert time.monotonic() < deadline_s
            screen.read(0.05)
        screen.read(0.1)
        assert screen.is_as_before()
        before = len(screen.raw)
        screen.process.send_signal(signal.SIGCONT)
        screen.wait(lambda _text: b"because" in screen.raw[before:])
        assert screen.raw[before:].startswith(b"\x1b[?1049h")
        assert ends(screen, "q") == 0
        assert screen.is_as_before()


def test_a_daemon_that_goes_is_said_and_one_that_comes_back_is_shown(tmp_path: Path) -> None:
    first = SimulatedDaemon(tmp_path)
    first.wait_notified("READY=1")
    with on_screen(top(first.socket_path)) as screen:
        screen.wait(has_numbers)
        first.process.kill()
        first.close()
        screen.wait_for("NO DAEMON for")
        assert not has_numbers(screen.text)
        (tmp_path / "again").mkdir()
        second = SimulatedDaemon(tmp_path / "again", "--run-dir", str(first.run_dir))
        try:
            screen.wait(has_numbers)
            assert "NO DAEMON" not in screen.text
        finally:
            second.close()


def test_without_a_daemon_it_says_how_to_start_one_and_waits(tmp_path: Path) -> None:
    with on_screen(top(tmp_path / "none")) as screen:
        screen.wait_for("systemctl start a1d")
        screen.type("?")
        screen.wait_for("this page")
        screen.type(" q")
        assert screen.ended() == 0


@pytest.mark.parametrize("colour", [True, False])
def test_ascii_where_the_locale_has_no_more_and_no_colour_where_none_is_wanted(
    daemon: SimulatedDaemon, colour: bool
) -> None:
    command = ["env", f"NO_COLOR={'' if colour else 1}", *top(daemon.socket_path)]
    with on_screen(command, LANG="C") as screen:
        screen.wait_for("curve of cpu")
        assert screen.raw.isascii()
        assert (screen.colours() == {"default"}) is not colour
        assert ends(screen, "q") == 0


@pytest.mark.parametrize(
    ("environment", "speaks"),
    [
        ({"LANG": "en_GB.UTF-8"}, True),
        ({"LANG": "de_DE.utf8"}, True),
        ({"LC_ALL": "C", "LANG": "en_GB.UTF-8"}, False),
        ({"LC_CTYPE": "C.UTF-8"}, False),  # written there by Python itself
        ({"LC_CTYPE": "C.UTF-8", "LANG": "en_GB.UTF-8"}, True),
        ({"LC_CTYPE": "UTF-8"}, True),
        ({"LANG": "en_GB.UTF-8", "TERM": "linux"}, False),
        ({}, False),
    ],
)
def test_whether_the_terminal_speaks_unicode(environment: dict[str, str], speaks: bool) -> None:
    assert speaks_unicode(environment) is speaks


@pytest.mark.parametrize("how", ["piped", "dumb"])
def test_without_a_terminal_it_is_a_sentence_and_2(tmp_path: Path, how: str) -> None:
    command = top(tmp_path / "none")
    if how == "piped":
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=10)
        code, said = done.returncode, done.stderr
        assert done.stdout == ""
    else:
        with on_screen(command, TERM="dumb") as screen:
            code, said = screen.ended(), screen.text
    assert code == 2
    assert ("TERM is dumb" in said) == (how == "dumb")
    assert "top needs a terminal" in said and "Traceback" not in said


# -- what is not a daemon ------------------------------------------------------------------------------


def test_a_hostile_daemon_steers_no_terminal(tmp_path: Path) -> None:
    evil = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202e\r\n"
    status = GOOD | {
        "reason": evil,
        "mode": "manual" + evil,
        "health": {"state": evil, "problems": [evil] * 50},
        "sensors": [{"name": evil, "temp_celsius": 50.0, "age_s": 1, "error": None}] * 100,
        "profile": {"name": evil, "by_hand": False, "until": evil, "remaining_s": None},
        "warnings": [evil] * 50,
    }
    answer = reply({"status": status, "curves": []}, continues=True)
    with (
        listening(tmp_path / "s", lambda _request: slowly([answer] * 30, 0.1)) as listener,
        on_screen(top(listener.path)) as screen,
    ):
        screen.wait_for("because")
        screen.wait_for("owned")
        screen.type("q")
        assert screen.ended() == 0
    ours = re.compile(rb"\x1b\[[\d;]*[mHJK]|\x1b\[\?(1049|25|7)[hl]")
    left = ours.sub(b"", screen.raw)
    assert b"\x1b" not in left and b"\x07" not in left and b"\r" not in left
    assert left.decode().isprintable()


def test_a_flood_is_drawn_ten_times_a_second_and_fills_no_memory(tmp_path: Path) -> None:
    def flood(_request: bytes) -> Iterator[bytes]:
        for count in itertools.count():
            status = GOOD | {"temp_celsius": count % 100, "health": {"state": "ok", "problems": ["x" * 500] * 40}}
            yield json.dumps({"parameters": {"status": status}, "continues": True}).encode() + b"\0"

    with listening(tmp_path / "s", flood) as listener, on_screen(top(listener.path)) as screen:
        screen.wait(has_numbers)
        screen.read(0.5)

        def rss_mb() -> float:
            found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{screen.process.pid}/status").read_text())
            assert found
            return int(found[1]) / 1024

        before_mb, sent = rss_mb(), len(screen.raw)
        screen.read(3.0)
        assert rss_mb() < before_mb + 3
        frames = screen.raw.count(b"\x1b[3;", sent)  # the row of the temperature
        assert 3 <= frames <= 40
        assert len(screen.raw) - sent < 20_000
        screen.type("q")
        assert screen.ended(5) == 0


@pytest.mark.parametrize(
    ("nonsense", "said"),
    [
        (b"hello\0", "does not answer as a1d would"),
        (reply({"status": {}}, continues=True), "status.version: found None"),
        (b"[" * 3_000_000, "sends more than a1d ever would"),
    ],
)
def test_nonsense_is_no_daemon_and_the_keys_go_on_working(tmp_path: Path, nonsense: bytes, said: str) -> None:
    with listening(tmp_path / "s", nonsense) as listener, on_screen(top(listener.path), 200, 20) as screen:
        screen.wait_for("NO DAEMON")
        screen.wait_for(said)
        screen.read(1.5)
        screen.type("q")
        assert screen.ended(5) == 0
        assert b"Traceback" not in screen.raw


def test_a_terminal_that_takes_nothing_keeps_nobody(daemon: SimulatedDaemon) -> None:
    """Nobody reads the pty: its buffer fills, the program draws no more, and still ends when it is told to."""
    with on_screen(top(daemon.socket_path), 200, 60) as screen:
        screen.wait(has_numbers)
        for size in range(60):  # each a whole frame
            screen.resize(200, 60 + size % 2)
            time.sleep(0.03)
        begin_s = time.monotonic()
        screen.process.terminate()
        while screen.process.poll() is None:
            assert time.monotonic() < begin_s + 3
            time.sleep(0.02)
        assert screen.process.returncode == 143


def test_it_imports_no_more_than_it_needs() -> None:
    code = "import sys; from a1d.client.main import main; import a1d.view.top; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    unwanted = {
        "argparse",
        "curses",
        "dataclasses",
        "shutil",
        "subprocess",
        "threading",
        "typing",
        "yaml",
        "unicodedata",
    }
    assert unwanted & set(loaded) - set(os.environ.get("PYTHONSTARTUP", "").split()) == set()
