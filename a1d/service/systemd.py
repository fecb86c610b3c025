"""What systemd is told: readiness, status, reloads, and that the daemon is alive. ASCII only.

sdnotify sends latin-1, so nothing else may go in; each message carries one concern alone.
"""

from __future__ import annotations

import os
import time
from collections import deque

import sdnotify

_UNSENT_MAX = 16


class Notifier:
    """Does nothing where ``NOTIFY_SOCKET`` is not set."""

    def __init__(self) -> None:
        self._notifier = _connect()
        self._unsent: deque[str] = deque(maxlen=_UNSENT_MAX)
        self._watchdog_s = _watchdog_interval_s()
        self._pinged_s = float("-inf")
        self._status = ""
        self._status_s = float("-inf")

    def ready(self) -> None:
        """The fan is under control."""
        self._send("READY=1")

    def reloading(self) -> None:
        """A reload begins; ``ready`` ends it."""
        monotonic_us = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        self._send(f"RELOADING=1\nMONOTONIC_USEC={monotonic_us}")

    def stopping(self) -> None:
        """A clean stop begins."""
        self._send("STOPPING=1")

    def status(self, now_s: float, text: str) -> None:
        """One line for ``systemctl status``, sent when it changes and at most once a second."""
        if text != self._status and now_s - self._status_s >= 1.0:
            line = text.encode("ascii", "replace").decode("ascii").replace("\n", " ")
            if self._send(f"STATUS={line}", droppable=True):
                self._status, self._status_s = text, now_s

    def watchdog_is_due(self, now_s: float) -> bool:
        """Whether it is time to feed the watchdog: three times as often as it asks for."""
        return self._watchdog_s > 0 and now_s - self._pinged_s >= self._watchdog_s / 3

    def watchdog(self, now_s: float) -> None:
        """Feed the watchdog. Call it only when all is alive."""
        self._pinged_s = now_s
        self._send("WATCHDOG=1", droppable=True)

    def close(self) -> None:
        """Close the socket; nothing can be said any more."""
        if self._notifier:
            self._notifier.socket.close()
        self._notifier = None

    def flush(self) -> None:
        """Say again what systemd had no room for; call it every tick."""
        while self._unsent and self._say(self._unsent[0]):
            self._unsent.popleft()

    def _send(self, message: str, *, droppable: bool = False) -> bool:
        """Whether it was sent. A ``passing`` message is dropped if systemd has no room, any other waits."""
        self.flush()
        sent = not self._unsent and self._say(message)
        if not sent and not droppable:
            self._unsent.append(message)
        return sent

    def _say(self, message: str) -> bool:
        """False if there is no room now. A systemd that has gone away is none to wait for."""
        try:
            if self._notifier:
                self._notifier.notify(message)
        except BlockingIOError:
            return False
        except OSError:
            pass
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
    except ValueError:
        return 0.0
