"""Pulses: widths and their borders, edges that are lost or doubled, and noise that must neither trigger nor deafen."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a1d.button.pulses import NOISE_EDGES, NOISE_WINDOW_NS, Edge, Gesture, PulseDecoder
from a1d.button.watcher import ButtonWatcher
from a1d.config.settings import ButtonConfig

MS = 1_000_000
DOUBLE, HOLD = Gesture.DOUBLE_PRESS, Gesture.HOLD
# (time in ns, rising) pairs, numbered by ``numbered`` or left without numbers
Train = list[tuple[int, bool]]

seqno_or_not = pytest.mark.parametrize("with_seqno", [True, False], ids=["seqno", "no seqno"])


def decoder(double_ms: tuple[float, float] = (10, 30), hold_ms: tuple[float, float] = (30, 55)) -> PulseDecoder:
    return PulseDecoder(double_ms, hold_ms)


def pulse(start_ms: float, width_ms: float) -> Train:
    return [(round(start_ms * MS), True), (round((start_ms + width_ms) * MS), False)]


def numbered(train: Iterable[tuple[int, bool]], with_seqno: bool = True) -> Iterator[Edge]:
    for seqno, (at_ns, rising) in enumerate(train, start=1):
        yield Edge(at_ns, rising, seqno if with_seqno else None)


def gestures(edges: Iterable[Edge], decoder: PulseDecoder) -> list[Gesture]:
    return [gesture for edge in edges if (gesture := decoder.feed(edge)) is not None]


def decoded(*trains: Train, with_seqno: bool = True) -> list[Gesture]:
    return gestures(numbered([edge for train in trains for edge in train], with_seqno), decoder())


# -- widths ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("width_ns", "expected"),
    [
        (0, None),
        (1, None),
        (10 * MS - 1, None),
        (10 * MS, DOUBLE),
        (20 * MS, DOUBLE),
        (30 * MS - 1, DOUBLE),
        (30 * MS, HOLD),
        (40 * MS, HOLD),
        (50 * MS, HOLD),
        (55 * MS, HOLD),
        (55 * MS + 1, None),
        (60 * MS, None),
        (3_600_000 * MS, None),
    ],
)
@seqno_or_not
def test_the_width_is_the_gesture_and_any_other_is_ignored_and_counted(
    width_ns: int, expected: Gesture | None, with_seqno: bool
) -> None:
    pulses = decoder()
    rise, fall = numbered([(5 * MS, True), (5 * MS + width_ns, False)], with_seqno)
    assert pulses.feed(rise) is None
    assert pulses.feed(fall) is expected
    assert pulses.ignored == (expected is None)


@given(st.lists(st.integers(1, 500), min_size=4, max_size=4, unique=True), st.booleans(), st.booleans(), st.data())
def test_windows_are_as_documented_whichever_is_longer(
    bounds: list[int], touching: bool, double_is_longer: bool, data: st.DataObject
) -> None:
    first, middle, third, last = sorted(bounds)
    windows = ((first, middle), (middle if touching else third, last))
    double_ms, hold_ms = reversed(windows) if double_is_longer else windows
    width_ns = data.draw(
        st.integers(0, 501 * MS)
        | st.builds(lambda bound, off: bound * MS + off, st.sampled_from(bounds), st.integers(-1, 1))
    )
    expected = [
        gesture
        for gesture, (low, high) in ((HOLD, hold_ms), (DOUBLE, double_ms))
        if low * MS <= width_ns < high * MS + (gesture is HOLD)
    ][:1]
    assert gestures(numbered([(0, True), (width_ns, False)]), decoder(double_ms, hold_ms)) == expected


@given(st.lists(st.tuples(st.integers(100, 5000), st.sampled_from([20, 40, 5, 70])), max_size=20))
def test_every_lone_pulse_is_decoded_once(presses: list[tuple[int, int]]) -> None:
    train: Train = []
    at_ms = 0
    for pause_ms, width_ms in presses:
        train += pulse(at_ms + pause_ms, width_ms)
        at_ms += pause_ms + width_ms
    pulses = decoder()
    wanted = {20: DOUBLE, 40: HOLD}
    assert gestures(numbered(train), pulses) == [wanted[width] for _, width in presses if width in wanted]
    assert pulses.ignored == sum(width not in wanted for _, width in presses)


# -- edges that are lost or doubled ----------------------------------------------------------------


def test_a_line_that_is_high_when_watching_begins_is_no_pulse() -> None:
    pulses = decoder()
    assert gestures(numbered([(40 * MS, False), *pulse(100, 40)]), pulses) == [HOLD]
    assert pulses.ignored == 0


@given(st.integers(2, 2**32), st.sampled_from([20, 40]))
def test_a_width_across_lost_edges_is_not_believed(lost: int, width_ms: int) -> None:
    pulses = decoder()
    assert gestures([Edge(0, True, 1), Edge(width_ms * MS, False, 1 + lost)], pulses) == []
    assert gestures([Edge(200 * MS, True, 2 + lost), Edge(240 * MS, False, 3 + lost)], pulses) == [HOLD]


@given(st.integers(0, 2**32), st.booleans())
def test_a_few_edges_lost_before_a_pulse_do_not_lose_it_but_many_were_noise(lost: int, ended_rising: bool) -> None:
    before = Edge(0, ended_rising, 7)
    after = [Edge(50 * MS, True, 8 + lost), Edge(90 * MS, False, 9 + lost)]
    assert gestures([before, *after], decoder()) == ([HOLD] if lost < NOISE_EDGES else [])


@seqno_or_not
@given(width_ms=st.sampled_from([20, 40]), copies=st.integers(2, 5))
def test_edges_that_are_delivered_several_times_make_one_gesture(with_seqno: bool, width_ms: int, copies: int) -> None:
    edges = [edge for edge in numbered(pulse(0, width_ms), with_seqno) for _ in range(copies)]
    assert gestures(edges, decoder()) == [HOLD if width_ms == 40 else DOUBLE]


@seqno_or_not
@given(st.integers(1, 3_000 * MS))
def test_a_rise_whose_fall_was_never_reported_does_not_lose_the_hold_after_it(with_seqno: bool, before_ns: int) -> None:
    assert decoded([(1_000 * MS - before_ns, True)], pulse(1_000, 40), with_seqno=with_seqno) == [HOLD]


@seqno_or_not
@given(st.integers(1, 40 * MS - 1))
def test_a_dip_too_short_to_be_reported_whole_does_not_lose_a_hold(with_seqno: bool, at_ns: int) -> None:
    rise, fall = pulse(0, 40)
    assert HOLD in decoded([rise, (at_ns, True), fall], with_seqno=with_seqno)


@seqno_or_not
@given(st.lists(st.integers(1, 100 * MS), min_size=1, max_size=6, unique=True))
def test_a_second_fall_is_nothing(with_seqno: bool, later_ns: list[int]) -> None:
    falls = [(40 * MS + later, False) for later in sorted(later_ns)]
    assert decoded(pulse(0, 40), falls, with_seqno=with_seqno) == [HOLD]


def test_presses_after_the_line_was_opened_again_are_not_taken_for_noise() -> None:
    """A new source may count its time from zero, as the gpiozero backend does."""

    class Line:
        def __init__(self) -> None:
            self.edges: list[Edge] = []

        def fileno(self) -> int:
            return -1

        def read_edges(self) -> list[Edge]:
            if not self.edges:
                raise OSError("gone")
            edges, self.edges = self.edges, []
            return edges

        def is_alive(self) -> bool:
            return True

        def close(self) -> None:
            pass

    lines = [Line(), Line()]
    opened = iter(lines)
    watcher = ButtonWatcher(ButtonConfig(), lambda _config: next(opened))
    watcher.tick(0.0)
    lines[0].edges = list(numbered([edge for at_s in range(1, 11) for edge in pulse(at_s * 1000, 20)]))
    assert watcher.read() == [DOUBLE] * 10
    assert watcher.read() == []
    watcher.tick(100.0)
    lines[1].edges = list(numbered(pulse(0, 40)))
    assert watcher.read() == [HOLD]


# -- noise -----------------------------------------------------------------------------------------


def noise(seconds: float, edges_per_s: int, seed: int, jitter: bool) -> Iterator[tuple[int, bool]]:
    """Edges at random times (exponentially spread) or on a grid, the last one falling."""
    rng = random.Random(seed)
    at_ns = 0.0
    for number in range(round(seconds * edges_per_s) // 2 * 2):
        at_ns += rng.expovariate(edges_per_s) * 1e9 if jitter else 1e9 / edges_per_s
        yield round(at_ns), number % 2 == 0


@pytest.mark.parametrize(
    ("seconds", "jitter", "with_seqno"), [(60, True, True), (5, False, False)], ids=["a minute", "on a grid"]
)
def test_noise_of_10000_edges_a_second_triggers_nothing_and_the_next_press_works(
    seconds: float, jitter: bool, with_seqno: bool
) -> None:
    pulses = decoder()
    train = list(noise(seconds, 10_000, seed=1, jitter=jitter))
    assert gestures(numbered(train, with_seqno), pulses) == []
    assert pulses.ignored == len(train) // 2
    start_ns, seqno = train[-1][0] + 100 * MS, len(train) + 1
    hold = [Edge(start_ns, True, seqno), Edge(start_ns + 40 * MS, False, seqno + 1)]
    assert gestures(hold if with_seqno else [Edge(e.timestamp_ns, e.rising) for e in hold], pulses) == [HOLD]


@pytest.mark.parametrize("edges_per_s", [100, 200, 500, 1000, 3000])
@pytest.mark.parametrize("seed", range(3))
def test_slower_noise_triggers_nothing_once_it_is_known_for_noise(edges_per_s: int, seed: int) -> None:
    rng = random.Random(seed)
    train: Train = [(round(index * 0.1 * MS), index % 2 == 0) for index in range(NOISE_EDGES)]
    for number in range(2000):
        at_ns = train[-1][0] + min(rng.expovariate(edges_per_s) * 1e9, NOISE_WINDOW_NS / NOISE_EDGES - 1)
        train.append((round(at_ns), number % 2 == 0))
    assert decoded(train) == []


@pytest.mark.parametrize("width_ms", [10, 12, 15])
def test_the_hum_of_the_mains_is_known_for_noise_within_a_tenth_of_a_second(width_ms: float) -> None:
    pulses = decoder()
    hum = [edge for number in range(1000) for edge in pulse(number * 20, width_ms)]
    assert [edge for edge in numbered(hum) if pulses.feed(edge) and edge.timestamp_ns > 100 * MS] == []


@pytest.mark.parametrize("kept", [64, 256, 1023, 1024])
@pytest.mark.parametrize("seed", range(3))
def test_noise_of_which_most_edges_are_lost_triggers_nothing(kept: int, seed: int) -> None:
    rng = random.Random(seed)
    train = list(numbered(noise(2, 10_000, seed, jitter=True)))
    edges = [edge for start in range(0, len(train), 4000) for edge in train[start + rng.randrange(100) :][:kept]]
    assert gestures(edges, decoder()) == []


@pytest.mark.parametrize(
    ("double_ms", "hold_ms"), [((10, 30), (30, 55)), ((10, 30), (30, 200)), ((50, 150), (150, 500))]
)
def test_a_line_that_noise_leaves_high_for_a_while_triggers_nothing(
    double_ms: tuple[float, float], hold_ms: tuple[float, float]
) -> None:
    burst = list(noise(0.01, 10_000, seed=2, jitter=False))[:-1]
    for width_ms in range(5, round(hold_ms[1]) + 10, 5):
        fall = (burst[-1][0] + width_ms * MS, False)
        assert gestures(numbered([*burst, fall]), decoder(double_ms, hold_ms)) == [], f"{width_ms} ms"


@given(st.integers(100 * MS, 10_000 * MS), st.sampled_from([20, 40]), st.integers(1, 3000))
def test_a_press_a_tenth_of_a_second_after_noise_works(after_ns: int, width_ms: int, edges: int) -> None:
    burst = [(index * 100_000, index % 2 == 0) for index in range(edges)]
    start_ms = (burst[-1][0] + after_ns) / MS
    assert decoded(burst, pulse(start_ms, width_ms))[-1:] == [HOLD if width_ms == 40 else DOUBLE]


@seqno_or_not
@given(st.integers(1, 5 * MS), st.integers(1, 200 * MS))
def test_a_single_glitch_before_a_hold_does_not_lose_it(with_seqno: bool, width_ns: int, before_ns: int) -> None:
    fall_ns = 1_000 * MS - before_ns
    glitch = [(fall_ns - width_ns, True), (fall_ns, False)]
    assert decoded(glitch, pulse(1_000, 40), with_seqno=with_seqno) == [HOLD]


@given(st.integers(1, 5 * MS), st.integers(1, 200 * MS))
def test_a_single_glitch_after_a_hold_changes_nothing(width_ns: int, after_ns: int) -> None:
    rise_ns = 40 * MS + after_ns
    assert decoded(pulse(0, 40), [(rise_ns, True), (rise_ns + width_ns, False)]) == [HOLD]


@given(st.integers(0, 20), st.sampled_from([20, 40]))
def test_a_double_press_right_before_a_hold_leaves_both(pause_ms: int, width_ms: int) -> None:
    """The most that an honest case can send at once."""
    assert decoded(pulse(0, 20), pulse(20 + pause_ms, width_ms)) == [DOUBLE, HOLD if width_ms == 40 else DOUBLE]


# -- borders that chance does not find --------------------------------------------------------------


@seqno_or_not
def test_a_dip_in_a_later_hold_does_not_lose_it(with_seqno: bool) -> None:
    """A dip at the very beginning of time is found by chance; all others are the same to a mistake in a sign."""
    rise, fall = pulse(1_000, 40)
    assert decoded([rise, (1_025 * MS, True), fall], with_seqno=with_seqno) == [HOLD]


@pytest.mark.parametrize(("lost", "expected"), [(NOISE_EDGES - 1, [HOLD]), (NOISE_EDGES, []), (NOISE_EDGES + 1, [])])
def test_as_many_lost_edges_as_make_noise_are_noise(lost: int, expected: list[Gesture]) -> None:
    after = [Edge(50 * MS, True, 8 + lost), Edge(90 * MS, False, 9 + lost)]
    assert gestures([Edge(0, False, 7), *after], decoder()) == expected


@pytest.mark.parametrize(("first_ns", "expected"), [(1, []), (0, [HOLD]), (-20 * MS, [HOLD])])
def test_noise_is_so_many_edges_within_the_window_and_no_fewer(first_ns: int, expected: list[Gesture]) -> None:
    """The edges are 1 ms wide pulses at the window's end, but for the first one."""
    begin_ns = 1_000 * MS
    edges = [begin_ns + first_ns] + [begin_ns + (60 + index) * MS for index in range(NOISE_EDGES - 1)]
    noise_before = [(at_ns, index % 2 == 0) for index, at_ns in enumerate(edges)]
    hold_ns = begin_ns + NOISE_WINDOW_NS
    assert decoded(noise_before, [(hold_ns, True), (hold_ns + 40 * MS, False)]) == expected
