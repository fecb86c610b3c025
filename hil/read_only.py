"""Make every file system read-only before the power is cut. Only a restart undoes it, and there is always a restart."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

from hil.guard import READ_ONLY
from hil.operator import tell
from hil.rig import NotHere

# The case cuts the power 17 s after a hold at the latest (docs/hardware.md B3).
WAIT_S = 60
_SYSRQ = Path("/proc/sysrq-trigger")
_MOUNTS = Path("/proc/mounts")
_CLOSE_MAX_S = 20
_SIGNALS = (signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP, signal.SIGTERM, signal.SIGHUP)


def say(text: str) -> None:
    """As ``tell``, but a lost connection does not end the run."""
    with contextlib.suppress(OSError):
        tell(text)


def writable(mounts: str) -> list[str]:
    """The mount points of disks that can still be written, from the text of /proc/mounts."""
    found = []
    for line in mounts.splitlines():
        device, place, _kind, options = line.split(" ")[:4]
        if device.startswith("/dev/") and options.split(",")[0] == "rw":
            found.append(place)
    return found


@contextlib.contextmanager
def read_only() -> Iterator[None]:
    """In here no disk can be written and every signal but SIGKILL is ignored. At the end the machine restarts.

    NotHere, and nothing is changed, if the kernel cannot do that. After a kill -9 the guard restarts the machine.
    """
    if not _SYSRQ.exists():
        raise NotHere("this kernel has no sysrq, so the file systems cannot be closed before the power cut")
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    try:
        READ_ONLY.touch()
        os.sync()
        _SYSRQ.write_text("u")  # begins it; done a little later
        end_s = time.monotonic() + _CLOSE_MAX_S
        while left := writable(_MOUNTS.read_text()):
            if time.monotonic() > end_s:
                raise NotHere(f"{', '.join(left)} cannot be closed to writing: do NOT press the button")
            time.sleep(0.1)
        yield
    except Exception as error:
        say(f"{error}. The machine restarts in {WAIT_S} s.")
        time.sleep(WAIT_S)  # a power cut may be about to come, and it must not come while the machine starts
    finally:
        _restart()


def _restart() -> NoReturn:
    while True:
        with contextlib.suppress(OSError):
            subprocess.run(["systemctl", "reboot", "--force", "--force"], check=False)
        time.sleep(10)
        with contextlib.suppress(OSError):
            _SYSRQ.write_text("b")
        time.sleep(10)
