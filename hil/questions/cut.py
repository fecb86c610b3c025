"""B3, B8, P2: how long until the case cuts the power. The operator gives the answer after the next start.

The file systems are read-only when the power is cut: after an ordinary power-off, or by the kernel's emergency remount
where a power-off cannot be used because a1d would ask for the cut itself.
"""

from __future__ import annotations

import contextlib
import select
import time

from a1d.button.gpiod import GpiodEdges
from a1d.button.pulses import Edge
from a1d.config.settings import ButtonConfig
from hil.bench import Answer, Bench, question
from hil.operator import ask, countdown, tell
from hil.questions.press import is_hold, widths_ms
from hil.read_only import WAIT_S, read_only, say

_NO_ANSWER = "the power went; nobody has said yet after how long"


@question("after a power-off, how long until the case cuts the power?", operator=True, ends=True)
def after_power_off(bench: Bench) -> Answer:
    """The operator hears when the cut is asked for: a1d-powercut sets the fan to 0 in the same moment."""
    tell("Have a stopwatch ready. The Pi will power off now, with the fan at full speed.")
    tell("Start the stopwatch when the fan goes SILENT, stop it when the case's light goes OUT (up to a minute).")
    ask("Enter to power off.")
    bench.set(100)
    bench.save({"answer": _NO_ANSWER, "pending": "power-off: seconds from the silent fan to the light going out"})
    bench.power_off()
    return {"answer": "the power-off did not happen"}


def _hold(bench: Bench, what: str, pending: str) -> Answer:
    tell("After the press nothing can stop the power cut, so before it all files are written and closed to writing:")
    tell("stop databases, containers and the like NOW. In any case the machine restarts at the end.")
    tell("The seconds since the controller's pulse are shown here, and how wide it was. Nothing can be saved any more:")
    tell("remember the LAST seconds you see, and the width.")
    ask(f"{what} Enter to begin.")
    bench.set(30)
    with contextlib.closing(GpiodEdges(ButtonConfig())) as line:
        bench.save({"answer": _NO_ANSWER, "pending": f"{pending}, and the width of the pulse"})
        with read_only():
            line.read_edges()
            countdown("now")
            _count(bench, line)
    raise AssertionError("the machine did not restart")


def _count(bench: Bench, line: GpiodEdges) -> None:
    """Show the seconds since the last pulse, for a minute. Any pulse counts: it may have been meant as a hold."""
    since_s = time.monotonic()
    edges: list[Edge] = []
    widths: list[float] = []
    while (now_s := time.monotonic()) < since_s + WAIT_S:
        if not select.select([line.fileno()], [], [], 0.2)[0]:
            say(f"{now_s - since_s:.1f} s {'' if widths else 'since the start, no pulse yet'}")
            continue
        edges += line.read_edges()
        if is_hold(widths) or len(widths_ms(edges)) == len(widths):
            continue
        widths = widths_ms(edges)
        since_s = edges[-1].timestamp_ns / 1e9
        with contextlib.suppress(OSError):  # only one try: a bus that hangs must not delay the count
            bench.write(100)  # so that the operator hears the pulse
        say(f"pulses in ms: {widths}")
        if not is_hold(widths):
            say("a1d takes that for no hold, but the case may cut the power all the same")
    say(f"The power is still on after {WAIT_S} s, pulses in ms: {widths}. Remember both. Restarting.")


@question("after a hold of 3 s, how long until the case cuts the power?", operator=True, ends=True)
def after_hold(bench: Bench) -> Answer:
    """The operator lets go as soon as the fan is loud."""
    return _hold(bench, "HOLD the button until the fan is loud, then let go.", "hold: the last number of seconds shown")


@question("does a hold of 5 s and more force the power off?", operator=True, ends=True)
def forced(bench: Bench) -> Answer:
    """The operator does not let go."""
    pending = "long hold: the last number of seconds shown, whether you still held the button"
    return _hold(bench, "HOLD the button and KEEP holding it until the light goes out, 15 s at most.", pending)
