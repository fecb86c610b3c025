"""What the kernel says of its GPIO chips, and of one line; nothing is requested, so nobody else is disturbed."""

from __future__ import annotations

import glob
from typing import NamedTuple

_CHIPS_MAX = 32


class Chip(NamedTuple):
    """A GPIO chip. ``holder`` is who holds the line that was asked for: "" nobody; ``error`` why it is not known."""

    path: str
    label: str
    holder: str = ""
    error: str = ""


def read_chips(line: int) -> list[Chip]:
    """Every chip of this machine, without requesting anything. ImportError if libgpiod cannot be used."""
    from a1d.button.libgpiod import gpiod

    chips = []
    for path in sorted(glob.glob("/dev/gpiochip*"))[:_CHIPS_MAX]:
        try:
            with gpiod.Chip(path) as chip:
                about = chip.get_info()
                holder = ""
                if line < about.num_lines:
                    found = chip.get_line_info(line)
                    holder = found.consumer or "somebody who gives no name" if found.used else ""
                chips.append(Chip(path, about.label, holder))
        except OSError as error:
            chips.append(Chip(path, "", error=error.strerror or str(error)))
    return chips
