"""A real mosquitto on loopback, somebody else on it, and a real a1d-mqtt."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest

Messages = dict[str, str]
ROOT = "a1d/test"
DISCOVERY = "homeassistant/device/a1d_test/config"


def mosquitto() -> str:
    """Where it is. Where there is none, CI must not pass as if it had looked."""
    found = shutil.which("mosquitto", path=f"{os.environ['PATH']}:/usr/sbin")
    if not found:
        assert not (os.environ.get("CI") and os.geteuid() == 0), "CI needs mosquitto, of Debian's package of that name"
        pytest.skip("needs mosquitto, of Debian's package of that name")
    return found


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def wait_until(what: str, true: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what}"
        time.sleep(0.02)


class Mosquitto:
    """``start`` and ``stop`` it; it remembers nothing over that."""

    def __init__(self, here: Path, *lines: str) -> None:
        self.port = free_port()
        self._here = here
        self._config = here / "mosquitto.conf"
        self._config.write_text(
            "\n".join([f"listener {self.port} 127.0.0.1", "user root", *(lines or ["allow_anonymous true"])])
        )
        self._program = mosquitto()
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with (self._here / "mosquitto.log").open("wb") as log:
            self._process = subprocess.Popen([self._program, "-c", str(self._config)], stdout=log, stderr=log)
        wait_until("mosquitto listens", self._listens)

    def _listens(self) -> bool:
        """By its log: whoever tries to connect again and again may, by chance, reach himself."""
        assert self._process is not None
        log = (self._here / "mosquitto.log").read_text()
        assert self._process.poll() is None, log
        return " running" in log

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(20)
            self._process = None

    def freeze(self, frozen: bool) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP if frozen else signal.SIGCONT)


class Somebody:
    """Somebody else on the broker, who hears all of it. ``now`` has the latest of each topic, ``log`` everything."""

    def __init__(self, port: int, **options: Any) -> None:
        self.now: Messages = {}
        self.log: list[tuple[str, str, bool]] = []
        self.port = port
        if hasattr(paho, "CallbackAPIVersion"):
            self.client = paho.Client(paho.CallbackAPIVersion.VERSION2)
        else:
            self.client = paho.Client()
        ready = threading.Event()
        self.client.on_message = self._hear
        self.client.on_connect = lambda client, *_: client.subscribe("#")
        self.client.on_subscribe = lambda *_: ready.set()
        if "user" in options:
            self.client.username_pw_set(options["user"], options["password"])
        if "ca" in options:
            context = ssl.create_default_context(cafile=options["ca"])
            if "key" in options:
                context.load_cert_chain(options["certificate"], options["key"])
            self.client.tls_set_context(context)
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        assert ready.wait(10)

    def _hear(self, _client: Any, _userdata: Any, message: Any) -> None:
        text = message.payload.decode("utf-8", "replace")
        self.log.append((message.topic, text, bool(message.retain)))
        self.now[message.topic] = text

    def say(self, topic: str, payload: str | bytes, *, retain: bool = False) -> None:
        self.client.publish(topic, payload, qos=1, retain=retain).wait_for_publish(10)

    def wait(self, topic: str, payload: str, seconds: float = 10.0) -> None:
        try:
            wait_until(f"{topic} is {payload}", lambda: self.now.get(topic) == payload, seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}, but {self.now.get(topic)!r}") from None

    def count(self, topic: str) -> int:
        return sum(each == topic for each, _, _ in self.log)

    def close(self) -> None:
        if not hasattr(self, "client"):
            return
        self.client.disconnect()
        self.client.loop_stop()
        # paho closes its last sockets when it is collected, which must not be left to the cycle that these make.
        self.client.on_message = self.client.on_connect = self.client.on_subscribe = None
        del self.client


class Bridge:
    """a1d-mqtt as a process. ``log`` is what it has said."""

    def __init__(self, here: Path, port: int, control: Path, settings: str = "", **environ: str) -> None:
        self._config = here / "mqtt.yaml"
        self._config.write_text(f"broker: 127.0.0.1\nport: {port}\nid: test\nname: Attic\ninterval: 1s\n{settings}")
        self._log = here / "a1d-mqtt.log"
        self._command = [sys.executable, "-W", "error", "-m", "a1d.mqtt.main", "--config", str(self._config)]
        self._command += ["--socket", str(control)]
        self._environ = {**os.environ, **environ}
        self.process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        with self._log.open("ab") as log:
            return subprocess.Popen(self._command, env=self._environ, stdout=log, stderr=log)

    def again(self) -> None:
        self.process = self._start()

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [*self._command, *arguments]
        return subprocess.run(command, env=self._environ, capture_output=True, text=True, check=False, timeout=30)

    @property
    def log(self) -> str:
        return self._log.read_text()

    def wait_said(self, text: str, seconds: float = 10.0) -> None:
        try:
            wait_until(f"it says {text!r}", lambda: text in self.log, seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}, but\n{self.log}") from None

    def end(self) -> int:
        self.process.terminate()
        return self.process.wait(10)


@contextlib.contextmanager
def closing_bridge(bridge: Bridge) -> Iterator[Bridge]:
    try:
        yield bridge
    finally:
        if bridge.process.poll() is None:
            bridge.process.send_signal(signal.SIGCONT)
            bridge.end()
