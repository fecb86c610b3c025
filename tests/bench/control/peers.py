"""The peers' control laws, in our own words. Each serves all draws at once.

Who polls more rarely than every half second keeps ``due`` for each draw, with a random phase. Sources: README.md.
"""

from __future__ import annotations

import numpy as np

from tests.bench.control.laws import EQUAL, VENDOR, Law, Points, line, steps


class Vendor(Law):
    """30 s; slower only after another 30 s, with the decision of before; 1 s of 100 % before every change."""

    def __init__(
        self,
        name: str,
        points: Points = VENDOR,
        *,
        poll_s: float = 30.0,
        floor: float = 25.0,
        burst: bool = True,
        wait_s: float = 30.0,
    ) -> None:
        super().__init__(name, points)
        self.poll_s, self.floor, self.burst, self.wait_s = poll_s, floor, burst, wait_s

    def begin(self, duty: np.ndarray, rng: np.random.Generator) -> None:
        super().begin(duty, rng)
        self._set = np.zeros(len(duty))  # what it believes it has set
        self._wanted = np.zeros(len(duty))
        self._state = np.zeros(len(duty), int)  # 0 look, 1 waited: apply, 2 burst over

    def decide(self, now_s: float, mask: np.ndarray, temp: np.ndarray) -> None:
        look = mask & (self._state == 0)
        apply = mask & (self._state == 1)
        ended = mask & (self._state == 2)
        wanted = steps(self.points, temp)
        wanted = np.where((wanted > 0) & (wanted < self.floor), self.floor, wanted)
        self._wanted = np.where(look, wanted, self._wanted)
        slower = look & (wanted < self._set)
        self._state[slower] = 1
        self.due = np.where(slower, now_s + self.wait_s, self.due)
        apply |= look & (wanted > self._set)
        self._set = np.where(apply, self._wanted, self._set)
        burst = apply & (self._wanted > 0) & self.burst
        self.duty[burst] = 100
        self._state[burst] = 2
        self.due = np.where(burst, now_s + 1, self.due)
        final = (apply & ~burst) | ended
        self.duty[final] = self._set[final]
        self._state[final] = 0
        self.due = np.where(final, now_s + 1 + self.poll_s, self.due)


class Argononed(Law):
    """2 s, whole degrees, one stage a tick, the duty of the stage before; hysteresis 3."""

    poll_s = 2.0

    def __init__(self, name: str, points: Points = ((55, 10), (60, 55), (65, 100))) -> None:
        super().__init__(name, points)

    def begin(self, duty: np.ndarray, rng: np.random.Generator) -> None:
        super().begin(duty, rng)
        self._stage = np.zeros(len(duty), int)
        self._up = np.array([t for t, _ in self.points] + [np.inf])
        self._down = np.array([-np.inf] + [t - 3 for t, _ in self.points])
        self._duties = np.array([0.0] + [d for _, d in self.points])

    def decide(self, now_s: float, mask: np.ndarray, temp: np.ndarray) -> None:
        whole = np.floor(temp)
        self.duty[mask] = self._duties[self._stage[mask]]
        move = (whole >= self._up[self._stage]).astype(int)
        move = np.where(whole <= self._down[self._stage], -1, move)
        self._stage = np.where(mask, self._stage + move, self._stage)


class ArgononeRs(Law):
    """30 s; up at once, down when the next poll wants the same lower duty."""

    def begin(self, duty: np.ndarray, rng: np.random.Generator) -> None:
        super().begin(duty, rng)
        self._pending = np.full(len(duty), -1.0)

    def decide(self, now_s: float, mask: np.ndarray, temp: np.ndarray) -> None:
        target = steps(self.points, temp)
        lower = mask & (target < self.duty)
        take = mask & (target >= self.duty) | lower & (self._pending == target)
        self._pending = np.where(lower & ~take, target, np.where(mask, -1.0, self._pending))
        self.duty[take] = target[take]


class Luci(Law):
    """5 s, whole degrees, up at once to any level, down when 3 C below the present level's threshold."""

    poll_s = 5.0

    def __init__(self, name: str, points: Points = ((50, 25), (58, 50), (65, 75), (72, 100))) -> None:
        super().__init__(name, points)

    def begin(self, duty: np.ndarray, rng: np.random.Generator) -> None:
        super().begin(duty, rng)
        self._level = np.zeros(len(duty), int)
        self._base = np.array([0.0] + [t for t, _ in self.points])
        self._duties = np.array([0.0] + [d for _, d in self.points])

    def decide(self, now_s: float, mask: np.ndarray, temp: np.ndarray) -> None:
        whole = np.floor(temp)
        target = np.searchsorted(self._base[1:], whole, "right")
        go = mask & ((target > self._level) | (target < self._level) & (whole <= self._base[self._level] - 3))
        self._level = np.where(go, target, self._level)
        self.duty[mask] = self._duties[self._level[mask]]


class HassLinear(Law):
    """30 s, whole degrees, a line with a whole-number slope. The default is 130 to 150 F."""

    def __init__(self, name: str, low: int = 130, high: int = 150, *, fahrenheit: bool = True) -> None:
        super().__init__(name)
        self.low, self.slope, self.fahrenheit = low, 100 // (high - low), fahrenheit

    def decide(self, now_s: float, mask: np.ndarray, temp: np.ndarray) -> None:
        whole = np.floor(temp)
        if self.fahrenheit:
            whole = np.floor(whole * 9 / 5) + 32
        self.duty[mask] = np.clip(self.slope * (whole - self.low), 0, 100)[mask]


