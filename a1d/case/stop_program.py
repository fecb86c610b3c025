"""What the two programs that end a1d's work share: what they know of the configuration, and how they are bounded.

Whatever the daemon's file leaves out, or says out of range, gives the safest default.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
from collections.abc import Callable, Iterator
from typing import Any

from a1d.case.stop_settings import FILE_NAME, StopSettings
from a1d.config import limits
from a1d.config.bounded import read_bounded
from a1d.config.guess import guess_case
from a1d.paths import CONFIG_PATH, service_run_dir

_IS_VALID: dict[str, Callable[[Any], bool]] = {
    "protocol": lambda value: value in limits.PROTOCOLS,
    "bus": lambda value: type(value) is int and 0 <= value <= limits.BUS_MAX,
    "timeout_s": lambda value: type(value) in (int, float) and 0 <= value <= limits.TIMEOUT_MAX_S,
    "failsafe_percent": lambda value: _is_duty(value) and value >= limits.FAILSAFE_MIN_PERCENT,
    "on_stop": lambda value: value in limits.ON_STOP_WORDS or _is_duty(value),
}


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
