"""The power button from the line to the deed: waits for edges in the daemon's loop, and runs what a gesture means."""

from __future__ import annotations

from selectors import EVENT_READ
from typing import TYPE_CHECKING

from a1d.button.pulses import Gesture

if TYPE_CHECKING:
    from a1d.button.actions import Actions
    from a1d.button.watcher import ButtonWatcher, EdgeSource
    from a1d.config.settings import ButtonConfig
    from a1d.log import Log
    from a1d.loop import Loop


class PowerButton:
    """``tick`` once a tick; what comes between is handled when the line's descriptor is ready."""

    def __init__(self, watcher: ButtonWatcher, actions: Actions, config: ButtonConfig, loop: Loop, log: Log) -> None:
        self._watcher = watcher
        self._actions = actions
        self._config = config
        self._selector = loop.selector
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
        for gesture in gestures:
            action = self._config.hold if gesture is Gesture.HOLD else self._config.double_press
            shown = action if isinstance(action, str) else " ".join(action)
            self._log.info(f"button: {gesture.value.replace('_', ' ')}: {shown}")
            self._actions.run(action, urgent=gesture is Gesture.HOLD)  # the case cuts the power (B3)
