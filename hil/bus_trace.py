"""Records every transfer to the case, by any program, with the kernel's i2c tracepoints. The bus is not touched."""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path
from typing import NamedTuple

from a1d.case.bus import ADDRESS
from hil.rig import NotHere, Transfer

TRACING = Path("/sys/kernel/tracing")
# A trace instance of our own, so that other tracing on this machine is not disturbed.
INSTANCE = TRACING / "instances/a1d-hil"
EVENTS = ("i2c_write", "i2c_read", "i2c_reply", "i2c_result")
_LINE = re.compile(r"\s(\d+\.\d+): (i2c_(?:write|read|reply|result)): i2c-(\d+) (.*)")
_MESSAGE = re.compile(r"#\d+ a=([0-9a-f]+) f=[0-9a-f]+ l=\d+(?: \[([0-9a-f-]*)\])?")


class _Message(NamedTuple):
    is_read: bool
    address: int
    data: list[int]


def parse(text: str, bus: int) -> list[Transfer]:
    """The transfers to the case on this bus, oldest first. A write's value is None if it is not just one byte."""
    found: list[Transfer] = []
    messages: list[_Message] = []
    for time_s, event, number, rest in _LINE.findall(text):
        if int(number) != bus:
            continue
        if event != "i2c_result":
            if match := _MESSAGE.match(rest):
                data = [int(each, 16) for each in (match[2] or "").split("-") if each]
                messages.append(_Message(event != "i2c_write", int(match[1], 16), data))
            continue
        if messages and messages[0].address == ADDRESS:
            is_ok = int(rest.rpartition("=")[2]) >= 0
            found.append(_transfer(float(time_s), messages, is_ok))
        messages = []
    return found


def _transfer(time_s: float, messages: list[_Message], is_ok: bool) -> Transfer:
    sent = messages[0].data if not messages[0].is_read else []
    if any(each.is_read for each in messages):
        got = messages[-1].data  # the reply's, if there was one
        return Transfer(time_s, False, sent[0] if sent else None, got[0] if got else None, is_ok)
    if len(sent) == 1:
        return Transfer(time_s, True, None, sent[0], is_ok)
    return Transfer(time_s, True, sent[0] if sent else None, sent[1] if len(sent) == 2 else None, is_ok)


class BusTrace:
    """Transfers since the last ``clear``, without this process's own."""

    def __init__(self, bus: int) -> None:
        """NotHere if this kernel has no i2c tracepoints."""
        self._bus = bus
        if not (TRACING / "events/i2c/i2c_write").exists():
            raise NotHere(f"nothing records this bus: no i2c tracepoints in {TRACING}")
        INSTANCE.mkdir(exist_ok=True)
        self._set("trace_clock", "boot")
        self._set("set_event_notrace_pid", str(os.getpid()))
        for event in EVENTS:
            self._set(f"events/i2c/{event}/enable", "1")
        self.clear()

    def transfers(self) -> list[Transfer]:
        """The transfers, the oldest first."""
        return parse((INSTANCE / "trace").read_text(), self._bus)

    def clear(self) -> None:
        """Forget them."""
        self._set("trace", "")

    def _set(self, name: str, value: str) -> None:
        (INSTANCE / name).write_text(value)


def forget_trace() -> None:
    """Remove the instance, if there is one."""
    with contextlib.suppress(OSError):
        INSTANCE.rmdir()
