"""A status in words: what is checked, what is said, and that all of it is printable."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a1d.client import words
from a1d.client.words import STATUS, check, describe, one_line, printable

GOOD: dict[str, Any] = {
    "version": "1.0",
    "simulated": False,
    "uptime_s": 5.0,
    "health": {"state": "ok", "problems": [], "ages_s": []},
    "mode": "automatic",
    "duty_percent": 40,
    "duty_confirmed_percent": 40,
    "manual_percent": None,
    "manual_remaining_s": None,
    "manual_until_celsius": None,
    "profile": {"name": "night", "by_hand": False, "until": "07:00", "remaining_s": None},
    "profiles": ["night"],
    "reason": "the curve of cpu",
    "temp_celsius": 60.0,
    "sensors": [{"name": "cpu", "temp_celsius": 60.0, "age_s": 0.1, "error": None}],
    "button": {"watching": True, "double_presses": 1, "holds": 2, "pulses_ignored": 3},
    "bus_errors": 0,
    "firmware_id": 0xA2,
    "warnings": [],
}
GOOD_CURVE: dict[str, Any] = {
    "sensor": "cpu",
    "critical_celsius": 80,
    "duties_percent": list(range(20, 101)),
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.just("\x1b[2J\x7f\u202e"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text() | st.sampled_from(sorted(GOOD)), inner),
    max_leaves=8,
)


def paths(value: Any) -> list[tuple[Any, ...]]:
    """The way to each value inside ``value``."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else []
    return [(), *((key, *rest) for key, inner in items for rest in paths(inner))]


@st.composite
def tampered(draw: st.DrawFn, good: Any) -> Any:
    """``good`` with up to three values of anything in it, or without some of its keys."""
    value = copy.deepcopy(good)
    for *way, last in draw(st.lists(st.sampled_from(paths(good)[1:]), max_size=3)):
        inner = value
        for key in way:
            inner = inner[key] if isinstance(inner, dict) and key in inner else inner
        if isinstance(inner, dict):
            if draw(st.booleans()):
                inner[last] = draw(JSON)
            else:
                inner.pop(last, None)
    return value


def with_(**changes: object) -> dict[str, Any]:
    return {**GOOD, **changes}


# -- the check -------------------------------------------------------------------------------------------


def test_what_is_as_it_should_be_is_handed_on() -> None:
    assert check(GOOD, STATUS, "status") is GOOD


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "status: found None, expected dict"),
        ([], "status: found list, expected dict"),
        ({}, "status.version: found None, expected str"),
        (with_(duty_percent=1e13), "status.duty_percent: found 10000000000000.0, expected a number from 0 to 100"),
        (with_(duty_percent=float("inf")), "status.duty_percent: found inf, expected a number from 0 to 100"),
        (with_(duty_percent=True), "status.duty_percent: found True, expected a number"),
        (with_(temp_celsius="hot\x1b[2J"), "status.temp_celsius: found 'hot\\x1b[2J', expected a number from -300"),
        (with_(health={"state": "ok", "problems": "none"}), "status.health.problems: found 'none', expected list"),
        (with_(health={"state": "ok", "problems": [5]}), "status.health.problems: found 5, expected str"),
        (with_(sensors=[{"name": "x"}, {}]), "status.sensors.name: found None, expected str"),
        (with_(manual_remaining_s=1e300), "status.manual_remaining_s: found 1e+300, expected a number from 0 to 1e+09"),
        (with_(reason="x" * 1000, mode=["x" * 1000]), "status.mode: found list, expected str"),
    ],
    ids=lambda value: repr(value)[-40:],
)
def test_the_first_thing_that_is_wrong_is_named(value: object, text: str) -> None:
    with pytest.raises(ValueError, match="found") as caught:
        check(value, STATUS, "status")
    assert str(caught.value).startswith(text)
    assert len(str(caught.value)) < 200


def test_what_may_be_null_may_be_missing() -> None:
    status = check({k: v for k, v in GOOD.items() if k not in ("temp_celsius", "manual_percent")}, STATUS, "status")
    assert (status["temp_celsius"], status["manual_percent"]) == (None, None)


@pytest.mark.parametrize("where", ["name", "mode", "reason", "state", "problem"])
def test_no_text_of_a_status_steers_a_terminal(where: str) -> None:
    odd = dict.fromkeys(["name", "mode", "reason", "state"], "fine") | {where: "x\x1b[2J\x07\u202e"}
    status = with_(
        mode=odd["mode"],
        reason=odd["reason"],
        sensors=[{"name": odd["name"], "temp_celsius": 1.0, "age_s": 5.0, "error": odd["name"]}] * 2,
        health={"state": odd["state"], "problems": [odd["problem"]] if where == "problem" else [], "ages_s": None},
    )
    assert all(line.isprintable() for line in describe(status, colour=True).split("\n"))
    assert one_line(status, colour=True).isprintable()


