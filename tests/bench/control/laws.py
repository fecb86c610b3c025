"""What a control law is here, and two that never change."""

from __future__ import annotations

from typing import Any

import numpy as np

Points = tuple[tuple[float, float], ...]
EQUAL: Points = ((50, 10), (60, 40), (70, 100))  # a1d's default points, for whoever can take them
VENDOR: Points = ((55, 30), (60, 55), (65, 100))


def steps(points: Points, temp: np.ndarray) -> np.ndarray:
    """The duty of the highest point that is reached."""
    temps, duties = zip(*points, strict=True)
    return np.array([0.0, *duties])[np.searchsorted(temps, temp, "right")]


def line(points: Points, temp: np.ndarray) -> np.ndarray:
    """Interpolated, nothing below the first point, the last duty beyond the last."""
    temps, duties = zip(*points, strict=True)
    return np.where(temp < temps[0], 0.0, np.interp(temp, temps, duties))


class Law:
    """``poll_s`` apart, each draw with a phase of its own, ``decide(mask, temp)`` sets duties."""

    poll_s = 30.0

    def __init__(self, name: str, points: Points = VENDOR) -> None:
        self.name, self.points = name, points
        self.rows = 1
        self.machine: Any = None  # the engine's, for who knows more than a law may
        self.row: int | slice = 0

    def begin(self, duty: np.ndarray, rng: np.random.Generator) -> None:
        """``duty`` (draws,) is ours to write."""
        self.duty = duty
        self.due = rng.random(len(duty)) * self.poll_s if self.poll_s >= 5 else np.zeros(len(duty))
        self._next = self.due.min()

    def tick(self, now_s: float, temp: np.ndarray) -> None:
        if now_s < self._next:
            return
        mask = self.due <= now_s
        self.due = np.where(mask, self.due + self.poll_s, self.due)
        self.decide(now_s, mask, temp)
        self._next = self.due.min()

    def decide(self, now_s: float, mask: np.ndarray, temp: np.ndarray) -> None:
        raise NotImplementedError


class Constant(Law):
    """Never changes: 100 is what the hardware can do at best, 0 what it needs no fan for."""

    poll_s = 1e9

    def __init__(self, percent: float) -> None:
        super().__init__(f"always {percent:g} %")
        self.percent = percent

    def begin(self, duty: np.ndarray, rng: np.random.Generator) -> None:
        super().begin(duty, rng)
        duty[:] = self.percent
        self._next = np.inf
