"""The whole picture: what is known and a size in, that many lines of that many columns out. Pure."""

from __future__ import annotations

from a1d.client import words
from a1d.duration import format_span
from a1d.view import panels
from a1d.view.model import STALE_S
from a1d.view.pages import page_of
from a1d.view.text import fit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from a1d.view.model import Model
    from a1d.view.text import Line

COLUMNS_MIN, ROWS_MIN = 40, 10
COLUMNS_MAX, ROWS_MAX = 500, 200  # a terminal may claim any size; the rest stays empty
_PROBLEM_MAX = 600  # characters of one; it is cut to the line anyway
_STATE_STYLE = {"ok": "ok", "degraded": "warn", "failsafe": "bad"}
KEYS = ("q quit", "+ - duty", "a automatic", "? help")
SIMULATION_KEYS = ("d double press", "h hold", "< > load", "l load auto", "f faults")


def frame(model: Model, columns: int, rows: int, now_s: float, *, time_text: str, unicode: bool) -> list[Line]:
    """``rows`` lines, each of exactly ``columns``. ``time_text`` is the time of day; ``unicode``: else ASCII only."""
    if columns < COLUMNS_MIN or rows < ROWS_MIN:
        text = f"a1d-ctl top needs {COLUMNS_MIN}x{ROWS_MIN}, this is {columns}x{rows}"
        pieces = [text[start : start + columns] for start in range(0, len(text), max(1, columns))]
        lines: list[Line] = [[("", piece)] for piece in pieces]
    elif model.page != "main":
        lines = page_of(model, rows)
    else:
        head = _head(model, columns, rows, now_s, time_text)
        foot = _foot(model, columns, rows, now_s, unicode)
        lines = [*head, *_body(model, columns, rows - len(head) - len(foot), now_s, unicode), *foot]
    if not unicode:
        lines = [[(style, text if text.isascii() else _ascii(text)) for style, text in line] for line in lines]
    return [fit(line, columns, unicode=unicode) for line in [*lines[:rows], *[[]] * (rows - len(lines))]]


