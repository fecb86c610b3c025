"""A real Prometheus scrapes the simulated case: every query of the dashboard has an answer, every alert a rule."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.process import SimulatedDaemon

HERE = Path(__file__).parent
DOCS = HERE.parents[1] / "docs"
ALERTS = DOCS / "monitoring/alerts.yaml"
DASHBOARD = json.loads((DOCS / "monitoring/dashboard.json").read_text())
QUERIES = [
    (panel["title"], target["refId"], target["expr"]) for panel in DASHBOARD["panels"] for target in panel["targets"]
]
CONFIG = """
global: {{scrape_interval: 500ms, evaluation_interval: 500ms}}
rule_files: [{alerts}]
scrape_configs:
  - job_name: a1d
    static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
"""


def need(program: str, package: str) -> str:
    found = shutil.which(program)
    if not found:
        # CI installs it where it may; it must not pass as if it had looked.
        assert not (os.environ.get("CI") and os.geteuid() == 0), f"CI needs {program}, of Debian's package {package}"
        pytest.skip(f"needs {program}, of Debian's package {package}")
    return found


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@contextlib.contextmanager
def running(log: Path, *command: str, **environ: str) -> Iterator[None]:
    with log.open("wb") as out:
        process = subprocess.Popen(command, env={**os.environ, **environ}, stdout=out, stderr=out)
        try:
            yield
        finally:
            process.terminate()
            process.wait(20)


class Prometheus:
    def __init__(self, port: int) -> None:
        self._base = f"http://127.0.0.1:{port}/api/v1"

    def get(self, path: str, **parameters: str) -> Any:
        url = f"{self._base}/{path}?{urllib.parse.urlencode(parameters)}"
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            if error.code == 503:  # it starts
                raise ConnectionError from None
            raise AssertionError(error.read().decode()) from None

    def query(self, expression: str) -> list[Any]:
        expression = expression.replace("$instance", ".*").replace("$__rate_interval", "1m")
        result: list[Any] = self.get("query", query=expression)["result"]
        return result

    def wait(self, expression: str, seconds: float = 30) -> list[Any]:
        """Until it has an answer."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with contextlib.suppress(urllib.error.URLError, ConnectionError):
                if found := self.query(expression):
                    return found
            time.sleep(0.1)
        raise AssertionError(f"no answer within {seconds} s: {expression}")


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    program, activate = need("prometheus", "prometheus"), need("systemd-socket-activate", "systemd")
    here = tmp_path_factory.mktemp("prometheus")
    metrics, own = free_port(), free_port()
    (here / "prometheus.yml").write_text(CONFIG.format(alerts=ALERTS, port=metrics))
    daemon = SimulatedDaemon(here)
    ctl = (sys.executable, "-m", "a1d.client.main", "metrics", "--http")
    options = (f"--config.file={here}/prometheus.yml", f"--storage.tsdb.path={here}/data")
    try:
        daemon.wait_notified("READY=1")
        with (
            running(
                here / "scrapes.log",
                *(activate, "--accept", "--inetd", "-l", f"127.0.0.1:{metrics}"),
                *("-E", f"A1D_SOCKET={daemon.socket_path}", *ctl),
            ),
            running(here / "prometheus.log", program, *options, f"--web.listen-address=127.0.0.1:{own}"),
        ):
            found = Prometheus(own)
            found.wait("count_over_time(a1d_up[1m]) >= 3")  # a rate needs two
            yield found
    finally:
        daemon.close()


def test_it_takes_the_scrape(prometheus: Prometheus) -> None:
    (target,) = prometheus.get("targets")["activeTargets"]
    assert (target["health"], target["lastError"]) == ("up", "")
    (build,) = prometheus.query("a1d_build_info")
    assert build["metric"]["simulated"] == "true"
    (sensor,) = prometheus.query("a1d_sensor_temperature_celsius")
    assert sensor["metric"]["sensor"] == "cpu"
    types = prometheus.get("metadata")
    assert types["a1d_bus_errors_total"][0]["type"] == "counter"
    assert types["a1d_sensor_temperature_celsius"][0]["type"] == "gauge"


@pytest.mark.parametrize(("panel", "target", "query"), QUERIES)
def test_each_query_of_the_dashboard_has_an_answer(prometheus: Prometheus, panel: str, target: str, query: str) -> None:
    assert prometheus.query(query), f"{panel} {target}"


def test_the_dashboard_asks_for_no_metric_that_there_is_not(prometheus: Prometheus) -> None:
    asked = {name for _, _, query in QUERIES for name in re.findall(r"a1d_\w+", query)}
    assert asked <= set(prometheus.get("label/__name__/values"))
    assert len(asked) > 8


def test_it_takes_the_alerts(prometheus: Prometheus) -> None:
    (group,) = prometheus.get("rules")["groups"]
    deadline = time.monotonic() + 10
    while any(rule["health"] == "unknown" for rule in group["rules"]) and time.monotonic() < deadline:
        time.sleep(0.1)
        (group,) = prometheus.get("rules")["groups"]
    assert {rule["name"]: (rule["health"], rule["state"]) for rule in group["rules"]} == {
        f"A1d{name}": ("ok", "inactive") for name in ("Failsafe", "Degraded", "Hot", "NoData", "NoTarget")
    }


def test_promtool_agrees_with_the_alerts(tmp_path: Path) -> None:
    promtool = need("promtool", "prometheus")
    for file in (ALERTS, HERE / "alerts.test.yaml"):
        shutil.copy(file, tmp_path)
    for command in (("check", "rules", "--lint-fatal", "alerts.yaml"), ("test", "rules", "alerts.test.yaml")):
        done = subprocess.run([promtool, *command], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_each_alert_is_tried() -> None:
    names = re.findall(r"alert: (\w+)", ALERTS.read_text())
    assert names
    tried = (HERE / "alerts.test.yaml").read_text()
    for name in names:
        fires = rf"alertname: {name}\n\s+exp_alerts"
        assert re.search(fires, tried), f"it is never seen to fire: {name}"
        assert f"alertname: {name}}}" in tried, f"it is never seen to be silent: {name}"
