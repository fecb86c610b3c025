"""What a soak does and when. Pure: the same seed gives the same plan."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

from a1d.temperature.plausible import FALL_MAX_CELSIUS

BUS_FAULTS = ("nak", "timeout", "arbitration", "io", "stretch", "lost-writes", "wrong-read-back", "absent", "gone")
SENSOR_FAULTS = ("error", "vanish", "garbage")
# Nothing is done in the last CALM_S of an episode. In that time a1d puts right a duty that another program set, the
# fan slows as far as it should, and a refresh becomes due.
EPISODE_MINUTES, CALM_S = 10, 90.0
# A press so close to noise, to another press or to a reopened line may be lost without a fault of a1d.
ALONE_S = 1.5
NOISE_PULSES = 20
_FALL_S = 45.0  # longer than a sensor is faulty

_BUTTON = """button:
  double_press: [sh, -c, "echo double >>/run/a1d/pressed"]
  hold: [sh, -c, "echo hold >>/run/a1d/pressed"]
"""
# Every configuration has the same hysteresis, hold and rise: the judge knows one of each, and would wait for minutes
# with the defaults.
_PROMPT = "fan: {curve: {50: 10, 60: 40, 70: 100}, hysteresis_celsius: 3, hold: 10s, rise: 0s}\n"
CONFIGS = {
    "plain": _PROMPT + _BUTTON,
    "warm": _PROMPT.replace("{50: 10, 60: 40, 70: 100}", "{45: 20, 65: 100}") + _BUTTON,
    "sensors": _PROMPT + _BUTTON + "sensors: [{name: chip, zone: cpu-thermal, frozen: 40m}]\n",
    "line": _PROMPT + _BUTTON + "  hold_window_ms: [30, 56]\n",
    "refused": "fan: {hold: soon}\n",
}


class Action(NamedTuple):
    """One thing that is done to the daemon. ``at_s``: seconds since the soak began, planned or real."""

    at_s: float
    what: str
    value: str | float = ""
    for_s: float | None = None  # of a manual duty; None means until ``auto``

    def __str__(self) -> str:
        """As a report shows it."""
        time = "" if self.for_s is None else f" for {self.for_s:g} s"
        return f"{self.at_s:.3f} {self.what} {self.value}{time}".strip()


def plan(seed: int, minutes: float) -> list[Action]:
    """The actions in the order of time. ``minutes`` are split into episodes."""
    episodes = max(1, round(minutes / EPISODE_MINUTES))
    length_s = minutes * 60 / episodes
    actions: list[Action] = []
    for number in range(episodes):
        for stream in (_heat, _bus, _sensor, _manual, _reload, _press, _noise, _tamper, _looks):
            # A generator for each stream, so that a change of one does not change the others.
            rng = random.Random(f"{seed} {number} {stream.__name__}")
            for action in stream(rng, length_s - CALM_S):
                actions.append(action._replace(at_s=round(number * length_s + action.at_s, 3)))
    return _without_lost_presses(sorted(actions, key=lambda action: action.at_s))


def _duration_s(rng: random.Random, short_s: float, long_s: float) -> float:
    """A short time with a probability of 0.4, else a long one."""
    return rng.uniform(0.2, short_s) if rng.random() < 0.4 else rng.uniform(short_s, long_s)


def _heat(rng: random.Random, end_s: float) -> Iterator[Action]:
    at_s, celsius = 0.0, 45.0
    recent: deque[tuple[float, float]] = deque()  # when each began; it lasts until the next one

    def lowest(now_s: float) -> float:
        """No chip falls by 30 C in a moment, and a1d does not believe one that does."""
        while len(recent) > 1 and recent[1][0] < now_s - _FALL_S:
            recent.popleft()
        return max((hot for _at_s, hot in recent), default=35.0) - FALL_MAX_CELSIUS + 0.5

    while at_s < end_s:
        kind = rng.random()
        if kind < 0.4:
            celsius = rng.uniform(35, 90)
        elif kind < 0.7:
            celsius += rng.uniform(-4, 4)
        else:
            celsius = rng.choice((45.0, 50.0, 60.0, 65.0, 70.0, 77.0, 80.0)) + rng.uniform(-0.3, 0.3)
        celsius = min(90.0, max(35.0, lowest(at_s), celsius))
        recent.append((at_s, celsius))
        yield Action(at_s, "heat", round(celsius, 3))
        at_s += _duration_s(rng, 3, 45)
    yield Action(end_s, "heat", round(max(lowest(end_s), rng.uniform(35, 58)), 3))


def _bus(rng: random.Random, end_s: float) -> Iterator[Action]:
    at_s = rng.uniform(1, 40)
    while at_s < end_s:
        name = rng.choice(BUS_FAULTS)
        every = rng.choice((1, 1, 2, 3)) if name not in ("absent", "gone") else 1
        yield Action(at_s, "bus", name if every == 1 else f"{name}/{every}")
        at_s = min(at_s + _duration_s(rng, 3, 40), end_s)
        yield Action(at_s, "bus", "none")
        at_s += _duration_s(rng, 5, 60)


def _sensor(rng: random.Random, end_s: float) -> Iterator[Action]:
    at_s = rng.uniform(10, 60)
    while at_s < end_s:
        yield Action(at_s, "sensor", rng.choice(SENSOR_FAULTS))
        at_s = min(at_s + _duration_s(rng, 2, 30), end_s)
        yield Action(at_s, "sensor", "none")
        at_s += rng.uniform(10, 120)


def _manual(rng: random.Random, end_s: float) -> Iterator[Action]:
    at_s = rng.uniform(5, 60)
    while at_s < end_s:
        for_s = rng.choice((None, round(rng.uniform(0.5, 40), 3)))
        yield Action(at_s, "fan", rng.choice((0, 5, 10, 30, 50, 80, 100)), for_s)
        at_s += _duration_s(rng, 2, 40)
        if at_s < end_s and rng.random() < 0.8:
            yield Action(at_s, "auto")
            at_s += _duration_s(rng, 5, 60)
    yield Action(end_s, "auto")


def _reload(rng: random.Random, end_s: float) -> Iterator[Action]:
    at_s = rng.uniform(5, 30)
    while at_s < end_s:
        yield Action(at_s, rng.choice(("reload", "hangup")), rng.choice(sorted(CONFIGS)))
        at_s += _duration_s(rng, 2, 60)


def _press(rng: random.Random, end_s: float) -> Iterator[Action]:
    at_s = 1.0
    while at_s < end_s:
        # Within a millisecond of a window's end a pulse may count as either.
        yield Action(at_s, "press", round(rng.choice((20.0, 40.0, rng.uniform(11, 29), rng.uniform(31, 54))), 3))
        at_s += rng.uniform(2, 30)


def _noise(rng: random.Random, end_s: float) -> Iterator[Action]:
    at_s = rng.uniform(10, 100)
    while at_s < end_s:
        phases_us = [rng.randint(100, 8000) for _ in range(2 * NOISE_PULSES - 1)]
        yield Action(at_s, "noise", ",".join(map(str, phases_us)))
        at_s += rng.uniform(30, 200)


def _tamper(rng: random.Random, end_s: float) -> Iterator[Action]:
    """The case forgets its duty, or another program sets one."""
    at_s = rng.uniform(30, 150)
    while at_s < end_s:
        yield Action(at_s, "reset") if rng.random() < 0.5 else Action(at_s, "tamper", rng.randint(0, 100))
        at_s += rng.uniform(70, 300)


def _looks(rng: random.Random, end_s: float) -> Iterator[Action]:
    """Also while nothing else is done."""
    at_s = 0.5  # before any fault
    while at_s < end_s + CALM_S:
        yield Action(at_s, "look")
        at_s += rng.uniform(4, 14)
    yield Action(end_s + CALM_S, "look")


def _without_lost_presses(actions: list[Action]) -> list[Action]:
    """Leave out presses that may be lost without a fault of a1d. An absent case has no button at all."""
    busy_s = [action.at_s for action in actions if action.what in ("noise", "reset", "reload", "hangup")]
    kept: list[Action] = []
    pressed_s, absent_s, is_absent = -ALONE_S, -ALONE_S, False  # absent_s: when it last began or ended
    for action in actions:
        at_s = action.at_s
        if action.what == "bus":
            if is_absent or action.value == "absent":
                absent_s = at_s
            is_absent = action.value == "absent"
        if action.what == "noise" and is_absent:
            continue
        if action.what == "press":
            if is_absent or any(abs(at_s - other_s) < ALONE_S for other_s in (pressed_s, absent_s, *busy_s)):
                continue
            pressed_s = at_s
        kept.append(action)
    return kept