class Beetlepig(Law):
    """10 s, a line, any rise at once, a fall only of more than 4 C."""

    poll_s = 10.0

    def __init__(self, name: str, points: Points = ((55, 10), (60, 40), (65, 100))) -> None:
        super().__init__(name, points)

    def begin(self, duty: np.ndarray, rng: np.random.Generator) -> None:
        super().begin(duty, rng)
        self._last = np.zeros(len(duty))

    def decide(self, now_s: float, mask: np.ndarray, temp: np.ndarray) -> None:
        go = mask & ((temp > self._last) | (temp < self._last - 4))
        self._last = np.where(go, temp, self._last)
        self.duty[go] = np.round(line(self.points, np.round(temp)))[go]


class KernelStepwise(Law):
    """The Pi 5's own pwm-fan: 1 s, a trip is entered while rising and left 5 C lower while falling."""

    poll_s = 1.0

    def __init__(self, name: str, points: Points = ((50, 29), (60, 49), (67.5, 69), (75, 98))) -> None:
        super().__init__(name, points)

    def begin(self, duty: np.ndarray, rng: np.random.Generator) -> None:
        super().begin(duty, rng)
        self._temps = np.array([t for t, _ in self.points])[:, None]
        self._on = np.zeros((len(self.points), len(duty)), bool)
        self._duties = np.array([d for _, d in self.points], float)[:, None]
        self._before: np.ndarray | None = None

    def decide(self, now_s: float, mask: np.ndarray, temp: np.ndarray) -> None:
        before = temp if self._before is None else self._before
        on = self._on | (temp >= self._temps) & (temp > before)
        on &= ~((temp < self._temps - 5) & (temp < before))
        self._on = np.where(mask, on, self._on)
        self._before = np.where(mask, temp, before)
        self.duty[mask] = (self._on * self._duties).max(0)[mask]


class CoolerControl(Law):
    """1 s; its Standard function: act when 2 C away from what was acted on, and at least every 30 s; steps of 2 %."""

    poll_s = 1.0

    def __init__(self, name: str, points: Points = EQUAL) -> None:
        super().__init__(name, points)

    def begin(self, duty: np.ndarray, rng: np.random.Generator) -> None:
        super().begin(duty, rng)
        self._last = np.full(len(duty), -99.0)
        self._acted_s = np.zeros(len(duty))

    def decide(self, now_s: float, mask: np.ndarray, temp: np.ndarray) -> None:
        go = mask & ((np.abs(temp - self._last) > 2) | (now_s - self._acted_s >= 30))
        self._last = np.where(go, temp, self._last)
        self._acted_s = np.where(go, now_s, self._acted_s)
        duty = np.round(line(self.points, temp))
        go &= (np.abs(duty - self.duty) >= 2) | (duty == 0)
        self.duty[go] = duty[go]


class Fan2go(Law):
    """Mean of 2 s, a line, approached with a lag (its default PID loop: about 2.5 s); 256 levels."""

    poll_s = 0.5

    def __init__(self, name: str, points: Points = ((40, 0), (41, 1), (65, 33), (80, 100))) -> None:
        super().__init__(name, points)

    def begin(self, duty: np.ndarray, rng: np.random.Generator) -> None:
        super().begin(duty, rng)
        self._window: list[np.ndarray] = []
        self._smooth = np.zeros(len(duty))

    def decide(self, now_s: float, mask: np.ndarray, temp: np.ndarray) -> None:
        self._window = [*self._window[-3:], temp]
        wanted = line(self.points, np.mean(self._window, axis=0))
        self._smooth += (wanted - self._smooth) * (1 - np.exp(-0.5 / 2.5))
        self.duty[:] = np.where(self._smooth < 1, 0, np.round(self._smooth * 2.55) / 2.55)


def peers() -> list[Law]:
    """As they come, then with a1d's points where they can take them."""
    three = EQUAL
    return [
        Vendor("vendor 2026-03"),
        Argononed("argononed 0.4/0.5.x"),
        ArgononeRs("argonone-rs 0.6"),
        Luci("LuCI (ciwga 3.1)"),
        HassLinear("HA add-on V3 linear"),
        Vendor("HungerHa (Kodi) 1.2", ((55, 10), (60, 55), (65, 100)), floor=10, burst=False),
        Vendor("argoneon 0.0.8", poll_s=60, floor=0),
        Beetlepig("beetlepig v2"),
        KernelStepwise("kernel step_wise, Pi 5 trips"),
        Fan2go("fan2go, manual's curve"),
        Vendor("= vendor", three),
        Argononed("= argononed", three),
        ArgononeRs("= argonone-rs", three),
        Luci("= LuCI", ((50, 10), (55, 25), (60, 40), (70, 100))),
        HassLinear("= HA add-on", 50, 70, fahrenheit=False),
        Vendor("= HungerHa", three, floor=10, burst=False),
        Vendor("= argoneon", three, poll_s=60, floor=0),
        Beetlepig("= beetlepig", three),
        KernelStepwise("= kernel step_wise", three),
        Fan2go("= fan2go", three),
        CoolerControl("= CoolerControl Standard", three),
    ]
