"""Talk to the operator: the person at the case."""

from __future__ import annotations

import sys
import time

from hil.rig import NotHere


def tell(text: str) -> None:
    """Print it at once."""
    print(text, flush=True)


def ask(text: str) -> str:
    """Ask, and return one line of answer. NotHere if the input has ended."""
    print(f"{text} ", end="", flush=True)
    line = sys.stdin.readline()
    if not line:
        raise NotHere("nobody answers")
    return line.strip()


def yes(text: str) -> bool:
    """Ask. Anything but y or yes means no."""
    return ask(f"{text} [y/N]").lower() in ("y", "yes")


def countdown(what: str, seconds: int = 3) -> None:
    """3, 2, 1, and then what to do."""
    for left in range(seconds, 0, -1):
        tell(f"{left} ...")
        time.sleep(1)
    tell(what)
