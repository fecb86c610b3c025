"""a1d-ctl's command line: what a word may be, as its value or ArgumentTypeError with what was expected."""

from __future__ import annotations

import argparse
import math

from a1d.config.limits import LEASE_MAX_S, UNTIL_CELSIUS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Parser(argparse.ArgumentParser):
    """With help 80 columns wide: to ask the terminal, for every argument, argparse would load shutil in 3 ms."""

    def __init__(self, prog: str, **options: Any) -> None:
        super().__init__(prog, formatter_class=lambda prog: argparse.HelpFormatter(prog, width=80), **options)


def percent(text: str) -> int:
    """A duty, 0..100 %; a sign for percent may follow."""
    number = text.removesuffix("%").strip()
    if not (number.isascii() and number.isdigit() and len(number) < 4 and int(number) <= 100):
        raise argparse.ArgumentTypeError(f"found {text!r}, expected a whole number from 0 to 100")
    return int(number)


def duration(text: str) -> float:
    """Seconds, more than 0 and up to LEASE_MAX_S."""
    from a1d.config.parse_duration import parse_duration_s  # rarely needed, and with patterns to compile

    try:
        seconds = parse_duration_s(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    if not 0 < seconds <= LEASE_MAX_S:
        raise argparse.ArgumentTypeError(f"found {text!r}, expected more than 0 and at most 7d")
    return seconds


def celsius(text: str) -> float:
    """A temperature of UNTIL_CELSIUS; a C may follow."""
    low, high = UNTIL_CELSIUS
    try:
        number = float(text.upper().removesuffix("C"))
    except ValueError:
        number = math.nan
    if not low <= number <= high:
        raise argparse.ArgumentTypeError(f"found {text!r}, expected a temperature from {low} to {high}, such as 45C")
    return number


def watts(text: str) -> float | None:
    """0 to 20, or None for auto."""
    try:
        if text == "auto" or 0 <= float(text) <= 20:
            return None if text == "auto" else float(text)
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(f"found {text!r}, expected 0 to 20 watts, or auto")
