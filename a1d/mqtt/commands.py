"""From the broker to the daemon: which calls to make. Pure. What comes in is not trusted.

Only the latest command of each topic counts, and they are carried out at most every ``INTERVAL_S``: a flood of
them is as good as its end. Retained ones are ignored: somebody's wish of last week is not one of now.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from a1d.config.printable import printable
from a1d.mqtt.states import Status, is_set_off, profiles_of
from a1d.mqtt.topics import AUTO, Topics

INTERVAL_S = 0.25
_PAYLOAD_MAX = 64  # bytes
_PERCENT = re.compile(r"\d{1,3}", re.ASCII)


class Call(NamedTuple):
    """A method of org.a1d.control and its parameters."""

    method: str
    parameters: dict[str, Any] = {}  # noqa: RUF012 - a tuple's default, changed by nobody


class Commands:
    """``receive`` whatever comes, ``take`` what is to be done."""

    def __init__(self, topics: Topics, lease_s: float) -> None:
        """``lease_s``: how long a percentage lasts, if nobody puts its end off."""
        self._topics = topics
        self._lease_s = lease_s
        self._pending: dict[str, str] = {}
        self._free_s = float("-inf")

    def receive(self, topic: str, payload: bytes, *, retained: bool) -> str | None:
        """Remember a command. Returns why it was ignored, None if it was not."""
        shown = f"{printable(topic)}: {payload[:60].decode('utf-8', 'replace')!r}"
        if topic not in self._topics.commands:
            return f"nobody asked for {shown}"
        if retained:
            return f"a retained command is ignored, since nobody knows when it was given: {shown}"
        text = payload.decode("utf-8", "replace") if len(payload) <= _PAYLOAD_MAX else ""
        if not self._makes_sense(topic, text):
            return f"a command makes no sense: {shown}"
        self._pending.pop(topic, None)  # the latest goes last
        self._pending[topic] = text
        return None

    def forget(self) -> bool:
        """The broker or the daemon is gone: what is not carried out by now never will be. Whether that is anything."""
        is_any = bool(self._pending)
        self._pending.clear()
        return is_any

    def wake_s(self) -> float:
        """When ``take`` will have something; infinity if it has nothing to give."""
        return self._free_s if self._pending else float("inf")

    def take(self, status: Status, now_s: float) -> list[Call]:
        """The calls for what has come since the last time; none before it is time."""
        if now_s < self.wake_s():
            return []
        self._free_s = now_s + INTERVAL_S
        pending, self._pending = self._pending, {}
        off = is_set_off(status)
        calls: list[Call] = []
        for topic, text in pending.items():
            new = self._calls(topic, text, status, off=off)
            if new:
                off = new[-1] == set_fan(0, self._lease_s)
            calls += new
        return calls

    def _makes_sense(self, topic: str, text: str) -> bool:
        if topic == self._topics.set_fan:
            return text in ("ON", "OFF")
        if topic == self._topics.set_percentage:
            return _PERCENT.fullmatch(text) is not None and int(text) <= 100
        if topic == self._topics.resume:
            return text == "PRESS"
        return bool(text) and text.isprintable()

    def _calls(self, topic: str, text: str, status: Status, *, off: bool) -> list[Call]:
        resume = Call("ResumeAutomatic")
        if topic == self._topics.set_percentage:
            return [set_fan(int(text), self._lease_s)]
        if topic == self._topics.resume:
            return [resume]
        if topic == self._topics.set_fan:
            # Home Assistant says ON before each percentage, too: that alone must not end what is set by hand.
            return [set_fan(0, self._lease_s)] if text == "OFF" else [resume] if off else []
        if text == AUTO:
            return [Call("ResumeProfiles"), resume]
        if text in profiles_of(status):
            return [Call("SetProfile", {"name": text, "for_s": None}), resume]
        return []


def set_fan(percent: int, lease_s: float) -> Call:
    """Hold 0 to 100 % for that time."""
    return Call("SetFan", {"duty_percent": percent, "for_s": lease_s, "until_celsius": None})
