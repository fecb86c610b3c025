"""What a soak does and when: pure, the same for the same seed."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import NamedTuple

BUS_FAULTS = ("nak", "timeout", "arbitration", "io", "stretch", "lost-writes", "wrong-read-back", "absent", "gone")
SENSOR_FAULTS = ("error", "vanish", "garbage")
# Each episode ends with so long a calm that a duty that was changed behind a1d's back has been healed, the fan has
# slowed as far as it should, and a refresh is due.
EPISODE_MINUTES, CALM_S = 10, 90.0
# A press so close to noise, to another press or to a line that is opened anew may rightly be lost.
ALONE_S = 1.5
NOISE_PULSES = 20

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
    """One thing that is done to the daemon. ``at_s``: since the soak's beginning, as planned or as it was."""

    at_s: float
    what: str
    value: str | float = ""
    for_s: float | None = None  # of a manual duty; None until ``auto``

    def __str__(self) -> str:
        """As a report shows it."""
        time = "" if self.for_s is None else f" for {self.for_s:g} s"
        return f"{self.at_s:.3f} {self.what} {self.value}{time}".strip()


def plan(seed: int, minutes: float) -> list[Action]:
    """In the order of time; ``minutes`` are split into episodes."""
    episodes = max(1, round(minutes / EPISODE_MINUTES))
    length_s = minutes * 60 / episodes
    actions: list[Action] = []
    for number in range(episodes):
        for stream in (_heat, _bus, _sensor, _manual, _reload, _press, _noise, _tamper, _looks):
            # A dice for each, so that one stream does not change when another is changed.
            dice = random.Random(f"{seed} {number} {stream.__name__}")
            for action in stream(dice, length_s - CALM_S):
                actions.append(action._replace(at_s=round(number * length_s + action.at_s, 3)))
    return _without_lost_presses(sorted(actions, key=lambda action: action.at_s))


def _spell(dice: random.Random, short_s: float, long_s: float) -> float:
    """Short or long, and seldom in between."""
    return dice.uniform(0.2, short_s) if dice.random() < 0.4 else dice.uniform(short_s, long_s)


def _heat(dice: random.Random, end_s: float) -> Iterator[Action]:
    at_s, celsius = 0.0, 45.0
    while at_s < end_s:
        kind = dice.random()
        if kind < 0.4:
            celsius = dice.uniform(35, 90)
        elif kind < 0.7:
            celsius = min(90.0, max(35.0, celsius + dice.uniform(-4, 4)))
        else:
            celsius = dice.choice((45.0, 50.0, 60.0, 65.0, 70.0, 77.0, 80.0)) + dice.uniform(-0.3, 0.3)
        yield Action(at_s, "heat", round(celsius, 3))
        at_s += _spell(dice, 3, 45)
    yield Action(end_s, "heat", round(dice.uniform(35, 58), 3))


def _bus(dice: random.Random, end_s: float) -> Iterator[Action]:
    at_s = dice.uniform(1, 40)
    while at_s < end_s:
        name = dice.choice(BUS_FAULTS)
        every = dice.choice((1, 1, 2, 3)) if name not in ("absent", "gone") else 1
        yield Action(at_s, "bus", name if every == 1 else f"{name}/{every}")
        at_s = min(at_s + _spell(dice, 3, 40), end_s)
        yield Action(at_s, "bus", "none")
        at_s += _spell(dice, 5, 60)


def _sensor(dice: random.Random, end_s: float) -> Iterator[Action]:
    at_s = dice.uniform(10, 60)
    while at_s < end_s:
        yield Action(at_s, "sensor", dice.choice(SENSOR_FAULTS))
        at_s = min(at_s + _spell(dice, 2, 30), end_s)
        yield Action(at_s, "sensor", "none")
        at_s += dice.uniform(10, 120)


def _manual(dice: random.Random, end_s: float) -> Iterator[Action]:
    at_s = dice.uniform(5, 60)
    while at_s < end_s:
        for_s = dice.choice((None, round(dice.uniform(0.5, 40), 3)))
        yield Action(at_s, "fan", dice.choice((0, 5, 10, 30, 50, 80, 100)), for_s)
        at_s += _spell(dice, 2, 40)
        if at_s < end_s and dice.random() < 0.8:
            yield Action(at_s, "auto")
            at_s += _spell(dice, 5, 60)
    yield Action(end_s, "auto")


def _reload(dice: random.Random, end_s: float) -> Iterator[Action]:
    at_s = dice.uniform(5, 30)
    while at_s < end_s:
        yield Action(at_s, dice.choice(("reload", "hangup")), dice.choice(sorted(CONFIGS)))
        at_s += _spell(dice, 2, 60)


def _press(dice: random.Random, end_s: float) -> Iterator[Action]:
    at_s = 1.0
    while at_s < end_s:
        # A millisecond from a window's end nobody can say what a pulse is.
        yield Action(at_s, "press", round(dice.choice((20.0, 40.0, dice.uniform(11, 29), dice.uniform(31, 54))), 3))
        at_s += dice.uniform(2, 30)


def _noise(dice: random.Random, end_s: float) -> Iterator[Action]:
    at_s = dice.uniform(10, 100)
    while at_s < end_s:
        phases_us = [dice.randint(100, 8000) for _ in range(2 * NOISE_PULSES - 1)]
        yield Action(at_s, "noise", ",".join(map(str, phases_us)))
        at_s += dice.uniform(30, 200)


def _tamper(dice: random.Random, end_s: float) -> Iterator[Action]:
    """The case forgets its duty, or another program sets one."""
    at_s = dice.uniform(30, 150)
    while at_s < end_s:
        yield Action(at_s, "reset") if dice.random() < 0.5 else Action(at_s, "tamper", dice.randint(0, 100))
        at_s += dice.uniform(70, 300)


def _looks(dice: random.Random, end_s: float) -> Iterator[Action]:
    """In the calm, too."""
    at_s = 0.5  # before any fault
    while at_s < end_s + CALM_S:
        yield Action(at_s, "look")
        at_s += dice.uniform(4, 14)
    yield Action(end_s + CALM_S, "look")


def _without_lost_presses(actions: list[Action]) -> list[Action]:
    """Presses that may rightly be lost tell nothing; an absent case has no button at all."""
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
