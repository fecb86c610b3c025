"""What the daemon leaves for the two programs that end its work, in its run directory.

Neither can afford a YAML parser or trust the configuration to be readable when it runs.
"""

from __future__ import annotations

import json
import os
from typing import NamedTuple

FILE_NAME = "stop.json"


class StopSettings(NamedTuple):
    """The part of the configuration that outlives the daemon; ranges as in a1d.config.limits."""

    protocol: str = "register"
    bus: int = 1
    timeout_s: float = 0.3
    failsafe_percent: int = 100
    on_stop: str | int = "failsafe"


def write_stop_settings(run_dir: str, settings: StopSettings) -> None:
    """Replace the file in one step. OSError if the run directory cannot be written."""
    path = os.path.join(run_dir, FILE_NAME)
    # Whatever the umask: who may steer (group a1d) must not write what root's power-cut hook reads.
    fd = os.open(f"{path}.new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
    with open(fd, "w", encoding="utf-8") as file:
        os.fchmod(fd, 0o644)
        json.dump(settings._asdict(), file)
    os.replace(f"{path}.new", path)
