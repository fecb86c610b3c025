"""The temperature moves the fan, and nothing else moves the bus."""

from __future__ import annotations

import time

from hil.check import check
from hil.rig import PROMPT_FAN, SERVICE, Rig

DUTY = 0x80


@check("READY comes only after the case has acknowledged a duty")
def ready_after_acknowledged_duty(rig: Rig) -> str:
    before_s = rig.now_s()
    rig.out(f"systemctl restart {SERVICE}")
    ready_s = int(rig.out(f"systemctl show -p ActiveEnterTimestampMonotonic --value {SERVICE}")) / 1e6
    written = [each for each in rig.transfers() if each.time_s > before_s and each.is_write and each.ok]
    assert written, "READY without a write"
    assert written[0].time_s < ready_s
    return f"{(ready_s - written[0].time_s) * 1000:.1f} ms after it"


@check("the duty follows a ramp of the temperature up at once, and down late")
def follows_ramp(rig: Rig) -> str:
    for celsius, duty in ((45, 0), (52, 16), (58, 34), (62, 52), (66, 76), (70, 100)):
        rig.heat_to(celsius)
        rig.wait_fan(duty, 3)
        assert rig.status()["duty_percent"] == duty
    rig.heat_to(45)
    time.sleep(8)
    assert rig.fan_percent() == 100, "it slowed before the hold"
    took_s = rig.wait("off again", lambda: rig.fan_percent() == 0, 10)
    return f"off {8 + took_s:.1f} s after it was cool"


@check("a step from 45 to 72 C is answered with 100 % within 1.5 s")
def answers_a_step(rig: Rig) -> str:
    worst_s = 0.0
    for offset_s in (0.0, 0.11, 0.23, 0.37, 0.49):
        rig.set_up()
        time.sleep(2 + offset_s)
        begin_s = rig.now_s()  # before it heats: a tick may come in the very next moment
        rig.heat_to(72)
        time.sleep(1.5)
        written = [each.time_s for each in rig.transfers() if each.is_write and each.value == 100]
        assert written and written[-1] > begin_s, "not within 1.5 s"
        worst_s = max(worst_s, written[-1] - begin_s)
    return f"worst of 5: {worst_s:.2f} s to the write"


@check("as installed: a step from 45 to 72 C is 100 % within 1.5 s")
def answers_as_installed(rig: Rig) -> str:
    rig.configure_as_installed()
    time.sleep(3)
    rig.heat_to(72)
    return f"after {rig.wait_fan(100, 1.5):.2f} s"


@check("systemctl reload from the preset quiet to cool: the duty follows within 2 s")
def follows_a_preset(rig: Rig) -> str:
    rig.configure("fan: {preset: quiet}\n")
    rig.heat_to(55)
    rig.wait("12 % by quiet", lambda: rig.fan_percent() in (12, 13), 40)
    rig.configure("fan: {preset: cool}\n")
    took_s = rig.wait_fan(35, 2)
    assert rig.health() == "ok", rig.health()
    return f"after {took_s:.2f} s"


@check("a steady temperature causes no bus traffic but the refresh")
def steady_is_silent(rig: Rig) -> str:
    rig.heat_to(55)
    time.sleep(10)
    begin_s = rig.now_s()
    time.sleep(185)
    seen = [each for each in rig.transfers() if each.time_s > begin_s]
    refreshes = sum(each.is_write for each in seen)
    assert refreshes == 3, f"{refreshes} writes in 185 s"
    assert len(seen) <= 9, f"{len(seen)} transfers in 185 s"
    return f"{len(seen)} transfers in 185 s"


@check("a jitter of half a degree moves neither the fan nor the bus")
def jitter_moves_nothing(rig: Rig) -> None:
    rig.heat_to(60)
    time.sleep(5)
    rig.heat_to(60.5)
    time.sleep(2)
    duty, begin_s = rig.fan_percent(), rig.now_s()
    for index in range(40):
        rig.heat_to(60.5 - 0.5 * (index % 2))
        time.sleep(0.4)
    assert rig.fan_percent() == duty
    assert not [each for each in rig.transfers() if each.time_s > begin_s and each.is_write and each.value != duty]


@check("an MCU that was reset is noticed within 5 s at full speed, and set right")
def reset_is_healed(rig: Rig) -> str:
    rig.heat_to(75)
    rig.wait("100 %", lambda: rig.fan_percent() == 100, 3)
    time.sleep(1)
    rig.reset_mcu()
    took_s = rig.wait("100 % again", lambda: rig.fan_percent() == 100, 6.5)
    return f"after {took_s:.1f} s"


@check("a critical temperature beats a duty set by hand")
def critical_beats_manual(rig: Rig) -> None:
    rig.out("a1d-ctl fan off")
    rig.heat_to(70)
    time.sleep(2)
    assert rig.fan_percent() == 0, "the duty set by hand was not held"
    rig.heat_to(81)
    rig.wait("100 %", lambda: rig.fan_percent() == 100, 3)


@check("a value that stands still for as long as `frozen` says is failsafe, until it moves again")
def frozen_sensor(rig: Rig) -> str:
    rig.configure(PROMPT_FAN + "sensors: [{name: cpu, zone: cpu-thermal, frozen: 30s}]\n")
    for _ in range(35):  # a sensor that changes is no fault
        rig.heat_to(51.9)
        time.sleep(0.5)
        rig.heat_to(52.0)
        time.sleep(0.5)
    assert rig.fan_percent() == 16, f"{rig.fan_percent()} %"
    took_s = rig.wait("100 %", lambda: rig.fan_percent() == 100, 33)
    assert took_s > 27, f"after {took_s:.1f} s already"
    assert rig.health() == "failsafe"
    rig.heat_to(52.2)
    rig.wait("slower again", lambda: rig.fan_percent() < 20, 25)
    return f"after {took_s:.1f} s"


@check("an older case (legacy protocol): the duty follows, nothing is read, nothing else is written")
def legacy(rig: Rig) -> str:
    rig.out(f"systemctl stop {SERVICE}")  # it would speak the other protocol until it has read the configuration
    rig.protocol("legacy")
    rig.write_config(PROMPT_FAN + "case: {protocol: legacy}\n")
    rig.out(f"systemctl start {SERVICE}")
    begin_s = rig.now_s()
    for celsius, duty in ((52, 16), (62, 52), (70, 100)):
        rig.heat_to(celsius)
        rig.wait_fan(duty, 3)
    rig.heat_to(45)
    took_s = rig.wait("off", lambda: rig.fan_percent() == 0, 25)
    seen = [each for each in rig.transfers() if each.time_s > begin_s]
    assert all(each.is_write and each.register is None and (each.value or 0) <= 100 for each in seen), seen[-5:]
    return f"off {took_s:.1f} s after it was cool"
