"""Every setting, its default, its range and what it means. Frozen, typed, and the only place that says so.

A field whose name ends in ``_s`` is a duration, in ``_minute`` a time of day; its key in the file is the name
without that ending.
Rows such as ``B4`` point into docs/hardware.md.
"""

from __future__ import annotations

from dataclasses import Field, dataclass, field, fields
from typing import Any

from a1d.config import limits

Points = tuple[tuple[float, float], ...]
GestureAction = str | tuple[str, ...]


def key_of(field: Field[Any]) -> str:
    """A field's key in the file: durations drop their ``_s``, times of day their ``_minute``."""
    return field.name.removesuffix("_s").removesuffix("_minute")


class _Kind:
    """The name of a kind in a1d/config/kinds.py, and its arguments. Whoever only uses a value is spared the rest."""

    def __init__(self, *words: object) -> None:
        self._words = words

    def option(self, default: object, doc: str) -> Any:
        """A setting of this kind."""
        return field(default=default, metadata={"kind": self._words, "doc": doc})

    def optional(self, doc: str) -> Any:
        """A setting that may be null and is, unless set."""
        return _Kind("optional", *self._words).option(None, doc)


def _section(default: object, doc: str) -> Any:
    return field(default=default, metadata={"doc": doc})


# What fan.preset stands for; how each fares is in docs/performance.md.
PRESETS: dict[str, dict[str, Any]] = {
    "quiet": {"curve": ((50.0, 10.0), (60.0, 15.0), (68.0, 45.0), (75.0, 100.0)), "hold_s": 120.0, "rise_s": 30.0},
    "balanced": {"curve": ((48.0, 15.0), (57.0, 20.0), (64.0, 70.0), (68.0, 100.0)), "hold_s": 60.0, "rise_s": 30.0},
    "cool": {"curve": ((45.0, 20.0), (55.0, 35.0), (65.0, 100.0)), "hold_s": 60.0, "rise_s": 10.0},
}
_BALANCED = PRESETS["balanced"]


@dataclass(frozen=True, slots=True)
class FanConfig:
    """The curve and everything that smooths or overrides it."""

    preset: str = _Kind("choice", *PRESETS).option(
        "balanced",
        "quiet, balanced or cool: a curve, hold and rise in one word. Each of them that is set below wins over it.",
    )
    curve: Points = _Kind("curve_points").option(
        _BALANCED["curve"],
        "Duty in percent at a temperature in Celsius. Below the first point the fan is off; beyond the last one it\n"
        "rises to 100 % at the critical temperature.",
    )
    mode: str = _Kind("choice", "curve", "target").option(
        "curve", "curve: the duty that belongs to a temperature. target: whatever duty holds target_celsius."
    )
    target_celsius: float = _Kind("number", 40, 70).option(
        58.0,
        "What mode target holds. The fan is off from 8 C below it, and rises to 100 % over the last 8 C before\n"
        "critical. A sensor with a curve of its own keeps to that.",
    )
    interpolation: str = _Kind("choice", "linear", "step").option(
        "linear", "Between two points: linear, or step (keep the lower point's duty)."
    )
    critical_celsius: float = _Kind("number", 40, 100).option(
        80.0, "From here on the fan is at 100 % whatever else is set. A Pi 5 throttles from 80 (T4)."
    )
    hysteresis_celsius: float = _Kind("number", 0, 20).option(
        5.0, "The fan slows only when it is this much cooler than where its present duty belongs, for the time of hold."
    )
    hold_s: float = _Kind("duration", 0, 600).option(
        _BALANCED["hold_s"], "How long it must have been that much cooler, without a break, before the fan slows."
    )
    rise_s: float = _Kind("duration", 0, 60).option(
        _BALANCED["rise_s"],
        "The fan speeds up to what the lowest reading of this time asks for: a short spike does not move it. But it\n"
        "lags the last two readings by 16 C at most, by less from 20 C below critical on, and not at all from 8 C\n"
        "below. So a large rise counts with its second reading. 0: every reading counts at once.",
    )
    duty_min_percent: int = _Kind("integer", 0, limits.DUTY_MAX_PERCENT).option(
        10, "The lowest duty that turns the fan; a lower one that is not 0 is raised to this (M13)."
    )
    max_percent: int = _Kind("integer", 0, limits.DUTY_MAX_PERCENT).option(
        100, "The highest duty while it is cooler than yield_celsius. One that is set by hand may be higher."
    )
    yield_celsius: float = _Kind("number", 40, 100).option(
        72.0,
        "Above this temperature the cap max_percent is lifted step by step, to 100 % at critical_celsius (over at\n"
        "least 4 C). A sensor with a critical temperature of its own: the same distance below that.",
    )
    failsafe_percent: int = _Kind("integer", limits.FAILSAFE_MIN_PERCENT, limits.DUTY_MAX_PERCENT).option(
        100, "The least duty while a temperature cannot be trusted, and after a crash."
    )
    on_stop: str | int = _Kind("on_stop").option(
        "keep", "What a clean stop leaves behind: keep (the last duty), failsafe, or a duty in percent."
    )
    refresh_s: float = _Kind("duration", 5, 3600).option(
        60.0, "Write the duty again this often, even unchanged: the case forgets it when it is reset."
    )

    @property
    def failsafe_duty_percent(self) -> int:
        """``failsafe_percent``, but never a duty at which the fan may stall."""
        return max(self.failsafe_percent, self.duty_min_percent)

    @property
    def on_stop_duty(self) -> str | int:
        """``on_stop``, likewise."""
        moves = isinstance(self.on_stop, int) and self.on_stop > 0
        return max(int(self.on_stop), self.duty_min_percent) if moves else self.on_stop


