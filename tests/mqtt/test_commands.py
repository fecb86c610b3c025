"""What is steered: pure, from what came and the time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a1d.mqtt.commands import INTERVAL_S, Call, Commands
from tests.mqtt.test_bridge import TOPICS, status

LEASE_S = 600.0
RESUME = Call("ResumeAutomatic")
OFF = {"mode": "manual", "manual_percent": 0, "duty_percent": 0}
OVERRIDDEN = {"mode": "manual", "manual_percent": 0, "duty_percent": 100}
BY_HAND = {"mode": "manual", "manual_percent": 50, "duty_percent": 50}


def set_fan(percent: int) -> Call:
    return Call("SetFan", {"duty_percent": percent, "for_s": LEASE_S, "until_celsius": None})


def profile(name: str) -> Call:
    return Call("SetProfile", {"name": name, "for_s": None})


def calls(*given: tuple[str, str], **state: object) -> list[Call]:
    commands = Commands(TOPICS, LEASE_S)
    for topic, payload in given:
        assert commands.receive(topic, payload.encode(), retained=False) is None
    return commands.take(status(**state), 0.0)


FAN, PERCENTAGE, PRESET = TOPICS.set_fan, TOPICS.set_percentage, TOPICS.set_preset


@pytest.mark.parametrize(
    ("given", "state", "expected"),
    [
        ([(PERCENTAGE, "60")], {}, [set_fan(60)]),
        ([(PERCENTAGE, "0")], {}, [set_fan(0)]),
        ([(FAN, "OFF")], {}, [set_fan(0)]),
        ([(FAN, "ON")], OFF, [RESUME]),
        ([(FAN, "ON")], OVERRIDDEN, [RESUME]),  # or it would be off again once it is no longer critical
        ([(FAN, "ON")], {}, []),
        ([(FAN, "ON")], BY_HAND, []),  # it is on, at what was set by hand
        ([(PRESET, "auto")], BY_HAND, [Call("ResumeProfiles"), RESUME]),
        ([(PRESET, "night")], BY_HAND, [profile("night"), RESUME]),
        ([(PRESET, "nobody")], BY_HAND, []),
        ([(TOPICS.resume, "PRESS")], BY_HAND, [RESUME]),
        # As Home Assistant turns it on at 60 %.
        ([(FAN, "ON"), (PERCENTAGE, "60")], {}, [set_fan(60)]),
        ([(FAN, "ON"), (PERCENTAGE, "60")], OFF, [RESUME, set_fan(60)]),
        # What has been set in the same moment counts, not what was before.
        ([(PERCENTAGE, "60"), (FAN, "ON")], OFF, [set_fan(60)]),
        ([(FAN, "OFF"), (PERCENTAGE, "60"), (FAN, "OFF")], {}, [set_fan(60), set_fan(0)]),
        ([(PERCENTAGE, "0"), (FAN, "ON")], {}, [set_fan(0), RESUME]),
    ],
)
def test_a_command_becomes_calls(given: list[tuple[str, str]], state: dict[str, object], expected: list[Call]) -> None:
    assert calls(*given, **state) == expected


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        (PERCENTAGE, b"101"),
        (PERCENTAGE, b"-1"),
        (PERCENTAGE, b"6e1"),
        (PERCENTAGE, b" 60"),
        (PERCENTAGE, "٦٠".encode()),
        (PERCENTAGE, b"60" + b"\0" * 100_000),
        (PERCENTAGE, b""),
        (FAN, b"on"),
        (FAN, b"\xff\xfe"),
        (PRESET, b""),
        (PRESET, b"night\x1b[2J"),
        (TOPICS.resume, b"1"),
        (TOPICS.fan_state, b"OFF"),
        ("a1d/another/fan/state/set", b"OFF"),
        ("a1d/\x1b[2J/set" + "x" * 1000, b"OFF"),
    ],
)
def test_what_makes_no_sense_is_ignored_and_said(topic: str, payload: bytes) -> None:
    commands = Commands(TOPICS, LEASE_S)
    complaint = commands.receive(topic, payload, retained=False)
    assert complaint
    assert complaint.isprintable()
    assert len(complaint) < 250
    assert commands.take(status(), 0.0) == []


def test_an_odd_payload_is_shown_escaped_once() -> None:
    complaint = Commands(TOPICS, LEASE_S).receive(PRESET, b"night\x1b[2J", retained=False)
    assert complaint == rf"a command makes no sense: {PRESET}: 'night\x1b[2J'"


def test_a_retained_command_is_ignored() -> None:
    commands = Commands(TOPICS, LEASE_S)
    assert "retained" in (commands.receive(FAN, b"OFF", retained=True) or "")
    assert commands.take(status(), 0.0) == []


def test_a_flood_is_as_good_as_its_end_and_is_carried_out_at_a_bounded_pace() -> None:
    commands, done = Commands(TOPICS, LEASE_S), []
    for index in range(10_000):
        now_s = index / 5000  # 2 s of it
        commands.receive(PERCENTAGE, str(index % 101).encode(), retained=False)
        done += commands.take(status(), now_s)
    done += commands.take(status(), 10.0)
    assert len(done) <= 2 / INTERVAL_S + 2
    assert done[0] == set_fan(0)
    assert done[-1] == set_fan(9_999 % 101)


def test_what_was_wanted_of_a_broker_that_is_gone_is_forgotten() -> None:
    commands = Commands(TOPICS, LEASE_S)
    commands.receive(PERCENTAGE, b"60", retained=False)
    assert commands.wake_s() < 0
    commands.forget()
    assert commands.wake_s() == float("inf")
    assert commands.take(status(), 0.0) == []


@given(st.sampled_from(TOPICS.commands), st.binary(max_size=80))
def test_whatever_comes_is_a_call_that_the_daemon_knows_or_nothing(topic: str, payload: bytes) -> None:
    commands = Commands(TOPICS, LEASE_S)
    commands.receive(topic, payload, retained=False)
    for call in commands.take(status(), 0.0):
        assert call.method in ("SetFan", "ResumeAutomatic", "SetProfile", "ResumeProfiles")
        assert 0 <= call.parameters.get("duty_percent", 0) <= 100
        assert call.parameters.get("name", "night") in ("night", "film")
