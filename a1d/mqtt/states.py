"""What a status becomes on the broker: a text for each topic. Pure."""

from __future__ import annotations

import json
from typing import Any

from a1d.client import words
from a1d.mqtt.topics import AUTO, NO_PRESET, Topics, slugs_of

ONLINE, OFFLINE = "online", "offline"
UNKNOWN = "None"  # what Home Assistant takes for a value that is not known
_PROBLEMS_MAX, _PROBLEM_MAX = 16, 200
_SENSORS_MAX, _PROFILES_MAX = 32, 32

# A status as it is needed here; it may hold more.
SHAPE = words.STATUS | {"profiles?": [str]}
Status = dict[str, Any]


def sensors_of(status: Status) -> dict[str, Status]:
    """By their names, no more than is bearable."""
    sensors: dict[str, Status] = {}
    for sensor in status["sensors"][:_SENSORS_MAX]:
        sensors.setdefault(sensor["name"][:64], sensor)
    return sensors


def profiles_of(status: Status) -> list[str]:
    """Of those that the daemon has, the names that can be presets; none from a daemon that does not tell."""
    names = (status["profiles"] or [])[:_PROFILES_MAX]
    names = [name for name in dict.fromkeys(names) if name not in (AUTO, NO_PRESET) and 0 < len(name) <= 64]
    return [name for name in names if name.isprintable()]  # a surrogate could not be sent at all


def is_set_off(status: Status) -> bool:
    """Set to 0 by hand: it is off, or will be again once what overrides that is over."""
    return bool(status["mode"] == "manual" and status["manual_percent"] == 0)


def is_off(status: Status) -> bool:
    """Set to 0 by hand, and really at 0. A fan that is only cool is not off: it would go on again by itself."""
    return is_set_off(status) and bool(status["duty_percent"] == 0)


def temperatures(status: Status, topics: Topics) -> dict[str, str]:
    """For each sensor its temperature, rounded to 0.1 C, unknown while it is not believed."""
    sensors = sensors_of(status)
    slugs = slugs_of(sensors)
    return {
        topics.temperature(slugs[name]): UNKNOWN if sensor["error"] else _number(sensor["temp_celsius"])
        for name, sensor in sensors.items()
    }


def fan(status: Status, topics: Topics) -> dict[str, str]:
    """The fan as something that is on or off, has a percentage and a preset."""
    return {
        topics.fan_state: "OFF" if is_off(status) else "ON",
        topics.fan_percentage: _number(status["duty_percent"]),
        topics.fan_preset: _preset(status),
    }


def others(status: Status, topics: Topics) -> dict[str, str]:
    """The duty, and the health with every problem in words."""
    health = status["health"]
    problems = [words.printable(text[:_PROBLEM_MAX]) for text in health["problems"][:_PROBLEMS_MAX]]
    # Not "state", an attribute that Home Assistant keeps for itself.
    attributes = {"health": words.printable(health["state"][:_PROBLEM_MAX]), "problems": problems}
    return {
        topics.duty: _number(status["duty_percent"]),
        # The texts first: whoever is told of a problem can then say which.
        topics.problem_attributes: json.dumps(attributes),
        topics.problem: "OFF" if health["state"] == "ok" else "ON",
    }


def _preset(status: Status) -> str:
    """None while a duty is set by hand, nor while the name none is in force by hand."""
    if status["mode"] == "manual":
        return NO_PRESET
    profile = status["profile"]
    if profile is None or not profile["by_hand"]:
        return AUTO
    name: str = profile["name"]
    return name if name in profiles_of(status) else NO_PRESET


def _number(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:.1f}" if isinstance(value, float) else str(value)
