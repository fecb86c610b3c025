"""A curve is total, never falls, never rounds down, and is 100 % at critical whatever the points say."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from a1d.temperature.curve import Curve

DEFAULT = ((50.0, 10.0), (60.0, 40.0), (70.0, 100.0))
VENDOR = ((55.0, 30.0), (60.0, 55.0), (65.0, 100.0))

temps = st.floats(-20, 125)
points_of_any_order = st.lists(st.tuples(temps, st.floats(0, 100)), max_size=8)
criticals = st.floats(40, 110)


@st.composite
def curves(draw: st.DrawFn) -> Curve:
    return Curve(
        draw(points_of_any_order),
        draw(criticals),
        linear=draw(st.booleans()),
        duty_min_percent=draw(st.integers(0, 100)),
    )


def exact_duty(points: list[tuple[float, float]], critical: float, linear: bool, temp: float) -> Fraction:
    """The curve of the docstring in exact arithmetic, for sorted points that never fall and a temp below critical."""
    known = [*((t, d) for t, d in points if t < critical), (critical, 100.0)]
    below = [(Fraction(t), Fraction(d)) for t, d in known if t <= temp]
    if not below:
        return Fraction(0)
    (left, low), (right, high) = below[-1], (Fraction(x) for x in known[len(below)])
    return low + (high - low) * (Fraction(temp) - left) / (right - left) if linear else low


@given(curves(), st.floats())
def test_any_float_gives_a_duty(curve: Curve, temp: float) -> None:
    duty = curve.duty_percent(temp)
    assert isinstance(duty, int)
    assert 0 <= duty <= 100


@given(curves(), st.floats(allow_nan=False), st.floats(allow_nan=False))
def test_hotter_is_never_slower(curve: Curve, one: float, other: float) -> None:
    assert curve.duty_percent(min(one, other)) <= curve.duty_percent(max(one, other))


@given(curves(), temps)
def test_hotter_by_one_float_is_never_slower(curve: Curve, temp: float) -> None:
    for edge in (temp, curve.critical_celsius):
        before, after = math.nextafter(edge, -math.inf), math.nextafter(edge, math.inf)
        assert curve.duty_percent(before) <= curve.duty_percent(edge) <= curve.duty_percent(after)


@given(curves(), st.floats(0, allow_infinity=True))
def test_critical_and_beyond_is_full_speed_whatever_the_points_say(curve: Curve, above: float) -> None:
    assert curve.duty_percent(curve.critical_celsius + above) == 100


@given(curves())
def test_nan_is_full_speed(curve: Curve) -> None:
    assert curve.duty_percent(math.nan) == 100
    assert curve.duty_percent(-math.nan) == 100


@given(
    st.lists(st.tuples(temps, st.floats(0, 100)), max_size=8, unique_by=lambda point: point[0]),
    criticals,
    st.booleans(),
    st.integers(0, 100),
    temps,
)
@example([(-20.0, 0.0), (109.0, 100.0)], 110.0, True, 0, 45.0)  # a span over 100 degrees
@example([(50.0, 10.0), (53.0, 11.0)], 80.0, True, 0, 52.0)  # a slope below one
def test_is_the_exact_curve_rounded_up(
    unsorted: list[tuple[float, float]], critical: float, linear: bool, duty_min: int, temp: float
) -> None:
    points = list(zip(sorted(t for t, _ in unsorted), sorted(d for _, d in unsorted), strict=True))
    curve = Curve(points, critical, linear=linear, duty_min_percent=duty_min)
    for at in [temp, *(t for t, _ in points)]:
        if at >= critical:
            continue
        exact = exact_duty(points, critical, linear, at)
        duty = curve.duty_percent(at)
        if exact == 0:
            assert duty == 0
        elif exact > 1e-9:
            assert duty >= exact - Fraction(1, 10**9)
            assert duty >= duty_min
            assert duty < exact + 1 + Fraction(1, 10**9) or duty == duty_min


@given(points_of_any_order, criticals, st.booleans(), st.data())
def test_every_point_gets_at_least_its_duty(
    points: list[tuple[float, float]], critical: float, linear: bool, data: st.DataObject
) -> None:
    curve = Curve(iter(data.draw(st.permutations(points))), critical, linear=linear)
    assert all(curve.duty_percent(temp) >= duty for temp, duty in points)


@given(points_of_any_order, criticals, st.booleans(), st.integers(0, 100), temps)
def test_no_duty_lies_between_off_and_the_lowest_that_turns_the_fan(
    points: list[tuple[float, float]], critical: float, linear: bool, duty_min: int, temp: float
) -> None:
    free = Curve(points, critical, linear=linear).duty_percent(temp)
    raised = Curve(points, critical, linear=linear, duty_min_percent=duty_min).duty_percent(temp)
    assert raised == (max(free, duty_min) if free else 0)


@pytest.mark.parametrize(
    ("points", "linear", "expected"),
    [
        (DEFAULT, True, {49.999: 0, 50: 10, 50.01: 11, 55: 25, 60: 40, 65: 70, 69.99: 100, 70: 100, 79.9: 100}),
        (VENDOR, False, {54.999: 0, 55: 30, 59.999: 30, 60: 55, 64.999: 55, 65: 100, 79.9: 100}),
        ([(50, 10)], True, {49: 0, 50: 10, 65: 55, 79.99: 100, 80: 100}),
        ([(50, 10)], False, {50: 10, 79.999: 10, 80: 100}),
        ([], True, {79.999: 0, 80: 100}),
        ([(90, 100)], True, {79.999: 0, 80: 100}),
        ([(50, 60), (60, 20)], False, {50: 60, 60: 60, 79: 60}),
        ([(50, -5), (60, 150)], False, {55: 0, 60: 100}),
        ([(50, 10), (80, 20)], True, {65: 55, 79.99: 100}),
        ([(80, 0), (90, 0)], True, {79: 0, 80: 100, 90: 100}),
    ],
)
def test_known_curves(points: list[tuple[float, float]], linear: bool, expected: dict[float, int]) -> None:
    curve = Curve(points, 80.0, linear=linear)
    assert {temp: curve.duty_percent(temp) for temp in expected} == expected
