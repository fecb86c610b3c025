"""Makes the fan safe, by itself, in bounded time: for ``a1d-failsafe``, and for the daemon when it ends.

Standard library and smbus2 only.
"""

from __future__ import annotations

import contextlib
import errno
import time
from collections.abc import Callable

from a1d.case.bus import SETTLE_S, CaseBus, RegisterBus
from a1d.case.retry import try_for

TIME_MAX_S = 2.5


def apply_failsafe(
    open_bus: Callable[[], CaseBus],
    failsafe_percent: int,
    exact_percent: int | None = None,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> str:
    """Set max(present duty, failsafe), or ``exact_percent`` (each 0..100 %), and verify it; what was done, in words.

    A present duty that cannot be read counts as 100 %; a legacy case is written to once and confirms nothing (L1).
    ``open_bus`` raises OSError if the bus cannot be opened. OSError if the case cannot be reached or does not confirm
    the duty within 1.9 s, ValueError for a duty that is no whole number of 0..100.
    """
    present: int | None = None
    is_written = False  # kept from try to try, or a bus that fails every second time would never let us finish

    def attempt() -> str:
        nonlocal present, is_written
        with contextlib.closing(open_bus()) as bus:
            if present is None and isinstance(bus, RegisterBus):
                with contextlib.suppress(OSError):
                    present = min(100, bus.read_duty())
            goal = exact_percent
            if goal is None:
                goal = 100 if present is None else max(present, failsafe_percent)
            if not isinstance(bus, RegisterBus):
                bus.write_duty(goal)
                return f"the fan was set to {goal} %; this case cannot confirm it"
            # Written even if it is there already: an MCU that was just reset is about to forget it (M5).
            if not is_written:
                bus.write_duty(goal)
                is_written = True
                sleep(SETTLE_S)
            if bus.read_duty() != goal:
                is_written = False
                text = f"the case does not confirm the {goal} % it was asked for, several times"
                raise OSError(errno.EIO, text)
            return f"the fan was set to {goal} %"

    return try_for(TIME_MAX_S - SETTLE_S, attempt, clock, sleep)
