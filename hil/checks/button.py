"""Pulses on a real gpiochip, with the kernel's own time stamps."""

from __future__ import annotations

import subprocess
import time

from hil.check import check
from hil.rig import SERVICE, Rig

# A millisecond at each end of a window is left out: there a pulse may count as either.
WIDTHS_MS = {
    "nothing": (1, 2, 5, 8, 9, 57, 60, 70, 80, 100, 200, 500),
    "double": (11, 12, 15, 20, 25, 28, 29),
    "hold": (32, 35, 40, 45, 50, 54),
}
CONFIG = """button:
  double_press: [sh, -c, "echo double >>/run/a1d/pressed"]
  hold: [sh, -c, "echo hold >>/run/a1d/pressed"]
"""
OFFSETS_MS = range(0, 1500, 150)
PRESSED = "cat /run/a1d/pressed 2>/dev/null; rm -f /run/a1d/pressed"


def listen(rig: Rig, more: str = "") -> None:
    rig.configure(CONFIG + more)
    rig.wait("the line", lambda: rig.status()["button"]["watching"], 10)
    rig.sh(PRESSED)


def widths(rig: Rig) -> str:
    for meaning, widths_ms in WIDTHS_MS.items():
        for width_ms in widths_ms:
            rig.pulse(width_ms)
            time.sleep(1.5)
            pressed = rig.sh(PRESSED).stdout.split()
            expected = [] if meaning == "nothing" else [meaning]
            assert pressed == expected, f"{width_ms} ms: {pressed or 'nothing'}"
    return "; ".join(f"{name}: {', '.join(map(str, widths_ms))} ms" for name, widths_ms in WIDTHS_MS.items())


@check("gpiod: each width of a pulse is what it should be")
def widths_gpiod(rig: Rig) -> str:
    listen(rig)
    return widths(rig)


@check("a press while the bus hangs is acted on")
def press_during_time_out(rig: Rig) -> None:
    listen(rig)
    begin_s = rig.now_s()
    rig.fault("timeout")
    rig.heat_to(60)
    time.sleep(1)
    rig.pulse(20)
    time.sleep(4)
    assert rig.sh(PRESSED).stdout.split() == ["double"]
    assert not [each for each in rig.transfers() if each.time_s > begin_s and each.ok], "the bus did not hang"


@check("noise of 400 short pulses does nothing, and a press after it still works")
def noise(rig: Rig) -> None:
    listen(rig)
    for _ in range(400):
        rig.pulse(0.2)
        time.sleep(0.002)
    time.sleep(2)
    assert rig.sh(PRESSED).stdout == ""
    rig.pulse(40)
    time.sleep(2)
    assert rig.sh(PRESSED).stdout.split() == ["hold"]


@check("a press while the service restarts is lost or acted on once, and never later; the next one works")
def press_during_restart(rig: Rig) -> str:
    listen(rig)
    heard = []
    for offset_ms in OFFSETS_MS:
        with subprocess.Popen(["systemctl", "restart", SERVICE]) as restarting:
            time.sleep(offset_ms / 1000)
            rig.pulse(20)
            restarting.wait()
        rig.wait("the line", lambda: bool(rig.status()["button"]["watching"]), 10)
        time.sleep(1.5)
        pressed = rig.sh(PRESSED).stdout.split()
        assert pressed in ([], ["double"]), pressed
        if pressed:
            heard.append(offset_ms)
    rig.pulse(40)
    time.sleep(1.5)
    assert rig.sh(PRESSED).stdout.split() == ["hold"]
    lost = [offset_ms for offset_ms in OFFSETS_MS if offset_ms not in heard]
    return f"every 150 ms to 1350 after the restart was asked for; lost at {', '.join(map(str, lost)) or 'none'}"


@check("a press while every transfer fails is acted on")
def press_during_bus_fault(rig: Rig) -> None:
    listen(rig)
    begin_s = rig.now_s()
    rig.fault("nak")
    rig.heat_to(60)
    for _ in range(3):
        time.sleep(0.7)
        rig.pulse(20)
    time.sleep(1.5)
    assert rig.sh(PRESSED).stdout.split() == ["double"] * 3
    assert not [each for each in rig.transfers() if each.time_s > begin_s and each.ok], "a transfer went through"
