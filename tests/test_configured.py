"""A real a1d with a configuration of one's own: what it keeps in memory, and a reload whose reader hangs."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.process import DaemonProcess, SimulatedDaemon

CONFIG = "interval: 100ms\nfan: {curve: {40: 20, 70: 100}, rise: 0s}\n"
# Runs before the reader does, as each Python program's sitecustomize, and hangs while the file is there.
HANG = """
import os, sys, time
while "a1d.config.dump" in sys.orig_argv and os.path.exists({!r}):
    time.sleep(0.02)
"""


class Configured(SimulatedDaemon):
    """Its reader hangs while ``hang`` exists."""

    def __init__(self, tmp_path: Path) -> None:
        self.config = tmp_path / "config.yaml"
        self.config.write_text(CONFIG)
        self.hang = tmp_path / "hang"
        (tmp_path / "sitecustomize.py").write_text(HANG.format(str(self.hang)))
        super().__init__(tmp_path, "--config", str(self.config), PYTHONPATH=str(tmp_path))

    def reload(self) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "a1d.client.main", "--socket", str(self.socket_path), "reload"]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def children(self) -> list[str]:
        path = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return path.read_text().split()

    def wait_until(self, what: Callable[[], bool]) -> None:
        deadline_s = time.monotonic() + 5
        while not what():
            assert time.monotonic() < deadline_s, "never happened"
            time.sleep(0.01)


# As the service is called: without arguments. The case is a simulated one, and the file not the one in /etc.
SERVICE = """
import sys, a1d.clocks, a1d.hardware, a1d.paths, a1d.sim.case
a1d.paths.CONFIG_PATH = {!r}
a1d.hardware.RealCase = lambda: a1d.sim.case.SimulatedCase(a1d.clocks.boot_clock)
sys.argv = ["a1d"]
from a1d.cli import main
raise SystemExit(main())
"""
# What the daemon must never import; only a process of its own may.
_OF_CONFIG = "reader|kinds|yaml_|complaint|advice|warnings|dump|guess|unreadable"
READING = rf"yaml|argparse|a1d\.(commands|fallback|config\.({_OF_CONFIG}))\b"


def imported_by(stderr: str) -> set[str]:
    """Every module, from Python's own list of what it imported and when."""
    return set(re.findall(r"^import time:.*\| +(\S+)$", stderr, re.MULTILINE))


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Configured]:
    daemon = Configured(tmp_path)
    try:
        daemon.wait_notified("READY=1")
        yield daemon
    finally:
        daemon.hang.unlink(missing_ok=True)
        daemon.close()


@pytest.mark.parametrize("arguments", [False, True])
def test_the_daemon_never_has_yaml_nor_what_reads_a_configuration(tmp_path: Path, arguments: bool) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(CONFIG)
    command = [sys.executable, "-X", "importtime"]
    if arguments:
        command += ["-m", "a1d", "--simulate", "--config", str(path), "--run-dir", str(tmp_path / "run")]
    else:
        command += ["-c", SERVICE.format(str(path))]
    daemon = DaemonProcess(tmp_path, tmp_path / "run", command, {"RUNTIME_DIRECTORY": str(tmp_path / "run")})
    daemon.wait_notified("READY=1")
    path.write_text(CONFIG.replace("20", "30"))
    assert daemon.call("org.a1d.control.Reload") == {"parameters": {}}
    for _ in range(2):
        daemon.wait_notified("RELOADING=1")
        daemon.wait_notified("READY=1")
        daemon.process.send_signal(signal.SIGHUP)
    daemon.wait_notified("RELOADING=1")
    daemon.wait_notified("READY=1")
    path.write_text("fan: {hold: soon}\n")
    assert "fan.hold" in str(daemon.call("org.a1d.control.Reload"))
    assert daemon.call("org.a1d.control.GetCurves")["parameters"]["curves"][0]["points"][0]["duty_percent"] == 30
    _out, err = daemon.close()
    assert daemon.process.returncode == 0
    imported = imported_by(err)
    assert {"a1d.daemon", "a1d.config.load", "json"} <= imported
    allowed = {"argparse", "a1d.commands"} if arguments else set()
    assert {name for name in imported if re.match(READING, name)} <= allowed


def test_the_fan_is_driven_while_a_reload_hangs_and_a_stop_works(daemon: Configured) -> None:
    daemon.hang.touch()
    client = daemon.reload()
    daemon.wait_notified("RELOADING=1")
    daemon.wait_until(lambda: len(daemon.children()) == 1)
    daemon.fault("sensor-dead", True)
    daemon.wait_for("fan_percent", 100)
    assert client.poll() is None, "it still hangs"
    daemon.process.terminate()
    assert daemon.process.wait(5) == 0
    _out, err = client.communicate(timeout=5)
    assert (client.returncode, err) == (1, "a1d-ctl: a1d stops; the configuration was not read again\n")


def test_a_client_that_gives_up_waiting_does_not_end_the_reload(daemon: Configured) -> None:
    daemon.hang.touch()
    client = daemon.reload()
    daemon.wait_notified("RELOADING=1")
    client.kill()
    client.communicate()
    daemon.config.write_text(CONFIG + "log_level: debug\n")
    again = daemon.reload()
    time.sleep(0.3)
    assert again.poll() is None
    daemon.hang.unlink()
    out, err = again.communicate(timeout=8)
    assert (again.returncode, out, err) == (0, "the configuration has been read again\n", "")
    daemon.wait_until(lambda: daemon.children() == [])
    assert "log_level: debug" in daemon.call("org.a1d.control.GetConfig")["parameters"]["config"]
