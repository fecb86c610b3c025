"""The host's side of the connection to the guest's agent (agent.py)."""

from __future__ import annotations

import base64
import json
import os
import socket
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any


class GuestGoneError(Exception):
    """The guest rebooted or ended before it answered."""


class GuestTimeoutError(Exception):
    """The guest did not answer in time."""


class CommandFailedError(Exception):
    """A command that had to work did not."""


@dataclass(frozen=True, slots=True)
class Result:
    """The result of a command in the guest. ``timed_out``: it was killed."""

    status: int
    stdout: str
    stderr: str
    timed_out: bool


class Link:
    """Requests to the agent, from any thread."""

    def __init__(self, path: Path, deadline: float) -> None:
        self._socket = _connect(path, deadline)
        self._changed = threading.Condition()
        self._boot: str | None = None
        self._boots = 0
        self._agents = 0  # processes: more than boots if someone killed one
        self._ended = False
        self._last_id = 0
        self._answers: dict[int, dict[str, Any] | None] = {}
        threading.Thread(target=self._read, name="link", daemon=True).start()

    @property
    def boots(self) -> int:
        """How often an agent has said that it is there: once a boot."""
        return self._boots

    def wait_boot(self, boots: int, timeout_s: float) -> bool:
        """Whether the agent of boot number ``boots`` came within the time."""
        with self._changed:
            self._changed.wait_for(lambda: self._boots >= boots or self._ended, timeout_s)
            return self._boots >= boots

    def run(self, command: str, stdin: bytes, timeout_s: float, wait_s: float) -> Result:
        """``command`` by the guest's shell, killed after ``timeout_s`` of guest time; give up after ``wait_s``."""
        request = {"operation": "run", "command": command, "stdin": _encode(stdin), "timeout_s": timeout_s}
        answer = self._ask(request, wait_s)
        stdout, stderr = (base64.b64decode(answer[name]).decode(errors="replace") for name in ("stdout", "stderr"))
        return Result(answer["status"], stdout, stderr, answer["timed_out"])

    def put(self, path: str, content: bytes, mode: int, wait_s: float) -> None:
        """Write a file in the guest."""
        self._ask({"operation": "put", "path": path, "content": _encode(content), "mode": mode}, wait_s)

    def get(self, path: str, wait_s: float) -> bytes:
        """Read a file in the guest."""
        return base64.b64decode(self._ask({"operation": "get", "path": path}, wait_s)["content"])

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    def _ask(self, request: dict[str, Any], wait_s: float) -> dict[str, Any]:
        with self._changed:
            if self._boot is None or self._ended:
                raise GuestGoneError("no agent is there")
            self._last_id += 1
            number, agents = self._last_id, self._agents
            self._answers[number] = None
            line = json.dumps({"id": number, "boot": self._boot, **request}).encode() + b"\n"
        try:
            self._socket.sendall(line)
        except OSError as error:
            raise GuestGoneError(str(error)) from error
        with self._changed:
            self._changed.wait_for(
                lambda: self._answers[number] is not None or self._ended or self._agents != agents, wait_s
            )
            answer = self._answers.pop(number)
            if answer is None:
                if self._ended or self._agents != agents:
                    raise GuestGoneError("the guest rebooted or ended, or the agent died, before there was an answer")
                raise GuestTimeoutError(f"no answer within {wait_s:g} s to {request}")
        if "error" in answer:
            raise OSError(answer["errno"], f"in the guest: {answer['error']}")
        return answer

    def _read(self) -> None:
        try:
            with self._socket.makefile("rb", buffering=65536) as lines:
                for line in lines:
                    self._take(line)
        except OSError:
            pass  # QEMU is gone or we hung up
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _take(self, line: bytes) -> None:
        try:
            message = json.loads(line)
        except ValueError:  # empty, or cut short by a reboot
            return
        with self._changed:
            if "boot" in message:
                self._agents += 1
                self._boots += message["boot"] != self._boot
                self._boot = message["boot"]
            elif message["id"] in self._answers:
                self._answers[message["id"]] = message
            self._changed.notify_all()


def _encode(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _connect(path: Path, deadline: float) -> socket.socket:
    # By a path relative to a directory's descriptor: a socket's path has room for only 107 bytes.
    directory = os.open(path.parent, os.O_PATH)
    try:
        while True:
            connection = socket.socket(socket.AF_UNIX)
            try:
                connection.connect(f"/proc/self/fd/{directory}/{path.name}")
                return connection
            except OSError:
                connection.close()
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)
    finally:
        os.close(directory)
