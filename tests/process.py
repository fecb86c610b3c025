"""A real ``a1d`` with a socket where systemd's would be."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from a1d.client import varlink
from a1d.client.errors import RefusedError


def has_ended(pid: int) -> bool:
    """Whether a process is gone, or a zombie; it may vanish while this looks."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


class DaemonProcess:
    """Started on construction; ``call`` speaks Varlink, ``wait_notified`` listens as systemd would."""

    def __init__(self, tmp_path: Path, run_dir: Path, command: list[str], environment: dict[str, str]) -> None:
        self.process_is_ours = True
        self.run_dir = run_dir
        self.socket_path = self.run_dir / "control.sock"
        self._notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._notify.bind(str(tmp_path / "notify"))
        self._notify.settimeout(0.1)
        self._notified: queue.SimpleQueue[str] = queue.SimpleQueue()
        threading.Thread(target=self._listen, daemon=True).start()
        self.process = subprocess.Popen(
            command,
            env={**os.environ, "NOTIFY_SOCKET": str(tmp_path / "notify"), **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def wait_notified(self, text: str, seconds: float = 8.0) -> str:
        """The next notification that contains ``text``; queue.Empty if none comes in time."""
        deadline = time.monotonic() + seconds
        while True:
            message = self._notified.get(timeout=max(0.0, deadline - time.monotonic()))
            if text in message:
                return message

    def _listen(self) -> None:
        """systemd, too, never lets its queue fill up."""
        while self.process_is_ours:
            with contextlib.suppress(TimeoutError):
                self._notified.put(self._notify.recv(4096).decode("ascii"))
        self._notify.close()

    def call(self, method: str, **parameters: object) -> dict[str, Any]:
        """The whole reply, errors included."""
        try:
            return {"parameters": varlink.call(str(self.socket_path), method, parameters, wait_max_s=5)}
        except RefusedError as error:
            return {"error": error.error, "parameters": error.parameters}

    def status(self) -> dict[str, Any]:
        status: dict[str, Any] = self.call("org.a1d.control.GetStatus")["parameters"]["status"]
        return status

    def close(self) -> tuple[str, str]:
        """What it printed on standard output and standard error."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
        out, err = self.process.communicate(timeout=10)
        self.process_is_ours = False
        return out, err


class SimulatedDaemon(DaemonProcess):
    """On the simulated case."""

    def __init__(self, tmp_path: Path, *arguments: str, **environment: str) -> None:
        command = [sys.executable, "-m", "a1d", "--simulate", "--run-dir", str(tmp_path / "run"), *arguments]
        super().__init__(tmp_path, tmp_path / "run", command, environment)

    def case(self) -> dict[str, Any]:
        case: dict[str, Any] = self.call("org.a1d.simulation.GetCase")["parameters"]
        return case

    def fault(self, name: str, on: bool) -> None:
        assert "error" not in self.call("org.a1d.simulation.SetFault", fault=name, on=on)

    def wait_for(self, what: str, wanted: Any, seconds: float = 8.0) -> None:
        """Poll the status (``health`` for its state) or the case until ``what`` is ``wanted``."""
        deadline = time.monotonic() + seconds
        seen: Any = None
        while time.monotonic() < deadline:
            status = self.status()
            seen = status["health"]["state"] if what == "health" else {**status, **self.case()}[what]
            if seen == wanted:
                return
            time.sleep(0.05)
        raise AssertionError(f"{what} is {seen!r} after {seconds} s, expected {wanted!r}")
