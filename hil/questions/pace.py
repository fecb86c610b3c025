"""M9: how fast may writes follow each other? No write comes during a kick-start: the fan turns all the time."""

from __future__ import annotations

import time

from a1d.case.bus import SETTLE_S
from hil.bench import Answer, Bench, question

PACES_MS = (100, 50, 20, 10, 5)
BURSTS, WRITES = 6, 8


def judge(lost: dict[int, int], bursts: int) -> str:
    """``lost``: for each pace in ms, the number of bursts whose last write was not read back."""
    bad = {pace_ms: count for pace_ms, count in lost.items() if count}
    if not bad:
        return f"nothing was lost down to {min(lost)} ms"
    found = ", ".join(f"{count} of {bursts} at {pace_ms} ms" for pace_ms, count in bad.items())
    return f"the last write of a burst was lost: {found}"


@question("how fast may repeated writes come?")
def pace(bench: Bench) -> Answer:
    """Write bursts of duties between 60 and 100 %, and read back after each."""
    lost = {}
    for pace_ms in PACES_MS:
        lost[pace_ms] = 0
        for burst in range(BURSTS):
            begin_s = time.monotonic()
            for number in range(WRITES):
                time.sleep(max(0.0, begin_s + number * pace_ms / 1000 - time.monotonic()))
                wanted = 60 + (7 * number + 5 * burst) % 41
                bench.write(wanted)
            time.sleep(SETTLE_S)
            lost[pace_ms] += bench.read() != wanted
    return {"answer": judge(lost, BURSTS), "lost": {f"{pace_ms} ms": count for pace_ms, count in lost.items()}}
