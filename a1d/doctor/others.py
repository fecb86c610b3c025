"""Other daemons for this case, by the list that make install refuses by: other-daemons.sh."""

from __future__ import annotations

import os

from a1d.doctor import service
from a1d.doctor.result import Result, fail, info, ok, warn
from a1d.doctor.system import System

_CHECK = "other daemons"
_SCRIPT = os.path.join(os.path.dirname(__file__), "other-daemons.sh")
_WAIT_MAX_S = 20.0
_MENTIONED_MAX = 10


def checks(system: System) -> list[Result]:
    """A result for each file, process and open device of somebody else's; or one that there is none."""
    unit = service.find_unit(system)
    prefix = (service.prefix(system, unit) if unit else None) or "/opt/a1d"
    ran = system.run("sh", _SCRIPT, "--list", DESTDIR=system.root, PREFIX=prefix, wait_max_s=_WAIT_MAX_S)
    if ran.code != 0:
        return [info(_CHECK, f"not looked for: {ran.why or f'other-daemons.sh ended with {ran.code}'}")]
    results = [result for line in ran.out.splitlines() if (result := _result(system, line))][:_MENTIONED_MAX]
    if not results:
        blind = (
            ""
            if system.caller[0] == 0
            else " (which programs have the bus open only root can see: sudo a1d-ctl doctor)"
        )
        return [ok(_CHECK, f"none that is known is installed or runs{blind}")]
    return results


def _result(system: System, line: str) -> Result | None:
    kind, _, what = line.strip().partition(" ")
    if kind == "file":
        # On NixOS, and after 'systemctl edit --full', ours is in /etc too.
        if what.endswith(f"/{service.UNIT}") and "a1d-failsafe" in (system.read(what) or ""):
            return None
        name = what.rpartition("/")[2]
        if "/system-shutdown/" in what:
            return fail(_CHECK, f"{what} is another daemon's hook: two cut the power", f"sudo rm {what}")
        stop = f"sudo systemctl disable --now {name}"
        return fail(_CHECK, f"{what} is another daemon for this case, and two fight over the fan", stop)
    pid, _, rest = what.partition(" ")
    if kind == "process" and pid.isdecimal():
        text = f"process {pid} ({rest[:70]}) is another daemon for this case, and two fight over the fan"
        return fail(_CHECK, text, f"sudo kill {pid}")
    fields = rest.split(" ", 2)
    if kind == "open" and pid.isdecimal() and len(fields) == 3:
        device, unit, command = fields
        stop = f"sudo kill {pid}" if unit == "-" else f"sudo systemctl disable --now {unit}"
        text = f"process {pid} ({command[:70]}) has {device} open; if it drives this case's fan or button, stop it"
        return warn(_CHECK, text, stop)
    return None
