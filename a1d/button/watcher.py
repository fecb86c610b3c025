"""Watches the power button: edges in, gestures out, whatever brings the edges.

A source that cannot be had is tried again; noise is bounded per tick so that it cannot starve the fan.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from selectors import EVENT_READ
from typing import Protocol

from a1d.button.actions import Actions
from a1d.button.pulses import Edge, Gesture, PulseDecoder
from a1d.config.settings import ButtonConfig
from a1d.errors import ButtonError
from a1d.log import Log
from a1d.loop import Loop

EDGES_PER_TICK = 256
_RETRY_S = 5.0


class EdgeSource(Protocol):
    """What a way to watch the button's line must offer. All calls come from the daemon's one thread.

    Opening is the constructor's part: it takes a ``ButtonConfig``, asks for ``config.line`` as an input with
    pull-down (B5), and raises OSError with a text for the user, best a ``ButtonError``, if it cannot be had. A library
    with a thread of its own lets that thread do no more than queue the edge and make ``fileno`` readable::

        class MyEdges:
            def __init__(self, config): self._fd = os.eventfd(0, os.EFD_NONBLOCK); my_library.watch(config.line, ...)
            def fileno(self): return self._fd
            def read_edges(self): os.eventfd_read(self._fd); return [Edge(timestamp_ns, rising), ...]
            def is_alive(self): return my_library.thread_is_alive()
            def close(self): my_library.stop(); os.close(self._fd)
    """

    def fileno(self) -> int:
        """The descriptor that is readable for as long as edges wait; the same one from opening to ``close``."""

    def read_edges(self) -> list[Edge]:
        """Some of the waiting edges, at most ``EDGES_PER_TICK``, oldest first; none is no error. Must not block.

        Called when ``fileno`` is readable. OSError if the line is gone: then it is closed and opened anew.
        """

    def is_alive(self) -> bool:
        """False when edges can no longer arrive although nothing raised. Called every tick: must be cheap."""

    def close(self) -> None:
        """Give line and descriptor back. Called once; must not raise."""


class ButtonWatcher:
    """Owns the source and the decoder. The caller selects on ``source`` and calls ``read``."""

    def __init__(self, config: ButtonConfig, open_source: Callable[[ButtonConfig], EdgeSource]) -> None:
        self._config = config
        self._open_source = open_source
        self._decoder = PulseDecoder(config.double_press_window_ms, config.hold_window_ms)
        self._ignored_before = 0  # by the decoders of earlier settings
        self._retry_at_s = float("-inf")
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
        return self._ignored_before + self._decoder.ignored

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
        if self.source is None and self.enabled and now_s >= self._retry_at_s:
            self._retry_at_s = now_s + _RETRY_S
            self.error, self._is_dead = None, False
            try:
                self.source = self._open_source(self._config)
            except Exception as error:  # also a system's own package of the same name, or a file that is damaged
                text = f"the {self._config.backend} library cannot be used: {str(error) or repr(error)}"
                self.error = error if isinstance(error, OSError) else ButtonError(text)
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

    def needs_reopening(self, config: ButtonConfig) -> bool:
        """Whether these settings concern the line and its pulses, not only what a gesture does."""
        now, then = (replace(each, double_press="none", hold="none") for each in (self._config, config))
        return now != then

    def configure(self, config: ButtonConfig) -> None:
        """Close the line; the next ``tick`` opens it with these settings. What was counted stays."""
        self.close()
        self._config = config
        self._ignored_before = self.ignored
        self._decoder = PulseDecoder(config.double_press_window_ms, config.hold_window_ms)
        self._retry_at_s = float("-inf")
        self.error, self._is_dead = None, False

    def close(self) -> None:
        """Give the line back."""
        source, self.source = self.source, None
        if source is not None:
            source.close()

    def _lose(self, error: OSError) -> None:
        self.error = error
        self.close()


class PowerButton:
    """``tick`` once a tick; what comes between is handled when the line's descriptor is ready."""

    def __init__(self, watcher: ButtonWatcher, actions: Actions, config: ButtonConfig, loop: Loop, log: Log) -> None:
        self._watcher = watcher
        self._actions = actions
        self._config = config
        self._selector = loop.selector
        self._tick_soon = loop.tick_soon
        loop.urgent.add(self._on_edges)
        self._log = log
        self._selected: EdgeSource | None = None
        self._selected_fd: int | None = None

    def tick(self, now_s: float) -> None:
        """Open the line if need be, and let the edge budget begin anew."""
        self._watcher.tick(now_s)
        self._select()

    def configure(self, config: ButtonConfig) -> None:
        """Take new settings. A press that waits still does what it meant before."""
        if self._watcher.needs_reopening(config):
            self._on_edges()
            self._watcher.configure(config)
            self._select()
        self._config = config
        self._actions.keep_only((config.double_press, config.hold))

    def close(self) -> None:
        """Give the line back."""
        self._watcher.close()
        self._select()

    def _select(self) -> None:
        """Listen to the watcher's source, and not while the edge budget is used up."""
        source = None if self._watcher.exhausted else self._watcher.source
        if source is self._selected:
            return
        if self._selected_fd is not None:
            self._selector.unregister(self._selected_fd)
        self._selected, self._selected_fd = source, None if source is None else source.fileno()
        if self._selected_fd is not None:
            self._selector.register(self._selected_fd, EVENT_READ, self._on_edges)

    def _on_edges(self) -> None:
        gestures = self._watcher.read()
        self._select()
        if gestures:
            self._tick_soon()  # whoever monitors must hear of it before a reboot ends everything
        for gesture in gestures:
            action = self._config.hold if gesture is Gesture.HOLD else self._config.double_press
            shown = action if isinstance(action, str) else action[0]  # its arguments may hold a secret
            self._log.info(f"button: {gesture.value.replace('_', ' ')}: {shown}")
            self._actions.run(action, urgent=gesture is Gesture.HOLD)  # the case cuts the power (B3)
