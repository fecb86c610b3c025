"""What a key asks of the daemon, and what its answer is in words. Pure."""

from __future__ import annotations

from a1d.client import words
from a1d.client.errors import RefusedError
from a1d.view.pages import fault_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from a1d.view.model import Model

    Reply = dict[str, Any]

_STEP_PERCENT = 5
_LOAD_STEP_WATTS = 1.0
_LOAD_MAX_WATTS = 20.0
CONTROL, SIMULATION = "org.a1d.control.", "org.a1d.simulation."


class Request:
    """A call to be made; ``said`` is what stands on the screen once it was answered."""

    def __init__(self, method: str, said: str = "", **parameters: object) -> None:
        self.method = method
        self.said = said
        self.parameters = parameters


class Steering:
    """``press`` a key, hand the answer to ``answered``."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._asked_percent: int | None = None  # by hand, and not answered yet
        self._raised_to_percent = 0  # what a1d made of a duty too low to turn the fan

    def press(self, key: str) -> Request | None:
        """What to ask of the daemon, if anything; some keys only turn the page."""
        model = self._model
        if model.page != "main":
            fault = fault_of(key) if model.page == "faults" else None
            if fault is None:
                model.page = "main"
                return None
            on = not (model.case and fault in model.case["faults"])
            return Request(f"{SIMULATION}SetFault", f"{fault}: {'on' if on else 'off'}", fault=fault, on=on)
        if key == "?":
            model.page = "help"
        if model.gone or not model.status:
            return None
        if key in ("+", "-"):
            return self._set_fan(1 if key == "+" else -1)
        if key == "a":
            self._asked_percent = None
            return Request(f"{CONTROL}ResumeAutomatic", "automatic control again")
        return self._play(key) if model.status["simulated"] else None

    def answered(self, request: Request, reply: Reply) -> str:
        """The answer in words. ValueError if it makes no sense."""
        if request.method != f"{CONTROL}SetFan":
            return request.said
        held = words.check(reply.get("duty_percent"), words.PERCENT, "duty_percent")
        asked = int(str(request.parameters["duty_percent"]))
        if self._asked_percent == asked:
            self._asked_percent = None
        if held > asked:
            self._raised_to_percent = held
        status = self._model.status
        if status is not None:  # until the next one comes
            status |= {
                "mode": "manual",
                "manual_percent": held,
                "manual_remaining_s": None,
                "manual_until_celsius": None,
            }
        if reply.get("overridden") is not None:
            why = words.check(reply["overridden"], str, "overridden")
            return f"{asked} % is set by hand, but not in force: {why[:200]}"
        raised = f", raised from {asked} %: below that it may stand still" if held != asked else ""
        return f"the fan is held at {held} %{raised}"

    def refused(self, error: RefusedError) -> str:
        """Why it was not done."""
        self._asked_percent = None
        if error.error.endswith(".PermissionDenied"):
            return "only root and the group a1d may steer: sudo a1d-ctl top"
        return f"refused: {str(error)[:200]}"

    def _set_fan(self, direction: int) -> Request | None:
        status = self._model.status
        assert status is not None
        by_hand = status["mode"] == "manual"
        now = status["manual_percent"] if by_hand else status["duty_percent"]
        if self._asked_percent is not None:
            now = self._asked_percent  # a key pressed again does not wait for an answer
        if now is None:
            return None
        # To the next multiple of the step, so that 34 goes to 35 or 30.
        steps = int(now) // _STEP_PERCENT + 1 if direction > 0 else -(-int(now) // _STEP_PERCENT) - 1
        to = max(0, min(100, steps * _STEP_PERCENT))
        if 0 < to < (lowest := self._lowest_percent()):
            to = lowest if direction > 0 else 0
        self._asked_percent = to
        return Request(f"{CONTROL}SetFan", duty_percent=to, for_s=None, until_celsius=None)

    def _lowest_percent(self) -> int:
        """The lowest duty that turns the fan; a daemon of an earlier version tells it only by what it raises."""
        told = [curve.duty_min_percent for curve in self._model.curves if curve.duty_min_percent is not None]
        return told[0] if told else self._raised_to_percent

    def _play(self, key: str) -> Request | None:
        case = self._model.case
        if key == "f":
            self._model.page = "faults"
        elif key == "d":
            return Request(f"{SIMULATION}Press", "pressed twice", gesture="double_press")
        elif key == "h":
            return Request(f"{SIMULATION}Press", "held: the case will cut its power", gesture="hold")
        elif key == "l":
            return Request(f"{SIMULATION}SetLoad", "load: hot and cool in turns", watts=None)
        elif key in ("<", ">") and case:
            watts = round(case["watts"]) + (_LOAD_STEP_WATTS if key == ">" else -_LOAD_STEP_WATTS)
            watts = max(0.0, min(_LOAD_MAX_WATTS, watts))
            case["watts"] = watts  # a key pressed again does not wait for the next answer
            return Request(f"{SIMULATION}SetLoad", f"load: {watts:.0f} W", watts=watts)
        elif key == "o":
            return Request(f"{SIMULATION}PowerOn", "the case is powered on again")
        return None
