"""The clocks that the daemon hands to what decides."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable

# Seconds since boot, sleep included, so that a suspended machine shows as a gap.
boot_clock: Callable[[], float] = functools.partial(time.clock_gettime, time.CLOCK_BOOTTIME)
# Looks up the time zone again, which ``local_minute`` does not.
reread_time_zone = time.tzset


def local_minute() -> int:
    """The minute of the local day, 0..1439, as the wall clock has it: it may jump, run wrong or lie."""
    now = time.localtime()
    return now.tm_hour * 60 + now.tm_min
