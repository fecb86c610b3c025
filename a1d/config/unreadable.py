"""What to do about a configuration that the service may not read. Only imported when there is one."""

from __future__ import annotations

import os

# What ProtectHome of the unit hides, whatever the files' own rights.
_HIDDEN = ("/home", "/root", "/run/user")


def how_to_allow(path: str) -> str:
    """A command, if it is a matter of rights. The file itself may hold a secret, so not everybody is let in."""
    path = os.path.realpath(path)
    if path.startswith(tuple(f"{directory}/" for directory in _HIDDEN)):
        return "the service never sees the homes of users: keep it in /etc/a1d"
    directory = os.path.dirname(path)
    closed = [above for above in _directories(directory) if not os.access(above, os.X_OK)]
    if closed:
        return f"the service runs as the user a1d: sudo chmod a+x {closed[0]}"
    return f"the service runs as the user a1d: sudo chgrp a1d {path} && sudo chmod g+r {path}"


def _directories(directory: str) -> list[str]:
    """It and all above it, the highest first."""
    above = os.path.dirname(directory)
    return [*(_directories(above) if above != directory else ()), directory]
