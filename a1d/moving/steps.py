"""Another daemon's steps as a curve of a1d's that is at least as fast, with what had to be changed. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

from a1d.config.settings import FanConfig, Points

POINTS_MAX = 32
FIRST_MAX_CELSIUS = 70.0
_DEFAULT = FanConfig()


def safe_steps(points: Iterable[tuple[float, float]], notes: list[str]) -> Points | None:
    """Points for ``interpolation: step``; None if nothing in ``points`` starts the fan. ``notes`` gets what is changed.

    ``points`` are temperatures, 0 to 100 C, and duties, 0 to 100 %; of several at one temperature the fastest counts.
    """
    steps = _rising(sorted(points), notes)
    steps = [(temp, duty) for temp, duty in steps if duty > 0]
    if not steps:
        notes.append("nothing in it starts the fan")
        return None
    lowest = _DEFAULT.duty_min_percent
    if steps[0][1] < lowest:
        notes.append(f"{steps[0][1]:g} % becomes {lowest} %: with less the fan may stand still (fan.duty_min_percent)")
        steps = [(temp, max(duty, lowest)) for temp, duty in steps]
    first_celsius, first_percent = steps[0]
    if first_celsius > FIRST_MAX_CELSIUS:
        notes.append(f"it started the fan only at {first_celsius:g} C; here it starts at {FIRST_MAX_CELSIUS:g} C")
        steps[0] = (FIRST_MAX_CELSIUS, first_percent)
    late = [temp for temp, _ in steps if temp >= _DEFAULT.critical_celsius]
    if late:
        notes.append(f"what it did from {late[0]:g} C on is not needed: there the fan is at 100 % already")
    steps = [step for step in _without_repeats(steps) if step[0] < _DEFAULT.critical_celsius]
    if len(steps) > POINTS_MAX:
        notes.append(f"of its {len(steps)} steps {POINTS_MAX} are kept; a step that is left out is the next one's duty")
    return tuple(_at_most(steps, POINTS_MAX))


def _rising(points: list[tuple[float, float]], notes: list[str]) -> list[tuple[float, float]]:
    """A hotter point is at least as fast as the ones before it."""
    rising: list[tuple[float, float]] = []
    for temp, duty in points:
        before = rising[-1][1] if rising else 0.0
        if duty < before and rising[-1][0] < temp:
            notes.append(f"it slowed the fan to {duty:g} % at {temp:g} C, as it got hotter; here it keeps {before:g} %")
        if rising and rising[-1][0] == temp:
            rising[-1] = (temp, max(duty, before))
        else:
            rising.append((temp, max(duty, before)))
    return rising


def _without_repeats(steps: list[tuple[float, float]]) -> list[tuple[float, float]]:
    return [steps[0], *(later for earlier, later in pairwise(steps) if later[1] > earlier[1])]


def _at_most(steps: list[tuple[float, float]], count: int) -> list[tuple[float, float]]:
    """Join the two neighbours whose duties differ least, the lower one taking the higher one's duty, until they fit."""
    steps = list(steps)
    while len(steps) > count:
        at = min(range(len(steps) - 1), key=lambda at: steps[at + 1][1] - steps[at][1])
        steps[at : at + 2] = [(steps[at][0], steps[at + 1][1])]
    return steps
