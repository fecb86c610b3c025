"""Files that a driver may be slow to answer are read beside the loop, in a process of its own (read_file.py).

A thread would not do: a thread that hangs in the kernel keeps the killed daemon alive, with the lock, the bus and the
button's line. The process holds nothing of these. Answers are fetched on the tick, so they wake nobody.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import signal
import socket
import sys
from typing import Protocol

from a1d.temperature import read_file

# A read that takes longer than this hangs. Its process is left behind, and another one reads the other files.
HANGS_S = 2.0
# So many processes may hang at once; then nothing is read any more until one of them has ended.
HANGING_MAX = 4
_RESTART_S = 1.0
_POLLS_MIN = 3  # after a pause of the whole machine the answer gets a chance to be fetched
_PROGRAM = os.path.splitext(read_file.__file__)[0] + ".py"
_HANGS = "does not answer: a read hangs in the kernel"
_ASLEEP = "the device sleeps, and is not woken to be asked"

Answer = bytes | OSError


class Request:
    """A file that is to be read. ``answer`` is what it says, or the error; None while nobody knows."""

    def __init__(self, path: str, asked_s: float) -> None:
        self.path = path
        self.asked_s = asked_s
        self.answer: Answer | None = None


class FileReader(Protocol):
    """``ask`` for a file, and ``poll`` until the request has an answer, which it gets in any case. Nothing raises."""

    def ask(self, path: str, now_s: float) -> Request:
        """Have the file read."""

    def poll(self, now_s: float) -> None:
        """Fetch the answers that have come."""

    def wait(self, seconds: float, now_s: float) -> None:
        """As ``poll``, once all answers are there or ``seconds`` have passed."""

    def close(self) -> None:
        """Forget what was asked and end the process; ``ask`` starts another."""


class DirectReader:
    """Reads at once and itself: for files that cannot hang."""

    def ask(self, path: str, now_s: float) -> Request:
        """As in ``FileReader``."""
        request = Request(path, now_s)
        request.answer = _decode(read_file.answer(os.fsencode(path)))
        return request

    def poll(self, now_s: float) -> None:
        """As in ``FileReader``."""

    def wait(self, seconds: float, now_s: float) -> None:
        """As in ``FileReader``."""

    def close(self) -> None:
        """As in ``FileReader``."""


class ReaderProcess:
    """The real one. The process is started by the first ``ask``."""

    def __init__(self) -> None:
        self._socket: socket.socket | None = None
        self._pid = 0
        self._started_s = float("-inf")
        self._asked: list[Request] = []  # in the order in which they will be answered
        self._waiting_since_s = 0.0  # for the first of them
        self._polls = 0  # since then
        self._hanging: dict[int, str] = {}  # processes that were killed, and what they hang in
        self._ending: set[int] = set()

    def ask(self, path: str, now_s: float) -> Request:
        """As in ``FileReader``."""
        request = Request(path, now_s)
        self._reap()
        self._ask(request, now_s)
        return request

    def poll(self, now_s: float) -> None:
        """As in ``FileReader``."""
        self._polls += 1
        while self._socket is not None and self._asked:
            try:
                data = self._socket.recv(64)
            except BlockingIOError:
                break
            except OSError:
                data = b""
            if not data:
                self._give_up(OSError(errno.EPIPE, "not read: the process that reads it has ended"))
                return
            self._asked.pop(0).answer = _decode(data)
            self._waiting_since_s, self._polls = now_s, 0
        if self._asked and now_s - self._waiting_since_s >= HANGS_S and self._polls >= _POLLS_MIN:
            self._leave_behind(now_s)

    def wait(self, seconds: float, now_s: float) -> None:
        """As in ``FileReader``."""
        while self._socket is not None and self._asked:
            if not select.select([self._socket], [], [], seconds)[0]:
                break
            self.poll(now_s)

    def close(self) -> None:
        """As in ``FileReader``."""
        self._end()
        self._asked.clear()
        self._started_s = float("-inf")
        self._reap()

    def _ask(self, request: Request, now_s: float) -> None:
        if request.path in self._hanging.values():
            request.answer = OSError(errno.ETIMEDOUT, _HANGS)
        elif len(self._hanging) >= HANGING_MAX:
            request.answer = OSError(errno.ETIMEDOUT, f"not read: {HANGING_MAX} other reads hang in the kernel")
        elif self._socket is None and now_s - self._started_s < _RESTART_S:
            request.answer = OSError(errno.EAGAIN, "not read: the process that reads it has ended a moment ago")
        else:
            self._send(request, now_s)

    def _send(self, request: Request, now_s: float) -> None:
        try:
            if self._socket is None:
                self._started_s = now_s
                self._start()
            assert self._socket is not None
            self._socket.send(os.fsencode(request.path))
        except OSError as error:
            if isinstance(error, BlockingIOError) and self._socket is not None:  # else no process can be started
                request.answer = OSError(errno.EAGAIN, "not read: too many others wait to be read")
                return
            self._asked.append(request)
            self._give_up(OSError(error.errno, f"not read: no process to read it ({error.strerror})"))
            return
        if not self._asked:
            self._waiting_since_s, self._polls = now_s, 0
        self._asked.append(request)

    def _start(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            try:
                self._pid = os.posix_spawn(
                    sys.executable,
                    [sys.executable, "-I", "-S", _PROGRAM],
                    os.environ,
                    file_actions=[(os.POSIX_SPAWN_DUP2, theirs.fileno(), 0)],
                    setsid=True,
                    setsigmask=[],
                )
            except BaseException:
                ours.close()
                raise
        ours.setblocking(False)
        self._socket = ours

    def _leave_behind(self, now_s: float) -> None:
        """The process hangs: have another one read what this one will not come to."""
        culprit, *others = self._asked
        self._hanging[self._pid] = culprit.path
        self._end()
        self._ending.discard(self._pid)
        self._asked.clear()
        culprit.answer = OSError(errno.ETIMEDOUT, _HANGS)
        self._started_s = float("-inf")
        for request in others:
            self._ask(request, now_s)

    def _give_up(self, error: OSError) -> None:
        for request in self._asked:
            request.answer = error
        self._asked.clear()
        self._end()

    def _end(self) -> None:
        if self._socket is None:
            return
        self._socket.close()
        self._socket = None
        with contextlib.suppress(OSError):
            os.kill(self._pid, signal.SIGKILL)
        self._ending.add(self._pid)

    def _reap(self) -> None:
        for pid in (*self._ending, *self._hanging):
            try:
                if not os.waitpid(pid, os.WNOHANG)[0]:
                    continue
            except ChildProcessError:
                pass
            self._ending.discard(pid)
            self._hanging.pop(pid, None)


def _decode(data: bytes) -> Answer:
    if data.startswith(b"="):
        return data[1:]
    if data == b"z":
        return OSError(errno.EHOSTDOWN, _ASLEEP)
    number = int(data[1:]) if data[1:].isdigit() else 0
    return OSError(number, os.strerror(number))
