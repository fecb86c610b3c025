"""Each way the daemon can end, with the real programs as real processes, in the order in which systemd starts them.

This test plays systemd, by the settings in systemd/a1d.service; the bus is tests/fake_smbus2.py, whose case is a file
and so outlives the processes. The kernel's part (out of memory, the sandbox, the shutdown) takes a virtual machine.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from a1d.config.settings import Config
from a1d.temperature.curve import curve_of
from tests import fake_smbus2
from tests.process import DaemonProcess

ROOT = Path(__file__).parent.parent
UNIT = dict(re.findall(r"^(\w+)=(.*)$", (ROOT / "systemd/a1d.service").read_text(), re.MULTILINE))
FAILSAFE = 90
CONFIG = f"""
fan: {{curve: {{50: 20, 60: 40, 70: 100}}, failsafe_percent: {FAILSAFE}}}
sensors: [{{name: cpu, zone: cpu-thermal, frozen: 0}}]
button: {{backend: none}}
"""
# What the curve wants at TEMP_CELSIUS.
TEMP_CELSIUS, DUTY = 65, 70

# The daemon as it is, but for the place of the temperature.
LAUNCH = (
    "import sys; from a1d.hardware import RealCase; RealCase.sysfs = {!r}; from a1d.cli import main; sys.exit(main())"
)


class Service:
    """What systemd makes of the unit: a daemon, its end, what runs after that, and the next daemon."""

    def __init__(self, here: Path) -> None:
        self.here = here
        fake_smbus2.install(here, 1, duty=30)
        (here / "config.yaml").write_text(CONFIG)
        zone = here / "sys/class/thermal/thermal_zone0"
        zone.mkdir(parents=True)
        (zone / "type").write_text("cpu-thermal\n")
        self._temp = zone / "temp"
        self.heat_to(TEMP_CELSIUS)
        self.daemon: DaemonProcess | None = None
        self.starts = 0

    def start(self) -> DaemonProcess:
        """ExecStart. A run directory of one name for all, as RuntimeDirectoryPreserve has it."""
        assert UNIT["ExecStart"].endswith("/bin/a1d")
        self.starts += 1
        place = self.here / f"start{self.starts}"
        place.mkdir()
        launch = [sys.executable, "-c", LAUNCH.format(str(self.here / "sys"))]
        launch += ["--config", str(self.here / "config.yaml")]
        self.daemon = DaemonProcess(place, self.here / "run", launch, self.environ)
        return self.daemon

    def heat_to(self, celsius: int) -> None:
        """The chip's temperature from now on."""
        self._temp.write_text(f"{celsius * 1000}\n")

    @property
    def environ(self) -> dict[str, str]:
        return {
            "PYTHONPATH": f"{self.here}:{ROOT}",
            "PYTHONWARNINGS": "error",
            "RUNTIME_DIRECTORY": str(self.here / "run"),
            "A1D_CONFIG": str(self.here / "config.yaml"),
            **dict(re.findall(r"(\w+)=(\S+)", UNIT["Environment"])),
        }

    def stop_post(self, result: str) -> tuple[int, str]:
        """ExecStopPost: exit code and words."""
        assert UNIT["ExecStopPost"].endswith("/a1d-failsafe")
        environ = {**os.environ, **self.environ, "SERVICE_RESULT": result}
        done = subprocess.run(
            [sys.executable, "-m", "a1d.case.failsafe"],
            env=environ,
            capture_output=True,
            text=True,
            check=False,
            timeout=float(UNIT["TimeoutStopSec"].removesuffix("s")),
        )
        return done.returncode, done.stderr

    @property
    def duties(self) -> list[int]:
        """All that was ever written, the first one being older than a1d."""
        return fake_smbus2.duties(self.here)

    @property
    def foreign_writes(self) -> list[str]:
        written = [what for what, _word in fake_smbus2.transfers(self.here) if not what.endswith("?")]
        return [what for what in written if not what.startswith("0x1a 0x80=")]

    def wait_for_duty(self, duty: int, seconds: float = 8.0) -> None:
        deadline_s = time.monotonic() + seconds
        while self.duties[-1] != duty and time.monotonic() < deadline_s:
            time.sleep(0.02)
        assert self.duties[-1] == duty


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    service = Service(tmp_path)
    yield service
    if service.daemon is not None and service.daemon.process_is_ours:
        service.daemon.process.kill()
        service.daemon.close()
    assert service.foreign_writes == []


class Ending(NamedTuple):
    number: signal.Signals
    result: str  # systemd's word for it
    duty: int  # afterwards


ENDINGS = {
    "stop": Ending(signal.SIGTERM, "success", DUTY),
    "crash of the interpreter": Ending(signal.SIGSEGV, "core-dump", FAILSAFE),
    "kill -9": Ending(signal.SIGKILL, "signal", FAILSAFE),
    "out of memory": Ending(signal.SIGKILL, "oom-kill", FAILSAFE),
    "watchdog": Ending(signal.SIGABRT, "watchdog", FAILSAFE),
}


