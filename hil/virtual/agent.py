"""Runs inside the guest, as root: does what the host asks for over a virtio port. Standard library only.

Lines of JSON both ways. First ``{"boot": ID}``, then an answer for every request, in any order. A request
names the boot it is meant for, so that one written before a reboot is not carried out after it.
"""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

PORT_NAME = "a1d.hil"
BOOT_ID = "/proc/sys/kernel/random/boot_id"


def run(request: dict[str, Any]) -> dict[str, Any]:
    """A shell command in a session of its own, which is killed as a whole when the time is up."""
    process = subprocess.Popen(
        # The agent is spared when memory runs out, what it runs is not.
        ["/bin/sh", "-c", f"echo 0 >/proc/self/oom_score_adj\n{request['command']}"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        cwd="/root",
    )
    timed_out = False
    try:
        stdout, stderr = process.communicate(base64.b64decode(request["stdin"]), request["timeout_s"])
    except subprocess.TimeoutExpired:
        timed_out = True
        os.killpg(process.pid, signal.SIGKILL)
        stdout, stderr = process.communicate()
    return {
        "status": process.returncode,
        "stdout": base64.b64encode(stdout).decode(),
        "stderr": base64.b64encode(stderr).decode(),
        "timed_out": timed_out,
    }


def put(request: dict[str, Any]) -> dict[str, Any]:
    """Write a file; one write, as debugfs wants it."""
    descriptor = os.open(request["path"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, request["mode"])
    try:
        content = base64.b64decode(request["content"])
        while content:
            content = content[os.write(descriptor, content) :]
    finally:
        os.close(descriptor)
    return {}


def get(request: dict[str, Any]) -> dict[str, Any]:
    """Read a file."""
    return {"content": base64.b64encode(Path(request["path"]).read_bytes()).decode()}


OPERATIONS = {"run": run, "put": put, "get": get}


class Agent:
    """Answers requests, each in a thread of its own."""

    def __init__(self, port: int, boot: str) -> None:
        self._port = port
        self._boot = boot
        self._writing = threading.Lock()

    def serve(self) -> None:
        """Until the port is gone."""
        self._send({"boot": self._boot})
        with os.fdopen(self._port, "rb", buffering=65536, closefd=False) as port:
            for line in port:
                self._begin(line)

    def _begin(self, line: bytes) -> None:
        try:
            request = json.loads(line)
        except ValueError:  # the rest of a line that a reboot cut in two
            return
        if request["boot"] == self._boot:
            threading.Thread(target=self._answer, args=(request,), daemon=True).start()

    def _answer(self, request: dict[str, Any]) -> None:
        try:
            answer = OPERATIONS[request["operation"]](request)
        except OSError as error:
            answer = {"errno": error.errno, "error": str(error)}
        self._send({"id": request["id"], **answer})

    def _send(self, message: dict[str, Any]) -> None:
        content = json.dumps(message).encode() + b"\n"
        if "boot" in message:
            content = b"\n" + content  # ends what the last boot did not
        with self._writing:
            while content:
                content = content[os.write(self._port, content) :]


def open_port() -> int:
    """The port; it is there long before udev gives it a name in /dev."""
    while True:
        for name in Path("/sys/class/virtio-ports").glob("*/name"):
            if name.read_text().strip() == PORT_NAME:
                return os.open(f"/dev/{name.parent.name}", os.O_RDWR)
        time.sleep(0.1)


def main() -> int:
    """The host is always listening."""
    Agent(open_port(), Path(BOOT_ID).read_text().strip()).serve()
    return 1


if __name__ == "__main__":
    sys.exit(main())
