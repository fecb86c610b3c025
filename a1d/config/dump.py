"""Reads a configuration for the daemon, in a process of its own, and answers in JSON (load.py).

    python -m a1d.config.dump FILE [optional]

``optional``: FILE may be missing. The exit code is 0 for a bad file too: what is wrong with it is the answer.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import resource
import signal
import sys
from typing import Any

from a1d import __version__
from a1d.config.bounded import read_bounded
from a1d.config.reader import config_of
from a1d.config.settings import Config
from a1d.config.unreadable import how_to_allow
from a1d.config.warnings import warnings_of
from a1d.errors import ConfigError

# Far more than any file needs. 64-bit Python has 30 MB of address space, or 250 with a large archive of locales.
_BOUNDS = {resource.RLIMIT_CPU: 10, resource.RLIMIT_AS: 1 << 30, resource.RLIMIT_CORE: 0}
_LIVES_MAX_S = 30  # the daemon kills it long before, if there is one


def to_plain(config: Config) -> dict[str, Any]:
    """Every setting and every warning, as JSON can hold them."""
    return {"version": __version__, "config": dataclasses.asdict(config), "warnings": warnings_of(config)}


def answer(data: bytes, name: str) -> dict[str, Any]:
    """What the daemon is told of the file ``name``, which begins with ``data``."""
    try:
        return to_plain(config_of(data, name))
    except ConfigError as error:
        return _refusal(error)


def read(path: str, *, is_optional: bool) -> dict[str, Any]:
    """What the daemon is told of the file at ``path``."""
    try:
        data = b"" if is_optional and not os.path.lexists(path) else read_bounded(path)
    except OSError as error:
        advice = f"; {how_to_allow(path)}" if isinstance(error, PermissionError) else ""
        return _refusal(ConfigError([f"{path}: cannot be read: {error.strerror}{advice}"], is_unread=True))
    return answer(data, path)


def _refusal(error: ConfigError) -> dict[str, Any]:
    case = {"protocol": error.protocol, "bus": error.bus}
    return {"version": __version__, "problems": error.problems, "is_unread": error.is_unread, **case}


def main() -> None:
    """Read, answer, end."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # nobody listens any more: nothing to say to anybody else either
    signal.alarm(_LIVES_MAX_S)
    for what, most in _BOUNDS.items():
        with contextlib.suppress(OSError, ValueError):  # less is allowed already
            resource.setrlimit(what, (most, most))
    json.dump(read(sys.argv[1], is_optional=sys.argv[2:] == ["optional"]), sys.stdout)


if __name__ == "__main__":
    main()
