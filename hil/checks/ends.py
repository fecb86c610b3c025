"""However the daemon ends, the fan is at least as fast as before, and a new daemon controls it."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator

from hil.check import check
from hil.rig import CONFIG, SERVICE, NotHere, Rig, prompt_fan

HOT_CELSIUS, HOT_PERCENT = 62, 52
HOT_PERCENT_BY_DEFAULT = 56  # what the built-in curve asks for there


def _hot(rig: Rig) -> float:
    rig.heat_to(HOT_CELSIUS)
    rig.wait("52 %", lambda: rig.fan_percent() == HOT_PERCENT, 3)
    time.sleep(1)
    return rig.now_s()


@contextlib.contextmanager
def busy() -> Iterator[None]:
    """Run two programs, each of which uses a whole processor."""
    hungry = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(2)]
    try:
        yield
    finally:
        for each in hungry:
            each.kill()
            each.wait()


def _back(rig: Rig, begin_s: float, old_pid: int, within_s: float) -> str:
    """Wait until a new daemon controls the fan. Returns for how long no daemon did."""
    rig.wait("a new daemon", lambda: rig.pid() not in (0, old_pid), within_s)
    rig.wait("active", lambda: rig.sh(f"systemctl is-active {SERVICE}").returncode == 0, 10)
    written = [each.value or 0 for each in rig.transfers() if each.is_write and each.time_s > begin_s]
    assert min(written, default=100) >= HOT_PERCENT, f"the fan was set to {min(written)} %"
    ready_s = int(rig.out(f"systemctl show -p ActiveEnterTimestampMonotonic --value {SERVICE}")) / 1e6
    return f"{ready_s - begin_s:.2f} s without control"


@check("systemctl restart keeps the duty")
def restart(rig: Rig) -> str:
    begin_s, pid = _hot(rig), rig.pid()
    rig.out(f"systemctl restart {SERVICE}")
    assert rig.fan_percent() == HOT_PERCENT
    return _back(rig, begin_s, pid, 10)


@check("systemctl stop keeps the duty")
def stop(rig: Rig) -> None:
    _hot(rig)
    rig.out(f"systemctl stop {SERVICE}")
    assert rig.fan_percent() == HOT_PERCENT


def _killed(name: str, signal: str) -> None:
    @check(f"{name}: failsafe, then a new daemon")
    def killed(rig: Rig) -> str:
        begin_s, pid = _hot(rig), rig.pid()
        rig.out(f"kill -{signal} {pid}")
        rig.wait("failsafe", lambda: rig.fan_percent() == 100, 14)
        return _back(rig, begin_s, pid, 20)


_killed("kill -9", "KILL")
_killed("a crash of the interpreter (SIGSEGV)", "SEGV")
_killed("an abort (its place in the journal)", "ABRT")
_killed("a hung daemon (SIGSTOP, the real watchdog)", "STOP")


@check("out of memory: failsafe, then a new daemon")
def out_of_memory(rig: Rig) -> str:
    begin_s, pid = _hot(rig), rig.pid()
    rig.run_out_of_memory(pid)
    rig.wait("the end", lambda: rig.pid() != pid, 5)
    rig.wait("failsafe", lambda: rig.fan_percent() == 100, 5)
    return _back(rig, begin_s, pid, 20)


@check("a program that cannot start: failsafe after each try, and it is tried again for ever")
def failed_start(rig: Rig) -> None:
    _hot(rig)
    rig.program(False)
    try:
        rig.sh(f"systemctl restart {SERVICE}")
        rig.wait("failsafe", lambda: rig.fan_percent() == 100, 5)
        time.sleep(10)
        restarts = int(rig.out(f"systemctl show -p NRestarts --value {SERVICE}"))
        assert restarts >= 3, f"{restarts} new tries in 10 s"
        assert rig.fan_percent() == 100
    finally:
        rig.program(True)
    rig.wait("active", lambda: rig.sh(f"systemctl is-active {SERVICE}").returncode == 0, 10)


@check("a bad configuration: built-in defaults at the start, the old one at a reload, and the journal says so")
def bad_configuration(rig: Rig) -> None:
    _hot(rig)
    rig.write_config("fan: {hold: soon}\n")
    assert rig.sh(f"systemctl reload {SERVICE}").returncode != 0
    assert rig.health() == "ok"
    said_before = rig.journal().count("fan.hold")
    rig.out(f"systemctl restart {SERVICE}")
    assert rig.health() == "degraded"
    assert rig.journal().count("fan.hold") > said_before
    rig.wait("the built-in curve", lambda: rig.fan_percent() == HOT_PERCENT_BY_DEFAULT, 3)
    rig.write_config("fan: {hold: 5s}\n")
    pid = rig.pid()
    rig.out(f"systemctl reload {SERVICE}")
    rig.wait("health ok", lambda: rig.health() == "ok", 3)
    assert rig.pid() == pid


@check("fifty reloads while it heats on a busy machine: same daemon, never slower, each one answered")
def reload_under_load(rig: Rig) -> str:
    rig.heat_to(50)
    rig.wait("10 %", lambda: rig.fan_percent() == 10, 3)  # after the kick-start
    pid, worst_s = rig.pid(), 0.0
    with busy():
        for index in range(50):
            rig.heat_to(50 + index * 19 / 49)
            rig.write_config(prompt_fan(f"{5 + index % 20}s"))
            before, begin_s = rig.fan_percent(), rig.now_s()
            rig.out("a1d-ctl reload")
            worst_s = max(worst_s, rig.now_s() - begin_s)
            assert rig.fan_percent() >= before, f"{before} % before the reload, then {rig.fan_percent()} %"
        rig.wait("94 %", lambda: rig.fan_percent() == 94, 3)
    assert rig.pid() == pid
    return f"the slowest took {worst_s:.2f} s, a1d-ctl's start included"


@check("upgrade: a new program is installed while it is hot: the fan never slows, the configuration stays")
def upgrade(rig: Rig) -> str:
    if rig.name != "virtual":
        raise NotHere("nobody's program is replaced without their asking; 'make install' does it")
    text = prompt_fan("7s")
    rig.configure(text)
    _hot(rig)
    pid, lowest = rig.pid(), 100
    place = "PIP_NO_INDEX=1 PIP_FIND_LINKS=/root/wheels"
    with subprocess.Popen(["/bin/sh", "-c", f"cd /root/a1d && {place} make install >/dev/null 2>&1"]) as installing:
        while installing.poll() is None:
            lowest = min(lowest, rig.fan_percent())
            time.sleep(0.1)
    assert installing.returncode == 0, installing.returncode
    assert lowest >= HOT_PERCENT, f"down to {lowest} % meanwhile"
    assert rig.pid() not in (0, pid), "not restarted"
    assert CONFIG.read_text() == text
    rig.wait("health ok", lambda: rig.health() == "ok", 5)
    stopped_s, started_s = (
        int(rig.out(f"systemctl show -p {which}EnterTimestampMonotonic --value {SERVICE}")) / 1e6
        for which in ("Inactive", "Active")
    )
    return f"{started_s - stopped_s:.2f} s from the old daemon's end to the new one's READY"
