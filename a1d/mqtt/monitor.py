"""The daemon's Monitor, read without ever waiting for it."""

from __future__ import annotations

from a1d.client import words
from a1d.client.conversation import Conversation
from a1d.client.errors import NoDaemonError
from a1d.client.varlink import WAIT_MAX_S
from a1d.errors import A1dError
from a1d.mqtt.states import SHAPE, Status

_REQUEST = {"method": "org.a1d.control.Monitor", "parameters": {}, "more": True}


class Monitor(Conversation):
    """One connection to the daemon at ``path``. NoDaemonError from anything: then close it, and make a new one."""

    def __init__(self, path: str, now_s: float) -> None:
        super().__init__(path, _REQUEST, now_s, WAIT_MAX_S)

    def receive(self, now_s: float) -> Status | None:
        """The latest status of what has come, checked; None if no whole one has.

        One that is late has been overtaken, but what was pressed is counted in the later one, too.
        """
        try:
            reply = self.read(now_s)
            if reply is None:
                return None
            status: Status = words.check(reply.get("status"), SHAPE, "status")
        except NoDaemonError:
            raise
        except (A1dError, ValueError, RecursionError) as error:
            text = f"the answer of what listens at {self._path} cannot be understood ({error})"
            raise NoDaemonError(f"{text}; is it of another version?") from None
        return status
