"""A root directory in which all is well, for a test to break one thing in."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from a1d import __version__
from a1d.config.settings import Config
from a1d.doctor.checkup import examine
from a1d.doctor.chips import Chip
from a1d.doctor.result import Result
from a1d.doctor.system import Ran, System, run_bounded
from tests.client.test_words import GOOD

UNIT = "/usr/lib/systemd/system/a1d.service"
HOOK = "/usr/lib/systemd/system-shutdown/a1d-powercut"
CONFIG = "/etc/a1d/config.yaml"
BOOT = "/boot/firmware/config.txt"
WANTS = "/etc/systemd/system/multi-user.target.wants"
POLKIT = "/usr/share/dbus-1/system-services/org.freedesktop.PolicyKit1.service"
RULES = "/usr/share/polkit-1/rules.d/50-a1d.rules"
ZONE = "/sys/class/thermal/thermal_zone0"
SHOW = {
    "LoadState": "loaded",
    "ActiveState": "active",
    "SubState": "running",
    "UnitFileState": "enabled",
    "NRestarts": "0",
    "WatchdogUSec": "10s",
    "NeedDaemonReload": "no",
    "Result": "success",
}
EEPROM = "[all]\nBOOT_UART=1\nPOWER_OFF_ON_HALT=1\nPSU_MAX_CURRENT=5000\n"


class FakeMachine:
    """``put``, ``remove``, ``show``, ``commands``, ``chips`` and ``status`` change it; ``results`` examines it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.show = dict(SHOW)
        self.commands = {"vcgencmd bootloader_config": EEPROM, "vcgencmd get_throttled": "throttled=0x0\n"}
        self.chips = [Chip("/dev/gpiochip0", "pinctrl-rp1", "a1d"), Chip("/dev/gpiochip1", "gpio-brcmstb@1")]
        self.listed = Ran(0, "")  # what the script lists unless it runs
        self.runs_script = False  # it takes a while, and most tests are about something else
        self.chips_error: Exception | None = None
        self.caller = (0, [0])
        self.status: dict[str, Any] | None = {
            **GOOD,
            "version": __version__,
            "simulated": False,
            "uptime_s": 60.0,
            "bus_errors": 0,
            "duty_confirmed_percent": 40,
            "firmware_id": 0xA2,
            "health": {"state": "ok", "problems": []},
            "button": {"watching": True, "double_presses": 0, "holds": 0, "pulses_ignored": 0},
        }
        self.silence = ""
        self.in_use: Config | None = None
        gid = self._gid()
        self.put("/etc/passwd", "root:x:0:0:root:/root:/bin/bash\na1d:x:991:991::/:/usr/sbin/nologin\n")
        self.put("/etc/group", f"i2c:x:{gid}:a1d\na1d:x:991:\n")
        for device in ("/dev/i2c-1", "/dev/gpiochip0"):
            self.put(device, "", 0o660)
        self.put("/sys/bus/i2c/devices/i2c-1/name", "Synopsys DesignWare I2C adapter\n")
        self.put(BOOT, "# a Pi\ndtparam=i2c_arm=on\ndtparam=uart0=on\n")
        self.put("/proc/device-tree/model", "Raspberry Pi 5 Model B Rev 1.0\0")
        self.put(UNIT, "[Service]\nExecStart=/opt/a1d/bin/a1d\nExecStopPost=/opt/a1d/bin/a1d-failsafe\n")
        self.link(f"{WANTS}/a1d.service", UNIT)
        self.put("/usr/lib/udev/rules.d/60-a1d.rules", "")
        self.put("/opt/a1d/bin/python", "", 0o755)
        self.put("/opt/a1d/bin/a1d", "", 0o755)
        self.link("/usr/local/bin/a1d", "/opt/a1d/bin/a1d")
        self.put("/opt/a1d/bin/a1d-powercut", "#!/opt/a1d/bin/python -I\n", 0o755)
        self.link(HOOK, "/opt/a1d/bin/a1d-powercut")
        self.put(POLKIT, "")
        self.put(RULES, "")
        self.put(CONFIG, "# fan:\n")
        self.put(f"{ZONE}/type", "cpu-thermal\n")
        self.put(f"{ZONE}/temp", "51250\n")

    def _gid(self) -> int:
        self.put("/tmp/mine", "")
        return (self.root / "tmp/mine").stat().st_gid

    def path(self, name: str) -> Path:
        return self.root / name.lstrip("/")

    def put(self, name: str, text: str, mode: int = 0o644) -> None:
        path = self.path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)

    def link(self, name: str, target: str) -> None:
        path = self.path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.symlink_to(target)

    def remove(self, name: str) -> None:
        path = self.path(name)
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()

    def run(self, command: tuple[str, ...], environ: dict[str, str], wait_max_s: float) -> Ran:
        if command[0] == "sh":
            return run_bounded(command, environ, wait_max_s) if self.runs_script else self.listed
        if command[0] == "systemctl" and self.show:
            return Ran(0, "".join(f"{key}={value}\n" for key, value in self.show.items()))
        if (out := self.commands.get(" ".join(command))) is not None:
            return Ran(0, out)
        return Ran(None, "", f"{command[0]} is not installed")

    def _read_chips(self, _line: int) -> list[Chip]:
        if self.chips_error:
            raise self.chips_error
        return self.chips

    def system(self) -> System:
        return System(
            str(self.root),
            run=self.run,
            status=self.status,
            silence=self.silence,
            in_use=self.in_use,
            chips=self._read_chips,
            caller=self.caller,
        )

    def results(self) -> list[Result]:
        return examine(self.system())


Break = Callable[[FakeMachine], None]


def snapshot(root: Path) -> dict[str, tuple[int, float, str]]:
    """Everything below a directory: mode, time of the last change, content."""
    found = {}
    for path in root.rglob("*"):
        about = path.lstat()
        text = os.readlink(path) if path.is_symlink() else path.read_text() if path.is_file() else ""
        found[str(path)] = about.st_mode, about.st_mtime, text
    return found
