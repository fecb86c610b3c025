"""When to try again what has failed, and whether that is news. Pure."""

from __future__ import annotations

_SHORT_MAX = 2  # successes in a row that did not last: from then on none is news before it lasts
_SAID_MAX = 8


class Retry:
    """The pause grows from ``first_s`` to ``max_s`` seconds while it fails; a success makes it ``first_s`` again.

    Where a success ends within ``steady_s`` seconds again and again, the pause grows on, and neither is news. Let
    ``steady_s`` be above ``max_s``: two that drive each other out would each seem to last while the other one waits.
    """

    def __init__(self, first_s: float, max_s: float, steady_s: float) -> None:
        self._first_s = self._pause_s = first_s
        self._max_s = max_s
        self._steady_s = steady_s
        self._said: list[str] = []  # the complaints since it was said that it works
        self._works_since_s: float | None = None
        self._short_count = 0  # successes in a row that did not last
        self.due_s = float("-inf")

    def failed(self, now_s: float, complaint: str, suspicion: str = "") -> str | None:
        """What to say: that it failed, for each reason once, until it succeeds.

        With the ``suspicion`` if this was a success until now, and the third in a row that did not last.
        """
        if self._works_since_s is not None:
            self._short_count = self._short_count + 1 if now_s < self._works_since_s + self._steady_s else 0
            if self._short_count > _SHORT_MAX:
                complaint += suspicion
        self._works_since_s = None
        self.due_s = now_s + self._pause_s
        self._pause_s = min(2 * self._pause_s, self._max_s)
        if complaint in self._said:
            return None
        self._said = [*self._said, complaint][-_SAID_MAX:]
        return complaint

    def succeeded(self, now_s: float) -> bool:
        """To be called again while it works. Whether to say so: if it was said that it had failed."""
        if self._works_since_s is None:
            self._works_since_s = now_s
        lasts = now_s >= self._works_since_s + self._steady_s
        if lasts:
            self._short_count = 0
        if self._short_count >= _SHORT_MAX:
            return False
        was_failing = bool(self._said)
        self._said = []
        self._pause_s = self._first_s
        return was_failing
