"""Faults: the fan is never slower than it should be, and right within a second of the fault's end."""

from __future__ import annotations

import time

from hil.check import check
from hil.rig import Rig

BUS_FAULTS = ("nak", "timeout", "arbitration", "io", "stretch", "lost-writes", "wrong-read-back", "absent")
SENSOR_FAULTS = ("error", "vanish", "garbage")


# Each of these must make a transfer fail.
FAILING = ("nak", "timeout", "arbitration", "io", "absent")


def _assert_bit(rig: Rig, name: str, begin_s: float, *, while_idle: bool = False) -> None:
    """Assert that the fault had an effect. Without this the check would pass on a case without a fault."""
    if name in FAILING:
        assert any(not each.ok for each in rig.transfers() if each.time_s > begin_s), "no transfer failed"
    if name in ("wrong-read-back", *(FAILING if not while_idle else ())):
        assert rig.health() == "degraded", rig.health()


def _lowest(rig: Rig, seconds: float) -> int:
    """The fan's lowest duty over that time."""
    end_s, lowest = rig.now_s() + seconds, 100
    while rig.now_s() < end_s:
        lowest = min(lowest, rig.fan_percent())
        time.sleep(0.1)
    return lowest


def _bus_fault(name: str) -> None:
    @check(f"bus fault {name}: never slower than before, right within 1 s of its end, while it heats")
    def heating(rig: Rig) -> str:
        rig.fault("none")
        rig.heat_to(58)
        rig.wait("34 %", lambda: rig.fan_percent() == 34, 3)
        time.sleep(1)
        begin_s = rig.now_s()
        rig.fault(name)
        for celsius in range(59, 70):
            rig.heat_to(celsius)
            assert _lowest(rig, 1.0) >= 34
        _assert_bit(rig, name, begin_s)
        assert (rig.fan_percent() < 94) == (name not in ("stretch", "wrong-read-back")), "on the wire during the fault"
        rig.fault("none")
        took_s = rig.wait("94 % on the wire", lambda: rig.fan_percent() == 94, 1.0)
        rig.wait("health ok", lambda: rig.health() == "ok", 3)
        return f"{took_s:.2f} s"

    @check(f"bus fault {name}: an idle fan stays as it was, and health returns")
    def idle(rig: Rig) -> None:
        rig.fault("none")
        rig.heat_to(52)
        rig.wait("16 %", lambda: rig.fan_percent() == 16, 3)
        begin_s = rig.now_s()
        rig.fault(name)
        assert _lowest(rig, 70) >= 16  # long enough for a refresh
        _assert_bit(rig, name, begin_s, while_idle=True)
        rig.fault("none")
        rig.wait("health ok", lambda: rig.health() == "ok", 70)
        assert rig.fan_percent() == 16


for _name in BUS_FAULTS:
    _bus_fault(_name)


@check("a bus that vanishes and returns: right within 1 s of its return")
def bus_vanishes(rig: Rig) -> str:
    rig.bus(True)
    rig.heat_to(58)
    rig.wait("34 %", lambda: rig.fan_percent() == 34, 3)
    rig.bus(False)
    rig.heat_to(66)
    assert _lowest(rig, 20) >= 34
    assert rig.health() == "degraded"
    rig.bus(True)
    return f"{rig.wait('76 %', lambda: rig.fan_percent() == 76, 1.0):.2f} s"


def _sensor_fault(name: str) -> None:
    @check(f"sensor fault {name}: failsafe within 2 s, and back after the hold")
    def failing_sensor(rig: Rig) -> str:
        rig.heat_to(52)
        rig.wait("16 %", lambda: rig.fan_percent() == 16, 3)
        time.sleep(1)
        rig.sensor_fault(name)
        took_s = rig.wait("100 %", lambda: rig.fan_percent() == 100, 2.0)
        assert _lowest(rig, 15) == 100
        assert rig.health() == "failsafe"
        rig.sensor_fault("none")
        rig.wait("16 % again", lambda: rig.fan_percent() == 16, 15)
        return f"{took_s:.2f} s"


for _name in SENSOR_FAULTS:
    _sensor_fault(_name)


def _suspected(rig: Rig) -> bool:
    # 80 C and more is a problem of its own, so the state alone does not tell.
    return any("is the fan stuck" in problem for problem in rig.status()["health"]["problems"])


@check("a fan that stands still: said after a minute at 84 C and 100 %, until it turns and cools")
def fan_stuck(rig: Rig) -> str:
    rig.heat_with(watts=9, celsius=81)
    time.sleep(90)
    assert not _suspected(rig), f"a fan that turns is suspected: {rig.status()['health']}"
    rig.stuck_fan(True)
    rig.heat_with(watts=9, celsius=84)  # where it stays without a fan
    rig.wait_fan(100, 3)
    time.sleep(50)
    assert not _suspected(rig), f"said too soon: {rig.status()['health']}"
    took_s = rig.wait("it is said", lambda: _suspected(rig), 25)
    assert rig.health() == "degraded", rig.health()
    assert 83 < rig.status()["temp_celsius"] < 86, "the fan cooled"
    assert _lowest(rig, 60) == 100
    assert _suspected(rig), f"no longer said: {rig.status()['health']}"
    rig.stuck_fan(False)
    cooled_s = rig.wait("health ok", lambda: rig.health() == "ok", 240)
    assert 60 < rig.status()["temp_celsius"] < 80, rig.status()["temp_celsius"]
    return f"said after {50 + took_s:.0f} s, over {cooled_s:.0f} s after it turned"
