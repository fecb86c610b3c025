"""M6, M7: is a write during the kick-start dropped, and for how long?"""

from __future__ import annotations

import time

from a1d.case.bus import SETTLE_S
from hil.bench import Answer, Bench, question

AFTER_S = (0.05, 0.15, 0.25, 0.35, 0.45, 0.5, 0.55, 0.6, 0.7, 0.9)
TRIES = 2
_FIRST, _SECOND = 40, 70


def judge(tries: list[tuple[float, bool]]) -> str:
    """``tries``: seconds after the 0 -> N write, and whether the write then was dropped."""
    dropped = [after_s for after_s, is_dropped in tries if is_dropped]
    kept = [after_s for after_s, is_dropped in tries if not is_dropped]
    if not dropped:
        return "no write was dropped"
    if not kept:
        return f"every write was dropped, {max(dropped):.2f} s after 0 -> N too"
    if min(kept) > max(dropped):
        return f"dropped until {max(dropped):.2f} s after 0 -> N, kept from {min(kept):.2f} s on"
    return f"at random: dropped between {min(dropped):.2f} and {max(dropped):.2f} s, but kept at {min(kept):.2f} s"


@question("is a write during the kick-start dropped, and until when?")
def kick(bench: Bench) -> Answer:
    """Write 0, then a duty, then another one a little later, and read which of them took effect."""
    tries: list[tuple[float, bool]] = []
    for after_s in AFTER_S * TRIES:
        bench.set(0)
        begin_s = time.monotonic()
        bench.write(_FIRST)
        time.sleep(max(0.0, begin_s + after_s - time.monotonic()))
        real_s = time.monotonic() - begin_s
        bench.write(_SECOND)
        time.sleep(SETTLE_S + 0.6)
        found = bench.read()
        if found not in (_FIRST, _SECOND):
            return {"answer": f"the controller reads {found}, which nobody wrote", "tries": tries}
        tries.append((round(real_s, 3), found == _FIRST))
    return {"answer": judge(tries), "tries": tries}
