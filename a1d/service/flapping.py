"""A problem that comes and goes is said to flap, once; then rarely, with a count; and its end is said. Pure."""

from __future__ import annotations

import re
from collections import deque

from a1d.duration import format_duration

# It flaps from the fourth time in ten minutes on, until it has kept still for five.
TIMES = 4
WITHIN_S = 600.0
STILL_S = 300.0
# How often it is said meanwhile: after ten minutes, and then each time after twice as long, an hour at most.
_SAY_AFTER_S = 600.0
_SAY_AFTER_MAX_S = 3600.0
_KINDS_MAX = 8
NUMBER = re.compile(r"\d+(\.\d+)?")


class Flapping:
    """One problem's comings and goings. Each method gives the line to log, or None; time is in seconds."""

    def __init__(self) -> None:
        self.is_flapping = False
        self._begins: deque[float] = deque(maxlen=TIMES)
        self._count = 0  # since it flaps
        self._since_s = 0.0
        self._changed_s = 0.0
        self._say_s = 0.0
        self._say_after_s = _SAY_AFTER_S
        self._kinds: set[str] = set()
        self._text: str | None = None

    def begin(self, text: str, now_s: float) -> str | None:
        """The problem is there, and is ``text``."""
        self._text = text
        self._changed_s = now_s
        kind = NUMBER.sub("#", text)
        is_new = kind not in self._kinds and len(self._kinds) < _KINDS_MAX
        self._kinds.add(kind)
        if self.is_flapping:
            self._count += 1
            return text if is_new else None
        self._begins.append(now_s)
        if len(self._begins) < TIMES or now_s - self._begins[0] > WITHIN_S:
            self._kinds = {kind}
            return text
        self.is_flapping = True
        self._count, self._since_s = TIMES, self._begins[0]
        self._say_after_s, self._say_s = _SAY_AFTER_S, now_s + _SAY_AFTER_S
        return f"{text} (it comes and goes, {self._how_often(now_s)}; from now on said only now and then)"

    def end(self, lasted_s: float, now_s: float) -> str | None:
        """The problem is over; it has been there for ``lasted_s``."""
        self._text = None
        self._changed_s = now_s
        if self.is_flapping:
            return None
        return "recovered" if lasted_s < 1 else f"recovered after {format_duration(round(lasted_s))}"

    def tick(self, now_s: float) -> str | None:
        """To be called now and then while it flaps."""
        if not self.is_flapping:
            return None
        if now_s - self._changed_s >= STILL_S:
            self.is_flapping = False
            self._begins.clear()
            now = "it is over" if self._text is None else f"it stays: {self._text}"
            return f"no longer comes and goes ({self._how_often(self._changed_s)}); {now}"
        if now_s < self._say_s:
            return None
        self._say_after_s = min(2 * self._say_after_s, _SAY_AFTER_MAX_S)
        self._say_s = now_s + self._say_after_s
        return f"still comes and goes: {self._how_often(now_s)}"

    def _how_often(self, now_s: float) -> str:
        return f"{self._count} times in {format_duration(max(1, round(now_s - self._since_s)))}"
