"""What a gesture sets off: a reboot or power-off through logind, or the user's own command, no shell.

Everything runs beside the loop: processes are started, and asked on the tick how they ended.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

from a1d.errors import ActionError
from a1d.log import Log

_POWER_TRIES = 5
_POWER_RETRY_S = 1.0
_RUNNING_MAX = 8
_OOM_SCORE = "/proc/self/oom_score_adj"
_SIGNALS = [signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGPIPE, signal.SIGXFSZ, signal.SIGCHLD]
# What systemd tells a1d is not meant for a gesture's command.
_OURS_ALONE = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")


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
        return "; ".join(self._errors.values()) or None

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
        for running in list(self._running):
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


def spawn(command: Sequence[str]) -> int:
    """Start a command beside us, input from /dev/null, output where ours goes; its pid, or ActionError."""
    if not command:
        raise ActionError("an empty command")
    try:
        with _ordinary_oom_score():
            return os.posix_spawnp(
                command[0],
                list(command),
                {name: value for name, value in os.environ.items() if name not in _OURS_ALONE},
                file_actions=[(os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0)],
                setsid=True,
                setsigmask=[],
                setsigdef=_SIGNALS,
            )
    except OSError as error:
        raise ActionError(error.errno, f"{command[0]} cannot be started: {os.strerror(error.errno or 0)}") from error
    except ValueError as error:
        raise ActionError(f"{command[0]!r} cannot be started: {error}") from error


@contextlib.contextmanager
def _ordinary_oom_score() -> Iterator[None]:
    """What starts meanwhile goes as early as other programs when memory runs out: our own score is for the fan.

    A child begins with its parent's score. It takes no right to raise that, nor to go back to what root had set.
    """
    try:
        with open(_OOM_SCORE, encoding="ascii") as file:
            ours = int(file.read())
    except (OSError, ValueError):
        ours = 0
    if ours >= 0:
        yield
        return
    _set_oom_score(0)
    try:
        yield
    finally:
        _set_oom_score(ours)


def _set_oom_score(score: int) -> None:
    with contextlib.suppress(OSError), open(_OOM_SCORE, "w", encoding="ascii") as file:
        file.write(str(score))
