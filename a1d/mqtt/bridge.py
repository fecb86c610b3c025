"""From the daemon to the broker: what is to be published now. Pure: what has changed, and nothing else."""

from __future__ import annotations

import json
from typing import NamedTuple

from a1d.mqtt import states
from a1d.mqtt.states import OFFLINE, ONLINE, Status
from a1d.mqtt.topics import GESTURES, Device, Topics, document, slugs_of

_EVENTS_MAX = 8


class Message(NamedTuple):
    """What is to be published. All is retained but events: a press must not happen again to whoever comes later."""

    topic: str
    payload: str
    retain: bool = True


class Bridge:
    """Give it each status, ask it for messages whenever the broker can take some.

    Temperatures are sent at most every ``interval_s``, all else at once.
    """

    def __init__(self, topics: Topics, device: Device, *, steering: bool, interval_s: float) -> None:
        self.status: Status | None = None
        self._topics = topics
        self._device = device
        self._steering = steering
        self._interval_s = interval_s
        self._is_new = True  # whether there can be anything to publish
        self._published: dict[str, str] = {}
        self._temperatures_s = float("-inf")  # when they were published last
        self._presses: dict[str, int] | None = None
        self._events: list[str] = []
        self._slugs_ever: dict[str, None] = {}

    def take(self, status: Status) -> None:
        """A new status, checked."""
        button = status["button"]
        presses = {"double_press": button["double_presses"], "hold": button["holds"]}
        # After a new start the daemon counts from 0: then nothing is known to have been pressed.
        before = self._presses or presses
        pressed = [gesture for gesture in GESTURES if presses[gesture] > before[gesture]]
        self._events = [*self._events, *pressed][-_EVENTS_MAX:]
        self._presses = presses
        self.status = status
        self._is_new = True

    def daemon_gone(self) -> None:
        """There is no status any more: everything is unavailable."""
        self.status = self._presses = None
        self._is_new = True
        self._temperatures_s = float("-inf")

    def publish_all(self) -> None:
        """The broker, or Home Assistant, may know nothing of it all. What was pressed before is of no interest."""
        self._published.clear()
        self._events.clear()
        self._is_new = True
        self._temperatures_s = float("-inf")

    def publish_fan(self) -> None:
        """Somebody has steered: even if nothing came of it, it must be seen that nothing did."""
        for topic in (self._topics.fan_state, self._topics.fan_percentage, self._topics.fan_preset):
            self._published.pop(topic, None)
        self._is_new = True

    def messages(self, now_s: float) -> list[Message]:
        """What is to be published, in this order; it counts as published then. A temperature waits for a new status."""
        if not self._is_new:
            return []
        self._is_new = False
        if self.status is None:
            return self._changed({self._topics.availability: OFFLINE})
        return [
            *self._changed(self._wanted(self.status, now_s)),
            *(Message(self._topics.button, json.dumps({"event_type": each}), retain=False) for each in self._take()),
        ]

    def wake_s(self) -> float:
        """When a temperature may be sent again."""
        return self._temperatures_s + self._interval_s

    def _wanted(self, status: Status, now_s: float) -> dict[str, str]:
        topics = self._topics
        slugs = slugs_of(states.sensors_of(status))
        self._slugs_ever |= dict.fromkeys(slugs.values())
        made = document(
            topics,
            self._device,
            slugs,
            states.profiles_of(status),
            self._slugs_ever,
            steering=self._steering,
            simulated=status["simulated"],
        )
        wanted = {topics.discovery: json.dumps(made)}
        wanted |= states.fan(status, topics) | states.others(status, topics)
        temperatures = states.temperatures(status, topics)
        if now_s >= self.wake_s():
            wanted |= temperatures
            if any(self._published.get(topic) != text for topic, text in temperatures.items()):
                self._temperatures_s = now_s
        else:  # whether it is known at all does not wait
            wanted |= {
                topic: text
                for topic, text in temperatures.items()
                if (text == states.UNKNOWN) != (self._published.get(topic, states.UNKNOWN) == states.UNKNOWN)
            }
        # Last: when it is said to be available, its state is already there.
        return {**wanted, topics.availability: ONLINE}

    def _changed(self, wanted: dict[str, str]) -> list[Message]:
        changed = {topic: text for topic, text in wanted.items() if self._published.get(topic) != text}
        self._published |= changed
        return [Message(topic, text) for topic, text in changed.items()]

    def _take(self) -> list[str]:
        events, self._events = self._events, []
        return events
