"""The file that a volunteer can send us: what was tried and found, and nothing about who they are."""

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
from hil.guard import RefusedError
from hil.installed import clone_version
from hil.promise import Outcome

NAME = "a1d-hil-report.json"


def scrub(text: str, hostname: str) -> str:
    """Without home directories and the machine's name, should an error message hold them."""
    text = re.sub(r"/home/[^/\s'\"]+", "/home/...", text)
    return re.sub(rf"\b{re.escape(hostname)}\b", "...", text) if hostname else text


def _scrub_values(data: Any, hostname: str) -> Any:
    """Texts only: names of keys and the form of the file are not the machine's."""
    if isinstance(data, dict):
        return {key: _scrub_values(value, hostname) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_scrub_values(value, hostname) for value in data]
    return scrub(data, hostname) if isinstance(data, str) else data


def facts(daemon: str) -> dict[str, str]:
    """What a result depends on; ``daemon`` is the version that the running one gives."""
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
    """Each result is on the disk as soon as it is there; a second run replaces what it tries again."""

    def __init__(self, path: Path, daemon: str) -> None:
        """Goes on with the file, if there is one; RefusedError if it is damaged. ``daemon`` as of ``facts``."""
        self._path = path
        self._data = _load(path)
        self._data["facts"] = facts(daemon)
        self.promises: dict[str, dict[str, str]] = self._data.setdefault("promises", {})
        self.answers: dict[str, Answer] = self._data.setdefault("answers", {})
        self._save()

    def promise(self, outcome: Outcome) -> None:
        """Keep it."""
        self.promises[outcome.promise] = {"result": outcome.result, "remark": outcome.remark}
        self._save()

    def answer(self, question: str, answer: Answer) -> None:
        """Keep it."""
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
    if not isinstance(data, dict) or not all(isinstance(data.get(key, {}), dict) for key in ("promises", "answers")):
        raise RefusedError(f"{path} is damaged: move it away, and try again")
    return data