@pytest.mark.parametrize("name", ENDINGS)
def test_the_fan_over_an_end_and_a_new_start(service: Service, name: str) -> None:
    ending = ENDINGS[name]
    daemon = service.start()
    daemon.wait_notified("READY=1")
    service.wait_for_duty(DUTY)

    daemon.process.send_signal(ending.number)
    _out, err = daemon.close()
    before = len(service.duties)
    code, said = service.stop_post(ending.result)
    assert code == 0
    assert service.duties[-1] == ending.duty
    if ending.result != "success":
        assert f"set to {FAILSAFE} %" in said
    if ending.number in (signal.SIGABRT, signal.SIGSEGV):
        assert "daemon.py" in err, "the journal shows where it was"

    service.start().wait_notified("READY=1")
    # It takes over what it finds, and slows only as after any warm spell.
    assert min(service.duties[before:], default=DUTY) >= DUTY
    assert service.duties[-1] == ending.duty


def test_a_start_that_fails_ends_at_failsafe_and_the_next_one_takes_over(service: Service) -> None:
    (service.here / "run").write_text("not a directory\n")
    environ = {**os.environ, **service.environ}
    launch = [sys.executable, "-m", "a1d", "--run-dir", str(service.here / "run")]
    assert subprocess.run(launch, env=environ, capture_output=True, check=False).returncode == 1
    code, _said = service.stop_post("exit-code")
    assert (code, service.duties[-1]) == (0, 100), "nothing is known of the configuration but its place"
    (service.here / "run").unlink()
    service.start().wait_notified("READY=1")
    assert service.duties[-1] == 100


def test_a_bad_configuration_starts_on_defaults_and_says_so(service: Service) -> None:
    (service.here / "config.yaml").write_text("fan: {hold: soon}\n")
    daemon = service.start()
    daemon.wait_notified("READY=1")
    daemon.wait_notified("degraded")
    service.wait_for_duty(curve_of(Config(), Config().sensors[0]).duty_percent(65))
    assert "fan.hold" in daemon.close()[1]


def test_without_a_bus_it_is_ready_and_degraded_and_heals(service: Service) -> None:
    (service.here / "i2c-1").unlink()
    daemon = service.start()
    daemon.wait_notified("READY=1")
    assert daemon.status()["health"]["state"] == "degraded"
    daemon.process.kill()
    daemon.close()
    code, said = service.stop_post("signal")
    assert code == 1
    assert "/dev/i2c-1" in said
    (service.here / "i2c-1").touch()
    service.start().wait_notified("READY=1")
    service.wait_for_duty(DUTY)


def test_a_stop_that_cannot_make_the_fan_faster_counts_as_a_crash(service: Service) -> None:
    """Else systemd says success, and the fan keeps its 70 % at 85 C."""
    daemon = service.start()
    daemon.wait_notified("READY=1")
    service.wait_for_duty(DUTY)
    (service.here / "i2c-1").unlink()
    service.heat_to(85)
    daemon.wait_notified("degraded")
    _out, err = daemon.close()
    assert (daemon.process.returncode, service.duties[-1]) == (1, DUTY)
    assert "could not be set to 100 %" in err
    assert "Traceback" not in err
    (service.here / "i2c-1").touch()
    service.stop_post("exit-code")
    assert service.duties[-1] == FAILSAFE


def test_the_reload_command_says_what_is_wrong(service: Service) -> None:
    daemon = service.start()
    daemon.wait_notified("READY=1")
    (service.here / "config.yaml").write_text("fan: {hold: soon}\n")
    assert UNIT["ExecReload"].endswith("/a1d-ctl reload")
    command = [sys.executable, "-m", "a1d.client.main", "--socket", str(service.here / "run/control.sock"), "reload"]
    done = subprocess.run(command, env=os.environ | service.environ, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "fan.hold" in done.stderr
    daemon.wait_notified("RELOADING=1")
    daemon.wait_notified("READY=1")
    assert daemon.status()["health"]["state"] == "ok", "the old configuration is a good one"


def test_a_socket_that_systemd_never_reads_stops_nothing(service: Service, tmp_path: Path) -> None:
    """The journal and systemd may hang, the fan may not."""
    deaf = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    deaf.bind(str(tmp_path / "deaf"))
    for _ in range(10_000):
        try:
            deaf.sendto(b"x", socket.MSG_DONTWAIT, str(tmp_path / "deaf"))
        except BlockingIOError:
            break
    daemon = DaemonProcess(
        tmp_path,
        tmp_path / "run",
        [sys.executable, "-c", LAUNCH.format(str(tmp_path / "sys")), "--config", str(tmp_path / "config.yaml")],
        service.environ | {"NOTIFY_SOCKET": str(tmp_path / "deaf")},
    )
    service.daemon = daemon
    service.wait_for_duty(DUTY)
    deaf.close()
