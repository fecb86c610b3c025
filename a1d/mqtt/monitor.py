"""The daemon's Monitor, read without ever waiting for it."""

from __future__ import annotations

import json
import socket

from a1d.client import words
from a1d.client.varlink import MESSAGE_MAX, WAIT_MAX_S
from a1d.errors import NoDaemonError
from a1d.mqtt.states import SHAPE, Status

_REQUEST = json.dumps({"method": "org.a1d.control.Monitor", "parameters": {}, "more": True}).encode() + b"\0"
_READ_SIZE = 65536


class Monitor:
    """One connection to the daemon at ``path``. NoDaemonError from anything: then it is closed, make a new one."""

    def __init__(self, path: str, now_s: float) -> None:
        self._path = path
        self._data = bytearray()
        self._heard_s = now_s
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.setblocking(False)
        try:
            self._socket.connect(path)
            self._socket.sendall(_REQUEST)
        except OSError as error:
            self.close()
            reason = "too busy to listen" if isinstance(error, BlockingIOError) else error.strerror or error
            raise NoDaemonError(f"no daemon at {path} ({reason})") from None

    def fileno(self) -> int:
        """For select."""
        return self._socket.fileno()

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    def check_time(self, now_s: float) -> None:
        """NoDaemonError if nothing has come for too long."""
        if now_s - self._heard_s > WAIT_MAX_S:
            raise NoDaemonError(f"the daemon at {self._path} does not answer")

    def receive(self, now_s: float) -> Status | None:
        """The latest status of what has come, checked; None if no whole one has."""
        try:
            chunk = self._socket.recv(_READ_SIZE)
        except BlockingIOError:
            return None
        except OSError:
            chunk = b""
        if not chunk:
            raise NoDaemonError(f"the daemon at {self._path} has gone away")
        self._data += chunk
        # A late one has been overtaken, but what was pressed is counted in the later one, too.
        end = self._data.rfind(b"\0")
        if end < 0:
            if len(self._data) > MESSAGE_MAX:
                raise NoDaemonError(f"what listens at {self._path} sends more than a1d ever would")
            return None
        begin = self._data.rfind(b"\0", 0, end) + 1
        raw = bytes(self._data[begin:end])
        del self._data[: end + 1]
        self._heard_s = now_s
        return self._status(raw)

    def _status(self, raw: bytes) -> Status:
        try:
            message = json.loads(raw.decode("utf-8", "replace"))
            parameters = words.check(message, {"parameters": dict}, "reply")["parameters"]
            status: Status = words.check(parameters.get("status"), SHAPE, "status")
        except (ValueError, RecursionError) as error:
            text = f"the answer of what listens at {self._path} cannot be understood ({error})"
            raise NoDaemonError(f"{text}; is it of another version?") from None
        return status
