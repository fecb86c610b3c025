"""The parts of the frame below the numbers: two histories, the curve, the sensors. Pure."""

from __future__ import annotations

from a1d.client import words
from a1d.duration import format_duration, format_span
from a1d.view import chart
from a1d.view.history import column_s
from a1d.view.text import fit, line_width

TYPE_CHECKING = False
if TYPE_CHECKING:
    from a1d.view.curves import Curve
    from a1d.view.model import Model
    from a1d.view.text import Line, Span

_SENSORS_MAX = 64
_NEAR_CRITICAL_CELSIUS = 10.0


def heading(text: str, columns: int, unicode: bool) -> Line:
    """A title with a rule after it."""
    rule = "\u2500" if unicode else "-"
    line = fit([("dim", rule), ("title", f" {text} ")], columns, unicode=unicode)
    while line and not line[-1][1].strip():
        line.pop()
    return [*line, ("dim", rule * (columns - line_width(line)))]


def temperature(model: Model, columns: int, rows: int, now_s: float, unicode: bool) -> list[Line]:
    """The history of the temperature."""
    values = model.history.temps_celsius(now_s, max(1, columns - chart.LABEL_WIDTH))
    low, high = chart.temperature_range(values)
    curve = model.curve_for(None)
    critical = curve.critical_celsius if curve else 80.0

    def style(value: float) -> str:
        return "bad" if value >= critical else "warn" if value >= critical - _NEAR_CRITICAL_CELSIUS else "temp"

    styles = ["" if value is None else style(value) for value in values]
    title = _title("temperature C", columns, len(values))
    return _chart(title, (values, styles), (low, high), (columns, rows), unicode)


def duty(model: Model, columns: int, rows: int, now_s: float, unicode: bool) -> list[Line]:
    """The history of the duty."""
    values = model.history.duties_percent(now_s, max(1, columns - chart.LABEL_WIDTH))
    title = _title("fan %", columns, len(values))
    return _chart(title, (values, ["duty"] * len(values)), (0.0, 100.0), (columns, rows), unicode)


def curve(model: Model, columns: int, rows: int, _now_s: float, unicode: bool) -> list[Line]:
    """The curve of the hottest sensor, or the target that is held, with the present operating point on it."""
    hottest = model.hottest()
    chosen = model.curve_for(hottest["name"] if hottest else None)
    if chosen is None:
        return [heading("curve", columns, unicode), *[fit([], columns)] * (rows - 1)]
    name = words.printable(chosen.sensor[:40])
    point = None
    if hottest and hottest["name"] == chosen.sensor and model.status and model.status["duty_percent"] is not None:
        point = (hottest["temp_celsius"], model.status["duty_percent"])
    target = chosen.target_celsius
    title = f"curve of {name}" if target is None else f"{name} is held at {target:g} C"
    return [heading(title, columns, unicode), *curve_chart(chosen, point, columns, rows - 1, unicode)]


def curve_chart(curve: Curve, point: tuple[float, float] | None, columns: int, rows: int, unicode: bool) -> list[Line]:
    """The curve in ``rows`` lines, the last of them its degrees; ``point`` is (temp_celsius, duty_percent).

    Where a target is held, an upright line at the target, and 100 % from critical on.
    """
    across, up = max(1, columns - chart.LABEL_WIDTH), rows - 1
    low, high = curve.range_celsius()
    step = (high - low) / across
    values = [curve.duty_percent(low + (column + 0.5) * step) for column in range(across)]
    target = curve.target_celsius
    if target is not None:
        values = [100.0 if low + (column + 0.5) * step >= curve.critical_celsius else 0.0 for column in range(across)]
    drawn = chart.area([value or None for value in values], max(0, up), 0, 100, unicode=unicode)
    if target is not None and 0 <= (at := int((target - low) / step)) < across:
        upright = "\u2502" if unicode else "|"
        drawn = [f"{text[:at]}{upright}{text[at + 1 :]}" for text in drawn]
    lines: list[Line] = []
    for row, text in enumerate(drawn):
        line: Line = [("dim", chart.label(row, up, 0, 100)), ("curve", text)]
        if point and row == chart.row_of(point[1], up, 0, 100):
            column = max(0, min(across - 1, int((point[0] - low) / step)))
            mark = "\u25cf" if unicode else "O"
            line = [line[0], ("curve", text[:column]), ("point", mark), ("curve", text[column + 1 :])]
        lines.append(fit(line, columns, unicode=unicode))
    axis = [" "] * across
    for degrees in range(int(low), int(high) + 1, 10 if across >= 30 else 20):
        column = min(int((degrees - low) / step), across - 3)
        if column >= 0:
            axis[column : column + len(str(degrees))] = str(degrees)
    unit = f"{'C':>{chart.LABEL_WIDTH - 1}} "
    return [*lines, fit([("dim", unit + "".join(axis))], columns, unicode=unicode)][:rows]


def sensors(model: Model, columns: int, rows: int, _now_s: float, unicode: bool) -> list[Line]:
    """The sensors, then what else there is to know."""
    lines: list[Line] = [heading("sensors", columns, unicode)]
    status = model.status
    if status and not model.gone:
        found = status["sensors"][:_SENSORS_MAX]
        name_width = min(16, max((len(sensor["name"]) for sensor in found), default=0))
        lines += [[("", " "), *_sensor(sensor, name_width)] for sensor in found]
        button = status["button"]
        watched = "" if button["watching"] else "not watched, "
        presses = f"{watched}{button['double_presses']} double, {button['holds']} held"
        lines += [[("dim", " button "), ("" if button["watching"] else "warn", presses)]]
        if status["bus_errors"]:
            lines += [[("dim", " bus errors "), ("", str(status["bus_errors"]))]]
    return [fit(line, columns, unicode=unicode) for line in [*lines, *[[]] * rows][:rows]]


def _sensor(sensor: dict[str, object], name_width: int) -> list[Span]:
    name = words.printable(str(sensor["name"])[:40])
    temp, age_s = sensor["temp_celsius"], sensor["age_s"]
    assert temp is None or isinstance(temp, (int, float))
    if not sensor["error"]:
        return [("dim", f"{name:{name_width}} "), ("", words.celsius(temp))]
    last = "" if temp is None else f", last {words.celsius(temp)}"
    if last and isinstance(age_s, (int, float)):
        last += f" {format_span(age_s)} ago"
    return [("dim", f"{name:{name_width}} "), ("bad", f"lost{last}")]


def _chart(
    title: str,
    values_styles: tuple[list[float | None], list[str]],
    low_high: tuple[float, float],
    size: tuple[int, int],
    unicode: bool,
) -> list[Line]:
    columns, rows = size
    values, styles = values_styles
    up = rows - 1
    lines: list[Line] = [heading(title, columns, unicode)]
    for row, text in enumerate(chart.area(values, up, *low_high, unicode=unicode)):
        line: Line = [("dim", chart.label(row, up, *low_high))]
        for style, char in zip(styles, text, strict=True):
            if line[-1][0] == style and len(line) > 1:
                line[-1] = (style, line[-1][1] + char)
            else:
                line.append((style, char))
        lines.append(fit(line, columns, unicode=unicode))
    return lines[:rows]


def _title(what: str, columns: int, values: int) -> str:
    window = f"{what}, last {format_duration(values * column_s(values))}"
    return window if columns >= len(window) + 4 else what
