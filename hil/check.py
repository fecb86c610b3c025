"""A check is a sentence about a1d and a function that tries, on a rig (hil/rig.py), whether it is true.

The function raises AssertionError if the sentence is false. It may return a remark, such as a measured time.
"""

from __future__ import annotations

import contextlib
import time
import traceback
from collections.abc import Callable, Iterable
from typing import NamedTuple

from hil.rig import NotHere, Rig

CheckFunction = Callable[[Rig], str | None]
CHECKS: list[tuple[str, CheckFunction]] = []


class Outcome(NamedTuple):
    """What a check came to. ``result``: passed, FAILED or skipped."""

    check: str
    result: str
    remark: str
    took_s: float

    def row(self) -> str:
        """A row of the table."""
        return f"| {self.check} | {self.result} | {self.remark} | {self.took_s:.0f} s |"


def check(text: str) -> Callable[[CheckFunction], CheckFunction]:
    """Register a function under the sentence that it checks."""

    def register(function: CheckFunction) -> CheckFunction:
        CHECKS.append((text, function))
        return function

    return register


def try_one(text: str, function: CheckFunction, rig: Rig) -> Outcome:
    """Set the machine up and try one check.

    An error of any kind is a failure. So is a write to the bus that is never allowed.
    """
    begin_s = time.monotonic()
    try:
        rig.set_up()
        result, remark = "passed", function(rig) or ""
        with contextlib.suppress(NotHere):
            assert rig.forbidden_writes() == 0, "a forbidden register was written"
    except NotHere as error:
        result, remark = "skipped", str(error)
    except AssertionError as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        result, remark = "FAILED", str(error) or f"{where.name}: {where.line}"
    except Exception as error:
        result, remark = "FAILED", f"{type(error).__name__}: {error}"
    return Outcome(text, result, " ".join(remark.split()), time.monotonic() - begin_s)


def count(outcomes: Iterable[Outcome]) -> str:
    """The last line of a run: ``68 passed, 0 failed, 0 skipped``."""
    results = [outcome.result for outcome in outcomes]
    return f"{results.count('passed')} passed, {results.count('FAILED')} failed, {results.count('skipped')} skipped"
