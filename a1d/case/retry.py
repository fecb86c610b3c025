"""How often a transfer is tried by whoever ends a1d's work. Standard library only."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from a1d.case.bus import PACE_S

Result = TypeVar("Result")


def try_for(
    seconds: float, attempt: Callable[[], Result], clock: Callable[[], float], sleep: Callable[[float], None]
) -> Result:
    """What ``attempt`` returns, begun again 0.1 s later while it raises OSError; after ``seconds`` its last OSError."""
    deadline_s = clock() + seconds
    while True:
        try:
            return attempt()
        except OSError:
            if clock() >= deadline_s:
                raise
        sleep(PACE_S)
