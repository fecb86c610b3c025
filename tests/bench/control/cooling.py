"""Does a1d notice a fan that stands still, and does it never accuse one that turns? On the bench's machines."""

from __future__ import annotations

import numpy as np

from a1d.config.settings import Config
from a1d.temperature.cooling import CoolingCheck
from a1d.temperature.reading import Reading
from tests.bench.control import loads, machine, race
from tests.bench.control.a1d_law import A1dLaw
from tests.bench.control.laws import Law
from tests.bench.control.machine import DT


class Step(Law):
    """By hand: standing still for 40 minutes, then full speed."""

    def begin(self, duty: np.ndarray, _rng: np.random.Generator) -> None:
        self.duty = duty

    def tick(self, now_s: float, _temp: np.ndarray) -> None:
        self.duty[:] = 100 if now_s >= 2400 else 0


def said_after_s(law: Law, load: np.ndarray, count: int, seed: int, kind: str, *, stuck: bool) -> list[float | None]:
    """For each draw, seconds until it was said: since it has been critical at 100 %, or since the step."""
    d = {"draws": machine.draws, "harsh": machine.harsh}[kind](count, seed)
    _, kept = race.run([law], load, d, seed, keep=range(count), stuck=stuck)
    said: list[float | None] = []
    for lane in range(count):
        check = CoolingCheck({"cpu": Config().fan.critical_celsius})
        read, duty = kept["read"][:, 0, lane], kept["duty"][:, 0, lane]
        for k, (celsius, percent) in enumerate(zip(read.tolist(), duty.tolist(), strict=True)):
            if check.step(k * DT, int(percent), (Reading("cpu", celsius, k * DT),)):
                since = np.flatnonzero(duty == 100)[0] * DT if isinstance(law, Step) else critical_s(read, duty)
                said.append(k * DT - since)
                break
        else:
            said.append(None)
    return said


def critical_s(read: np.ndarray, duty: np.ndarray) -> float:
    """When its mean over 10 s first was critical at full speed."""
    mean = np.convolve(read, np.ones(20) / 20)[: len(read)]
    return float(np.flatnonzero((mean >= Config().fan.critical_celsius) & (duty == 100))[0] * DT)


def describe(count: int, seed: int) -> list[str]:
    """Lines for the report."""
    lines = []
    for what, name, load, kind in (
        ("the automatic, stress", "auto", loads.trace("stress", seed), "draws"),
        ("the automatic, stress, harsh machines", "auto", loads.trace("stress", seed), "harsh"),
        ("the automatic, media", "auto", loads.trace("media", seed), "draws"),
        ("by hand from 0 to 100 % at steady half load", "step", np.full(2 * 3000, 0.5), "draws"),
    ):
        law = A1dLaw("a1d", Config()) if name == "auto" else Step("step")
        turns = [s for s in said_after_s(law, load, count, seed, kind, stuck=False) if s is not None]
        stands = [s for s in said_after_s(law, load, count, seed, kind, stuck=True) if s is not None]
        latest = f", at the latest after {max(stands):.0f} s" if stands else ""
        lines.append(f"{what}: fan turns, accused {len(turns)} of {count}; fan stands, said {len(stands)}{latest}")
    return lines
