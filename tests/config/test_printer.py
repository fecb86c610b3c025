"""The effective configuration as YAML: reading it back gives the same, and it explains itself."""

from __future__ import annotations

import dataclasses
import re
from itertools import pairwise
from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from a1d.config.kinds import duration
from a1d.config.printer import meaning_of, print_config
from a1d.config.reader import parse_config
from a1d.config.settings import (
    PRESETS,
    ButtonConfig,
    CaseConfig,
    Config,
    FanConfig,
    ProfileConfig,
    SensorConfig,
    key_of,
)

Strategies = dict[str, st.SearchStrategy[Any]]

# No path: a zone and an hwmon device have names.
names = st.text(min_size=1, max_size=64).filter(lambda text: text.isprintable() and "/" not in text)
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
    at = sorted(draw(st.lists(temps, min_size=1, max_size=6, unique=True)))
    duties = draw(st.lists(st.integers(0, 100).map(float) | st.floats(0, 100), min_size=len(at), max_size=len(at)))
    return tuple(zip(at, sorted(duties), strict=True))


@st.composite
def _windows(draw: st.DrawFn) -> dict[str, tuple[float, float]]:
    bounds = sorted(
        draw(st.lists(st.integers(1, 500).map(float) | st.floats(1, 500), min_size=4, max_size=4, unique=True))
    )
    return {"double_press_window_ms": (bounds[0], bounds[1]), "hold_window_ms": (bounds[2], bounds[3])}


def durations(low_s: float, high_s: float) -> st.SearchStrategy[Any]:
    """As people write them, and any other, as the daemon takes them."""
    in_ms = st.integers(round(low_s * 1000), round(high_s * 1000)).map(lambda ms: f"{ms}ms")
    return (in_ms | st.floats(low_s, high_s)).map(duration(low_s, high_s).convert)


def _build(made_by: type[Any], strategies: Strategies) -> st.SearchStrategy[Any]:
    assert set(strategies) == {field.name for field in dataclasses.fields(made_by)}, "a setting without a strategy"
    return st.builds(made_by, **strategies)


