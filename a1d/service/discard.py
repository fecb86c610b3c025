"""Closes a client's socket without waiting for what the client left in it.

A message can carry descriptors. Whoever drops the last reference to one closes it, and the kernel may make that
wait: a TCP socket that lingers takes as long as its sender chose, a deleted file in memory has to be freed. The daemon
must never be the one who waits. So it looks before it reads, takes no byte that carries a descriptor, and leaves the
sockets, many at once, to a process of its own: ``sleep``, which is killed as soon as it is the last to hold them.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket

CLOSING_MAX = 16  # processes that may be closing at once; what is left after them waits, unread
BATCH = 32  # do not wait for the tick with more than so many
WAITING_MAX = 256  # each costs a descriptor, and the bus needs one, too
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

    @property
    def is_full(self) -> bool:
        """Whether no more may be accepted, because what comes might have to be discarded."""
        return len(self._waiting) >= WAITING_MAX

    def discard(self, sock: socket.socket) -> None:
        """Close a socket of this server, now or soon. Never waits."""
        if _drain(sock):
            sock.close()
            return
        self._waiting.append(sock)
        if len(self._waiting) % BATCH == 0:
            self.tick()

    def tick(self) -> None:
        """Ask which of the processes have ended, and hand over what waits."""
        for pid in list(self._pids) if self._pids else ():
            with contextlib.suppress(ChildProcessError):
                if not os.waitpid(pid, os.WNOHANG)[0]:
                    continue
            self._pids.discard(pid)
        if self._waiting and len(self._pids) < CLOSING_MAX:
            self._hand_over()

    def close(self) -> None:
        """At the end of the daemon: hand over all that waits; what cannot be, waits for exit.

        The kernel does not linger for a process that exits.
        """
        self._hand_over()

    def _hand_over(self) -> None:
        """Leave what waits to a process that ends at once; the next tick tries again if none can be started."""
        if not self._waiting:
            return
        for sock in self._waiting:
            sock.set_inheritable(True)
        path = {"PATH": os.environ.get("PATH", os.defpath)}
        try:
            pid = os.posix_spawnp("sleep", ["sleep", "60"], path)  # 60 s: should the daemon die before the next line
        except OSError:
            for sock in self._waiting:
                sock.set_inheritable(False)
            return
        self._pids.add(pid)
        while self._waiting:
            self._waiting.pop().close()
        os.kill(pid, signal.SIGKILL)


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
