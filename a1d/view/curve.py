"""``a1d-ctl curve``: every curve drawn, with its points and what the fan does now."""

from __future__ import annotations

import os
import sys

from a1d.client import output, words
from a1d.client.columns import wrap
from a1d.view.ansi import Painter
from a1d.view.curves import CURVES_MAX, Curve
from a1d.view.panels import curve_chart
from a1d.view.terminal import speaks_unicode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from a1d.view.text import Line

_ROWS = 12
_COLUMNS_MAX = 100


def picture(found: list[dict[str, Any]], status: dict[str, Any]) -> str:
    """What ``curves.checked`` gave, as SVG."""
    from a1d.view.curve_svg import curve_svg

    curves = [Curve(each) for each in found[:CURVES_MAX]]
    return curve_svg(curves, points_now(curves, status))


def curve(found: list[dict[str, Any]], status: dict[str, Any]) -> str:
    """What ``curves.checked`` gave, as text."""
    curves = [Curve(each) for each in found[:CURVES_MAX]]
    columns = min(_COLUMNS_MAX, output.columns(sys.stdout) or 79)
    unicode = speaks_unicode(os.environ)
    lines: list[Line] = []
    for each, now in zip(curves, points_now(curves, status), strict=True):
        lines += describe(each, now, columns, unicode)
    colour = output.wants_colour(sys.stdout)
    return "\n".join(Painter(colour).text(line).rstrip() if colour else _plain(line) for line in lines)


def points_now(curves: list[Curve], status: dict[str, Any]) -> list[tuple[float, float] | None]:
    """For each curve (temp_celsius, duty_percent) of now; None where one of them is not known."""
    temps = {sensor["name"]: sensor["temp_celsius"] for sensor in status["sensors"] if not sensor.get("error")}
    duty = status["duty_percent"]
    found = [temps.get(curve.sensor) for curve in curves]
    return [None if temp is None or duty is None else (temp, duty) for temp in found]


def describe(curve: Curve, now: tuple[float, float] | None, columns: int, unicode: bool) -> list[Line]:
    """One curve as lines of at most ``columns``."""
    target = curve.target_celsius
    points = ", ".join(f"{temp:g} C {duty:g} %" for temp, duty in curve.points)
    points = points if target is None else f"held at {target:g} C, whatever duty that takes"
    head = f"{words.printable(curve.sensor[:40])}: {points}; 100 % from {curve.critical_celsius:g} C on"
    here = "the fan's duty is not known"
    if now is not None:
        asked = "" if target is not None else f"the curve asks for {curve.duty_percent(now[0]):.0f} %, "
        here = f"now {words.celsius(now[0])}: {asked}the fan is to run at {now[1]:g} %"
    mark = "\u25cf" if unicode else "O"
    lines: list[Line] = [[("title", part)] for part in wrap(head if unicode else _ascii(head), columns, 2)]
    lines += curve_chart(curve, now, columns, _ROWS, unicode)
    first, *more = wrap(here, columns - 4, 0)
    return [
        *lines,
        [("point", f"  {mark} " if now else "    "), ("", first)],
        *([("", f"    {part}")] for part in more),
    ]


def _plain(line: Line) -> str:
    return "".join(text for _style, text in line).rstrip()


def _ascii(text: str) -> str:
    return text.encode("ascii", "backslashreplace").decode("ascii")
