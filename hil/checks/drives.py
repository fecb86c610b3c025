"""Drives that come, go, fail and hang, and readings that cannot be true."""

from __future__ import annotations

import os
import signal
import time

from hil.check import check
from hil.rig import PROMPT_FAN, SERVICE, Rig

DRIVE = PROMPT_FAN + "sensors:\n  - {zone: cpu-thermal}\n  - {hwmon: nvme, curve: {50: 20, 70: 100}"
WATCHED, OPTIONAL = DRIVE + "}\n", DRIVE + ", optional: true}\n"


def _with_drive(rig: Rig, config: str, celsius: float = 35) -> None:
    rig.nvme_fault("none")
    rig.nvme_heat_to(celsius)
    rig.nvme(True)
    rig.configure(config)
    rig.wait("health ok", lambda: rig.health() == "ok", 30)


def _is_followed_at_full(rig: Rig, pid: int) -> bool:
    assert rig.fan_percent() == 100, f"{rig.fan_percent()} % after kill -9"
    return rig.pid() not in (0, pid)


@check("a fall that no chip can make: failsafe within 3 s, and it is said")
def fall(rig: Rig) -> str:
    rig.heat_to(64.5)
    rig.wait("67 %", lambda: rig.fan_percent() == 67, 5)
    time.sleep(15)
    rig.heat_at_once(0)
    took_s = rig.wait("100 %", lambda: rig.fan_percent() == 100, 3)
    assert rig.health() == "failsafe"
    assert "exactly 0 C" in " ".join(rig.status()["health"]["problems"])
    rig.heat_to(60)
    rig.wait("health ok", lambda: rig.health() == "ok", 3)
    return f"{took_s:.2f} s"


@check("a drive that appears later, or again, is watched within 7 s")
def appears(rig: Rig) -> str:
    rig.nvme(False)
    rig.configure(OPTIONAL)
    rig.wait("health ok", lambda: rig.health() == "ok", 10)
    rig.nvme_heat_to(80)
    rig.nvme(True)
    took_s = rig.wait("100 %", lambda: rig.fan_percent() == 100, 7)
    rig.nvme(False)
    rig.wait_fan(0, 30)
    rig.nvme(True)
    rig.wait("100 % again", lambda: rig.fan_percent() == 100, 7)
    return f"{took_s:.2f} s"


@check("a drive that fails: failsafe; if it is optional, nothing")
def fails(rig: Rig) -> None:
    _with_drive(rig, WATCHED)
    rig.nvme_fault("error")
    rig.wait("failsafe", lambda: rig.health() == "failsafe", 6)
    assert "temp1_input" in rig.status()["health"]["problems"][0]
    rig.nvme_fault("none")
    rig.wait("health ok", lambda: rig.health() == "ok", 6)
    _with_drive(rig, OPTIONAL)
    rig.wait_fan(0, 30)
    rig.nvme_fault("error")
    time.sleep(10)
    assert (rig.health(), rig.fan_percent()) == ("ok", 0)


@check("a drive's read that hangs in the kernel: the CPU is followed, the next a1d takes over")
def hangs(rig: Rig) -> str:
    _with_drive(rig, WATCHED)
    rig.nvme_fault("hang")
    try:
        rig.wait("failsafe", lambda: rig.health() == "failsafe", 8)
        rig.configure(OPTIONAL)
        rig.wait_fan(0, 40)
        rig.heat_to(72)
        followed_s = rig.wait("100 %", lambda: rig.fan_percent() == 100, 1.5)
        begin_s = rig.now_s()
        rig.out(f"systemctl restart {SERVICE}")
        restart_s = rig.now_s() - begin_s
        assert restart_s < 13, f"restart took {restart_s:.1f} s"
        pid = rig.pid()
        os.kill(pid, signal.SIGKILL)
        # systemd waits twice TimeoutStopSec for what it cannot kill; the fan is at failsafe then.
        killed_s = rig.wait("another a1d", lambda: _is_followed_at_full(rig, pid), 25)
        rig.out(f"systemctl start {SERVICE}")  # until it is ready
    finally:
        rig.nvme_fault("none")
    return f"72 C after {followed_s:.2f} s, restart {restart_s:.1f} s, after kill -9 {killed_s:.1f} s"
