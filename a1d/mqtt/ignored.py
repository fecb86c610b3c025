"""What is said of commands that are ignored: the first at once, of more their number once a minute. Pure."""

from __future__ import annotations

_PAUSE_S = 60.0


class Ignored:
    """``take`` each complaint, ask ``due`` each turn; both return what to say, if anything."""

    def __init__(self) -> None:
        self._said_s = float("-inf")
        self._count = 0  # since then
        self._last = ""

    def take(self, complaint: str, now_s: float) -> str | None:
        """One more is ignored, and why."""
        if self._count or now_s < self._said_s + _PAUSE_S:
            self._count += 1
            self._last = complaint
            return None
        self._said_s = now_s
        return f"{complaint} (more within a minute are only counted)"

    def due(self, now_s: float) -> str | None:
        """How many more it were."""
        if not self._count or now_s < self._said_s + _PAUSE_S:
            return None
        text = f"{self._count} more ignored since; the last: {self._last}"
        self._said_s, self._count = now_s, 0
        return text
