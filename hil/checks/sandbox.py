"""What the service and strangers may not do."""

from __future__ import annotations

import json
import re
import socket
import time
from pathlib import Path

from hil.check import check
from hil.rig import SERVICE, NotHere, Rig


def _inside(rig: Rig, command: str) -> int:
    """The exit code of a command that runs as root in the service's sandbox, and so without capabilities."""
    unit = rig.out(f"systemctl cat {SERVICE}")
    keys = r"(UMask|Private\w+|Protect\w+|Restrict\w+|Device\w+|NoNewPrivileges|System\w+|IPAddressDeny|"
    keys += r"CapabilityBoundingSet|MemoryDenyWriteExecute|LockPersonality)"
    options = [f"-p '{line}'" for line in unit.splitlines() if re.match(rf"{keys}=", line)]
    return _in_unit(rig, command, options)


def _in_unit(rig: Rig, command: str, options: list[str]) -> int:
    return rig.sh(f"systemd-run -q --wait --pipe {' '.join(options)} /bin/sh -c '{command}'").returncode


@check("the sandbox is in force: no root, no capability, no new privilege")
def no_privileges(rig: Rig) -> str:
    status = rig.out(f"cat /proc/{rig.pid()}/status")
    assert re.search(r"^Uid:\s+0\b", status, re.MULTILINE) is None
    for name in ("CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert re.search(rf"^{name}:\s+0+$", status, re.MULTILINE), name
    assert re.search(r"^NoNewPrivs:\s+1$", status, re.MULTILINE)
    assert re.search(r"^Seccomp:\s+2$", status, re.MULTILINE)
    return rig.out(f"systemd-analyze security {SERVICE} | tail -n 1").strip()


@check("the sandbox is in force: no home, no writing, no network, no other device")
def nothing_outside(rig: Rig) -> None:
    assert _inside(rig, "true") == 0
    disk = rig.out("findmnt -no SOURCE /")
    for command in (
        "ls /root/.",
        "test -w /etc",
        "test -w /usr",
        f"head -c 1 {disk}",
        "dd if=/dev/kmsg of=/dev/null bs=8k count=1 status=none",
        'python3 -c "import socket; socket.socket(socket.AF_INET)"',
    ):
        assert _in_unit(rig, command, []) == 0, f"not even outside of the sandbox: {command}"
        assert _inside(rig, command) != 0, command


@check("a stranger can read the status and cannot steer")
def stranger(rig: Rig) -> None:
    assert rig.sh("setpriv --reuid=65534 --regid=65534 --clear-groups a1d-ctl status").returncode == 0
    for command in ("fan set 0", "fan auto", "reload"):
        assert rig.sh(f"setpriv --reuid=65534 --regid=65534 --clear-groups a1d-ctl {command}").returncode == 1, command
    assert rig.sh("setpriv --reuid=65534 --regid=65534 --groups=a1d a1d-ctl fan set 60 --for 5s").returncode == 0
    rig.wait("60 %", lambda: rig.fan_percent() == 60, 3)


@check("varlinkctl introspects and calls it")
def varlinkctl(rig: Rig) -> None:
    if rig.sh("command -v varlinkctl").returncode:
        raise NotHere("systemd has varlinkctl from 255 on")
    assert "GetStatus" in rig.out("varlinkctl introspect /run/a1d/control.sock org.a1d.control")
    assert "duty_percent" in rig.out("varlinkctl call /run/a1d/control.sock org.a1d.control.GetStatus '{}'")


@check("a gesture's command reaches what docs/service.md opens for it by a drop-in, and not without")
def opened(rig: Rig) -> None:
    if rig.name != "virtual":
        raise NotHere("the service of a machine in use is not changed")
    advice = Path(__file__).parents[2].joinpath("docs/service.md").read_text()
    drop_in = Path("/run/systemd/system/a1d.service.d/hil.conf")
    connect = "import socket; socket.create_connection(('127.0.0.1', 4711)); open('/srv/photos/seen', 'w')"
    rig.out("mkdir -p /srv/photos && chown a1d: /srv/photos && rm -f /srv/photos/*")
    with socket.create_server(("127.0.0.1", 4711)):
        for is_open in (False, True):
            if is_open:
                drop_in.parent.mkdir(exist_ok=True)
                drop_in.write_text(advice.split("```ini\n")[1].split("```")[0])
            rig.out(f"systemctl daemon-reload; systemctl restart {SERVICE}")
            rig.configure(f"button: {{double_press: [python3, -c, {json.dumps(connect)}]}}\n")
            rig.wait("the line", lambda: bool(rig.status()["button"]["watching"]), 10)
            rig.pulse(20)
            time.sleep(3)
            try:
                assert Path("/srv/photos/seen").exists() == is_open, f"open: {is_open}"
            finally:
                if is_open:
                    drop_in.unlink()
                    rig.out(f"systemctl daemon-reload; systemctl restart {SERVICE}")
