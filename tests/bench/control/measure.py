"""What a user feels, counted while the run goes on. Every array is (laws, draws)."""

from __future__ import annotations

import numpy as np

from tests.bench.control.machine import DT, HARD_CELSIUS, SOFT_CELSIUS, Machine

PUMP_WEIGHT = 1 / 100  # a choice: 1000 % of speed change an hour is as bad as a tenth of full loudness all the time
METRICS = {
    "annoyance": "noise53 + pump_h / 100",
    "over80_s_h": "s/h >= 80 C",
    "over85_s_h": "s/h >= 85 C",
    "lost_pct": "% of work lost to throttling (guess)",
    "mean_c": "mean C",
    "max_c": "max C",
    "duty": "mean duty %",
    "changes_h": "duty changes /h",
    "big_h": "changes >= 5 % /h",
    "pump_h": "sum of |change of fan speed| %/h",
    "starts_h": "starts from 0 /h",
    "noise53": "mean speed^(5/3), % of full",
    "noise3": "mean speed^3, % of full",
    "off_pct": "% of time at 0",
}


class Meter:
    """Call ``count`` after every step."""

    def __init__(self, machine: Machine) -> None:
        zero = np.zeros_like(machine.die)
        names = ("over80", "over85", "lost", "temp", "duty", "changes", "big", "pump", "starts", "n53", "n3", "off")
        self._sum = {name: zero.copy() for name in names}
        self._max = zero.copy()
        self._command, self._speed = machine.command, machine.speed
        self._steps = 0

    def count(self, machine: Machine) -> None:
        s, die, command, speed = self._sum, machine.die, machine.command, machine.speed
        self._steps += 1
        if die.max() >= SOFT_CELSIUS:
            s["over80"] += die >= SOFT_CELSIUS
            s["over85"] += die >= HARD_CELSIUS
            s["lost"] += machine.throttle
        s["temp"] += die
        np.maximum(self._max, die, out=self._max)
        s["duty"] += command
        delta = np.abs(command - self._command)
        if delta.any():
            s["changes"] += delta > 0
            s["big"] += delta >= 5
            s["starts"] += (self._command == 0) & (command > 0)
        s["pump"] += np.abs(speed - self._speed)
        share = speed / 100
        s["n53"] += share ** (5 / 3)
        s["n3"] += share**3
        s["off"] += command == 0
        self._command, self._speed = command, speed

    def result(self) -> dict[str, np.ndarray]:
        s, n = self._sum, self._steps
        hours = n * DT / 3600
        return {
            "annoyance": 100 * s["n53"] / n + s["pump"] / hours * PUMP_WEIGHT,
            "over80_s_h": s["over80"] * DT / hours,
            "over85_s_h": s["over85"] * DT / hours,
            "lost_pct": 50 * s["lost"] / n,
            "mean_c": s["temp"] / n,
            "max_c": self._max.copy(),
            "duty": s["duty"] / n,
            "changes_h": s["changes"] / hours,
            "big_h": s["big"] / hours,
            "pump_h": s["pump"] / hours,
            "starts_h": s["starts"] / hours,
            "noise53": 100 * s["n53"] / n,
            "noise3": 100 * s["n3"] / n,
            "off_pct": 100 * s["off"] / n,
        }
