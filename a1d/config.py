"""Every setting, its default, its range and what it means. Frozen, typed, and the only place that says so.

A field whose name ends in ``_s`` is a duration; its key in the file is the name without that ending.
Rows such as ``B4`` point into docs/hardware.md.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from a1d.kinds import (
    Kind,
    choice,
    curve_points,
    duration,
    gesture_action,
    integer,
    labels,
    number,
    on_stop,
    optional,
    text,
    window_ms,
)

Points = tuple[tuple[float, float], ...]
GestureAction = str | tuple[str, ...]


def _option(default: object, kind: Kind, doc: str) -> Any:
    return field(default=default, metadata={"kind": kind, "doc": doc})


def _section(make: Callable[[], object], doc: str) -> Any:
    return field(default_factory=make, metadata={"doc": doc})


@dataclass(frozen=True, slots=True)
class FanConfig:
    """The curve and everything that smooths or overrides it."""

    curve: Points = _option(
        ((50.0, 10.0), (60.0, 40.0), (70.0, 100.0)),
        curve_points,
        "Duty in percent at a temperature in Celsius. Below the first point the fan is off; beyond the last one it\n"
        "rises to 100 % at the critical temperature.",
    )
    interpolation: str = _option(
        "linear", choice("linear", "step"), "Between two points: linear, or step (keep the lower point's duty)."
    )
    critical_celsius: float = _option(
        80.0, number(40, 100), "From here on the fan is at 100 % whatever else is set. A Pi 5 throttles from 80 (T4)."
    )
    hysteresis_celsius: float = _option(
        3.0, number(0, 20), "The fan slows only when it is this much cooler than its present duty needs ..."
    )
    hold_s: float = _option(10.0, duration(0, 600), "... and has been for this long. It speeds up at once.")
    duty_min_percent: int = _option(
        10, integer(0, 100), "The lowest duty that turns the fan; a lower one that is not 0 is raised to this (M13)."
    )
    failsafe_percent: int = _option(
        100, integer(30, 100), "The least duty while a temperature cannot be trusted, and after a crash."
    )
    on_stop: str | int = _option(
        "keep", on_stop, "What a clean stop leaves behind: keep (the last duty), failsafe, or a duty in percent."
    )
    refresh_s: float = _option(
        60.0, duration(5, 3600), "Write the duty again this often though nothing changed: it heals a reset MCU."
    )


@dataclass(frozen=True, slots=True)
class SensorConfig:
    """One temperature: a thermal zone by type, or hwmon devices by name (the hottest of them counts)."""

    name: str = _option("cpu", text, "How status and logs call it; without one, the zone's or hwmon name.")
    zone: str | None = _option(None, optional(text), "A thermal zone of this type, ...")
    hwmon: str | None = _option(None, optional(text), "... or every hwmon device of this name, the hottest counts.")
    curve: Points | None = _option(None, optional(curve_points), "A curve of its own; without one, fan.curve.")
    critical_celsius: float | None = _option(
        None, optional(number(40, 110)), "A critical temperature of its own; without one, fan.critical_celsius."
    )
    interval_s: float | None = _option(
        None,
        optional(duration(0.1, 60)),
        "How often to read it; without one, every tick for a zone and every 2 s for hwmon.",
    )
    frozen_s: float | None = _option(
        None,
        optional(duration(0, 86400)),
        "A value that has not changed by a millidegree for this long counts as broken; 0 never.\n"
        "Without one, 30m for a zone and never for hwmon (drives report whole degrees).",
    )


@dataclass(frozen=True, slots=True)
class CaseConfig:
    """How to talk to the case's MCU."""

    protocol: str = _option(
        "register", choice("register", "legacy"), "register: V3. legacy: V1, V2, M.2, Fan HAT. Never guessed (L1)."
    )
    bus: int = _option(1, integer(0, 99), "The I2C bus: 1 is /dev/i2c-1.")
    timeout_s: float = _option(
        0.3,
        duration(0, 1),
        "Ask the kernel to give up on a hung transfer after this long (it applies to the whole bus);\n"
        "0 leaves the kernel's own 1 s. Above 0.5s a hung bus that recovers is noticed later.",
    )


@dataclass(frozen=True, slots=True)
class ButtonConfig:
    """The power button and what its gestures do."""

    backend: str = _option(
        "gpiod",
        choice("gpiod", "gpiozero", "none"),
        "gpiod (no idle wake-ups), gpiozero (the pin factory that\nGPIOZERO_PIN_FACTORY names, else lgpio), or none.",
    )
    chips: tuple[str, ...] = _option(
        ("pinctrl-rp1", "pinctrl-bcm2711", "pinctrl-bcm2835"),
        labels,
        "Labels of GPIO chips to look for, in this order; their numbers move (B6).",
    )
    line: int = _option(4, integer(0, 1023), "The line: GPIO4 of the 40-pin header.")
    double_press: GestureAction = _option(
        "reboot", gesture_action, 'reboot, poweroff, none, or a command as a list: ["/usr/bin/logger", "pressed"].'
    )
    hold: GestureAction = _option(
        "poweroff",
        gesture_action,
        "As above. The case cuts the power 5.6 to 17 s after a hold, whatever this says (B3).",
    )
    double_press_window_ms: tuple[float, float] = _option(
        (10.0, 30.0), window_ms, "A pulse of this many milliseconds is a double press (B4)."
    )
    hold_window_ms: tuple[float, float] = _option(
        (30.0, 55.0), window_ms, "A pulse of this many milliseconds is a hold (B4)."
    )


@dataclass(frozen=True, slots=True)
class Config:
    """The whole configuration; ``Config()`` is the built-in default, made for a Pi 5 in a V3."""

    interval_s: float = _option(0.5, duration(0.1, 5), "Time between two looks at the temperature.")
    fan: FanConfig = _section(FanConfig, "The fan.")
    sensors: tuple[SensorConfig, ...] = _section(
        lambda: (SensorConfig(name="cpu", zone="cpu-thermal"),),
        "The temperatures to watch; the fan gets the highest demand. For NVMe drives add:\n"
        "  - name: nvme\n"
        "    hwmon: nvme\n"
        "    curve: {55: 20, 70: 100}",
    )
    case: CaseConfig = _section(CaseConfig, "The case's controller.")
    button: ButtonConfig = _section(ButtonConfig, "The power button.")
