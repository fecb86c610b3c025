"""Says how it is: health in words, READY and the like to systemd, the status to whoever monitors."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from a1d.case import bus as case_bus
from a1d.case.fan import describe_firmware
from a1d.service.methods import hottest_celsius, status_of
from a1d.service.systemd import Notifier
from a1d.service.varlink import Parameters

if TYPE_CHECKING:
    from a1d.daemon import Daemon

# Without an acknowledged write READY comes after this long, with health degraded.
_READY_MAX_S = 3.0
_PUBLISH_S = 1.0
# A transfer this late means that nobody looks after the bus any more.
_OVERDUE_S = 5.0


def describe_fan_problem(problem: OSError | str | None, bus: int) -> str | None:
    """One of ``Fan.take_problems`` in words."""
    return str(case_bus.describe_bus_error(problem, bus)) if isinstance(problem, OSError) else problem


class Telling:
    """``tick`` once a tick. ``listeners`` get each status that is published."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        self._notifier = Notifier()
        self._ready = False
        self._firmware: int | None = None
        self._reported: tuple[object, ...] = ()
        self._shown: tuple[object, ...] = ()
        self._published_s = float("-inf")
        self.listeners: list[Callable[[Parameters], None]] = []

    def tick(self, now_s: float) -> None:
        """Look at the parts, and tell what is new."""
        daemon, notifier = self._daemon, self._notifier
        self._report()
        if not self._ready and (daemon.fan.acknowledged or now_s - daemon.started_s >= _READY_MAX_S):
            self._ready = True
            notifier.ready()
        notifier.flush()
        if notifier.watchdog_is_due(now_s) and self._is_alive(now_s):
            notifier.watchdog(now_s)
        decision = daemon.decision
        shown = (decision and decision.duty_percent, decision and decision.manual, daemon.health.state)
        if shown != self._shown or now_s - self._published_s >= _PUBLISH_S:
            self._shown, self._published_s = shown, now_s
            self._publish(now_s)

    def reloading(self) -> None:
        """A reload begins; ``reloaded`` ends it, well or not."""
        if self._ready:
            self._notifier.reloading()

    def reloaded(self) -> None:
        """The other parts may be new ones."""
        self._reported = ()
        if self._ready:
            self._notifier.ready()

    def stopping(self) -> None:
        """A clean stop begins."""
        self._notifier.stopping()

    def close(self) -> None:
        """Nothing can be told any more."""
        self._notifier.close()

    def _report(self) -> None:
        """Health, from the parts' own state, if that has changed."""
        fan, button, decision = self._daemon.fan, self._daemon.button, self._daemon.decision
        report, bus = self._daemon.health.report, self._daemon.config.case.bus
        for problem in fan.take_problems():  # also what has come and gone since the last tick
            report("fan", describe_fan_problem(problem, bus))
        untrusted = decision.untrusted if decision else ()
        state = (fan.firmware, untrusted, button.error, self._daemon.actions.error)
        if state == self._reported:
            return
        self._reported = state
        if fan.firmware != self._firmware and (remark := describe_firmware(fan.firmware)):
            self._daemon.log.info(remark)
        self._firmware = fan.firmware
        for sensor in self._daemon.sensors:
            text = (sensor.error or "no reading") if sensor.name in untrusted else None
            report(f"sensor {sensor.name}", text, failsafe=True)
        report("button", str(button.error.strerror or button.error) if button.error else None)
        report("power", self._daemon.actions.error)

    def _is_alive(self, now_s: float) -> bool:
        """Whether the bus and the button, too, have shown life. The tick shows its own by asking."""
        return now_s - self._daemon.fan.due_s < _OVERDUE_S and self._daemon.button.is_alive

    def _publish(self, now_s: float) -> None:
        daemon, decision = self._daemon, self._daemon.decision
        if decision:
            temp = hottest_celsius(daemon)
            heat = "no temperature" if temp is None else f"{temp:.0f} C"
            mode = "manual" if decision.manual else "automatic"
            self._notifier.status(now_s, f"{heat}, fan {decision.duty_percent} %, {mode}, {daemon.health.state}")
        monitored = daemon.server is not None and daemon.server.is_streaming
        if self.listeners or monitored:
            status = status_of(daemon, now_s)
            for listener in self.listeners:
                listener(status)
            if daemon.server is not None and monitored:
                daemon.server.publish({"status": status})
