"""a1d itself: its real Controller, one for each draw, at its own tick of half a second."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from a1d.config.reader import parse_config
from a1d.config.settings import Config, FanConfig
from a1d.temperature.controller import Controller
from a1d.temperature.reading import Reading
from tests.bench.control.laws import Law

# What a1d 0.3 had for defaults, before there was a calm rise.
BEFORE = FanConfig(curve=((50.0, 10.0), (60.0, 40.0), (70.0, 100.0)), hysteresis_celsius=3.0, hold_s=10.0, rise_s=0.0)


class A1dLaw(Law):
    """``a1d.temperature.controller.Controller`` with a configuration."""

    def __init__(self, name: str, config: Config) -> None:
        super().__init__(name)
        self._config = config

    def begin(self, duty: np.ndarray, _rng: np.random.Generator) -> None:
        self.duty = duty
        self._controllers = [Controller(self._config, 0.0, 0) for _ in duty]

    def tick(self, now_s: float, temp: np.ndarray) -> None:
        self.duty[:] = [
            controller.step(now_s, (Reading("cpu", celsius, now_s),)).duty_percent
            for controller, celsius in zip(self._controllers, temp.tolist(), strict=True)
        ]


def a1d_laws() -> list[Law]:
    """The default first."""
    return [
        A1dLaw("a1d", Config()),
        A1dLaw("a1d, preset quiet", parse_config("fan: {preset: quiet}")),
        A1dLaw("a1d, preset cool", parse_config("fan: {preset: cool}")),
        A1dLaw("a1d, mode target, 58 C", parse_config("fan: {mode: target, target_celsius: 58}")),
        A1dLaw("a1d before the calm rise", replace(Config(), fan=BEFORE)),
    ]
