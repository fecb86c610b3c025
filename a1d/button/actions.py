"""What a gesture sets off: a reboot or power-off through logind, or the user's own command, no shell.

Everything runs beside the loop: processes are started, and asked on the tick how they ended.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from a1d.log import Log
from a1d.spawn import spawn

_POWER_TRIES = 5
_POWER_RETRY_S = 1.0
_RUNNING_MAX = 8


@dataclass(slots=True)
class _Running:
    """What has been started, or waits for its next try."""

    what: str
    command: tuple[str, ...]
    is_power: bool
    tries_left: int = 1
    is_wanted: bool = True  # false once no gesture does this any more
    pid: int | None = None
    retry_at_s: float | None = None


class Actions:
    """``power`` turns ``reboot`` or ``poweroff`` (and whether it is urgent) into a command, or does it itself: None."""

    def __init__(self, power: Callable[[str, bool], Sequence[str] | None], log: Log) -> None:
        self._power = power
        self._log = log
        self._running: list[_Running] = []
        self._errors: dict[tuple[str, bool], str] = {}  # by what was run and whether it was for power

    @property
    def error(self) -> str | None:
        """What has failed and not worked since."""
        return "; ".join(self._errors.values()) if self._errors else None

    def keep_only(self, wanted: Collection[str | tuple[str, ...]]) -> None:
        """What no gesture does any more is not tried again, and its failure is no problem. What runs goes on."""
        names = {(action, True) if isinstance(action, str) else (action[0], False) for action in wanted}
        for running in self._running:
            running.is_wanted = (running.what, running.is_power) in names
        self._running = [running for running in self._running if running.pid is not None or running.is_wanted]
        self._errors = {key: text for key, text in self._errors.items() if key in names}

    def run(self, action: str | tuple[str, ...], *, urgent: bool = False) -> None:
        """Start what a gesture is configured to do; ``urgent`` if the case cuts the power soon anyway."""
        if isinstance(action, tuple):
            if len(self._running) >= _RUNNING_MAX:
                self._log.warning(f"{action[0]}: not started, {_RUNNING_MAX} commands of earlier presses still run")
            else:
                self._start(_Running(action[0], action, is_power=False))
        elif action != "none":
            command = self._power(action, urgent)
            if command is None:
                self._log.info(f"{action}: noted, a dry run")
            elif any(running.is_power and running.command == tuple(command) for running in self._running):
                self._log.info(f"{action}: already under way")
            else:
                self._start(_Running(action, tuple(command), is_power=True, tries_left=_POWER_TRIES))

    def tick(self, now_s: float) -> None:
        """Ask what has ended; a power-off or reboot that failed is tried again after a second."""
        for running in list(self._running) if self._running else ():
            if running.pid is not None:
                self._reap(running, now_s)
            elif running.retry_at_s is None:
                running.retry_at_s = now_s + _POWER_RETRY_S
            elif now_s >= running.retry_at_s:
                self._running.remove(running)
                self._start(running, now_s)

    def _start(self, running: _Running, now_s: float | None = None) -> None:
        running.tries_left -= 1
        running.pid = running.retry_at_s = None
        if running.is_power:
            self._log.info(f"{running.what}: asking the system for it")
        try:
            running.pid = spawn(running.command)
        except OSError as error:
            self._failed(running, str(error.strerror or error), now_s)
        else:
            self._running.append(running)

    def _reap(self, running: _Running, now_s: float) -> None:
        assert running.pid is not None
        try:
            pid, status = os.waitpid(running.pid, os.WNOHANG)
        except ChildProcessError:  # somebody else has gathered it; how it ended nobody knows
            pid, status = running.pid, 0
        if not pid:
            return
        self._running.remove(running)
        exit_code = os.waitstatus_to_exitcode(status)
        if exit_code == 0:
            self._errors.pop((running.what, running.is_power), None)
        else:
            self._failed(running, f"exit code {exit_code}" if exit_code > 0 else f"signal {-exit_code}", now_s)

    def _failed(self, running: _Running, how: str, now_s: float | None) -> None:
        running.pid = None
        running.retry_at_s = None if now_s is None else now_s + _POWER_RETRY_S
        why = "; the journal says why: journalctl -u a1d" if running.is_power else ""
        error = f"{running.what}: failed ({how}){why}"
        if running.is_wanted:
            self._errors[running.what, running.is_power] = error
        if running.tries_left > 0 and running.is_wanted:
            self._running.append(running)  # tick tries again
            self._log.warning(f"{error}; trying again")
        else:
            self._log.error(error)
