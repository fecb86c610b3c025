"""A percentage that is set over MQTT ends when nobody is there any more. Pure: time is an argument."""

from __future__ import annotations

from typing import Any

import pytest

from a1d.mqtt.commands import Call, set_fan
from a1d.mqtt.lease import Lease
from tests.mqtt.test_bridge import status

LENGTH_S = 600.0
RESUME = Call("ResumeAutomatic")
NEVER = float("inf")


def by_hand(percent: int = 60, left_s: float | None = LENGTH_S, **changes: Any) -> dict[str, Any]:
    manual = {"mode": "manual", "manual_percent": percent, "manual_remaining_s": left_s, "manual_until_celsius": None}
    return status(**manual | changes)


def begun(*calls: Call, made: dict[str, Any] | None = None) -> Lease:
    lease = Lease(LENGTH_S)
    lease.begin(calls or [set_fan(60, LENGTH_S)], made or by_hand(), 0.0)
    return lease


def test_it_is_renewed_each_tenth_of_its_time() -> None:
    lease, ends_s = begun(), LENGTH_S
    for turn in range(1, 50):
        assert lease.due_s == pytest.approx(60.0 * turn)
        now_s = lease.due_s
        lease.postpone(now_s)
        assert lease.renewal(by_hand(left_s=ends_s - now_s), now_s) == set_fan(60, LENGTH_S)
        lease.renewed(now_s + 0.1)
        ends_s = now_s + 0.1 + LENGTH_S


def test_what_the_daemon_raised_is_asked_for_as_it_was() -> None:
    lease = begun(set_fan(3, LENGTH_S), made=by_hand(10))
    assert lease.renewal(by_hand(10, LENGTH_S - 60), 60.0) == set_fan(3, LENGTH_S)


def test_off_is_held_in_the_same_way() -> None:
    lease = begun(set_fan(0, LENGTH_S), made=by_hand(0))
    assert lease.renewal(by_hand(0, LENGTH_S - 60), 60.0) == set_fan(0, LENGTH_S)


@pytest.mark.parametrize(
    "found",
    [
        status(mode="automatic", manual_percent=None, manual_remaining_s=None, manual_until_celsius=None),
        by_hand(50, LENGTH_S - 60),
        by_hand(60, None),
        by_hand(60, LENGTH_S),  # the same for as long, but by somebody else a minute later
        by_hand(60, 120.0),
        by_hand(60, LENGTH_S - 60, manual_until_celsius=45.0),
    ],
    ids=["automatic", "another duty", "without an end", "begun later", "ends sooner", "until it is cool"],
)
def test_what_somebody_else_has_set_is_left_alone_for_good(found: dict[str, Any]) -> None:
    lease = begun()
    lease.postpone(60.0)
    assert lease.renewal(found, 60.0) is None
    assert lease.due_s == NEVER
    assert lease.renewal(by_hand(left_s=LENGTH_S - 60), 60.0) is None


@pytest.mark.parametrize(
    ("calls", "made"),
    [
        ([RESUME], status(mode="automatic")),
        ([set_fan(60, LENGTH_S), RESUME], status(mode="automatic")),
        ([set_fan(60, LENGTH_S)], status(mode="automatic")),
    ],
    ids=["given back", "set and given back", "set, and ended by somebody else at once"],
)
def test_nothing_is_renewed_that_is_not_in_force(calls: list[Call], made: dict[str, Any]) -> None:
    lease = begun()
    lease.begin(calls, made, 1.0)
    assert lease.due_s == NEVER


def test_a_profile_changes_nothing_by_itself() -> None:
    lease = begun()
    lease.begin([Call("SetProfile", {"name": "night", "for_s": None})], by_hand(), 1.0)
    assert lease.due_s == LENGTH_S / 10


def test_a_try_that_failed_is_not_repeated_at_once_and_does_no_harm() -> None:
    lease = begun()
    lease.postpone(60.0)  # and then the daemon did not answer
    assert lease.due_s == 120.0
    assert lease.renewal(by_hand(left_s=LENGTH_S - 120), 120.0) == set_fan(60, LENGTH_S)
