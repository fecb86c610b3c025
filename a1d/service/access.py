"""Who may steer: root, the daemon's own user, and the group a1d. Everybody may read."""

from __future__ import annotations

import functools
import grp
import os

from a1d.errors import DeniedError
from a1d.service.varlink import Peer

GROUP = "a1d"


@functools.cache
def steering_gid() -> int | None:
    """The id of the group a1d, None if this machine has none. Asked once: looking a group up can take long."""
    try:
        return grp.getgrnam(GROUP).gr_gid
    except KeyError:
        return None


def may_steer(peer: Peer) -> bool:
    """Whether the kernel says that ``peer`` is root, this process's user, or in the group a1d."""
    return peer.uid in (0, os.geteuid()) or steering_gid() in peer.groups


def require_steering(peer: Peer) -> None:
    """DeniedError unless ``peer`` may steer."""
    if not may_steer(peer):
        raise DeniedError(f"steering needs root or the group {GROUP}")
