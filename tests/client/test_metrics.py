"""The metrics: what a status becomes, and one HTTP request at a time, however it is sent."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a1d.client import metrics as module
from a1d.client.errors import NoDaemonError
from a1d.client.metrics import metrics, serve
from a1d.client.words import check
from a1d.errors import A1dError
from tests.client.hostile import Listener, listening, reply
from tests.client.test_words import GOOD, tampered, with_

COMMAND = [sys.executable, "-m", "a1d.client.main"]
GET = b"GET /metrics HTTP/1.1\r\nHost: pi:9831\r\nAccept: text/plain\r\n\r\n"
SAMPLE = re.compile(r'([a-z0-9_]+)(\{([a-z]+="([^"\\\n]|\\["\\n])*",?)+\})? (-?[0-9.e+-]+)')
NAMES = """
    a1d_up a1d_build_info a1d_uptime_seconds a1d_health_state a1d_health_problems a1d_fan_duty_ratio
    a1d_fan_duty_confirmed_ratio a1d_fan_manual a1d_sensor_temperature_celsius a1d_sensor_age_seconds a1d_sensor_ok
    a1d_button_watched a1d_button_gestures_total a1d_button_ignored_pulses_total a1d_bus_errors_total
""".split()  # noqa: SIM905 - as the documentation lists them


def samples_of(text: str) -> dict[str, float]:
    """Each sample with its labels; AssertionError if a line is neither that nor a comment, or is there twice."""
    samples: dict[str, float] = {}
    for line in text.splitlines():
        if not line.startswith(("# HELP ", "# TYPE ")):
            match = SAMPLE.fullmatch(line)
            assert match, line
            key = f"{match[1]}{match[2] or ''}"
            assert key not in samples, f"twice: {key}"
            samples[key] = float(match[5])
    return samples


def sensor(name: str, **changes: object) -> dict[str, object]:
    return {"name": name, "temp_celsius": 60.0, "age_s": 0.1, "error": None} | changes


# -- the text --------------------------------------------------------------------------------------


def test_every_metric_has_the_name_that_is_documented() -> None:
    found = re.findall(r"^# TYPE (\S+) (gauge|counter)$", metrics(GOOD), re.MULTILINE)
    assert [name for name, _ in found] == NAMES
    assert {name for name, kind in found if kind == "counter"} == {name for name in NAMES if name.endswith("_total")}
    documented = (Path(__file__).parents[2] / "docs/monitoring.md").read_text()
    assert re.findall(r"^\| `(a1d_\w+)", documented, re.MULTILINE) == NAMES


def test_a_status_becomes_numbers() -> None:
    samples = samples_of(metrics(with_(mode="manual", duty_percent=40, duty_confirmed_percent=35)))
    assert samples['a1d_build_info{version="1.0",simulated="false"}'] == 1
    assert samples["a1d_up"] == samples["a1d_fan_manual"] == samples['a1d_health_state{state="ok"}'] == 1
    assert samples['a1d_health_state{state="degraded"}'] == samples['a1d_health_state{state="failsafe"}'] == 0
    assert (samples["a1d_fan_duty_ratio"], samples["a1d_fan_duty_confirmed_ratio"]) == (0.4, 0.35)
    assert samples['a1d_sensor_temperature_celsius{sensor="cpu"}'] == 60
    assert samples['a1d_button_gestures_total{gesture="double_press"}'] == 1
    assert samples['a1d_button_gestures_total{gesture="hold"}'] == 2
    assert samples["a1d_button_ignored_pulses_total"] == 3
    assert samples["a1d_uptime_seconds"] == 5


def test_what_is_not_known_is_not_there() -> None:
    """No NaN, and not 0, which would be a cool sensor and a fan that stands still."""
    lost = sensor("lost", temp_celsius=None, age_s=None, error="no such zone")
    text = metrics(with_(duty_percent=None, duty_confirmed_percent=None, sensors=[lost]))
    for name in ("fan_duty_ratio", "fan_duty_confirmed_ratio", "sensor_temperature_celsius", "sensor_age_seconds"):
        assert f"a1d_{name}" not in text
    assert samples_of(text)['a1d_sensor_ok{sensor="lost"}'] == 0


def test_the_last_reading_of_a_sensor_that_is_lost_is_no_temperature() -> None:
    text = metrics(with_(sensors=[sensor("cpu", age_s=90.0, error="frozen")]))
    assert "a1d_sensor_temperature_celsius" not in text
    assert samples_of(text)['a1d_sensor_age_seconds{sensor="cpu"}'] == 90


def test_without_a_daemon_it_says_just_that() -> None:
    assert samples_of(metrics(None)) == {"a1d_up": 0}


def test_two_sensors_of_one_name_do_not_spoil_the_scrape() -> None:
    text = metrics(with_(sensors=[sensor("x" * 64), sensor("x" * 65, temp_celsius=20.0)]))
    assert samples_of(text)[f'a1d_sensor_temperature_celsius{{sensor="{"x" * 64}"}}'] == 60


@given(tampered(GOOD))
def test_whatever_a_daemon_answers_the_text_is_sound_or_refused(status: Any) -> None:
    try:
        checked = check(status, module._SHAPE, "status")
    except ValueError:
        return
    samples_of(metrics(checked))


@given(st.text())
def test_no_name_of_a_sensor_leaves_its_label(name: str) -> None:
    samples = samples_of(metrics(with_(sensors=[sensor(name)])))
    assert len([key for key in samples if key.startswith("a1d_sensor_ok{")]) == 1


@pytest.mark.skipif(not shutil.which("promtool"), reason="needs promtool, of Debian's package prometheus")
@pytest.mark.parametrize("status", [GOOD, with_(sensors=[sensor('a"b\\c\nd'), sensor("é")]), None])
def test_promtool_has_nothing_to_say(status: Any) -> None:
    done = subprocess.run(
        ["promtool", "check", "metrics"], input=metrics(status), capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.skipif(not shutil.which("promtool"), reason="needs promtool, of Debian's package prometheus")
def test_promtool_would_have_said_it() -> None:
    text = metrics(GOOD).replace("a1d_bus_errors_total", "a1d_bus_errors")
    done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, check=False)
    assert done.returncode != 0


# -- a request ---------------------------------------------------------------------------------------


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Listener]:
    with listening(tmp_path / "control.sock", reply({"status": GOOD})) as listener:
        yield listener


class Scrape:
    """One connection, served in a thread as systemd would have it served by a process."""

    def __init__(self, path: str) -> None:
        self.socket, theirs = socket.socketpair()
        self.socket.settimeout(10)
        self.complaint: str | None = None
        self._thread = threading.Thread(target=self._serve, args=(theirs, path))
        self._thread.start()

    def _serve(self, connection: socket.socket, path: str) -> None:
        self.complaint = serve(connection, path)

    def answer(self) -> tuple[str, str]:
        """The head and the body, once the other side has hung up."""
        data = b""
        with contextlib.suppress(ConnectionResetError):
            while piece := self.socket.recv(65536):
                data += piece
        self.socket.close()
        self._thread.join(10)
        assert not self._thread.is_alive()
        head, _, body = data.decode().partition("\r\n\r\n")
        return head, body


def ask(path: str, request: bytes) -> tuple[str, str]:
    scrape = Scrape(path)
    scrape.socket.sendall(request)
    return scrape.answer()


def test_a_scrape_is_answered(daemon: Listener) -> None:
    head, body = ask(daemon.path, GET)
    assert head.splitlines()[0] == "HTTP/1.1 200 OK"
    assert "Content-Type: text/plain; version=0.0.4; charset=utf-8" in head
    assert f"Content-Length: {len(body.encode())}" in head
    assert body == metrics(GOOD)


def test_head_is_answered_without_a_body(daemon: Listener) -> None:
    head, body = ask(daemon.path, GET.replace(b"GET", b"HEAD"))
    assert head.splitlines()[0] == "HTTP/1.1 200 OK"
    assert body == ""


def test_a_request_that_comes_in_pieces_is_put_together(daemon: Listener) -> None:
    scrape = Scrape(daemon.path)
    for at in range(0, len(GET), 7):
        scrape.socket.sendall(GET[at : at + 7])
        time.sleep(0.002)
    assert scrape.answer()[0].startswith("HTTP/1.1 200 OK")


@pytest.mark.parametrize(
    ("request_", "outcome"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", "404 Not Found"),
        (b"GET /metrics/../etc/passwd HTTP/1.1\r\n\r\n", "404 Not Found"),
        (b"GET /metrics?x=1 HTTP/1.0\n\n", "200 OK"),
        (b"POST /metrics HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello", "405 Method Not Allowed"),
        (b"GET /metrics\r\n\r\n", "400 Bad Request"),
        (b"GET /metrics HTTP/2.0\r\n\r\n", "400 Bad Request"),
        (b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", "400 Bad Request"),
        (b"\r\n\r\n", "400 Bad Request"),
        (b"GET /metrics HTTP/1.1\r\nX: " + b"x" * 20_000, "431 Request Header Fields Too Large"),
    ],
)
def test_an_odd_request_gets_its_answer_and_costs_the_daemon_nothing(
    daemon: Listener, request_: bytes, outcome: str
) -> None:
    head, body = ask(daemon.path, request_)
    assert head.splitlines()[0] == f"HTTP/1.1 {outcome}"
    if outcome != "200 OK":
        assert daemon.requests == []
        assert "/metrics" in body


def test_whoever_sends_nothing_or_a_trickle_is_hung_up_on(daemon: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REQUEST_MAX_S", 0.3)
    began_s = time.monotonic()
    silent = Scrape(daemon.path)
    trickle = Scrape(daemon.path)
    with contextlib.suppress(OSError):
        while time.monotonic() - began_s < 5:
            trickle.socket.sendall(b"x")
            time.sleep(0.02)
    assert silent.answer() == trickle.answer() == ("", "")
    assert time.monotonic() - began_s < 3
    assert daemon.requests == []


def test_whoever_never_reads_or_never_stops_sending_is_left(daemon: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REQUEST_MAX_S", 0.3)
    scrape = Scrape(daemon.path)
    scrape.socket.sendall(GET)
    began_s = time.monotonic()
    with contextlib.suppress(OSError):
        while time.monotonic() - began_s < 5:
            scrape.socket.sendall(b"x" * 4096)
    assert time.monotonic() - began_s < 3
    assert scrape.answer()[0].startswith("HTTP/1.1 200 OK")


def test_whoever_hangs_up_is_forgotten(daemon: Listener) -> None:
    scrape = Scrape(daemon.path)
    scrape.socket.sendall(GET[:10])
    scrape.socket.shutdown(socket.SHUT_WR)
    assert scrape.answer() == ("", "")


@pytest.mark.parametrize("answer", [b"", b"nonsense\0", reply({"status": {}}), reply({"status": {"version": 1}})])
def test_a_daemon_that_makes_no_sense_is_none(tmp_path: Path, answer: bytes) -> None:
    with listening(tmp_path / "control.sock", answer) as listener:
        scrape = Scrape(listener.path)
        scrape.socket.sendall(GET)
        head, body = scrape.answer()
        assert head.startswith("HTTP/1.1 200 OK")
        assert samples_of(body) == {"a1d_up": 0}
        assert scrape.complaint


# -- the command -------------------------------------------------------------------------------------


def run(path: object, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    command = [*COMMAND, "--socket", str(path), "metrics", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=20, **options)


def test_the_command_prints_them(daemon: Listener) -> None:
    done = run(daemon.path)
    assert (done.returncode, done.stdout, done.stderr) == (0, metrics(GOOD), "")


def test_without_a_daemon_the_command_prints_that_and_fails(tmp_path: Path) -> None:
    """So that a file for node_exporter says it too."""
    done = run(tmp_path / "none")
    assert (done.returncode, samples_of(done.stdout)) == (3, {"a1d_up": 0})
    assert "no daemon" in done.stderr
    with pytest.raises(NoDaemonError):
        module.fetch(str(tmp_path / "none"))


def test_by_hand_http_says_what_it_is_for(daemon: Listener) -> None:
    done = run(daemon.path, "--http", stdin=subprocess.DEVNULL)
    assert done.returncode == 1
    assert "a1d-metrics.socket" in done.stderr
    with pytest.raises(A1dError), open(os.devnull) as nothing:
        kept = os.dup(0)
        try:
            os.dup2(nothing.fileno(), 0)
            module.standard_input()
        finally:
            os.dup2(kept, 0)
            os.close(kept)


def test_many_processes_at_once_each_answer_their_scrape(daemon: Listener) -> None:
    scrapes = []
    for _ in range(8):
        ours, theirs = socket.socketpair()
        ours.settimeout(20)
        command = [*COMMAND, "--socket", daemon.path, "metrics", "--http"]
        scrapes.append((ours, subprocess.Popen(command, stdin=theirs.fileno(), stdout=subprocess.DEVNULL)))
        theirs.close()
    for ours, process in scrapes:
        ours.sendall(GET)
        data = b""
        while piece := ours.recv(65536):
            data += piece
        ours.close()
        assert data.endswith(metrics(GOOD).encode())
        assert process.wait(10) == 0


def test_the_status_does_not_pay_for_them() -> None:
    """a1d-ctl status is run again and again by people's scripts."""
    script = (
        "import sys, a1d.client.main, a1d.client.parser as p; p.make_parser();"
        "print([n for n in sys.modules if 'metrics' in n])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