def configs() -> st.SearchStrategy[Config]:
    """Any valid configuration that differs from the default in one section; sections know nothing of each other."""
    fans = _build(
        FanConfig,
        {
            "preset": st.sampled_from(list(PRESETS)),
            "curve": st.sampled_from([preset["curve"] for preset in PRESETS.values()]) | _curves(),
            "mode": st.sampled_from(["curve", "target"]),
            "target_celsius": st.floats(40, 70),
            "interpolation": st.sampled_from(["linear", "step"]),
            "critical_celsius": st.floats(40, 100),
            "hysteresis_celsius": st.floats(0, 20),
            "hold_s": durations(0, 600) | st.just(60.0),
            "rise_s": durations(0, 60) | st.sampled_from([10.0, 20.0, 30.0]),
            "duty_min_percent": st.integers(0, 100),
            "max_percent": st.integers(0, 100),
            "yield_celsius": st.floats(40, 100),
            "failsafe_percent": st.integers(30, 100),
            "on_stop": st.sampled_from(["keep", "failsafe"]) | st.integers(0, 100),
            "refresh_s": durations(5, 3600),
        },
    )
    profiles = _build(
        ProfileConfig,
        {
            "preset": st.none() | st.sampled_from(list(PRESETS)),
            "curve": st.none() | _curves(),
            "mode": st.none() | st.sampled_from(["curve", "target"]),
            "target_celsius": st.none() | st.floats(40, 70),
            "interpolation": st.none() | st.sampled_from(["linear", "step"]),
            "hysteresis_celsius": st.none() | st.floats(0, 20),
            "hold_s": st.none() | durations(0, 600),
            "rise_s": st.none() | durations(0, 60),
            "max_percent": st.none() | st.integers(0, 100),
            "from_minute": st.integers(0, 1439),
            "to_minute": st.integers(0, 1439),
        },
    )
    profile_names = st.from_regex(r"[A-Za-z][A-Za-z0-9_-]{0,31}", fullmatch=True) | st.sampled_from(["null", "yes"])
    sensors = _build(
        SensorConfig,
        {
            "name": awkward_names | names,
            "zone": awkward_names | names.filter(lambda text: "/" not in text),
            "hwmon": st.none(),
            "curve": st.none() | _curves(),
            "critical_celsius": st.none() | st.floats(40, 110),
            "offset_celsius": st.none() | st.floats(-20, 20),
            "interval_s": st.none() | durations(0.1, 60),
            "optional": st.just(False),
            "frozen_s": st.none() | durations(0, 86400),
        },
    )
    either = st.builds(
        lambda sensor, hwmon: dataclasses.replace(sensor, zone=None, hwmon=sensor.zone) if hwmon else sensor,
        sensors,
        st.booleans(),
    )
    cases = _build(
        CaseConfig,
        {"protocol": st.sampled_from(["register", "legacy"]), "bus": st.integers(0, 99), "timeout_s": durations(0, 1)},
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
    sections: Strategies = {
        "interval_s": durations(0.1, 5),
        "log_level": st.sampled_from(["info", "debug"]),
        "fan": fans,
        "profiles": st.dictionaries(
            profile_names.filter(lambda name: name not in ("auto", "none")), profiles, max_size=3
        ).map(lambda chosen: tuple(chosen.items())),
        "sensors": st.lists(either, min_size=1, max_size=3, unique_by=lambda sensor: sensor.name).map(tuple),
        "case": cases,
        "button": buttons,
    }
    assert set(sections) == {field.name for field in dataclasses.fields(Config)}
    return st.one_of([st.builds(Config, **{name: strategy}) for name, strategy in sections.items()])


@given(configs())
@example(Config())
@example(Config(button=ButtonConfig(hold=("sh", "-c", "echo a\n---\necho b\n\n  c", "\u2028\ufeff\t'\""))))
@example(Config(button=ButtonConfig(hold=("\x85",))))
@example(Config(interval_s=1.876))
@example(Config(sensors=(SensorConfig(zone="cpu-thermal", frozen_s=0.0),)))
@example(Config(fan=FanConfig(hold_s=0.009)))
@example(Config(fan=FanConfig(hysteresis_celsius=1.5e-20)))
def test_what_is_printed_reads_back_the_same(config: Config) -> None:
    text = print_config(config)
    assert parse_config(text) == config
    assert print_config(parse_config(text)) == text


def test_the_timeout_that_means_the_kernel_s_own_is_not_printed_for_another() -> None:
    config = parse_config("case: {timeout: 0.0004}\nsensors: [{zone: a, frozen: 0.0004}]")
    again = parse_config(print_config(config))
    assert (again.case.timeout_s > 0, (again.sensors[0].frozen_s or 0) > 0) == (True, True)


@settings(max_examples=20)
@given(configs())
def test_any_other_yaml_reader_accepts_it(config: Config) -> None:
    data = yaml.safe_load(print_config(config))
    assert list(data) == [key_of(field) for field in dataclasses.fields(Config)]
    assert len(data["sensors"]) == len(config.sensors)


OPTIONS = [
    (made_by, key_of(field), meaning_of(field).splitlines())
    for made_by in (Config, FanConfig, SensorConfig, CaseConfig, ButtonConfig)
    for field in dataclasses.fields(made_by)
]


def _lines(config: Config) -> list[str]:
    return [line.strip() for line in print_config(config).splitlines()]


@pytest.mark.parametrize(("made_by", "key", "doc"), OPTIONS, ids=lambda part: getattr(part, "__name__", None))
def test_every_setting_is_explained(made_by: type[Any], key: str, doc: list[str]) -> None:
    said = "\n".join(_lines(Config()))
    for line in doc:
        assert line.strip() in said


def test_a_setting_stands_right_below_its_meaning() -> None:
    pairs = set(pairwise(_lines(Config())))
    for made_by, key, doc in OPTIONS:
        if made_by is not SensorConfig and key not in ("fan", "sensors", "case", "button"):
            last = f"# {doc[-1]}".strip()
            assert any(above == last and below.lstrip("# ").startswith(f"{key}:") for above, below in pairs)


def test_a_setting_says_its_range_and_no_row_of_the_hardware_s_document() -> None:
    text = print_config(Config())
    for words in (
        "is raised to this. Range: 0 to 100.",
        "looks at the temperature. Range: 100ms to 5s.",
        "without one, fan.critical_celsius. Range: 40 to 110.",
        "is a hold. Range: 1 to 500.",
    ):
        assert words in text
    assert text.count("Range: ") == len([None for made_by, key, doc in OPTIONS if "Range: " in doc[-1]]) > 20
    assert not re.search(r"\b[A-Z]\d{1,2}\)", text)


def test_a_preset_written_into_the_printed_configuration_takes_effect() -> None:
    text = print_config(Config(fan=FanConfig(hold_s=7.0)))
    changed = parse_config(text.replace("preset: balanced", "preset: quiet"))
    assert changed.fan == FanConfig(preset="quiet", **{**PRESETS["quiet"], "hold_s": 7.0})


@pytest.mark.parametrize("written", ["500ms", "5s", "5.5s", "1m", "1m30s", "59m59s", "1h"])
def test_durations_are_printed_as_people_write_them(written: str) -> None:
    config = parse_config(f"sensors: [{{zone: a, frozen: {written}}}]")
    assert f"frozen: {written}" in [line.replace('"', "") for line in _lines(config)]


def test_what_is_unset_in_a_sensor_is_left_out() -> None:
    assert "  - name: cpu\n    zone: cpu-thermal\n" in print_config(Config())
    assert "null" not in print_config(Config()).replace("or null", "")
