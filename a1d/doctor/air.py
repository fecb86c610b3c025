"""Does the fan move air? What the temperatures under four duties can tell of it, and what they cannot. Pure.

The case has no tachometer (M10), and how much a real fan cools nobody has measured (T6). So this only judges what
is far from both ends, and says "cannot tell" in between.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from a1d.doctor.result import FAIL, OK, WARN

STEPS_PERCENT = (0, 30, 60, 100)
# The chip's sensor moves in steps of half a degree and is never still (T5).
_FALL_SURE_KELVIN = 3.0
_FALL_NONE_KELVIN = 1.0
# Below this, a warm room alone hides what the fan does.
_WARM_CELSIUS = 40.0
_SAMPLES_MIN = 6


class Sample(NamedTuple):
    """One look: when, at which duty, how warm, and how busy the machine was (None: not known)."""

    at_s: float
    duty_percent: int
    temp_celsius: float
    load: float | None


class Load(NamedTuple):
    """What the load is measured in, and how far it may differ from step to step: one that changes hides the fan."""

    unit: str
    spread_max: float


class Verdict(NamedTuple):
    """``state`` ok: it seems to move air. FAIL: no sign of it. warn: that cannot be told."""

    state: str
    text: str


class Step(NamedTuple):
    """A duty, the temperature at its end, how that was changing, and the mean load."""

    duty_percent: int
    end_celsius: float
    kelvin_per_s: float
    load: float | None
    end_s: float


def judge(samples: Sequence[Sample], load: Load) -> Verdict:
    """What the samples tell, with the numbers it rests on."""
    steps = [step for duty in STEPS_PERCENT if (step := step_of(samples, duty))]
    seen = ", ".join(f"{step.duty_percent} %: {step.end_celsius:.1f} C" for step in steps)
    if [step.duty_percent for step in steps] != list(STEPS_PERCENT):
        return Verdict(WARN, f"cannot tell: not every duty was tried ({seen or 'none was'})")
    off, full = steps[0], steps[-1]
    fall_kelvin = off.end_celsius - full.end_celsius
    # What it would fall or rise by itself at most, if it went on as with the fan off.
    trend_kelvin = max(0.0, -off.kelvin_per_s * (full.end_s - off.end_s))
    warming_kelvin = off.kelvin_per_s * (full.end_s - off.end_s)
    seen = f"({seen}; from 0 to 100 % it {'fell' if fall_kelvin >= 0 else 'rose'} by {abs(fall_kelvin):.1f} C)"
    falls_enough = fall_kelvin >= _FALL_SURE_KELVIN + trend_kelvin
    loads = [step.load for step in steps if step.load is not None]
    if loads and max(loads) - min(loads) > load.spread_max:
        span = f"{min(loads):.1f} to {max(loads):.1f} {load.unit}"
        why = f"cannot tell: the load changed, {span} {seen}. Try again while the machine does the same all the time"
        return Verdict(WARN, why)
    if trend_kelvin >= _FALL_NONE_KELVIN and not falls_enough:
        why = f"cannot tell: with the fan off it cooled by itself, {-off.kelvin_per_s * 60:.1f} C a minute {seen}"
        return Verdict(WARN, f"{why}. Try again in ten minutes")
    if warming_kelvin >= _FALL_SURE_KELVIN and fall_kelvin < _FALL_NONE_KELVIN:
        why = f"cannot tell: with the fan off it was still warming up, {off.kelvin_per_s * 60:.1f} C a minute {seen}"
        return Verdict(WARN, f"{why}. Try again in ten minutes")
    rise_kelvin = max(after.end_celsius - before.end_celsius for before, after in pairwise(steps))
    if falls_enough and rise_kelvin <= _FALL_NONE_KELVIN:
        return Verdict(OK, f"the fan seems to move air {seen}")
    return _doubt(off.end_celsius, fall_kelvin, seen)


def _doubt(off_celsius: float, fall_kelvin: float, seen: str) -> Verdict:
    if off_celsius < _WARM_CELSIUS:
        why = f"cannot tell: at {off_celsius:.1f} C with the fan off there is little to cool {seen}"
        return Verdict(WARN, f"{why}. Try again while the machine is busy")
    if fall_kelvin < _FALL_NONE_KELVIN:
        why = f"no sign that the fan moves air: at 100 % it is no cooler than at 0 % {seen}"
        return Verdict(FAIL, f"{why}. Listen whether it turns, look at its cable, and clean it")
    why = f"cannot tell: too much for a fan that stands still, too little for one that cools {seen}"
    return Verdict(WARN, f"{why}. Listen whether it turns")


def step_of(samples: Sequence[Sample], duty_percent: int) -> Step | None:
    """What the samples at one duty come to; None if they are too few."""
    mine = [sample for sample in samples if sample.duty_percent == duty_percent]
    if len(mine) < _SAMPLES_MIN:
        return None
    settled = mine[len(mine) // 3 :]
    end = statistics.median(sample.temp_celsius for sample in mine[-(len(mine) // 3) :])
    loads = [sample.load for sample in mine if sample.load is not None]
    return Step(duty_percent, end, _slope(settled), statistics.fmean(loads) if loads else None, mine[-1].at_s)


def _slope(samples: Sequence[Sample]) -> float:
    """Degrees a second, by least squares."""
    times = [sample.at_s for sample in samples]
    if max(times) == min(times):
        return 0.0
    return statistics.linear_regression(times, [sample.temp_celsius for sample in samples]).slope
