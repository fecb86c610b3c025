"""``a1d-failsafe``: leave the fan safe after the daemon has ended. systemd runs it as ExecStopPost=.

After a crash the fan is at failsafe or as fast as it was, whichever is more; after a clean stop it is as
``fan.on_stop`` says. Standard library and smbus2 only, over in less than four seconds whatever happens.
"""

from __future__ import annotations

import contextlib
import os
import sys

from a1d.case.apply_failsafe import TIME_MAX_S, apply_failsafe
from a1d.case.bus import describe_bus_error, open_case, open_smbus
from a1d.case.stop_program import bound_time, read_stop_settings
from a1d.log import is_journal

_HELP = """usage: a1d-failsafe

Leave the fan safe after the daemon has ended. systemd runs it by itself (ExecStopPost= of a1d.service).
It writes to the case: after a crash the fan is at failsafe or as fast as it was, whichever is more; after a
clean stop it is as fan.on_stop says. Without $SERVICE_RESULT=success it takes the end for a crash.
Exit codes: 0 the fan is safe, 1 it could not be made safe, 2 a wrong call. With --help it does nothing."""


def stopped_cleanly(environ: dict[str, str]) -> bool:
    """Whether systemd says that the daemon stopped as it was told to. Without SERVICE_RESULT it counts as a crash."""
    return environ.get("SERVICE_RESULT") == "success"


def main() -> int:
    """Exit code 0 if the fan is known to be safe, 1 if not, 2 for a wrong call by hand.

    Only then, and asked for help, it does nothing: after the daemon it acts, whatever a drop-in of the unit added.
    """
    if sys.argv[1:] in (["--help"], ["-h"]):
        print(_HELP)
        return 0
    if sys.argv[1:] and "SERVICE_RESULT" not in os.environ:
        print("usage: a1d-failsafe (it takes no argument; a1d-failsafe --help says more)", file=sys.stderr)
        return 2
    # A transfer that hangs in the kernel is the one thing that try_for cannot bound.
    with bound_time(TIME_MAX_S + 1.0, lambda: _say(3, "the bus hangs; the fan could not be made safe")):
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
    except Exception as error:  # not only the bus can fail: files of smbus2 that are gone or damaged
        why = describe_bus_error(error, settings.bus).strerror if isinstance(error, OSError) else repr(error)
        _say(3, f"the fan could not be made safe: {why}")
        return 1
    _say(6 if clean else 4, done)
    return 0


def _say(priority: int, text: str) -> None:
    """At once, also from a signal handler. Only the journal reads the priority."""
    if sys.stderr is None:  # it was closed, and descriptor 2 may be the bus
        return
    prefix = f"<{priority}>" if is_journal() else ""
    with contextlib.suppress(OSError):
        os.write(2, f"{prefix}a1d-failsafe: {text}\n".encode("ascii", "backslashreplace"))


if __name__ == "__main__":
    raise SystemExit(main())
