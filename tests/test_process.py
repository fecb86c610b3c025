"""The daemon as a real process in real time, on the simulated case, as a user or systemd runs it."""

from __future__ import annotations

import json
import os
import queue
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from a1d.sim.case import SensorFault
from a1d.sim.mcu import BusFault
from tests.process import SimulatedDaemon


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatedDaemon]:
    """One that is ready and whose chip is too cool to move the fan by itself."""
    daemon = SimulatedDaemon(tmp_path_factory.mktemp("process"))
    try:
        daemon.wait_notified("READY=1")
        daemon.call("org.a1d.simulation.SetLoad", watts=0)
        yield daemon
    finally:
        daemon.close()


def test_status_for_systemd_is_one_ascii_line(daemon: SimulatedDaemon) -> None:
    daemon.call("org.a1d.control.SetFan", duty_percent=77)
    assert re.fullmatch(r"STATUS=cpu \d+ C, fan 77 %, manual, ok", daemon.wait_notified("fan 77"))


@pytest.mark.parametrize("fault", [fault.value for fault in BusFault])
def test_each_bus_fault_can_come_and_go(daemon: SimulatedDaemon, fault: str) -> None:
    daemon.call("org.a1d.control.SetFan", duty_percent=40)
    daemon.wait_for("duty_confirmed_percent", 40)
    daemon.fault(fault, True)
    daemon.call("org.a1d.control.SetFan", duty_percent=55)
    daemon.wait_for("health", "degraded")
    begin = time.monotonic()
    status = daemon.status()
    assert time.monotonic() - begin < 1.0
    assert status["duty_percent"] == 55
    daemon.fault(fault, False)
    daemon.wait_for("register_percent", 55)
    daemon.wait_for("health", "ok")
    assert daemon.case()["forbidden_writes"] == 0


@pytest.mark.parametrize("fault", [SensorFault.DEAD.value, SensorFault.RAVING.value])
def test_each_sensor_fault_ends_in_failsafe_and_back(daemon: SimulatedDaemon, fault: str) -> None:
    daemon.call("org.a1d.control.SetFan", duty_percent=10)
    daemon.wait_for("duty_confirmed_percent", 10)
    daemon.fault(fault, True)
    daemon.wait_for("health", "failsafe")
    daemon.wait_for("fan_percent", 100)
    daemon.fault(fault, False)
    daemon.wait_for("health", "ok")


def test_a_press_reaches_the_system(daemon: SimulatedDaemon) -> None:
    daemon.call("org.a1d.simulation.Press", gesture="double_press")
    daemon.wait_for("powered", ["reboot"])
    assert daemon.case()["power_cut_s"] is None


def test_sighup_reloads_as_systemd_expects(daemon: SimulatedDaemon) -> None:
    daemon.process.send_signal(signal.SIGHUP)
    assert re.fullmatch(r"RELOADING=1\nMONOTONIC_USEC=\d+", daemon.wait_notified("RELOADING=1"))
    daemon.wait_notified("READY=1")


def test_watchdog_is_fed_until_the_process_is_stopped(tmp_path: Path) -> None:
    daemon = SimulatedDaemon(tmp_path, WATCHDOG_USEC="600000")
    try:
        daemon.wait_notified("READY=1")
        for _ in range(3):
            daemon.wait_notified("WATCHDOG=1")
        daemon.process.send_signal(signal.SIGSTOP)
        time.sleep(0.3)
        with pytest.raises(queue.Empty):
            while True:
                daemon.wait_notified("WATCHDOG=1", 1.0)
    finally:
        daemon.close()


def test_a_clean_stop_says_so_and_leaves_nothing_but_what_the_stop_programs_need(tmp_path: Path) -> None:
    daemon = SimulatedDaemon(tmp_path)
    daemon.wait_notified("READY=1")
    daemon.process.terminate()
    daemon.wait_notified("STOPPING=1")
    out, err = daemon.close()
    assert daemon.process.returncode == 0
    assert os.listdir(daemon.run_dir) == ["lock", "stop.json"]
    assert json.loads((daemon.run_dir / "stop.json").read_text())["on_stop"] == "keep"
    assert "Traceback" not in err
    assert re.search(r"^\d\d:\d\d:\d\d \d+\.\d C \(cpu\)  fan \d+ %  automatic  ok", out, re.MULTILINE)


def test_a_second_daemon_is_refused_and_a_killed_one_leaves_no_lock(tmp_path: Path) -> None:
    first = SimulatedDaemon(tmp_path)
    first.wait_notified("READY=1")
    command = [sys.executable, "-m", "a1d", "--simulate", "--run-dir", str(first.run_dir)]
    second = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    assert second.returncode == 1
    assert "another a1d already runs" in second.stderr
    assert first.status()["health"]["state"] == "ok"
    first.process.kill()
    first.close()
    (tmp_path / "again").mkdir()
    third = SimulatedDaemon(tmp_path / "again", "--run-dir", str(first.run_dir))
    third.wait_notified("READY=1")
    third.socket_path = first.socket_path
    assert third.status()["uptime_s"] < 60
    third.close()
