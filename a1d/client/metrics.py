"""The daemon's status for Prometheus: its text format 0.0.4, on standard output or as the answer to one HTTP request.

Nothing stays resident: ``a1d-metrics.socket`` starts one process for each scrape, whose standard input is the
connection. What a scraper sends is not trusted: size and time are bounded, whatever it does.
"""

from __future__ import annotations

import socket
import sys
import time

from a1d.client import words
from a1d.client.errors import NoDaemonError
from a1d.client.varlink import call
from a1d.errors import A1dError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    Reply = dict[str, Any]
    Sample = tuple[dict[str, str], float | None]
    Family = tuple[str, str, str, list[Sample]]

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
DAEMON_WAIT_MAX_S = 5.0  # half of the 10 s that Prometheus waits
REQUEST_MAX = 8192  # bytes
REQUEST_MAX_S = 3.0  # for the whole request, and again for whoever reads the answer
_LABEL_MAX = 64  # characters; the configuration allows no longer name
_SENSORS_MAX = 64

_SECONDS, _COUNT = (0, 1e9), (0, 1e18)
_SHAPE = words.STATUS | {
    "uptime_s": _SECONDS,
    "bus_errors": _COUNT,
}
_STATES = ("ok", "degraded", "failsafe")


def run(path: str, *, http: bool) -> None:
    """``a1d-ctl metrics``. Without ``http`` NoDaemonError if there is no daemon, after saying so as a metric too."""
    if http:
        if complaint := serve(standard_input(), path):
            print("\n".join(words.lines(complaint)), file=sys.stderr)
        return
    try:
        text = metrics(fetch(path))
    except NoDaemonError:
        print(metrics(None), end="")
        raise
    print(text, end="")


def metrics(status: Reply | None) -> str:
    """Every metric of a checked status. None: there is no daemon, and ``a1d_up`` alone says so."""
    families: list[Family] = [("a1d_up", "gauge", "Whether the daemon answers.", _one(status is not None))]
    if status is not None:
        families += _families(status)
    return "".join(line for name, kind, text, samples in families for line in _lines(name, kind, text, samples))


def fetch(path: str) -> Reply:
    """The status of the daemon at ``path``, checked. NoDaemonError if there is none, or it makes no sense."""
    try:
        reply = call(path, "org.a1d.control.GetStatus", wait_max_s=DAEMON_WAIT_MAX_S)
        status: Reply = words.check(reply.get("status"), _SHAPE, "status")
    except (ValueError, RecursionError) as error:
        raise NoDaemonError(f"the daemon's answer cannot be understood ({error})") from None
    return status


def serve(connection: socket.socket, path: str) -> str | None:
    """Answer the one request on ``connection``, and close it. Returns why there are no metrics, or None."""
    complaint = None
    with connection:
        try:
            outcome, method = _read_request(connection)
            body = ""
            if outcome == "200 OK":
                try:
                    body = metrics(fetch(path))
                except A1dError as error:
                    body, complaint = metrics(None), str(error)
            _answer(connection, outcome, body or f"{outcome}\nThe metrics are at /metrics.\n", method != b"HEAD")
        except OSError:
            pass  # whoever asked has gone, or was too slow
    return complaint


def standard_input() -> socket.socket:
    """The connection that systemd handed over. A1dError if standard input is none."""
    try:
        return socket.socket(fileno=0)
    except OSError:
        raise A1dError(
            "standard input is no connection: --http is for a1d-metrics.socket (sudo systemctl enable --now "
            "a1d-metrics.socket); to see the metrics: a1d-ctl metrics"
        ) from None


# -- the text ---------------------------------------------------------------------------------------


