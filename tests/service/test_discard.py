"""Closing a client's socket: when at once, when by a process of its own, and how many of those there are."""

from __future__ import annotations

import errno
import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from a1d.service.discard import BATCH, CLOSING_MAX, Discarder, carries_descriptors

Pair = tuple[socket.socket, socket.socket]


class Processes:
    """Where ``posix_spawnp`` and ``waitpid`` would go: processes that end when the test says so."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.started: list[tuple[Any, ...]] = []
        self.ended: set[int] = set()
        self.reaped_by_another: set[int] = set()
        self.start_error: OSError | None = None
        self.killed: list[tuple[int, int, bool]] = []  # and whether ``closed_by_then`` was closed by then
        self.closed_by_then: socket.socket | None = None
        self.inherited: list[bool] = []
        monkeypatch.setattr(os, "posix_spawnp", self._spawn)
        monkeypatch.setattr(os, "waitpid", self._wait)
        monkeypatch.setattr(os, "kill", self._kill)

    def _spawn(self, *call: Any, **options: Any) -> int:
        if self.start_error is not None:
            raise self.start_error
        if self.closed_by_then is not None:
            self.inherited.append(self.closed_by_then.get_inheritable())
        self.started.append((*call, options))
        return len(self.started)

    def _kill(self, pid: int, number: int) -> None:
        self.killed.append((pid, number, self.closed_by_then is None or self.closed_by_then.fileno() == -1))

    def _wait(self, pid: int, flags: int) -> tuple[int, int]:
        assert flags == os.WNOHANG, "the daemon must not wait"
        if pid in self.reaped_by_another:
            raise ChildProcessError(errno.ECHILD, "no such child")
        return (pid, 0) if pid in self.ended else (0, 0)


@pytest.fixture
def processes(monkeypatch: pytest.MonkeyPatch) -> Processes:
    return Processes(monkeypatch)


@pytest.fixture
def pair() -> Iterator[Callable[[], Pair]]:
    """Makes (the server's, the client's) sockets, both non-blocking."""
    with ExitStack() as stack:

        def make() -> Pair:
            ours, theirs = socket.socketpair()
            for sock in (ours, theirs):
                sock.setblocking(False)
                stack.enter_context(sock)
            return ours, theirs

        yield make


def send_descriptor(theirs: socket.socket, text: bytes = b"x") -> None:
    socket.send_fds(theirs, [text], [theirs.fileno()])


def carrying(pair: Callable[[], Pair]) -> socket.socket:
    """A server's socket in which a descriptor waits."""
    ours, theirs = pair()
    send_descriptor(theirs)
    return ours


def test_looking_reads_nothing_and_says_what_may_be_read(pair: Callable[[], Pair]) -> None:
    ours, theirs = pair()
    with pytest.raises(BlockingIOError):
        carries_descriptors(ours, 10)
    theirs.send(b"hello")
    assert carries_descriptors(ours, 3) == (False, 3)
    assert carries_descriptors(ours, 10) == (False, 5)
    assert ours.recv(10) == b"hello"
    send_descriptor(theirs)
    assert carries_descriptors(ours, 10) == (True, 1)
    assert carries_descriptors(ours, 10) == (True, 1), "it was not taken"
    ours.recv(1)
    theirs.close()
    assert carries_descriptors(ours, 10) == (False, 0)


@pytest.mark.parametrize("waiting", [0, 1, 100_000])
def test_what_carries_no_descriptor_is_closed_at_once(
    pair: Callable[[], Pair], processes: Processes, waiting: int
) -> None:
    ours, theirs = pair()
    theirs.send(b"x" * waiting)
    discarder = Discarder()
    discarder.discard(ours)
    assert ours.fileno() == -1
    assert discarder.waiting == 0
    assert processes.started == []
    assert theirs.recv(1) == b""


def test_what_is_broken_is_closed_at_once(pair: Callable[[], Pair], processes: Processes) -> None:
    ours, theirs = pair()
    ours.send(b"never read")
    theirs.close()  # a reset
    Discarder().discard(ours)
    assert ours.fileno() == -1
    assert processes.started == []


