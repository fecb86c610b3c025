"""What another user of the machine may try, on the kernels that people have."""

from __future__ import annotations

import time
from pathlib import Path

from hil.check import check
from hil.rig import SERVICE, NotHere, Rig

_AS_STRANGER = "setpriv --reuid=65534 --regid=65534 --clear-groups"
# A TCP socket with data that nobody reads takes 20 s to close, for whoever drops the last reference to it.
_PASS_LINGERING = """
import array, socket, struct, sys
for urgent in (0, socket.MSG_OOB):
    for index in range(4):
        listener = socket.create_server(("127.0.0.1", 0))
        sender = socket.create_connection(listener.getsockname())
        sender.setblocking(False)
        try:
            while True:
                sender.send(b"x" * 65536)
        except BlockingIOError:
            pass
        sender.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 20))
        control = socket.socket(socket.AF_UNIX)
        control.connect("/run/a1d/control.sock")
        try:
            passed = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [sender.fileno()]))]
            control.sendmsg([b"x"], passed, urgent)
            print("passed", flush=True)
        except PermissionError:  # Linux from 6.16 on
            print("refused", flush=True)
        sender.close()
        listeners = globals().setdefault("listeners", [])
        listeners += [listener, listener.accept()[0]]
import time
time.sleep(25)
"""


@check("a stranger's descriptors that are slow to close delay neither a tick nor a restart")
def passed_descriptors(rig: Rig) -> str:
    if rig.name != "virtual":
        raise NotHere("nobody's machine in use is attacked")
    script = Path("/tmp/a1d-hil-pass.py")
    script.write_text(_PASS_LINGERING)
    log = Path("/tmp/a1d-hil-pass.log")
    rig.out(f"{_AS_STRANGER} python3 {script} >{log} 2>&1 & sleep 1")
    begin_s = rig.now_s()
    rig.heat_to(72)
    took_s = rig.wait("100 %", lambda: rig.fan_percent() == 100, 1.5)
    begin_s = rig.now_s()
    rig.out(f"systemctl restart {SERVICE}")
    restarted_s = rig.now_s() - begin_s
    passed = log.read_text().split()
    assert len(passed) == 8, passed
    assert restarted_s < 5, f"a restart took {restarted_s:.1f} s"
    rig.wait("health ok", lambda: rig.health() == "ok", 5)
    rig.sh(f"pkill -f {script}")
    return f"{passed.count('passed')} passed, {passed.count('refused')} refused; 100 % after {took_s:.2f} s"


@check("a stranger's lock does not keep the service from starting")
def locked_directory(rig: Rig) -> None:
    if rig.name != "virtual":
        raise NotHere("nobody's machine in use is attacked")
    rig.sh(f"{_AS_STRANGER} flock --nonblock /run/a1d sleep 20 & {_AS_STRANGER} flock /run/a1d/lock sleep 20 &")
    time.sleep(1)
    rig.out(f"systemctl restart {SERVICE}")
    rig.wait("health ok", lambda: rig.health() == "ok", 5)
    rig.sh("pkill -u 65534 sleep")


@check("a gesture's command goes first when memory runs out, and the daemon as late as before")
def oom_scores(rig: Rig) -> None:
    seen = Path("/run/a1d/oom-of-a-command")
    rig.configure(f"button: {{double_press: [sh, -c, 'cat /proc/self/oom_score_adj >{seen}']}}\n")
    rig.wait("the line", lambda: bool(rig.status()["button"]["watching"]), 10)
    rig.pulse(20)
    try:
        rig.wait("the command", lambda: seen.exists() and seen.read_text() != "", 5)
        assert seen.read_text().strip() == "0"
        assert Path(f"/proc/{rig.pid()}/oom_score_adj").read_text().strip() == "-900"
    finally:
        seen.unlink(missing_ok=True)
