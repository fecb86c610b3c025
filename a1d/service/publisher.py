"""Tells systemd, listeners and whoever monitors how it is: once a second, and at once when it matters."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from a1d.service.status import Parts, status_of, summary_of

if TYPE_CHECKING:
    from a1d.service.server import Server
    from a1d.service.systemd import Notifier
    from a1d.service.varlink import Parameters

_INTERVAL_S = 1.0


class Publisher:
    """``listeners`` get each status that is published."""

    def __init__(self, notifier: Notifier) -> None:
        self.listeners: list[Callable[[Parameters], None]] = []
        self._notifier = notifier
        self._published: tuple[object, ...] = ()
        self._published_s = float("-inf")

    def tick(self, now_s: float, parts: Parts, server: Server | None) -> None:
        """Publish if a second has passed, or if duty, mode or health have changed."""
        decision = parts.decision
        now = (decision and decision.duty_percent, decision and decision.manual, parts.health.state)
        if now == self._published and now_s - self._published_s < _INTERVAL_S:
            return
        self._published, self._published_s = now, now_s
        self._notifier.status(now_s, summary_of(parts))
        streaming = server is not None and server.is_streaming
        if self.listeners or streaming:
            status = status_of(parts, now_s)
            for listener in self.listeners:
                listener(status)
            if server is not None and streaming:
                server.publish({"status": status})
