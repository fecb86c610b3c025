"""``a1d-powercut poweroff|halt``: ask the case to cut the power. systemd-shutdown runs it last of all.

docs/hardware.md P1-P4. Only this program can send the request; for a reboot it does nothing.
Standard library and smbus2 only, over in less than four seconds whatever happens.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import time
from collections.abc import Callable

from a1d.case.bus import ADDRESS, PACE_S, SETTLE_S, LegacyBus, RegisterBus, SmbusLike, describe_bus_error, open_smbus
from a1d.case.retry import try_for
from a1d.case.stop_program import bound_time, read_stop_settings

REGISTER_CONTROL = 0x86  # M8
ARM = 1  # M8
LEGACY_ARM = 0xFF  # L1
TIME_MAX_S = 2.0
_HANGS = "the power may stay on, because the bus hangs; use the case's button"
_VERBS = ("poweroff", "halt")
_NOTHING_TO_DO = ("reboot", "kexec", "soft-reboot", "exit")  # what else systemd-shutdown may be told
_HELP = """usage: a1d-powercut poweroff|halt|reboot|kexec

Ask the case to cut the power, which it does some seconds later and which NOTHING CALLS OFF: systemd-shutdown runs
it last of all, when the disks are unmounted. For reboot and kexec it does nothing.
Exit codes: 0 the power will be cut or need not be, 1 the case did not answer, 2 a wrong call.
With --help it does nothing."""


class RegisterPowerCut(RegisterBus):
    """The V3's protocol, and the one write that only this program may make."""

    def arm_power_cut(self) -> None:
        """The power goes 5.6 s or more from now (P2) and nothing calls it off. OSError if the bus fails."""
        self._smbus.write_byte_data(ADDRESS, REGISTER_CONTROL, ARM)


class LegacyPowerCut(LegacyBus):
    """The older cases' protocol, likewise."""

    def arm_power_cut(self) -> None:
        """The same, with a bare byte (L1). OSError if the bus fails."""
        self._smbus.write_byte(ADDRESS, LEGACY_ARM)


def open_power_cut(protocol: str, smbus: SmbusLike) -> RegisterPowerCut | LegacyPowerCut:
    """The bus for ``protocol`` ("register" or "legacy"), with the power cut; nothing is sent."""
    return LegacyPowerCut(smbus) if protocol == "legacy" else RegisterPowerCut(smbus)


def cut_power(
    open_bus: Callable[[], RegisterPowerCut | LegacyPowerCut],
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> int:
    """Duty 0, then the request, each again until the bus has taken it; the number of tries it took.

    OSError if it did not work within 2 s. While the MCU kicks the fan it drops what it is sent (M7), and only
    after 0.6 s can anybody tell (M4): so ask again then. Nothing cancels the first request (P3).
    """
    tries = 0
    taken = 0  # kept from try to try, or a bus that fails every second time would never let us finish

    def attempt() -> int:
        nonlocal tries, taken
        tries += 1
        with contextlib.closing(open_bus()) as bus:
            enough = 4 if isinstance(bus, RegisterPowerCut) else 2
            while taken < enough:
                is_duty = taken % 2 == 0
                if is_duty:
                    bus.write_duty(0)  # kicks nothing (P4)
                else:
                    bus.arm_power_cut()
                taken += 1
                if taken < enough:
                    sleep(PACE_S if is_duty else SETTLE_S)
        return tries

    try:
        return try_for(TIME_MAX_S, attempt, clock, sleep)
    except OSError as error:
        if taken < 2:
            raise
        text = f"it took the request, but not the repetition that makes sure of it ({error.strerror})"
        raise OSError(errno.EIO, text) from error


def main() -> int:
    """Exit code 0 if the power will be cut or need not be, 1 if the case did not answer, 2 for a wrong call."""
    if sys.argv[1:] in (["--help"], ["-h"]):
        print(_HELP)
        return 0
    if len(sys.argv) != 2 or sys.argv[1] not in (*_VERBS, *_NOTHING_TO_DO):
        print(f"usage: a1d-powercut {'|'.join(_VERBS)}|reboot|kexec (systemd-shutdown calls it)", file=sys.stderr)
        return 2
    if sys.argv[1] in _NOTHING_TO_DO:
        return 0
    # A transfer that hangs in the kernel is the one thing that try_for cannot bound.
    with bound_time(TIME_MAX_S + 1.5, lambda: _say(3, _HANGS)):
        return _run(sys.argv[1])


def _run(verb: str) -> int:
    settings = read_stop_settings()
    try:
        tries = cut_power(lambda: open_power_cut(settings.protocol, open_smbus(settings.bus, settings.timeout_s)))
    except Exception as error:  # not only the bus can fail: files of smbus2 that are gone or damaged
        why = describe_bus_error(error, settings.bus).strerror if isinstance(error, OSError) else repr(error)
        _say(3, f"the power may stay on, because the case could not be asked to cut it: {why}; use the case's button")
        return 1
    _say(5, f"asked the case to cut the power ({verb}, try {tries})")
    return 0


def _say(priority: int, text: str) -> None:
    """The journal is gone by now: the kernel log is what remains, and the console if even that fails."""
    try:
        fd = os.open(os.environ.get("A1D_KMSG", "/dev/kmsg"), os.O_WRONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        with open(fd, "wb", buffering=0) as kmsg:
            kmsg.write(f"<{priority}>a1d-powercut: {text}\n".encode("ascii", "replace"))
    except OSError:
        print(f"a1d-powercut: {text}", file=sys.stderr)


if __name__ == "__main__":
    raise SystemExit(main())
