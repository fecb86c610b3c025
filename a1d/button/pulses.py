"""What a train of edges on the button line means: pure, its only clock is the kernel's timestamps.

docs/hardware.md B1-B5: the MCU sends one 20 ms pulse for a double press and one 40 ms pulse for a hold.
"""

from __future__ import annotations

from collections import deque
from enum import Enum
from typing import NamedTuple

# An honest pulse stands alone. This many edges within this time before it are noise, in which a
# pulse of the right width comes about by chance.
NOISE_EDGES = 8
NOISE_WINDOW_NS = 100_000_000


class Gesture(Enum):
    """What the user did with the power button."""

    DOUBLE_PRESS = "double_press"
    HOLD = "hold"


class Edge(NamedTuple):
    """One change of the line. ``seqno`` counts the line's edges without gaps where the source knows it."""

    timestamp_ns: int
    rising: bool
    seqno: int | None = None


class PulseDecoder:
    """Feed edges in order; get a gesture at the end of each pulse whose width is in a window.

    Windows are (from, to) in milliseconds. Both begin with ``from``; the double press's ends before ``to``,
    the hold's with it. ``ignored`` counts pulses of any other width and pulses in noise.
    """

    def __init__(self, double_press_ms: tuple[float, float], hold_ms: tuple[float, float]) -> None:
        self._double_ns = (double_press_ms[0] * 1e6, double_press_ms[1] * 1e6)
        self._hold_ns = (hold_ms[0] * 1e6, hold_ms[1] * 1e6)
        self.ignored = 0
        self._rise_ns: int | None = None
        # A dip within a hold, too short for the kernel to report whole, shows as a second rise.
        self._first_rise_ns: int | None = None
        self._noisy = False
        self._seqno: int | None = None
        self._recent_ns: deque[int] = deque(maxlen=NOISE_EDGES)

    def feed(self, edge: Edge) -> Gesture | None:
        """The gesture that this edge completes, or None."""
        now_ns = edge.timestamp_ns
        if self._recent_ns and now_ns < self._recent_ns[-1]:
            # The line was opened anew, by a source whose time begins with that.
            self._recent_ns.clear()
            self._seqno = self._rise_ns = self._first_rise_ns = None
        lost = 0 if edge.seqno is None or self._seqno is None else edge.seqno - self._seqno - 1
        if lost:
            self._rise_ns = self._first_rise_ns = None  # what was seen may be no pulse
        if lost >= NOISE_EDGES:  # they were noise, though nobody saw it
            self._recent_ns.extend([now_ns] * NOISE_EDGES)
        self._seqno = edge.seqno
        gesture = None
        if edge.rising:
            self._rise(now_ns)
        else:
            gesture = self._fall(now_ns)
        self._recent_ns.append(now_ns)
        return gesture

    def _rise(self, now_ns: int) -> None:
        self._rise_ns = now_ns
        if self._first_rise_ns is None or now_ns - self._first_rise_ns > self._hold_ns[1]:
            self._first_rise_ns = now_ns
            self._noisy = len(self._recent_ns) == NOISE_EDGES and now_ns - self._recent_ns[0] < NOISE_WINDOW_NS

    def _fall(self, now_ns: int) -> Gesture | None:
        rise_ns, first_rise_ns = self._rise_ns, self._first_rise_ns
        self._rise_ns = self._first_rise_ns = None
        if rise_ns is None or first_rise_ns is None:
            return None
        if not self._noisy:
            if any(self._hold_ns[0] <= now_ns - rise <= self._hold_ns[1] for rise in (first_rise_ns, rise_ns)):
                return Gesture.HOLD
            if self._double_ns[0] <= now_ns - rise_ns < self._double_ns[1]:
                return Gesture.DOUBLE_PRESS
        self.ignored += 1
        return None
