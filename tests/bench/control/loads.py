"""What the machine has to do: load 0..1 every half second, the same for a seed. All of them are invented."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tests.bench.control.machine import DT

HOUR = 3600.0


class _Trace:
    def __init__(self, seconds: float, base: float = 0.02) -> None:
        self.load = np.full(int(seconds / DT), base)

    def put(self, start_s: float, length_s: float, level: float) -> None:
        self.load[int(start_s / DT) : int((start_s + length_s) / DT)] = level


def cron(rng: np.random.Generator) -> np.ndarray:
    """Idle for 3 h; a little job every five minutes, a big one every hour."""
    trace = _Trace(3 * HOUR)
    for start in np.arange(60, 3 * HOUR, 300):
        trace.put(start, rng.uniform(2, 8), rng.uniform(0.25, 0.6))
    for start in np.arange(600, 3 * HOUR, HOUR):
        trace.put(start, rng.uniform(60, 150), rng.uniform(0.6, 1.0))
    return trace.load


def media(rng: np.random.Generator) -> np.ndarray:
    """2 h: streaming, now and then a transcode of some minutes that comes in chunks."""
    trace = _Trace(2 * HOUR, 0.08)
    at = 120.0
    while at < 2 * HOUR:
        end = at + rng.uniform(120, 540)
        while at < end:
            work = rng.uniform(4, 12)
            trace.put(at, work, rng.uniform(0.75, 1.0))
            trace.put(at + work, wait := rng.uniform(1, 6), 0.2)
            at += work + wait
        at += rng.uniform(90, 420)
    return trace.load


def compile_job(rng: np.random.Generator) -> np.ndarray:
    """5 min idle, 20 min all cores (with short linking pauses), 40 min idle."""
    trace = _Trace(65 * 60)
    trace.put(300, 1200, 1.0)
    for start in rng.uniform(360, 1440, 8):
        trace.put(start, rng.uniform(3, 10), 0.3)
    return trace.load


def web(rng: np.random.Generator) -> np.ndarray:
    """A day in 4 h: night, morning, a busy evening; requests come at random and take a second or some."""
    hours = 4 * HOUR
    trace = _Trace(hours)
    base = 0.02
    day = np.arange(len(trace.load)) * DT / hours
    mean = base + 0.5 * np.clip(np.sin(np.pi * (day - 0.25) / 0.75), 0, 1) ** 1.5
    noise = np.zeros(len(day))
    for k in range(1, len(day)):
        noise[k] = noise[k - 1] * 0.95 + rng.normal() * 0.09
    trace.load = np.clip(mean * (1 + 1.2 * noise), 0.01, 1.0)
    return trace.load


def stress(_rng: np.random.Generator) -> np.ndarray:
    """2 min idle, then all cores for an hour."""
    trace = _Trace(62 * 60)
    trace.put(120, HOUR, 1.0)
    return trace.load


def spikes(rng: np.random.Generator) -> np.ndarray:
    """1 h: all cores for 3 to 10 s in every minute."""
    trace = _Trace(HOUR)
    for start in np.arange(30, HOUR, 60):
        trace.put(start + rng.uniform(0, 20), rng.uniform(3, 10), 1.0)
    return trace.load


def ramp(_rng: np.random.Generator) -> np.ndarray:
    """From nothing to all cores in 45 min and back."""
    half = np.linspace(0.02, 1.0, int(45 * 60 / DT))
    return np.concatenate([half, half[::-1]])


TRACES: dict[str, Callable[[np.random.Generator], np.ndarray]] = {
    "cron": cron,
    "media": media,
    "compile": compile_job,
    "web": web,
    "stress": stress,
    "spikes": spikes,
    "ramp": ramp,
}


def trace(name: str, seed: int) -> np.ndarray:
    """The load of this name; another seed is another day of the same life."""
    return TRACES[name](np.random.default_rng([seed, sorted(TRACES).index(name)]))
