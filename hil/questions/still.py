"""T5: how long can the processor's temperature stand still? After half an hour a1d counts the sensor as broken."""

from __future__ import annotations

import itertools
import time
from pathlib import Path

from a1d.temperature.sensors import find_zone
from hil.bench import Answer, Bench, question

MINUTES = 10
_PAUSE_S = 0.5


def judge(samples: list[tuple[float, int]]) -> Answer:
    """``samples``: seconds and millidegrees, one after the other."""
    longest_s = 0.0
    since_s = samples[0][0]
    steps = []
    for (_, before), (now_s, now) in itertools.pairwise(samples):
        if now != before:
            steps.append(abs(now - before))
            since_s = now_s
        longest_s = max(longest_s, now_s - since_s)
    return {
        "answer": f"{longest_s:.1f} s at most, in {samples[-1][0] - samples[0][0]:.0f} s with a steady fan",
        "changes": len(steps),
        "smallest_step_millicelsius": min(steps, default=0),
        "largest_step_millicelsius": max(steps, default=0),
    }


@question(f"how long does the temperature stand still ({MINUTES} minutes)?")
def still(_bench: Bench) -> Answer:
    """The fan is steady at the duty that it has between two questions."""
    path = Path(find_zone("/sys", "cpu-thermal")[0])
    begin_s = time.monotonic()
    samples = []
    while time.monotonic() - begin_s < MINUTES * 60:
        samples.append((time.monotonic(), int(path.read_bytes())))
        time.sleep(_PAUSE_S)
    return judge(samples)
