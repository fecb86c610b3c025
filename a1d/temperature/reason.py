"""Why the duty is what it is: a sentence for each thing that can decide. Pure; put together only when it is read.

A temperature in a sentence is the lowest tenth of a degree at which what it says does not happen: below it, it does.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from a1d.config.settings import FanConfig
    from a1d.temperature.curve import Curve
    from a1d.temperature.decision import Why
    from a1d.temperature.lease import Lease
    from a1d.temperature.reading import Reading
    from a1d.temperature.target import TargetLaw

_TENTHS = range(-2000, 2000)  # from far below any curve to far above any critical temperature


class Basis(NamedTuple):
    """What was decided on: ``readings`` are those that are trusted, ``targets`` the sensors without a curve."""

    fan: FanConfig
    readings: Sequence[Reading]
    curves: Mapping[str, Curve]
    targets: Mapping[str, TargetLaw]
    absent: Collection[str]

    def silent(self) -> list[str]:
        """The sensors that have no reading just now."""
        heard = [reading.sensor for reading in self.readings if reading.error is None]
        return [name for name in self.curves if name not in heard and name not in self.absent]


def asked(basis: Basis, reading: Reading, rising_celsius: float, wanted: int) -> str:
    """A sensor asks for the duty ``wanted``."""
    curve, target = basis.curves[reading.sensor], basis.targets.get(reading.sensor)
    at = f"{reading.sensor} at {reading.temp_celsius:.1f} C"
    if wanted < 100 and wanted == curve.cap_percent(rising_celsius):
        return f"{at}: {wanted} %, the most that max_percent allows"
    if target is not None:
        to = f"{wanted} % to hold" if wanted else "no fan is needed to stay at"
        return f"{at}: {to} {target.target_celsius:g} C"
    if curve.duty_percent(reading.temp_celsius) > wanted:
        return _spike(basis, reading)
    if wanted == 0:
        return f"{at} needs no fan"
    lowest = ", the lowest that turns the fan" if wanted == basis.fan.duty_min_percent else ""
    return f"{at} asks for {wanted} %{lowest}"


def nothing_there() -> str:
    """Every sensor is absent."""
    return "there is nothing to cool: none of the sensors is there"


def kept(basis: Basis, duty_percent: int) -> str:
    """Hysteresis: it is not yet cool enough to slow."""
    hysteresis_celsius = basis.fan.hysteresis_celsius
    cool = []
    for reading in basis.readings:
        curve = basis.curves[reading.sensor]
        if reading.sensor in basis.targets:
            continue
        if curve.duty_percent(reading.temp_celsius) > duty_percent:
            return _spike(basis, reading)
        if curve.duty_percent(reading.temp_celsius + hysteresis_celsius) >= duty_percent:
            from_celsius = _needed_from_celsius(curve, duty_percent, hysteresis_celsius)
            cool.append(f"{reading.sensor} stays below {from_celsius:.1f} C")
    return f"{duty_percent} % kept until {_all_for(cool, basis.fan.hold_s)}"


def slowing(cool_percent: int, left_s: float) -> str:
    """It is cool enough, and has not been for long enough."""
    return f"cool enough for {cool_percent} %, slowing in {_seconds(left_s)}"


def slowed(basis: Basis, duty_percent: int) -> str:
    """It has been cool enough for long enough."""
    return f"slowed to {duty_percent} %, the most that was asked for in the last {basis.fan.hold_s:g} s"


def unread(basis: Basis, duty_percent: int) -> str:
    """A sensor has no reading just now, and what is not known may be hot."""
    return f"{duty_percent} % kept until {_all_for([f'{name} can be read' for name in basis.silent()], 0)}"


def untrusted(duty_percent: int, names: Collection[str]) -> str:
    """Sensors are lost."""
    return f"no good temperature from {', '.join(names)}, so failsafe: {duty_percent} %"


def critical(basis: Basis, reading: Reading) -> str:
    """A sensor is too hot."""
    from_celsius = basis.curves[reading.sensor].critical_celsius
    return f"{reading.sensor} at {reading.temp_celsius:.1f} C is critical (from {from_celsius:g} C on), so 100 %"


def by_hand(lease: Lease, now_s: float) -> str:
    """A duty was set by hand."""
    raised = f" ({lease.asked_percent} % might not turn the fan)" if lease.duty_percent != lease.asked_percent else ""
    return f"{lease.duty_percent} % set by hand{raised}, {lease.waits_for(now_s)}"


def overridden(basis: Basis, why: Why, calm_left_s: float | None) -> str:
    """An emergency beats a duty set by hand; ``calm_left_s``: for how long still, None: it is not over."""
    if calm_left_s is not None:
        end = f"in {_seconds(calm_left_s)}"
    else:
        silent = basis.silent()
        function, *parts = why
        if function is untrusted and isinstance(parts[-1], tuple):  # one that is lost may have a reading all the same
            silent += [name for name in parts[-1] if name not in silent]
        calm = [f"{name} can be read" for name in silent]
        for reading in basis.readings:
            below_celsius = basis.curves[reading.sensor].critical_celsius - basis.fan.hysteresis_celsius
            if reading.sensor not in silent and not reading.temp_celsius < below_celsius:
                calm.append(f"{reading.sensor} stays below {below_celsius:g} C")
        end = f"once {_all_for(calm, basis.fan.hold_s)}"
    return f"{why[0](*why[1:])}; what is set by hand comes back {end}"


def _spike(basis: Basis, reading: Reading) -> str:
    wanted = basis.curves[reading.sensor].duty_percent(reading.temp_celsius)
    would = f"{reading.sensor} at {reading.temp_celsius:.1f} C gets {wanted} %"
    return f"{would} if that lasts {basis.fan.rise_s:g} s; a short spike is waited out"


def _needed_from_celsius(curve: Curve, duty_percent: int, hysteresis_celsius: float) -> float:
    """The lowest tenth of a degree that needs this duty if it gets hotter by the hysteresis."""

    def is_needed(tenth: int) -> bool:
        return curve.duty_percent(tenth / 10 + hysteresis_celsius) >= duty_percent

    return _TENTHS[bisect_left(_TENTHS, True, hi=len(_TENTHS) - 1, key=is_needed)] / 10


def _all_for(conditions: Sequence[str], seconds: float) -> str:
    return " and ".join(conditions) + (f" for {seconds:g} s" if seconds else "")


def _seconds(left_s: float) -> str:
    return f"{max(1, math.ceil(left_s - 1e-6))} s"
