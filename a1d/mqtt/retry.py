"""When to try again what has failed, and whether that is news. Pure."""

from __future__ import annotations


class Retry:
    """The pause grows from ``first_s`` to ``max_s`` seconds while it fails; a success makes it ``first_s`` again."""

    def __init__(self, first_s: float, max_s: float) -> None:
        self._first_s = self._pause_s = first_s
        self._max_s = max_s
        self._complaint: str | None = None
        self.due_s = float("-inf")

    def failed(self, now_s: float, complaint: str) -> bool:
        """Whether to say so: once, until it succeeds or fails for another reason."""
        self.due_s = now_s + self._pause_s
        self._pause_s = min(2 * self._pause_s, self._max_s)
        is_news = complaint != self._complaint
        self._complaint = complaint
        return is_news

    def succeeded(self) -> bool:
        """Whether to say so: if it was said that it had failed."""
        was_failing = self._complaint is not None
        self._complaint = None
        self._pause_s = self._first_s
        return was_failing
