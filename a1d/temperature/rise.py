"""The calm rise: how hot a sensor counts as when the fan may have to speed up. Pure: time comes with the readings.

The fan rises to what the lowest reading of the last ``rise`` seconds asks for, so that a spike of heat, which no
fan can cool, does not move it. But it never lags the lower of the last two readings by more than a slack, and
near the critical temperature that slack is nothing: a real leap is answered with its second reading, a lone one
never.
"""

from __future__ import annotations

import math
from collections import deque

# Found on the bench (docs/performance.md): the slack below, and it shrinks from 20 C to 8 C below critical.
SLACK_CELSIUS = 16.0
_SLACK_FULL_BELOW_CELSIUS = 20.0
_SLACK_NONE_BELOW_CELSIUS = 8.0
# A sensor that is read more rarely than this is not asked for a second opinion: it would come too late.
CONFIRM_MAX_S = 6.0
_LEAP_CELSIUS = 5.0


class Rise:
    """One sensor's memory. ``configure``, then ``update`` with each reading; ``forget`` when readings were lost."""

    def __init__(self) -> None:
        self._recent: deque[tuple[float, float]] = deque()  # at_s and temperature, both rising: the first is the lowest
        self._last_s = -math.inf
        self._last_celsius = math.inf

    def configure(self, rise_s: float, critical_celsius: float) -> None:
        """Take settings and keep the memory. ``rise_s`` 0: every reading counts at once and in full."""
        self._rise_s = rise_s
        self._slack_none_celsius = critical_celsius - _SLACK_NONE_BELOW_CELSIUS
        self._rising_celsius = self._last_celsius  # in full, until the next reading
        self.is_leap = False  # whether the last reading waits for a second one that would count for much more

    def forget(self) -> None:
        """The next reading counts at once and in full."""
        self._recent.clear()
        self._last_s = -math.inf

    def update(self, temp_celsius: float, at_s: float) -> float:
        """The temperature to rise with, at most ``temp_celsius``. NaN counts as infinitely hot.

        The same reading again (the same ``at_s``) confirms nothing and changes nothing.
        """
        if math.isnan(temp_celsius):
            temp_celsius = math.inf
        if self._rise_s == 0:
            return temp_celsius
        if at_s == self._last_s:
            return self._rising_celsius
        recent = self._recent
        if recent and temp_celsius <= recent[0][1]:
            # The lowest of all, as nearly every reading of a steady temperature: what is below would say the same.
            recent.clear()
            recent.append((at_s, temp_celsius))
            self._last_s, self._last_celsius, self.is_leap = at_s, temp_celsius, False
            self._rising_celsius = temp_celsius
            return temp_celsius
        while recent and recent[0][0] < at_s - self._rise_s - 1e-6:
            recent.popleft()
        while recent and recent[-1][1] >= temp_celsius:
            recent.pop()
        recent.append((at_s, temp_celsius))
        is_second = at_s - self._last_s <= CONFIRM_MAX_S
        confirmed_celsius = min(temp_celsius, self._last_celsius) if is_second else temp_celsius
        self._last_s, self._last_celsius = at_s, temp_celsius
        rising_celsius = min(recent[0][1], confirmed_celsius)
        if confirmed_celsius > rising_celsius:
            rising_celsius = max(rising_celsius, self._less_slack(confirmed_celsius))
        self._rising_celsius = rising_celsius
        from_celsius = rising_celsius + _LEAP_CELSIUS  # asked first: mostly that spares the call
        self.is_leap = temp_celsius > from_celsius and self._less_slack(temp_celsius) > from_celsius
        return rising_celsius

    def _less_slack(self, confirmed_celsius: float) -> float:
        span = _SLACK_FULL_BELOW_CELSIUS - _SLACK_NONE_BELOW_CELSIUS
        share = (self._slack_none_celsius - confirmed_celsius) / span
        return confirmed_celsius - SLACK_CELSIUS * min(1.0, max(0.0, share))
