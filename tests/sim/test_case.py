"""Faults of the simulated case that no register shows."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from a1d.sim.case import FanFault, SimulatedCase
from tests.virtual import VirtualClock


@pytest.fixture
def case() -> Iterator[SimulatedCase]:
    case = SimulatedCase(VirtualClock(), heat_speed=1.0, seed=1)
    case.load_watts = 9.5
    case.open_smbus(1, 0.3).write_byte_data(0x1A, 0x80, 100)
    yield case
    case.close()


def run(case: SimulatedCase, minutes: int) -> float:
    """The chip's temperature afterwards."""
    for _ in range(minutes):
        case._clock.sleep(60)  # type: ignore[attr-defined]
        case.advance(case._clock())
    return case.chip_celsius


def test_a_stuck_fan_takes_the_duty_and_cools_nothing_until_it_is_free_again(case: SimulatedCase) -> None:
    cooled = run(case, 60)
    case.fan_faults.add(FanFault.STUCK)
    stuck = run(case, 60)
    assert case.mcu.fan_percent == 100
    assert stuck > 80 > 70 > cooled
    case.fan_faults.clear()
    assert run(case, 60) == pytest.approx(cooled, abs=1)
