"""The loop by itself: when it calls what, on a clock that the test moves."""

from __future__ import annotations

import selectors
import socket
from collections.abc import Callable

import pytest
from pytest_mock import MockerFixture

from a1d.loop import Loop
from tests.virtual import VirtualClock


class Rig:
    """A loop with a tick each 0.5 s from 1000.0 on; the fan is not due unless the test says so."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.ticks: list[float] = []
        self.polls: list[float] = []
        self.next_poll_s = float("inf")
        self.loop = Loop(clock, 0.5, self.ticks.append, self._poll)
        self.loop.fan_due_s = float("inf")

    def _poll(self) -> float:
        self.polls.append(self.clock())
        return self.next_poll_s

    def run_at(self, now_s: float) -> None:
        self.clock.now_s = now_s
        self.loop.run_once()


@pytest.fixture
def rig(clock: VirtualClock) -> Rig:
    return Rig(clock)


@pytest.mark.parametrize(
    ("late_s", "next_s"),
    [
        (0.0, 1000.5),
        (0.125, 1000.5),  # still on the grid
        (0.375, 1000.5),
        (0.5, 1001.0),  # not at once, as 1000.5 is now
        (0.75, 1001.25),  # a new grid
        (10.0, 1010.5),
    ],
)
def test_a_late_tick_keeps_the_grid_as_long_as_the_next_is_still_to_come(
    rig: Rig, late_s: float, next_s: float
) -> None:
    rig.run_at(1000.0 + late_s)
    assert rig.ticks == [1000.0 + late_s]
    assert rig.loop.wake_s == next_s


def test_it_waits_until_the_next_thing_is_due_and_no_longer(rig: Rig, mocker: MockerFixture) -> None:
    select = mocker.patch.object(rig.loop.selector, "select", return_value=[])
    waits_s = []
    for now_s, fan_due_s in ((1000.0, 1000.25), (1000.125, 1000.25), (1000.25, 1003.0), (1000.25, 1003.0)):
        rig.loop.fan_due_s = fan_due_s
        rig.run_at(now_s)
        waits_s.append(select.call_args.args[0])
    rig.run_at(1009.0)
    assert [*waits_s, select.call_args.args[0]] == [0.0, 0.125, 0.25, 0.25, 0.0]


def test_the_fan_is_polled_when_due_and_says_when_next(rig: Rig) -> None:
    rig.run_at(1000.0)
    rig.loop.fan_due_s = 1000.125
    rig.next_poll_s = 1000.25
    rig.run_at(1000.125)
    assert rig.polls == [1000.125]
    assert rig.loop.wake_s == 1000.25
    assert rig.ticks == [1000.0]


def test_a_tick_comes_before_the_fan_as_it_decides_what_the_fan_gets(rig: Rig) -> None:
    rig.loop.fan_due_s = 1000.0
    rig.run_at(1000.0)
    assert (rig.ticks, rig.polls) == ([1000.0], [])
    rig.run_at(1000.0)
    assert rig.polls == [1000.0]


@pytest.mark.parametrize(("within_s", "next_s"), [(0.0, 1000.125), (0.25, 1000.375), (3.0, 1000.5)])
def test_a_tick_can_be_asked_for_sooner_and_is_never_put_off(rig: Rig, within_s: float, next_s: float) -> None:
    rig.run_at(1000.0)
    rig.clock.now_s = 1000.125
    rig.loop.tick_soon(within_s)
    assert rig.loop.wake_s == next_s


def test_where_there_is_time_for_one_of_two_they_take_turns_and_an_urgent_one_goes_first(rig: Rig) -> None:
    served: list[str] = []

    def serve(name: str) -> Callable[[], None]:
        def take_all_the_time() -> None:
            served.append(name)
            rig.clock.now_s = rig.loop.wake_s

        return take_all_the_time

    first, second = serve("first"), serve("second")
    one, other = socket.socketpair()
    with one, other:
        for end in (one, other):
            end.send(b"stays unread")
        rig.loop.selector.register(one, selectors.EVENT_READ, first)
        rig.loop.selector.register(other, selectors.EVENT_READ, second)
        for _ in range(4):
            rig.loop.run_once()
        assert served in (["first", "second"] * 2, ["second", "first"] * 2)
        for urgent in (first, second):
            rig.loop.urgent = {urgent}
            for _ in range(3):
                rig.loop.run_once()
    assert served[4:] == ["first"] * 3 + ["second"] * 3
