"""The simulated case's view: what it prints is printable, also where the terminal lacks a character."""

from __future__ import annotations

import os
import re
import select
from collections.abc import Callable, Iterator
from typing import Any, TextIO

import pytest

from a1d.sim.view import View
from tests.client.test_words import GOOD
from tests.virtual import VirtualRig

ODD = {**GOOD, "reason": "cpu\x1b[2J at 45 \u2103", "health": {"state": "degraded", "problems": ["b\x07d \u2103"]}}
OURS = re.compile(r"\x1b\[\d+F\x1b\[J|\x1b\[\d*m")  # what the view itself steers the terminal with
MakeView = Callable[[bool, str], tuple[View, Callable[[], str]]]


@pytest.fixture
def make_view(rig: VirtualRig) -> Iterator[MakeView]:
    """A view on a terminal or on a pipe, and a function that reads what it has printed."""
    opened: list[TextIO] = []
    readers: list[int] = []

    def make(terminal: bool, encoding: str) -> tuple[View, Callable[[], str]]:
        reader, writer = os.openpty() if terminal else os.pipe()
        readers.append(reader)
        out = open(writer, "w", encoding=encoding)  # noqa: SIM115 - closed by the fixture
        opened.append(out)
        view = View(rig.case, "/tmp/a\x1b[2J\u2103/control.sock", out)

        def printed() -> str:
            data = b""
            while select.select([reader], [], [], 0.1)[0]:
                data += os.read(reader, 65536)
            return data.decode(encoding).replace("\r", "")

        return view, printed

    yield make
    for out in opened:
        out.close()
    for reader in readers:
        os.close(reader)


@pytest.mark.parametrize("terminal", [True, False])
@pytest.mark.parametrize(("encoding", "sign"), [("ascii", "\\u2103"), ("utf-8", "\u2103")])
def test_an_odd_name_ends_nothing_and_steers_no_terminal(
    make_view: MakeView, capsys: pytest.CaptureFixture[str], terminal: bool, encoding: str, sign: str
) -> None:
    view, printed = make_view(terminal, encoding)
    gone: list[Any] = []
    view.on_gone = lambda: gone.append(True)
    view.show(ODD)
    view.log("a1d: \x1b[31ma line\x07")
    text = printed()
    assert not gone
    assert OURS.sub("", text).replace("\n", "").isprintable()
    assert f"/tmp/a\\x1b[2J{sign}/control.sock" in text
    assert f"b\\x07d {sign}" in text
    assert "a1d: \\x1b[31ma line\\x07\n" in (text if terminal else capsys.readouterr().err)


def test_a_pipe_gets_a_line_a_second(make_view: MakeView, monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now_s)
    view, printed = make_view(False, "utf-8")
    for now_s in (100.0, 100.5, 101.0, 101.5):  # noqa: B007 - monotonic reads it
        view.show(GOOD)
    assert (
        printed().splitlines()[-2:]
        == ["60.0 C (cpu)  fan 40 %  automatic, profile night until 07:00  ok  the curve of cpu"] * 2
    )
