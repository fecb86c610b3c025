"""``a1d-ctl doctor``: the checks, or the trial of the fan, as a command."""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from a1d.client import words
from a1d.client.errors import RefusedError
from a1d.client.output import columns, wants_colour
from a1d.client.varlink import call
from a1d.config.reader import parse_config
from a1d.config.settings import Config
from a1d.doctor import checkup
from a1d.doctor.air import STEPS_PERCENT, Load, judge
from a1d.doctor.result import FAIL, Result
from a1d.doctor.system import System
from a1d.doctor.trial import StoppedError, refusal, try_fan
from a1d.duration import format_span
from a1d.errors import A1dError

_WAIT_MAX_S = 5.0
# The case follows in minutes (T6); the simulated one ten times as fast.
STEP_S, STEP_SIMULATED_S = 150.0, 15.0
_PROC_LOAD = Load("% busy", 10.0)
_SIM_LOAD = Load("W", 0.3)
_STAT_MAX = 4096


def look(socket_path: str) -> System:
    """This machine, with what its daemon says. Raises nothing: without a daemon the system says why."""
    status, silence = None, ""
    try:
        reply = call(socket_path, "org.a1d.control.GetStatus", wait_max_s=_WAIT_MAX_S)
        status = words.check(reply.get("status"), words.STATUS, "status")
    except A1dError as error:
        silence = str(error).partition("\n")[0]
    except (ValueError, RecursionError) as error:
        silence = f"what answers at {socket_path} cannot be understood ({error})"
    return System(status=status, silence=silence, in_use=None if status is None else _config_in_use(socket_path))


def _config_in_use(socket_path: str) -> Config | None:
    """As the daemon tells it. None if it does not, or is of another version."""
    try:
        reply = call(socket_path, "org.a1d.control.GetConfig", wait_max_s=_WAIT_MAX_S)
        return parse_config(words.check(reply.get("config"), str, "config"), "the daemon's configuration")
    except (A1dError, ValueError, RecursionError):
        return None


def doctor(socket_path: str, as_json: bool) -> int:
    """Print every check. Exit code 1 if one failed, else 0."""
    results = checkup.examine(look(socket_path))
    if as_json:
        print(json.dumps(checkup.as_json(results)))
    else:
        print(checkup.describe(results, wants_colour(sys.stdout), columns(sys.stdout)))
    return _code(results)


def _code(results: list[Result]) -> int:
    return int(any(result.state == FAIL for result in results))


def fan(socket_path: str, as_json: bool) -> int:
    """Try the fan. Exit code 1 if there is no sign that it moves air or the trial was stopped, else 0.

    A1dError if the daemon refuses, or this is no time for it.
    """
    daemon = _Asked(socket_path)
    status = daemon.status()
    critical_celsius = min(curve["critical_celsius"] for curve in daemon.curves())
    if why := refusal(status, critical_celsius):
        raise A1dError(f"the fan is not tried: {why}")
    step_s = STEP_SIMULATED_S if status["simulated"] else STEP_S
    say = _say_nothing if as_json else _say
    say(
        f"The fan gets {', '.join(map(str, STEPS_PERCENT))} %, {format_span(step_s)} each: "
        f"{format_span(len(STEPS_PERCENT) * step_s)}. Ctrl-C ends it. Keep the machine as busy as it is now."
    )
    daemon.is_simulated = status["simulated"]
    load = _SIM_LOAD if daemon.is_simulated else _PROC_LOAD
    try:
        with _signals_held() as sleep:
            samples = try_fan(daemon, critical_celsius, step_s, clock=time.monotonic, sleep=sleep, say=say)
        verdict = judge(samples, load)
        result = Result(verdict.state, "fan", verdict.text)
    except StoppedError as error:
        result = Result(FAIL, "fan", str(error))
    if as_json:
        print(json.dumps(checkup.as_json([result])))
    else:
        print(f"{result.state}  {words.printable(result.fact)}")
    return _code([result])


def _say(text: str) -> None:
    print(words.printable(text), flush=True)


def _say_nothing(_text: str) -> None:
    pass


@contextmanager
def _signals_held() -> Iterator[Callable[[float], None]]:
    """A sleep that SIGTERM, SIGHUP and Ctrl-C end with KeyboardInterrupt. Elsewhere in the block they wait, so that
    none of them can interrupt the way back to automatic control."""
    numbers = {signal.SIGTERM, signal.SIGHUP, signal.SIGINT}

    def sleep(seconds: float) -> None:
        if signal.sigtimedwait(numbers, seconds) is not None:
            raise KeyboardInterrupt

    before = signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
    try:
        yield sleep
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class _Asked:
    """Implements ``a1d.doctor.trial.Daemon`` by Varlink and /proc/stat."""

    def __init__(self, socket_path: str) -> None:
        self._path = socket_path
        self.is_simulated = False
        self._before: tuple[int, int] | None = None

    def status(self) -> dict[str, Any]:
        status: dict[str, Any] = words.check(self._call("GetStatus").get("status"), words.STATUS, "status")
        return status

    def curves(self) -> list[dict[str, Any]]:
        curves: list[dict[str, Any]] = words.check(self._call("GetCurves").get("curves"), [words.CURVE], "curves")
        return curves

    def hold(self, duty_percent: int, for_s: float) -> str | None:
        overridden = self._call("SetFan", duty_percent=duty_percent, for_s=for_s).get("overridden")
        return None if overridden is None else str(overridden)[:500]

    def resume(self) -> None:
        self._call("ResumeAutomatic")

    def load(self) -> float | None:
        return self._watts() if self.is_simulated else self._busy_percent()

    def _watts(self) -> float | None:
        watts = call(self._path, "org.a1d.simulation.GetCase", wait_max_s=_WAIT_MAX_S).get("watts")
        return float(watts) if isinstance(watts, (int, float)) else None

    def _busy_percent(self) -> float | None:
        """Of all processors, since the last call."""
        try:
            with open("/proc/stat", encoding="ascii") as file:
                ticks = [int(each) for each in file.readline(_STAT_MAX).split()[1:9]]
        except (OSError, ValueError):
            return None
        idle, total = sum(ticks[3:5]), sum(ticks)
        before, self._before = self._before, (idle, total)
        if before is None or total <= before[1]:
            return None
        return 100 * (1 - (idle - before[0]) / (total - before[1]))

    def _call(self, method: str, **parameters: object) -> dict[str, Any]:
        try:
            return call(self._path, f"org.a1d.control.{method}", parameters, wait_max_s=_WAIT_MAX_S)
        except RefusedError as error:
            if error.error.endswith(".PermissionDenied"):
                text = "only root and the group a1d may steer the fan: sudo a1d-ctl doctor --fan"
                raise A1dError(text) from None
            raise
