"""What a train of edges on the button line means: pure, its only clock is the kernel's timestamps.

docs/hardware.md B1-B5: the MCU sends one 20 ms pulse for a double press and one 40 ms pulse for a hold.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import Enum

# An honest pulse stands alone. This many edges within this time before it are noise, in which a
# pulse of the right width comes about by chance.
NOISE_EDGES = 8
NOISE_WINDOW_NS = 100_000_000


class Gesture(Enum):
    """What the user did with the power button."""

    DOUBLE_PRESS = "double_press"
    HOLD = "hold"


@dataclass(frozen=True, slots=True)
class Edge:
    """One change of the line. ``seqno`` counts the line's edges without gaps where the source knows it."""

    timestamp_ns: int
    rising: bool
    seqno: int | None = None


class PulseDecoder:
    """Feed edges in order; get a gesture at the end of each pulse whose width is in a window.

    Windows are (from, to) in milliseconds, ``from`` included, ``to`` not, save that the upper end of
    the longest window is included. ``ignored`` counts pulses of any other width and pulses in noise.
    """

    def __init__(self, double_press_ms: tuple[float, float], hold_ms: tuple[float, float]) -> None:
        self._double_ns = (double_press_ms[0] * 1e6, double_press_ms[1] * 1e6)
        self._hold_ns = (hold_ms[0] * 1e6, hold_ms[1] * 1e6)
        self._rise_ns: int | None = None
        self._seqno: int | None = None
        self._recent_ns: deque[int] = deque(maxlen=NOISE_EDGES)
        self.ignored = 0

    def feed(self, edge: Edge) -> Gesture | None:
        """The gesture that this edge completes, or None."""
        missed = edge.seqno is not None and self._seqno is not None and edge.seqno != self._seqno + 1
        self._seqno = edge.seqno
        noisy = len(self._recent_ns) == NOISE_EDGES and edge.timestamp_ns - self._recent_ns[0] < NOISE_WINDOW_NS
        self._recent_ns.append(edge.timestamp_ns)
        rise_ns = None if missed else self._rise_ns
        if edge.rising:
            self._rise_ns = edge.timestamp_ns
            return None
        self._rise_ns = None
        if rise_ns is None:
            return None
        width_ns = edge.timestamp_ns - rise_ns
        if not noisy:
            if self._double_ns[0] <= width_ns < self._double_ns[1]:
                return Gesture.DOUBLE_PRESS
            if self._hold_ns[0] <= width_ns <= self._hold_ns[1]:
                return Gesture.HOLD
        self.ignored += 1
        return None
