"""``a1d-ctl watch``: a line a second, or on a terminal one line that is written again and again."""

from __future__ import annotations

import sys
import time

from a1d.client import words
from a1d.client.errors import NoDaemonError
from a1d.client.output import columns, takes_escapes, wants_colour
from a1d.view.text import cut_coloured

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    Reply = dict[str, Any]

_RETRY_S = 1.0


def watch(
    path: str, replies: Callable[[str, str], Iterator[Reply]], to_json: Callable[[Reply], str] | None = None
) -> None:
    """Until stopped. NoDaemonError if there is none at the start; ValueError if it makes no sense.

    If it goes away later that is said once on standard error, and it goes on when the daemon is back.
    """
    rewrites = takes_escapes(sys.stdout) and to_json is None
    colour = wants_colour(sys.stdout)
    has_seen = is_gone = False
    try:
        while True:
            try:
                for reply in replies(path, "org.a1d.control.Monitor"):
                    status = words.check(reply.get("status"), words.STATUS, "status")
                    has_seen, is_gone = True, False
                    if rewrites:
                        line = cut_coloured(words.one_line(status, colour), columns(sys.stdout) or 0)
                        print(f"\r\x1b[K{line}", end="", flush=True)
                    else:
                        line = f"{_time()} {words.one_line(status, colour)}" if to_json is None else to_json(status)
                        print(line, flush=True)
                break
            except NoDaemonError as error:
                if not has_seen:
                    raise
                if not is_gone:
                    is_gone = True
                    print("\n" * rewrites, end="", flush=True)
                    text = words.printable(str(error).splitlines()[0])
                    print(f"{_time()} a1d-ctl: {text}; waiting for it", file=sys.stderr, flush=True)
                time.sleep(_RETRY_S)
    finally:
        if rewrites and has_seen and not is_gone:
            print(flush=True)  # the prompt begins a line of its own
    raise NoDaemonError("the daemon says that it has nothing more to report")


def _time() -> str:
    return time.strftime("%H:%M:%S")
