"""B3, B8, P2: how long until the case cuts the power. The machine ends, so a person tells it the next time.

The file systems are read-only when the power goes: by an ordinary power-off, or by the kernel's own emergency
remount where the power-off's own request for a cut would get in the way.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from pathlib import Path

from a1d.config import ButtonConfig
from a1d.edges_gpiod import GpiodEdges
from hil.bench import Answer, Bench, question
from hil.hands import ask, countdown, tell
from hil.questions.press import is_hold, listen, widths_ms
from hil.rig import NotHere

WAIT_S = 60
_NO_ANSWER = "the power went; nobody has said yet after how long"


@question("after a power-off, how long until the case cuts the power?", hands=True, ends=True)
def after_power_off(bench: Bench) -> Answer:
    """The fan stops in the instant of the request (a1d-powercut sets it to 0), which can be heard."""
    tell("Have a stopwatch ready. The Pi will power off now, with the fan at full speed.")
    tell("Start the stopwatch when the fan goes SILENT, stop it when the case's light goes OUT (up to a minute).")
    ask("Enter to power off.")
    bench.set(100)
    bench.save({"answer": _NO_ANSWER, "pending": "power-off: seconds from the silent fan to the light going out"})
    bench.power_off()
    return {"answer": "the power-off did not happen"}


def _hold(bench: Bench, what: str, pending: str) -> Answer:
    tell("After the press nothing can stop the power cut. All files are written and closed to writing before it.")
    tell("The seconds since the controller's pulse are shown here: remember the LAST one you see.")
    ask(f"{what} Enter to begin.")
    bench.set(30)
    os.sync()
    with contextlib.closing(GpiodEdges(ButtonConfig())) as line:
        line.read_edges()
        countdown("now")
        edges = listen(line, 30)
    widths = widths_ms(edges)
    if not is_hold(widths):
        raise NotHere(f"no hold was seen in 30 s, but these pulses in ms: {widths}")
    bench.write(100)  # it roars: that can be heard
    bench.save({"answer": _NO_ANSWER, "pending": pending, "pulses_ms": widths})
    os.sync()
    Path("/proc/sysrq-trigger").write_text("u")  # every file system read-only
    pulse_s = edges[-1].timestamp_ns / 1e9
    while (since_s := time.monotonic() - pulse_s) < WAIT_S:
        tell(f"{since_s:.1f} s")
        time.sleep(0.2)
    tell(f"The power is still on after {WAIT_S} s: remember that. Starting anew, because nothing can be written.")
    subprocess.run(["systemctl", "reboot", "--force", "--force"], check=False)
    return {"answer": f"the power was still on {WAIT_S} s after the pulse", "pulses_ms": widths}


@question("after a hold of 3 s, how long until the case cuts the power?", hands=True, ends=True)
def after_hold(bench: Bench) -> Answer:
    """Released as soon as the fan roars."""
    return _hold(bench, "HOLD the button until the fan roars, then let go.", "hold: the last number of seconds shown")


@question("does a hold of 5 s and more force the power off?", hands=True, ends=True)
def forced(bench: Bench) -> Answer:
    """Not released."""
    pending = "long hold: the last number of seconds shown, and whether you still held the button"
    return _hold(bench, "HOLD the button and KEEP holding it until the light goes out, 15 s at most.", pending)