def _instead(of: str) -> Any:
    """The fan's setting of that name, or null."""
    (field,) = (field for field in fields(FanConfig) if field.name == of)
    return _Kind(*field.metadata["kind"]).optional(f"Instead of fan.{key_of(field)}.")


@dataclass(frozen=True, slots=True)
class ProfileConfig:
    """What takes the place of the fan's settings for a while. What decides in an emergency is not among it."""

    preset: str | None = _instead("preset")
    curve: Points | None = _instead("curve")
    mode: str | None = _instead("mode")
    target_celsius: float | None = _instead("target_celsius")
    interpolation: str | None = _instead("interpolation")
    hysteresis_celsius: float | None = _instead("hysteresis_celsius")
    hold_s: float | None = _instead("hold_s")
    rise_s: float | None = _instead("rise_s")
    max_percent: int | None = _instead("max_percent")
    from_minute: int | None = _Kind("minute_of_day").optional("When it begins, local time.")
    to_minute: int | None = _Kind("minute_of_day").optional("When it ends; the same time as it begins: never.")


@dataclass(frozen=True, slots=True)
class SensorConfig:
    """One temperature: a thermal zone by type, or hwmon devices by name (the hottest of them counts)."""

    name: str = _Kind("text").option("cpu", "How status and logs call it; without one, the zone's or hwmon name.")
    zone: str | None = _Kind("text").optional("The thermal zone of this type. A sensor has a zone or an hwmon name.")
    hwmon: str | None = _Kind("text").optional("All hwmon devices of this name; the hottest counts.")
    curve: Points | None = _Kind("curve_points").optional("A curve of its own; without one, fan.curve.")
    critical_celsius: float | None = _Kind("number", 40, 110).optional(
        "A critical temperature of its own; without one, fan.critical_celsius."
    )
    offset_celsius: float | None = _Kind("number", -20, 20).optional(
        "Added to what it reads, for its curve and the target alone; status shows what it reads.\n"
        "Above 0 it counts for the critical temperature too, below 0 it does not."
    )
    interval_s: float | None = _Kind("duration", 0.1, 3600).optional(
        "Time between two readings: at most 1m for a zone, 1h for hwmon; without one, every tick for a zone and every\n"
        "2 s for hwmon."
    )
    optional: bool = _Kind("yes_or_no").option(
        False,
        "If true, this hwmon device may be absent or asleep. While it does not answer, nobody waits for it. But if\n"
        "it says something impossible, that counts as hot.",
    )
    frozen_s: float | None = _Kind("duration", 0, 86400).optional(
        "A value that has not changed by a millidegree for this long counts as broken; 0 never.\n"
        "Without one, 30m for a zone and never for hwmon (drives report whole degrees)."
    )


