"""a1d-ctl doctor on a machine that is well, and on one on which six things are not."""

from __future__ import annotations

import json
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from hil.check import check
from hil.rig import SERVICE, NotHere, Rig

_HOOK = "/opt/a1d/bin/a1d-powercut"
_OTHER = Path("/etc/systemd/system/argononed.service")
_BOOT = Path("/boot/firmware/config.txt")
# What it must say of each of the six, and the command that it must give.
_NAMED = {
    "service enabled": ("does not start when the machine does", "sudo systemctl enable a1d"),
    "power-cut hook": (f"{_HOOK} is not executable", f"sudo chmod 755 {_HOOK}"),
    "other daemons": (str(_OTHER), "sudo systemctl disable --now argononed.service"),
    "I2C bus": ("/dev/i2c-1 does not exist", f"sudo tee -a {_BOOT}"),
    "GPIO overlays": (f"line 1 of {_BOOT}, dtoverlay=w1-gpio", f"sudo sed -i '1s/^/#/' {_BOOT}"),
    "configuration": ("config.yaml:1: fan.hold", "sudo nano +1 /etc/a1d/config.yaml"),
}
_AS_STRANGER = "setpriv --reuid=65534 --regid=65534 --clear-groups"


def _examine(rig: Rig, before: str = "") -> tuple[int, list[dict[str, Any]]]:
    done = rig.sh(f"{before} a1d-ctl doctor --json")
    assert done.stderr == "", done.stderr
    return done.returncode, json.loads(done.stdout)["results"]


def _bad(results: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [result for result in results if result["state"] in ("warn", "FAIL")]


@check("doctor: nothing to mend on a machine that is well, for root and for a stranger")
def well(rig: Rig) -> str:
    if rig.name != "virtual":
        raise NotHere("whether a machine in use is well is not known")
    rig.configure_as_installed()
    rig.wait("the case", lambda: rig.status()["duty_confirmed_percent"] is not None, 10)
    transfers = len(rig.transfers())
    for before in ("", _AS_STRANGER):
        code, results = _examine(rig, before)
        # Other checks have killed a1d.
        bad = [each for each in _bad(results) if each["check"] != "restarts"]
        assert not bad, bad
        assert code == 0
        assert len(results) > 20
    took_s = rig.now_s()
    rig.out("a1d-ctl doctor >/dev/null")
    took_s = rig.now_s() - took_s
    assert len(rig.transfers()) - transfers <= 4, "the daemon's own refresh is all that the bus may see"
    return f"{len(results)} results in {took_s:.1f} s"


@check("doctor: six things are wrong, and each is named with the command that mends it")
def sick(rig: Rig) -> str:
    if rig.name != "virtual":
        raise NotHere("nothing is broken on a machine in use")
    with ExitStack() as back:
        back.callback(rig.configure_as_installed)
        back.callback(lambda: rig.wait("the case", lambda: rig.status()["duty_confirmed_percent"] is not None, 20))
        back.callback(lambda: rig.wait("health ok", lambda: rig.health() == "ok", 20))
        back.callback(lambda: rig.wait("the bus", Path("/dev/i2c-1").exists, 20))
        rig.write_config("fan: {hold: soon}\n")
        back.callback(rig.write_config, "")
        rig.bus(False)
        back.callback(rig.bus, True)
        rig.heat_to(58)  # the kernel lets go of the old bus when a1d has noticed and closed it
        rig.wait("degraded", lambda: rig.health() == "degraded", 10)
        _BOOT.parent.mkdir(parents=True, exist_ok=True)
        _BOOT.write_text("dtoverlay=w1-gpio\n")
        back.callback(_BOOT.unlink)
        _OTHER.write_text("[Service]\nExecStart=/usr/sbin/argononed\n")
        back.callback(_OTHER.unlink)
        rig.out(f"chmod a-x {_HOOK}")
        back.callback(rig.out, f"chmod a+x {_HOOK}")
        rig.out(f"systemctl disable -q {SERVICE}")
        back.callback(rig.out, f"systemctl enable -q {SERVICE}")
        code, results = _examine(rig)
    assert code == 1
    for name, (fact, mend) in _NAMED.items():
        found = [each for each in results if (each["check"], each["state"]) == (name, "FAIL")]
        assert len(found) == 1, (name, found)
        assert fact in found[0]["fact"], found
        assert mend in found[0]["mend"], found
    with suppress(OSError):
        _BOOT.parent.rmdir()
    code, results = _examine(rig)
    assert code == 0, _bad(results)
    return f"{len(_bad(results))} left afterwards"


@check("doctor: a fan that turns and one that is stuck are told apart, and automatic control is back")
def fan(rig: Rig) -> str:
    said = []
    for stuck in (False, True):
        rig.configure_as_installed()
        rig.heat_with(3.5, 52)
        rig.stuck_fan(stuck)
        time.sleep(120)  # until the case has warmed up or cooled down to what the fan makes of it
        done = rig.sh("a1d-ctl doctor --fan --json", timeout_s=1200)
        said.append(json.loads(done.stdout)["results"][0])
        assert rig.status()["mode"] == "automatic"
    assert [each["state"] for each in said] == ["ok", "FAIL"], said
    return "; ".join(each["fact"] for each in said)


@check("report: one file, without the name of the machine")
def report(rig: Rig) -> str:
    rig.sh("rm -f /tmp/a1d-hil-report.txt")
    rig.out("a1d-ctl report /tmp/a1d-hil-report.txt")
    text = Path("/tmp/a1d-hil-report.txt").read_text()
    host = rig.out("hostname")
    assert host and host not in text.split()
    for title in ("Versions", "Doctor", "Status", "Configuration", "Journal"):
        assert f"==== {title}" in text
    assert "not seen: " not in text.partition("==== Journal")[2]
    rig.sh("rm /tmp/a1d-hil-report.txt")
    return f"{len(text)} characters"
