"""Where things are, for every program of the package. Standard library only."""

from __future__ import annotations

import os

CONFIG_PATH = "/etc/a1d/config.yaml"
RUN_DIR = "/run/a1d"
SOCKET_NAME = "control.sock"


def service_run_dir() -> str:
    """The run directory that systemd made for the service, or ``/run/a1d``.

    A drop-in with a ``RuntimeDirectory=`` of its own makes several, separated by colons. The first is the unit's own.
    """
    return os.environ.get("RUNTIME_DIRECTORY", "").partition(":")[0] or RUN_DIR
