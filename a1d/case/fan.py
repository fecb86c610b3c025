"""Keeps the case's fan at the wanted duty: paces, verifies, repeats, reopens. One transfer per call.

A duty counts as set only once the MCU has confirmed it; until then it is written again.
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable

from a1d.case.bus import FIRMWARE_KNOWN, PACE_S, SETTLE_S, CaseBus, RegisterBus, is_transient

_RETRY_FIRST_S = 0.1
_RETRY_MAX_S = 0.5
# Failures in a row that are worth a message; fewer are everyday noise on this bus (M11).
_FAILURES_WORTH_SAYING = 3
_FIRST_READ_TRIES = 3
_CHECK_S = 5.0
# A transfer this late means that nobody calls ``poll`` any more.
_OVERDUE_S = 5.0
# However fast the duty changes, every so often it must be seen to arrive.
_UNVERIFIED_MAX_S = 2.0
# Beginnings and ends of problems that are kept until they are taken; the oldest go first.
_PROBLEMS_MAX = 32
_NEVER = float("inf")


class Fan:
    """Set ``target_percent`` (0..100 %), then call ``poll`` whenever ``due_s`` has come.

    ``observed_percent`` is what the fan did before the first write, 0..100 % (None: not known),
    ``confirmed_percent`` what the MCU last confirmed (None: nothing since the bus last failed or reported another
    duty than the one written). ``open_bus`` raises OSError if the bus cannot be opened. Times are those of ``clock``,
    in seconds.
    """

    def __init__(self, open_bus: Callable[[], CaseBus], clock: Callable[[], float], refresh_s: float) -> None:
        self._open_bus = open_bus
        self._clock = clock
        self.refresh_s = refresh_s
        self.target_percent: int | None = None
        self.observed_percent: int | None = None
        self.confirmed_percent: int | None = None
        self.acknowledged = False  # has any write ever been acknowledged on the wire?
        self.observing = True  # still trying to read what the fan did before us
        self.firmware: int | None = None
        self.remark: str | None = None  # for the log, until somebody has said it
        self.error: OSError | None = None  # set while the bus fails
        self.mismatch: str | None = None  # set while the MCU reports another duty than the one written
        self.errors = 0  # failed transfers since the start
        self.readable = True  # whether the protocol can confirm anything
        self._problems: deque[OSError | str | None] = deque(maxlen=_PROBLEMS_MAX)
        self._problem_text = str(None)
        self._failures = self._mismatches = 0  # in a row
        self._identified = False
        self._bus: CaseBus | None = None
        self._pending: int | None = None  # written, not yet confirmed
        self._may_stand = True  # whether the fan may be at 0, so that a higher duty may kick it (M6)
        self._written_s = self._unverified_s = self._checked_s = self._free_s = self._retry_s = 0.0

    @property
    def due_s(self) -> float:
        """When ``poll`` has something to do; infinity when only a new target can bring work."""
        if self.observing:
            return self._retry_s
        if self.target_percent is None:
            return _NEVER
        return max(self._retry_s, self._next()[0])

    @property
    def is_overdue(self) -> bool:
        """Whether ``poll`` has not been called for much too long."""
        return self._clock() - self.due_s >= _OVERDUE_S

    def poll(self) -> float:
        """At most one transfer, if one is due; when to call again. Never raises OSError: see ``error``.

        ValueError if ``target_percent`` is no whole number of 0..100.
        """
        due_s = self.due_s
        if self._clock() < due_s:
            return due_s
        try:
            if self._bus is None:
                self._bus = self._open_bus()
                self.readable = self._bus.readable
            if self.observing:
                self._observe(self._bus)
            else:
                self._next()[1](self._bus)
        except OSError as error:
            self._failed(error)
        self._note_problem()
        return self.due_s

    def take_problems(self) -> list[OSError | str | None]:
        """What has been wrong since the last call, in order: ``error`` or ``mismatch``, None where it ended.

        A problem may come and go between two calls; here it waits until it is taken.
        """
        problems = list(self._problems)
        self._problems.clear()
        return problems

    def close(self) -> None:
        """Give the bus back and forget what was set; the next ``poll`` opens it again and writes. Raises nothing."""
        self._pending = self.confirmed_percent = None
        self._may_stand = True
        bus, self._bus = self._bus, None
        if bus is not None:
            with contextlib.suppress(OSError):
                bus.close()

    def reset(self) -> None:
        """As ``close``, and forget what was wrong too: it is another bus or protocol from now on."""
        self.close()
        self.firmware, self._identified = None, False
        self.error = self.mismatch = None
        self._note_problem()
        self._failures = self._mismatches = 0
        self._retry_s = 0.0

    def _next(self) -> tuple[float, Callable[[CaseBus], None]]:
        """When the next transfer is due, and which. A duty that may have kicked is verified before all else."""
        if self._pending is not None and (
            self._may_stand
            or self._pending == self.target_percent
            or self._written_s - self._unverified_s > _UNVERIFIED_MAX_S
        ):
            return self._written_s + SETTLE_S, self._verify
        if self._pending is not None or self.confirmed_percent != self.target_percent:
            return self._free_s, self._write
        if not self._identified and self.readable:
            return self._written_s + SETTLE_S, self._identify
        refresh_s = self._written_s + self.refresh_s
        if not self.readable or self._checked_s >= refresh_s:
            return refresh_s, self._write
        # At full speed no rising temperature would ever bring another write: look more often.
        return min(refresh_s, self._checked_s + _CHECK_S) if self.confirmed_percent == 100 else refresh_s, self._check

    def _observe(self, bus: CaseBus) -> None:
        if isinstance(bus, RegisterBus):
            self.observed_percent = min(100, bus.read_duty())
        self.observing = False
        self._mark_ok()

    def _identify(self, bus: CaseBus) -> None:
        assert isinstance(bus, RegisterBus)
        self._identified = True  # once is enough: it is for people alone
        with contextlib.suppress(OSError):
            self.firmware = bus.read_firmware()
            self.remark = describe_firmware(self.firmware)

    def _check(self, bus: CaseBus) -> None:
        """Before a refresh: has somebody else changed the duty, or has the MCU forgotten it?"""
        assert isinstance(bus, RegisterBus)
        found = bus.read_duty()
        self._checked_s = self._clock()
        if found != self.confirmed_percent:
            self.mismatch = (
                f"the case had gone from {self.confirmed_percent} % to {found} % by itself: was it reset, or does "
                "another program drive it?"
            )
            self.confirmed_percent, self._may_stand = None, True

    def _write(self, bus: CaseBus) -> None:
        duty = self.target_percent
        assert duty is not None
        bus.write_duty(duty)
        # From here: a stretched transfer reaches the MCU late (M15).
        self._written_s = self._clock()
        if self._pending is None:
            self._unverified_s = self._written_s
        self.acknowledged = True
        self._free_s = self._written_s + (SETTLE_S if duty and self._may_stand else PACE_S)
        self._may_stand = self._may_stand or duty == 0
        if bus.readable:
            self._pending = duty
        else:
            self.confirmed_percent = duty  # nothing better can be known (L1)
            self._may_stand = duty == 0
            self._mark_ok()

    def _verify(self, bus: CaseBus) -> None:
        assert isinstance(bus, RegisterBus)
        found = bus.read_duty()
        wanted, self._pending = self._pending, None
        self._may_stand = found == 0 or found != wanted  # then what it reports is no proof either
        self._checked_s = self._clock()
        if found == wanted:
            self.confirmed_percent = wanted
            self._mismatches, self.mismatch = 0, None
            self._mark_ok()
            return
        self.confirmed_percent = None
        self._mismatches += 1
        if self._mismatches >= _FAILURES_WORTH_SAYING:
            self.mismatch = (
                f"the case reports a duty of {found} % after {wanted} % was written: does another program "
                "drive it, or is case.protocol wrong?"
            )

    def _mark_ok(self) -> None:
        self._failures, self.error = 0, None

    def _note_problem(self) -> None:
        problem = self.error or self.mismatch
        if str(problem) != self._problem_text:
            self._problem_text = str(problem)
            self._problems.append(problem)

    def _failed(self, error: OSError) -> None:
        """The bus is not to be trusted: forget what was set, close it, and come back soon."""
        self.errors += 1
        self._failures += 1
        if self._failures >= _FAILURES_WORTH_SAYING or not is_transient(error):
            self.error = error
        self.observing = self.observing and self._failures < _FIRST_READ_TRIES
        self.close()
        self._retry_s = self._clock() + min(_RETRY_FIRST_S * 2 ** min(self._failures - 1, 8), _RETRY_MAX_S)


def describe_firmware(firmware: int | None) -> str | None:
    """A remark on a firmware id (0..255) that nobody has described yet; None for the known one or if not read (M3)."""
    if firmware is None or firmware == FIRMWARE_KNOWN:
        return None
    return f"the case's firmware id is 0x{firmware:02x}, the known one is 0x{FIRMWARE_KNOWN:02x}; carrying on"
