"""What is installed for monitoring and not enabled: it works by its own units, in their sandboxes."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from hil.check import check
from hil.rig import NotHere, Rig

_SETTINGS = Path("/etc/a1d/mqtt.yaml")
_SECRETS = {"mqtt.user": "pi", "mqtt.password": "secret"}
_METRICS = "http://127.0.0.1:9831/metrics"


@check("metrics: by their socket, one process for each scrape, in its sandbox, and nothing stays")
def metrics(rig: Rig) -> str:
    assert rig.sh("systemctl is-enabled a1d-metrics.socket a1d-mqtt.service").stdout.split() == ["disabled"] * 2
    rig.out("systemctl start a1d-metrics.socket")
    try:
        took_s = []
        for _ in range(5):
            begin_s = rig.now_s()
            text = _scrape()
            took_s.append(rig.now_s() - begin_s)
            assert "\na1d_up 1\n" in text, text
        assert 'a1d_sensor_temperature_celsius{sensor="cpu"} 45' in text, text
        # As many as there is room for, that say nothing, and one more.
        idle = [socket.create_connection(("127.0.0.1", 9831), 5) for _ in range(8)]
        time.sleep(0.5)
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", 9831), 5) as more:
            assert more.recv(1) == b"", "one too many was answered"
        rig.wait("room again", lambda: _is_there("\na1d_up 1\n"), 10)
        for each in idle:
            each.close()
        for _ in range(300):  # as fast as it goes; systemd must not close the socket for good
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", 9831), 5).close()
        rig.wait("room again", lambda: _is_there("\na1d_up 1\n"), 20)
        rig.out("systemctl stop a1d.service")
        assert _scrape().endswith("\na1d_up 0\n")
        rig.out("systemctl start a1d.service")
        rig.wait("nothing left", lambda: rig.out("systemctl list-units -q 'a1d-metrics@*'") == "", 10)
        assert rig.out("systemctl --failed -q list-units 'a1d-*'") == ""
    finally:
        rig.out("systemctl stop a1d-metrics.socket")
    return f"a scrape took {sorted(took_s)[2] * 1000:.0f} ms"


@check("a1d-mqtt: by its unit, with its credentials, it reports and steers, from its sandbox")
def mqtt(rig: Rig) -> str:
    if rig.name != "virtual":
        raise NotHere("somebody's broker may be configured here")
    _SETTINGS.write_text("broker: 127.0.0.1\nport: 18831\nid: hil\nsteering: true\n")
    for name, text in _SECRETS.items():
        path = Path("/etc/a1d") / name
        path.touch(0o600)
        path.write_text(text)
    try:
        rig.out("systemctl start a1d-mqtt.service")  # the broker is not there yet
        time.sleep(2)
        with _Broker(18831) as broker:
            rig.wait("it is available", lambda: broker.now.get("a1d/hil/availability") == "online", 20)
            assert broker.user == ("pi", "secret")
            assert "homeassistant/device/a1d_hil/config" in broker.now
            assert broker.now["a1d/hil/temperature/cpu"] == "45.0"
            broker.say("a1d/hil/fan/percentage/set", "60")
            rig.wait("60 % by hand", lambda: rig.status()["manual_percent"] == 60, 5)
            rig.wait("it is said", lambda: broker.now.get("a1d/hil/fan/percentage") == "60", 5)
            broker.say("a1d/hil/fan/preset/set", "auto")
            rig.wait("automatic", lambda: rig.status()["mode"] == "automatic", 5)
            pid = int(rig.out("systemctl show -p MainPID --value a1d-mqtt.service"))
            memory = Path(f"/proc/{pid}/status").read_text()
            (rss,) = (line.split()[1] for line in memory.splitlines() if line.startswith("VmRSS"))
            begin_s, begin_cpu_s = rig.now_s(), _cpu_s(pid)
            time.sleep(20)
            cpu_ms_a_s = (_cpu_s(pid) - begin_cpu_s) / (rig.now_s() - begin_s) * 1000
            rig.out("systemctl stop a1d-mqtt.service")
            rig.wait("it has said goodbye", lambda: broker.now["a1d/hil/availability"] == "offline", 5)
    finally:
        rig.sh("systemctl stop a1d-mqtt.service")
        for path in (_SETTINGS, *(Path("/etc/a1d") / name for name in _SECRETS)):
            path.unlink(missing_ok=True)
    return f"Rss {int(rss) / 1000:.1f} MB, CPU {cpu_ms_a_s:.2f} ms a second"


def _scrape() -> str:
    with urllib.request.urlopen(_METRICS, timeout=10) as answer:
        text: str = answer.read().decode()
    return text


def _is_there(text: str) -> bool:
    with contextlib.suppress(OSError):
        return text in _scrape()
    return False


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class _Broker:
    """As much of an MQTT 3.1.1 broker as one client needs: the image has none. ``now`` is what it was told last."""

    def __init__(self, port: int) -> None:
        self.now: dict[str, str] = {}
        self.user: tuple[str, str] | None = None
        self._server = socket.create_server(("127.0.0.1", port))
        self._client: socket.socket | None = None
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> _Broker:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.close()

    def say(self, topic: str, payload: str) -> None:
        """Publish to the client."""
        assert self._client is not None
        self._client.sendall(_packet(0x30, _text(topic) + payload.encode()))

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                self._client = self._server.accept()[0]
                with self._client.makefile("rb") as stream, contextlib.suppress(IndexError):
                    for kind, body in _packets(stream):
                        self._handle(kind, body)

    def _handle(self, kind: int, body: bytes) -> None:
        assert self._client is not None
        if kind & 0xF0 == 0x10:  # CONNECT: after 10 bytes the client's id, the will's topic and text, user, password
            *_will, user, password = list(_texts(body[10:]))
            self.user = (user, password)
            self._client.sendall(b"\x20\x02\x00\x00")
        elif kind & 0xF0 == 0x30:  # PUBLISH
            length = int.from_bytes(body[:2], "big")
            topic, rest = body[2 : 2 + length].decode(), body[2 + length :]
            if kind & 0x06:  # quality of service 1
                self._client.sendall(b"\x40\x02" + rest[:2])
                rest = rest[2:]
            self.now[topic] = rest.decode()
        elif kind & 0xF0 == 0x80:  # SUBSCRIBE
            self._client.sendall(b"\x90\x03" + body[:2] + b"\x00")
        elif kind & 0xF0 == 0xC0:  # PINGREQ
            self._client.sendall(b"\xd0\x00")


def _packets(stream: object) -> Iterator[tuple[int, bytes]]:
    read = stream.read  # type: ignore[attr-defined]
    while True:
        kind, length, shift = read(1)[0], 0, 0
        while (byte := read(1)[0]) & 0x80:
            length |= (byte & 0x7F) << shift
            shift += 7
        yield kind, read(length | byte << shift)


def _packet(kind: int, body: bytes) -> bytes:
    assert len(body) < 128
    return bytes([kind, len(body)]) + body


def _text(text: str) -> bytes:
    return len(text.encode()).to_bytes(2, "big") + text.encode()


def _texts(data: bytes) -> Iterator[str]:
    while data:
        length = int.from_bytes(data[:2], "big")
        yield data[2 : 2 + length].decode()
        data = data[2 + length :]