@given(tampered(GOOD) | JSON)
def test_what_passes_the_check_can_be_said_and_printed(value: Any) -> None:
    try:
        status = check(value, STATUS, "status")
    except ValueError as error:
        assert str(error).isprintable()
        return
    assert all(line.isprintable() for line in describe(status, colour=False).split("\n"))
    assert one_line(status, colour=False).isprintable()


# -- the words ---------------------------------------------------------------------------------------------


@given(st.text())
def test_printable_text_is_left_alone_and_the_rest_is_escaped(text: str) -> None:
    assert printable(text).isprintable()
    if text.isprintable():
        assert printable(text) == text
    assert all(line.isprintable() for line in words.lines(text))


def test_escapes_look_as_in_python() -> None:
    assert printable("\x1b[31mäß\x07\u202e\ud800\x9b") == "\\x1b[31mäß\\x07\\u202e\\ud800\\x9b"


def test_a_calm_status() -> None:
    assert describe(GOOD, colour=False) == (
        "temperature  60.0 C (cpu)\n"
        "fan          40 %\n"
        "mode         automatic\n"
        "profile      night until 07:00\n"
        "because      the curve of cpu\n"
        "health       ok\n"
        "button       watched; 1 double press, 2 holds, 3 other pulses\n"
        "case         firmware 0xa2\n"
        "uptime       5 s"
    )
    assert (
        one_line(GOOD, colour=False)
        == "60.0 C (cpu)  fan 40 %  automatic, profile night until 07:00  ok  the curve of cpu"
    )


@pytest.mark.parametrize(
    ("counts", "text"),
    [
        ((0, 0, 0), "0 double presses, 0 holds, 0 other pulses"),
        ((1, 1, 1), "1 double press, 1 hold, 1 other pulse"),
        ((2, 2, 2), "2 double presses, 2 holds, 2 other pulses"),
    ],
)
def test_one_of_a_thing_and_several(counts: tuple[int, int, int], text: str) -> None:
    names = ("double_presses", "holds", "pulses_ignored")
    status = with_(button={"watching": False, **dict(zip(names, counts, strict=True))})
    assert f"\nbutton       not watched; {text}\n" in describe(status, colour=False)


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"bus_errors": 0, "firmware_id": None}, None),
        ({"bus_errors": 1, "firmware_id": None}, "1 bus error since the start"),
        ({"bus_errors": 2, "simulated": True}, "simulated, firmware 0xa2, 2 bus errors since the start"),
        ({"bus_errors": None, "firmware_id": 5}, "firmware 0x05"),
    ],
)
def test_what_is_known_of_the_case(changes: dict[str, object], line: str | None) -> None:
    said = [text.removeprefix("case").strip() for text in describe(with_(**changes), False).splitlines()]
    assert said[-2] == (line or "button       watched; 1 double press, 2 holds, 3 other pulses")


def test_a_daemon_of_an_earlier_version_is_said_as_far_as_it_goes() -> None:
    old = {key: value for key, value in GOOD.items() if key not in ("uptime_s", "bus_errors", "firmware_id")}
    old["health"] = {"state": "degraded", "problems": ["nothing answers"]}
    old["sensors"] = [{"name": "cpu", "temp_celsius": 60.0}]
    text = describe(check(copy.deepcopy(old), STATUS, "status"), colour=False)
    assert text.endswith("- nothing answers\nbutton       watched; 1 double press, 2 holds, 3 other pulses")


def test_forty_columns_break_no_word() -> None:
    reason = "cpu at 60.0 C asks for 40 %, which is the most that anybody has asked for in the last 10 s"
    problem = {
        "state": "degraded",
        "problems": ["bus: the case at 0x1a on /dev/i2c-1 does not answer"],
        "ages_s": [9.0],
    }
    status = GOOD | {"reason": reason, "health": problem}
    whole, narrow = describe(status, colour=False), describe(status, colour=False, columns=40)
    assert narrow.split() == whole.split()
    assert max(map(len, narrow.splitlines())) <= 40 < max(map(len, whole.splitlines()))
    assert "because      cpu at 60.0 C asks for 40\n             %, which is the most that\n" in narrow
    assert "\n             - bus: the case at 0x1a on\n               /dev/i2c-1 does not" in narrow
    assert describe(status, colour=False, columns=200) == whole


LOST = {"name": "cpu", "temp_celsius": 55.0, "age_s": 15.2, "error": "temp: No such device"}
FINE = {"name": "nvme", "temp_celsius": 40.0, "age_s": 0.5, "error": None}
NO_CPU = {"state": "failsafe", "problems": ["sensor cpu: temp: No such device"], "ages_s": [14.0]}


def test_a_dead_sensor_does_not_look_alive() -> None:
    status = with_(temp_celsius=None, sensors=[LOST], health=NO_CPU)
    text = describe(status, colour=False)
    assert text.startswith("temperature  cpu: lost, last 55.0 C 15 s ago\n")
    assert "\n             - sensor cpu: temp: No such device (for 14 s)\n" in text
    assert one_line(status, colour=False).startswith("cpu: lost, last 55.0 C 15 s ago  fan ")


