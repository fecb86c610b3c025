"""How warm a Pi 5 in the case gets: two lumps of heat, the chip on the case and the case in the room.

The numbers are the nominal machine of the bench (tests/bench/control, which says what was published and what is a
guess). The chip follows its power within seconds, the case within minutes; nobody has measured a V3.
"""

from __future__ import annotations

import math

ROOM_CELSIUS = 24.0
IDLE_WATTS = 1.4  # in the chip; the rest of the board has its own below
LOAD_WATTS = 4.6
_BOARD_WATTS = 1.5
_CHIP_OVER_CASE_KELVIN_PER_WATT = 2.4
_CHIP_S = 4.0  # guess: how fast the chip follows
_CASE_JOULES_PER_KELVIN = 160.0
_CASE_WATTS_PER_KELVIN = 0.26  # to the room, fan off
_FAN_GAIN = 2.2  # guess: times that at full speed, ...
_FAN_EXPONENT = 0.65  # ... and less and less more on the way there
_STEP_S = 0.25


class HeatModel:
    """``advance`` it; read ``chip_celsius`` and ``case_celsius``."""

    def __init__(self, start_celsius: float = 45.0) -> None:
        self.chip_celsius = start_celsius
        self.case_celsius = start_celsius - IDLE_WATTS * _CHIP_OVER_CASE_KELVIN_PER_WATT

    def advance(self, seconds: float, watts: float, fan_percent: int) -> None:
        """``watts`` go into the chip while the fan turns at ``fan_percent``, for ``seconds`` of model time."""
        to_room = _CASE_WATTS_PER_KELVIN * (1 + (_FAN_GAIN - 1) * (fan_percent / 100) ** _FAN_EXPONENT)
        while seconds > 0:
            step_s = min(_STEP_S, seconds)
            seconds -= step_s
            out = (self.case_celsius - ROOM_CELSIUS) * to_room
            self.case_celsius += (watts + _BOARD_WATTS - out) * step_s / _CASE_JOULES_PER_KELVIN
            goal = self.case_celsius + watts * _CHIP_OVER_CASE_KELVIN_PER_WATT
            self.chip_celsius = goal + (self.chip_celsius - goal) * math.exp(-step_s / _CHIP_S)
