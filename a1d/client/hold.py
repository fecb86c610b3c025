"""Says whether a duty that was set by hand is what the fan got: only what the case has confirmed is called held."""

from __future__ import annotations

from time import monotonic, sleep

from a1d.client import words
from a1d.duration import format_duration, format_span

# Written, verified 0.6 s later, and once more if that went wrong.
_CONFIRM_MAX_S = 3.0
_POLL_S = 0.1

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Reply = dict[str, Any]


def set_duty(
    asked_percent: int,
    for_s: float | None,
    until_celsius: float | None,
    set_fan: Callable[..., Reply],
    get_status: Callable[[], Reply],
) -> tuple[str, bool]:
    """Set a duty of 0..100 % and say in words what came of it; and whether it is in force.

    Waits for the case's word for at most 3 s, and not at all for a case that gives none. Raises what the two calls do.
    """
    before = get_status()
    # A case that has once told its firmware can confirm, though just now it may have confirmed nothing.
    can_confirm = before["duty_confirmed_percent"] is not None or before["firmware_id"] is not None
    reply = set_fan(duty_percent=asked_percent, for_s=for_s, until_celsius=until_celsius)
    held = words.check(reply.get("duty_percent"), words.PERCENT, "duty_percent")
    time = None if for_s is None else format_duration(for_s) if for_s % 1 else format_span(for_s)
    ends = words.how_long(time, until_celsius)
    why = reply.get("overridden")
    if why is None and can_confirm:
        why = _wait(held, get_status)
    if why is not None:
        why = words.printable(words.check(why, str, "overridden"))
        return f"{asked_percent} % is set by hand {ends}, but not in force yet: {why}", False
    raised = f" (raised from {asked_percent} %: below that it may stand still)" if held != asked_percent else ""
    return f"the fan is held at {held} % {ends}{raised}", True


def _wait(held: int, get_status: Callable[[], Reply]) -> str | None:
    """Until the case has confirmed the duty; what is wrong if it does not, None if it does."""
    end_s = monotonic() + _CONFIRM_MAX_S
    while True:
        status = get_status()
        if status["duty_confirmed_percent"] == status["duty_percent"] == held:
            return None
        found = [text for text in status["health"]["problems"] if text.startswith("fan: ")]
        if found:
            return " ".join(found[0].removeprefix("fan: ").split())
        if monotonic() >= end_s:
            wanted = words.percent(status["duty_percent"])
            return f"the case has not confirmed it; a1d wants {wanted}: {status['reason']}"
        sleep(_POLL_S)
