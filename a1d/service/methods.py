"""What clients may ask of the daemon: the methods behind org.a1d.control, and who may call which."""

from __future__ import annotations

import functools
import grp
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from a1d import __version__
from a1d.button.pulses import Gesture
from a1d.errors import DeniedError, RequestError
from a1d.service.varlink import Interface, Method, Parameters, Peer, Stream, parse_parameters, read_description
from a1d.temperature.controller import curve_of

if TYPE_CHECKING:
    from a1d.config.settings import Config, SensorConfig
    from a1d.daemon import Daemon

GROUP = "a1d"
_LEASE_MAX_S = 7 * 86400.0


def control_interface(daemon: Daemon) -> Interface:
    """org.a1d.control for this daemon."""

    def get_status(parameters: Parameters, _peer: Peer) -> Parameters:
        parse_parameters(parameters)
        return {"status": status_of(daemon, daemon.clock())}

    def monitor(parameters: Parameters, peer: Peer) -> Stream:
        return Stream(get_status(parameters, peer))

    def set_fan(parameters: Parameters, peer: Peer) -> Parameters:
        require_steering(peer)
        duty_percent, for_s = parse_parameters(parameters, duty_percent=int, for_s=(float, int, type(None))).values()
        if not 0 <= duty_percent <= 100:
            raise RequestError("duty_percent", f"a duty of {duty_percent!s:.20} % was asked for; expected 0 to 100")
        if for_s is not None and not 0 < for_s <= _LEASE_MAX_S:
            text = f"a time of {for_s!s:.20} s was asked for; expected more than 0 and at most 7 days"
            raise RequestError("for_s", text)
        return {"duty_percent": daemon.set_manual(duty_percent, for_s)}

    def steering(act: Callable[[], None]) -> Method:
        def method(parameters: Parameters, peer: Peer) -> Parameters:
            require_steering(peer)
            parse_parameters(parameters)
            act()
            return {}

        return method

    def get_curves(parameters: Parameters, _peer: Peer) -> Parameters:
        parse_parameters(parameters)
        return {"curves": [_curve(daemon.config, sensor) for sensor in daemon.config.sensors]}

    methods = {
        "GetStatus": get_status,
        "Monitor": monitor,
        "SetFan": set_fan,
        "ResumeAutomatic": steering(daemon.resume_automatic),
        "Reload": steering(daemon.reload),
        "GetCurves": get_curves,
    }
    return Interface(read_description(__file__, "org.a1d.control"), methods)


@functools.cache
def steering_gid() -> int | None:
    """The group a1d, None if this machine has none. Asked once: looking a group up can take long."""
    try:
        return grp.getgrnam(GROUP).gr_gid
    except KeyError:
        return None


def hottest_celsius(daemon: Daemon) -> float | None:
    """The highest temperature that is up to date; None if there is none."""
    return max((s.last.temp_celsius for s in daemon.sensors if s.last and not s.error), default=None)


def require_steering(peer: Peer) -> None:
    """DeniedError unless the kernel says that ``peer`` is root, this process's user, or in the group a1d."""
    is_allowed = peer.uid in (0, os.geteuid()) or steering_gid() in peer.groups
    if not is_allowed:
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
        "temp_celsius": hottest_celsius(daemon),
        "sensors": sensors,
        "button": {
            "watching": button.source is not None,
            "double_presses": button.counts[Gesture.DOUBLE_PRESS],
            "holds": button.counts[Gesture.HOLD],
            "pulses_ignored": button.ignored,
        },
        "bus_errors": daemon.fan.errors,
    }


def _curve(config: Config, sensor: SensorConfig) -> Parameters:
    curve = curve_of(config, sensor)
    points = config.fan.curve if sensor.curve is None else sensor.curve
    duties = [(temp, curve.duty_percent(temp)) for temp in range(20, 101)]
    return {
        "sensor": sensor.name,
        "critical_celsius": curve.critical_celsius,
        "points": [{"temp_celsius": temp, "duty_percent": duty} for temp, duty in points],
        "duties": [{"temp_celsius": temp, "duty_percent": duty} for temp, duty in duties],
    }
