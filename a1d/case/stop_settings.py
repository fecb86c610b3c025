"""What the two small programs share: how they try, and what they know of the configuration.

The daemon leaves that in its run directory, because neither program can afford a YAML parser or trust the
file to be readable when it runs. Whatever is missing or odd gives the safest default.
"""

from __future__ import annotations

import errno
import json
import os
import re
import signal
import stat
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from a1d.case.bus import PACE_S

FILE_NAME = "stop.json"
SIZE_MAX = 16 * 1024
# A key at the start of a line or within braces, perhaps in quotes, and not in a comment.
_KEY = r"(?:^|[{{,])[ \t]*(?P<quote>[\"']?){}(?P=quote)[ \t]*:[ \t]*"
_IS_SOUND: dict[str, Callable[[Any], bool]] = {
    "protocol": lambda value: value in ("register", "legacy"),
    "bus": lambda value: type(value) is int and 0 <= value <= 99,
    "timeout_s": lambda value: type(value) in (int, float) and 0 <= value <= 1,
    "failsafe_percent": lambda value: type(value) is int and 30 <= value <= 100,
    "on_stop": lambda value: value in ("keep", "failsafe") or (type(value) is int and 0 <= value <= 100),
}

Result = TypeVar("Result")


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
    # Whatever the umask: who may steer (group a1d) must not write what root's power-cut hook reads.
    fd = os.open(f"{path}.new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
    with open(fd, "w", encoding="utf-8") as file:
        os.fchmod(fd, 0o644)
        json.dump(settings._asdict(), file)
    os.replace(f"{path}.new", path)


def read_stop_settings(run_dir: str, config_path: str) -> StopSettings:
    """The daemon's file; without it the defaults, with the protocol and bus that the configuration names."""
    try:
        found = json.loads(_read(os.path.join(run_dir, FILE_NAME), os.O_NOFOLLOW))
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        found = {}
    sound = {name: found[name] for name, is_sound in _IS_SOUND.items() if name in found and is_sound(found[name])}
    if not {"protocol", "bus"} <= sound.keys():
        seems = guess_case(_read(config_path))
        sound |= {"protocol": seems.protocol, "bus": seems.bus}
    return StopSettings(**sound)


def guess_case(text: str) -> StopSettings:
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


def try_for(
    seconds: float, attempt: Callable[[], Result], clock: Callable[[], float], sleep: Callable[[float], None]
) -> Result:
    """What ``attempt`` returns, begun again while it raises OSError; after ``seconds`` its last OSError."""
    deadline_s = clock() + seconds
    while True:
        try:
            return attempt()
        except OSError:
            if clock() >= deadline_s:
                raise
        sleep(PACE_S)


def bound_time(seconds: float, say: Callable[[], object]) -> None:
    """End this process with exit code 1 after ``seconds``, in whatever it hangs, and ``say`` so."""

    def end(_number: int, _frame: object) -> None:
        try:
            say()
        finally:
            os._exit(1)

    signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, seconds)


def read_bounded(path: str, flags: int = 0) -> bytes:
    """What is in a file, a byte more than SIZE_MAX at most. OSError if it is none or cannot be read."""
    # O_NONBLOCK: opening a FIFO must not wait for a writer.
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | flags)
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise OSError(errno.EINVAL, "not a regular file")
        return os.read(fd, SIZE_MAX + 1)
    finally:
        os.close(fd)


def _read(path: str, flags: int = 0) -> str:
    try:
        return read_bounded(path, flags).decode("utf-8", "replace")
    except OSError:
        return ""
