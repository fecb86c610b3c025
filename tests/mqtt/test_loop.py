"""a1d-mqtt's loop with a broker and a daemon that do as they are told: who counts as there, and what a turn costs."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from a1d.client.errors import NoDaemonError, RefusedError
from a1d.log import Log
from a1d.mqtt import ignored
from a1d.mqtt import loop as under_test
from a1d.mqtt.bridge import Bridge, Message
from a1d.mqtt.broker import Broker, BrokerError
from a1d.mqtt.commands import Commands, set_fan
from a1d.mqtt.lease import Lease
from a1d.mqtt.loop import Loop
from tests.mqtt.broker import wait_until
from tests.mqtt.test_bridge import DEVICE, TOPICS, status

LENGTH_S = 1.0  # of a lease, so it is put off each 0.1 s
HOME_ASSISTANT = TOPICS.home_assistant[0]
HELD = status(mode="manual", manual_percent=60, manual_remaining_s=LENGTH_S, manual_until_celsius=None)


class StubBroker(Broker):
    """``hears`` gives it a message, ``lose`` ends the connection; it can be had again at once."""

    def __init__(self, take: Any) -> None:
        self.where, self.what, self.device_id = "nowhere:1883", "a1d/test", "test"
        self.is_connected = False
        self.connected_count = 0
        self._take = take
        self._inbox: list[tuple[str, bytes, bool] | None] = []  # None: the connection is lost
        self.ours, self.theirs = socket.socketpair()

    def hears(self, topic: str, payload: bytes, *, retained: bool = False) -> None:
        self._inbox.append((topic, payload, retained))
        self.theirs.send(b"x")
        wait_until("it is heard", lambda: not self._inbox)

    def lose(self) -> None:
        count = self.connected_count
        self._inbox.append(None)
        self.theirs.send(b"x")
        wait_until("it connects again", lambda: self.connected_count > count)

    def connect(self) -> None:
        self.is_connected = True
        self.connected_count += 1

    def socket(self) -> socket.socket | None:
        return self.ours if self.is_connected else None

    def wants_write(self) -> bool:
        return False

    def read(self) -> None:
        self.ours.recv(1)
        message = self._inbox[0]
        if message is not None:
            self._take(*message, TOPICS.home_assistant)
        self._inbox.clear()
        if message is None:
            self.is_connected = False
            raise BrokerError("the broker has gone away")

    def tend(self) -> None:
        pass

    def publish(self, message: Message, *, sure: bool = False) -> None:
        pass

    def is_settled(self) -> bool:
        return True

    def leave(self) -> None:
        pass


class StubMonitor:
    """Has a status at once, and then never again."""

    def __init__(self, *_: object) -> None:
        self._ours, self._theirs = socket.socketpair()
        self._theirs.send(b"x")

    def fileno(self) -> int:
        return self._ours.fileno()

    def check(self, now_s: float) -> None:
        pass

    def receive(self, _now_s: float) -> dict[str, Any]:
        self._ours.recv(1)
        return status()

    def close(self) -> None:
        self._ours.close()
        self._theirs.close()


class Trial:
    """A Loop that runs. ``set_count`` is how often SetFan was called; ``found`` is the daemon's status."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.set_count = self.turns = 0
        self.found = HELD
        self.refused = "nothing"  # a method
        self.lease = Lease(LENGTH_S)
        self.bridge = Bridge(TOPICS, DEVICE, steering=True, interval_s=10.0)
        loop = Loop("/nowhere", self.bridge, Commands(TOPICS, LENGTH_S), self.lease, Log(self.said.append, "a1d-mqtt"))
        self.broker = StubBroker(loop.on_message)
        self._ends, self._end = socket.socketpair()
        self._is_over = False
        self._thread = threading.Thread(target=loop.run, args=(self.broker, self._stopping, self._ends.fileno()))

    def start(self) -> None:
        self._thread.start()

    def answer(self, _path: str, method: str, *_: object, **__: object) -> dict[str, Any]:
        if method.endswith(f".{self.refused}"):
            raise RefusedError("org.a1d.control.Failed", {}, "not now")
        self.set_count += method.endswith(".SetFan")
        return {"status": self.found}

    def command(self) -> None:
        before = self.set_count
        self.broker.hears(TOPICS.set_percentage, b"60")
        wait_until("it is set", lambda: self.set_count > before)

    def wait_renewed(self) -> None:
        before = self.set_count
        wait_until("it is put off", lambda: self.set_count > before + 1)

    def is_renewed(self) -> bool:
        """Whether it is put off within five times of when it should be; one that was under way does not count."""
        time.sleep(0.15)
        before = self.set_count
        time.sleep(0.5)
        return self.set_count > before

    def _stopping(self) -> bool:
        self.turns += 1
        return self._is_over

    def close(self) -> None:
        self._is_over = True
        self._end.send(b"x")
        self._thread.join(10)
        assert not self._thread.is_alive()
        for each in (self._ends, self._end, self.broker.ours, self.broker.theirs):
            each.close()


