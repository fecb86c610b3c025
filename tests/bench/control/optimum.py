"""What could be had with knowledge of the future: dynamic programming over the case's temperature and present duty.

The optimum knows each machine's constants and the whole load to come. "As cool" as a law: the least annoyance with
neither the mean nor the hottest temperature of the chip above that law's, for each load and draw.
"""

from __future__ import annotations

import multiprocessing

import numpy as np

from tests.bench.control import loads, race
from tests.bench.control.laws import Law
from tests.bench.control.machine import DT, ROTOR_S, draws
from tests.bench.control.measure import PUMP_WEIGHT

STEP_S = 20.0
DUTIES = np.array([0, 10, 13, 16, 20, 25, 30, 36, 44, 54, 66, 82, 100], float)
GRID = 40
BISECTIONS = 9
KICK_SPEED = 100 * (1 - np.exp(-DT / ROTOR_S))  # how far the MCU's kick gets the fan


class Plan:
    """For each lane, a machine with a law to be as cool as. ``solve``, then ``choose``."""

    def __init__(self, d: dict[str, np.ndarray], load: np.ndarray) -> None:
        self.d, self.lanes = d, len(d["ambient"])
        per = int(STEP_S / DT)
        self.steps = len(load) // per
        soc = d["soc_idle"] + load[:, None] * (d["soc_full"] - d["soc_idle"])
        rest = d["rest_idle"] + load[:, None] * (d["rest_full"] - d["rest_idle"])
        above = np.empty_like(soc)  # chip over case
        now, keep = d["r_contact"] * soc[0], np.exp(-DT / d["tau_die"])
        for k in range(len(load)):
            now = d["r_contact"] * soc[k] + (now - d["r_contact"] * soc[k]) * keep
            above[k] = now
        shape = (self.steps, per, self.lanes)
        self.watts = (soc + rest)[: self.steps * per].reshape(shape).mean(1)
        above = above[: self.steps * per].reshape(shape)
        self.above_mean, self.above_max = above.mean(1), above.max(1)
        gain = (np.where(DUTIES[:, None] < d["stall"], 0, DUTIES[:, None]) / 100) ** d["fan_exponent"]
        self.g = d["g_off"] * (1 + (d["fan_gain"] - 1) * gain)  # (duties, lanes)
        self.keep = np.exp(-STEP_S * self.g / d["c_case"])
        top = np.minimum(self.watts.max(0) / d["g_off"], 85)
        self.grid = d["ambient"] + np.linspace(0, 1, GRID)[:, None] * top  # (grid, lanes)
        self.width = top / (GRID - 1)
        start, to = DUTIES[:, None], DUTIES[None, :]
        moved = np.where((start == 0) & (to > 0), KICK_SPEED + np.abs(KICK_SPEED - to), np.abs(to - start))
        self.pump = moved * PUMP_WEIGHT * 3600 / STEP_S  # an hour's rate, as the noise is a rate
        self.noise = 100 * (DUTIES / 100) ** (5 / 3)
        self.start = d["ambient"] + (d["soc_idle"] + d["rest_idle"]) / d["g_off"]
        self._lane = np.arange(self.lanes)

    def solve(self, price: np.ndarray, cap: np.ndarray) -> None:
        """Least annoyance plus ``price`` times the chip's temperature, below ``cap``."""
        value = np.zeros((len(DUTIES), GRID, self.lanes))  # by present duty
        self.go = np.empty((self.steps, len(DUTIES), GRID, self.lanes), np.float32)
        which = np.arange(len(DUTIES))[:, None, None]
        for k in reversed(range(self.steps)):
            end = self.d["ambient"] + self.watts[k] / self.g  # (duties, lanes)
            after = end[:, None] + (self.grid - end[:, None]) * self.keep[:, None]
            low, part = self._place(after)
            future = value[which, low, self._lane] * (1 - part) + value[which, low + 1, self._lane] * part
            over = np.maximum(np.maximum(after, self.grid) + self.above_max[k] - cap, 0)
            cost = self.noise[:, None, None] + price * ((after + self.grid) / 2 + self.above_mean[k]) + 30 * over
            self.go[k] = cost + future  # of going on with a duty
            for present in range(len(DUTIES)):
                value[present] = (self.go[k] + self.pump[present][:, None, None]).min(0)

    def choose(self, k: int, case: np.ndarray, level: np.ndarray) -> np.ndarray:
        low, part = self._place(case)
        go = self.go[k][:, low, self._lane] * (1 - part) + self.go[k][:, low + 1, self._lane] * part
        best: np.ndarray = (go + self.pump[level].T).argmin(0)
        return best

    def mean_celsius(self) -> np.ndarray:
        """A quick run of the plan."""
        case, level, total = self.start, np.zeros(self.lanes, int), np.zeros(self.lanes)
        for k in range(self.steps):
            level = self.choose(k, case, level)
            end = self.d["ambient"] + self.watts[k] / self.g[level, self._lane]
            after = end + (case - end) * self.keep[level, self._lane]
            total = total + (case + after) / 2 + self.above_mean[k]
            case = after
        return total / self.steps

    def _place(self, case: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        at = np.clip((case - self.d["ambient"]) / self.width, 0, GRID - 1.001)
        low = at.astype(int)
        return low, at - low


class Planned(Law):
    """Follows a plan from the true temperature of the case."""

    def __init__(self, plan: Plan, rows: int) -> None:
        super().__init__("optimum")
        self.plan, self.rows = plan, rows

    def begin(self, duty: np.ndarray, _rng: np.random.Generator) -> None:
        self.duty = duty
        self.level = np.zeros(duty.size, int)

    def tick(self, now_s: float, _temp: np.ndarray) -> None:
        if now_s % STEP_S == 0:
            k = min(int(now_s / STEP_S), self.plan.steps - 1)
            self.level = self.plan.choose(k, self.machine.case[self.row].reshape(-1), self.level)
            self.duty[...] = DUTIES[self.level].reshape(self.duty.shape)


def _one(job: tuple[str, int, int, np.ndarray, np.ndarray]) -> race.Metrics:
    name, count, seed, mean_c, max_c = job
    d, load, rows = draws(count, seed), loads.trace(name, seed), len(mean_c)
    plan = Plan({key: np.tile(value, rows) for key, value in d.items()}, load)
    low, high = np.zeros(plan.lanes), np.full(plan.lanes, 30.0)
    for _ in range(BISECTIONS):  # the price of warmth at which it is as cool as asked
        price = (low + high) / 2
        plan.solve(price, max_c.reshape(-1))
        warm = plan.mean_celsius() > mean_c.reshape(-1)
        low, high = np.where(warm, price, low), np.where(warm, high, price)
    plan.solve(high, max_c.reshape(-1))
    return race.run([Planned(plan, rows)], load, d, seed)[0]


def as_cool(found: dict[str, race.Metrics], rows: int, count: int, seed: int) -> dict[str, race.Metrics]:
    """load -> what the optimum measures where it must be as cool as each of the first ``rows`` laws."""
    jobs = [(name, count, seed, m["mean_c"][:rows], m["max_c"][:rows]) for name, m in found.items()]
    with multiprocessing.Pool(2) as pool:
        return dict(zip(found, pool.map(_one, jobs, chunksize=1), strict=True))


def ratios(found: dict[str, race.Metrics], best: dict[str, race.Metrics], rows: int) -> np.ndarray:
    """A law's annoyance over that of the optimum as cool, (rows, draws)."""
    mine, ideal = race.over_loads(found)["annoyance"][:rows], race.over_loads(best)["annoyance"]
    ratio: np.ndarray = mine / np.maximum(ideal, 0.05)
    return ratio
