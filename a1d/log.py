"""One line a message on standard error, with the priority prefix that journald reads.

The logging package would cost 0.4 MB and 10 ms of start-up for the same four levels.
"""

from __future__ import annotations

import contextlib
import os
import select
import sys
from collections.abc import Callable

_LINE_MAX = 4000


class Log:
    """``sink`` takes each finished line; by default it is standard error. ``name`` is the program, for a terminal.

    ``debugging``: whether ``debug`` says anything. Ask it before you make a text, so that it costs nothing when off.
    """

    def __init__(self, sink: Callable[[str], None] | None = None, name: str = "a1d") -> None:
        self._name = name
        self.debugging = False
        self._sink = sink or _to_stderr
        self._journal = is_journal()

    def error(self, text: str) -> None:
        """Something the user must act on."""
        self.put("<3>", "error: ", text)

    def warning(self, text: str) -> None:
        """Something that went wrong and is being handled."""
        self.put("<4>", "warning: ", text)

    def info(self, text: str) -> None:
        """Something worth knowing later."""
        self.put("<6>", "", text)

    def debug(self, text: str) -> None:
        """One step of the daemon's work; said only while ``debugging``."""
        if self.debugging:
            self.put("<7>", "debug: ", text)

    def put(self, priority: str, level: str, text: str) -> None:
        """Each line of ``text``, with journald's ``priority``, or with its ``level`` in words for a terminal."""
        prefix = priority if self._journal else f"{self._name}: {level}"
        for line in text.splitlines():
            self._sink(prefix + line)


def _to_stderr(line: str) -> None:
    """A log that nobody can read, or that nobody reads, must not stop the fan: what cannot be written is lost."""
    data = line.encode("utf-8", "backslashreplace")[:_LINE_MAX] + b"\n"
    with contextlib.suppress(OSError, ValueError):
        # Where standard error is closed, 2 is another file, the lock for example. If there is room for a line, there
        # is room for a page, so the write does not wait.
        if sys.stderr is not None and select.select((), (2,), (), 0)[1]:
            os.write(2, data)


def is_journal() -> bool:
    """Whether standard error is the stream that systemd gave us, not one that a terminal merely inherited."""
    try:
        stat = os.fstat(2)
    except OSError:
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{stat.st_dev}:{stat.st_ino}"
