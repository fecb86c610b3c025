"""Does a1d notice a fan that stands still, and does it never accuse one that turns? On the bench's machines."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from a1d.config.settings import Config
from a1d.temperature.cooling import CoolingCheck
from a1d.temperature.reading import Reading
from tests.bench.control import loads, machine, race
from tests.bench.control.a1d_law import A1dLaw
from tests.bench.control.machine import DT

CONTACT_GOOD = machine.RANGES["r_contact_good"][1]
STEP_S = 2400.0


class Step(A1dLaw):
    """By hand: off for 40 minutes (critical wins, as ever), then full speed."""

    def tick(self, now_s: float, temp: np.ndarray) -> None:
        for controller in self._controllers:
            controller.set_manual(100 if now_s >= STEP_S else 0, None)
        super().tick(now_s, temp)


class Outcome(NamedTuple):
    """Of one machine: seconds until it was said, None if never, and from when it was wrong, None if never."""

    said_s: float | None
    since_s: float | None
    contact_is_good: bool


def watch(law: A1dLaw, load: np.ndarray, count: int, seed: int, kind: str, *, stuck: bool) -> list[Outcome]:
    d = {"draws": machine.draws, "harsh": machine.harsh}[kind](count, seed)
    _, kept = race.run([law], load, d, seed, keep=range(count), stuck=stuck)
    outcomes = []
    for lane in range(count):
        check, said_s = CoolingCheck(Config()), None
        read, duty = kept["read"][:, 0, lane], kept["duty"][:, 0, lane]
        for k, (celsius, percent) in enumerate(zip(read.tolist(), duty.tolist(), strict=True)):
            if check.step(k * DT, int(percent), (Reading("cpu", celsius, k * DT),)):
                said_s = k * DT
                break
        outcomes.append(Outcome(said_s, _since_s(law, read, duty), bool(d["r_contact"][lane] <= CONTACT_GOOD)))
    return outcomes


def _since_s(law: A1dLaw, read: np.ndarray, duty: np.ndarray) -> float | None:
    """When its mean over 30 s first was critical at full speed; or the step, if it was warm then."""
    ticks = round(30 / DT)
    mean = np.convolve(read, np.ones(ticks) / ticks)[: len(read)]
    if isinstance(law, Step) and mean[round(STEP_S / DT) - 1] >= 56:
        return STEP_S
    at = np.flatnonzero((mean >= Config().fan.critical_celsius) & (duty == 100))
    return float(at[0] * DT) if len(at) else None


def describe(count: int, seed: int) -> list[str]:
    """Lines for the report."""
    auto, step = A1dLaw("a1d", Config()), Step("by hand", Config())
    steady = np.full(round(2 * STEP_S / DT), 0.4)
    lines = []
    for what, law, load, kind in (
        ("stress", auto, loads.trace("stress", seed), "draws"),
        ("stress, harsh machines", auto, loads.trace("stress", seed), "harsh"),
        ("media", auto, loads.trace("media", seed), "draws"),
        ("steady load, by hand from 0 to 100 %", step, steady, "draws"),
    ):
        turns = [o for o in watch(law, load, count, seed, kind, stuck=False) if o.said_s is not None]
        good = sum(o.contact_is_good for o in turns)
        stands = [o for o in watch(law, load, count, seed, kind, stuck=True) if o.since_s is not None]
        took_s = [o.said_s - o.since_s for o in stands if o.said_s is not None and o.since_s is not None]
        accused = f"accused on {len(turns)} of {count} machines, {good} of them with good contact"
        found = f"found on {len(took_s)} of {len(stands)} where it shows, after {max(took_s, default=0):.0f} s at most"
        lines.append(f"{what}: a fan that turns is {accused}; one that stands is {found}")
    return lines
