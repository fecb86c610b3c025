"""What clients may ask of the daemon: the methods behind org.a1d.control, and who may call which."""

from __future__ import annotations

import grp
import os
from typing import TYPE_CHECKING, Any

from a1d import __version__
from a1d.controller import curve_of
from a1d.errors import DeniedError, RequestError
from a1d.pulses import Gesture
from a1d.varlink import Interface, Parameters, Peer, Stream, take

if TYPE_CHECKING:
    from a1d.daemon import Daemon

GROUP = "a1d"
_LEASE_MAX_S = 7 * 86400.0


def control_interface(daemon: Daemon) -> Interface:
    """org.a1d.control for this daemon."""
    control = _Control(daemon)
    return Interface(
        read_description("org.a1d.control"),
        {
            "GetStatus": control.get_status,
            "Monitor": control.monitor,
            "SetFan": control.set_fan,
            "ResumeAutomatic": control.resume_automatic,
            "Reload": control.reload,
            "GetCurves": control.get_curves,
        },
    )


def read_description(name: str) -> str:
    """The text of an interface description that ships beside this module."""
    with open(os.path.join(os.path.dirname(__file__), f"{name}.varlink"), encoding="utf-8") as file:
        return file.read()


def require_steering(peer: Peer) -> None:
    """DeniedError unless the kernel says that ``peer`` is root, this process's user, or in the group a1d."""
    if peer.uid in (0, os.geteuid()):
        return
    try:
        if grp.getgrnam(GROUP).gr_gid in peer.groups:
            return
    except KeyError:
        pass
    raise DeniedError(f"steering needs root or the group {GROUP}")


def status_of(daemon: Daemon, now_s: float) -> Parameters:
    """The Status type of org.a1d.control."""
    lease = daemon.controller.lease if daemon.controller else None
    decision, button = daemon.decision, daemon.button
    sensors: list[dict[str, Any]] = [
        {
            "name": sensor.name,
            "temp_celsius": reading.temp_celsius if reading else None,
            "age_s": round(max(0.0, now_s - reading.at_s), 3) if reading else None,
            "error": sensor.error,
        }
        for sensor in daemon.sensors
        for reading in (sensor.last,)
    ]
    return {
        "version": __version__,
        "simulated": daemon.simulated,
        "uptime_s": round(now_s - daemon.started_s, 3),
        "health": {"state": daemon.health.state, "problems": daemon.health.problems},
        "mode": "manual" if lease else "automatic",
        "duty_percent": decision.duty_percent if decision else None,
        "duty_confirmed_percent": daemon.fan.confirmed_percent if daemon.fan.readable else None,
        "manual_percent": lease.duty_percent if lease else None,
        "manual_remaining_s": round(max(0.0, lease.until_s - now_s), 3) if lease and lease.until_s else None,
        "reason": decision.reason if decision else "starting",
        "temp_celsius": max((s["temp_celsius"] for s in sensors if s["temp_celsius"] is not None), default=None),
        "sensors": sensors,
        "button": {
            "watching": button.source is not None,
            "double_presses": button.counts[Gesture.DOUBLE_PRESS],
            "holds": button.counts[Gesture.HOLD],
            "pulses_ignored": button.ignored,
        },
        "bus_errors": daemon.fan.errors,
    }


class _Control:
    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon

    def get_status(self, parameters: Parameters, _peer: Peer) -> Parameters:
        take(parameters)
        return {"status": status_of(self._daemon, self._daemon.clock())}

    def monitor(self, parameters: Parameters, _peer: Peer) -> Stream:
        return Stream(self.get_status(parameters, _peer))

    def set_fan(self, parameters: Parameters, peer: Peer) -> Parameters:
        require_steering(peer)
        asked = take(parameters, duty_percent=int, for_s=(float, int, type(None)))
        duty_percent, for_s = asked["duty_percent"], asked["for_s"]
        if not 0 <= duty_percent <= 100:
            raise RequestError("duty_percent", f"a duty of {duty_percent!s:.20} % was asked for; expected 0 to 100")
        if for_s is not None and not 0 < for_s <= _LEASE_MAX_S:
            raise RequestError(
                "for_s", f"a time of {for_s!s:.20} s was asked for; expected more than 0 and at most 7 days"
            )
        return {"duty_percent": self._daemon.set_manual(duty_percent, for_s)}

    def resume_automatic(self, parameters: Parameters, peer: Peer) -> Parameters:
        require_steering(peer)
        take(parameters)
        self._daemon.resume_automatic()
        return {}

    def reload(self, parameters: Parameters, peer: Peer) -> Parameters:
        require_steering(peer)
        take(parameters)
        self._daemon.reload()
        return {}

    def get_curves(self, parameters: Parameters, _peer: Peer) -> Parameters:
        take(parameters)
        return {"curves": [self._curve(sensor) for sensor in self._daemon.config.sensors]}

    def _curve(self, sensor: Any) -> Parameters:
        config = self._daemon.config
        curve = curve_of(config, sensor)
        points = config.fan.curve if sensor.curve is None else sensor.curve
        return {
            "sensor": sensor.name,
            "critical_celsius": curve.critical_celsius,
            "points": [_point(temp, duty) for temp, duty in points],
            "duties": [_point(temp, curve.duty_percent(temp)) for temp in range(20, 101)],
        }


def _point(temp_celsius: float, duty_percent: float) -> Parameters:
    return {"temp_celsius": temp_celsius, "duty_percent": duty_percent}
