"""What is published: pure, from a status and the time."""

from __future__ import annotations

import copy
import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a1d.client.words import check
from a1d.mqtt import states
from a1d.mqtt.bridge import Bridge, Message
from a1d.mqtt.topics import Device, Topics, slugs_of
from tests.client.test_words import GOOD, tampered

TOPICS = Topics("a1d", "homeassistant", "test")
DEVICE = Device("test", "Attic")


def status(**changes: Any) -> dict[str, Any]:
    good = copy.deepcopy(GOOD) | {"profile": None, "profiles": ["night", "film"]} | changes
    return dict(check(good, states.SHAPE, "status"))


def sensor(name: str, **changes: object) -> dict[str, object]:
    return {"name": name, "temp_celsius": 60.0, "age_s": 0.1, "error": None} | changes


def make(*, steering: bool = True) -> Bridge:
    return Bridge(TOPICS, DEVICE, steering=steering, interval_s=10.0)


def told(messages: list[Message]) -> dict[str, str]:
    return {message.topic: message.payload for message in messages}


def after(*statuses: dict[str, Any], steering: bool = True) -> dict[str, str]:
    """What is on the broker then."""
    bridge = make(steering=steering)
    there: dict[str, str] = {}
    for now_s, each in enumerate(statuses):
        bridge.take(each)
        there |= told(bridge.messages(100.0 * now_s))
    return there


def test_a_profile_that_cannot_be_sent_is_none() -> None:
    odd = "\ud800"  # JSON can hold it, MQTT cannot
    profile = {"name": odd, "by_hand": True, "until": None, "remaining_s": None}
    there = after(status(profile=profile, profiles=[odd, "night"]))
    assert there[TOPICS.fan_preset] == "-"
    assert all(text.encode() for text in there.values())


# -- changes ---------------------------------------------------------------------------------------


def test_only_what_has_changed_is_published() -> None:
    bridge = make()
    bridge.take(status())
    assert len(bridge.messages(0.0)) > 8
    assert bridge.messages(20.0) == []
    bridge.take(status(duty_percent=45, reason="another", uptime_s=9.0))
    assert told(bridge.messages(40.0)) == {TOPICS.fan_percentage: "45", TOPICS.duty: "45"}


def test_it_is_said_to_be_available_once_its_state_is_there() -> None:
    bridge = make()
    bridge.take(status())
    messages = bridge.messages(0.0)
    assert messages[0].topic == TOPICS.discovery
    assert messages[-1] == Message(TOPICS.availability, "online")
    assert all(message.retain for message in messages)


def test_before_the_daemon_answers_and_when_it_has_gone_it_is_unavailable() -> None:
    bridge = make()
    assert bridge.messages(0.0) == [Message(TOPICS.availability, "offline")]
    bridge.take(status())
    assert told(bridge.messages(1.0))[TOPICS.availability] == "online"
    bridge.daemon_gone()
    assert bridge.messages(2.0) == [Message(TOPICS.availability, "offline")]
    assert bridge.messages(3.0) == []


def test_when_home_assistant_has_started_everything_is_published_again() -> None:
    bridge = make()
    bridge.take(status())
    first = bridge.messages(0.0)
    bridge.publish_all()
    assert bridge.messages(1.0) == first


def test_temperatures_wait_and_nothing_else_does() -> None:
    bridge = make()
    bridge.take(status(sensors=[sensor("cpu", temp_celsius=60.04)]))
    assert told(bridge.messages(0.0))[TOPICS.temperature("cpu")] == "60.0"
    later = status(duty_percent=99, sensors=[sensor("cpu", temp_celsius=71.25)])
    bridge.take(later)
    assert told(bridge.messages(5.0)).keys() == {TOPICS.duty, TOPICS.fan_percentage}
    bridge.take(later)
    assert told(bridge.messages(10.0)) == {TOPICS.temperature("cpu"): "71.2"}
    bridge.take(status(duty_percent=99, sensors=[sensor("cpu", temp_celsius=71.24)]))
    assert bridge.messages(30.0) == [], "rounded, it is the same"


