"""a1d-ctl watch on a terminal, and over a restart of the daemon."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from a1d.client.columns import width
from a1d.client.errors import NoDaemonError
from a1d.view.watch import watch
from tests.client.hostile import listening, reply
from tests.client.test_words import GOOD
from tests.process import SimulatedDaemon
from tests.view.screen import on_screen

CTL = [sys.executable, "-m", "a1d.client.main", "--socket"]


def test_a_line_is_cut_to_the_width_and_written_over(tmp_path: Path) -> None:
    wide = GOOD | {"reason": "\u4e2d\u6587" * 50 + "END", "profile": None}
    with (
        listening(tmp_path / "s", reply({"status": wide}, continues=True)) as listener,
        on_screen([*CTL, listener.path, "watch"], 61, 5) as screen,
    ):
        first = screen.wait_for("\u2026").splitlines()[0].rstrip()
        assert first.startswith("60.0 C (cpu)  fan 40 %") and "END" not in first
        assert 57 <= width(first.replace(" \u4e2d", "\u4e2d")) <= 61
        assert b"\x1b[32mok\x1b[0m" in screen.raw, "colours are not counted, and not cut"


def test_a_dumb_terminal_gets_plain_lines(tmp_path: Path) -> None:
    with (
        listening(tmp_path / "s", reply({"status": GOOD}, continues=True)) as listener,
        on_screen([*CTL, listener.path, "watch"], 160, 5, TERM="dumb") as screen,
    ):
        screen.wait_for("fan 40 %")
        assert b"\x1b" not in screen.raw and screen.raw.count(b"\r") == screen.raw.count(b"\r\n")


def test_ctrl_c_leaves_the_prompt_on_a_line_of_its_own(tmp_path: Path) -> None:
    daemon = SimulatedDaemon(tmp_path)
    try:
        daemon.wait_notified("READY=1")
        with on_screen([*CTL, str(daemon.socket_path), "watch"]) as screen:
            screen.wait(lambda text: bool(re.search(r"\d C \(cpu\)  fan", text)))
            screen.type("\x03")
            assert screen.ended() == 130
            assert screen.raw.endswith(b"\r\n")
            assert b"Traceback" not in screen.raw
    finally:
        daemon.close()


@pytest.mark.parametrize("words", ["watch", "watch --json"])
def test_it_goes_on_when_the_daemon_is_back_and_says_once_that_it_was_gone(tmp_path: Path, words: str) -> None:
    first = SimulatedDaemon(tmp_path)
    first.wait_notified("READY=1")
    watching = subprocess.Popen(
        [*CTL, str(first.socket_path), *words.split()], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert watching.stdout and watching.stderr
        assert watching.stdout.readline()
        first.process.kill()
        first.close()
        assert re.fullmatch(r"\d\d:\d\d:\d\d a1d-ctl: .* has gone away; waiting for it\n", watching.stderr.readline())
        (tmp_path / "again").mkdir()
        second = SimulatedDaemon(tmp_path / "again", "--run-dir", str(first.run_dir))
        second.wait_notified("READY=1")
        for _ in range(3):
            assert "automatic" in watching.stdout.readline()
        second.close()
        assert "gone away" in watching.stderr.readline()
    finally:
        watching.kill()
        _out, err = watching.communicate(timeout=5)
    assert err == "", "once for each time"


def test_however_long_it_is_gone_that_is_said_once(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    turns = iter(["up", "down", "down", "up", "down", "down", "end"])

    def replies(_path: str, _method: str) -> Iterator[dict[str, Any]]:
        turn = next(turns)
        if turn == "end":
            raise KeyboardInterrupt
        if turn == "up":
            yield {"status": dict(GOOD)}
        raise NoDaemonError("the daemon has gone away")

    waits: list[float] = []
    monkeypatch.setattr("time.sleep", waits.append)
    with pytest.raises(KeyboardInterrupt):
        watch("/nowhere", replies)
    out, err = capsys.readouterr()
    assert (out.count("60.0 C"), err.count("gone away; waiting for it")) == (2, 2)
    assert waits == [1.0] * 6
