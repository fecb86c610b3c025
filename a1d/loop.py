"""When what runs: the tick, the fan's next transfer, and whatever descriptor is ready. One thread, no sleeping."""

from __future__ import annotations

import selectors
from collections.abc import Callable


class Loop:
    """Calls ``tick`` on time, ``poll_fan`` when a transfer is due, and each selector key's ``data`` when it is ready.

    ``tick`` takes the time in seconds; ``poll_fan`` gives the time at which it wants to be called again. Nothing that
    is called may wait for longer than one transfer on the bus. The owner sets ``fan_due_s`` after a tick.

    What is in ``urgent`` is called before all others; these take turns, so that nobody waits for ever.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        interval_s: float,
        tick: Callable[[float], None],
        poll_fan: Callable[[], float],
    ) -> None:
        self.interval_s = interval_s
        self.selector = selectors.DefaultSelector()
        self.urgent: set[Callable[[], None]] = set()
        self.fan_due_s = self._next_tick_s = clock()
        self._clock = clock
        self._tick = tick
        self._poll_fan = poll_fan
        self._turns = 0
        self._last_turn: dict[int, int] = {}  # by descriptor

    @property
    def wake_s(self) -> float:
        """When the next thing is due that no descriptor will announce."""
        return min(self._next_tick_s, self.fan_due_s)

    def tick_soon(self, within_s: float = 0.0) -> None:
        """The next tick is due now, or in ``within_s`` seconds at the latest."""
        self._next_tick_s = min(self._next_tick_s, self._clock() + within_s)

    def run_once(self) -> None:
        """Wait for the next thing to happen and deal with it."""
        ready = self.selector.select(max(0.0, self.wake_s - self._clock()))
        if len(ready) > 1:
            ready.sort(key=lambda each: (each[0].data not in self.urgent, self._last_turn.get(each[0].fd, 0)))
        for key, _events in ready:
            self._turns += 1
            self._last_turn[key.fd] = self._turns
            key.data()
            if self._clock() >= self.wake_s:
                break  # the fan comes first; what is ready stays ready
        now_s = self._clock()
        if now_s >= self._next_tick_s:
            # On the grid while we keep up; after a delay a new grid, never a burst.
            on_grid_s = self._next_tick_s + self.interval_s
            self._next_tick_s = on_grid_s if on_grid_s > now_s else now_s + self.interval_s
            self._tick(now_s)
        elif now_s >= self.fan_due_s:
            self.fan_due_s = self._poll_fan()