def test_that_a_temperature_is_lost_or_found_does_not_wait() -> None:
    bridge = make()
    bridge.take(status())
    bridge.messages(0.0)
    bridge.take(status(sensors=[sensor("cpu", error="frozen")]))
    assert told(bridge.messages(1.0)) == {TOPICS.temperature("cpu"): "None"}
    bridge.take(status(sensors=[sensor("cpu", temp_celsius=50.0)]))
    assert told(bridge.messages(2.0)) == {TOPICS.temperature("cpu"): "50.0"}


# -- the fan -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "state", "percentage", "preset"),
    [
        ({"duty_percent": 0}, "ON", "0", "auto"),  # cool: it is not off, it will go on by itself
        ({"duty_percent": 30}, "ON", "30", "auto"),
        ({"duty_percent": None}, "ON", "None", "auto"),
        ({"duty_percent": 60, "mode": "manual", "manual_percent": 60}, "ON", "60", "-"),
        ({"duty_percent": 0, "mode": "manual", "manual_percent": 0}, "OFF", "0", "-"),
        # An emergency beats a hand that has stopped it, and that is seen.
        ({"duty_percent": 100, "mode": "manual", "manual_percent": 0}, "ON", "100", "-"),
        ({"profile": {"name": "night", "by_hand": False}}, "ON", "40", "auto"),
        ({"profile": {"name": "night", "by_hand": True}}, "ON", "40", "night"),
        ({"profile": {"name": "none", "by_hand": True}}, "ON", "40", "-"),
    ],
)
def test_the_fan_is_off_only_by_hand(changes: dict[str, Any], state: str, percentage: str, preset: str) -> None:
    there = after(status(**changes))
    assert (there[TOPICS.fan_state], there[TOPICS.fan_percentage], there[TOPICS.fan_preset]) == (
        state,
        percentage,
        preset,
    )


def test_after_a_command_the_fan_is_published_even_if_nothing_came_of_it() -> None:
    bridge = make()
    bridge.take(status())
    bridge.messages(0.0)
    bridge.publish_fan()
    assert told(bridge.messages(1.0)).keys() == {TOPICS.fan_state, TOPICS.fan_percentage, TOPICS.fan_preset}


def test_health_has_its_texts() -> None:
    problems = ["no temperature from cpu", "a\x1b[2Jb", "x" * 999]
    there = after(status(health={"state": "failsafe", "problems": problems}))
    assert there[TOPICS.problem] == "ON"
    attributes = json.loads(there[TOPICS.problem_attributes])
    assert attributes == {"health": "failsafe", "problems": [problems[0], "a\\x1b[2Jb", "x" * 200]}
    assert after(status())[TOPICS.problem] == "OFF"


# -- the button --------------------------------------------------------------------------------------


def presses(double: int, holds: int = 0) -> dict[str, Any]:
    return status(button={"watching": True, "double_presses": double, "holds": holds, "pulses_ignored": 0})


def events(messages: list[Message]) -> list[str]:
    found = [message for message in messages if message.topic == TOPICS.button]
    assert not any(message.retain for message in found), "it would be pressed again whenever somebody subscribes"
    return [json.loads(message.payload)["event_type"] for message in found]


def test_a_press_is_an_event_once() -> None:
    bridge = make()
    bridge.take(presses(3))
    assert events(bridge.messages(0.0)) == [], "pressed before we looked"
    bridge.take(presses(4, 1))
    assert events(bridge.messages(1.0)) == ["double_press", "hold"]
    assert events(bridge.messages(2.0)) == []


def test_a_daemon_that_has_started_anew_has_not_been_pressed() -> None:
    bridge = make()
    bridge.take(presses(3))
    bridge.take(presses(0))
    assert events(bridge.messages(0.0)) == []
    bridge.daemon_gone()
    bridge.take(presses(2))
    assert events(bridge.messages(1.0)) == []
    bridge.take(presses(3))
    assert events(bridge.messages(2.0)) == ["double_press"]


