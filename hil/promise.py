"""What a promise is: a function of the rig that raises AssertionError if it is not kept; it may return a remark."""

from __future__ import annotations

import contextlib
import time
import traceback
from collections.abc import Callable
from typing import NamedTuple

from hil.rig import NotHere, Rig

Check = Callable[[Rig], str | None]
PROMISES: list[tuple[str, Check]] = []


class Outcome(NamedTuple):
    """``result``: kept, BROKEN or skipped."""

    promise: str
    result: str
    remark: str
    took_s: float


def promise(text: str) -> Callable[[Check], Check]:
    """Register a check under the sentence that it holds true."""

    def register(check: Check) -> Check:
        PROMISES.append((text, check))
        return check

    return register


def try_one(text: str, check: Check, rig: Rig) -> Outcome:
    """From a calm machine; an error of any kind is a broken promise, and so is a write where nobody may write."""
    begin_s = time.monotonic()
    try:
        rig.calm()
        result, remark = "kept", check(rig) or ""
        with contextlib.suppress(NotHere):
            assert rig.forbidden_writes() == 0, "something was written where nobody may write"
    except NotHere as error:
        result, remark = "skipped", str(error)
    except AssertionError as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        result, remark = "BROKEN", str(error) or f"{where.name}: {where.line}"
    except Exception as error:
        result, remark = "BROKEN", f"{type(error).__name__}: {error}"
    return Outcome(text, result, " ".join(remark.split()), time.monotonic() - begin_s)
