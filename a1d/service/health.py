"""What is wrong right now, in words; each problem is logged when it begins and when it ends, unless it flaps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from a1d.case.bus import describe_bus_error
from a1d.log import Log
from a1d.service.flapping import Flapping

if TYPE_CHECKING:
    from a1d.service.status import Parts


class Health:
    """Problems by name. ``failsafe`` marks those under which the fan is held at failsafe."""

    def __init__(self, log: Log, now_s: float = 0.0) -> None:
        self._log = log
        self._problems: dict[str, str] = {}
        self._failsafe: set[str] = set()
        self._checked: tuple[object, ...] = ()
        self._now_s = now_s
        self._since_s: dict[str, float] = {}
        self._flapping: dict[str, Flapping] = {}

    @property
    def state(self) -> str:
        """``ok``, ``degraded`` or ``failsafe``."""
        return "failsafe" if self._failsafe else "degraded" if self._problems else "ok"

    @property
    def names(self) -> list[str]:
        """What is wrong, the oldest first: ``sensor cpu`` or ``fan``, for example."""
        return list(self._problems)

    @property
    def problems(self) -> list[str]:
        """Every problem with its name, as the log has it, the oldest first."""
        return [f"{name}: {text}" for name, text in self._problems.items()]

    def text(self, name: str) -> str | None:
        """The problem of that name, None if there is none."""
        return self._problems.get(name)

    def ages_s(self, now_s: float) -> list[float]:
        """For how long each of ``problems`` has lasted."""
        return [round(max(0.0, now_s - self._since_s[name]), 3) for name in self._problems]

    def report(self, name: str, text: str | None, *, failsafe: bool = False) -> None:
        """``text`` is the problem called ``name`` as it is now; None when there is none (any more)."""
        if text is None:
            if self._problems.pop(name, None) is not None:
                self._failsafe.discard(name)
                lasted_s = self._now_s - self._since_s.pop(name, self._now_s)
                if line := self._flapping[name].end(lasted_s, self._now_s):
                    self._log.info(f"{name}: {line}")
            return
        if name not in self._problems:
            self._since_s[name] = self._now_s
            if line := self._flapping.setdefault(name, Flapping()).begin(text, self._now_s):
                self._log.warning(f"{name}: {line}")
        self._problems[name] = text
        (self._failsafe.add if failsafe else self._failsafe.discard)(name)

    def check(self, parts: Parts, bus: int, now_s: float) -> None:
        """Report the problems that the parts know of, if any of them has changed. ``bus`` is the I2C bus's number."""
        self._now_s = now_s
        button, sensors, decision = parts.button, parts.sensors.all, parts.decision
        for problem in parts.fan.take_problems():  # also what has come and gone since the last time
            self.report("fan", str(describe_bus_error(problem, bus)) if isinstance(problem, OSError) else problem)
        if parts.fan.remark:
            self._log.info(parts.fan.remark)
            parts.fan.remark = None
        for name, flapping in self._flapping.items():
            if flapping.is_flapping and (line := flapping.tick(now_s)):
                self._log.warning(f"{name}: {line}")
        untrusted, critical = (decision.untrusted, decision.critical) if decision else ((), None)
        errors = [sensor.error for sensor in sensors] if untrusted else None
        state = (untrusted, critical, errors, sensors, button.error, parts.actions.error)
        if state == self._checked and not critical:
            return
        self._checked = state
        for sensor in sensors:
            text = (sensor.error or "no reading") if sensor.name in untrusted else None
            self.report(f"sensor {sensor.name}", text, failsafe=True)
        self.report("critical", str(critical) if critical else None)
        self.report("button", str(button.error.strerror or button.error) if button.error else None)
        self.report("power", parts.actions.error)

    def forget(self, name: str) -> None:
        """The thing called ``name`` is not there any more, and so nor is its problem."""
        self._problems.pop(name, None)
        self._failsafe.discard(name)
        self._since_s.pop(name, None)
        self._flapping.pop(name, None)  # or it would be said to stay
