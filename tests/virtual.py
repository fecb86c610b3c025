"""A clock that tests move, and a whole daemon on the simulated case that lives by it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from a1d.config.load import ConfigProcess, Loaded
from a1d.config.settings import Config, FanConfig
from a1d.config.warnings import warnings_of
from a1d.daemon import Daemon
from a1d.errors import A1dError
from a1d.log import Log
from a1d.sim.case import SimulatedCase

# Round numbers, ten seconds and no calm rise: tests of everything else need not wait for it.
PROMPT_FAN = FanConfig(
    curve=((50.0, 10.0), (60.0, 40.0), (70.0, 100.0)), hysteresis_celsius=3.0, hold_s=10.0, rise_s=0.0
)


class VirtualClock:
    """Call it for the time, ``sleep`` or set ``now_s`` to move it. Nothing waits."""

    def __init__(self, now_s: float = 1000.0) -> None:
        self.now_s = now_s

    def __call__(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds


class VirtualRig:
    """A daemon and its case in virtual time. ``run`` lets both live for a while."""

    def __init__(
        self,
        tmp_path: Path,
        config: Config | Callable[[], Config | Loaded | ConfigProcess] | None = None,
        *,
        legacy: bool = False,
        heat_speed: float = 1.0,
    ) -> None:
        self.clock = VirtualClock()
        self.minute = 12 * 60  # of the local day
        self.case = SimulatedCase(self.clock, sleep=self.clock.sleep, legacy=legacy, heat_speed=heat_speed, seed=1)
        self.case.fixed_celsius = 45.0
        self.log_lines: list[str] = []
        self.run_dir = tmp_path / "run"
        self.run_dir.mkdir(exist_ok=True)
        chosen = config or Config(fan=PROMPT_FAN)
        self.read_config: Callable[[], Config | Loaded | ConfigProcess]
        self.read_config = chosen if callable(chosen) else lambda: chosen
        self.daemon = Daemon(
            self.case,
            str(self.run_dir),
            self._load,
            log=Log(self.log_lines.append),
            clock=self.clock,
            local_minute=lambda: self.minute,
        )

    def _load(self) -> Loaded | ConfigProcess:
        """At once and without a process, unless ``read_config`` gives one."""
        found = self.read_config()
        return Loaded(found, warnings_of(found)) if isinstance(found, Config) else found

    def reload(self) -> None:
        """Have ``read_config`` called again; raises what the reload ends with."""
        told: list[A1dError | None] = []
        self.daemon.reload(told.append)
        (error,) = told
        if error is not None:
            raise error

    def run_once(self) -> None:
        """Jump to the next thing that the daemon waits for, and let it happen."""
        self.clock.now_s = max(self.clock.now_s, self.daemon.loop.wake_s)
        self.daemon.loop.run_once()

    def run(self, seconds: float, check: Callable[[], None] | None = None) -> None:
        """Let ``seconds`` pass; ``check`` after each turn."""
        end_s = self.clock.now_s + seconds
        while self.clock.now_s <= end_s and self.daemon.loop.wake_s <= end_s:
            self.run_once()
            if check is not None:
                check()
        self.clock.now_s = max(self.clock.now_s, end_s)

    @property
    def duty_percent(self) -> int:
        """What the daemon wants."""
        assert self.daemon.decision is not None
        return self.daemon.decision.duty_percent

    @property
    def fan_percent(self) -> int:
        """What the fan really gets."""
        return self.case.mcu.fan_percent

    def close(self) -> None:
        self.daemon.close()
        self.case.close()
