"""The frame fits its size exactly whatever is known, and says what matters at every size."""

from __future__ import annotations

import contextlib
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a1d.client.faults import FAULTS
from a1d.sim.case import FanFault, SensorFault
from a1d.sim.mcu import BusFault
from a1d.view.curves import curves_of
from a1d.view.frame import COLUMNS_MIN, ROWS_MIN, frame
from a1d.view.model import STALE_S, Model
from a1d.view.text import line_width
from tests.client.test_words import GOOD, tampered

CASE: dict[str, Any] = {
    "fan_percent": 40,
    "chip_celsius": 60.2,
    "watts": 4.6,
    "power_cut_s": None,
    "powered": [],
    "faults": [],
}
CURVE: dict[str, Any] = {
    "sensor": "cpu",
    "critical_celsius": 80,
    "target_celsius": None,
    "points": [{"temp_celsius": 50, "duty_percent": 10}, {"temp_celsius": 70, "duty_percent": 100}],
    "duties_percent": [0] * 30 + [10 + 5 * n for n in range(18)] + [100] * 33,
}
NOW_S = 1000.0


def known(**changes: object) -> Model:
    model = Model("/run/a1d/control.sock")
    model.take_status({"status": {**GOOD, "simulated": False, **changes}}, NOW_S)
    model.curves = curves_of({"curves": [CURVE]})
    return model


def text_of(model: Model, columns: int = 80, rows: int = 24, now_s: float = NOW_S, *, unicode: bool = True) -> str:
    lines = frame(model, columns, rows, now_s, time_text="09:12:44", unicode=unicode)
    return "\n".join("".join(text for _style, text in line) for line in lines)


@given(
    status=tampered(GOOD),
    curve=tampered(CURVE),
    case=tampered(CASE) | st.none(),
    log=st.lists(st.text(), max_size=12),
    size=st.tuples(st.integers(1, 240), st.integers(1, 80)),
    page=st.sampled_from(["main", "help", "faults"]),
    unicode=st.booleans(),
    late_s=st.floats(0, 1e7),
    data=st.data(),
)
def test_every_frame_fits_its_size_exactly(
    status: Any,
    curve: Any,
    case: Any,
    log: list[str],
    size: tuple[int, int],
    page: str,
    unicode: bool,
    late_s: float,
    data: st.DataObject,
) -> None:
    model = Model("/run/\x1b[2J\u4e2d\u6587/control.sock")
    with contextlib.suppress(ValueError):  # refused, as the view would
        model.take_status({"status": status}, NOW_S)
    with contextlib.suppress(ValueError):
        model.curves = curves_of({"curves": [curve]})
    with contextlib.suppress(ValueError):
        model.take_case(case)
    for line in log:
        model.add_log(line)
    model.keeps_log, model.page = bool(log), page
    if data.draw(st.booleans()):
        model.lose(data.draw(st.text()), NOW_S)
    if data.draw(st.booleans()):
        model.say(data.draw(st.text()), NOW_S)
    columns, rows = size
    lines = frame(model, columns, rows, NOW_S + late_s, time_text="09:12:44", unicode=unicode)
    assert len(lines) == rows
    assert [line_width(line) for line in lines] == [columns] * rows
    shown = "".join(text for line in lines for _style, text in line)
    assert shown.isprintable() or shown == ""
    assert unicode or shown.isascii()


@pytest.mark.parametrize("size", [(40, 10), (80, 24), (200, 60), (40, 60), (200, 10)])
def test_the_numbers_and_the_reason_are_at_the_top_at_every_size(size: tuple[int, int]) -> None:
    top = text_of(known(profile=None), *size).splitlines()[:5]
    assert any("60.0 C  fan 40 %  ok  automatic" in line for line in top)
    assert any("because the curve of cpu" in line for line in top)


