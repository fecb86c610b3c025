"""The loop of a1d-mqtt: the daemon on one side, the broker on the other.

It waits for both at once. Two things hold up the rest: a call to the daemon, 2 s at most each, and a connection to the
broker while it is made (``Broker.connect``).
"""

from __future__ import annotations

import select
import time
from collections.abc import Callable

from a1d.client import words
from a1d.client.errors import NoDaemonError
from a1d.client.varlink import call
from a1d.errors import A1dError
from a1d.log import Log
from a1d.mqtt.bridge import Bridge, Message
from a1d.mqtt.broker import Broker, BrokerError
from a1d.mqtt.commands import Call, Commands
from a1d.mqtt.lease import Lease
from a1d.mqtt.monitor import Monitor
from a1d.mqtt.presence import Presence
from a1d.mqtt.retry import Retry
from a1d.mqtt.states import SHAPE, Status

_TURN_MAX_S = 1.0  # paho wants to be looked after
_CALL_MAX_S = 2.0
_GOODBYE_MAX_S = 2.0
_IGNORED_SAID_S = 60.0
_ANNOUNCE_S = 5.0  # all of it is published no more often, however often Home Assistant says that it has started


class Loop:
    """``run`` until ``stopping()``; ``wakeup`` is a descriptor that ends a wait when it can be read."""

    def __init__(self, socket_path: str, bridge: Bridge, commands: Commands, lease: Lease, log: Log) -> None:
        self._path = socket_path
        self._bridge = bridge
        self._commands = commands
        self._lease = lease
        self._log = log
        self._monitor: Monitor | None = None
        self._daemon_retry = Retry(1.0, 10.0)
        self._broker_retry = Retry(1.0, 60.0)
        self._online = False  # whether the broker has taken us
        self._home_assistant = Presence()
        self._announced = True  # whether Home Assistant, started anew, has been told all
        self._announce_s = float("-inf")  # not before
        self._ignored_said_s = float("-inf")

    def on_message(self, topic: str, payload: bytes, retained: bool, broker_topics: tuple[str, ...]) -> None:
        """What the broker hands over."""
        if topic in broker_topics:
            self._announced &= payload != b"online"
            self._home_assistant.hear(payload, retained=retained)
            return
        complaint = self._commands.receive(topic, payload, retained=retained)
        if complaint is not None:
            self._say_ignored(complaint, time.monotonic())
        else:
            self._home_assistant.somebody_commands()

    def _say_ignored(self, complaint: str, now_s: float) -> None:
        if now_s - self._ignored_said_s >= _IGNORED_SAID_S:
            self._ignored_said_s = now_s
            self._log.warning(complaint)

    def run(self, broker: Broker, stopping: Callable[[], bool], wakeup: int) -> None:
        """Until ``stopping()``, whatever fails meanwhile."""
        while not stopping():
            now_s = time.monotonic()
            self._look_after_daemon(now_s)
            try:
                self._look_after_broker(broker, now_s)
                self._steer(now_s)
                self._wait(broker, wakeup)
            except BrokerError as error:
                self._lost(broker, error)
        self._say_goodbye(broker)

    # -- the daemon ----------------------------------------------------------------------------------

    def _look_after_daemon(self, now_s: float) -> None:
        try:
            if self._monitor is not None:
                self._monitor.check(now_s)
            elif now_s >= self._daemon_retry.due_s:
                self._monitor = Monitor(self._path, now_s)
        except NoDaemonError as error:
            self._daemon_gone(error)

    def _daemon_gone(self, error: A1dError) -> None:
        if self._monitor is not None:
            self._monitor.close()
        self._monitor = None
        self._bridge.daemon_gone()
        complaint = str(error).splitlines()[0]  # what follows says how to start one by hand
        if self._daemon_retry.failed(time.monotonic(), complaint):
            self._log.warning(complaint)

    def _hear_daemon(self) -> None:
        assert self._monitor is not None
        try:
            status = self._monitor.receive(time.monotonic())
        except NoDaemonError as error:
            self._daemon_gone(error)
            return
        if status is not None:
            self._bridge.take(status)
            if self._daemon_retry.succeeded():
                self._log.info("the daemon answers again")

    def _steer(self, now_s: float) -> None:
        if self._bridge.status is None:
            if self._commands.forget():
                self._say_ignored("a command is ignored, and stays so, since the daemon does not answer", now_s)
            return
        calls = self._commands.take(self._bridge.status, now_s)
        if not calls:
            if now_s >= self._renew_s():
                self._renew(now_s)
            return
        try:
            for each in calls:
                self._call(each)
                self._log.info(f"{each.method} {each.parameters or ''}".rstrip())
            status = self._ask_status()
            self._lease.begin(calls, status, time.monotonic())
            self._bridge.take(status)
        except (A1dError, ValueError) as error:  # refused, or too slow: the state that is published says what is
            self._log.warning(f"{calls[0].method}: {error}")
        self._bridge.publish_fan()

    def _renew_s(self) -> float:
        """When to put off the end of what was set over MQTT: not while nobody, or no daemon, is there to be asked."""
        is_there = self._online and not self._home_assistant.is_gone and self._bridge.status is not None
        return self._lease.due_s if is_there else float("inf")

    def _renew(self, now_s: float) -> None:
        self._lease.postpone(now_s)
        try:
            renewal = self._lease.renewal(self._ask_status(), now_s)
            if renewal is not None:
                self._call(renewal)
                self._lease.renewed(time.monotonic())
            else:
                self._log.info("what was set over MQTT is no longer held: it has been changed elsewhere, or has ended")
        except (A1dError, ValueError) as error:
            self._log.warning(f"what was set over MQTT is not renewed: {error}")

    def _call(self, wanted: Call) -> None:
        call(self._path, f"org.a1d.control.{wanted.method}", wanted.parameters, wait_max_s=_CALL_MAX_S)

    def _ask_status(self) -> Status:
        reply = call(self._path, "org.a1d.control.GetStatus", wait_max_s=_CALL_MAX_S)
        status: Status = words.check(reply.get("status"), SHAPE, "status")
        return status

    # -- the broker ----------------------------------------------------------------------------------

    def _look_after_broker(self, broker: Broker, now_s: float) -> None:
        if broker.socket() is None:
            if now_s < self._broker_retry.due_s:
                return
            broker.connect()
        broker.tend()
        if not broker.is_connected:
            return
        if not self._online or (not self._announced and now_s >= self._announce_s):
            self._bridge.publish_all()
            self._announced = True
            self._announce_s = now_s + _ANNOUNCE_S
        if not self._online:
            self._online = True
            if self._broker_retry.succeeded():
                self._log.info(f"connected to the broker at {broker.where}")
        # While it does not take what it has been given, changes pile up nowhere: the latest is sent then.
        if not broker.wants_write():
            for message in self._bridge.messages(now_s):
                broker.publish(message)

    def _lost(self, broker: Broker, error: BrokerError) -> None:
        self._online = False
        self._home_assistant.broker_lost()
        self._commands.forget()
        if self._broker_retry.failed(time.monotonic(), str(error)):
            self._log.warning(f"{error}; trying again until it works")

    def _say_goodbye(self, broker: Broker) -> None:
        if self._monitor is not None:
            self._monitor.close()
        if not broker.is_connected:
            return
        self._bridge.daemon_gone()
        now_s = time.monotonic()
        try:
            for message in self._bridge.messages(now_s):
                broker.publish(message, sure=True)
            _talk(broker, broker.is_settled, now_s + _GOODBYE_MAX_S)
            broker.leave()
        except BrokerError:
            pass  # then it publishes our last will, which says the same

    # -- both ----------------------------------------------------------------------------------------

    def _wait(self, broker: Broker, wakeup: int) -> None:
        now_s = time.monotonic()
        connection = broker.socket()
        wakes_s = [now_s + _TURN_MAX_S, self._commands.wake_s(), self._renew_s()]
        if self._monitor is None:
            wakes_s.append(self._daemon_retry.due_s)
        if connection is None:
            wakes_s.append(self._broker_retry.due_s)
        readers = [each for each in (wakeup, self._monitor, connection) if each is not None]
        writers = [connection] if connection is not None and broker.wants_write() else []
        readable, writable, _ = select.select(readers, writers, [], max(0.0, min(wakes_s) - now_s))
        if self._monitor in readable and self._monitor is not None:
            self._hear_daemon()
        if connection in writable:
            broker.write()
        if connection in readable:
            broker.read()


def forget(broker: Broker, topics: list[str], wait_max_s: float) -> None:
    """Take everything retained off the broker, so that Home Assistant removes the device. BrokerError if it cannot."""
    deadline_s = time.monotonic() + wait_max_s
    broker.connect()
    _talk(broker, lambda: broker.is_connected, deadline_s)
    for topic in topics:
        broker.publish(Message(topic, ""), sure=True)
    _talk(broker, broker.is_settled, deadline_s)
    broker.leave()


def _talk(broker: Broker, done: Callable[[], bool], deadline_s: float) -> None:
    """Until ``done()``. BrokerError if that takes too long, or the connection is lost."""
    while not done():
        left_s = deadline_s - time.monotonic()
        connection = broker.socket()
        if left_s <= 0 or connection is None:
            raise BrokerError(f"the broker at {broker.where} does not answer")
        writers = [connection] if broker.wants_write() else []
        readable, writable, _ = select.select([connection], writers, [], min(left_s, _TURN_MAX_S))
        if writable:
            broker.write()
        if readable:
            broker.read()
        broker.tend()
