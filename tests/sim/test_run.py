"""What ``a1d --simulate`` prints where there is no view: printable lines with times, for whoever reads them."""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path
from typing import Any

import pytest

from a1d.sim.run import Lines
from tests.client.test_words import GOOD

ODD = {**GOOD, "reason": "cpu\x1b[2J at 45 \u2103", "health": {"state": "degraded", "problems": ["b\x07d \u2103"]}}


@pytest.mark.parametrize(("encoding", "sign"), [("ascii", "\\u2103"), ("utf-8", "\u2103")])
def test_an_odd_name_ends_nothing_and_steers_no_terminal(
    capfd: pytest.CaptureFixture[str], encoding: str, sign: str
) -> None:
    reader, writer = os.pipe()
    with contextlib.suppress(BrokenPipeError), open(writer, "w", encoding=encoding) as out:
        lines = Lines(out)
        gone: list[Any] = []
        lines.on_gone = lambda: gone.append(True)
        lines.show(ODD)
        text = os.read(reader, 65536).decode(encoding)
        assert text.replace("\n", "").isprintable() and f"b\\x07d {sign}" in text
        assert not gone
        os.close(reader)
        lines._shown_s = float("-inf")
        lines.show(GOOD)
        lines.log("a1d: \x1b[31ma line\x07")
    assert gone, "nobody reads any more"
    assert re.fullmatch(r"\d\d:\d\d:\d\d a1d: \\x1b\[31ma line\\x07\n", capfd.readouterr().err)


def test_a_pipe_gets_a_line_a_second(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now_s)
    with open(tmp_path / "out", "w") as out:
        lines = Lines(out)
        for now_s in (100.0, 100.5, 101.0, 101.5):  # noqa: B007 - monotonic reads it
            lines.show(GOOD)
    shown = (tmp_path / "out").read_text().splitlines()
    assert len(shown) == 2
    for line in shown:
        expected = (
            r"\d\d:\d\d:\d\d 60.0 C \(cpu\)  fan 40 %  automatic, profile night until 07:00  ok  "
            "the curve of cpu"
        )
        assert re.fullmatch(expected, line)


def test_nobody_who_reads_slowly_is_waited_for() -> None:
    reader, writer = os.pipe()
    with open(writer, "w") as out:
        lines = Lines(out)
        for _ in range(5000):
            lines._shown_s = float("-inf")
            lines.show(GOOD)
    os.close(reader)
