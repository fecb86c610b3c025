"""Who may open a device: the groups in /etc/group against the mode of its file."""

from __future__ import annotations

import os
import stat

from a1d.doctor.result import Result, fail, info, ok, warn
from a1d.doctor.system import System

USER = "a1d"
_UDEV = "/usr/lib/udev/rules.d/60-a1d.rules"


def user_exists(system: System) -> bool:
    """Whether there is an account a1d."""
    return any(line.startswith(f"{USER}:") for line in (system.read("/etc/passwd") or "").splitlines())


def groups(system: System) -> dict[int, tuple[str, list[str]]]:
    """The name and the members of each group, by number."""
    found = {}
    for line in (system.read("/etc/group") or "").splitlines():
        name, _, rest = line.partition(":")
        fields = rest.split(":")
        if len(fields) == 3 and fields[1].isdecimal():
            found[int(fields[1])] = name, [member for member in fields[2].split(",") if member]
    return found


def primary_group(system: System) -> int | None:
    """The group of the account a1d."""
    for line in (system.read("/etc/passwd") or "").splitlines():
        fields = line.split(":")
        if fields[0] == USER and len(fields) > 3 and fields[3].isdecimal():
            return int(fields[3])
    return None


def check_access(system: System, check: str, device: str, found: os.stat_result) -> Result:
    """Whether the user a1d may read and write ``device``."""
    if not user_exists(system):
        return fail(check, "there is no user a1d, as which the service runs", "sudo systemd-sysusers")
    mode, gid = stat.S_IMODE(found.st_mode), found.st_gid
    name, members = groups(system).get(gid, (str(gid), []))
    if mode & 0o006 == 0o006:
        return ok(check, f"everybody may open {device}")
    if mode & 0o060 != 0o060:
        return _no_group(system, check, device, f"{device} has mode {mode:04o}: its group, {name}, may not open it")
    if USER in members or gid == primary_group(system):
        return ok(check, f"the user a1d may open {device}, by the group {name}")
    mend = f"sudo usermod -aG {name} a1d && sudo systemctl restart a1d"
    if name not in ("i2c", "gpio"):  # a unit may name it in SupplementaryGroups=
        return warn(check, f"{device} belongs to the group {name}; the user a1d is not in it, its service may be", mend)
    return fail(check, f"{device} belongs to the group {name}, and the user a1d is not in it", mend)


def _no_group(system: System, check: str, device: str, fact: str) -> Result:
    if not system.exists(_UDEV) and not system.exists("/etc/NIXOS"):
        return fail(check, f"{fact}, and {_UDEV} is missing", system.reinstall)
    subsystem = "gpio" if "gpio" in device else "i2c-dev"
    return fail(check, fact, f"sudo udevadm control --reload && sudo udevadm trigger --subsystem-match={subsystem}")


def check_steering(system: System) -> Result:
    """Whether whoever runs the doctor may steer the fan."""
    uid, gids = system.caller
    steering = [gid for gid, (name, _members) in groups(system).items() if name == USER]
    if uid == 0 or set(steering) & set(gids):
        return ok("steering", "you may steer the fan")
    mend = "sudo usermod -aG a1d $USER   # and log in again"
    return info("steering", "you may look, but not steer the fan: that needs root or the group a1d", mend)
