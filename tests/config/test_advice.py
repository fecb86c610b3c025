"""What is advised instead of a value that cannot be taken: the reader takes it, for the same key."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from a1d.config.reader import parse_config
from a1d.config.section import parse_section
from a1d.errors import ConfigError
from a1d.mqtt.settings import MqttConfig
from tests.config.test_reader import OPTIONS, Option

ADVICE = re.compile(
    r"; (?:write|did you mean)(?: it in Celsius:| a command as a list:| it as a list:)? (.+?)"
    r"(?:\?|, with.*| if (?:you mean milliseconds|that is Fahrenheit))?$"
)
UNITS = [
    "",
    "%",
    " %",
    "C",
    "°C",
    "F",
    "ms",
    " msec",
    "s",
    " sec",
    "m",
    " min.",
    " minutes",
    "months",
    "h",
    "h30",
    " hours",
]
UNITS += ["d", "am", "pm", ":00", ":5", ",5", ".5", " percent", "=10", "-55"]  # fmt: skip
WORDS = ["off", "no", "yes", "On", "none", "nothing", "shutdown", "power off", "Halt", "restart", "v3", "V2", "silent"]
WORDS += ["quite", "Keep", "fail-safe", "GPIO4", "/dev/i2c-1", "i2c-300", "sh -c x", "pinctrl-rp1", "a: b", "a, b", "5"]
WORDS += ["010", "null", "~", "", "#5", "{}", "[]", "true", "50=10,60=40", "60=40,50=50", "50:10 200:40", "or", "list"]
WORDS += ["1 hour, 30 min", "1h30", "24:00", "12am", "13pm", "x}", "[x", "'", "\\", "{}{}", "write"]
numbers = st.integers(-100, 5000) | st.decimals(0, 500, places=1)
slips = st.builds("{}{}".format, numbers, st.sampled_from(UNITS)) | st.sampled_from(WORDS) | st.text(max_size=12)


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


slips_in_yaml = slips.map(quoted) | slips | st.sampled_from(["[[50, 10], [60, 5]]", "[50: 10]", "[x]", "[zone: a]"])


def problems_of(text: str) -> list[str]:
    try:
        parse_config(text)
    except ConfigError as error:
        return error.problems
    return []


def advised(problems: list[str], start: str) -> list[str]:
    """What to write instead, of those that begin so."""
    return [match[1] for each in problems if each.startswith(start) and (match := ADVICE.search(each))]


@given(st.sampled_from(OPTIONS), slips_in_yaml)
@example(Option("fan", "refresh", next(each.kind for each in OPTIONS if each.key == "refresh")), "500ms")
@example(Option("fan", "hold", next(each.kind for each in OPTIONS if str(each) == "fan.hold")), "20m")
def test_what_is_advised_for_a_setting_is_accepted(option: Option, value: str) -> None:
    start = f"config:1: {option}: found "
    for instead in advised(problems_of(option.file(value)), start):
        assert [each for each in problems_of(option.file(instead)) if each.startswith((start, "config:1: not"))] == []


@given(slips, slips)
@example("140", "10 %")
def test_what_is_advised_within_a_curve_is_accepted(temp: str, duty: str) -> None:
    problems = problems_of(f"fan: {{curve: {{{quoted(temp)}: {quoted(duty)}}}}}")
    start = "config:1: fan.curve."
    for problem in problems:
        for instead in advised([problem], start):
            at = f"{instead}: 10" if "as the key" in problem else f"50: {instead}"
            assert problems_of(f"fan: {{curve: {{{at}}}}}") == []


@given(st.sampled_from(["fan", "case", "button", "profiles: {night", "sensors: ["]), slips)
@example("button", "off")
@example("sensors: [", "true")
def test_what_is_advised_for_a_section_is_accepted(section: str, value: str) -> None:
    def file(value: str) -> str:
        return f"{section}{value}]" if section.endswith("[") else f"{section}: {value}" + "}" * section.count("{")

    for problem in problems_of(file(quoted(value))):
        if match := re.search(r"; write (\{.*\})$", problem):
            assert problems_of(file(match[1])) == []


# -- which advice is given ------------------------------------------------------------------------------


def advice_of(text: str) -> list[str]:
    """All that follows the expectations, or what an unknown key comes with."""
    problems = problems_of(text)
    assert problems
    return [problem.rpartition("; ")[2] for problem in problems if "; " in problem]


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("fan: {refresh: 500ms}", []),
        ("interval: 50ms", []),
        ("case: {timeout: 2000ms}", []),
        ("case: {timeout: 300 msec}", ["write 300ms"]),
        ("fan: {hold: 20m}", []),
        ('fan: {hold: "1h"}', []),
        ("fan: {hold: -1s}", []),
        ("fan: {hold: 1h30}", []),
        ("fan: {refresh: 10 months}", []),
        ("fan: {refresh: 1 minute 30 seconds}", ["write 1m30s"]),
        ("fan:\n  refresh: 7,5 s", ["write 7.5s"]),
        ("fan: {critical_celsius: 150C}", []),
        ("fan: {critical_celsius: 176}", ["write 80 if that is Fahrenheit"]),
        ("fan: {critical_celsius: 110}", []),
        ("fan: {hysteresis_celsius: 9F}", []),
        ("fan: {failsafe_percent: 150}", []),
        ("fan: {curve: {122: 10, 140: 50}}", ["write 60 if that is Fahrenheit"]),
        ("fan: {curve: [[60, 40], [50, 60]]}", []),
        ("profiles: {night: {from: 22, to: 10pm}}", ["write 22:00", "write 22:00"]),
        ("profiles: {night: {from: 12am, to: 12:30 pm}}", ["write 00:00", "write 12:30"]),
        ("profiles: {night: {from: 24:00, to: 25}}", ["write 00:00"]),
        ("profiles: {night: {from: 13pm, to: 7.30}}", []),
        ("button: {hold: restart}", ["write reboot"]),
        ("button: {hold: power off}", ["write poweroff"]),
        ("button: {double_press: on}", ["poweroff: shuts down"]),
        ("button: {backend: off}", ["write none"]),
        ("button: {backend: false}", ["write none"]),
    ],
)
def test_advice(text: str, advice: list[str]) -> None:
    assert advice_of(text) == advice


@pytest.mark.parametrize("word", ["off", "no", "Off", "false", "nothing", "disabled"])
def test_who_wants_no_gesture_is_never_led_to_a_shutdown(word: str) -> None:
    (problem,) = problems_of(f"button: {{double_press: {word}}}")
    assert problem.endswith("; none: nothing happens; poweroff: shuts down")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Fan: {hold: 1m}", ["Fan: unknown key, did you mean 'fan'?"]),
        ("fans: {hold: 1m}", ["fans: unknown key, did you mean 'fan'?"]),
        ("Button: {hold: none}", ["Button: unknown key, did you mean 'button'?"]),
        ("CASE: {bus: 1}", ["CASE: unknown key, did you mean 'case'?"]),
        ("Night: {hold: 1m}", ["Night: belongs under 'profiles:': write that line above this one, and indent"]),
        ("Curve: {50: 10}", ["Curve: belongs under 'fan:': write that line above this one, and indent this one below"]),
        ("fan: {critical: 80}", ["fan.critical: unknown key, did you mean 'critical_celsius'?"]),
        ("fan: {celsius: 80}", ["fan.celsius: unknown key, expected one of preset, curve"]),
        (
            "fan:\n  curve:\n  50: 10",
            ["fan.curve: found nothing, expected", "fan.50: unknown key; indent it below 'curve:', if it is a point"],
        ),
        ("50: 10", ["50: unknown key; indent it below 'curve:', if it is a point of the curve"]),
        ("fan: {hold: 1,5}", ["fan.5: unknown key; if it is the rest of a number"]),
    ],
)
def test_unknown_keys(text: str, said: list[str]) -> None:
    problems = [re.sub(r"^config:\d+: ", "", problem) for problem in problems_of(text)]
    assert len(problems) == len(said)
    assert [words for words, problem in zip(said, problems, strict=True) if not problem.startswith(words)] == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("hold: 1m", "hold: unknown key, expected one of broker"),
        ("night: {hold: 1m}", "night: unknown key, expected one of broker"),
        ("ca_file: /a", "ca_file: belongs under 'tls:': write that line above this one"),
        ("tls: {port: 1}", "tls.port: belongs to the file itself, not under 'tls:'"),
        ("hand_back: 1s", "hand_back: found '1s', expected a duration from 30s to 1d (10s, 15m, or seconds)"),
    ],
)
def test_another_program_s_keys_are_sent_to_sections_of_its_own(text: str, said: str) -> None:
    (problem,) = parse_section(MqttConfig, text, "mqtt.yaml")[1]
    assert problem.removeprefix("mqtt.yaml:1: ").startswith(said)
    assert "; write" not in problem
