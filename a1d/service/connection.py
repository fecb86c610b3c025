"""What the server knows of a client."""

from __future__ import annotations

import socket
from dataclasses import dataclass

from a1d.service.varlink import Peer


@dataclass(eq=False, slots=True)
class Client:
    """``used_s`` is when it was last heard of or took something."""

    sock: socket.socket
    peer: Peer
    is_trusted: bool
    used_s: float
    inbox: bytes = b""  # calls not yet answered, the last of them perhaps not yet whole
    outbox: bytes = b""
    streaming: bool = False
    waiting: bool = False  # for a reply that takes time; meanwhile it is not in the selector

    @property
    def has_call(self) -> bool:
        """Whether it has asked something that nobody has answered yet."""
        return b"\0" in self.inbox
