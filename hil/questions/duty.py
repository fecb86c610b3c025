"""M13: the lowest duty at which the fan turns. There is no tachometer, so the operator listens."""

from __future__ import annotations

import time
from collections.abc import Callable

from hil.bench import REST_PERCENT, Answer, Bench, question
from hil.operator import tell, yes

HIGHEST = 40


def lowest(turns: Callable[[int], bool], highest: int = HIGHEST) -> int | None:
    """The lowest duty above 0 that turns the fan; None if ``highest`` does not. Every duty above it must turn it."""
    if not turns(highest):
        return None
    low, high = 0, highest
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if turns(middle) else (middle, high)
    return high


def _say(found: int | None) -> str:
    return f"{found} %" if found else f"more than {HIGHEST} %"


@question("what is the lowest duty that keeps the fan turning, and the lowest that starts it?", operator=True)
def duty(bench: Bench) -> Answer:
    """First every try begins with a turning fan, then with one that stands still."""
    tell("Listen to the fan, or feel the air at the case. Each try takes ten seconds.")

    def turns(duty_percent: int, first: int) -> bool:
        bench.set(first)
        time.sleep(4)
        bench.set(duty_percent)
        time.sleep(5)
        is_turning = yes(f"{duty_percent} %: does it turn?")
        bench.set(REST_PERCENT)
        return is_turning

    keeps = lowest(lambda duty_percent: turns(duty_percent, REST_PERCENT))
    starts = lowest(lambda duty_percent: turns(duty_percent, 0))
    answer = f"it keeps turning at {_say(keeps)}, and starts (by the controller's own kick) at {_say(starts)}"
    return {"answer": answer, "keeps_percent": keeps, "starts_percent": starts}
