"""A soak's actions as spans of time: which fault, temperature and manual duty there was, and when. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from a1d.config.settings import FanConfig
from a1d.temperature.curve import Curve
from hil.soak.plan import Action

# As in hil.soak.plan.
FAN = FanConfig(curve=((50.0, 10.0), (60.0, 40.0), (70.0, 100.0)), hysteresis_celsius=3.0, hold_s=10.0, rise_s=0.0)


def curve_of(points: tuple[tuple[float, float], ...]) -> Curve:
    """A curve with the other settings of ``FAN``."""
    return Curve(points, FAN.critical_celsius, duty_min_percent=FAN.duty_min_percent)


CURVES = dict.fromkeys(("plain", "sensors", "line"), curve_of(FAN.curve)) | {
    "warm": curve_of(((45.0, 20.0), (65.0, 100.0)))
}


class Write(NamedTuple):
    """A write that the case acknowledged. If it was ``dropped``, it had no effect."""

    at_s: float
    percent: int
    dropped: bool = False


class Look(NamedTuple):
    """The state of the daemon at one moment."""

    at_s: float
    health: str
    fan_percent: int
    pressed: tuple[str, ...]  # since the soak began
    rss_kb: int
    fds: int


@dataclass
class Record:
    """All that happened, in the order of time. Times are seconds since the soak began."""

    percent: int  # of the fan, when the soak began
    end_s: float = 0.0
    actions: list[Action] = field(default_factory=list)
    writes: list[Write] = field(default_factory=list)
    looks: list[Look] = field(default_factory=list)


class Span(NamedTuple):
    """A time with a beginning and an end."""

    begin_s: float
    end_s: float

    def cut(self, other: Span) -> Span:
        """The part that both have in common. There is none if its ``length_s`` is 0 or less."""
        return Span(max(self.begin_s, other.begin_s), min(self.end_s, other.end_s))

    @property
    def length_s(self) -> float:
        """The length; below 0 if the end is before the beginning."""
        return self.end_s - self.begin_s


class Warmth(NamedTuple):
    """A temperature that a1d could read, and the curve that was configured then."""

    span: Span
    celsius: float
    curve: Curve
    held_s: float  # the end of ``span``; if a sensor fault follows, the end of that: the fan may not slow during it


class ManualDuty(NamedTuple):
    """A duty that was set by hand, and for how long."""

    span: Span
    percent: int


def faults(actions: Iterable[Action], what: str, end_s: float) -> list[Span]:
    """When there was a fault of the ``bus`` or of the ``sensor``."""
    found, begin_s = [], None
    for action in actions:
        if action.what == what:
            if begin_s is not None:
                found.append(Span(begin_s, action.at_s))
            begin_s = None if action.value == "none" else action.at_s
    return found if begin_s is None else [*found, Span(begin_s, end_s)]


def between(spans: list[Span], end_s: float) -> list[Span]:
    """The time outside of ``spans``."""
    ends_s, begins_s = [0.0, *(span.end_s for span in spans)], [*(span.begin_s for span in spans), end_s]
    return [Span(*each) for each in zip(ends_s, begins_s, strict=True) if each[1] > each[0]]


def warmths(actions: Iterable[Action], end_s: float) -> Iterator[Warmth]:
    """Each temperature that could be read, split at each reload."""
    celsius, curve, is_lost, begin_s = math.nan, CURVES["plain"], False, 0.0
    waiting: Warmth | None = None  # a span that a sensor fault ended; the fault goes on
    for at_s, what, value, _for_s in [*actions, Action(end_s, "sensor", "none")]:
        if what not in ("heat", "sensor", "reload", "hangup"):
            continue
        if not is_lost and not math.isnan(celsius):
            waiting = Warmth(Span(begin_s, at_s), celsius, curve, at_s)
        is_lost = is_lost if what != "sensor" else value != "none"
        if waiting and not is_lost:
            yield waiting._replace(held_s=at_s if what == "sensor" else waiting.span.end_s)
            waiting = None
        begin_s = at_s
        if what == "heat":
            celsius = float(value)
        elif what in ("reload", "hangup") and value != "refused":
            curve = CURVES[str(value)]


def manual_duties(actions: Iterable[Action], end_s: float) -> list[ManualDuty]:
    """When a duty was set by hand, whether or not an emergency overruled it."""
    found: list[ManualDuty] = []
    for at_s, what, value, for_s in actions:
        if what in ("fan", "auto") and found and found[-1].span.end_s > at_s:
            found[-1] = found[-1]._replace(span=Span(found[-1].span.begin_s, at_s))
        if what == "fan":
            percent = int(value) and max(int(value), FAN.duty_min_percent)
            found.append(ManualDuty(Span(at_s, end_s if for_s is None else at_s + for_s), percent))
    return found


def duties(record: Record) -> list[tuple[Span, int]]:
    """The duty that the fan had, by the writes on the bus. Kick-starts are left out."""
    changes = [(write.at_s, write.percent) for write in record.writes if not write.dropped]
    written_s = [at_s for at_s, _percent in changes]
    for action in record.actions:
        if action.what == "tamper":
            changes.append((action.at_s, int(action.value)))
        elif action.what == "reset":  # M5
            changes.append((action.at_s, 50))
            if not any(action.at_s <= at_s <= action.at_s + 5 for at_s in written_s):
                changes.append((action.at_s + 5, 0))
    changes = [(0.0, record.percent), *sorted(changes), (record.end_s, 0)]
    return [(Span(changes[i][0], changes[i + 1][0]), changes[i][1]) for i in range(len(changes) - 1)]