@dataclass(frozen=True, slots=True)
class CaseConfig:
    """How to talk to the case's MCU."""

    protocol: str = _Kind("choice", *limits.PROTOCOLS).option(
        "register", "register: V3. legacy: V1, V2, M.2, Fan HAT. Never guessed (L1)."
    )
    bus: int = _Kind("integer", 0, limits.BUS_MAX).option(1, "The I2C bus: 1 is /dev/i2c-1.")
    timeout_s: float = _Kind("duration", 0, limits.TIMEOUT_MAX_S).option(
        0.3,
        "Ask the kernel to give up on a hung transfer after this long (it applies to the whole bus);\n"
        "0 leaves the kernel's own 1 s. Above 0.5s a hung bus that recovers is noticed later.",
    )


@dataclass(frozen=True, slots=True)
class ButtonConfig:
    """The power button and what its gestures do."""

    backend: str = _Kind("choice", "gpiod", "gpiozero", "none").option(
        "gpiod",
        "gpiod (no idle wake-ups), gpiozero (the pin factory that\nGPIOZERO_PIN_FACTORY names, else lgpio), or none.",
    )
    chips: tuple[str, ...] = _Kind("labels").option(
        ("pinctrl-rp1", "pinctrl-bcm2711", "pinctrl-bcm2835"),
        "Labels of GPIO chips to look for, in this order; their numbers move (B6).",
    )
    line: int = _Kind("integer", 0, 1023).option(4, "The line: GPIO4 of the 40-pin header.")
    double_press: GestureAction = _Kind("gesture_action").option(
        "reboot", 'reboot, poweroff, none, or a command as a list: ["/usr/bin/logger", "pressed"].'
    )
    hold: GestureAction = _Kind("gesture_action").option(
        "poweroff", "As above. The case cuts the power 5.6 to 17 s after a hold, whatever this says (B3)."
    )
    double_press_window_ms: tuple[float, float] = _Kind("window_ms").option(
        (10.0, 30.0), "A pulse of this many milliseconds is a double press (B4)."
    )
    hold_window_ms: tuple[float, float] = _Kind("window_ms").option(
        (30.0, 55.0), "A pulse of this many milliseconds is a hold (B4)."
    )


@dataclass(frozen=True, slots=True)
class Config:
    """The whole configuration; ``Config()`` is the built-in default, made for a Pi 5 in a V3."""

    interval_s: float = _Kind("duration", 0.1, 5).option(0.5, "Time between two looks at the temperature.")
    log_level: str = _Kind("choice", "info", "debug").option(
        "info", "debug: log each transfer on the bus, each reading and each decision."
    )
    fan: FanConfig = _section(FanConfig(), "The fan.")
    profiles: tuple[tuple[str, ProfileConfig], ...] = _section(
        (),
        "Named sets that take the place of the fan's settings: by 'a1d-ctl profile NAME', or each day from a\n"
        "local time to another; if it is the time of several, the first of them wins. Each may have preset,\n"
        "curve, mode, target_celsius, interpolation, hysteresis_celsius, hold, rise, max_percent, from and to:\n"
        '  night: {preset: quiet, max_percent: 40, from: "22:00", to: "07:00"}',
    )
    sensors: tuple[SensorConfig, ...] = _section(
        (SensorConfig(name="cpu", zone="cpu-thermal"),),
        "The temperatures to watch; the fan gets the highest demand. For NVMe drives add:\n"
        "  - name: nvme\n"
        "    hwmon: nvme\n"
        "    curve: {55: 20, 70: 100}",
    )
    case: CaseConfig = _section(CaseConfig(), "The case's controller.")
    button: ButtonConfig = _section(ButtonConfig(), "The power button.")
