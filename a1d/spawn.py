"""Starts a program beside the daemon that gets nothing of the daemon's."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator, Sequence

from a1d.errors import ActionError

_OOM_SCORE = "/proc/self/oom_score_adj"  # opened as UTF-8: Python has no other codec without a disk
_SIGNALS = [signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGPIPE, signal.SIGXFSZ, signal.SIGCHLD]
# What systemd tells a1d is not meant for others.
_OURS_ALONE = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")


def spawn(command: Sequence[str], channel: int | None = None, **environment: str) -> int:
    """Start a command beside us; its pid, or ActionError. It is in a session of its own and has nothing of ours.

    Its input is /dev/null and its output goes where ours does, or both are the descriptor ``channel``.
    """
    if not command:
        raise ActionError("an empty command")
    try:
        with _ordinary_oom_score():
            return os.posix_spawnp(
                command[0],
                list(command),
                {name: value for name, value in os.environ.items() if name not in _OURS_ALONE} | environment,
                file_actions=[(os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0)]
                if channel is None
                else [(os.POSIX_SPAWN_DUP2, channel, number) for number in (0, 1)],
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
        with open(_OOM_SCORE, encoding="utf-8") as file:
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
    with contextlib.suppress(OSError), open(_OOM_SCORE, "w", encoding="utf-8") as file:
        file.write(str(score))
