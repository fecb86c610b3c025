"""The button through gpiozero and lgpio: the same pulses, and what it costs."""

from __future__ import annotations

import time
from importlib.util import find_spec

from hil.check import check
from hil.checks.button import PRESSED, listen, widths
from hil.checks.cost import measure
from hil.rig import NotHere, Rig

MINUTES = 1


def _listen(rig: Rig) -> None:
    if find_spec("lgpio") is None:
        raise NotHere("the system's Python has no lgpio (package python3-lgpio)")
    listen(rig, "  backend: gpiozero\n")


@check("gpiozero: each width of a pulse is what it should be")
def widths_gpiozero(rig: Rig) -> str:
    _listen(rig)
    return widths(rig)


@check("gpiozero: lgpio's FIFO is out of anybody else's reach")
def no_fifo(rig: Rig) -> None:
    _listen(rig)
    place = f"/proc/{rig.pid()}/root"
    assert rig.out(f"find {place}/run/a1d {place}/tmp {place}/var/tmp -name '.lgd*'") == ""
    assert rig.out(f"readlink /proc/{rig.pid()}/cwd") == "/run/a1d"


@check("gpiozero: a controller that resets causes no press: the line is pulled down")
def reset(rig: Rig) -> None:
    _listen(rig)
    before = rig.status()["button"]
    rig.reset_mcu()
    time.sleep(2)
    assert rig.status()["button"] == before


@check("gpiozero: from gpiod and back by reload, four times, and every press counts")
def there_and_back(rig: Rig) -> None:
    for _ in range(4):
        _listen(rig)
        rig.pulse(20)
        time.sleep(1.5)
        assert rig.sh(PRESSED).stdout.split() == ["double"]
        listen(rig)
        rig.pulse(40)
        time.sleep(1.5)
        assert rig.sh(PRESSED).stdout.split() == ["hold"]


@check("gpiozero: what it costs, and what remains of that after a reload to gpiod")
def cost(rig: Rig) -> str:
    _listen(rig)
    time.sleep(15)
    gpiozero = measure(rig, MINUTES)
    assert gpiozero.cpu_ms < 6000, gpiozero  # a tenth of a core
    listen(rig)
    time.sleep(15)
    # One of lgpio's threads looks every 20 ms whether there is something to send, until a1d is restarted.
    gpiod = measure(rig, MINUTES)
    assert gpiod.wakeups < 4000, gpiod
    return f"gpiozero: {gpiozero}; then gpiod: {gpiod}"
