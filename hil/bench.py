"""The case while a1d is stopped. A script sets the fan, and in the end the fan is at a safe duty."""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from a1d.case.apply_failsafe import apply_failsafe
from a1d.case.bus import SETTLE_S, RegisterBus, open_smbus
from a1d.case.retry import try_for
from hil.guard import check_guard
from hil.rig import SERVICE

REST_PERCENT = 60
# One failed transfer is nothing unusual (docs/hardware.md M11), and each may take a second.
_TRY_S = 5.0
Answer = dict[str, Any]


class Bench:
    """What a question may use. It can write duties only: RegisterBus has no other write."""

    def __init__(self, bus: RegisterBus) -> None:
        self._bus = bus
        # Stores the answer so far, before something that may end the machine.
        self.save: Callable[[Answer], None] = lambda _answer: None

    def write(self, duty_percent: int) -> None:
        """Write at once, however soon after the last write. OSError if the bus fails."""
        self._bus.write_duty(duty_percent)

    def read(self) -> int:
        """The duty that the controller last processed."""
        return try_for(_TRY_S, self._bus.read_duty, time.monotonic, time.sleep)

    def read_firmware(self) -> int:
        """Register 0x81."""
        return try_for(_TRY_S, self._bus.read_firmware, time.monotonic, time.sleep)

    def set(self, duty_percent: int) -> None:
        """Write twice, with the time of a kick-start between: the controller drops a write during a kick-start."""
        check_guard()  # without the guard a1d controls the fan again
        for _ in range(2):
            try_for(_TRY_S, lambda: self.write(duty_percent), time.monotonic, time.sleep)
            time.sleep(SETTLE_S)

    def power_off(self) -> None:
        """Power off the ordinary way, and wait for it."""
        subprocess.run(["systemctl", "poweroff"], check=False)
        time.sleep(90)

    def power_off_now(self, answer: Answer) -> None:
        """Power off because the case cuts the power in seconds. Store ``answer`` if there is time left."""
        subprocess.run(["systemctl", "poweroff", "--ignore-inhibitors"], check=False)
        with contextlib.suppress(OSError):
            self.save(answer)
        time.sleep(90)


class Question(NamedTuple):
    """``needs_operator``: a person must be at the case. ``ends``: it ends with the power cut."""

    text: str
    needs_operator: bool
    ends: bool
    ask: Callable[[Bench], Answer]


QUESTIONS: list[Question] = []


def question(text: str, *, operator: bool = False, ends: bool = False) -> Callable[[Callable[[Bench], Answer]], None]:
    """Register a function that finds the answer: a dict with a sentence under "answer", and the figures."""

    def register(ask: Callable[[Bench], Answer]) -> None:
        QUESTIONS.append(Question(text, operator, ends, ask))

    return register


@contextlib.contextmanager
def on_the_bench(bus: int) -> Iterator[Bench]:
    """a1d is stopped in here, and started again at the end. Use it within ``guarded`` only."""
    subprocess.run(["systemctl", "stop", SERVICE], check=True)
    try:
        with contextlib.closing(RegisterBus(open_smbus(bus, 0))) as registers:
            bench = Bench(registers)
            bench.set(REST_PERCENT)
            yield bench
    finally:
        with contextlib.suppress(OSError):
            apply_failsafe(lambda: RegisterBus(open_smbus(bus, 0)), REST_PERCENT)
        subprocess.run(["systemctl", "start", SERVICE], check=False)
