"""A call to the daemon, or a stream from it, that never waits: for a loop that has a terminal to look after."""

from __future__ import annotations

import json
import socket

from a1d.client.errors import NoDaemonError
from a1d.client.varlink import MESSAGE_MAX, parameters_of, parse_message, unreachable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Reply = dict[str, Any]

_READ_SIZE = 65536


class Conversation:
    """Connects and sends on construction. Poll ``fileno`` and ``read``; it is over when ``ended``.

    ``wait_max_s`` bounds the time to each whole message, whatever comes in meanwhile.
    NoDaemonError, here and from ``read``, if there is no daemon, or what there is makes no sense.
    """

    def __init__(self, path: str, request: Reply, now_s: float, wait_max_s: float) -> None:
        self.ended = False
        self._path = path
        self._wait_max_s = wait_max_s
        self._deadline_s = now_s + wait_max_s
        self._data = bytearray()
        self._seen = 0
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.setblocking(False)
        raw = json.dumps(request).encode() + b"\0"
        try:
            self._socket.connect(path)
            if self._socket.send(raw) != len(raw):
                raise BlockingIOError
        except OSError as error:
            self.close()
            raise unreachable(path, error) from None

    def fileno(self) -> int:
        """Readable when there is something to ``read``."""
        return self._socket.fileno()

    def read(self, now_s: float) -> Reply | None:
        """The newest whole message's parameters, if one has come; older ones are skipped.

        RefusedError if it is an error.
        """
        try:
            chunk = self._socket.recv(_READ_SIZE)
        except BlockingIOError:
            self.check(now_s)
            return None
        except OSError:
            chunk = b""
        if not chunk:
            raise NoDaemonError(f"the daemon at {self._path} has gone away")
        self._data += chunk
        end = self._data.rfind(b"\0", self._seen)
        if end < 0:
            self._seen = len(self._data)
            if self._seen > MESSAGE_MAX:
                raise NoDaemonError(f"what listens at {self._path} sends more than a1d ever would")
            self.check(now_s)
            return None
        newest = bytes(self._data[self._data.rfind(b"\0", 0, end) + 1 : end])
        del self._data[: end + 1]
        self._seen = len(self._data)
        self._deadline_s = now_s + self._wait_max_s
        message = parse_message(newest, self._path)
        self.ended = message.get("continues") is not True
        return parameters_of(message)

    def check(self, now_s: float) -> None:
        """NoDaemonError if it has taken too long."""
        if now_s > self._deadline_s:
            raise NoDaemonError(f"the daemon at {self._path} does not answer; see 'journalctl -u a1d'")

    def close(self) -> None:
        """Hang up."""
        self.ended = True
        self._socket.close()