def _head(model: Model, columns: int, rows: int, now_s: float, time_text: str) -> list[Line]:
    status = model.status
    what = " a1d" + (" on a simulated case" if status and status["simulated"] else "")
    uptime_s = status["uptime_s"] if status and not model.gone else None
    up = "" if uptime_s is None else f", up {format_span(uptime_s)}"
    if len(what) + len(up) + 2 + len(time_text) > columns:
        up = ""
    title: Line = [("title", what), ("dim", f"{up}  {time_text}")]
    lines = [title, []] if rows >= 20 else [title] if rows >= 14 else []
    if model.gone or status is None:
        since = f" for {format_span(now_s - model.gone_s)}" if status else ""
        why = [line for text in (model.gone or "").splitlines()[:3] for line in words.lines(text)]
        return [*lines, [("bad", f" NO DAEMON{since}"), ("", ", waiting for it")], *[[("", f" {x}")] for x in why]]
    lines.append(_numbers(model, status))
    if now_s - model.seen_s > STALE_S:
        lines.append([("bad", f" no news for {format_span(now_s - model.seen_s)}: the above is old")])
    because = words.printable(status["reason"][:_PROBLEM_MAX])
    lines.append([("dim", " because "), ("", because)])
    if status["profile"] and rows >= 12:
        lines.append([("dim", " profile "), ("", words.profile(status)[:_PROBLEM_MAX])])
    if model.case and (rows >= 12 or model.case["power_cut_s"] is not None):
        lines.append(_case(model.case))
    return [*lines, *_problems(status, max(1, rows // 6)), *([[]] if rows >= 20 else [])]


def _numbers(model: Model, status: dict[str, Any]) -> Line:
    """The numbers first: how warm, how fast, how well."""
    duty, confirmed = status["duty_percent"], status["duty_confirmed_percent"]
    hottest = model.hottest()
    name = f"{words.printable(hottest['name'][:20])} " if hottest and len(status["sensors"]) > 1 else ""
    differs = confirmed is not None and confirmed != duty
    unconfirmed = f" (case at {confirmed} %)" if differs else " (unconfirmed)" if confirmed is None else ""
    state = status["health"]["state"]
    return [
        ("dim", f" {name}"),
        ("number", words.celsius(status["temp_celsius"])),
        ("dim", "  fan "),
        ("number", words.percent(duty)),
        ("warn", unconfirmed),
        ("", "  "),
        (_STATE_STYLE.get(state, "warn"), words.printable(state[:20])),
        ("", f"  {words.mode(status)}"),
    ]


def _case(case: dict[str, Any]) -> Line:
    """The simulated case's own truth."""
    faults = words.printable(", ".join(case["faults"][:12])[:_PROBLEM_MAX])
    line: Line = [
        ("dim", " case    "),
        ("warn", f"{faults}; " if faults else ""),
        ("", f"{case['watts']:.1f} W in, chip {case['chip_celsius']:.1f} C, fan turns at {case['fan_percent']} %"),
    ]
    if (cut_s := case["power_cut_s"]) is not None:
        off = f"POWER IS CUT IN {cut_s:.0f} s" if cut_s > 0 else "POWER IS CUT, o: on again"
        line[-1] = ("bad", off)
    if case["powered"]:
        done = words.printable(", ".join(case["powered"][-3:])[:_PROBLEM_MAX])
        line.append(("dim", f", dry run of {done}"))
    return line


def _problems(status: dict[str, Any], lines_max: int) -> list[Line]:
    """The problems, then the warnings, as far as there is room; how many more there are."""
    health = status["health"]
    ages_s = health["ages_s"] or []
    found: list[tuple[str, str]] = []
    for index, text in enumerate(health["problems"][: lines_max + 1]):
        since = f" (for {format_span(ages_s[index])})" if index < len(ages_s) else ""
        found.append(("bad", f" ! {' '.join(words.lines(text[:_PROBLEM_MAX]))}{since}"))
    warnings = status["warnings"] or ()
    found += [("warn", f" - {' '.join(words.lines(text[:_PROBLEM_MAX]))}") for text in warnings[: lines_max + 1]]
    more = len(health["problems"]) + len(warnings) - lines_max
    if more <= 0:
        return [[span] for span in found]
    style, text = found[lines_max - 1]
    return [*[[span] for span in found[: lines_max - 1]], [("warn", f" (+{more})"), (style, text)]]


def _body(model: Model, columns: int, rows: int, now_s: float, unicode: bool) -> list[Line]:
    """Four panels, two by two; if there are few rows, as many as fit beside each other."""
    if rows < 3:
        return [[]] * rows
    if rows >= 9:
        upper = (rows + 1) // 2
        grid = [([panels.temperature, panels.curve], upper), ([panels.duty, panels.sensors], rows - upper)]
    else:
        across = [panels.temperature, panels.duty, panels.curve, panels.sensors]
        grid = [(across[: max(2, min(4, columns // 30))], rows)]
    lines: list[Line] = []
    for row, height in grid:
        each = (columns - len(row) + 1) // len(row)
        widths = [*[each] * (len(row) - 1), columns - (each + 1) * (len(row) - 1)]
        drawn = [panel(model, wide, height, now_s, unicode) for panel, wide in zip(row, widths, strict=True)]
        for parts in zip(*drawn, strict=True):
            line = list(parts[0])
            for part in parts[1:]:
                line += [("", " "), *part]
            lines.append(line)
    return lines


def _foot(model: Model, columns: int, rows: int, now_s: float, unicode: bool) -> list[Line]:
    lines: list[Line] = []
    if model.keeps_log and rows >= 16:
        count = min(8, rows // 8)
        newest = list(model.log)[-count:] or ["nothing yet"]
        lines = [panels.heading("log", columns, unicode), *([("", f" {words.printable(text)}")] for text in newest)]
    message = model.message(now_s)
    simulated = bool(model.status and model.status["simulated"])
    if message is not None:
        lines.append([("message", f" {words.printable(message)}")])
    elif simulated and columns >= 96:
        lines += _keys((*KEYS, *SIMULATION_KEYS), columns)
    elif simulated and rows >= 20:
        lines += [*_keys(KEYS, columns), *_keys(SIMULATION_KEYS, columns)]
    else:
        lines += _keys(KEYS, columns)
    return lines


def _keys(keys: Sequence[str], columns: int) -> list[Line]:
    """As many lines as they need."""
    lines = [""]
    for key in keys:
        if lines[-1] and len(lines[-1]) + 2 + len(key) >= columns:
            lines.append("")
        lines[-1] += f" {key}" if not lines[-1] else f"  {key}"
    return [[("dim", line)] for line in lines]


def _ascii(text: str) -> str:
    return text.encode("ascii", "backslashreplace").decode("ascii")
