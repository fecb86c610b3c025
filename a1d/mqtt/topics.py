"""Where on the broker everything is, and the document by which Home Assistant finds it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, NamedTuple

from a1d import __version__
from a1d.client import words

GESTURES = ("double_press", "hold")
AUTO = "auto"  # no profile may be called so, nor have the name of the next
NO_PRESET = "-"
_SLUG_MAX = 32
_URL = "https://nossa.ee/~talya/a1d"

Component = dict[str, Any]


class Device(NamedTuple):
    """``id`` tells this machine from others on the broker, ``name`` is for people."""

    id: str
    name: str


class Topics:
    """The topics of one device. Everything is below ``root``, but for the document."""

    def __init__(self, base: str, discovery_prefix: str, device_id: str) -> None:
        self.root = root = f"{base}/{device_id}"
        self.discovery = f"{discovery_prefix}/device/a1d_{device_id}/config"
        # Home Assistant says here that it has started; it keeps the default if only its prefix was changed.
        self.home_assistant = tuple(dict.fromkeys((f"{discovery_prefix}/status", "homeassistant/status")))
        self.availability = f"{root}/availability"
        self.fan_state = f"{root}/fan/state"
        self.fan_percentage = f"{root}/fan/percentage"
        self.fan_preset = f"{root}/fan/preset"
        self.duty = f"{root}/duty"
        self.problem = f"{root}/problem"
        self.problem_attributes = f"{root}/problem/attributes"
        self.button = f"{root}/button"
        self.set_fan = f"{root}/fan/state/set"
        self.set_percentage = f"{root}/fan/percentage/set"
        self.set_preset = f"{root}/fan/preset/set"
        self.resume = f"{root}/resume/set"

    @property
    def commands(self) -> tuple[str, ...]:
        """Those on which somebody else publishes in order to steer."""
        return (self.set_fan, self.set_percentage, self.set_preset, self.resume)

    @property
    def always_retained(self) -> tuple[str, ...]:
        """What is retained whatever sensors there are, the document first: without it Home Assistant drops the rest."""
        fan = (self.fan_state, self.fan_percentage, self.fan_preset)
        return (self.discovery, *fan, self.duty, self.problem, self.problem_attributes, self.availability)

    def temperature(self, slug: str) -> str:
        """Of the sensor with that ``slug``."""
        return f"{self.root}/temperature/{slug}"


def slugs_of(names: Iterable[str]) -> dict[str, str]:
    """For each name another one of a to z, 0 to 9 and _, by its first letters; the same name has one slug."""
    slugs: dict[str, str] = {}
    for name in names:
        stem = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")[:_SLUG_MAX] or "sensor"
        slug, number = stem, 2
        while slug in slugs.values() and name not in slugs:
            slug, number = f"{stem}_{number}", number + 1
        slugs.setdefault(name, slug)
    return slugs


def document(
    topics: Topics,
    device: Device,
    slugs: dict[str, str],
    profiles: list[str],
    removed: Iterable[str],
    *,
    steering: bool,
    simulated: bool,
) -> dict[str, Any]:
    """The device for Home Assistant, with every component. ``removed`` are slugs of sensors that are there no more."""
    components = _components(topics, slugs)
    if steering:
        components |= _steering(topics, profiles)
    for key, component in components.items():
        component["unique_id"] = f"a1d_{device.id}_{key}"
    # One that is only left out would stay for ever.
    components |= {f"temperature_{slug}": {"platform": "sensor"} for slug in removed if slug not in slugs.values()}
    if not steering:
        components |= {"fan": {"platform": "fan"}, "resume": {"platform": "button"}}
    return {
        "device": {
            "identifiers": [f"a1d_{device.id}"],
            "name": device.name,
            "manufacturer": "Argon40",
            "model": f"ARGON ONE V3{' (simulated)' if simulated else ''}",
            "sw_version": f"a1d {__version__}",
        },
        "origin": {"name": "a1d", "sw_version": __version__, "support_url": _URL},
        "availability_topic": topics.availability,
        "components": components,
    }


def _components(topics: Topics, slugs: dict[str, str]) -> dict[str, Component]:
    """What can be read."""
    components: dict[str, Component] = {
        "duty": {
            "platform": "sensor",
            "name": "Fan duty",
            "icon": "mdi:fan",
            "state_topic": topics.duty,
            "unit_of_measurement": "%",
            "state_class": "measurement",
        },
        "problem": {
            "platform": "binary_sensor",
            "name": "Health",
            "device_class": "problem",
            "entity_category": "diagnostic",
            "state_topic": topics.problem,
            "json_attributes_topic": topics.problem_attributes,
        },
        "button": {
            "platform": "event",
            "name": "Power button",
            "device_class": "button",
            "event_types": list(GESTURES),
            "state_topic": topics.button,
        },
    }
    for name, slug in slugs.items():
        components[f"temperature_{slug}"] = {
            "platform": "sensor",
            "name": f"{words.printable(name)} temperature",
            "device_class": "temperature",
            "state_class": "measurement",
            "unit_of_measurement": "°C",
            "suggested_display_precision": 1,
            "state_topic": topics.temperature(slug),
        }
    return components


def _steering(topics: Topics, profiles: list[str]) -> dict[str, Component]:
    """What can be set."""
    return {
        "fan": {
            "platform": "fan",
            "name": "Fan",
            "state_topic": topics.fan_state,
            "command_topic": topics.set_fan,
            "percentage_state_topic": topics.fan_percentage,
            "percentage_command_topic": topics.set_percentage,
            "preset_mode_state_topic": topics.fan_preset,
            "preset_mode_command_topic": topics.set_preset,
            "preset_modes": [AUTO, *profiles],
            "payload_reset_preset_mode": NO_PRESET,
        },
        "resume": {
            "platform": "button",
            "name": "Resume automatic",
            "icon": "mdi:fan-auto",
            "command_topic": topics.resume,
        },
    }
