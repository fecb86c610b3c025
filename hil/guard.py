"""Whatever becomes of a program that plays with somebody's fan, a1d is in charge again within seconds.

A unit of systemd's own, ``a1d-hil-guard``, watches that program and the real temperature; its ExecStopPost= puts
everything back, so it does not matter how either of them ends. What is changed lives in /run: if the machine ends,
that is gone too.
"""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from a1d import sensors
from a1d.case_bus import RegisterBus, open_smbus
from hil.bus_trace import forget_trace
from hil.rig import SERVICE

RUN = Path("/run/a1d-hil")
DROP_IN = Path("/run/systemd/system/a1d.service.d/zz-a1d-hil.conf")
GUARD = "a1d-hil-guard.service"
HOT_CELSIUS = 75
_HOT = RUN / "hot"
_BUS = RUN / "bus"


class RefusedError(Exception):
    """This machine is not in a state to be tried; the text says what to do."""


def real_celsius() -> float:
    """The hottest of processor and drives, as the kernel knows it; one that cannot be read counts as hot."""
    try:
        paths = sensors.find_zone("/sys", "cpu-thermal")
        with contextlib.suppress(OSError):
            paths += sensors.find_hwmon("/sys", "nvme")
        return max(sensors.parse_celsius(Path(path).read_bytes()) for path in paths)
    except OSError:
        return 999.0


@contextlib.contextmanager
def guarded(bus: int) -> Iterator[None]:
    """In here a1d may be stopped, killed and lied to. RefusedError if another run is under way."""
    if (celsius := real_celsius()) >= HOT_CELSIUS:
        raise RefusedError(f"it is {celsius:.0f} C hot already; let the machine cool below {HOT_CELSIUS} C first")

    def end(number: int, _frame: object) -> None:
        raise KeyboardInterrupt(signal.Signals(number).name)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, end)
    python = [sys.executable, "-B", "-m", "hil.guard"]
    unit = ["systemd-run", "--quiet", "--collect", f"--unit={GUARD}", f"--working-directory={os.getcwd()}"]
    unit += ["-p", "TimeoutStopSec=60", "-p", "OOMScoreAdjust=-900", "-p", f"ExecStopPost={' '.join(python)} restore"]
    if subprocess.run([*unit, *python, "watch", str(os.getpid())], check=False).returncode:
        raise RefusedError(f"another run is under way, or its end failed: systemctl status {GUARD}")
    try:
        RUN.mkdir(mode=0o755, exist_ok=True)
        _BUS.write_text(str(bus))
        yield
    finally:
        # Waits until everything is as it was.
        subprocess.run(["systemctl", "stop", GUARD], check=False)


def check_guard() -> None:
    """Go no further without it."""
    if subprocess.run(["systemctl", "is-active", "--quiet", GUARD], check=False).returncode:
        raise KeyboardInterrupt("its guard was stopped")


def why_ended() -> str:
    """Why the guard has put an end to this, or nothing."""
    return _HOT.read_text() if _HOT.exists() else ""


def _watch(pid: int) -> None:
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    while not select.select([process], [], [], 1.0)[0]:
        if (celsius := real_celsius()) >= HOT_CELSIUS:
            print(f"{celsius:.0f} C: the fan goes to 100 %, the run ends", flush=True)
            RUN.mkdir(mode=0o755, exist_ok=True)
            _HOT.write_text(f"{celsius:.0f} C is too hot")
            signal.pidfd_send_signal(process, signal.SIGTERM)
            _full_speed()
            if not select.select([process], [], [], 2.0)[0]:
                signal.pidfd_send_signal(process, signal.SIGKILL)
            return


def _full_speed() -> None:
    # Again after 0.7 s: one that falls into a kick is dropped (docs/hardware.md M7).
    for _ in range(2):
        with (
            contextlib.suppress(OSError, ValueError),
            contextlib.closing(open_smbus(int(_BUS.read_text()), 0)) as smbus,
        ):
            RegisterBus(smbus).write_duty(100)
        time.sleep(0.7)


def _restore() -> int:
    """Exit code of starting a1d as its owner configured it."""
    if _HOT.exists():
        _full_speed()
    DROP_IN.unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        DROP_IN.parent.rmdir()
    subprocess.run(["systemctl", "daemon-reload"], check=False)
    code = subprocess.run(["systemctl", "restart", SERVICE], check=False).returncode
    forget_trace()
    shutil.rmtree(RUN, ignore_errors=True)
    return code


if __name__ == "__main__":
    if sys.argv[1] == "watch":
        _watch(int(sys.argv[2]))
    else:
        raise SystemExit(_restore())
