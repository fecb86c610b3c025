"""Reads a configuration for the daemon, in a process of its own: YAML in on standard input, JSON out (load.py).

    python -m a1d.config.dump NAME <FILE

NAME is what errors call the file. The exit code is 0 for a bad file too: what is wrong with it is the answer.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import resource
import signal
import sys
from typing import Any

from a1d import __version__
from a1d.config.bounded import SIZE_MAX
from a1d.config.reader import config_of
from a1d.config.settings import Config
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
        return {"version": __version__, "problems": error.problems, "protocol": error.protocol, "bus": error.bus}


def main() -> None:
    """Read, answer, end."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # nobody listens any more: nothing to say to anybody else either
    signal.alarm(_LIVES_MAX_S)
    for what, most in _BOUNDS.items():
        with contextlib.suppress(OSError, ValueError):  # less is allowed already
            resource.setrlimit(what, (most, most))
    json.dump(answer(sys.stdin.buffer.read(SIZE_MAX + 1), sys.argv[1]), sys.stdout)


if __name__ == "__main__":
    main()
