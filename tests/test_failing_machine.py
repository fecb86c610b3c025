"""A machine on which nothing can be had any more beneath a running a1d, or whose parent left it odd things."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import fake_smbus2
from tests.process import SimulatedDaemon
from tests.test_shutdown import Service
from tests.virtual import VirtualRig

ROOT = Path(__file__).parent.parent


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    service = Service(tmp_path)
    yield service
    if service.daemon is not None and service.daemon.process_is_ours:
        service.daemon.close()


def test_without_descriptors_left_reloads_are_refused_and_the_fan_is_driven(service: Service) -> None:
    daemon = service.start()
    daemon.wait_notified("READY=1")
    service.wait_for_duty(70)
    pid = daemon.process.pid
    soft, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    used = len(os.listdir(f"/proc/{pid}/fd"))
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (used + 1, hard))  # the fake bus needs one
    daemon.process.send_signal(signal.SIGHUP)
    daemon.wait_notified("RELOADING=1")
    daemon.wait_notified("READY=1")
    service.heat_to(72)
    service.wait_for_duty(100)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (soft, hard))
    assert "error" not in daemon.call("org.a1d.control.Reload")
    daemon.process.terminate()
    assert daemon.process.wait(5) == 0
    assert "the old configuration stays" in daemon.close()[1]


# A turn of the loop in which a transfer hangs. The socket that wakes the loop has room for some 280 signals.
BUSY = """
import os, signal, sys
from a1d.loop import Loop
run_once = Loop.run_once
def busy(loop):
    Loop.run_once = run_once
    for number in [signal.SIGHUP] * 1000 + [signal.SIGTERM]:
        os.kill(os.getpid(), number)
Loop.run_once = busy
from a1d.cli import main
sys.exit(main())
"""


def test_a_stop_is_not_lost_among_a_thousand_reloads(tmp_path: Path) -> None:
    command = [sys.executable, "-c", BUSY, "--simulate", "--run-dir", str(tmp_path / "run")]
    assert subprocess.run(command, capture_output=True, check=False, timeout=15).returncode == 0


def test_a_command_s_failure_is_noticed_though_the_parent_ignored_its_children(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("button: {double_press: ['false']}\n")
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # which a new program inherits
    try:
        daemon = SimulatedDaemon(tmp_path, "--config", str(config))
    finally:
        signal.signal(signal.SIGCHLD, before)
    try:
        daemon.wait_notified("READY=1")
        daemon.call("org.a1d.simulation.Press", gesture="double_press")
        daemon.wait_for("health", "degraded")
        assert daemon.status()["health"]["problems"] == ["power: false: failed (exit code 1)"]
    finally:
        daemon.close()


def test_without_standard_error_nothing_is_written_into_the_lock(tmp_path: Path) -> None:
    """Or into whatever else is number 2 then."""
    config = tmp_path / "config.yaml"
    config.write_text("case: {bus: 98}\nbutton: {backend: none}\n")
    command = f'exec "$0" -m a1d --config {config} --run-dir {tmp_path}/run 0<&- 2>&-'
    with subprocess.Popen(["sh", "-c", command, sys.executable]) as daemon:
        lock = Path(f"/proc/{daemon.pid}/fd/2")
        deadline_s = time.monotonic() + 10
        while not (tmp_path / "run/control.sock").exists() and time.monotonic() < deadline_s:
            time.sleep(0.02)
        time.sleep(1.0)  # the missing bus has been said by then
        is_lock = lock.resolve() == tmp_path / "run/lock"
        daemon.kill()
    assert is_lock
    assert (tmp_path / "run/lock").read_bytes() == b""


def test_without_standard_error_a1d_failsafe_writes_no_text_to_the_bus(tmp_path: Path) -> None:
    fake_smbus2.install(tmp_path, 1)
    device = tmp_path / "device"
    device.touch()
    fake = tmp_path / "smbus2.py"
    fake.write_text(fake.read_text().replace("/dev/null", str(device)))
    environ = {**os.environ, "PYTHONPATH": f"{tmp_path}:{ROOT}", "FAKE_SCRIPT": "hang"}
    command = ["sh", "-c", 'exec "$0" -m a1d.case.failsafe 2>&-', sys.executable]
    assert subprocess.run(command, env=environ, check=False, timeout=15).returncode == 1
    assert device.read_bytes() == b""


def test_a_run_directory_that_is_taken_away_ends_nothing(service: Service) -> None:
    daemon = service.start()
    daemon.wait_notified("READY=1")
    shutil.rmtree(service.here / "run")
    daemon.process.send_signal(signal.SIGHUP)
    daemon.wait_notified("RELOADING=1")
    daemon.wait_notified("READY=1")
    service.heat_to(72)
    service.wait_for_duty(100)
    daemon.process.terminate()
    assert daemon.process.wait(5) == 0
    assert "run directory: " in daemon.close()[1]


def test_a_machine_that_stands_still_again_and_again_is_a_few_lines_an_hour(rig: VirtualRig) -> None:
    for _ in range(600):
        rig.run(0.5)
        rig.clock.sleep(6)
    assert 3 < len([line for line in rig.log_lines if "without a tick" in line]) < 20
