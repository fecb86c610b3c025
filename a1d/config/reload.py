"""Reads the configuration again while the loop goes on: one reading at a time, and everybody who asked is told."""

from __future__ import annotations

import math
from collections.abc import Callable
from selectors import EVENT_READ, BaseSelector

from a1d.config.load import TIME_MAX_S, ConfigProcess, Load, Loaded
from a1d.errors import A1dError, ConfigError

DEFAULTS_BECAUSE = "using built-in defaults, because"
DEFAULTS_STAY, OLD_STAYS = "reload: the built-in defaults stay:", "reload: the old configuration stays:"
_RETRY_MIN_S, _RETRY_MAX_S = 1.0, 3600.0

Then = Callable[[A1dError | None], None]
"""Called when a reload is done: with None, or with why the old configuration stays."""


class Reloader:
    """``begin`` is called before each reading that somebody asked for; ``end`` with what one gave.

    A file that could not be read at the start is read again by itself; as long as that changes nothing, nobody is told.
    """

    def __init__(
        self,
        load: Load,
        selector: BaseSelector,
        begin: Callable[[], None],
        end: Callable[[Loaded | ConfigError], None],
        retry_at_s: float,
    ) -> None:
        self._load = load
        self._selector = selector
        self._begin = begin
        self._end = end
        self._process: ConfigProcess | None = None
        self._since_s = 0.0
        self._asked: list[Then] = []  # who waits for the reading that runs
        self._is_asked = False  # whether anybody does, or it is a retry
        self._again = False  # there must be one more: the file may have changed since this one began
        self._is_asked_again = False
        self._asked_again: list[Then] = []
        self._retry_at_s = retry_at_s  # when to read a file again that could not be read, if nobody asks
        self._retry_s = _RETRY_MIN_S

    def ask(self, now_s: float, then: Then | None = None) -> None:
        """Read the file as it is now, or later."""
        self._again = self._is_asked_again = True
        if then is not None:
            self._asked_again.append(then)
        if self._process is None:
            self._start(now_s)

    def tick(self, now_s: float, *, gap: bool) -> None:
        """End what takes too long; begin what was asked for meanwhile. ``gap``: nobody could do anything lately."""
        if self._process is None and not self._again and now_s < self._retry_at_s:
            return
        if gap:
            self._since_s = now_s
        if now_s >= self._retry_at_s:
            self._retry_at_s = now_s + self._retry_s
            self._retry_s = min(2 * self._retry_s, _RETRY_MAX_S)
            self._again = True
        if self._process is not None and now_s - self._since_s >= TIME_MAX_S:
            self._finish(self._process.late())
        elif self._process is None and self._again:  # not in the tick that killed one, which takes a moment to die
            self._start(now_s)

    def close(self) -> None:
        """Whoever waits hears that it comes to nothing."""
        self._again = False
        self._asked, self._asked_again = self._asked + self._asked_again, []
        self._forget_process()
        self._tell(A1dError("a1d stops; the configuration was not read again"))

    def _start(self, now_s: float) -> None:
        self._again, self._since_s = False, now_s
        self._asked, self._asked_again = self._asked_again, []
        self._is_asked, self._is_asked_again = self._is_asked_again, False
        if self._is_asked:
            self._begin()
        try:
            loaded = self._load()
        except ConfigError as error:
            self._finish(error)
            return
        if isinstance(loaded, Loaded):
            self._finish(loaded)
        else:
            self._process = loaded
            self._selector.register(loaded, EVENT_READ, self._on_readable)

    def _on_readable(self) -> None:
        assert self._process is not None
        try:
            loaded = self._process.poll()
        except ConfigError as error:
            self._finish(error)
        else:
            if loaded is not None:
                self._finish(loaded)

    def _finish(self, outcome: Loaded | ConfigError) -> None:
        self._forget_process()
        if isinstance(outcome, Loaded) or not outcome.is_unread:
            self._retry_at_s = math.inf
        elif not self._is_asked:
            return
        self._end(outcome)
        self._tell(outcome if isinstance(outcome, ConfigError) else None)

    def _forget_process(self) -> None:
        if self._process is not None:
            self._selector.unregister(self._process)
            self._process.close()
            self._process = None

    def _tell(self, error: A1dError | None) -> None:
        asked, self._asked = self._asked, []
        for then in asked:
            then(error)
