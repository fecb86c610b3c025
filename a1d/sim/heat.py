"""How warm a Pi 5 in the case gets: two lumps of heat, the chip on the case and the case in the room.

Every constant is a guess, chosen so that the model does what users report: about 50 C idle and past 80 C
under load with the fan off, under 60 C under load at full speed. Nobody has measured them.
"""

from __future__ import annotations

ROOM_CELSIUS = 24.0
IDLE_WATTS = 3.0
LOAD_WATTS = 9.0
_CHIP_JOULES_PER_KELVIN = 6.0
_CASE_JOULES_PER_KELVIN = 160.0
_CHIP_TO_CASE_WATTS_PER_KELVIN = 0.6
_CASE_TO_ROOM_WATTS_PER_KELVIN = 0.135  # fan off
_FAN_WATTS_PER_KELVIN = 0.30  # added at full speed
_STEP_S = 0.25


class HeatModel:
    """``advance`` it; read ``chip_celsius`` and ``case_celsius``."""

    def __init__(self, start_celsius: float = 45.0) -> None:
        self.chip_celsius = start_celsius
        self.case_celsius = start_celsius - IDLE_WATTS / _CHIP_TO_CASE_WATTS_PER_KELVIN

    def advance(self, seconds: float, watts: float, fan_percent: int) -> None:
        """``watts`` go into the chip while the fan gets ``fan_percent``, for ``seconds`` of model time."""
        to_room = _CASE_TO_ROOM_WATTS_PER_KELVIN + _FAN_WATTS_PER_KELVIN * fan_percent / 100
        while seconds > 0:
            step_s = min(_STEP_S, seconds)
            seconds -= step_s
            across = (self.chip_celsius - self.case_celsius) * _CHIP_TO_CASE_WATTS_PER_KELVIN
            out = (self.case_celsius - ROOM_CELSIUS) * to_room
            self.chip_celsius += (watts - across) * step_s / _CHIP_JOULES_PER_KELVIN
            self.case_celsius += (across - out) * step_s / _CASE_JOULES_PER_KELVIN
