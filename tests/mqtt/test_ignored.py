"""What is said of commands that are ignored. Pure: time is an argument."""

from __future__ import annotations

from a1d.mqtt.ignored import Ignored


def test_the_first_is_said_at_once_and_more_by_their_number_once_a_minute() -> None:
    ignored = Ignored()
    assert ignored.due(0.0) is None
    assert ignored.take("hot", 10.0) == "hot (more within a minute are only counted)"
    said = [line for index in range(1, 1201) for now_s in [10 + index / 10] for line in _turn(ignored, now_s)]
    assert said == [
        "600 more ignored since; the last: hot at 70.0",
        "600 more ignored since; the last: hot at 130.0",
    ]
    assert ignored.due(1000.0) is None, "nothing more has come"
    assert ignored.take("cold", 1000.0) == "cold (more within a minute are only counted)"


def _turn(ignored: Ignored, now_s: float) -> list[str]:
    return [line for line in (ignored.take(f"hot at {now_s}", now_s), ignored.due(now_s)) if line is not None]


def test_the_number_is_said_though_nothing_more_comes() -> None:
    ignored = Ignored()
    ignored.take("hot", 0.0)
    ignored.take("hotter", 1.0)
    assert ignored.due(59.9) is None
    assert ignored.due(60.0) == "1 more ignored since; the last: hotter"
