"""A check: however a run for a real case ends, everything is put back. It runs in the virtual machine.

``python -m hil.case_trial`` is the part inside the machine, because the timing matters there. Each run is ended at
the worst moment: while a1d's drop-in names a program that does not exist, and the processor is hot.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from hil.guard import DROP_IN, GUARD, RUN
from hil.power import SOURCE, check
from hil.rig import CONFIG, SERVICE, VirtualRig
from hil.virtual.vm import Vm

PYTHON = "/opt/a1d/bin/python"
# The processor's real temperature, of which the run tells a1d nothing, and what its curve asks for then.
HOT_CELSIUS, HOT_PERCENT = 65, 70
# Above the run's limit of 75 C, below a1d's critical temperature: that would be a problem of its own.
TOO_HOT_CELSIUS = 78
_SAID = Path("/tmp/case-trial.txt")
_SUITE = [PYTHON, "-B", "-m", "hil.suite", "--rig", "case", "--yes", "--report", "/tmp/case-trial.json"]
_TRIED = "a program that cannot start"


@check("a run on somebody's machine puts everything back: SIGTERM, kill -9 of it and of its guard, heat")
def puts_everything_back(vm: Vm) -> str:
    """One after the other, each timed in the machine."""
    done = vm.run(f"cd {SOURCE} && {PYTHON} -B -m hil.case_trial", timeout=1800, host_timeout=1800)
    assert done.status == 0, (done.stdout + done.stderr)[-300:]
    return done.stdout


def _terminated(_rig: VirtualRig, suite: subprocess.Popen[bytes]) -> None:
    suite.terminate()


def _killed(_rig: VirtualRig, suite: subprocess.Popen[bytes]) -> None:
    suite.kill()


def _unguarded(rig: VirtualRig, _suite: subprocess.Popen[bytes]) -> None:
    os.kill(int(rig.out(f"systemctl show -p MainPID --value {GUARD}")), signal.SIGKILL)


def _heated(rig: VirtualRig, _suite: subprocess.Popen[bytes]) -> None:
    rig.heat_to(TOO_HOT_CELSIUS)


# With what the suite then ends, what it says, and what the fan has to do.
_ENDS: tuple[tuple[str, Callable[[VirtualRig, subprocess.Popen[bytes]], None], int, str, int], ...] = (
    ("SIGTERM", _terminated, 1, "ended early (SIGTERM); a1d is in charge again", HOT_PERCENT),
    ("kill -9", _killed, -signal.SIGKILL, "", HOT_PERCENT),
    ("kill -9 of the guard", _unguarded, 1, "ended early (its guard was stopped); a1d is in charge again", HOT_PERCENT),
    ("78 C", _heated, 1, "ended early (cpu: 78 C; 75 C is too hot for this); a1d is in charge again", 100),
)


def _command(rig: VirtualRig) -> str:
    # Without what is of this start only: process, times.
    return rig.out(f"systemctl show -p ExecStart --value {SERVICE}").partition(" ; ignore_errors")[0]


@contextlib.contextmanager
def _run(only: str) -> Iterator[subprocess.Popen[bytes]]:
    with _SAID.open("wb") as said:
        suite = subprocess.Popen([*_SUITE, "--only", only], stdout=said, stderr=subprocess.STDOUT)
    try:
        yield suite
    finally:
        suite.kill()
        suite.wait()


def _is_at_its_worst() -> bool:
    with contextlib.suppress(FileNotFoundError):
        return "no-such-program" in DROP_IN.read_text()
    return False


def _is_undone(rig: VirtualRig) -> bool:
    state = rig.out(f"systemctl show -p ActiveState --value {GUARD}")
    return state in ("inactive", "failed") and not DROP_IN.exists()


def _try_end(
    rig: VirtualRig,
    end: Callable[[VirtualRig, subprocess.Popen[bytes]], None],
    exit_code: int,
    says: str,
    least_percent: int,
) -> str:
    rig.set_up()
    rig.heat_to(HOT_CELSIUS)
    rig.wait_fan(HOT_PERCENT, 5)
    command, config = _command(rig), CONFIG.read_bytes()
    with _run(_TRIED) as suite:
        rig.wait("a1d cannot start", _is_at_its_worst, 120)
        rig.wait("failsafe", lambda: rig.fan_percent() == 100, 10)
        end(rig, suite)
        begin_s = rig.now_s()
        lowest = 100

        def sees_the_end() -> bool:
            nonlocal lowest
            lowest = min(lowest, rig.fan_percent())
            return suite.poll() is not None and _is_undone(rig)

        rig.wait("the end", sees_the_end, 60)
        took_s = rig.now_s() - begin_s
        while rig.now_s() < begin_s + took_s + 15:
            assert not DROP_IN.exists(), "the drop-in came back"
            lowest = min(lowest, rig.fan_percent())
            time.sleep(0.1)
    said = _SAID.read_text()
    assert suite.returncode == exit_code, f"exit code {suite.returncode}: {said[-300:]}"
    assert says in said, said[-300:]
    assert lowest >= least_percent, f"the fan went down to {lowest} %"
    assert _command(rig) == command, _command(rig)
    assert rig.sh(f"systemctl is-active {SERVICE}").returncode == 0
    assert not RUN.exists(), f"left: {list(RUN.iterdir())}"
    assert CONFIG.read_bytes() == config
    assert rig.health() == "ok", rig.health()
    return f"{took_s:.1f} s"


def main() -> int:
    """Exit code 0 if all went as it must."""
    rig = VirtualRig()
    try:
        for name, end, exit_code, says, least_percent in _ENDS:
            try:
                print(f"{name}: {_try_end(rig, end, exit_code, says, least_percent)};", flush=True)
            except (AssertionError, OSError) as error:
                print(f"{name}: {error or repr(error)}", file=sys.stderr)
                return 1
        return 0
    finally:
        rig.heat_to(45)


if __name__ == "__main__":
    sys.exit(main())
