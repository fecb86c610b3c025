"""What a gesture sets off: a reboot or power-off through logind, or the user's own command, no shell.

Everything runs beside the loop: processes are started, and asked on the tick how they ended.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from a1d.errors import ActionError
from a1d.log import Log

_POWER_TRIES = 5
_POWER_RETRY_S = 1.0
_RUNNING_MAX = 8


@dataclass(slots=True)
class _Running:
    what: str
    pid: int | None
    tries_left: int
    again_s: float = 0.0


class Actions:
    """``power`` turns ``reboot`` or ``poweroff`` into a command, or does it itself and returns None."""

    def __init__(self, power: Callable[[str], Sequence[str] | None], log: Log) -> None:
        self._power = power
        self._log = log
        self._running: list[_Running] = []
        self.error: str | None = None

    def run(self, action: str | tuple[str, ...]) -> None:
        """Start what a gesture is configured to do."""
        if action == "none":
            return
        if isinstance(action, tuple):
            if len(self._running) >= _RUNNING_MAX:
                self._log.warning(f"{action[0]}: not started, {_RUNNING_MAX} commands of earlier presses still run")
                return
            self._start(_Running(action[0], None, 0), action)
        elif any(running.what == action for running in self._running):
            self._log.info(f"{action}: already under way")
        else:
            self._start_power(_Running(action, None, _POWER_TRIES))

    def tick(self, now_s: float) -> None:
        """Gather what has ended; a power-off or reboot that failed is tried again."""
        for running in list(self._running):
            if running.pid is None:
                if now_s >= running.again_s:
                    self._running.remove(running)
                    self._start_power(running)
                continue
            pid, status = os.waitpid(running.pid, os.WNOHANG)
            if pid:
                self._running.remove(running)
                self._ended(running, os.waitstatus_to_exitcode(status), now_s)

    def _start_power(self, running: _Running) -> None:
        running.tries_left -= 1
        self._log.info(f"{running.what}: asking the system for it")
        command = self._power(running.what)
        if command is not None:
            self._start(running, command)

    def _start(self, running: _Running, command: Sequence[str]) -> None:
        try:
            running.pid = spawn(command)
        except OSError as error:
            self.error = f"{running.what}: {error}"
            self._log.error(self.error)
            if running.tries_left <= 0:
                return
            running.pid = None  # tick tries again
        self._running.append(running)

    def _ended(self, running: _Running, exit_code: int, now_s: float) -> None:
        if exit_code == 0:
            self.error = None
            return
        how = f"exit code {exit_code}" if exit_code > 0 else f"signal {-exit_code}"
        self.error = f"{running.what}: failed ({how})"
        if running.tries_left > 0:
            running.pid, running.again_s = None, now_s + _POWER_RETRY_S
            self._running.append(running)
            self._log.warning(f"{self.error}; trying again")
        else:
            self._log.error(f"{self.error}; its own message stands above")


def logind_command(verb: str) -> tuple[str, ...]:
    """The call to systemd-logind for ``reboot`` or ``poweroff``; polkit decides whether we may."""
    method = {"reboot": "Reboot", "poweroff": "PowerOff"}[verb]
    manager = ("org.freedesktop.login1", "/org/freedesktop/login1", "org.freedesktop.login1.Manager")
    return ("busctl", "--system", "call", *manager, method, "b", "false")


def spawn(command: Sequence[str]) -> int:
    """Start a command beside us, input from /dev/null, output where ours goes; its pid, or ActionError."""
    if not command:
        raise ActionError("an empty command")
    try:
        return os.posix_spawnp(
            command[0],
            list(command),
            os.environ,
            file_actions=[(os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0)],
            setsid=True,
            setsigmask=[],
            setsigdef=[signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGPIPE],
        )
    except OSError as error:
        raise ActionError(error.errno, f"{command[0]} cannot be started: {os.strerror(error.errno or 0)}") from error
    except ValueError as error:
        raise ActionError(f"{command[0]!r} cannot be started: {error}") from error
