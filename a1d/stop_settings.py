"""What the two small programs know of the configuration. Standard library only.

The daemon leaves it in its run directory, because neither program can afford a YAML parser or trust the
file to be readable when it runs. Whatever is missing or odd gives the safest default.
"""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Callable
from typing import NamedTuple

FILE_NAME = "stop.json"
_SIZE_MAX = 16 * 1024
# A key at the start of a line or within braces, perhaps in quotes, and not in a comment.
_KEY = r"(?:^|[{{,])[ \t]*(?P<quote>[\"']?){}(?P=quote)[ \t]*:[ \t]*"


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
        found = json.loads(_read(os.path.join(run_dir, FILE_NAME), os.O_NOFOLLOW))
    except (ValueError, RecursionError):
        pass
    if not isinstance(found, dict):
        found = {}
    default = StopSettings()
    protocol, bus = found.get("protocol"), _int(found.get("bus"), 0, 99, -1)
    if protocol not in ("register", "legacy") or bus < 0:
        seems = glance_at(_read(config_path))
        protocol, bus = seems.protocol, seems.bus
    timeout_s = found.get("timeout_s")
    return StopSettings(
        protocol=protocol,
        bus=bus,
        timeout_s=timeout_s if isinstance(timeout_s, (int, float)) and 0 <= timeout_s <= 1 else default.timeout_s,
        failsafe_percent=_int(found.get("failsafe_percent"), 30, 100, default.failsafe_percent),
        on_stop=_on_stop(found.get("on_stop"), default.on_stop),
    )


def glance_at(text: str) -> StopSettings:
    """The defaults, with ``protocol`` and ``bus`` as a configuration that cannot be read seems to give them.

    The wrong protocol can hang an old case (L1), so better a line that names it than a default.
    """
    settings = StopSettings()
    text = re.sub(r"(?:^|(?<=\s))#.*", "", text, flags=re.MULTILINE)
    if re.search(_KEY.format("protocol") + r"[\"']?l", text, re.MULTILINE | re.IGNORECASE):
        settings = settings._replace(protocol="legacy")
    if bus := re.search(_KEY.format("bus") + r"(?P<bus>\d{1,2})\b", text, re.MULTILINE):
        settings = settings._replace(bus=int(bus["bus"]))
    return settings


def bound_time(seconds: float, text: str, say: Callable[[], None] | None = None) -> None:
    """End this process with exit code 1 after ``seconds``, in whatever it hangs, and say so."""

    def end(_number: int, _frame: object) -> None:
        if say:
            say()
        else:
            os.write(2, f"<3>{text}\n".encode())
        os._exit(1)

    signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, seconds)


def _read(path: str, flags: int = 0) -> str:
    """What is in a file, bounded and without waiting for anybody; nothing if it cannot be read."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | flags)
        try:
            return os.read(fd, _SIZE_MAX).decode("utf-8", "replace")
        finally:
            os.close(fd)
    except OSError:
        return ""


def _on_stop(value: object, default: str | int) -> str | int:
    return "keep" if value == "keep" else value if type(value) is int and 0 <= value <= 100 else default


def _int(value: object, low: int, high: int, default: int) -> int:
    return value if type(value) is int and low <= value <= high else default
