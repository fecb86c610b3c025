"""What the two programs that end a1d's work share: how they try, and what they know of the configuration.

The daemon writes that to its run directory, because neither program can afford a YAML parser or trust the
configuration to be readable when it runs. Whatever is missing or out of range gives the safest default.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeVar

from a1d.case.bus import PACE_S
from a1d.config import limits
from a1d.config.guess import guess_case, read_bounded
from a1d.paths import CONFIG_PATH, service_run_dir

FILE_NAME = "stop.json"
_IS_VALID: dict[str, Callable[[Any], bool]] = {
    "protocol": lambda value: value in limits.PROTOCOLS,
    "bus": lambda value: type(value) is int and 0 <= value <= limits.BUS_MAX,
    "timeout_s": lambda value: type(value) in (int, float) and 0 <= value <= limits.TIMEOUT_MAX_S,
    "failsafe_percent": lambda value: _is_duty(value) and value >= limits.FAILSAFE_MIN_PERCENT,
    "on_stop": lambda value: value in limits.ON_STOP_WORDS or _is_duty(value),
}

Result = TypeVar("Result")


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


def read_stop_settings(run_dir: str | None = None, config_path: str | None = None) -> StopSettings:
    """The daemon's file; where it says nothing, the protocol and bus that the configuration seems to name.

    Without either, the defaults. The two places are the service's unless given. Raises nothing.
    """
    run_dir = run_dir or service_run_dir()
    config_path = config_path or os.environ.get("A1D_CONFIG", CONFIG_PATH)
    known = read_known(run_dir)
    if not {"protocol", "bus"} <= known.keys():
        with contextlib.suppress(OSError):
            guess = guess_case(read_bounded(config_path))._asdict()
            known = {name: value for name, value in guess.items() if value is not None} | known
    return StopSettings(**known)


def read_known(run_dir: str) -> dict[str, Any]:
    """The fields of StopSettings that the daemon's file gives a valid value; none without it. Raises nothing."""
    try:
        found = json.loads(read_bounded(os.path.join(run_dir, FILE_NAME), os.O_NOFOLLOW))
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(found, dict):
        return {}
    return {name: found[name] for name, is_valid in _IS_VALID.items() if name in found and is_valid(found[name])}


def _is_duty(value: object) -> bool:
    return type(value) is int and 0 <= value <= limits.DUTY_MAX_PERCENT


def try_for(
    seconds: float, attempt: Callable[[], Result], clock: Callable[[], float], sleep: Callable[[float], None]
) -> Result:
    """What ``attempt`` returns, begun again 0.1 s later while it raises OSError; after ``seconds`` its last OSError."""
    deadline_s = clock() + seconds
    while True:
        try:
            return attempt()
        except OSError:
            if clock() >= deadline_s:
                raise
        sleep(PACE_S)


@contextlib.contextmanager
def bound_time(seconds: float, say: Callable[[], object]) -> Iterator[None]:
    """End this process with exit code 1 if the block takes longer, in whatever it hangs, and ``say`` so."""

    def end(_number: int, _frame: object) -> None:
        try:
            say()
        finally:
            os._exit(1)

    signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        # Python ends slowly on a busy machine, and without its handlers: an alarm then would look like a crash.
        signal.setitimer(signal.ITIMER_REAL, 0)
