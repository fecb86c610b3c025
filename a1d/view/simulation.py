"""``a1d --simulate`` on a terminal: the view of ``a1d-ctl top``, and beside it the daemon in a process of its own.

So whatever the terminal does, the daemon's loop does not notice.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable

from a1d.client.words import printable
from a1d.view.top import Top

_START_MAX_S = 3.0
_STOP_MAX_S = 5.0
_LINE_MAX = 4000


def daemon_beside_view(socket_path: str) -> int | None:
    """Two processes. The daemon's gets None, and goes on; the view's gets the exit code of both, when all is over."""
    log_reader, log_writer = os.pipe()
    out_reader, out_writer = os.pipe()
    child = os.fork()
    if child == 0:
        # In a session of its own, Ctrl-C and Ctrl-Z are the view's affair; if the view dies, the pipes break.
        os.setsid()
        for fd, number in ((os.open(os.devnull, os.O_RDONLY), 0), (out_writer, 1), (log_writer, 2)):
            os.dup2(fd, number)
        for fd in (log_reader, log_writer, out_reader, out_writer):
            os.close(fd)
        return None
    os.close(log_writer)
    os.close(out_writer)
    top = Top(socket_path)
    top.model.keeps_log = True
    log = _Lines(log_reader, top.model.add_log)
    code: int | None = None
    try:
        code = _wait_for(child, lambda: os.path.exists(socket_path), _START_MAX_S)
        if code is None:
            # What the daemon prints has nothing new; it is read so that it can go on printing.
            for fd, read in ((log_reader, log.read), (out_reader, lambda: bool(os.read(out_reader, 65536)))):
                top.watch(fd, _until_it_ends(top, fd, read))
            top.run()
    finally:
        if code is None:
            code = _end(child)
        while log.read():
            pass
        sys.stderr.write("".join(f"{printable(line)}\n" for line in top.model.log))
        sys.stderr.flush()
    return code


class _Lines:
    """Hands on each line that comes from a pipe."""

    def __init__(self, fd: int, on_line: Callable[[str], None]) -> None:
        self._fd = fd
        self._on_line = on_line
        self._rest = b""

    def read(self) -> bool:
        """What is there, once it is readable; False when nobody can write any more."""
        data = os.read(self._fd, 65536)
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > _LINE_MAX or not data:
            lines, self._rest = [*lines, self._rest[:_LINE_MAX]], b""
        for line in lines:
            if line:
                self._on_line(line.decode("utf-8", "replace"))
        return bool(data)


def _until_it_ends(top: Top, fd: int, read: Callable[[], bool]) -> Callable[[], None]:
    def on_readable() -> None:
        if not read():
            top.forget(fd)
            top.end()

    return on_readable


def _wait_for(child: int, is_so: Callable[[], bool], seconds: float) -> int | None:
    """Wait until it is so, or the time is over: None; the exit code if the process has ended meanwhile."""
    deadline_s = time.monotonic() + seconds
    while not is_so() and time.monotonic() < deadline_s:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.02)
    return None


def _end(child: int) -> int:
    """Its exit code; asked to stop if it has not ended by itself, and killed if it takes too long."""
    os.kill(child, signal.SIGTERM)
    code = _wait_for(child, lambda: False, _STOP_MAX_S)
    if code is None:
        os.kill(child, signal.SIGKILL)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return code if code >= 0 else 1