def test_the_headline_is_of_a_sensor_that_is_alive() -> None:
    lost = {**LOST, "temp_celsius": 40.0}
    lines = describe(with_(temp_celsius=40.0, sensors=[lost, FINE], health=NO_CPU), colour=False).splitlines()
    assert lines[0] == "temperature  40.0 C (nvme)"
    assert [line for line in lines if line.startswith("sensor")] == [
        "sensor       cpu: lost, last 40.0 C 15 s ago",
        "sensor       nvme: 40.0 C",
    ]


@pytest.mark.parametrize(
    ("changes", "problems", "text"),
    [
        ({}, [], "cpu: not read, last 55.0 C 15 s ago"),
        ({"age_s": None}, ["sensor cpu: gone"], "cpu: lost, last 55.0 C"),
        ({"temp_celsius": None, "age_s": None}, ["sensor cpu: gone"], "cpu: lost, no temperature yet"),
        ({"temp_celsius": None, "error": "no drive"}, ["sensor cpu2: gone"], "cpu: not read: no drive"),
        ({"temp_celsius": None, "error": None}, [], "cpu: unknown"),
    ],
)
def test_a_sensor_without_a_reading(changes: dict[str, object], problems: list[str], text: str) -> None:
    status = with_(health={"state": "ok", "problems": problems, "ages_s": []})
    assert words.sensor(status, {**LOST, **changes}) == text


def test_a_manual_duty_that_is_not_in_force_is_said_to_be() -> None:
    status = with_(mode="manual", manual_percent=20, duty_percent=100, duty_confirmed_percent=100)
    assert "mode         manual, 20 % until 'a1d-ctl fan auto', not in force\n" in describe(status, colour=False)


def test_everything_that_may_be_unknown() -> None:
    status = with_(duty_percent=None, duty_confirmed_percent=None, temp_celsius=None, mode="manual", sensors=[])
    assert describe(status, colour=False).splitlines()[:3] == [
        "temperature  unknown",
        "fan          unknown, not confirmed by the case",
        "mode         manual, unknown until 'a1d-ctl fan auto'",
    ]


def test_what_the_case_has_not_done_yet_and_the_time_that_is_left() -> None:
    status = with_(duty_confirmed_percent=10, mode="manual", manual_percent=40, manual_remaining_s=89.6)
    text = describe(status, colour=False)
    assert "fan          40 % wanted, 10 % confirmed by the case\n" in text
    assert "fan 40 % (case 10 %)  manual" in one_line(status, colour=False)
    assert "mode         manual, 40 % for another 1m30s\n" in text


def test_a_fan_that_is_just_starting_explains_the_noise() -> None:
    text = describe(with_(duty_percent=12, duty_confirmed_percent=0), colour=False)
    expected = "12 % wanted, 0 % confirmed by the case (it starts the fan at full speed for half a second)"
    assert f"fan          {expected}\n" in text


def test_a_duty_that_ends_by_temperature_says_what_it_waits_for() -> None:
    status = with_(mode="manual", manual_percent=60, manual_until_celsius=45.0)
    assert words.mode(status) == "manual, 60 % until 45 C"
    assert words.mode({**status, "manual_remaining_s": 720.0}) == "manual, 60 % until 45 C or for another 12m"


@pytest.mark.parametrize(
    ("end", "text"),
    [
        ({}, "night"),
        ({"until": "07:00"}, "night until 07:00"),
        ({"by_hand": True}, "night until 'a1d-ctl profile auto'"),
        ({"by_hand": True, "remaining_s": 7199.6}, "night for another 2h"),
        ({"name": "\x1b", "until": "\x1b"}, "\\x1b until \\x1b"),
    ],
)
def test_a_profile_is_said_with_its_end(end: dict[str, object], text: str) -> None:
    status = with_(profile={"name": "night", "by_hand": False, "until": None, "remaining_s": None} | end)
    assert words.profile(status) == text
    assert f"\nprofile      {text}\n" in describe(status, colour=False)


def test_without_a_profile_nothing_is_said_of_one() -> None:
    assert "profile" not in describe(with_(profile=None), colour=False) + one_line(with_(profile=None), colour=False)


def test_problems_are_lines_below_health_or_one_line_instead_of_the_reason() -> None:
    status = with_(
        health={"state": "failsafe", "problems": ["one\ntwo", "three\x1b[2J"], "ages_s": [130.0]}, simulated=True
    )
    text = describe(status, colour=True)
    assert (
        "\x1b[31mfailsafe\x1b[0m\n             - one (for 2m10s)\n               two\n             - three\\x1b[2J\n"
        in text
    )
    assert "\ncase         simulated, firmware 0xa2\n" in text
    assert one_line(status, colour=False).endswith("  failsafe  one two; three\\x1b[2J")


def test_a_state_that_nobody_knows_has_no_colour() -> None:
    assert words.health(with_(health={"state": "\x1b", "problems": []}), colour=True) == "\\x1b"
