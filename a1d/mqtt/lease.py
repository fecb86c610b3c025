"""A percentage that is set over MQTT lasts only while somebody is there who could take it back. Pure.

The daemon is given an end with each, which is put off while the broker and Home Assistant are there. So the fan goes
back to the curve whatever ends: they, the network, or a1d-mqtt itself.
"""

from __future__ import annotations

from collections.abc import Sequence

from a1d.mqtt.commands import Call, set_fan
from a1d.mqtt.states import Status

_RENEWALS = 10  # in the time of a lease
_TOLERANCE_S = 3.0  # between an end that was asked for and the one that the daemon tells; a call may take 2 s


class Lease:
    """``begin`` after each command. At ``due_s``, if somebody is there: ``postpone``, ``renewal`` and ``renewed``."""

    def __init__(self, length_s: float) -> None:
        self._length_s = length_s
        self._asked_percent = 0
        self._percent: int | None = None  # what the daemon makes of that; None: nothing that was set here
        self._ends_s = 0.0
        self.due_s = float("inf")

    def begin(self, calls: Sequence[Call], status: Status, now_s: float) -> None:
        """These calls have been made, and ``status`` is what came of them."""
        last = [call for call in calls if call.method in ("SetFan", "ResumeAutomatic")][-1:]
        if not last:
            return
        self._forget()
        if last[0].method == "SetFan" and status["mode"] == "manual":
            self._asked_percent = last[0].parameters["duty_percent"]
            self._percent = status["manual_percent"]
            self.renewed(now_s)
            self.postpone(now_s)

    def postpone(self, now_s: float) -> None:
        """Try to put the end off; whether that works or not, no sooner again than after a tenth of the time."""
        self.due_s = now_s + self._length_s / _RENEWALS

    def renewal(self, status: Status, now_s: float) -> Call | None:
        """The call that puts the end off. None, and never again, if what ``status`` tells is not what was set here."""
        left_s = status["manual_remaining_s"]
        is_ours = (
            self._percent is not None
            and (status["mode"], status["manual_percent"]) == ("manual", self._percent)
            and status["manual_until_celsius"] is None
            and left_s is not None
            and abs(now_s + left_s - self._ends_s) <= _TOLERANCE_S
        )
        if is_ours:
            return set_fan(self._asked_percent, self._length_s)
        self._forget()
        return None

    def renewed(self, now_s: float) -> None:
        """That call has been made."""
        self._ends_s = now_s + self._length_s

    def _forget(self) -> None:
        self._percent, self.due_s = None, float("inf")
