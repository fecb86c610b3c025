"""What was seen of the temperature and the duty, for the last few minutes. Pure; bounded whatever comes in."""

from __future__ import annotations

from collections import deque

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Sample = tuple[float, float | None, float | None]

WINDOW_S = 300.0
_SAMPLES_MAX = 900


class History:
    """``add`` what is seen; ``temps_celsius`` and ``duties_percent`` give a value for each column of a chart."""

    def __init__(self) -> None:
        self._samples: deque[Sample] = deque(maxlen=_SAMPLES_MAX)  # one a second at most

    def add(self, now_s: float, temp_celsius: float | None, duty_percent: float | None) -> None:
        """Of several in a second the hottest and the fastest count."""
        if self._samples and int(self._samples[-1][0]) == int(now_s):
            _, temp, duty = self._samples.pop()
            temp_celsius, duty_percent = _higher(temp, temp_celsius), _higher(duty, duty_percent)
        self._samples.append((now_s, temp_celsius, duty_percent))

    def temps_celsius(self, now_s: float, columns: int) -> list[float | None]:
        """The highest of each column's time, None where nothing was seen; the last column is now."""
        return self._columns(now_s, columns, lambda sample: sample[1])

    def duties_percent(self, now_s: float, columns: int) -> list[float | None]:
        """As ``temps_celsius``."""
        return self._columns(now_s, columns, lambda sample: sample[2])

    def _columns(self, now_s: float, columns: int, choose: Callable[[Sample], float | None]) -> list[float | None]:
        step_s = column_s(columns)
        # On a grid of whole columns, so that a column keeps its value while it moves to the left.
        newest = int(now_s // step_s)
        values: list[float | None] = [None] * columns
        for sample in reversed(self._samples):
            column = columns - 1 - newest + int(sample[0] // step_s)
            if column < 0:
                break
            if column < columns:
                values[column] = _higher(values[column], choose(sample))
        return values


def column_s(columns: int) -> int:
    """The whole seconds that one of so many columns stands for."""
    return max(1, -int(-WINDOW_S // max(1, columns)))


def _higher(one: float | None, other: float | None) -> float | None:
    if one is None or other is None:
        return other if one is None else one
    return max(one, other)
