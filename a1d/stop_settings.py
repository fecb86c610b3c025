"""What the two small programs know of the configuration. Standard library only.

The daemon leaves it in its run directory, because neither program can afford a YAML parser or trust the
file to be readable when it runs. Whatever is missing or odd gives the safest default.
"""

from __future__ import annotations

import json
import os
import re
from typing import NamedTuple

FILE_NAME = "stop.json"
_SIZE_MAX = 4096
# A key at the start of a line or within braces, perhaps in quotes, and not in a comment.
_KEY = r"(?:^|[{{,])\s*(?P<quote>[\"']?){}(?P=quote)\s*:\s*"


class StopSettings(NamedTuple):
    """The part of the configuration that outlives the daemon."""

    protocol: str = "register"
    bus: int = 1
    timeout_s: float = 0.3
    failsafe_percent: int = 100
    on_stop: str | int = "failsafe"


def write_stop_settings(run_dir: str, settings: StopSettings) -> None:
    """Replace the file in one step. OSError if the run directory cannot be written."""
    path = os.path.join(run_dir, FILE_NAME)
    with open(f"{path}.new", "w", encoding="utf-8") as file:
        json.dump(settings._asdict(), file)
    os.replace(f"{path}.new", path)


def read_stop_settings(run_dir: str, config_path: str) -> StopSettings:
    """The daemon's file; without it the defaults, with the protocol and bus that the configuration names."""
    found: object = None
    try:
        with open(os.path.join(run_dir, FILE_NAME), encoding="utf-8") as file:
            found = json.loads(file.read(_SIZE_MAX))
    except (OSError, ValueError, RecursionError):
        pass
    found = found if isinstance(found, dict) else {}
    default = StopSettings()
    protocol, bus = found.get("protocol"), _int(found.get("bus"), 0, 99, -1)
    if protocol not in ("register", "legacy") or bus < 0:
        seems = glance_at(_read(config_path))
        protocol, bus = seems.protocol, seems.bus
    timeout_s = found.get("timeout_s")
    return StopSettings(
        protocol=protocol,
        bus=bus,
        timeout_s=timeout_s if type(timeout_s) in (int, float) and 0 <= timeout_s <= 2 else default.timeout_s,
        failsafe_percent=_int(found.get("failsafe_percent"), 30, 100, default.failsafe_percent),
        on_stop=_on_stop(found.get("on_stop"), default.on_stop),
    )


def glance_at(text: str) -> StopSettings:
    """The defaults, with ``protocol`` and ``bus`` as a configuration that cannot be read seems to give them.

    The wrong protocol can hang an old case (L1), so better a line that names it than a default.
    """
    settings = StopSettings()
    if re.search(_KEY.format("protocol") + r"[\"']?l", text, re.MULTILINE | re.IGNORECASE):
        settings = settings._replace(protocol="legacy")
    if bus := re.search(_KEY.format("bus") + r"(?P<bus>\d{1,2})\b", text, re.MULTILINE):
        settings = settings._replace(bus=int(bus["bus"]))
    return settings


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read(65536)
    except OSError:
        return ""


def _on_stop(value: object, default: str | int) -> str | int:
    return "keep" if value == "keep" else value if type(value) is int and 0 <= value <= 100 else default


def _int(value: object, low: int, high: int, default: int) -> int:
    return value if type(value) is int and low <= value <= high else default
