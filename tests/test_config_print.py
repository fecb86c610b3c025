"""The effective configuration as YAML: reading it back gives the same, and it explains itself."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from a1d.config import ButtonConfig, CaseConfig, Config, FanConfig, SensorConfig
from a1d.config_file import key_of, parse_config
from a1d.config_print import print_config

Strategies = dict[str, st.SearchStrategy[Any]]

names = st.text(min_size=1, max_size=64).filter(str.isprintable)
awkward_names = st.sampled_from(
    [
        "yes",
        "~",
        "1:30",
        "1e3",
        "010",
        "<<",
        "=",
        "- a",
        "a: b",
        "# a",
        " a ",
        "...",
        "---",
        "{a}",
        "'",
        '"',
        "é",
        "2024-01-01",
    ]
)
texts = awkward_names | st.text(min_size=1, max_size=20).filter(lambda text: "\0" not in text)
commands = st.lists(texts, min_size=1, max_size=4).map(tuple)
gestures = st.sampled_from(["reboot", "poweroff", "none"]) | commands
temps = st.integers(-20, 125).map(float) | st.floats(-20, 125)


@st.composite
def _curves(draw: st.DrawFn) -> tuple[tuple[float, float], ...]:
    at = sorted(draw(st.lists(temps, min_size=1, max_size=32, unique=True)))
    duties = draw(st.lists(st.integers(0, 100).map(float) | st.floats(0, 100), min_size=len(at), max_size=len(at)))
    return tuple(zip(at, sorted(duties), strict=True))


@st.composite
def _windows(draw: st.DrawFn) -> dict[str, tuple[float, float]]:
    bounds = sorted(
        draw(st.lists(st.integers(1, 500).map(float) | st.floats(1, 500), min_size=4, max_size=4, unique=True))
    )
    return {"double_press_window_ms": (bounds[0], bounds[1]), "hold_window_ms": (bounds[2], bounds[3])}


def exact(low_s: float, high_s: float) -> st.SearchStrategy[float]:
    """Any duration."""
    return st.floats(low_s, high_s)


def written(low_s: float, high_s: float) -> st.SearchStrategy[float]:
    """A duration as people write them: milliseconds or seconds, a thousandth of a second at the finest."""
    from a1d.duration import parse_duration_s

    in_ms = st.integers(round(low_s * 1000), round(high_s * 1000))
    return in_ms.map(lambda ms: parse_duration_s(f"{ms}ms")).filter(lambda s: low_s <= s <= high_s)


def _build(made_by: type[Any], strategies: Strategies) -> st.SearchStrategy[Any]:
    assert set(strategies) == {field.name for field in dataclasses.fields(made_by)}, "a setting without a strategy"
    return st.builds(made_by, **strategies)


def configs(duration: Any) -> st.SearchStrategy[Config]:
    """Any valid configuration, its durations from ``duration(low, high)``."""
    fans = _build(
        FanConfig,
        {
            "curve": _curves(),
            "interpolation": st.sampled_from(["linear", "step"]),
            "critical_celsius": st.floats(40, 100),
            "hysteresis_celsius": st.floats(0, 20),
            "hold_s": duration(0, 600),
            "duty_min_percent": st.integers(0, 100),
            "failsafe_percent": st.integers(30, 100),
            "on_stop": st.sampled_from(["keep", "failsafe"]) | st.integers(0, 100),
            "refresh_s": duration(5, 3600),
        },
    )
    sensors = _build(
        SensorConfig,
        {
            "name": awkward_names | names,
            "zone": awkward_names | names,
            "hwmon": st.none(),
            "curve": st.none() | _curves(),
            "critical_celsius": st.none() | st.floats(40, 110),
            "interval_s": st.none() | duration(0.1, 60),
            "frozen_s": st.none() | duration(0, 86400),
        },
    )
    either = st.builds(
        lambda sensor, hwmon: dataclasses.replace(sensor, zone=None, hwmon=sensor.zone) if hwmon else sensor,
        sensors,
        st.booleans(),
    )
    cases = _build(
        CaseConfig,
        {"protocol": st.sampled_from(["register", "legacy"]), "bus": st.integers(0, 99), "timeout_s": duration(0, 2)},
    )
    buttons = st.builds(
        lambda windows, **others: ButtonConfig(**windows, **others),
        windows=_windows(),
        backend=st.sampled_from(["gpiod", "gpiozero", "none"]),
        chips=commands,
        line=st.integers(0, 1023),
        double_press=gestures,
        hold=gestures,
    )
    return _build(
        Config,
        {
            "interval_s": duration(0.1, 5),
            "fan": fans,
            "sensors": st.lists(either, min_size=1, max_size=16, unique_by=lambda sensor: sensor.name).map(tuple),
            "case": cases,
            "button": buttons,
        },
    )


@given(configs(written))
@example(Config())
@example(Config(button=ButtonConfig(hold=("sh", "-c", "echo a\n---\necho b\n\n  c", "\x85\u2028\ufeff\t'\""))))
def test_what_is_printed_reads_back_the_same(config: Config) -> None:
    text = print_config(config)
    assert parse_config(text) == config
    assert print_config(parse_config(text)) == text


@given(configs(exact))
@example(Config(case=CaseConfig(timeout_s=0.0004)))
@example(Config(fan=FanConfig(hold_s=0.009)))
def test_no_duration_is_rounded(config: Config) -> None:
    assert parse_config(print_config(config)) == config


def test_the_timeout_that_means_the_kernel_s_own_is_not_printed_for_another() -> None:
    config = parse_config("case: {timeout: 0.0004}\nsensors: [{zone: a, frozen: 0.0004}]")
    again = parse_config(print_config(config))
    assert (again.case.timeout_s > 0, (again.sensors[0].frozen_s or 0) > 0) == (True, True)


@given(configs(written))
def test_any_other_yaml_reader_accepts_it(config: Config) -> None:
    data = yaml.safe_load(print_config(config))
    assert list(data) == [key_of(field) for field in dataclasses.fields(Config)]
    assert len(data["sensors"]) == len(config.sensors)


DOCUMENTED = [
    (made_by.__name__, key_of(field), field.metadata["doc"])
    for made_by in (Config, FanConfig, SensorConfig, CaseConfig, ButtonConfig)
    for field in dataclasses.fields(made_by)
]


@pytest.mark.parametrize(("section", "key", "doc"), DOCUMENTED, ids=lambda text: str(text)[:24])
def test_every_setting_is_explained(section: str, key: str, doc: str) -> None:
    comments = "\n".join(line.strip().removeprefix("# ") for line in print_config(Config()).splitlines())
    assert doc.replace("  - ", "- ").replace("\n    ", "\n") in comments.replace("  - ", "- ").replace("\n    ", "\n")


def test_a_setting_stands_right_below_its_meaning() -> None:
    lines = [line.strip() for line in print_config(Config()).splitlines()]
    for name, key, doc in DOCUMENTED:
        if name != "SensorConfig":
            last = f"# {doc.splitlines()[-1]}".strip()
            assert any(
                below.startswith(f"{key}:") for above, below in zip(lines, lines[1:], strict=False) if above == last
            )


def test_durations_are_printed_as_people_write_them() -> None:
    text = print_config(Config())
    for line in ("interval: 500ms", "  hold: 10s", "  refresh: 1m", "  timeout: 300ms"):
        assert line in text.splitlines()


def test_what_is_unset_in_a_sensor_is_left_out() -> None:
    assert "  - name: cpu\n    zone: cpu-thermal\n" in print_config(Config())
    assert "null" not in print_config(Config()).replace("or null", "")
