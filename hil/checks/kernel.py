"""What a1d takes from the kernel's headers, and Python's library does not name, on the processor that runs it."""

from __future__ import annotations

import errno
import os
import platform
import socket
import subprocess
import sys
import tempfile
import time

from a1d.client.varlink import set_send_timeout
from a1d.service.listener import Listener, peer_of
from hil.check import check
from hil.rig import Rig

_CALL = """
import socket, sys, time
sock = socket.socket(socket.AF_UNIX)
sock.connect(sys.argv[1])
time.sleep(60)
"""
_UID, _GID, _GROUPS = 61001, 61002, {61003, 61004, 61005}


@check("what a1d takes from the kernel's headers is so on this processor: who calls, its groups, its time-out")
def headers(rig: Rig) -> str:
    with tempfile.TemporaryDirectory() as directory:
        os.chmod(directory, 0o755)
        path = f"{directory}/socket"
        listener = Listener(path)
        caller = subprocess.Popen(
            [sys.executable, "-c", _CALL, path], user=_UID, group=_GID, extra_groups=sorted(_GROUPS)
        )
        try:
            rig.wait("a caller", lambda: _accepts(listener, caller.pid), 10)
        finally:
            caller.kill()
            caller.wait()
            for sock in listener.close():
                sock.close()
    waited_s = _send_timeout_s()
    assert 0.9 < waited_s < 1.5, f"a send that should end after 1 s took {waited_s:.2f} s"
    return f"{platform.machine()}, pages of {os.sysconf('SC_PAGE_SIZE') // 1024} KB"


def _accepts(listener: Listener, pid: int) -> bool:
    try:
        sock = listener.accept()
    except BlockingIOError:
        return False
    with sock:
        peer = peer_of(sock)
    assert (peer.uid, peer.groups) == (_UID, frozenset({_GID, *_GROUPS})), f"{pid} is taken for {peer}"
    return True


def _send_timeout_s() -> float:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        set_send_timeout(ours, 1)
        try:
            while True:
                begin_s = time.monotonic()
                ours.send(bytes(65536))  # until nothing at all can be sent, which takes the whole time-out
        except OSError as error:
            assert error.errno in (errno.EAGAIN, errno.ETIMEDOUT), error
        return time.monotonic() - begin_s
