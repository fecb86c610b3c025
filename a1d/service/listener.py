"""The listening end of the control socket: takes callers in, and says who they are."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
from collections.abc import Iterator

from a1d.service.varlink import Peer

_BACKLOG = 128
# From the kernel's headers; the socket module does not name them.
_SO_PEERGROUPS = 59
_SO_PASSRIGHTS = 83


class Listener:
    """Listens at ``path`` for everybody. OSError if the socket cannot be made."""

    def __init__(self, path: str) -> None:
        self._path = path
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        self._socket = socket.socket(socket.AF_UNIX)
        try:
            self._socket.setblocking(False)
            with contextlib.suppress(OSError):  # Linux before 6.16 has no such option
                self._socket.setsockopt(socket.SOL_SOCKET, _SO_PASSRIGHTS, 0)
            self._socket.bind(path)
            os.chmod(path, 0o666)  # noqa: S103 - everybody may read; who may steer is decided per call
            self._socket.listen(_BACKLOG)
        except OSError:
            self._socket.close()
            raise

    def fileno(self) -> int:
        """Readable while a caller waits."""
        return self._socket.fileno()

    def accept(self) -> socket.socket:
        """The next caller's socket, not blocking. BlockingIOError if none waits, OSError if there is no descriptor."""
        sock, _address = self._socket.accept()
        sock.setblocking(False)
        # Urgent data may carry a descriptor too, and only in its turn does looking show it.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 1)
        return sock

    def close(self) -> Iterator[socket.socket]:
        """Remove the socket, and give out whoever still waits to be accepted."""
        with contextlib.suppress(OSError):
            os.unlink(self._path)
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
            for _ in range(2 * _BACKLOG):
                yield self.accept()
        self._socket.close()


def peer_of(sock: socket.socket) -> Peer:
    """Who is at the other end, from the kernel. OSError if that cannot be told any more."""
    _pid, uid, gid = struct.unpack("iII", sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    raw = b""
    with contextlib.suppress(OSError):  # fewer rights, never more
        raw = sock.getsockopt(socket.SOL_SOCKET, _SO_PEERGROUPS, 1024)  # Python takes no more: 256 groups
    return Peer(uid, frozenset((gid, *(group for (group,) in struct.iter_unpack("I", raw)))))
