"""Whether a temperature can follow on the ones before it. Pure: time comes with each reading.

Only a fall is judged here: too hot is safe, and the controller asks a lone leap for a second reading. A fall that no
chip can make is a broken sensor, and that counts as hot. The thresholds, with where they come from: docs/safety.md.
"""

from __future__ import annotations

# The furthest a chip falls when its load ends. The model of a bad machine (5 K/W from chip to case, 9 W less at once,
# time constant 1 s) falls by 25 C in a second; a Pi 5 that goes from 72 to 52 C by 20.
FALL_MAX_CELSIUS = 30.0
# A case full of heat cools by this at most: a1d/sim/heat.py at full speed, 40 C above the room.
_COOLING_CELSIUS_PER_S = 0.1
# Below this a chip that was warm cannot have come while nobody looked: it is warmer than its room.
_ROOM_CELSIUS = 15.0
# How fast what counts as known follows the readings, so that neither a lone leap nor a fall in two steps deceives.
_FOLLOW_UP_CELSIUS_PER_S = 3.0
_FOLLOW_DOWN_CELSIUS_PER_S = 10.0
# Exactly 0 is what a dead sensor says, and the Pi's driver below 0 C: believed only on the way down from here.
_COLD_CELSIUS = 5.0
# 72 in a file of millidegrees is meant as 72 C.
_DEGREES_MAX_CELSIUS = 0.125


class Plausibility:
    """What is known of one sensor."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Nothing is known of the time before: the machine slept, or it is another device."""
        self._known_celsius: float | None = None
        self._last_celsius = self._last_s = 0.0  # the last one believed, and when
        self._doubted_celsius: float | None = None  # the first one that was not believed since
        self._has_moved = False  # whether a later one differs from that

    def doubt(self, temp_celsius: float, now_s: float) -> str | None:
        """Why this reading cannot be true, in words; None if it is believed, and then it is remembered.

        After a doubt a reading is believed again if it is no lower than a chip can be by now: 30 C below what was
        known at once; or, if it moves as a live sensor does, 0.1 C less with each second, but not below 15 C.
        """
        known = self._known_celsius
        # Nearly every reading is near what is known. This alone is a hundredth of what a tick costs.
        is_near = known is not None and temp_celsius > _COLD_CELSIUS and temp_celsius >= known - FALL_MAX_CELSIUS
        if not is_near and (reason := self._reason(temp_celsius, now_s)) is not None:
            if self._doubted_celsius is None:
                self._doubted_celsius = temp_celsius
            self._has_moved = self._has_moved or temp_celsius != self._doubted_celsius
            return reason
        passed_s = max(0.0, now_s - self._last_s)
        if known is None:
            known = temp_celsius
        elif temp_celsius > known:
            known = min(temp_celsius, known + _FOLLOW_UP_CELSIUS_PER_S * passed_s)
        else:
            known = max(temp_celsius, known - _FOLLOW_DOWN_CELSIUS_PER_S * passed_s)
        self._known_celsius, self._last_celsius, self._last_s = known, temp_celsius, now_s
        self._doubted_celsius, self._has_moved = None, False
        return None

    def _reason(self, temp_celsius: float, now_s: float) -> str | None:
        known = self._known_celsius
        if 0 < temp_celsius <= _DEGREES_MAX_CELSIUS:
            raw = round(temp_celsius * 1000)
            return f"says {raw}, which looks like degrees where millidegrees belong"
        if temp_celsius == 0 and (known is None or known > _COLD_CELSIUS):
            return "says exactly 0 C, as a sensor does that measures nothing"
        if known is None or temp_celsius >= known - FALL_MAX_CELSIUS:
            return None
        passed_s = max(0.0, now_s - self._last_s)
        reachable = known - FALL_MAX_CELSIUS
        lowest = max(reachable - _COOLING_CELSIUS_PER_S * passed_s, min(_ROOM_CELSIUS, reachable))
        has_moved = self._has_moved or (self._doubted_celsius is not None and temp_celsius != self._doubted_celsius)
        if temp_celsius >= lowest and has_moved:
            return None
        return (
            f"fell from {self._last_celsius:.1f} C to {temp_celsius:.1f} C in {passed_s:.1f} s; no chip cools so fast"
        )
