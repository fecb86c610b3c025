"""The trial of the fan: steps of duty, each held by a short lease that a1d ends by itself, and the way back.

Whatever happens here, a1d keeps watching: a critical temperature or a lost sensor beats the duty of the trial.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from a1d.doctor.air import STEPS_PERCENT, Sample, step_of
from a1d.errors import A1dError

LEASE_S = 25.0  # if the doctor is killed, automatic control is back by then
_RENEW_S = 8.0
_LOOK_S = 1.0
_CONFIRM_MAX_S = 8.0
_START_BELOW_KELVIN = 15.0  # of critical; hotter than that is no time to stop a fan
_STOP_BELOW_KELVIN = 8.0

Status = dict[str, Any]


class Daemon(Protocol):
    """What the trial asks of the daemon, and of the machine."""

    def status(self) -> Status:
        """The Status type. A1dError if there is no answer."""

    def hold(self, duty_percent: int, for_s: float) -> str | None:
        """Set a duty by hand. What overrides it, in words, or None. A1dError if it is refused."""

    def resume(self) -> None:
        """Back to automatic control. A1dError if it is refused."""

    def load(self) -> float | None:
        """How busy the machine has been since the last call; None if not known."""


class StoppedError(A1dError, RuntimeError):
    """The trial ended before its time; automatic control is back, or somebody else has set a duty."""


def refusal(status: Status, critical_celsius: float) -> str | None:
    """Why this is no time for a trial; None if it may begin."""
    temp = status["temp_celsius"]
    if status["health"]["state"] == "failsafe" or temp is None:
        return "a temperature is lost, and the fan is held at failsafe: mend that first ('a1d-ctl status' says what)"
    if status["mode"] != "automatic":
        return "a duty is set by hand, and the trial would end that: 'a1d-ctl fan auto' first"
    limit = critical_celsius - _START_BELOW_KELVIN
    if temp >= limit:
        return (
            f"it is {temp:.1f} C; the trial stops the fan for a while, and begins only below {limit:g} C: let it cool"
        )
    return None


def try_fan(
    daemon: Daemon,
    critical_celsius: float,
    step_s: float,
    *,
    clock: Callable[[], float],
    sleep: Callable[[float], None],
    say: Callable[[str], None],
) -> list[Sample]:
    """The samples of every step. Automatic control is restored however this ends.

    Raises StoppedError if it gets too hot, something overrides the trial or somebody else sets the fan; A1dError if
    the daemon refuses or goes away.
    """
    samples: list[Sample] = []
    ours = False
    try:
        # A V3 confirms; an old case cannot (L1), and then never does.
        confirms = daemon.status()["duty_confirmed_percent"] is not None
        steps = _Steps(daemon, critical_celsius, confirms, clock, sleep)
        daemon.load()
        for duty_percent in STEPS_PERCENT:
            ours = True
            samples += steps.hold(duty_percent, step_s)
            if step := step_of(samples, duty_percent):
                say(f"{duty_percent:3} %: {step.end_celsius:.1f} C in the end")
    except _TakenOver as error:
        ours = False  # what somebody else has set is not ours to end
        raise StoppedError(str(error)) from None
    finally:
        if ours:
            _resume(daemon, say)
    return samples


def _resume(daemon: Daemon, say: Callable[[str], None]) -> None:
    try:
        daemon.resume()
    except A1dError as error:
        text = f"a1d did not take back the duty of the trial, which ends by itself within {LEASE_S:g} s"
        raise A1dError(f"{error}\n{text}") from None
    say("Automatic control is back.")


class _TakenOver(Exception):
    pass


class _Steps:
    def __init__(
        self,
        daemon: Daemon,
        critical_celsius: float,
        confirms: bool,
        clock: Callable[[], float],
        sleep: Callable[[float], None],
    ) -> None:
        self._daemon = daemon
        self._critical_celsius = critical_celsius
        self._confirms = confirms
        self._clock = clock
        self._sleep = sleep

    def hold(self, duty_percent: int, step_s: float) -> list[Sample]:
        """One step: its samples, or an error as soon as it must end."""
        samples: list[Sample] = []
        begin_s = renew_s = self._clock()
        held = None
        while (now_s := self._clock()) < begin_s + step_s:
            if now_s >= renew_s:
                if overridden := self._daemon.hold(duty_percent, LEASE_S):
                    raise StoppedError(f"stopped: {overridden}")
                renew_s = now_s + _RENEW_S
            self._sleep(_LOOK_S)
            status = self._daemon.status()
            if status["mode"] != "manual" or (held is not None and status["manual_percent"] != held):
                raise _TakenOver("stopped: somebody else has set the fan, or a1d was started anew")
            held = status["manual_percent"]
            now_s = self._clock()
            _check_heat(status, self._critical_celsius)
            if now_s - begin_s > _CONFIRM_MAX_S:
                _check_duty(status, held, self._confirms)
            samples.append(Sample(now_s, duty_percent, status["temp_celsius"], self._daemon.load()))
        return samples


def _check_heat(status: Status, critical_celsius: float) -> None:
    temp = status["temp_celsius"]
    if temp is None or status["health"]["state"] == "failsafe":
        raise StoppedError("stopped: a temperature was lost; 'a1d-ctl status' says which")
    limit = critical_celsius - _STOP_BELOW_KELVIN
    if temp >= limit:
        raise StoppedError(f"stopped at {temp:.1f} C: the trial ends at {limit:g} C. Try again with less to do")


def _check_duty(status: Status, held: int, confirms: bool) -> None:
    if status["duty_percent"] != held:
        raise StoppedError(f"stopped: a1d gives the fan {status['duty_percent']} % instead ({status['reason']})")
    confirmed = status["duty_confirmed_percent"]
    if confirms and confirmed != held:
        at = "has confirmed no duty" if confirmed is None else f"is at {confirmed} %"
        raise StoppedError(f"stopped: the case {at}, where {held} % was asked for; 'a1d-ctl status' says more")
