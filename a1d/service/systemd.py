"""What systemd is told: readiness, status, reloads, and that the daemon is alive. ASCII only.

sdnotify sends latin-1, so nothing else may go in; each message carries one concern alone.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable

import sdnotify

# A fan that is not under control yet delays READY this long; then it comes all the same, with health degraded.
READY_MAX_S = 3.0
_UNSENT_MAX = 16


class Notifier:
    """Does nothing where ``NOTIFY_SOCKET`` is not set. No method blocks or raises."""

    def __init__(self, now_s: float) -> None:
        """``now_s`` is when the daemon started."""
        self._notifier = _connect()
        self._unsent: deque[str] = deque(maxlen=_UNSENT_MAX)
        self._ready_max_s = now_s + READY_MAX_S
        self._ready = False
        self._watchdog_s = _watchdog_interval_s()
        self._pinged_s = float("-inf")
        self._status = ""
        self._status_s = float("-inf")

    def tick(self, now_s: float, *, under_control: bool, is_alive: Callable[[], bool]) -> None:
        """READY when the fan is ``under_control``; then feed the watchdog in time, as long as ``is_alive``."""
        if not self._ready and (under_control or now_s >= self._ready_max_s):
            self._ready = True
            self._send("READY=1")
        if self._unsent:
            self._flush()
        # Three times as often as systemd asks for.
        if self._watchdog_s > 0 and now_s - self._pinged_s >= self._watchdog_s / 3 and is_alive():
            self._pinged_s = now_s
            self._send("WATCHDOG=1", droppable=True)

    def reloading(self) -> None:
        """A reload begins; ``reloaded`` must follow."""
        if self._ready:
            monotonic_us = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
            self._send(f"RELOADING=1\nMONOTONIC_USEC={monotonic_us}")

    def reloaded(self) -> None:
        """A reload has ended, well or not."""
        if self._ready:
            self._send("READY=1")

    def stopping(self) -> None:
        """A clean stop begins."""
        self._send("STOPPING=1")

    def status(self, now_s: float, text: str) -> None:
        """One line for ``systemctl status``, sent when it changes and at most once a second."""
        if text != self._status and now_s - self._status_s >= 1.0:
            line = text.encode("ascii", "replace").decode("ascii").replace("\n", " ")
            if self._send(f"STATUS={line}", droppable=True):
                self._status, self._status_s = text, now_s

    def close(self) -> None:
        """Close the socket; nothing can be said any more."""
        if self._notifier:
            self._notifier.socket.close()
        self._notifier = None

    def _flush(self) -> None:
        """Say again what systemd had no room for."""
        while self._unsent and self._say(self._unsent[0]):
            self._unsent.popleft()

    def _send(self, message: str, *, droppable: bool = False) -> bool:
        """Whether it was sent now. If systemd has no room, a ``droppable`` message is lost and any other waits."""
        self._flush()
        sent = not self._unsent and self._say(message)
        if not sent and not droppable:
            self._unsent.append(message)
        return sent

    def _say(self, message: str) -> bool:
        """False if there is no room now. If nobody listens any more the message is given up, and it is True."""
        try:
            if self._notifier:
                self._notifier.notify(message)
        except OSError as error:
            return not isinstance(error, BlockingIOError)
        return True


def _connect() -> sdnotify.SystemdNotifier | None:
    if not os.environ.get("NOTIFY_SOCKET"):  # the library would leave an open socket behind
        return None
    try:
        notifier = sdnotify.SystemdNotifier(debug=True)  # or it would swallow every failure
    except OSError:
        return None
    notifier.socket.setblocking(False)  # a stuck systemd must not hold up the fan
    return notifier


def _watchdog_interval_s() -> float:
    """WATCHDOG_USEC in seconds if it is meant for this process, else 0."""
    try:
        if int(os.environ.get("WATCHDOG_PID", os.getpid())) != os.getpid():
            return 0.0
        return int(os.environ.get("WATCHDOG_USEC", "0")) / 1e6
    except (ValueError, OverflowError):
        return 0.0
