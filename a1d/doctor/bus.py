"""The I2C bus and the case on it. Nothing here opens the bus: files are looked at, and the daemon is asked.

docs/hardware.md M14.
"""

from __future__ import annotations

from a1d.case.bus import ADDRESS, FIRMWARE_KNOWN
from a1d.doctor import accounts, config_txt
from a1d.doctor.result import Result, fail, info, ok, warn
from a1d.doctor.system import System
from a1d.duration import format_span

_DEVICE, _HOLDER, _CASE = "I2C bus", "I2C address", "case"


def checks(system: System) -> list[Result]:
    """The device node, who may open it, who else has the case's address, and whether the case answers the daemon."""
    device = f"/dev/i2c-{system.config.case.bus}"
    found = system.stat(device)
    results = [_there(system, device) if found else _missing(system, device)]
    if found:
        results.append(accounts.check_access(system, "I2C access", device, found))
        results.append(_holder(system))
    return [*results, _case(system, found is not None), *_errors(system)]


def _there(system: System, device: str) -> Result:
    adapter = _adapter(system, device)
    boot = config_txt.find_file(system)
    by = ""
    if boot and config_txt.is_on(setting := config_txt.i2c(boot[1])) and setting:
        by = f", switched on by line {setting.line} of {boot[0]}"
    return ok(_DEVICE, f"{device} is there{f' ({adapter})' if adapter else ''}{by}")


def _missing(system: System, device: str) -> Result:
    others = [f"{name}{f' ({_adapter(system, name)})' if _adapter(system, name) else ''}" for name in _buses(system)]
    fact = f"{device} does not exist"
    if others:
        fact += f"; there is {', '.join(others)}: is the case on one of these (setting case.bus)?"
    boot = config_txt.find_file(system)
    if boot is None:
        return fail(_DEVICE, f"{fact}; no config.txt was found, which could switch it on", "sudo modprobe i2c-dev")
    name, settings = boot
    setting = config_txt.i2c(settings)
    if config_txt.is_on(setting) and setting is not None:
        fact += f", although line {setting.line} of {name} switches I2C on"
        if not system.exists("/sys/module/i2c_dev"):
            return fail(_DEVICE, f"{fact}: the module i2c-dev is not loaded", "sudo modprobe i2c-dev")
        return fail(_DEVICE, f"{fact}: it takes a reboot", "sudo reboot")
    if setting is not None:
        mend = f"sudo sed -i '{setting.line}s/.*/dtparam=i2c_arm=on/' {name} && sudo reboot"
        return fail(_DEVICE, f"{fact}: line {setting.line} of {name} switches I2C off", mend)
    add = f"printf '\\n[all]\\ndtparam=i2c_arm=on\\n' | sudo tee -a {name} && sudo reboot"
    return fail(_DEVICE, f"{fact}: {name} lacks the line dtparam=i2c_arm=on", add)


def _buses(system: System) -> list[str]:
    return [name for name in system.glob("/dev/i2c-*") if name.rpartition("-")[2].isdecimal()]


def _adapter(system: System, device: str) -> str:
    number = device.rpartition("-")[2]
    return (system.read(f"/sys/bus/i2c/devices/i2c-{number}/name") or "").strip()


def _holder(system: System) -> Result:
    bus = system.config.case.bus
    device = f"/sys/bus/i2c/devices/{bus}-{ADDRESS:04x}"
    where = f"0x{ADDRESS:02x} on bus {bus}"
    driver = system.link(f"{device}/driver")
    if driver is not None:
        driver = driver.rpartition("/")[2]
        text = (
            f"the kernel driver {driver} holds {where}: remove the dtoverlay that brings it from config.txt, and reboot"
        )
        return fail(_HOLDER, text, "grep -n dtoverlay /boot/firmware/config.txt")
    if system.exists(device):
        return warn(_HOLDER, f"the kernel is told of a device at {where}, without a driver so far", f"ls {device}")
    return ok(_HOLDER, f"no kernel driver holds {where}")


def _case(system: System, has_bus: bool) -> Result:
    status = system.status
    if status is None:
        return info(_CASE, "not asked: only the daemon talks to the case, and it does not answer")
    if status["simulated"]:
        return info(_CASE, "the daemon that answers drives a simulated case")
    if not has_bus:
        return info(_CASE, "nobody can ask it without its bus")
    confirmed = status["duty_confirmed_percent"]
    if confirmed is None:
        return _unconfirmed(system, status["health"]["state"])
    firmware = status.get("firmware_id")
    which = "" if firmware is None else f"; firmware id 0x{int(firmware):02X}"
    odd = "" if firmware in (None, FIRMWARE_KNOWN) else ", which a1d does not know"
    return ok(_CASE, f"it has confirmed a duty of {confirmed} %{which}{odd}")


def _unconfirmed(system: System, state: str) -> Result:
    if system.config.case.protocol == "legacy":
        return info(_CASE, "an old case (setting case.protocol: legacy) cannot confirm anything")
    if state == "ok":  # as in the second after each change
        return info(_CASE, "it has not confirmed the present duty yet; ask again in a few seconds", "a1d-ctl doctor")
    return fail(_CASE, "it has confirmed no duty to the daemon", "a1d-ctl status")


def _errors(system: System) -> list[Result]:
    status = system.status
    if status is None or not status.get("bus_errors"):
        return []
    uptime_s = status.get("uptime_s")
    since = "" if uptime_s is None else f" in the {format_span(uptime_s)} that it runs"
    fact = f"the daemon has seen {status['bus_errors']} errors of the bus{since}; now and then one is normal"
    return [info("bus errors", fact)]