@pytest.mark.parametrize("size", [(40, 10), (80, 24)])
def test_problems_are_said_at_every_size_and_how_many_more_there_are(size: tuple[int, int]) -> None:
    problems = [f"problem {index}" for index in range(9)]
    text = text_of(known(health={"state": "degraded", "problems": problems, "ages_s": [61.0] * 9}), *size)
    assert "degraded" in text
    rows_for = max(1, size[1] // 6)
    assert f"(+{9 - rows_for}) ! problem {rows_for - 1} (for 1m1s)" in text


@pytest.mark.parametrize("rows", [24, 54, 60, 90, 200])
def test_more_warnings_than_there_is_room_for_are_counted(rows: int) -> None:
    model = known(warnings=[f"warning {number}" for number in range(40)])
    assert f"(+{40 - rows // 6}) - warning {rows // 6 - 1}" in text_of(model, 80, rows)


@pytest.mark.parametrize("gone", [False, True])
def test_nothing_that_comes_in_is_shown_unprintable(gone: bool) -> None:
    evil = "\x1b[2J\x9b\u202e\r"
    model = known(
        simulated=True,
        reason=evil,
        mode="manual" + evil,
        health={"state": evil, "problems": [evil] * 2},
        sensors=[{"name": evil, "temp_celsius": 50.0, "age_s": 1, "error": error} for error in (None, evil)],
        profile={"name": evil, "by_hand": False, "until": evil, "remaining_s": None},
        warnings=[evil],
        version=evil,
    )
    model.curves = curves_of({"curves": [{**CURVE, "sensor": evil}]})
    model.take_case({**CASE, "powered": [evil], "faults": [evil]})
    model.keeps_log = True
    model.add_log(evil)
    model.say(evil, NOW_S)
    if gone:
        model.lose(evil, NOW_S)
    text = text_of(model, 200, 60)
    assert text.replace("\n", "").isprintable()
    assert text.count("\\x1b[2J") >= (3 if gone else 10)


def test_target_and_confirmed_are_told_apart() -> None:
    assert "fan 40 % (case at 30 %)" in text_of(known(duty_confirmed_percent=30))
    assert "fan 40 % (unconfirmed)" in text_of(known(duty_confirmed_percent=None))
    assert "case at" not in text_of(known())


def test_at_forty_columns_no_key_and_no_time_is_cut() -> None:
    text = text_of(known(simulated=True, uptime_s=3599), columns=40)
    assert text.splitlines()[0].rstrip() == " a1d on a simulated case  09:12:44"
    for key in ("q quit", "? help", "d double press", "l load auto", "f faults"):
        assert re.search(rf" {re.escape(key)}( |$)", text, re.MULTILINE), key
    assert "\u2026" not in "".join(text.splitlines()[-3:])


def test_a_dead_sensor_does_not_look_alive() -> None:
    dead = {"name": "cpu", "temp_celsius": 55.0, "age_s": 15.0, "error": "it is gone"}
    text = text_of(known(sensors=[dead], temp_celsius=None))
    assert "cpu lost, last 55.0 C 15 s ago" in text
    assert " unknown  fan" in text


def test_the_headline_says_whose_temperature_it_is() -> None:
    nvme = {"name": "nvme", "temp_celsius": 70.0, "age_s": 0.1, "error": None}
    assert " nvme 70.0 C  fan" in text_of(known(sensors=[*GOOD["sensors"], nvme], temp_celsius=70.0))


def test_an_old_status_and_a_lost_daemon_are_not_shown_as_if_they_were_true() -> None:
    model = known()
    assert "no news" not in text_of(model, now_s=NOW_S + STALE_S - 1)
    assert "no news for 9 s: the above is old" in text_of(model, now_s=NOW_S + 9)
    model.lose("the daemon at /run/a1d/control.sock has gone away", NOW_S)
    text = text_of(model, now_s=NOW_S + 12)
    assert "NO DAEMON for 12 s, waiting for it" in text and "has gone away" in text
    assert "60.0 C  fan" not in text
    model.take_status({"status": dict(GOOD)}, NOW_S + 13)
    assert "NO DAEMON" not in text_of(model, now_s=NOW_S + 13)


def test_the_simulated_case_says_when_the_power_goes_and_how_to_go_on() -> None:
    model = known(simulated=True)
    model.take_case({**CASE, "faults": ["no-answer"]})
    assert "case    no-answer; 4.6 W in, chip 60.2 C, fan turns at 40 %" in text_of(model)
    model.take_case({**CASE, "power_cut_s": 3.2})
    assert "POWER IS CUT IN 3 s" in text_of(model, 40, 10)
    model.take_case({**CASE, "power_cut_s": -1})
    assert "POWER IS CUT, o: on again" in text_of(model, 40, 10)


def test_the_keys_of_a_simulated_case_are_there_only_with_one() -> None:
    assert "d double press" not in text_of(known())
    assert "d double press" in text_of(known(simulated=True))
    model = known(simulated=True)
    model.page = "help"
    assert "power on" in text_of(model, 40, 10) and "Keys" in text_of(model)


def test_the_operating_point_lies_on_the_curve() -> None:
    lines = text_of(known()).splitlines()
    [marked] = [line for line in lines if "\u25cf" in line]
    assert "O" in text_of(known(), unicode=False)
    assert marked.index("\u25cf") > 40, "in the panel of the curve"


def test_too_small_a_terminal_gets_a_sentence() -> None:
    assert "a1d-ctl top needs 40x10" in text_of(known(), COLUMNS_MIN - 1, ROWS_MIN).replace("\n", "")
    assert "60.0 C" in text_of(known(), COLUMNS_MIN, ROWS_MIN)


def test_the_page_of_faults_has_every_fault_of_the_simulation_and_says_which_are_on() -> None:
    kinds = (BusFault, SensorFault, FanFault)
    assert set(FAULTS) == {fault.value for kind in kinds for fault in kind} | {"reset-mcu"}
    model = known(simulated=True)
    model.take_case({**CASE, "faults": ["no-bus"]})
    model.page = "faults"
    for size in ((40, 10), (80, 24)):
        text = text_of(model, *size)
        assert all(name in text for name in FAULTS)
        assert "g*no-bus" in text and text.count("*") == 2
