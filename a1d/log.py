"""One line a message on standard error, with the priority prefix that journald reads.

The logging package would cost 1 MB and 10 ms of start-up for the same three levels.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

_PRIORITY = {"error": 3, "warning": 4, "info": 6}


class Log:
    """``sink`` takes each finished line; by default it is standard error."""

    def __init__(self, sink: Callable[[str], None] | None = None) -> None:
        self._sink = sink or _to_stderr
        self._journal = "JOURNAL_STREAM" in os.environ

    def error(self, text: str) -> None:
        """Something the user must act on."""
        self._put("error", text)

    def warning(self, text: str) -> None:
        """Something that went wrong and is being handled."""
        self._put("warning", text)

    def info(self, text: str) -> None:
        """Something worth knowing later."""
        self._put("info", text)

    def _put(self, level: str, text: str) -> None:
        prefix = f"<{_PRIORITY[level]}>" if self._journal else f"a1d: {level}: " if level != "info" else "a1d: "
        for line in text.splitlines():
            self._sink(prefix + line)


def _to_stderr(line: str) -> None:
    try:
        print(line, file=sys.stderr, flush=True)
    except (OSError, ValueError):
        pass  # a log that nobody can read must not stop the fan
