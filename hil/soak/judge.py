"""Compares a soak's record with what the fan had to do. Pure, and independent of a1d's own controller."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from hil.soak.spans import FAN, ManualDuty, Record, Span, Warmth, between, duties, faults, manual_duties, warmths

# The daemon may not see a shorter temperature: it reads every 0.5 s, and a time-out of the bus delays it.
SEEN_S = 1.0
# From a change to the write: one interval, and the verification of an earlier duty that may have caused a kick-start.
CHANGE_S = 1.5
# Until the fan is as slow as it should be: a hold that was running, one more for the duty after it, and intervals.
SLOW_S = 2 * FAN.hold_s + 2.5
# Three missed readings, and the same.
LOST_S = 2.5
# From the end of a bus fault to the right duty.
BUS_S = 1.0
# Until a duty that another program changed is put right: at full speed a1d reads every 5 s, else at its refresh.
FULL_SPEED_HEAL_S, HEAL_S = 6.6, FAN.refresh_s + 2
HEALTH_S = 3.0
PACE_S = 0.1
RSS_KB, EARLY_S = 512, 300.0


class Finding(NamedTuple):
    """Something that should not have happened."""

    at_s: float
    what: str


class Bound(NamedTuple):
    """The lowest (or highest) duty that the fan may have during ``span``."""

    span: Span
    percent: int
    why: str


def findings(record: Record) -> list[Finding]:
    """All findings, the earliest first."""
    return sorted([*_fan(record), *_wire(record), *_health(record), *_presses(record), *_memory(record)])


def _lost(record: Record) -> list[Span]:
    """When a1d must know that the sensor is lost. One that a reload configures is given three readings again."""
    reloads_s = [action.at_s for action in record.actions if action.what in ("reload", "hangup")]
    found = []
    for fault in faults(record.actions, "sensor", record.end_s):
        within_s = [at_s for at_s in reloads_s if fault.begin_s < at_s < fault.end_s]
        for begin_s, end_s in pairwise([fault.begin_s, *within_s, fault.end_s]):
            if end_s - begin_s >= LOST_S:
                found.append(Span(begin_s + LOST_S, end_s))
    return found


def emergencies(record: Record, warm: list[Warmth]) -> list[Span]:
    """When an emergency certainly overruled a manual duty."""
    spans, lost = [], _lost(record)
    for fault in faults(record.actions, "sensor", record.end_s):
        begins_s = [each.begin_s for each in lost if fault.cut(each) == each]
        spans += [Span(begin_s, fault.end_s + FAN.hold_s) for begin_s in begins_s[:1]]
    for each in warm:
        if each.celsius >= FAN.critical_celsius and each.span.length_s >= SEEN_S:
            spans.append(Span(each.span.begin_s + CHANGE_S, each.held_s + FAN.hold_s))
    return spans


def floors(record: Record) -> list[Bound]:
    """The lowest duties. They bound the fan while the bus works, and every write even while it does not."""
    warm, manual = list(warmths(record.actions, record.end_s)), manual_duties(record.actions, record.end_s)
    automatic = between([duty.span for duty in manual], record.end_s)
    found = [Bound(span, 100, "an emergency") for span in emergencies(record, warm)]
    found += [Bound(Span(s.begin_s + CHANGE_S, s.end_s), percent, "set by hand") for s, percent in manual]
    for each in warm:
        percent = each.curve.duty_percent(each.celsius)
        for span in automatic:
            seen = each.span.cut(span)
            if seen.length_s >= SEEN_S:
                # It slows only after the hold, but a manual duty takes effect at once.
                held_s = (each.held_s if seen.end_s == each.span.end_s else seen.end_s) + FAN.hold_s
                found.append(
                    Bound(Span(seen.begin_s + CHANGE_S, min(held_s, span.end_s)), percent, f"{each.celsius} C")
                )
    return found


def ceilings(record: Record) -> list[Bound]:
    """The highest duties, once the temperature has been steady for longer than the hold."""
    warm, manual = list(warmths(record.actions, record.end_s)), manual_duties(record.actions, record.end_s)
    found = []
    for each in warm:
        percent = each.curve.duty_percent(each.celsius + FAN.hysteresis_celsius)
        steady = Span(each.span.begin_s + SLOW_S, each.span.end_s)
        for span in between([duty.span for duty in manual], record.end_s):
            found.append(Bound(steady.cut(Span(span.begin_s + SLOW_S, span.end_s)), percent, "steady"))
        if each.celsius < FAN.critical_celsius - FAN.hysteresis_celsius:
            found += [_while_manual(duty, steady) for duty in manual]
    return found


def _while_manual(duty: ManualDuty, steady: Span) -> Bound:
    return Bound(steady.cut(Span(duty.span.begin_s + CHANGE_S, duty.span.end_s)), duty.percent, "set by hand")


def _unhealed(record: Record) -> list[Span]:
    """The longest time for which a duty that another program set may remain."""
    return [Span(each.at_s, each.at_s + HEAL_S) for each in record.actions if each.what in ("reset", "tamper")]


def _trusted(record: Record, low: list[Bound]) -> list[Span]:
    """When the bus worked, and a1d must have noticed any duty that another program set."""
    found = []
    full = [bound.span for bound in low if bound.percent == 100]
    for healthy in between(faults(record.actions, "bus", record.end_s), record.end_s):
        begin_s = healthy.begin_s + BUS_S
        for at_s, heal_s in _unhealed(record):
            if at_s < healthy.end_s and heal_s > begin_s:
                sure = Span(at_s - 3, at_s + FULL_SPEED_HEAL_S)
                is_full = any(s.cut(sure) == sure for s in full) and healthy.cut(sure) == sure
                healed_s = sure.end_s if is_full else heal_s
                written_s = [w.at_s for w in record.writes if not w.dropped and w.at_s > at_s]
                found.append(Span(begin_s, min(at_s, healthy.end_s)))
                begin_s = max(begin_s, min([healed_s, *written_s]))
        found.append(Span(begin_s, healthy.end_s))
    return [span for span in found if span.length_s > 0]


def _fan(record: Record) -> Iterator[Finding]:
    low, high = floors(record), ceilings(record)
    trusted = _trusted(record, low)
    told = duties(record)
    low, high = ([each for each in bounds if each.span.length_s > 0] for bounds in (low, high))
    for bounds, is_wrong, than in ((low, int.__lt__, "slower than"), (high, int.__gt__, "faster than")):
        for bound in bounds:
            for healthy in trusted:
                span = bound.span.cut(healthy)
                first = bisect_right(told, span.begin_s, key=lambda each: each[0].end_s)
                for duty_span, percent in told[first:]:
                    wrong = span.cut(duty_span)
                    if wrong.length_s <= 0:
                        break
                    if is_wrong(percent, bound.percent):
                        text = f"the fan was at {percent} %, {than} {bound.percent} % ({bound.why})"
                        yield Finding(wrong.begin_s, f"{text}, for {wrong.length_s:.3f} s")
    for write in record.writes:
        for bound in low:
            if write.percent < bound.percent and bound.span.begin_s <= write.at_s < bound.span.end_s:
                yield Finding(write.at_s, f"{write.percent} % was written instead of {bound.percent} % ({bound.why})")


def _wire(record: Record) -> Iterator[Finding]:
    bus = faults(record.actions, "bus", record.end_s)
    sick = [*_unhealed(record), *(Span(span.begin_s, span.end_s + BUS_S) for span in bus)]
    last_s = float("-inf")
    for write in record.writes:
        if not 0 <= write.percent <= 100:
            yield Finding(write.at_s, f"{write.percent} % was written")
        if write.at_s - last_s < PACE_S - 0.001:
            yield Finding(write.at_s, f"written {write.at_s - last_s:.3f} s after the last")
        if write.dropped and not any(s.begin_s <= write.at_s <= s.end_s for s in sick):
            yield Finding(write.at_s, "written while the case kicked the fan")
        last_s = write.at_s
    for healthy in between(bus, record.end_s):
        begin_s = healthy.begin_s + BUS_S
        here_s = [write.at_s for write in record.writes if begin_s < write.at_s < healthy.end_s]
        for at_s, next_s in pairwise([begin_s, *here_s, healthy.end_s]):
            if next_s - at_s > HEAL_S:
                yield Finding(at_s + HEAL_S, f"nothing was written for {next_s - at_s:.1f} s")
    told = duties(record)
    for look in record.looks:
        near = {percent for span, percent in told if span.begin_s - 0.05 < look.at_s < span.end_s + 0.05}
        if look.fan_percent not in near | {100}:
            yield Finding(look.at_s, f"the fan is at {look.fan_percent} %, but was told {near}")


def _critical(record: Record) -> list[Span]:
    """When a1d may say that it is critical: until it has certainly been calm for the hold."""
    found, begin_s = [], None
    for each in warmths(record.actions, record.end_s):
        if each.celsius >= FAN.critical_celsius:
            begin_s = each.span.begin_s if begin_s is None else begin_s
        is_calm = each.celsius < FAN.critical_celsius - FAN.hysteresis_celsius
        if begin_s is not None and is_calm and each.span.length_s > FAN.hold_s + SEEN_S:
            found.append(Span(begin_s, each.span.begin_s + FAN.hold_s + SEEN_S))
            begin_s = None
    return [*found, Span(begin_s, record.end_s)] if begin_s is not None else found


def _health(record: Record) -> Iterator[Finding]:
    lost = _lost(record)
    sick = [*faults(record.actions, "sensor", record.end_s), *faults(record.actions, "bus", record.end_s)]
    sick += _unhealed(record)
    sick += _critical(record)
    for look in record.looks:
        is_lost = any(span.begin_s < look.at_s < span.end_s for span in lost)
        is_ok = not any(span.begin_s <= look.at_s < span.end_s + HEALTH_S for span in sick)
        expected = "failsafe" if is_lost else "ok" if is_ok else look.health
        if look.health != expected:
            yield Finding(look.at_s, f"health is {look.health}, not {expected}")


def _presses(record: Record) -> Iterator[Finding]:
    presses = [(a.at_s, "double" if float(a.value) < 30 else "hold") for a in record.actions if a.what == "press"]
    for look in record.looks:
        made = [word for at_s, word in presses if at_s < look.at_s]
        due = sum(at_s < look.at_s - SEEN_S for at_s, _word in presses)
        if list(look.pressed) != made[: max(due, len(look.pressed))]:
            text = f"{len(made)} presses, {len(look.pressed)} acted upon; the last: {made[-3:]}, {look.pressed[-3:]}"
            yield Finding(look.at_s, text)
            return


def grown_kb(record: Record) -> int | None:
    """By how much Rss was more in the end than early on; None if the record is too short to tell."""
    early_s = min(EARLY_S, record.end_s / 3)
    early, late = [k for k in record.looks if k.at_s <= early_s], record.looks[-5:]
    if not early or record.looks[-1].at_s < early_s * 2:
        return None
    return max(k.rss_kb for k in late) - max(k.rss_kb for k in early)


def _memory(record: Record) -> Iterator[Finding]:
    """Compared between faults: an open bus and an open sensor are a descriptor each."""
    grown = grown_kb(record)
    if grown is None:
        return
    if grown > RSS_KB:
        yield Finding(record.looks[-1].at_s, f"Rss grew by {grown} kB")
    first, last = record.looks[0], record.looks[-1]
    if last.fds > first.fds:
        yield Finding(last.at_s, f"{last.fds} descriptors, {first.fds} in the beginning")
