"""What the daemon says of its curves, checked, and the duty at any temperature between. Pure."""

from __future__ import annotations

from bisect import bisect_right

from a1d.client.words import CURVE, check

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

FIRST_CELSIUS, LAST_CELSIUS = 20, 100  # of duties_percent, one for each whole degree
CURVES_MAX, _POINTS_MAX = 32, 64


class Curve:
    """One of GetCurves. ``points`` are as configured, (temp_celsius, duty_percent); ``duty_percent`` is in force.

    The two differ where a profile caps the curve, or below the lowest duty that turns the fan. If ``target_celsius`` is
    held instead, both decide nothing.
    """

    def __init__(self, reply: dict[str, Any]) -> None:
        self.sensor: str = reply["sensor"]
        self.critical_celsius: float = reply["critical_celsius"]
        self.target_celsius: float | None = reply["target_celsius"]
        self.hysteresis_celsius: float | None = reply["hysteresis_celsius"]
        self.duty_min_percent: int | None = reply["duty_min_percent"]
        found = [(point["temp_celsius"], point["duty_percent"]) for point in (reply["points"] or ())[:_POINTS_MAX]]
        self.points: list[tuple[float, float]] = sorted(found)
        count = LAST_CELSIUS - FIRST_CELSIUS + 1
        duties = reply["duties_percent"][:count]
        self._duties: list[float] = duties + [100] * (count - len(duties))
        # At these the duty leaps; between them it stands still, or from the first one on it is a line.
        leaps = sorted({*(temp for temp, _ in self.points), self.critical_celsius})
        leaps = leaps if self._is_stepped() else leaps[:1]
        self.leaps_celsius: list[float] = [temp for temp in leaps if FIRST_CELSIUS < temp <= LAST_CELSIUS]

    def duty_percent(self, temp_celsius: float) -> float:
        """In force at a temperature; outside of 20 to 100 C that of the nearest."""
        if temp_celsius >= LAST_CELSIUS:
            return self._duties[-1]
        degree = int(max(0.0, temp_celsius - FIRST_CELSIUS))
        left, right = self._duties[degree], self._duties[degree + 1]
        share = max(0.0, temp_celsius - FIRST_CELSIUS) - degree
        index = bisect_right(self.leaps_celsius, FIRST_CELSIUS + degree)
        if index < len(self.leaps_celsius) and self.leaps_celsius[index] <= FIRST_CELSIUS + degree + 1:
            return right if temp_celsius >= self.leaps_celsius[index] else left
        return left + (right - left) * share

    def outline(self) -> list[tuple[float, float]]:
        """The corners of its line from 20 to 100 C: two at a leap."""
        corners: list[tuple[float, float]] = []
        for degree in range(FIRST_CELSIUS, LAST_CELSIUS + 1):
            for leap in self.leaps_celsius:
                if degree - 1 < leap <= degree:
                    corners += [(leap, corners[-1][1]), (leap, self._duties[degree - FIRST_CELSIUS])]
            corners.append((degree, self._duties[degree - FIRST_CELSIUS]))
        return corners

    def range_celsius(self) -> tuple[float, float]:
        """What is worth drawing: from below the first point to above critical, in fives."""
        first = min((temp for temp, _ in self.points), default=self.critical_celsius - 40)
        first = first if self.target_celsius is None else self.target_celsius - 8
        low = max(FIRST_CELSIUS, (first - 8) // 5 * 5)
        high = min(LAST_CELSIUS, (self.critical_celsius + 9) // 5 * 5)
        return min(low, LAST_CELSIUS - 20), max(high, min(low, LAST_CELSIUS - 20) + 20)

    def _is_stepped(self) -> bool:
        """Whether the duty stands still between two points of which a line would rise."""
        for (left, low), (right, high) in zip(self.points, self.points[1:], strict=False):
            middle = int((left + right) / 2)
            if left < middle < right and FIRST_CELSIUS <= middle <= LAST_CELSIUS:
                line = low + (high - low) * (middle - left) / (right - left)
                if line > low + 2 and self._duties[middle - FIRST_CELSIUS] <= low + 1:
                    return True
        return False


def checked(reply: dict[str, Any]) -> list[dict[str, Any]]:
    """The curves in the reply to GetCurves as they came. ValueError if they are of another shape."""
    found: list[dict[str, Any]] = check(reply.get("curves"), [CURVE], "curves")
    return found


def curves_of(reply: dict[str, Any]) -> list[Curve]:
    """The curves in the reply to GetCurves. ValueError if they are of another shape."""
    return [Curve(curve) for curve in checked(reply)[:CURVES_MAX]]
