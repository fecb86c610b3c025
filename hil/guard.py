"""However the suite ends on somebody's machine, a1d controls the fan again within seconds.

A systemd unit, ``a1d-hil-guard``, watches the suite and the real temperature. Its ExecStopPost= lines put everything
back, however the suite or the guard ends. They are plain commands that need neither the clone nor Python. All changes
are in /run, so a power failure undoes them too.
"""

from __future__ import annotations

import contextlib
import os
import select
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from a1d.case.bus import RegisterBus, open_smbus
from hil.bus_trace import INSTANCE
from hil.real_heat import RealHeat, owners_config
from hil.rig import SERVICE

RUN = Path("/run/a1d-hil")
DROP_IN = Path("/run/systemd/system/a1d.service.d/zz-a1d-hil.conf")
GUARD = "a1d-hil-guard.service"
# While this file exists, no disk can be written until the machine restarts (hil/read_only.py).
READ_ONLY = RUN / "read-only"
_HOT = RUN / "hot"
_BUS = RUN / "bus"
# Not at once: the case may be about to cut the power, and it must not do so while the machine starts.
_RESTART = f"test ! -e {READ_ONLY} || systemd-run --on-active=60 systemctl reboot --force --force"
_UNDO = (
    f"rm -f {DROP_IN}",
    f"rmdir --ignore-fail-on-non-empty {DROP_IN.parent}",
    "systemctl daemon-reload",
    f"systemctl restart {SERVICE}",
    f"sh -c {shlex.quote(_RESTART)}",
    f"rmdir {INSTANCE}",
    f"rm -rf {RUN}",
)


class CannotBeginError(Exception):
    """The suite cannot begin on this machine. The text says what to do."""


def _undo() -> list[list[str]]:
    """The commands that put everything back. Each is harmless if nothing is to be put back or an earlier one failed."""
    commands = [shlex.split(each) for each in _UNDO]
    return [[shutil.which(each[0]) or f"/bin/{each[0]}", *each[1:]] for each in commands]


@contextlib.contextmanager
def guarded(bus: int) -> Iterator[None]:
    """In here a1d may be stopped, killed and given false values. CannotBeginError if another run is under way."""
    if trouble := RealHeat(owners_config()).trouble():
        raise CannotBeginError(f"{trouble}. Mend that, or let the machine cool, and try again")

    def end(number: int, _frame: object) -> None:
        raise KeyboardInterrupt(signal.Signals(number).name)

    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    for number in signals:
        signal.signal(number, end)
    unit = ["systemd-run", "--quiet", "--collect", f"--unit={GUARD}", f"--working-directory={os.getcwd()}"]
    unit += ["-p", "TimeoutStopSec=60", "-p", "OOMScoreAdjust=-900"]
    for command in _undo():
        unit += ["-p", f"ExecStopPost=-{shlex.join(command)}"]
    watch = [sys.executable, "-B", "-m", "hil.guard", str(os.getpid())]
    if subprocess.run([*unit, *watch], check=False).returncode:
        raise CannotBeginError(f"another run is under way, or its end failed: systemctl status {GUARD}")
    try:
        RUN.mkdir(mode=0o755, exist_ok=True)
        _BUS.write_text(str(bus))
        yield
    finally:
        for number in signals:
            signal.signal(number, signal.SIG_IGN)
        # Waits until everything is put back.
        subprocess.run(["systemctl", "stop", GUARD], check=False, stderr=subprocess.DEVNULL)
        # If the guard ended without our noticing, we may have changed something after it had put everything back.
        if DROP_IN.exists() or RUN.exists():
            for command in _undo():
                subprocess.run(command, check=False, stderr=subprocess.DEVNULL)


def check_guard() -> None:
    """End the run with KeyboardInterrupt if the guard does not run."""
    if subprocess.run(["systemctl", "is-active", "--quiet", GUARD], check=False).returncode:
        raise KeyboardInterrupt(why_ended() or "its guard was stopped")


def why_ended() -> str:
    """Why the guard ended the run; empty if it did not."""
    return _HOT.read_text() if _HOT.exists() else ""


def in_charge() -> str:
    """Whether a1d controls the fan again, as a sentence."""
    if DROP_IN.exists() or subprocess.run(["systemctl", "is-active", "--quiet", SERVICE], check=False).returncode:
        remedy = f"sudo rm -f {DROP_IN}; sudo systemctl daemon-reload; sudo systemctl restart {SERVICE}"
        return f"a1d does NOT run as it did: {remedy}"
    return "a1d is in charge again"


def _watch(pid: int) -> None:
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    heat = RealHeat(owners_config())
    while not select.select([process], [], [], 1.0)[0]:
        if trouble := heat.trouble():
            print(f"{trouble}: the fan goes to 100 %, the run ends", flush=True)
            RUN.mkdir(mode=0o755, exist_ok=True)
            _HOT.write_text(trouble)
            signal.pidfd_send_signal(process, signal.SIGTERM)
            _full_speed()
            if not select.select([process], [], [], 2.0)[0]:
                signal.pidfd_send_signal(process, signal.SIGKILL)
            return


def _full_speed() -> None:
    # Twice, 0.7 s apart: the controller drops a write during a kick-start (docs/hardware.md M7).
    for _ in range(2):
        with (
            contextlib.suppress(OSError, ValueError),
            contextlib.closing(open_smbus(int(_BUS.read_text()), 0)) as smbus,
        ):
            RegisterBus(smbus).write_duty(100)
        time.sleep(0.7)


if __name__ == "__main__":
    _watch(int(sys.argv[1]))
