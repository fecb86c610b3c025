"""What a check comes to. Pure."""

from __future__ import annotations

from typing import NamedTuple

OK, WARN, FAIL, INFO = "ok", "warn", "FAIL", "info"


class Result(NamedTuple):
    """``state``: ok, warn, FAIL or info. ``mend`` is one shell command that mends it, or None."""

    state: str
    check: str
    fact: str
    mend: str | None = None


def ok(check: str, fact: str) -> Result:
    """All is as it should be."""
    return Result(OK, check, fact)


def warn(check: str, fact: str, mend: str | None = None) -> Result:
    """It works, or may work, and deserves a look."""
    return Result(WARN, check, fact, mend)


def fail(check: str, fact: str, mend: str | None = None) -> Result:
    """Something does not work because of it."""
    return Result(FAIL, check, fact, mend)


def info(check: str, fact: str, mend: str | None = None) -> Result:
    """Worth knowing, or not to be told from here."""
    return Result(INFO, check, fact, mend)