@pytest.mark.parametrize("before", [b"", b"x" * 1000])
def test_what_carries_one_goes_to_a_process_that_is_killed_as_the_last_holder(
    pair: Callable[[], Pair], processes: Processes, monkeypatch: pytest.MonkeyPatch, before: bytes
) -> None:
    monkeypatch.setenv("PATH", "/some/where")
    ours, theirs = pair()
    if before:
        theirs.send(before)
    send_descriptor(theirs)
    processes.closed_by_then = ours
    discarder = Discarder()
    with ours.dup():  # as the process would hold it
        discarder.discard(ours)
        assert theirs.recv(1) == b"", "the client is told that it is over"
        assert (processes.started, discarder.waiting) == ([], 1)
        discarder.tick()
    assert processes.started == [("sleep", ["sleep", "60"], {"PATH": "/some/where"}, {})]
    assert processes.inherited == [True]
    assert processes.killed == [(1, signal.SIGKILL, True)], "killed before the daemon had let go of it"
    assert ours.fileno() == -1
    assert discarder.waiting == 0


def test_the_process_is_found_without_a_path_too(
    pair: Callable[[], Pair], processes: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PATH")
    discarder = Discarder()
    discarder.discard(carrying(pair))
    discarder.tick()
    assert processes.started[0][2] == {"PATH": os.defpath}


def test_a_crowd_does_not_wait_for_the_tick(pair: Callable[[], Pair], processes: Processes) -> None:
    discarder = Discarder()
    for _ in range(BATCH):
        assert processes.started == []
        discarder.discard(carrying(pair))
    assert len(processes.started) == 1
    assert discarder.waiting == 0


@pytest.mark.parametrize("how", ["ended", "reaped_by_another"])
def test_only_so_many_processes_at_once_and_the_rest_waits(
    pair: Callable[[], Pair], processes: Processes, how: str
) -> None:
    discarder = Discarder()
    for _ in range(CLOSING_MAX):
        discarder.discard(carrying(pair))
        discarder.tick()
    discarder.discard(carrying(pair))
    discarder.tick()
    assert (len(processes.started), discarder.waiting) == (CLOSING_MAX, 1)
    getattr(processes, how).add(2)
    discarder.tick()
    assert (len(processes.started), discarder.waiting) == (CLOSING_MAX + 1, 0)
    discarder.discard(carrying(pair))
    discarder.tick()
    assert discarder.waiting == 1, "a process that has ended counts once"


def test_there_is_an_end_to_what_may_wait(
    pair: Callable[[], Pair], processes: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("a1d.service.discard.WAITING_MAX", 3)
    processes.start_error = OSError(errno.EAGAIN, "no process")
    discarder = Discarder()
    for count in range(1, 4):
        assert not discarder.is_full
        discarder.discard(carrying(pair))
        assert discarder.waiting == count
    assert discarder.is_full


def test_what_cannot_be_handed_over_waits_open_for_a_later_tick(pair: Callable[[], Pair], processes: Processes) -> None:
    processes.start_error = OSError(errno.EAGAIN, "no process")
    discarder = Discarder()
    sockets = [carrying(pair) for _ in range(2)]
    for sock in sockets:
        discarder.discard(sock)
    discarder.tick()
    discarder.close()
    assert discarder.waiting == 2
    assert [sock.get_inheritable() for sock in sockets] == [False, False], "another command would hold them"
    processes.start_error = None
    discarder.tick()
    assert discarder.waiting == 0
    assert all(sock.fileno() == -1 for sock in sockets)


def test_at_the_end_all_are_handed_over_whatever_else_closes(pair: Callable[[], Pair], processes: Processes) -> None:
    discarder = Discarder()
    for _ in range(CLOSING_MAX):
        discarder.discard(carrying(pair))
        discarder.tick()
    sockets = [carrying(pair) for _ in range(3)]
    for sock in sockets:
        discarder.discard(sock)
    discarder.close()
    assert discarder.waiting == 0
    assert all(sock.fileno() == -1 for sock in sockets)


def test_what_refuses_to_be_shut_down_is_closed_all_the_same(processes: Processes) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as sock:  # not connected: shutdown raises
        sock.setblocking(False)
        Discarder().discard(sock)
        assert sock.fileno() == -1
    assert processes.started == []