@pytest.fixture
def trial(monkeypatch: pytest.MonkeyPatch) -> Iterator[Trial]:
    """A percentage has just been set over MQTT."""
    found = Trial()
    monkeypatch.setattr(under_test, "Monitor", StubMonitor)
    monkeypatch.setattr(under_test, "call", found.answer)
    found.start()
    wait_until("the daemon is heard", lambda: found.bridge.status is not None)
    found.command()
    yield found
    found.close()


def test_without_a_daemon_what_is_due_costs_no_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    found = Trial()
    found.lease.begin([set_fan(60, LENGTH_S)], HELD, time.monotonic() - 60)

    def nobody(*_: object) -> None:
        raise NoDaemonError("no daemon")

    monkeypatch.setattr(under_test, "Monitor", nobody)
    found.start()
    time.sleep(1)
    turns = found.turns
    found.close()
    assert turns < 10


def test_what_was_set_is_put_off_while_nobody_has_gone(trial: Trial) -> None:
    trial.wait_renewed()
    trial.broker.hears(HOME_ASSISTANT, b"offline")
    assert not trial.is_renewed()
    trial.broker.hears(HOME_ASSISTANT, b"online")
    trial.wait_renewed()


def test_whoever_commands_is_there(trial: Trial) -> None:
    trial.broker.hears(HOME_ASSISTANT, b"offline")
    assert not trial.is_renewed()
    trial.broker.hears(TOPICS.set_percentage, b"60", retained=True)
    trial.broker.hears(TOPICS.set_percentage, b"hot")
    assert not trial.is_renewed(), "neither is anybody's command"
    trial.command()
    trial.wait_renewed()


@pytest.mark.parametrize("last", [None, b"online", b"offline"])
@pytest.mark.parametrize("again", ["online", "a command"])
def test_home_assistant_is_gone_with_the_broker_until_it_is_heard_again(
    trial: Trial, last: bytes | None, again: str
) -> None:
    if last is not None:  # it may have been silent since a1d-mqtt started, and dies with the broker all the same
        trial.broker.hears(HOME_ASSISTANT, last)
    trial.broker.lose()
    assert not trial.is_renewed()
    trial.broker.hears(HOME_ASSISTANT, b"online", retained=True)
    assert not trial.is_renewed(), "the broker remembers it, whoever has died meanwhile"
    if again == "online":
        trial.broker.hears(HOME_ASSISTANT, b"online")
    else:
        trial.command()
    trial.wait_renewed()


def test_what_the_daemon_refuses_is_said_in_words(trial: Trial) -> None:
    trial.refused = "ResumeAutomatic"
    trial.broker.hears(TOPICS.set_preset, b"auto")  # two calls, of which the second fails
    wait_until("it is said", lambda: any("the curve decides again" in line for line in trial.said))
    said = [line.partition(" (more")[0] for line in trial.said if "over MQTT" in line][-2:]
    assert said == [
        "a1d-mqtt: over MQTT: the time of day chooses the profile again",
        "a1d-mqtt: warning: over MQTT, failed: the curve decides again: not now",
    ]


def test_of_commands_that_make_no_sense_the_number_is_said(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(3):
        trial.broker.hears(TOPICS.set_percentage, b"hot")
    monkeypatch.setattr(ignored, "_PAUSE_S", 0.0)  # the minute is over
    wait_until("they are counted", lambda: any("2 more ignored since" in line for line in trial.said))
    assert sum("makes no sense" in line for line in trial.said) == 2


def test_what_is_no_longer_held_is_said_once(trial: Trial) -> None:
    trial.wait_renewed()
    text = "what was set over MQTT is no longer held"
    assert not any(text in line for line in trial.said)
    trial.found = status(mode="automatic", manual_percent=None, manual_remaining_s=None, manual_until_celsius=None)
    assert not trial.is_renewed()
    assert [line for line in trial.said if text in line] == [
        f"a1d-mqtt: {text}: it has been changed elsewhere, or has ended"
    ]
