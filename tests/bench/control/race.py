"""All laws on all loads: who runs, on which machines, and what comes out."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Sequence

import numpy as np

from tests.bench.control import loads, machine
from tests.bench.control.a1d_law import a1d_laws
from tests.bench.control.laws import Constant, Law
from tests.bench.control.machine import DT, Machine
from tests.bench.control.measure import METRICS, Meter
from tests.bench.control.peers import peers

Metrics = dict[str, np.ndarray]  # metric -> (laws, draws)
HARSH_LOADS = ("media", "compile", "spikes", "stress")
_NOISE_BLOCK = 4096


def everybody() -> list[Law]:
    return [*a1d_laws(), *peers(), Constant(0), Constant(100)]


def ours() -> list[Law]:
    return [*a1d_laws(), Constant(100)]


def run(
    laws: Sequence[Law],
    load: np.ndarray,
    d: dict[str, np.ndarray],
    seed: int,
    keep: Sequence[int] = (),
    *,
    stuck: bool = False,
) -> tuple[Metrics, dict[str, np.ndarray]]:
    """What was measured, and for the draws in ``keep`` what happened, (ticks, laws, draws)."""
    count, rows = len(d["ambient"]), sum(law.rows for law in laws)
    slices, at = [], 0
    for law in laws:
        slices.append(slice(at, at + law.rows) if law.rows > 1 else at)
        at += law.rows
    duty = np.zeros((rows, count))
    rng = np.random.default_rng([seed, 7])
    the_machine = Machine(d, rows, float(load[0]), stuck=stuck)
    for law, where in zip(laws, slices, strict=True):
        law.begin(duty[where], rng)
        law.machine, law.row = the_machine, where  # only the optimum looks
    meter = Meter(the_machine)
    noise_rng = np.random.default_rng([seed, 11])
    kept: dict[str, list[np.ndarray]] = {"die": [], "read": [], "duty": []}
    for k, now_load in enumerate(load.tolist()):
        if k % _NOISE_BLOCK == 0:
            noise = noise_rng.standard_normal((_NOISE_BLOCK, count))
        temp = the_machine.read(noise[k % _NOISE_BLOCK])
        for law, where in zip(laws, slices, strict=True):
            law.tick(k * DT, temp[where])
        the_machine.step(now_load, duty)
        meter.count(the_machine)
        if keep:
            for name, value in (("die", the_machine.die), ("read", temp), ("duty", duty)):
                kept[name].append(value[:, keep].astype(np.float32))
    return meter.result(), {name: np.array(value) for name, value in kept.items()} if keep else {}


def _one(job: tuple[Callable[[], list[Law]], str, int, int, str]) -> Metrics:
    make, name, count, seed, kind = job
    d = {"draws": machine.draws, "harsh": machine.harsh}[kind](count, seed)
    return run(make(), loads.trace(name, seed), d, seed)[0]


def run_all(
    make: Callable[[], list[Law]],
    count: int,
    seed: int,
    kind: str = "draws",
    names: Sequence[str] = tuple(loads.TRACES),
) -> dict[str, Metrics]:
    """load -> what was measured, on two processors."""
    order = sorted(names, key=lambda name: -len(loads.trace(name, seed)))
    with multiprocessing.Pool(2) as pool:
        found = pool.map(_one, [(make, name, count, seed, kind) for name in order], chunksize=1)
    return dict(zip(order, found, strict=True))


def over_loads(found: dict[str, Metrics]) -> Metrics:
    """Every load counts the same; of the hottest moment, the hottest."""
    return {key: (np.max if key == "max_c" else np.mean)([m[key] for m in found.values()], axis=0) for key in METRICS}
