"""a1d-mqtt's ear at the daemon: whatever answers, it is a status or no daemon."""

from __future__ import annotations

import select
from pathlib import Path

import pytest

from a1d.client.errors import NoDaemonError
from a1d.client.varlink import WAIT_MAX_S
from a1d.mqtt.monitor import Monitor
from tests.client.hostile import listening, reply


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"hello\0", "does not answer as a1d would"),
        (reply({"status": {}}, continues=True), r"cannot be understood \(status.version: found None"),
        (reply({"reason": "no"}, error="org.a1d.control.Failed"), r"cannot be understood \(no\)"),
        (b"[" * 1000 + b"\0", "does not answer as a1d would"),
        (b"x" * 3_000_000, "sends more than a1d ever would"),
        (b"", "has gone away"),
    ],
)
def test_what_makes_no_sense_is_no_daemon(tmp_path: Path, answer: bytes, said: str) -> None:
    with listening(tmp_path / "s", answer) as listener:
        monitor = Monitor(listener.path, 0.0)
        with pytest.raises(NoDaemonError, match=said):
            while True:
                select.select([monitor], [], [], 5)
                assert monitor.receive(0.0) is None
        monitor.close()


def test_where_nobody_listens_there_is_no_daemon(tmp_path: Path) -> None:
    with pytest.raises(NoDaemonError, match=f"no daemon at {tmp_path}/s"):
        Monitor(str(tmp_path / "s"), 0.0)


def test_one_that_says_nothing_for_too_long_is_none(tmp_path: Path) -> None:
    with listening(tmp_path / "s", lambda _request: []) as listener:
        monitor = Monitor(listener.path, 0.0)
        monitor.check(WAIT_MAX_S)
        with pytest.raises(NoDaemonError, match="does not answer"):
            monitor.check(WAIT_MAX_S + 0.1)
        monitor.close()
