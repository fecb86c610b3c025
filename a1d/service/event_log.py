"""A log for what happens again and again: presses, and what they set off. The same line over and over is counted."""

from __future__ import annotations

from a1d.log import Log
from a1d.service.flapping import NUMBER, Flapping

_KINDS_MAX = 32


class EventLog(Log):
    """As ``Log``, but a line that comes for the fourth time in ten minutes is said to, and then only now and then.

    Lines that differ in their numbers alone are the same.
    """

    def __init__(self, log: Log) -> None:
        self._log = log
        self._now_s = 0.0
        self._events: dict[str, Flapping] = {}

    def tick(self, now_s: float) -> None:
        """To be called once a tick."""
        self._now_s = now_s
        for kind, event in list(self._events.items()) if self._events else ():
            if event.is_flapping and (line := event.tick(now_s)):
                self._log.warning(f"{kind}: {line}")

    def debug(self, text: str) -> None:
        """As ``Log.debug``: each time."""
        self._log.debug(text)

    def put(self, priority: str, level: str, text: str) -> None:
        """As ``Log.put``, or only counted."""
        kind = NUMBER.sub("#", text)
        if kind not in self._events and len(self._events) >= _KINDS_MAX:
            self._events.pop(next(iter(self._events)))
        event = self._events.setdefault(kind, Flapping())
        line = event.begin(text, self._now_s)
        event.end(0.0, self._now_s)
        if line is not None:
            self._log.put(priority, level, line)
