"""A sensor's offset moves its curve, and no emergency to a later moment."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a1d.config.reader import parse_config
from a1d.config.settings import Config, SensorConfig
from a1d.temperature.controller import Controller
from a1d.temperature.curve import curve_of
from a1d.temperature.reading import Reading
from tests.virtual import VirtualRig

CPU = Config().sensors[0]
temps = st.floats(-20, 125)


def with_offset(offset_celsius: float, **fan: object) -> Config:
    sensor = dataclasses.replace(CPU, offset_celsius=offset_celsius)
    config = Config(sensors=(sensor,))
    return dataclasses.replace(config, fan=dataclasses.replace(config.fan, **fan))  # type: ignore[arg-type]


def duty(config: Config, celsius: float) -> int:
    return curve_of(config, config.sensors[0]).duty_percent(celsius)


@given(st.integers(-20, 20), st.integers(-20, 125), st.sampled_from(["linear", "step"]))
def test_the_fan_is_at_least_as_fast_as_the_curve_says_for_the_sum(offset: int, celsius: int, shape: str) -> None:
    config = with_offset(offset, interpolation=shape)
    plain = with_offset(0, interpolation=shape)
    assert duty(config, celsius) >= duty(plain, celsius + offset)
    if offset > -12 and celsius + offset <= 68:  # all points lie below critical, and this below the last of them
        assert duty(config, celsius) == duty(plain, celsius + offset)


@given(st.floats(-20, 20), temps)
def test_critical_comes_no_later_than_without(offset: float, celsius: float) -> None:
    config = with_offset(offset)
    assert curve_of(config, config.sensors[0]).critical_celsius == 80 - max(0.0, offset)
    if celsius >= 80 or (offset > 0 and celsius + offset >= 80.001):
        assert duty(config, celsius) == 100


@given(st.floats(-20, 20))
def test_a_sensor_that_is_lost_is_hot_whatever_its_offset(offset: float) -> None:
    controller = Controller(with_offset(offset), 0.0, 0)
    good = Reading("cpu", 30.0, 0.0)
    controller.step(0.0, [good])
    decision = controller.step(5.0, [good._replace(missed=3, error="gone")])
    assert decision.duty_percent == 100


@pytest.mark.parametrize("offset", [-20, 20])
def test_what_a_sensor_says_is_judged_and_shown_without_the_offset(
    make_rig: Callable[..., VirtualRig], offset: int
) -> None:
    rig = make_rig(lambda: parse_config(f"sensors: [{{zone: cpu-thermal, name: cpu, offset_celsius: {offset}}}]"))
    rig.case.fixed_celsius = 60.0
    rig.run(40)
    assert rig.daemon.status()["temp_celsius"] == pytest.approx(60.0)
    assert (rig.fan_percent == 100) == (offset > 0)
    rig.case.fixed_celsius = 0.0  # what a dead sensor says
    rig.run(5)
    assert rig.fan_percent == 100
    assert rig.daemon.health.state == "failsafe"


def test_a_point_is_told_at_what_the_sensor_reads() -> None:
    from a1d.service.curves import curves_of

    (curve,) = curves_of(with_offset(-5))
    assert curve["points"][0] == {"temp_celsius": 53.0, "duty_percent": 15.0}
    assert curve["duties_percent"][53 - 20] == 15
    assert curve["duties_percent"][52 - 20] == 0


def test_the_target_is_held_at_what_the_sensor_reads_plus_its_offset() -> None:
    from a1d.temperature.target import target_laws

    config = parse_config("fan: {mode: target}\nsensors: [{zone: a, name: x, offset_celsius: 3}]")
    assert target_laws(config, {}, 0)["x"].target_celsius == 55
    assert SensorConfig().offset_celsius is None
