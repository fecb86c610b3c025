"""What is allowed and is probably not meant."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a1d.config.reader import parse_config
from a1d.config.settings import Config, FanConfig
from a1d.config.warnings import warnings_of
from a1d.errors import ConfigError
from a1d.temperature.curve import curve_of
from tests.virtual import VirtualRig


def test_the_default_deserves_none() -> None:
    assert warnings_of(Config()) == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("sensors: [{hwmon: nvme}]", ["the CPU is not among them"]),
        ("sensors: [{zone: gpu-thermal}]", ["the CPU is not among them"]),
        ("sensors: [{zone: cpu-thermal}, {hwmon: nvme}]", []),
        ("fan: {curve: {71: 30, 75: 100}}", ["fan.curve: the fan stands still up to 71 C"]),
        ("fan: {curve: {50: 0, 72: 100}}", []),  # linear: it starts right above 50
        ("fan: {interpolation: step, curve: {50: 0, 72: 100}}", ["fan.curve: the fan stands still up to 72 C"]),
        ("fan: {curve: {50: 0, 71: 0, 75: 100}}", ["fan.curve: the fan stands still up to 71 C"]),
        ("fan: {interpolation: step, curve: {50: 0}}", ["fan.curve: the fan stands still up to the critical temp"]),
        ("fan: {interpolation: step, curve: {50: 30}}", []),
        ("fan: {curve: {50: 30, 70: 30}}", ["fan.curve: never rises: all its points say 30 %"]),
        ("fan: {curve: {50: 0, 70: 0}}", ["fan.curve: never rises: all its points say 0 %"]),
        ("profiles: {night: {curve: {75: 100}}}", ["profiles.night.curve: the fan stands still up to 75 C"]),
        ("profiles: {night: {preset: quiet}}", []),
        ("sensors: [{zone: cpu-thermal, offset_celsius: -20}]", []),
        ("fan: {curve: {60: 20}}\nsensors: [{zone: cpu-thermal, offset_celsius: -11}]", ["stands still up to 71 C"]),
        ("fan: {on_stop: 0}", ["fan.on_stop: 0 leaves the fan off after a stop"]),
        ("fan: {on_stop: 1}", []),
        ("sensors: [{hwmon: cpu_thermal}]", []),  # the same sensor by its other name
        ("fan: {curve: {70: 100}}", []),
        ("fan: {curve: {50: 0}}", []),  # linear up to critical
        ("sensors: [{zone: cpu-thermal}, {hwmon: nvme, curve: {75: 100}}]", ["sensors[1].curve"]),
        ("fan: {curve: {75: 100}}\nsensors: [{zone: cpu-thermal, curve: {50: 20}}]", []),  # a curve that nobody uses
        ("fan: {max_percent: 0}", ["fan.max_percent: 0: the fan stands still up to 72 C"]),
        ("fan: {max_percent: 0, yield_celsius: 70}", []),
        ("fan: {max_percent: 0, yield_celsius: 90}", ["fan.max_percent: 0: the fan stands still up to 76 C"]),
        ("fan: {max_percent: 0, yield_celsius: 90, critical_celsius: 74}", []),
        ("fan: {max_percent: 1}", []),
        ("profiles: {night: {max_percent: 0}}", ["profiles.night.max_percent: 0: the fan stands still up to 72 C"]),
        ("profiles: {night: {max_percent: 40}}", []),
        ("fan: {hold: 0}", ["fan.hold: 0"]),
        ("fan: {hold: 1ms}", []),
        ("fan: {hold: 0, curve: {75: 100}}\nsensors: [{hwmon: nvme}]", ["CPU", "fan.curve", "fan.hold"]),
    ],
)
def test_what_deserves_a_second_look(text: str, words: list[str]) -> None:
    found = warnings_of(parse_config(text))
    assert len(found) == len(words)
    assert [word for word, warning in zip(words, found, strict=True) if word not in warning] == []
    assert all(warning.isprintable() for warning in found)


@given(yield_celsius=st.floats(40, 100), critical_celsius=st.floats(50, 100))
def test_a_cap_of_0_is_warned_of_where_the_fan_stands_still_above_70_c(
    yield_celsius: float, critical_celsius: float
) -> None:
    fan = FanConfig(
        max_percent=0, yield_celsius=yield_celsius, critical_celsius=critical_celsius, curve=((20.0, 100.0),)
    )
    config = Config(fan=fan)
    curve = curve_of(config, config.sensors[0])
    if curve.duty_percent(70.0) or curve.duty_percent(70.01):
        assert warnings_of(config) == []
    elif curve.duty_percent(70.1) == 0:
        assert ["fan.max_percent: 0" in warning for warning in warnings_of(config)] == [True]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("sensors: [{hwmon: /sys/class/hwmon/hwmon3/temp1_input}]", "sensors[0].hwmon.*not a path.*'name'.*nvme"),
        ("sensors: [{zone: thermal_zone0/temp}]", "sensors[0].zone.*not a path.*'type'.*cpu-thermal"),
        ("sensors: [{zone: cpu-thermal, optional: true}]", "sensors[0].optional.*only hwmon"),
        ("sensors: [{zone: cpu-thermal, interval: 61s}]", "sensors[0].interval.*1m for a zone"),
        ("sensors: [{hwmon: nvme, interval: 61m}]", "sensors[0].interval.*1h"),
    ],
)
def test_what_fits_only_one_kind_of_sensor_is_an_error(text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words.replace("[", r"\[")):
        parse_config(text)


def test_a_drive_may_be_read_once_an_hour_and_be_absent() -> None:
    (drive,) = parse_config("sensors: [{hwmon: drivetemp, interval: 1h, optional: true}]").sensors
    assert (drive.interval_s, drive.optional) == (3600, True)


def test_warnings_are_logged_and_in_the_status_and_health_does_not_suffer(rig: VirtualRig) -> None:
    assert rig.daemon.status()["warnings"] == []
    rig.read_config = lambda: parse_config("fan: {hold: 0}")
    rig.log_lines.clear()
    rig.reload()
    rig.run(5)
    (warning,) = rig.daemon.status()["warnings"]
    assert f"a1d: warning: configuration: {warning}" in rig.log_lines
    assert rig.daemon.health.state == "ok"
    rig.read_config = Config
    rig.reload()
    assert rig.daemon.status()["warnings"] == []
