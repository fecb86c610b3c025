"""Take a device off the broker: whatever is retained of it there, whether the daemon and a1d-mqtt run or not."""

from __future__ import annotations

import time
from collections.abc import Iterable

from a1d.config.printable import printable
from a1d.mqtt.bridge import Message
from a1d.mqtt.broker import Broker, BrokerError
from a1d.mqtt.settings import MqttConfig
from a1d.mqtt.topics import Topics

_MAX_S = 15.0
_QUIET_S = 0.5  # without a retained message: there are no more
_ROUNDS = 3  # the last one finds nothing, if all could be cleared
_TOPICS_MAX = 1000  # in a round
_TOPIC_MAX = 1024  # characters


class _Retained:
    """Listens to what the broker has retained; ``topics`` holds those of this device."""

    def __init__(self, ours: Topics) -> None:
        self._ours = ours
        self.topics: set[str] = set()
        self.heard_s = time.monotonic()

    def hear(self, topic: str, payload: bytes, retained: bool) -> None:
        if not retained or not payload:  # somebody publishes right now, perhaps ourselves
            return
        self.heard_s = time.monotonic()
        is_ours = topic == self._ours.discovery or topic.startswith(f"{self._ours.root}/")
        if is_ours and len(topic) <= _TOPIC_MAX and len(self.topics) < _TOPICS_MAX and not {"+", "#"} & set(topic):
            self.topics.add(topic)

    def is_quiet(self) -> bool:
        return time.monotonic() >= self.heard_s + _QUIET_S


def forget(settings: MqttConfig, topics: Topics, device_id: str) -> tuple[str, int]:
    """Clear every retained topic of the device; Home Assistant then removes it. Where the broker is, and how many.

    BrokerError if the broker cannot be reached, takes longer than 15 s, or keeps some of them.
    """
    retained = _Retained(topics)
    broker = Broker(settings, topics, device_id, retained.hear, suffix="-forget")
    deadline_s = time.monotonic() + _MAX_S
    cleared: set[str] = set()
    broker.connect()
    broker.talk(lambda: broker.is_connected, deadline_s)
    for _ in range(_ROUNDS):
        retained.topics.clear()
        broker.subscribe((topics.discovery, f"{topics.root}/#"))
        # Those that can be named, even if the user may not read them. Acknowledged, so the subscription is in force.
        _clear(broker, topics.always_retained, deadline_s)
        retained.heard_s = time.monotonic()
        broker.talk(retained.is_quiet, deadline_s)
        if not retained.topics:
            broker.leave()
            return broker.where, len(cleared)
        _clear(broker, sorted(retained.topics), deadline_s)
        cleared |= retained.topics
    some = ", ".join(printable(topic) for topic in sorted(retained.topics)[:3])
    raise BrokerError(
        f"the broker at {broker.where} still has {len(retained.topics)} retained topics, such as {some}: stop a1d-mqtt"
        " first, and see that its user may publish there"
    )


def _clear(broker: Broker, topics: Iterable[str], deadline_s: float) -> None:
    for topic in topics:
        broker.publish(Message(topic, ""), sure=True)
    broker.talk(broker.is_settled, deadline_s)
