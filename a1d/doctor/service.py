"""The service: installed once, enabled, running, watched, of the client's version, and well by its own word."""

from __future__ import annotations

import os
import re

from a1d import __version__
from a1d.doctor import accounts
from a1d.doctor.result import Result, fail, info, ok, warn
from a1d.doctor.system import System

UNIT = "a1d.service"
UNIT_PLACES = ("/etc/systemd/system", "/run/systemd/system", "/usr/local/lib/systemd/system", "/usr/lib/systemd/system")
TOLD = ("daemon", "health")  # the checks that the daemon itself answers
_INSTALLED, _ENABLED, _RUNNING, _WATCHED = "installation", "service enabled", "service running", "watchdog"
_NEEDS_UNIT = re.compile(r"( && )?sudo (systemctl \w+ (?:--now )?a1d\b|systemd-sysusers).*")
_PROPERTIES = "LoadState,ActiveState,SubState,UnitFileState,NRestarts,WatchdogUSec,NeedDaemonReload,Result"


def checks(system: System) -> list[Result]:
    """Everything about the unit and the daemon."""
    unit = find_unit(system)
    if unit is None:
        return [
            fail(_INSTALLED, f"there is no {UNIT}: a1d is not installed as a service", system.reinstall),
            _daemon(system),
            *_health(system),
        ]
    results = _installations(system, unit)
    properties = _ask_systemd(system)
    if properties:
        results += [_enabled(system, properties["UnitFileState"]), *_running(system, properties)]
    else:
        results += [_enabled(system, None), info(_RUNNING, "systemd does not answer, so it is not seen")]
    return [*results, _daemon(system), *_health(system), accounts.check_steering(system)]


def find_unit(system: System) -> str | None:
    """The unit's file: the one that systemd would take."""
    places = [*UNIT_PLACES, "/lib/systemd/system"]
    return next((f"{place}/{UNIT}" for place in places if system.exists(f"{place}/{UNIT}")), None)


def without_unit(mend: str | None) -> str | None:
    """What is left of a command that mends where there is no unit, which could be started."""
    left = _NEEDS_UNIT.sub("", mend or "")
    return left or None


def prefix(system: System, unit: str) -> str | None:
    """Where the service's program is, without /bin/a1d; None if the unit names none."""
    found = re.search(r"^ExecStart=(\S*)/bin/a1d\s*$", system.read(unit) or "", re.MULTILINE)
    return found[1] if found else None


def _ask_systemd(system: System) -> dict[str, str]:
    """Properties of the unit; none if systemd does not run or cannot be asked."""
    ran = system.run("systemctl", "show", UNIT, f"--property={_PROPERTIES}")
    found = dict(line.partition("=")[::2] for line in ran.out.splitlines() if "=" in line)
    return found if ran.code == 0 and found.keys() >= set(_PROPERTIES.split(",")) else {}


def _installations(system: System, unit: str) -> list[Result]:
    """Of several, the service runs one; the commands may be another's."""
    home = prefix(system, unit)
    if home is None:
        return [warn(_INSTALLED, f"{unit} starts no a1d that is known here", f"systemctl cat {UNIT}")]
    program = f"{home}/bin/a1d"
    if system.stat(program) is None and program not in system.unseen:
        return [fail(_INSTALLED, f"{unit} starts {program}, which does not exist", system.reinstall)]
    others = [
        other
        for other in (
            "/opt/a1d/bin/a1d",
            "/usr/bin/a1d",
            "/usr/local/bin/a1d",
            f"{os.path.expanduser('~')}/.local/bin/a1d",
        )
        if system.exists(other) and system.resolve(other) != system.resolve(program)
    ]
    units = [f"{place}/{UNIT}" for place in UNIT_PLACES if system.exists(f"{place}/{UNIT}")]
    results = []
    for other in others:
        text = f"there are two: the service runs {program}, and {other} is another one; take one away"
        results.append(fail(_INSTALLED, text, _removal(other)))
    if len(units) > 1 and not system.exists("/etc/NIXOS"):
        text = f"there are two units: {units[0]} is in force and hides {units[1]}"
        results.append(warn(_INSTALLED, text, f"systemctl cat {UNIT}"))
    return results or [ok(_INSTALLED, f"{program} is there, and no other")]


def _removal(program: str) -> str:
    if program == "/usr/bin/a1d":
        return "sudo apt remove a1d"
    if program.startswith("/opt/"):
        return "sudo make uninstall   # in the directory with a1d's sources; then install the package again"
    return f"{'' if '/.local/' in program else 'sudo '}pip uninstall --break-system-packages a1d"


def _enabled(system: System, state: str | None) -> Result:
    if state in ("masked", "masked-runtime"):
        return fail(_ENABLED, "the unit is masked: it cannot start", "sudo systemctl unmask a1d")
    wants = system.exists(f"/etc/systemd/system/multi-user.target.wants/{UNIT}")
    if wants or (state or "").startswith("enabled"):
        return ok(_ENABLED, "it starts when the machine does")
    return fail(_ENABLED, "it does not start when the machine does", "sudo systemctl enable a1d")


def _running(system: System, properties: dict[str, str]) -> list[Result]:
    active, sub = properties["ActiveState"], properties["SubState"]
    results = []
    if active == "active":
        results.append(ok(_RUNNING, f"{active} ({sub})"))
    elif active in ("activating", "reloading", "deactivating"):
        results.append(
            warn(_RUNNING, f"it is {active} ({sub}, last result {properties['Result']})", "journalctl -n 30 -u a1d")
        )
    else:
        results.append(fail(_RUNNING, f"it is {active}: nobody looks after the fan", "sudo systemctl start a1d"))
    if properties["NRestarts"] not in ("0", ""):
        text = f"it had to be started anew {properties['NRestarts']} times"
        results.append(warn("restarts", text, "journalctl -n 100 -u a1d"))
    if properties["NeedDaemonReload"] == "yes":
        mend = "sudo systemctl daemon-reload && sudo systemctl restart a1d"
        results.append(warn("unit", "its file has changed, and systemd has not read it again", mend))
    if properties["WatchdogUSec"] in ("0", "infinity"):
        text = "it is off, by a drop-in of the unit: a daemon that hangs is not noticed"
        results.append(warn(_WATCHED, text, f"systemctl cat {UNIT}"))
    else:
        results.append(ok(_WATCHED, f"systemd notices within {properties['WatchdogUSec']} if the daemon hangs"))
    return results


def _daemon(system: System) -> Result:
    status = system.status
    if status is None:
        return fail("daemon", system.silence or "it does not answer", "sudo systemctl start a1d")
    if status["version"] != __version__:
        text = f"it is version {status['version']}, and this a1d-ctl is {__version__}"
        return fail("daemon", text, "sudo systemctl restart a1d")
    simulated = ", on a simulated case" if system.is_simulated else ""
    return ok("daemon", f"it answers{simulated}; version {__version__}")


def _health(system: System) -> list[Result]:
    if system.status is None:
        return []
    health = system.status["health"]
    if health["state"] == "ok":
        return [ok("health", "the daemon knows of no problem")]
    return [
        fail("health", f"{health['state']}: {problem}", "a1d-ctl status") for problem in health["problems"][:10]
    ] or [fail("health", health["state"], "a1d-ctl status")]
