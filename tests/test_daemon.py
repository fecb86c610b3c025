"""The whole daemon on the simulated case, in virtual time."""

from __future__ import annotations

from tests.virtual import VirtualRig


def test_follows_the_temperature_up_at_once(rig: VirtualRig) -> None:
    rig.run(20)
    assert rig.fan_percent == 0
    rig.case.fixed_celsius = 72.0
    rig.run(0.51)
    assert rig.fan_percent == 100
    assert rig.case.mcu.forbidden == []
