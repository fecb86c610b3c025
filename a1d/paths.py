"""Where things are, for every program of the package. Standard library only."""

from __future__ import annotations

import os

CONFIG_PATH = "/etc/a1d/config.yaml"
RUN_DIR = "/run/a1d"
SOCKET_NAME = "control.sock"


def simulation_run_dir() -> str:
    """The run directory of this user's simulated case."""
    return f"/tmp/a1d-{os.geteuid()}"
