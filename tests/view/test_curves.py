"""The curve that is drawn is the curve that is in force, for every kind of curve."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a1d.client.words import check
from a1d.config.settings import Config, FanConfig, SensorConfig
from a1d.service.curves import curves_of as told_of
from a1d.temperature.curve import curve_of
from a1d.view.curves import CURVES_MAX, Curve, checked, curves_of

POINTS = st.lists(st.tuples(st.integers(200, 780).map(lambda n: n / 10), st.integers(0, 100)), min_size=1, max_size=6)


def told(config: Config) -> Curve:
    [curve] = curves_of({"curves": told_of(config)})
    return curve


@given(POINTS, st.sampled_from(["linear", "step"]), st.sampled_from([100, 40]), st.floats(20, 100))
def test_it_is_the_daemons_curve_to_a_degree(
    points: list[tuple[float, int]], interpolation: str, max_percent: int, temp: float
) -> None:
    rising = sorted(dict(points).items())
    duties = sorted(duty for _temp, duty in rising)
    curve = tuple((temp, float(duty)) for (temp, _), duty in zip(rising, duties, strict=True))
    config = Config(fan=FanConfig(curve=curve, interpolation=interpolation, max_percent=max_percent))
    truth, drawn = curve_of(config, config.sensors[0]), told(config)
    assert truth.duty_percent(temp - 1) <= drawn.duty_percent(temp) <= truth.duty_percent(temp + 1)
    if temp == int(temp):
        assert drawn.duty_percent(temp) == truth.duty_percent(temp)


@pytest.mark.parametrize("interpolation", ["linear", "step"])
def test_a_leap_is_where_it_is_configured_and_not_at_the_next_degree(interpolation: str) -> None:
    config = Config(fan=FanConfig(curve=((50.5, 20.0), (60.0, 80.0)), interpolation=interpolation))
    curve = told(config)
    assert curve.duty_percent(50.4) == 0
    assert curve.duty_percent(50.6) == pytest.approx(20, abs=4)
    if interpolation == "step":
        assert (curve.duty_percent(79.9), curve.duty_percent(80.0)) == (80, 100)
        assert (curve.duty_percent(59.9), curve.duty_percent(60.0)) == (20, 80)
    else:
        assert curve.duty_percent(55.25) == pytest.approx(50, abs=1)


@given(POINTS)
def test_the_outline_goes_through_every_degree_and_never_back(points: list[tuple[float, int]]) -> None:
    corners = told(Config(fan=FanConfig(curve=tuple((t, 50.0) for t, _ in sorted(points))))).outline()
    assert corners == sorted(corners)
    assert (corners[0][0], corners[-1][0]) == (20, 100)


def test_the_range_shows_the_curve_and_critical() -> None:
    curve = told(Config(fan=FanConfig(curve=((50.0, 10.0), (70.0, 100.0)))))
    low, high = curve.range_celsius()
    assert 20 <= low < 50 and 80 < high <= 100


def test_what_is_missing_or_too_much_does_no_harm() -> None:
    short = {"sensor": "cpu", "critical_celsius": 80, "duties_percent": [1, 2]}
    assert Curve(checked({"curves": [short]})[0]).duty_percent(90) == 100
    assert len(curves_of({"curves": [dict(short) for _ in range(1000)]})) == CURVES_MAX
    with pytest.raises(ValueError, match=r"curves\.critical_celsius"):
        curves_of({"curves": [{**short, "critical_celsius": None}]})
    assert check([], [dict], "x") == []


def test_every_sensor_has_its_own() -> None:
    sensors = (SensorConfig("cpu", zone="cpu-thermal"), SensorConfig("nvme", hwmon="nvme", curve=((55.0, 20.0),)))
    assert [curve.points for curve in curves_of({"curves": told_of(Config(sensors=sensors))})][1] == [(55.0, 20.0)]
