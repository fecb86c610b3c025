"""A file that the command line names, ``-`` being standard input, and how it is called. Not for the service."""

from __future__ import annotations

import os
import sys

from a1d.config.bounded import SIZE_MAX, read_bounded
from a1d.config.printable import printable
from a1d.errors import ConfigError

STDIN = "-"
_PATH_MAX = 4096


def read_named(path: str) -> tuple[str, bytes]:
    """Its name to be shown, and at most SIZE_MAX + 1 bytes of what is in it. ConfigError if it cannot be read."""
    # File names may hold bytes that no terminal can be sent.
    shown = printable(path.encode("utf-8", "backslashreplace").decode(), _PATH_MAX)
    name = "standard input" if path == STDIN else shown
    try:
        return name, _read_stdin() if path == STDIN else read_bounded(path)
    except OSError as error:
        raise ConfigError([f"{name}: cannot be read: {error.strerror}"]) from error


def _read_stdin() -> bytes:
    if sys.stdin is None:  # closed
        return b""
    data = b""
    while more := os.read(sys.stdin.fileno(), SIZE_MAX + 1 - len(data)):
        data += more
    return data
