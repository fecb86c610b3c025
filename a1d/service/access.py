"""Who may steer: root, the daemon's own user, and the group a1d. Everybody may read."""

from __future__ import annotations

import functools
import os

from a1d.errors import DeniedError
from a1d.service.varlink import Peer

GROUP = "a1d"
_GROUP_FILE = "/etc/group"
_SIZE_MAX = 1024 * 1024


@functools.cache
def steering_gid() -> int | None:
    """The id of the group a1d, None if this machine has none.

    From the file, where installing makes it. The system's look-up may ask a server and wait, and costs 0.4 MB.
    """
    try:
        with open(_GROUP_FILE, "rb") as file:
            lines = file.read(_SIZE_MAX).splitlines()
        fields = next(line for line in lines if line.startswith(f"{GROUP}:".encode())).split(b":")
        return int(fields[2])
    except (OSError, StopIteration, IndexError, ValueError):
        return None


def may_steer(peer: Peer) -> bool:
    """Whether the kernel says that ``peer`` is root, this process's user, or in the group a1d."""
    return peer.uid in (0, os.geteuid()) or steering_gid() in peer.groups


def require_steering(peer: Peer) -> None:
    """DeniedError unless ``peer`` may steer."""
    if not may_steer(peer):
        raise DeniedError(f"steering needs root or the group {GROUP}")
