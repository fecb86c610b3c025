"""What is wrong right now, in words; each problem is logged when it begins and when it ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from a1d.case.bus import describe_bus_error
from a1d.log import Log

if TYPE_CHECKING:
    from a1d.service.status import Parts


class Health:
    """Problems by name. ``failsafe`` marks those under which the fan is held at failsafe."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._problems: dict[str, str] = {}
        self._failsafe: set[str] = set()
        self._checked: tuple[object, ...] = ()

    @property
    def state(self) -> str:
        """``ok``, ``degraded`` or ``failsafe``."""
        return "failsafe" if self._failsafe else "degraded" if self._problems else "ok"

    @property
    def problems(self) -> list[str]:
        """Every problem's text, the oldest first."""
        return list(self._problems.values())

    def report(self, name: str, text: str | None, *, failsafe: bool = False) -> None:
        """``text`` is the problem called ``name`` as it is now; None when there is none (any more)."""
        if text is None:
            if self._problems.pop(name, None) is not None:
                self._failsafe.discard(name)
                self._log.info(f"{name}: recovered")
            return
        if name not in self._problems:
            self._log.warning(f"{name}: {text}")
        self._problems[name] = text
        (self._failsafe.add if failsafe else self._failsafe.discard)(name)

    def check(self, parts: Parts, bus: int) -> None:
        """Report the problems that the parts know of, if any of them has changed. ``bus`` is the I2C bus's number."""
        button, sensors = parts.button, parts.sensors
        for problem in parts.fan.take_problems():  # also what has come and gone since the last time
            self.report("fan", str(describe_bus_error(problem, bus)) if isinstance(problem, OSError) else problem)
        untrusted = parts.decision.untrusted if parts.decision else ()
        state = (untrusted, sensors, button.error, parts.actions.error)
        if state == self._checked:
            return
        self._checked = state
        for sensor in sensors:
            text = (sensor.error or "no reading") if sensor.name in untrusted else None
            self.report(f"sensor {sensor.name}", text, failsafe=True)
        self.report("button", str(button.error.strerror or button.error) if button.error else None)
        self.report("power", parts.actions.error)

    def forget(self, name: str) -> None:
        """The thing called ``name`` is not there any more, and so nor is its problem."""
        self._problems.pop(name, None)
        self._failsafe.discard(name)
