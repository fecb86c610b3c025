"""What is told of the daemon: the Status type of org.a1d.control, and to whom a status goes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from a1d import __version__
from a1d.button.actions import Actions
from a1d.button.pulses import Gesture
from a1d.button.watcher import ButtonWatcher
from a1d.case.fan import Fan
from a1d.duration import format_minute
from a1d.service.health import Health
from a1d.service.server import Server
from a1d.service.systemd import Notifier
from a1d.service.varlink import Parameters
from a1d.temperature.controller import Controller
from a1d.temperature.decision import Decision
from a1d.temperature.profiles import Profiles
from a1d.temperature.reading import Reading
from a1d.temperature.sensors import Sensor, Sensors

_INTERVAL_S = 0.95  # a second: ticks come late, and then early again


class Parts(Protocol):
    """What is asked of the daemon here."""

    simulated: bool
    started_s: float
    health: Health
    actions: Actions
    button: ButtonWatcher
    fan: Fan
    sensors: Sensors
    controller: Controller | None
    decision: Decision | None
    warnings: Sequence[str]  # what is odd in the configuration
    profiles: Profiles


def status_of(parts: Parts, now_s: float) -> Parameters:
    """The Status type of org.a1d.control."""
    decision, fan, button = parts.decision, parts.fan, parts.button
    lease = parts.controller.lease if parts.controller else None
    hottest = hottest_of(parts.sensors.all)
    return {
        "version": __version__,
        "simulated": parts.simulated,
        "uptime_s": round(now_s - parts.started_s, 3),
        "health": {
            "state": parts.health.state,
            "problems": parts.health.problems,
            "ages_s": parts.health.ages_s(now_s),
        },
        "mode": "manual" if lease else "automatic",
        "duty_percent": decision.duty_percent if decision else None,
        "duty_confirmed_percent": fan.confirmed_percent if fan.readable else None,
        "manual_percent": lease.duty_percent if lease else None,
        "manual_remaining_s": round(max(0.0, lease.until_s - now_s), 3) if lease and lease.until_s else None,
        "manual_until_celsius": lease.until_celsius if lease else None,
        "profile": _profile(parts.profiles, now_s),
        "profiles": parts.profiles.names,
        "reason": decision.reason if decision else "starting: the case has not answered yet",
        "temp_celsius": hottest.temp_celsius if hottest else None,
        "sensors": [_sensor(sensor, now_s) for sensor in parts.sensors.all],
        "button": {
            "watching": button.source is not None,
            "double_presses": button.counts[Gesture.DOUBLE_PRESS],
            "holds": button.counts[Gesture.HOLD],
            "pulses_ignored": button.ignored,
        },
        "bus_errors": fan.errors,
        "firmware_id": fan.firmware,
        "warnings": list(parts.warnings),
    }


def summary_of(parts: Parts) -> str:
    """One line for ``systemctl status``."""
    hottest, decision, health = hottest_of(parts.sensors.all), parts.decision, parts.health
    temp = f"{hottest.sensor} {hottest.temp_celsius:.0f} C" if hottest else "no temperature"
    wrong = f" ({', '.join(health.names)})" if health.names else ""
    if decision is None:
        return f"{temp}, starting, {health.state}{wrong}"
    mode = "manual" if decision.manual else "automatic"
    return f"{temp}, fan {decision.duty_percent} %, {mode}, {health.state}{wrong}"


def hottest_of(sensors: Sequence[Sensor]) -> Reading | None:
    """The hottest reading that is up to date; None if there is none."""
    hottest: Reading | None = None
    for sensor in sensors:
        if (last := sensor.last) and not sensor.error and (not hottest or last.temp_celsius > hottest.temp_celsius):
            hottest = last
    return hottest


def _profile(profiles: Profiles, now_s: float) -> Parameters | None:
    if choice := profiles.choice:
        left_s = None if choice.until_s is None else round(max(0.0, choice.until_s - now_s), 3)
        return {"name": choice.name, "by_hand": True, "until": None, "remaining_s": left_s}
    if profiles.name is None:
        return None
    end_minute = profiles.end_minute()
    until = None if end_minute is None else format_minute(end_minute)
    return {"name": profiles.name, "by_hand": False, "until": until, "remaining_s": None}


def _sensor(sensor: Sensor, now_s: float) -> Parameters:
    last = sensor.last
    return {
        "name": sensor.name,
        "temp_celsius": last.temp_celsius if last else None,
        "age_s": round(max(0.0, now_s - last.at_s), 3) if last else None,
        "error": sensor.error,
    }


class Publisher:
    """Tells systemd, ``listeners`` and whoever monitors: once a second, and at once when it matters.

    The reason and the temperatures change all the time and wait for the second.
    """

    def __init__(self, notifier: Notifier) -> None:
        self.listeners: list[Callable[[Parameters], None]] = []
        self._notifier = notifier
        self._published: tuple[object, ...] = ()
        self._published_s = float("-inf")

    def tick(self, now_s: float, parts: Parts, server: Server | None) -> None:
        """Publish if a second has passed, or if duty, mode or health have changed, or a gesture has been counted."""
        decision, gestures = parts.decision, sum(parts.button.counts.values())
        now = (decision and decision.duty_percent, decision and decision.manual, parts.health.state, gestures)
        if now == self._published and now_s - self._published_s < _INTERVAL_S:
            return
        self._published, self._published_s = now, now_s
        self._notifier.status(now_s, summary_of(parts))
        streaming = server is not None and server.is_streaming
        if self.listeners or streaming:
            status = status_of(parts, now_s)
            for listener in self.listeners:
                listener(status)
            if server is not None and streaming:
                server.publish({"status": status})
