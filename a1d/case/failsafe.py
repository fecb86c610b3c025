"""``a1d-failsafe``: leave the fan safe after the daemon has ended. systemd runs it as ExecStopPost=.

After a crash the fan is at failsafe or as fast as it was, whichever is more; after a clean stop it is as
``fan.on_stop`` says. Standard library and smbus2 only, over in less than four seconds whatever happens.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import time
from collections.abc import Callable

from a1d.case.bus import SETTLE_S, CaseBus, RegisterBus, describe_bus_error, open_case, open_smbus
from a1d.case.stop_settings import bound_time, read_stop_settings, try_for

TIME_MAX_S = 2.5
_HELP = """usage: a1d-failsafe

Leave the fan safe after the daemon has ended. systemd runs it by itself (ExecStopPost= of a1d.service).
It writes to the case: after a crash the fan is at failsafe or as fast as it was, whichever is more; after a
clean stop it is as fan.on_stop says. Without $SERVICE_RESULT=success it takes the end for a crash.
Exit codes: 0 the fan is safe, 1 it could not be made safe. With --help it does nothing."""


def apply_failsafe(
    open_bus: Callable[[], CaseBus],
    failsafe_percent: int,
    exact_percent: int | None = None,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> str:
    """Set max(present duty, failsafe), or ``exact_percent`` (each 0..100 %), and verify it; what was done, in words.

    A present duty that cannot be read counts as 100 %; a legacy case is written to once and confirms nothing (L1).
    ``open_bus`` raises OSError if the bus cannot be opened. OSError if the case cannot be reached or does not confirm
    the duty within 1.9 s, ValueError for a duty that is no whole number of 0..100.
    """
    present: int | None = None
    is_written = False  # kept from try to try, or a bus that fails every second time would never let us finish

    def attempt() -> str:
        nonlocal present, is_written
        with contextlib.closing(open_bus()) as bus:
            if present is None and isinstance(bus, RegisterBus):
                with contextlib.suppress(OSError):
                    present = min(100, bus.read_duty())
            goal = exact_percent
            if goal is None:
                goal = 100 if present is None else max(present, failsafe_percent)
            if not isinstance(bus, RegisterBus):
                bus.write_duty(goal)
                return f"the fan was set to {goal} %; this case cannot confirm it"
            # Written even if it is there already: an MCU that was just reset is about to forget it (M5).
            if not is_written:
                bus.write_duty(goal)
                is_written = True
                sleep(SETTLE_S)
            if bus.read_duty() != goal:
                is_written = False
                text = f"the case does not confirm the {goal} % it was asked for, several times"
                raise OSError(errno.EIO, text)
            return f"the fan was set to {goal} %"

    return try_for(TIME_MAX_S - SETTLE_S, attempt, clock, sleep)


def stopped_cleanly(environ: dict[str, str]) -> bool:
    """Whether systemd says that the daemon stopped as it was told to. Without SERVICE_RESULT it counts as a crash."""
    return environ.get("SERVICE_RESULT") == "success"


def main() -> int:
    """Exit code 0 if the fan is known to be safe, 1 otherwise. Only asked for help it does nothing."""
    if sys.argv[1:] in (["--help"], ["-h"]):
        print(_HELP)
        return 0
    # A transfer that hangs in the kernel is the one thing that try_for cannot bound.
    hangs = b"<3>a1d-failsafe: the bus hangs; the fan could not be made safe\n"
    with bound_time(TIME_MAX_S + 1.0, lambda: os.write(2, hangs)):
        return _run()


def _run() -> int:
    settings = read_stop_settings()
    clean = stopped_cleanly(dict(os.environ))
    on_stop = settings.on_stop if clean else "failsafe"
    if on_stop == "keep":
        return 0
    try:
        done = apply_failsafe(
            lambda: open_case(settings.protocol, lambda: open_smbus(settings.bus, settings.timeout_s)),
            settings.failsafe_percent,
            on_stop if isinstance(on_stop, int) else None,
        )
    except OSError as error:
        text = describe_bus_error(error, settings.bus).strerror
        print(f"<3>a1d-failsafe: the fan could not be made safe: {text}", file=sys.stderr)
        return 1
    print(f"<{6 if clean else 4}>a1d-failsafe: {done}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
