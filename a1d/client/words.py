"""A status in words, for every program that shows one. Nothing here prints; all that it returns is printable.

What a daemon answers goes through ``check`` first; the other functions take it to be of the shape given here.
"""

from __future__ import annotations

import os

from a1d.duration import format_duration

TYPE_CHECKING = False  # typing itself would cost 4 ms of the 25 that a1d-ctl takes beyond the interpreter
if TYPE_CHECKING:
    from typing import Any, TextIO

    Reply = dict[str, Any]

_BAR_WIDTH = 40
_COLOUR = {"ok": "32", "degraded": "33", "failsafe": "31"}

# Shapes for ``check``. A pair is a range of numbers; "?" after a name means that it may be null.
PERCENT, _CELSIUS, _SECONDS, _COUNT = (0, 100), (-300, 1000), (0, 1e9), (0, 1e18)
STATUS = {
    "version": str,
    "simulated": bool,
    "health": {"state": str, "problems": [str]},
    "warnings?": [str],
    "mode": str,
    "duty_percent?": PERCENT,
    "duty_confirmed_percent?": PERCENT,
    "manual_percent?": PERCENT,
    "manual_remaining_s?": _SECONDS,
    "manual_until_celsius?": _CELSIUS,
    "profile?": {"name": str, "by_hand": bool, "until?": str, "remaining_s?": _SECONDS},
    "reason": str,
    "temp_celsius?": _CELSIUS,
    "sensors": [{"name": str, "temp_celsius?": _CELSIUS}],
    "button": {"watching": bool, "double_presses": _COUNT, "holds": _COUNT, "pulses_ignored": _COUNT},
}
CURVE = {
    "sensor": str,
    "critical_celsius": _CELSIUS,
    "duties_percent": [PERCENT],
}


def check(value: Any, shape: Any, name: str) -> Any:
    """``value``, if it is of that ``shape``; it may hold more. What may be null and is missing becomes null.

    Raises ValueError that says what is wrong, and where in ``name``.
    """
    if isinstance(shape, dict) and isinstance(value, dict):
        for key, inner in shape.items():
            found = value.setdefault(key.removesuffix("?"), None)
            if found is not None or not key.endswith("?"):
                check(found, inner, f"{name}.{key.removesuffix('?')}")
        return value
    if isinstance(shape, list) and isinstance(value, list):
        for item in value:
            check(item, shape[0], name)
        return value
    if isinstance(shape, tuple):
        if type(value) in (int, float) and shape[0] <= value <= shape[1]:
            return value
        expected = f"a number from {shape[0]:g} to {shape[1]:g}"
    else:
        if type(value) is shape:
            return value
        expected = (shape if isinstance(shape, type) else type(shape)).__name__
    found = type(value).__name__ if isinstance(value, (dict, list)) else repr(value)[:40]
    raise ValueError(f"{name}: found {found}, expected {expected}")


def printable(text: str) -> str:
    """``text`` with an escape such as ``\\x1b`` for whatever could steer a terminal."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def lines(text: str) -> list[str]:
    """The lines of ``text``, each of them printable."""
    return [printable(line) for line in text.splitlines()]


def wants_colour(out: TextIO) -> bool:
    """Whether ``out`` is a terminal whose user has not said NO_COLOR."""
    return out.isatty() and "NO_COLOR" not in os.environ


def describe(status: Reply, colour: bool) -> str:
    """All of it, several lines."""
    sensors = status["sensors"] if len(status["sensors"]) > 1 else []
    button = status["button"]
    return "\n".join(
        [
            f"temperature  {celsius(status['temp_celsius'])}",
            f"fan          {percent(status['duty_percent'])}{_confirmation(status)}",
            f"mode         {mode(status)}",
            *([f"profile      {profile(status)}"] if status["profile"] else []),
            f"because      {printable(status['reason'])}",
            f"health       {health(status, colour)}",
            *(f"             - {line}" for text in status["health"]["problems"] for line in lines(text)),
            *(f"warning      {line}" for text in status["warnings"] or () for line in lines(text)),
            *(f"sensor       {printable(sensor['name'])}: {celsius(sensor['temp_celsius'])}" for sensor in sensors),
            f"button       {'watched' if button['watching'] else 'not watched'}; {button['double_presses']} double "
            f"presses, {button['holds']} holds, {button['pulses_ignored']} other pulses",
            *(["case         simulated"] if status["simulated"] else []),
        ]
    )


def one_line(status: Reply, colour: bool) -> str:
    """What matters of it, in a line."""
    in_force = f", profile {profile(status)}" if status["profile"] else ""
    return (
        f"{celsius(status['temp_celsius'])}  fan {percent(status['duty_percent'])}  {mode(status)}{in_force}  "
        f"{health(status, colour)}  {problems(status) or printable(status['reason'])}"
    )


def describe_curve(curve: Reply) -> str:
    """One of the curves of GetCurves, a line every 5 degrees."""
    heading = f"{printable(curve['sensor'])}: 100 % from {curve['critical_celsius']:g} C on, whatever else is set"
    points = [
        f"  {temp_celsius:3} C  {duty:3.0f} %  {'#' * round(duty / 100 * _BAR_WIDTH)}"
        for temp_celsius, duty in list(enumerate(curve["duties_percent"][:81], 20))[::5]
    ]
    return "\n".join([heading, *points])


def mode(status: Reply) -> str:
    """``automatic``, or ``manual`` with the duty and for how long."""
    if status["mode"] != "manual":
        return "automatic"
    left_s = status["manual_remaining_s"]
    left = None if left_s is None else f"another {format_duration(round(left_s))}"
    return f"manual, {percent(status['manual_percent'])} {how_long(left, status['manual_until_celsius'])}"


def how_long(time: str | None, until_celsius: float | None) -> str:
    """What ends a duty set by hand: ``time`` in words, a temperature, or either."""
    waits = [] if until_celsius is None else [f"until {until_celsius:g} C"]
    waits += [] if time is None else [f"for {time}"]
    return " or ".join(waits) or "until 'a1d-ctl fan auto'"


def profile(status: Reply) -> str:
    """Its name and its end; the status must have one."""
    name, by_hand, until, left_s = (status["profile"][key] for key in ("name", "by_hand", "until", "remaining_s"))
    if left_s is not None:
        end = f" for another {format_duration(round(left_s))}"
    else:
        end = " until 'a1d-ctl profile auto'" if by_hand else f" until {until}" if until else ""
    return printable(name + end)


def health(status: Reply, colour: bool) -> str:
    """Its state, in its colour if ``colour``."""
    state = status["health"]["state"]
    return f"\x1b[{_COLOUR[state]}m{state}\x1b[0m" if colour and state in _COLOUR else printable(state)


def problems(status: Reply) -> str:
    """Every problem, in one line; empty if there is none."""
    return "; ".join(" ".join(lines(text)) for text in status["health"]["problems"])


def celsius(value: float | None) -> str:
    """A temperature; None if it is not known."""
    return "unknown" if value is None else f"{value:.1f} C"


def percent(value: int | None) -> str:
    """A duty; None if it is not known."""
    return "unknown" if value is None else f"{value} %"


def bar(value: float, full: float) -> str:
    """How much of ``full``, drawn."""
    filled = max(0, min(_BAR_WIDTH, round(value / full * _BAR_WIDTH)))
    return "[" + "#" * filled + "." * (_BAR_WIDTH - filled) + "]"


def _confirmation(status: Reply) -> str:
    confirmed = status["duty_confirmed_percent"]
    if confirmed is None:
        return ", not confirmed by the case"
    return "" if confirmed == status["duty_percent"] else f", the case still at {confirmed} %"
