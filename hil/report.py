"""The file that a volunteer can send us: what was tried and what was found, and nothing about the person."""

from __future__ import annotations

import datetime
import json
import os
import platform
import re
import socket
from pathlib import Path
from typing import Any

from hil.bench import Answer
from hil.check import Outcome
from hil.guard import CannotBeginError
from hil.installed import clone_version

NAME = "a1d-hil-report.json"


def scrub(text: str, hostname: str) -> str:
    """Remove home directories and the machine's name, which an error message may contain."""
    text = re.sub(r"/home/[^/\s'\"]+", "/home/...", text)
    return re.sub(rf"\b{re.escape(hostname)}\b", "...", text) if hostname else text


def _scrub_values(data: Any, hostname: str) -> Any:
    """Only values are changed: the keys are ours."""
    if isinstance(data, dict):
        return {key: _scrub_values(value, hostname) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_scrub_values(value, hostname) for value in data]
    return scrub(data, hostname) if isinstance(data, str) else data


def facts(daemon: str) -> dict[str, str]:
    """What a result depends on. ``daemon``: the version that the running daemon reports."""
    model = Path("/proc/device-tree/model")
    system = platform.freedesktop_os_release() if Path("/etc/os-release").exists() else {}
    return {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "a1d": daemon,
        "clone": clone_version(),
        "model": model.read_text().rstrip("\0") if model.exists() else "not a Raspberry Pi",
        "kernel": f"{platform.release()} {platform.machine()}",
        "os": system.get("PRETTY_NAME", "?"),
        "python": platform.python_version(),
    }


class Report:
    """Each result is on the disk at once. A second run replaces the results of what it tries again."""

    def __init__(self, path: Path, daemon: str) -> None:
        """Continues an existing file. CannotBeginError if it is damaged. ``daemon``: as in ``facts``."""
        self._path = path
        self._data = _load(path)
        self._data["facts"] = facts(daemon)
        self.checks: dict[str, dict[str, str]] = self._data.setdefault("checks", {})
        self.answers: dict[str, Answer] = self._data.setdefault("answers", {})
        self._save()

    def outcome(self, outcome: Outcome) -> None:
        """Store what a check came to."""
        self.checks[outcome.check] = {"result": outcome.result, "remark": outcome.remark}
        self._save()

    def answer(self, question: str, answer: Answer) -> None:
        """Store the answer to a question."""
        self.answers[question] = answer
        self._save()

    def _save(self) -> None:
        text = json.dumps(_scrub_values(self._data, socket.gethostname()), indent=2) + "\n"
        new = self._path.with_name(f"{self._path.name}.new")
        with new.open("w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if os.geteuid() == 0 and "SUDO_UID" in os.environ:  # the user's, though root wrote it
            os.chown(new, int(os.environ["SUDO_UID"]), int(os.environ["SUDO_GID"]))
        new.replace(self._path)


def _load(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    try:
        data = json.loads(path.read_text())
    except ValueError:
        data = None
    if not isinstance(data, dict) or not all(isinstance(data.get(key, {}), dict) for key in ("checks", "answers")):
        raise CannotBeginError(f"{path} is damaged: move it away, and try again")
    return data
