"""Watches the power button: edges in, gestures out, whatever brings the edges.

A source that cannot be had is tried again; noise is bounded per tick so that it cannot starve the fan.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from a1d.button.pulses import Edge, Gesture, PulseDecoder
from a1d.config.settings import ButtonConfig
from a1d.errors import ButtonError

EDGES_PER_TICK = 256
_RETRY_S = 5.0


class EdgeSource(Protocol):
    """Where edges come from. ``fileno`` is readable while edges wait; ``read_edges`` never blocks."""

    def fileno(self) -> int:
        """The descriptor to select on."""

    def read_edges(self) -> list[Edge]:
        """Some of the waiting edges, oldest first; OSError if the line is gone."""

    def is_alive(self) -> bool:
        """False when edges can no longer arrive although nothing reported an error."""

    def close(self) -> None:
        """Give the line back."""


class ButtonWatcher:
    """Owns the source and the decoder. The caller selects on ``source`` and calls ``read``."""

    def __init__(self, config: ButtonConfig, open_source: Callable[[ButtonConfig], EdgeSource]) -> None:
        self._config = config
        self._open_source = open_source
        self._decoder = PulseDecoder(config.double_press_window_ms, config.hold_window_ms)
        self._retry_s = float("-inf")
        self._budget = EDGES_PER_TICK
        self.source: EdgeSource | None = None
        self.error: OSError | None = None
        self._is_dead = False
        self.counts = dict.fromkeys(Gesture, 0)

    @property
    def enabled(self) -> bool:
        """False if the configuration asks for no button at all."""
        return self._config.backend != "none"

    @property
    def ignored(self) -> int:
        """Pulses that were no gesture, since the start."""
        return self._decoder.ignored

    @property
    def exhausted(self) -> bool:
        """True when this tick's edges are used up: do not select on the source before the next tick."""
        return self._budget <= 0

    @property
    def is_alive(self) -> bool:
        """Whether the line is watched, known to be unwatchable, or not wanted. A dead thread is none of these."""
        return not self.enabled or self.source is not None or (self.error is not None and not self._is_dead)

    def tick(self, now_s: float) -> None:
        """Refresh the edge budget, notice a dead source, and open the source if there is none."""
        self._budget = EDGES_PER_TICK
        self._check_life()
        if self.source is None and self.enabled and now_s >= self._retry_s:
            self._retry_s = now_s + _RETRY_S
            try:
                self.source = self._open_source(self._config)
            except OSError as error:
                self.error, self._is_dead = error, False
            except ImportError as error:  # a system's own package of the same name, perhaps
                self.error = ButtonError(f"the {self._config.backend} library cannot be used: {error}")
            else:
                self.error, self._is_dead = None, False
                self._check_life()

    def _check_life(self) -> None:
        if self.source is not None and not self.source.is_alive():
            self._is_dead = True
            self._lose(ButtonError("the library's thread that delivers the button's edges has died; restart a1d"))

    def read(self) -> list[Gesture]:
        """The gestures completed by the edges that wait, up to the tick's budget."""
        gestures: list[Gesture] = []
        if self.source is None or self.exhausted:
            return gestures
        try:
            edges = self.source.read_edges()
        except OSError as error:
            self._lose(error)
            return gestures
        self._budget -= len(edges)
        for edge in edges:
            gesture = self._decoder.feed(edge)
            if gesture is not None:
                self.counts[gesture] += 1
                gestures.append(gesture)
        return gestures

    def close(self) -> None:
        """Give the line back."""
        source, self.source = self.source, None
        if source is not None:
            source.close()

    def _lose(self, error: OSError) -> None:
        self.error = error
        self.close()