def _families(status: Reply) -> list[Family]:
    health, button, sensors = status["health"], status["button"], _sensors(status)
    build = {"version": status["version"], "simulated": "true" if status["simulated"] else "false"}
    gestures = [("double_press", button["double_presses"]), ("hold", button["holds"])]
    return [
        ("a1d_build_info", "gauge", "The daemon's version, and whether the case is simulated.", [(build, 1)]),
        ("a1d_uptime_seconds", "gauge", "Time since the daemon started.", _one(status["uptime_s"])),
        (
            "a1d_health_state",
            "gauge",
            "1 for the state that the daemon is in.",
            [({"state": state}, health["state"] == state) for state in _STATES],
        ),
        ("a1d_health_problems", "gauge", "Number of problems that the status names.", _one(len(health["problems"]))),
        ("a1d_fan_duty_ratio", "gauge", "Duty that the fan is to have.", _one(_ratio(status["duty_percent"]))),
        (
            "a1d_fan_duty_confirmed_ratio",
            "gauge",
            "Duty that the case has confirmed.",
            _one(_ratio(status["duty_confirmed_percent"])),
        ),
        ("a1d_fan_manual", "gauge", "Whether a duty is set by hand.", _one(status["mode"] == "manual")),
        (
            "a1d_sensor_temperature_celsius",
            "gauge",
            "Temperature of a sensor that is read.",
            [({"sensor": name}, None if each["error"] else each["temp_celsius"]) for name, each in sensors],
        ),
        (
            "a1d_sensor_age_seconds",
            "gauge",
            "Time since the last good reading.",
            [({"sensor": name}, each["age_s"]) for name, each in sensors],
        ),
        (
            "a1d_sensor_ok",
            "gauge",
            "Whether the sensor is read and believed.",
            [({"sensor": name}, each["error"] is None) for name, each in sensors],
        ),
        ("a1d_button_watched", "gauge", "Whether the power button is watched.", _one(button["watching"])),
        (
            "a1d_button_gestures_total",
            "counter",
            "Presses of the power button.",
            [({"gesture": name}, count) for name, count in gestures],
        ),
        (
            "a1d_button_ignored_pulses_total",
            "counter",
            "Pulses that were neither a double press nor a hold.",
            _one(button["pulses_ignored"]),
        ),
        ("a1d_bus_errors_total", "counter", "Transfers to the case that failed.", _one(status["bus_errors"])),
    ]


def _sensors(status: Reply) -> list[tuple[str, Reply]]:
    """Each with its name; of two that have the same one the first, since a second would spoil the whole scrape."""
    named: dict[str, Reply] = {}
    for sensor in status["sensors"][:_SENSORS_MAX]:
        named.setdefault(sensor["name"][:_LABEL_MAX], sensor)
    return list(named.items())


def _one(value: float | None) -> list[Sample]:
    return [({}, value)]


def _ratio(percent: float | None) -> float | None:
    return None if percent is None else percent / 100


def _lines(name: str, kind: str, text: str, samples: list[Sample]) -> Iterable[str]:
    """A family, without the samples that are not known; nothing if there is none."""
    known = [(labels, value) for labels, value in samples if value is not None]
    if known:
        yield f"# HELP {name} {text}\n# TYPE {name} {kind}\n"
    for labels, value in known:
        shown = ",".join(f'{key}="{_escape(label)}"' for key, label in labels.items())
        yield f"{name}{{{shown}}} {value:.15g}\n" if shown else f"{name} {value:.15g}\n"


def _escape(label: str) -> str:
    """As the format asks; what could steer a terminal becomes an escape that anybody can read."""
    return words.printable(label[:_LABEL_MAX]).replace("\\", r"\\").replace('"', r"\"")


# -- one request ------------------------------------------------------------------------------------


def _read_request(connection: socket.socket) -> tuple[str, bytes]:
    """The status to answer with, and the method. OSError if the scraper goes away or is too slow."""
    deadline_s = time.monotonic() + REQUEST_MAX_S
    head = b""
    while b"\r\n\r\n" not in head and b"\n\n" not in head:
        if len(head) > REQUEST_MAX:
            return "431 Request Header Fields Too Large", b""
        left_s = deadline_s - time.monotonic()
        if left_s <= 0:
            raise TimeoutError
        connection.settimeout(left_s)
        data = connection.recv(REQUEST_MAX)
        if not data:
            raise ConnectionError
        head += data
    method, _, rest = head.splitlines()[0].partition(b" ")
    target, _, version = rest.partition(b" ")
    if not version.startswith(b"HTTP/1."):
        return "400 Bad Request", method
    if method not in (b"GET", b"HEAD"):
        return "405 Method Not Allowed", method
    return ("200 OK" if target.partition(b"?")[0] == b"/metrics" else "404 Not Found"), method


def _answer(connection: socket.socket, outcome: str, body: str, with_body: bool) -> None:
    data = body.encode()
    allow = "Allow: GET, HEAD\r\n" if outcome.startswith("405") else ""
    head = f"HTTP/1.1 {outcome}\r\nContent-Type: {CONTENT_TYPE}\r\nContent-Length: {len(data)}\r\n{allow}"
    connection.settimeout(REQUEST_MAX_S)
    connection.sendall(f"{head}Connection: close\r\n\r\n".encode() + (data if with_body else b""))
    connection.shutdown(socket.SHUT_WR)
    # Whoever has sent more than was read would be told of a reset instead of the answer.
    deadline_s = time.monotonic() + REQUEST_MAX_S
    read = 0
    while read < 8 * REQUEST_MAX and time.monotonic() < deadline_s and (data := connection.recv(REQUEST_MAX)):
        read += len(data)
