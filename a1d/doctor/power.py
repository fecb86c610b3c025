"""The way to a machine that is really off: the power-cut hook, and the right to power off and reboot."""

from __future__ import annotations

import os

from a1d.doctor.result import Result, fail, info, ok
from a1d.doctor.system import System

_HOOK, _LEAVE = "power-cut hook", "right to power off"
_HOOKS = tuple(
    f"{place}/systemd/system-shutdown/a1d-powercut" for place in ("/usr/lib", "/etc", "/run/current-system/etc", "/lib")
)
_STAYS_ON = "after a power-off the power stays on"
_SHARES = ("/usr/share", "/etc", "/run/current-system/sw/share")
_POLKIT = "dbus-1/system-services/org.freedesktop.PolicyKit1.service"
_RULES = "polkit-1/rules.d/50-a1d.rules"
_WANTS = "/etc/systemd/system/multi-user.target.wants"


def checks(system: System) -> list[Result]:
    """The hook, and polkit or its substitute."""
    return [_hook(system), _leave(system)]


def _hook(system: System) -> Result:
    """As systemd-shutdown would find it: an executable file that is still there when all else is unmounted."""
    hook = next((name for name in _HOOKS if system.exists(name)), None)
    if hook is None:
        return fail(_HOOK, f"{_HOOKS[0]} is missing: {_STAYS_ON}", system.reinstall)
    found = system.stat(hook)
    if found is None and hook in system.unseen:
        return info(_HOOK, f"{hook} may not be looked at ({system.unseen[hook]})", "sudo a1d-ctl doctor")
    if found is None:
        return fail(_HOOK, f"{hook} leads to {system.link(hook)}, which does not exist: {_STAYS_ON}", system.reinstall)
    return _program(system, system.resolve(hook)[len(system.root) :], found)


def _program(system: System, program: str, found: os.stat_result) -> Result:
    if not found.st_mode & 0o111:
        return fail(_HOOK, f"{program} is not executable: {_STAYS_ON}", f"sudo chmod 755 {program}")
    first = (system.read(program) or "").partition("\n")[0]
    if first.startswith("#!"):
        interpreter = first[2:].strip().partition(" ")[0]
        at = system.stat(interpreter)
        if at is None or not at.st_mode & 0o111:
            return fail(_HOOK, f"{program} is run by {interpreter}, which is not there: {_STAYS_ON}", system.reinstall)
    root = system.stat("/")
    if root is not None and found.st_dev != root.st_dev and not system.exists("/etc/NIXOS"):
        text = f"{program} is not on the file system of /, and is unmounted before its turn comes: {_STAYS_ON}"
        return fail(_HOOK, text, "sudo make uninstall && sudo make install   # with a PREFIX on /")
    return ok(_HOOK, f"{program} is executable and on the file system of /")


def _leave(system: System) -> Result:
    """Only root may ask logind, unless polkit lets a1d, or a path unit does it in a1d's stead."""
    button = system.config.button
    actions = () if button.backend == "none" else (button.double_press, button.hold)
    for verb in ("reboot", "poweroff"):
        path_unit = f"a1d-power@{verb}.path"
        if ("touch", f"/run/a1d/{verb}") in actions and not system.exists(f"{_WANTS}/{path_unit}"):
            text = f"a gesture touches /run/a1d/{verb}, and {path_unit}, which waits for that, is not enabled"
            return fail(_LEAVE, text, f"sudo systemctl enable --now {path_unit}")
    words = {"reboot": "reboot", "poweroff": "power off"}
    asked = [words[action] for action in dict.fromkeys(actions) if isinstance(action, str) and action in words]
    if not asked:
        return ok(_LEAVE, "no gesture of the button asks logind, so polkit is not needed")
    wants = " and ".join(asked)
    if not any(system.exists(f"{share}/{_POLKIT}") for share in _SHARES):
        text = f"polkit is not installed: the button cannot {wants}; without it: docs/service.md, Without polkit"
        return fail(_LEAVE, text, "sudo apt install polkitd")
    rules = next((f"{share}/{_RULES}" for share in _SHARES if system.stat(f"{share}/{_RULES}")), None)
    if rules:
        return ok(_LEAVE, f"polkit is there, and {rules} lets a1d {wants}")
    if any(_RULES in name for name in system.unseen):  # the directory may be polkit's alone
        return info(_LEAVE, "polkit is there; its rules may not be looked at", "sudo a1d-ctl doctor")
    text = f"polkit is there, but {_SHARES[0]}/{_RULES} is missing: the button cannot {wants}"
    return fail(_LEAVE, text, system.reinstall)
