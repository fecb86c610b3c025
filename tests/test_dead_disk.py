"""A disk that dies beneath a running a1d: nothing can be imported or read any more, and the fan is driven on."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.process import SimulatedDaemon
from tests.test_shutdown import Service

CONFIG = "interval: 100ms\nfan: {curve: {40: 20, 70: 100}, rise: 0s}\nbutton: {double_press: [touch, /nonexistent/x]}\n"
# What is not yet imported cannot be read while the file is there.
DEAD = """
import os, sys
class Dead:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if os.path.exists({!r}):
            raise {}
sys.meta_path.insert(0, Dead)
"""
# The same, but it waits.
HANGING = """
import os, sys, time
class Hanging:
    @staticmethod
    def find_spec(name, path=None, target=None):
        while os.path.exists({!r}):
            time.sleep(0.05)
sys.meta_path.insert(0, Hanging)
"""
ERRORS = {"I/O errors": 'OSError(5, "Input/output error", name)', "an empty disk": "ModuleNotFoundError(name)"}


class OnADisk(SimulatedDaemon):
    """Its disk is dead while ``dead`` exists."""

    def __init__(self, tmp_path: Path, error: str) -> None:
        config = tmp_path / "config.yaml"
        config.write_text(CONFIG)
        self.dead = tmp_path / "dead"
        (tmp_path / "sitecustomize.py").write_text(DEAD.format(str(self.dead), error))
        super().__init__(tmp_path, "--config", str(config), PYTHONPATH=str(tmp_path))

    def failure(self, method: str) -> str:
        """Why ``method`` was not done."""
        return " ".join(self.call(f"org.a1d.control.{method}")["parameters"]["reasons"])


@pytest.fixture(params=ERRORS)
def daemon(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[OnADisk]:
    daemon = OnADisk(tmp_path, ERRORS[request.param])
    try:
        daemon.wait_notified("READY=1")
        daemon.dead.touch()
        yield daemon
    finally:
        daemon.close()


@pytest.mark.parametrize("fault", ["no-answer", "no-bus", "time-out", "lost-writes"])
def test_the_bus_fails_and_the_fan_follows_when_it_is_back(daemon: OnADisk, fault: str) -> None:
    daemon.fault(fault, True)
    daemon.fault("sensor-dead", True)  # the fan is to change, and cannot
    daemon.wait_for("duty_percent", 100)
    deadline_s = time.monotonic() + 5
    while not any(problem.startswith("fan: ") for problem in daemon.status()["health"]["problems"]):
        assert time.monotonic() < deadline_s, "never said"
        time.sleep(0.05)
    assert daemon.case()["fan_percent"] < 100
    daemon.fault(fault, False)
    daemon.wait_for("fan_percent", 100)
    daemon.process.terminate()
    assert daemon.process.wait(5) == 0


def test_what_needs_the_disk_is_refused_and_the_fan_is_driven(daemon: OnADisk) -> None:
    for method in ("GetCurves", "GetConfig"):
        assert "a disk that fails" in daemon.failure(method)
    assert "the process that reads it failed with exit code 1" in daemon.failure("Reload")
    daemon.process.send_signal(signal.SIGHUP)
    daemon.call("org.a1d.simulation.Press", gesture="double_press")
    daemon.wait_for("health", "degraded")  # the command has failed, and nobody minds
    daemon.fault("sensor-dead", True)
    daemon.wait_for("fan_percent", 100)


def test_whoever_asks_again_and_again_does_not_fill_the_log(daemon: OnADisk) -> None:
    for _ in range(50):
        daemon.failure("GetCurves")
    assert 0 < daemon.close()[1].count("a disk that fails") < 5


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("at", ["start", "reload"])
def test_drives_whose_code_cannot_be_loaded_are_hot_and_the_daemon_lives(tmp_path: Path, at: str, error: str) -> None:
    service = Service(tmp_path)
    config = tmp_path / "config.yaml"
    before = config.read_text()
    code = DEAD.format(str(tmp_path), ERRORS[error]).replace("if os", "if name.endswith('.drives') and os")
    (tmp_path / "sitecustomize.py").write_text(code)
    drives = before.replace("frozen: 0}", "frozen: 0}, {name: nvme, hwmon: nvme}")
    if at == "start":
        config.write_text(drives)
    daemon = service.start()
    try:
        daemon.wait_notified("READY=1")
        if at == "reload":
            service.wait_for_duty(70)
            config.write_text(drives)
            assert "error" not in daemon.call("org.a1d.control.Reload")
        service.wait_for_duty(90)
        assert "what reads drives cannot be loaded" in " ".join(daemon.status()["health"]["problems"])
        config.write_text(before)
        assert "error" not in daemon.call("org.a1d.control.Reload")
        time.sleep(1)
        assert daemon.status()["health"]["state"] == "ok"
    finally:
        daemon.process.terminate()
        assert daemon.process.wait(5) == 0
        daemon.close()


def test_a_bus_that_fails_while_the_disk_hangs_does_not_hold_up_the_fan(tmp_path: Path) -> None:
    service = Service(tmp_path)
    hangs = tmp_path / "hangs"
    (tmp_path / "sitecustomize.py").write_text(HANGING.format(str(hangs)))
    daemon = service.start()
    try:
        daemon.wait_notified("READY=1")
        service.wait_for_duty(70)
        hangs.touch()
        (tmp_path / "i2c-1").unlink()
        service.heat_to(72)
        time.sleep(2.5)
        assert any("enable I2C" in problem for problem in daemon.status()["health"]["problems"])
        (tmp_path / "i2c-1").touch()
        service.wait_for_duty(100)
    finally:
        hangs.unlink()
        daemon.close()


@pytest.mark.parametrize("error", ERRORS)
def test_a_command_is_started(tmp_path: Path, error: str) -> None:
    """If it is in memory. Python's codecs are files too."""
    dead = DEAD.format(str(tmp_path), ERRORS[error])
    code = f"from a1d.spawn import spawn\n{dead}\nos.waitpid(spawn(['echo', 'started']), 0)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("started\n", "")
