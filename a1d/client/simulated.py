"""``a1d-ctl sim``: play with the simulated case, and say what is now so."""

from __future__ import annotations

import json

from a1d.client import words
from a1d.client.faults import FAULTS

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable
    from typing import Any

    Call = Callable[..., dict[str, Any]]

_SHAPE = {"faults": [str], "watts": (0, 1000)}
_RESET = "reset-mcu"  # happens once, and is over then


def play(options: argparse.Namespace, call: Call) -> str:
    """What ``options`` ask for, done by ``call(method, **parameters)``. ValueError for an answer without sense."""
    return _RUN[options.run](options, call)


def _press(options: argparse.Namespace, call: Call) -> str:
    if options.gesture == "hold":
        call("Press", gesture="hold")
        return "the button was held: the simulated case cuts its power in some seconds, until 'a1d-ctl sim power-on'"
    call("Press", gesture="double_press")
    return "the button was pressed twice: 'a1d-ctl status' counts it. Nothing reboots; a command of your own does run"


def _fault(options: argparse.Namespace, call: Call) -> str:
    if options.fault is None:
        on = [words.printable(name) for name in _case(call)["faults"]]
        return f"the faults: {', '.join(FAULTS)}; on: {', '.join(on) or 'none'}"
    call("SetFault", fault=options.fault, on=options.state == "on")
    if options.fault == _RESET:
        return "the case's controller was reset" if options.state == "on" else "a reset is over at once"
    faults = [words.printable(name) for name in _case(call)["faults"]]
    if not faults:
        return "no fault is on"
    others = f", beside {', '.join(name for name in faults if name != options.fault)}" if len(faults) > 1 else ""
    if options.state == "on":
        return f"the fault {options.fault} is on{others}; 'a1d-ctl sim fault {options.fault} off' ends it"
    return f"the fault {options.fault} is off; still on: {', '.join(faults)}"


def _load(options: argparse.Namespace, call: Call) -> str:
    call("SetLoad", watts=options.watts)
    if options.watts is None:
        return f"the chip gets much and little heat in turns, {_case(call)['watts']:g} W just now"
    return f"the chip gets {options.watts:g} W of heat, until 'a1d-ctl sim load auto'"


def _power_on(_options: argparse.Namespace, call: Call) -> str:
    call("PowerOn")
    return "the simulated case is switched on"


def _show(_options: argparse.Namespace, call: Call) -> str:
    case = {name: round(value, 1) if isinstance(value, float) else value for name, value in call("GetCase").items()}
    return json.dumps(case, allow_nan=False, indent=2)


def _case(call: Call) -> dict[str, Any]:
    case: dict[str, Any] = words.check(call("GetCase"), _SHAPE, "case")
    return case


_RUN: dict[str, Callable[[argparse.Namespace, Call], str]] = {
    "sim_press": _press,
    "sim_fault": _fault,
    "sim_load": _load,
    "sim_power_on": _power_on,
    "sim_show": _show,
}
