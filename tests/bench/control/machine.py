"""The machine: chip on case, case in room, the case's MCU and fan, and the sensor the laws see.

Every array is (laws, draws): all laws run side by side on the same draws, loads and sensor noise.
What was published and what is a guess: README.md.
"""

from __future__ import annotations

import numpy as np

DT = 0.5  # seconds a step; also the MCU's kick (M6) and a1d's tick
SENSOR_STEP = 0.55  # Celsius, seen in every published Pi 5 log
ROTOR_S = 0.7  # guess: how fast the fan's speed follows
SOFT_CELSIUS, HARD_CELSIUS = 80.0, 85.0
THROTTLE_KEEPS = 0.5  # guess: what is left of the chip's extra power at HARD_CELSIUS

# name: (low, high) of the uncertainty set; drawn by Latin hypercube
RANGES = {
    "ambient": (15.0, 35.0),
    "r_contact_good": (1.8, 3.0),  # K per W of the chip
    "r_contact_bad": (3.2, 5.0),  # a film left on the pad, a crooked post
    "g_off": (0.14, 0.32),  # W/K case to room, fan off
    "fan_gain": (1.4, 3.5),  # times that at full speed
    "fan_exponent": (0.5, 0.8),  # diminishing returns
    "c_case": (120.0, 220.0),  # J/K
    "tau_die": (2.0, 8.0),  # s
    "soc_idle": (1.2, 1.7),  # W in the chip
    "soc_full": (4.2, 7.0),  # W, stress-ng at stock up to a heavier or overclocked load
    "rest_idle": (1.3, 2.2),  # W elsewhere in the case (memory, RP1, PMIC losses, a drive)
    "rest_full_more": (0.3, 0.8),
    "jitter": (0.25, 0.70),  # Celsius, standard deviation of the sensor's noise
    "stall": (2.0, 9.0),  # percent; below it the fan stands
}
BAD_SHARE = 0.3
NOMINAL = {
    "ambient": 20.0, "r_contact": 2.4, "g_off": 0.26, "fan_gain": 2.2, "fan_exponent": 0.65, "c_case": 160.0,
    "tau_die": 4.0, "soc_idle": 1.4, "soc_full": 4.6, "rest_idle": 1.4, "rest_full": 1.9, "jitter": 0.45, "stall": 5.0,
}  # fmt: skip


def draws(count: int, seed: int) -> dict[str, np.ndarray]:
    """``count`` machines, spread evenly over every range."""
    rng = np.random.default_rng(seed)
    unit = {name: (rng.permutation(count) + rng.random(count)) / count for name in (*RANGES, "bad")}
    d = {name: low + (high - low) * unit[name] for name, (low, high) in RANGES.items()}
    good, bad = d.pop("r_contact_good"), d.pop("r_contact_bad")
    d["r_contact"] = np.where(unit["bad"] < BAD_SHARE, bad, good)
    d["rest_full"] = d["rest_idle"] + d.pop("rest_full_more")
    return d


def harsh(count: int, seed: int) -> dict[str, np.ndarray]:
    """Machines that get hot in seconds: bad contact, much power, little metal, a warm room."""
    d, rng = draws(count, seed), np.random.default_rng([seed, 3])
    for name, low, high in (
        ("ambient", 22, 35), ("r_contact", 3.5, 5.0), ("soc_full", 5.5, 9.0), ("tau_die", 1.0, 2.5),
        ("c_case", 80, 130), ("g_off", 0.16, 0.3), ("fan_gain", 2.0, 4.0),
    ):  # fmt: skip
        d[name] = rng.uniform(low, high, count)
    return d


class Machine:
    """``read`` what the sensor shows, then ``step`` half a second with a duty for every law and draw."""

    def __init__(self, d: dict[str, np.ndarray], laws: int, load: float = 0.0, *, stuck: bool = False) -> None:
        """``stuck``: the fan stands still whatever the duty."""
        self.d = d
        self._stuck = stuck
        shape = (laws, len(d["ambient"]))
        soc, rest = self._watts(load)
        case = d["ambient"] + (soc + rest) / d["g_off"]
        self.case = np.broadcast_to(case, shape).copy()
        self.die = np.broadcast_to(case + d["r_contact"] * soc, shape).copy()
        self.command = np.zeros(shape)
        self.speed = np.zeros(shape)
        self._decay = np.exp(-DT / d["tau_die"])
        self._rotor = np.exp(-DT / ROTOR_S)
        self.throttle = np.zeros(shape)

    def _watts(self, load: float) -> tuple[np.ndarray, np.ndarray]:
        d = self.d
        return (
            d["soc_idle"] + load * (d["soc_full"] - d["soc_idle"]),
            d["rest_idle"] + load * (d["rest_full"] - d["rest_idle"]),
        )

    def read(self, noise: np.ndarray) -> np.ndarray:
        """Celsius as in sysfs; ``noise`` is standard normal, one a draw."""
        raw = self.die + noise * self.d["jitter"]
        shown: np.ndarray = np.round(np.round(raw / SENSOR_STEP) * SENSOR_STEP, 3)
        return shown

    def step(self, load: float, duty: np.ndarray) -> None:
        d = self.d
        given = np.where((self.command == 0) & (duty > 0), 100.0, duty)  # the MCU's kick
        self.command = duty.copy()
        given = np.where((given < d["stall"]) | self._stuck, 0.0, given)
        self.speed = given + (self.speed - given) * self._rotor
        soc, rest = self._watts(load)
        self.throttle = np.clip((self.die - SOFT_CELSIUS) / (HARD_CELSIUS - SOFT_CELSIUS), 0, 1)
        soc = d["soc_idle"] + (soc - d["soc_idle"]) * (1 - (1 - THROTTLE_KEEPS) * self.throttle)
        g = d["g_off"] * (1 + (d["fan_gain"] - 1) * (self.speed / 100) ** d["fan_exponent"])
        self.case += DT / d["c_case"] * (soc + rest - g * (self.case - d["ambient"]))
        goal = self.case + d["r_contact"] * soc
        self.die = goal + (self.die - goal) * self._decay
