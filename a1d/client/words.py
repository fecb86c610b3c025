"""A status in words, for every program that shows one. Nothing here prints; all that it returns is printable.

What a daemon answers goes through ``check`` first; the other functions take it to be of the shape given here.
"""

from __future__ import annotations

from a1d.duration import format_span

TYPE_CHECKING = False  # typing itself would cost 4 ms of the 25 that a1d-ctl takes beyond the interpreter
if TYPE_CHECKING:
    from typing import Any

    Reply = dict[str, Any]

_COLOUR = {"ok": "32", "degraded": "33", "failsafe": "31"}

# Shapes for ``check``. A pair is a range of numbers; "?" after a name means that it may be null.
PERCENT, _CELSIUS, _SECONDS, _COUNT = (0, 100), (-300, 1000), (0, 1e9), (0, 1e18)
STATUS = {
    "version": str,
    "simulated": bool,
    "uptime_s?": _SECONDS,
    "health": {"state": str, "problems": [str], "ages_s?": [_SECONDS]},
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
    "sensors": [{"name": str, "temp_celsius?": _CELSIUS, "age_s?": _SECONDS, "error?": str}],
    "button": {"watching": bool, "double_presses": _COUNT, "holds": _COUNT, "pulses_ignored": _COUNT},
    "bus_errors?": _COUNT,
    "firmware_id?": (0, 255),
}
CURVE = {
    "sensor": str,
    "critical_celsius": _CELSIUS,
    "target_celsius?": _CELSIUS,
    "hysteresis_celsius?": (0, 100),
    "duty_min_percent?": PERCENT,
    "points?": [{"temp_celsius": _CELSIUS, "duty_percent": PERCENT}],
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


def describe(status: Reply, colour: bool, columns: int | None = None) -> str:
    """All of it, several lines; if ``columns`` are given, broken between words to fit."""
    state, button = status["health"], status["button"]
    ages_s = state["ages_s"] or []
    said: list[tuple[str, str]] = [("temperature", _headline(status)), ("fan", _fan(status)), ("mode", mode(status))]
    if status["profile"]:
        said.append(("profile", profile(status)))
    said += [("because", printable(status["reason"])), ("health", health(status, colour))]
    for index, problem in enumerate(state["problems"]):
        first, *rest = lines(problem) or [""]
        lasted = f" (for {format_span(ages_s[index])})" if index < len(ages_s) else ""
        said += [("", f"- {first}{lasted}"), *(("", f"  {line}") for line in rest)]
    said += [("warning", line) for text in status["warnings"] or () for line in lines(text)]
    if len(status["sensors"]) > 1:
        said += [("sensor", sensor(status, each)) for each in status["sensors"]]
    presses = [
        _count(button["double_presses"], "double press", "double presses"),
        _count(button["holds"], "hold", "holds"),
        _count(button["pulses_ignored"], "other pulse", "other pulses"),
    ]
    said.append(("button", f"{'watched' if button['watching'] else 'not watched'}; {', '.join(presses)}"))
    case = ["simulated"] if status["simulated"] else []
    if status["firmware_id"] is not None:
        case.append(f"firmware 0x{int(status['firmware_id']):02x}")
    if status["bus_errors"]:
        case.append(_count(status["bus_errors"], "bus error", "bus errors") + " since the start")
    if case:
        said.append(("case", ", ".join(case)))
    if status["uptime_s"] is not None:
        said.append(("uptime", format_span(status["uptime_s"])))
    found = [(f"{title:12} {text}", 15 if text.startswith(("- ", "  ")) else 13) for title, text in said]
    if columns is None or max(len(line) for line, _indent in found) <= columns:
        return "\n".join(line for line, _indent in found)
    from a1d.client.columns import wrap

    return "\n".join(part for line, indent in found for part in wrap(line, columns, indent))


def one_line(status: Reply, colour: bool) -> str:
    """What matters of it, in a line."""
    in_force = f", profile {profile(status)}" if status["profile"] else ""
    wanted, confirmed = status["duty_percent"], status["duty_confirmed_percent"]
    case = "" if confirmed in (None, wanted) else f" (case {confirmed} %)"
    return (
        f"{_headline(status)}  fan {percent(wanted)}{case}  {mode(status)}{in_force}  "
        f"{health(status, colour)}  {problems(status) or printable(status['reason'])}"
    )


def sensor(status: Reply, of: Reply) -> str:
    """One of its sensors: its temperature, or how long ago it had one."""
    name, temp_celsius, age_s, error = (of[key] for key in ("name", "temp_celsius", "age_s", "error"))
    if not error:
        return printable(f"{name}: {celsius(temp_celsius)}")
    is_lost = any(text.startswith(f"sensor {name}: ") for text in status["health"]["problems"])
    state = "lost" if is_lost else "not read"
    if temp_celsius is None:
        return printable(f"{name}: {state}, no temperature yet" if is_lost else f"{name}: {state}: {error}")
    ago = "" if age_s is None else f" {format_span(age_s)} ago"
    return printable(f"{name}: {state}, last {celsius(temp_celsius)}{ago}")


def mode(status: Reply) -> str:
    """``automatic``, or ``manual`` with the duty and for how long."""
    if status["mode"] != "manual":
        return "automatic"
    left_s = status["manual_remaining_s"]
    left = None if left_s is None else f"another {format_span(left_s)}"
    ends = how_long(left, status["manual_until_celsius"])
    beaten = ", not in force" if (status["duty_percent"] or 0) > (status["manual_percent"] or 0) else ""
    return f"manual, {percent(status['manual_percent'])} {ends}{beaten}"


def how_long(time: str | None, until_celsius: float | None) -> str:
    """What ends a duty set by hand: ``time`` in words, a temperature, or either."""
    waits = [] if until_celsius is None else [f"until {until_celsius:g} C"]
    waits += [] if time is None else [f"for {time}"]
    return " or ".join(waits) or "until 'a1d-ctl fan auto'"


def profile(status: Reply) -> str:
    """Its name and its end; the status must have one."""
    name, by_hand, until, left_s = (status["profile"][key] for key in ("name", "by_hand", "until", "remaining_s"))
    if left_s is not None:
        end = f" for another {format_span(left_s)}"
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


def _headline(status: Reply) -> str:
    """The highest temperature and whose it is; without one, what is known of the only sensor."""
    highest = status["temp_celsius"]
    if highest is None:
        return sensor(status, status["sensors"][0]) if len(status["sensors"]) == 1 else "unknown"
    names = [each["name"] for each in status["sensors"] if each["temp_celsius"] == highest and not each["error"]]
    return printable(f"{celsius(highest)} ({names[0]})") if names else celsius(highest)


def _fan(status: Reply) -> str:
    wanted, confirmed = status["duty_percent"], status["duty_confirmed_percent"]
    if confirmed is None:
        return f"{percent(wanted)}, not confirmed by the case"
    if confirmed == wanted:
        return percent(wanted)
    starts = " (it starts the fan at full speed for half a second)" if confirmed == 0 else ""
    return f"{percent(wanted)} wanted, {confirmed} % confirmed by the case{starts}"


def _count(number: float, one: str, several: str) -> str:
    return f"{number} {one if number == 1 else several}"
