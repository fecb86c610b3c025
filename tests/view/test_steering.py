"""What keys are, what they ask for, and what is said of the answer."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a1d.client.errors import RefusedError
from a1d.view.curves import curves_of
from a1d.view.keys import keys_of
from a1d.view.model import Model
from a1d.view.steering import Steering
from tests.client.test_words import GOOD
from tests.view.test_frame import CASE, CURVE, NOW_S


def steering(**changes: object) -> Steering:
    model = Model("/run/a1d/control.sock")
    model.take_status({"status": {**GOOD, **changes}}, NOW_S)
    model.take_case(dict(CASE))
    return Steering(model)


def asked(steering: Steering, key: str) -> tuple[str, dict[str, Any]] | None:
    request = steering.press(key)
    return None if request is None else (request.method.rpartition(".")[2], request.parameters)


@pytest.mark.parametrize(
    ("typed", "keys"),
    [
        (b"q+-", ["q", "+", "-"]),
        (b"=_", ["+", "-"]),
        (b"\x1b", ["escape"]),
        (b"\x1b[A\x1b[B\x1bOC\x1b[D", ["+", "-", ">", "<"]),
        (b"\x1b[1;5A\x1b[15~\x1b[200~", ["+"]),
        (b"\x1bq\x1b[", []),
        ("\u00e9\x00\x7f\n".encode(), []),
    ],
)
def test_what_was_typed(typed: bytes, keys: list[str]) -> None:
    assert list(keys_of(typed)) == keys


@given(st.binary(max_size=60))
def test_any_bytes_are_keys_or_nothing(typed: bytes) -> None:
    assert all(key == "escape" or (len(key) == 1 and " " <= key <= "~") for key in keys_of(typed))


@pytest.mark.parametrize(
    ("now", "key", "to"), [(34, "+", 35), (34, "-", 30), (35, "+", 40), (35, "-", 30), (100, "+", 100), (0, "-", 0)]
)
def test_the_duty_goes_by_fives(now: int, key: str, to: int) -> None:
    assert asked(steering(duty_percent=now), key) == (
        "SetFan",
        {"duty_percent": to, "for_s": None, "until_celsius": None},
    )


def test_a_key_pressed_again_does_not_wait_for_the_daemon() -> None:
    keys = steering(duty_percent=40)
    duties = []
    for _ in range(3):
        request = keys.press("+")
        assert request
        duties.append(request.parameters["duty_percent"])
    assert duties == [45, 50, 55]


def press(keys: Steering, key: str, to: int, held: int) -> str:
    request = keys.press(key)
    assert request and request.parameters["duty_percent"] == to
    return keys.answered(request, {"duty_percent": held, "overridden": None})


def test_between_0_and_the_lowest_duty_there_is_no_step() -> None:
    keys = steering(duty_percent=0)
    keys._model.curves = curves_of({"curves": [CURVE | {"duty_min_percent": 12}]})
    assert press(keys, "+", 12, 12) == "the fan is held at 12 %"
    for key, to in (("+", 15), ("-", 0), ("+", 12), ("-", 0), ("-", 0)):
        press(keys, key, to, to)
    steps = [request.parameters["duty_percent"] for key in "++-" if (request := keys.press(key))]
    assert steps == [12, 15, 0], "nor while nothing has been answered"


def test_a_daemon_that_does_not_tell_the_lowest_duty_shows_it() -> None:
    keys = steering(duty_percent=15)
    press(keys, "-", 10, 10)
    assert press(keys, "-", 5, 10) == "the fan is held at 10 %, raised from 5 %: below that it may stand still"
    press(keys, "-", 0, 0)
    press(keys, "+", 10, 10)
    press(keys, "+", 15, 15)


def test_what_is_overridden_is_not_said_to_be_held() -> None:
    keys = steering()
    request = keys.press("-")
    assert request
    said = keys.answered(request, {"duty_percent": 100, "overridden": "critical"})
    assert said == "35 % is set by hand, but not in force: critical"
    with pytest.raises(ValueError, match="duty_percent"):
        keys.answered(request, {"duty_percent": 1e9})


def test_a_refusal_says_what_to_do_and_is_forgotten() -> None:
    keys = steering(duty_percent=40)
    keys.press("+")
    assert "sudo" in keys.refused(RefusedError("org.varlink.service.PermissionDenied", {}, "no"))
    request = keys.press("+")
    assert request and request.parameters["duty_percent"] == 45


def test_automatic() -> None:
    assert asked(steering(), "a") == ("ResumeAutomatic", {})


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("d", ("Press", {"gesture": "double_press"})),
        ("h", ("Press", {"gesture": "hold"})),
        ("l", ("SetLoad", {"watts": None})),
        (">", ("SetLoad", {"watts": 6.0})),
        ("<", ("SetLoad", {"watts": 4.0})),
        ("o", ("PowerOn", {})),
    ],
)
def test_only_a_simulated_case_can_be_played_with(key: str, expected: tuple[str, dict[str, object]]) -> None:
    assert asked(steering(simulated=True), key) == expected
    assert asked(steering(simulated=False), key) is None


def test_the_load_goes_from_0_to_20() -> None:
    keys = steering(simulated=True)
    watts = [keys.press(">").parameters["watts"] for _ in range(30)]  # type: ignore[union-attr]
    assert watts[:2] == [6, 7] and watts[-1] == 20
    assert [keys.press("<").parameters["watts"] for _ in range(30)][-1] == 0  # type: ignore[union-attr]


def test_faults_are_switched_on_their_page_and_the_page_is_left() -> None:
    keys = steering(simulated=True)
    assert asked(keys, "f") is None
    assert asked(keys, "a") == ("SetFault", {"fault": "no-answer", "on": True})
    keys._model.take_case({**CASE, "faults": ["no-answer"]})
    assert asked(keys, "a") == ("SetFault", {"fault": "no-answer", "on": False})
    assert asked(keys, " ") is None
    assert keys._model.page == "main"
    assert asked(keys, "a") == ("ResumeAutomatic", {})


def test_without_a_daemon_a_key_asks_for_nothing_but_help() -> None:
    keys = steering(simulated=True)
    keys._model.lose("gone", NOW_S)
    assert [keys.press(key) for key in "+-adhlfo<>"] == [None] * 10
    keys.press("?")
    assert keys._model.page == "help"
