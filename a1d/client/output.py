"""What the terminal can do that is written to, if it is one."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TextIO


def takes_escapes(out: TextIO) -> bool:
    """Whether ``out`` is a terminal that more can be sent to than lines."""
    return out.isatty() and os.environ.get("TERM", "dumb") != "dumb"


def wants_colour(out: TextIO) -> bool:
    """The same, if its user has not said NO_COLOR: an empty one says nothing."""
    return takes_escapes(out) and not os.environ.get("NO_COLOR")


def columns(out: TextIO) -> int | None:
    """One less than the terminal has, as in the last one some wrap; 79 if it does not say. None if it is none."""
    try:
        return (os.get_terminal_size(out.fileno()).columns or 80) - 1 if out.isatty() else None
    except (OSError, ValueError):
        return 79