def test_what_was_pressed_while_the_broker_was_away_is_history() -> None:
    bridge = make()
    bridge.take(presses(0))
    for count in range(1, 50):
        bridge.take(presses(count))
    assert len(bridge._events) <= 8
    bridge.publish_all()
    assert events(bridge.messages(0.0)) == []


# -- the document ------------------------------------------------------------------------------------


def components(*statuses: dict[str, Any], steering: bool = True) -> dict[str, Any]:
    made = json.loads(after(*statuses, steering=steering)[TOPICS.discovery])
    assert made["device"]["name"] == "Attic"
    assert made["origin"]["name"] == "a1d"
    assert made["availability_topic"] == TOPICS.availability
    found: dict[str, Any] = made["components"]
    return found


@pytest.mark.parametrize(("simulated", "model"), [(False, "ARGON ONE V3"), (True, "ARGON ONE V3 (simulated)")])
def test_a_simulated_case_is_not_announced_as_a_real_one(simulated: bool, model: str) -> None:
    made = json.loads(after(status(simulated=not simulated), status(simulated=simulated))[TOPICS.discovery])
    assert made["device"]["model"] == model


def test_home_assistant_finds_every_component() -> None:
    found = components(status(sensors=[sensor("cpu"), sensor("NVMe 1")]))
    assert {key: component["platform"] for key, component in found.items()} == {
        "duty": "sensor",
        "problem": "binary_sensor",
        "button": "event",
        "temperature_cpu": "sensor",
        "temperature_nvme_1": "sensor",
        "fan": "fan",
        "resume": "button",
    }
    assert {component["unique_id"] for component in found.values()} == {f"a1d_test_{key}" for key in found}
    assert found["fan"]["preset_modes"] == ["auto", "night", "film"]


def test_every_topic_that_is_read_from_is_published() -> None:
    there = after(status())
    for component in components(status()).values():
        for key, topic in component.items():
            if key.endswith("state_topic") and component["platform"] != "event":
                assert topic in there
            elif key.endswith("command_topic"):
                assert topic in TOPICS.commands


def test_read_only_has_nothing_to_steer_with() -> None:
    found = components(status(), steering=False)
    assert not any("command_topic" in key for component in found.values() for key in component)
    # What an earlier configuration had brought goes away.
    assert (found["fan"], found["resume"]) == ({"platform": "fan"}, {"platform": "button"})


def test_a_sensor_that_is_configured_no_more_is_removed() -> None:
    found = components(status(sensors=[sensor("cpu"), sensor("nvme")]), status(sensors=[sensor("cpu")]))
    assert found["temperature_nvme"] == {"platform": "sensor"}
    assert found["temperature_cpu"]["unique_id"]


def test_a_daemon_that_tells_no_profiles_has_auto() -> None:
    told = status()
    del told["profiles"]
    assert components(dict(check(told, states.SHAPE, "status")))["fan"]["preset_modes"] == ["auto"]


def test_what_is_retained_whatever_sensors_there_are_can_be_named() -> None:
    there = after(status(sensors=[sensor("cpu")]))
    assert set(TOPICS.always_retained) == there.keys() - {TOPICS.temperature("cpu")}
    assert TOPICS.always_retained[0] == TOPICS.discovery


@given(st.lists(st.text(), max_size=8))
def test_each_name_has_a_slug_of_its_own(names: list[str]) -> None:
    slugs = slugs_of(names)
    assert slugs.keys() == set(names)
    assert len(set(slugs.values())) == len(slugs)
    assert all(re.fullmatch("[a-z0-9_]{1,40}", slug) for slug in slugs.values())


@given(tampered(status()))
def test_whatever_a_daemon_answers_the_messages_are_sound_or_it_is_refused(answer: Any) -> None:
    try:
        checked = check(answer, states.SHAPE, "status")
    except ValueError:
        return
    bridge = make()
    bridge.take(checked)
    for message in bridge.messages(0.0):
        assert not re.search("[+#\0]", message.topic)
        assert message.payload
        message.payload.encode()
        assert len(message.payload) < 50_000
