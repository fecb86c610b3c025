"""Closes a client's socket without waiting for what the client left in it.

A message can carry descriptors. Whoever drops the last reference to one closes it, and the kernel may make that
wait: a TCP socket that lingers takes as long as its sender chose, a deleted file in memory has to be freed. The daemon
must never be the one who waits. So it looks before it reads, takes no byte that carries a descriptor, and leaves the
socket to a process of its own: ``sleep``, which drops it at its end.
"""

from __future__ import annotations

import contextlib
import os
import socket

# So many may be closing at once; the others wait, unread, and take up their owners' places.
CLOSING_MAX = 4
_READ_SIZE = 65536


def carries_descriptors(sock: socket.socket, size: int) -> tuple[bool, int]:
    """Whether a descriptor lies in the next ``size`` waiting bytes, and how many bytes may be read instead.

    (False, 0) if nothing waits and nothing will come. BlockingIOError if nothing waits now; OSError if it is broken.
    """
    # Looking drops no reference. Where no room is given for descriptors, the kernel says that some were cut off.
    data, _ancillary, flags, _address = sock.recvmsg(size, 0, socket.MSG_PEEK)
    return bool(flags & socket.MSG_CTRUNC), len(data)


class Discarder:
    """``discard`` sockets; call ``tick`` once a tick, and ``close`` at the end."""

    def __init__(self) -> None:
        self._waiting: list[socket.socket] = []
        self._pids: set[int] = set()

    @property
    def waiting(self) -> int:
        """How many sockets are still open, because a process for them could not be had yet."""
        return len(self._waiting)

    def discard(self, sock: socket.socket) -> None:
        """Close a socket of this server, now or soon. Never waits."""
        if _drain(sock):
            sock.close()
        else:
            self._waiting.append(sock)
            self.tick()

    def tick(self) -> None:
        """Hand over what waits, and ask which of the processes have ended."""
        for pid in list(self._pids):
            with contextlib.suppress(ChildProcessError):
                if not os.waitpid(pid, os.WNOHANG)[0]:
                    continue
            self._pids.discard(pid)
        while self._waiting and len(self._pids) < CLOSING_MAX:
            try:
                self._pids.add(_hand_over(self._waiting[-1]))
            except OSError:
                return  # no process can be started now; the next tick tries again
            self._waiting.pop().close()

    def close(self) -> None:
        """At the end of the daemon: hand over all that waits, however many that are; what cannot be, waits for exit.

        The kernel does not linger for a process that exits.
        """
        while self._waiting:
            try:
                _hand_over(self._waiting[-1])
            except OSError:
                return
            self._waiting.pop().close()


def _drain(sock: socket.socket) -> bool:
    """Read what waits, up to the end or to a descriptor; whether the end was reached."""
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)  # nothing more comes in, and its other end sees that it is over
    try:
        while True:
            found, size = carries_descriptors(sock, _READ_SIZE)
            if found:
                return False
            if not size:
                return True
            sock.recv(size)
    except OSError:
        return True


def _hand_over(sock: socket.socket) -> int:
    """Start a process that holds ``sock`` open for a second; its pid. OSError if none can be started."""
    return os.posix_spawnp(
        "sleep",
        ["sleep", "1"],
        {"PATH": os.environ.get("PATH", os.defpath)},
        file_actions=[(os.POSIX_SPAWN_DUP2, sock.fileno(), 0)],
    )
