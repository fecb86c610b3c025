"""The pages that cover the frame: help, and the simulated case's faults. Pure."""

from __future__ import annotations

from a1d.client.faults import FAULTS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from a1d.view.model import Model
    from a1d.view.text import Line

_KEYS = (
    ("q", "quit"),
    ("+ -", "fan faster, slower, by hand"),
    ("a", "automatic control again"),
    ("?", "this page; any key goes back"),
)
_SIMULATION_KEYS = (
    ("d h", "press the button: double, hold"),
    ("< > l", "load down, up, automatic"),
    ("f", "faults on and off"),
    ("o", "power on, after a power cut"),
)


def page_of(model: Model, rows: int) -> list[Line]:
    """The lines of ``model.page``."""
    return _faults(model, rows) if model.page == "faults" else _help(model, rows)


def fault_of(key: str) -> str | None:
    """The fault that a key of the page stands for."""
    index = ord(key) - ord("a") if len(key) == 1 else -1
    return FAULTS[index] if 0 <= index < len(FAULTS) else None


def _help(model: Model, rows: int) -> list[Line]:
    simulated = model.status and model.status["simulated"]
    keys = _KEYS + (_SIMULATION_KEYS if simulated else ())
    lines: list[Line] = [[("number", f" {key:6}"), ("", text)] for key, text in keys]
    if rows > len(keys) + 4:
        lines = [[("title", " Keys")], [], *lines, [], [("dim", " A duty set by hand stays until 'a'.")]]
        lines += [[("dim", " A critical temperature beats it.")]]
    return lines


def _faults(model: Model, rows: int) -> list[Line]:
    on = set(model.case["faults"]) if model.case else set()
    entries: list[Line] = []
    for index, name in enumerate(FAULTS):
        is_on = name in on
        key = f" {chr(ord('a') + index)}{'*' if is_on else ' '}"
        entries.append([("number", key), ("bad" if is_on else "", f"{name:16}")])
    half = (len(entries) + 1) // 2
    columns = zip(entries[:half], entries[half:], strict=True)
    lines: list[Line] = [[("title", " Faults (* on): a-l switch, space: back")], *([*a, *b] for a, b in columns)]
    return [lines[0], [], *lines[1:]] if rows > len(lines) + 1 else lines
