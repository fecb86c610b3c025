"""The configuration file: what is accepted, and that whatever is not is said usefully, quickly and all at once."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from a1d.config.kinds import Kind, kind_of
from a1d.config.parse_duration import parse_duration_s
from a1d.config.printer import print_config
from a1d.config.reader import parse_config, read_config
from a1d.config.settings import PRESETS, ButtonConfig, Config, FanConfig, ProfileConfig, SensorConfig, key_of
from a1d.errors import A1dError, ConfigError
from a1d.service.server import UNREAD_MAX
from tests.virtual import VirtualRig

STUCK_S = 20.0
LINE_MAX = 600

# No setting accepts this.
BAD = "-27.25"
HUGE = "1" + "0" * 400


@pytest.fixture(autouse=True)
def _nothing_gets_stuck() -> Iterator[None]:
    """A hang (a FIFO, a bomb) is a failure of its test, not the end of the run."""

    def stuck(_number: int, _frame: FrameType | None) -> None:
        raise AssertionError(f"still busy after {STUCK_S:g} s")

    before = signal.signal(signal.SIGALRM, stuck)
    signal.setitimer(signal.ITIMER_REAL, STUCK_S)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


@dataclasses.dataclass(frozen=True)
class Option:
    """A setting as the file knows it; ``section`` is the dotted path above it."""

    section: str
    key: str
    kind: Kind

    def __str__(self) -> str:
        return f"{self.section}.{self.key}".strip(".")

    def file(self, value: str) -> str:
        """A file of one line that sets just this."""
        inner = f"{self.key}: {value}"
        if not self.section:
            return inner
        if self.section == "profiles.night":
            other = {"from": ", to: '07:00'", "to": ", from: '22:00'"}.get(self.key, "")
            return f"profiles: {{night: {{{inner}{other}}}}}"
        return f"sensors: [{{{inner}}}]" if self.section == "sensors[0]" else f"{self.section}: {{{inner}}}"


SECTIONS: dict[str, type[Any]] = {
    "": Config,
    **{
        field.name: type(getattr(Config(), field.name))
        for field in dataclasses.fields(Config)
        if "kind" not in field.metadata
    },
}
SECTIONS["sensors[0]"] = SensorConfig
SECTIONS["profiles.night"] = ProfileConfig
del SECTIONS["sensors"], SECTIONS["profiles"]
OPTIONS = [
    Option(section, key_of(field), kind_of(field))
    for section, made_by in SECTIONS.items()
    for field in dataclasses.fields(made_by)
    if "kind" in field.metadata
]
KEYS = {name: [key_of(field) for field in dataclasses.fields(made_by)] for name, made_by in SECTIONS.items()}
each_option = pytest.mark.parametrize("option", OPTIONS, ids=str)


def problems_of(text: str) -> list[str]:
    """Every problem of a bad file, without ``config:`` and without quotes around what was found; it must be bad."""
    with pytest.raises(ConfigError) as caught:
        parse_config(text)
    assert str(caught.value) == "\n".join(caught.value.problems)
    return [re.sub("^config:|(?<=: found )'|'(?=, expected )", "", problem) for problem in caught.value.problems]


def problem_of(text: str) -> str:
    """The only problem of a bad file."""
    (problem,) = problems_of(text)
    return problem


def check_usable(problem: str, text: str) -> None:
    """One line for a terminal or a log, not too long, that begins with the file and a line that it has."""
    match = re.match(r"config:(\d+): \S", problem)
    assert match
    assert 1 <= int(match[1]) <= len(re.split("\r\n|[\r\n\x85\u2028\u2029]", text))
    assert problem.isprintable()
    assert len(problem) <= LINE_MAX


def check_total(text: str) -> None:
    """``text`` is a configuration or a ConfigError that a person can use, and nothing else."""
    try:
        config = parse_config(text)
    except ConfigError as error:
        assert error.problems
        for problem in error.problems:
            check_usable(problem, text)
    else:
        assert parse_config(print_config(config)) == config


# -- defaults, types -------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", "\n", "# nothing\n", "---\n", "{}", "~", "fan:\n", "\ufeff", "\ufeff# x\r\n"])
def test_an_empty_file_is_the_default(text: str) -> None:
    assert parse_config(text) == Config()


@each_option
def test_every_default_is_within_its_own_range(option: Option) -> None:
    field = next(f for f in dataclasses.fields(SECTIONS[option.section]) if key_of(f) == option.key)
    assert option.kind.convert(option.kind.show(field.default)) == field.default
    assert field.metadata["doc"]


@pytest.mark.parametrize("section", [Config(), FanConfig(), SensorConfig(), Config().case, ButtonConfig()])
def test_a_configuration_is_frozen_and_hashable(section: Any) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(section, dataclasses.fields(section)[0].name, None)
    hash(section)


def test_a_setting_changes_itself_and_nothing_else() -> None:
    config = parse_config(
        "fan: {hold: 1m, on_stop: 40}\nsensors: [{name: disk, hwmon: nvme, curve: {70: 100, 55: 20}}]"
    )
    assert config.fan == FanConfig(hold_s=60.0, on_stop=40)
    assert config.sensors == (SensorConfig("disk", hwmon="nvme", curve=((55.0, 20.0), (70.0, 100.0))),)
    assert dataclasses.replace(config, fan=FanConfig(), sensors=Config().sensors) == Config()


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("90", 90), ("'90'", 90), ("90.5", 90.5), ("90s", 90), ("15m", 900), ("1m30s", 90), ("1h", 3600), ("6000ms", 6)],
)
def test_a_duration_is_seconds_or_has_units(written: str, seconds: float) -> None:
    assert parse_config(f"fan: {{refresh: {written}}}").fan.refresh_s == seconds


# -- presets ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_is_a_curve_a_hold_and_a_rise_and_nothing_else(preset: str) -> None:
    fan = parse_config(f"fan: {{preset: {preset}}}").fan
    assert fan == FanConfig(preset=preset, **PRESETS[preset])
    assert PRESETS[preset].keys() == {"curve", "hold_s", "rise_s"}


def test_a_setting_wins_over_the_preset_wherever_it_stands() -> None:
    for text in ("fan: {preset: quiet, hold: 7s}", "fan: {hold: 7s, preset: quiet}"):
        assert parse_config(text).fan == FanConfig(preset="quiet", **{**PRESETS["quiet"], "hold_s": 7.0})


def test_the_default_is_the_preset_balanced() -> None:
    assert parse_config("fan: {preset: balanced}").fan == FanConfig()


def test_a_curve_without_a_preset_is_the_curve_as_ever() -> None:
    assert parse_config("fan: {curve: {40: 30, 70: 100}}").fan.curve == ((40.0, 30.0), (70.0, 100.0))


def test_an_unknown_preset_is_said_with_the_known_ones() -> None:
    assert "found loud, expected quiet, balanced or cool" in problem_of("fan: {preset: loud}")


# -- profiles --------------------------------------------------------------------------------------


def test_profiles_are_read_in_the_file_s_order_and_a_time_of_day_needs_no_quotes() -> None:
    config = parse_config(
        "profiles:\n  night: {preset: quiet, max_percent: 40, from: 22:00, to: '07:05'}\n  film: {hold: 2m}\n"
    )
    night = ProfileConfig(preset="quiet", max_percent=40, from_minute=22 * 60, to_minute=7 * 60 + 5)
    assert config.profiles == (("night", night), ("film", ProfileConfig(hold_s=120.0)))
    assert config.fan == FanConfig()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("night: {preset: loud}", "2: profiles.night.preset: found loud, expected quiet, balanced or cool"),
        (
            "night: {max_percent: 101}",
            "2: profiles.night.max_percent: found 101, expected a whole number from 0 to 100",
        ),
        ("night: {from: 24:00, to: 07:00}", "2: profiles.night.from: found 24:00, expected a time of day, 00:00 to 23"),
        ("night: {from: '7:00', to: 08:00}", "2: profiles.night.from: found 7:00, expected a time of day"),
        ("night: {from: 22, to: 07:00}", "2: profiles.night.from: found 22, expected a time of day"),
        ("night: {from: 22:00}", "2: profiles.night: found {from: 22:00}, expected both from and to, or neither"),
        ("night: {to: 22:00}", "2: profiles.night: found {to: 22:00}, expected both from and to, or neither"),
        (
            "night: {critical_celsius: 90}",
            "2: profiles.night.critical_celsius: belongs under fan:, not under profiles:",
        ),
        (
            "night: {failsafe_percent: 30}",
            "2: profiles.night.failsafe_percent: belongs under fan:, not under profiles:",
        ),
        ("night: quiet", "2: profiles.night: found quiet, expected settings such as preset: ..."),
        ("auto: {preset: quiet}", "2: profiles.auto: found auto, expected a name of letters, digits, - and _"),
        ("none: {preset: quiet}", "2: profiles.none: found none, expected a name of letters"),
        ("a b: {preset: quiet}", "2: profiles.a b: found a b, expected a name of letters"),
        ("7: {preset: quiet}", "2: profiles.7: found 7, expected a name of letters"),
        (f"{'x' * 33}: {{preset: quiet}}", f"2: profiles.{'x' * 33}: found {'x' * 33}, expected a name of letters"),
    ],
)
def test_what_is_wrong_with_a_profile_is_said_with_its_line(line: str, said: str) -> None:
    assert problem_of(f"profiles:\n  {line}\n").replace("'", "").startswith(said)


def test_there_may_be_16_profiles_and_no_more() -> None:
    def text(count: int) -> str:
        return "profiles:\n" + "".join(f"  p{index}: {{max_percent: 40}}\n" for index in range(count))

    assert len(parse_config(text(16)).profiles) == 16
    assert "expected at most 16 profiles such as" in problem_of(text(17))
    assert "expected at most 16 profiles such as" in problem_of("profiles: [night]")


# -- durations -------------------------------------------------------------------------------------


@pytest.mark.parametrize("written", ["-5s", "5x", "s", "''", "10 parsecs", "[60]", "true", ".nan", "PT60S", "\u0666s"])
def test_anything_else_is_no_duration(written: str) -> None:
    assert ": fan.refresh: found " in problem_of(f"fan: {{refresh: {written}}}")


def test_what_a_generator_writes_is_accepted() -> None:
    """JSON is YAML, and its keys are texts; a NixOS module's settings come that way."""
    settings = {
        "fan": {"curve": {"50": 10, "62.5": 40, "-5": 0}, "hold": "5s", "hysteresis_celsius": 0.1 + 0.2},
        "sensors": [{"name": "disk", "hwmon": "nvme", "curve": None}],
        "button": {"hold": ["/bin/echo", "a b"]},
    }
    config = parse_config(json.dumps(settings))
    assert config.fan == FanConfig(curve=((-5, 0), (50, 10), (62.5, 40)), hold_s=5.0, hysteresis_celsius=0.1 + 0.2)
    assert config.sensors == (SensorConfig("disk", hwmon="nvme"),)
    assert config.button.hold == ("/bin/echo", "a b")


def test_a_temperature_given_as_text_and_as_number_is_given_twice() -> None:
    assert "50" in problem_of("fan: {curve: {50: 10, '50': 20}}")


# -- every option ----------------------------------------------------------------------------------


@each_option
def test_a_bad_value_is_named_with_line_key_found_and_expected(option: Option) -> None:
    assert problem_of(option.file(BAD)) == f"1: {option}: found {BAD}, expected {option.kind.expected}"


@each_option
def test_true_is_no_value_of_anything_but_what_is_true_or_false(option: Option) -> None:
    if option.key != "optional":
        assert problem_of(option.file("true")).startswith(f"1: {option}: found")


@pytest.mark.parametrize(
    "setting",
    [
        "button: {line: 4.5}",
        "fan: {on_stop: 4.5}",
        "fan: {on_stop: 101}",
        f"sensors: [{{zone: {'x' * 65}}}]",
        "button: {hold_window_ms: [55, 31]}",
        "button: {hold_window_ms: [31, 31]}",
        "button: {hold_window_ms: [31, 501]}",
        "button: {hold_window_ms: [31, 55, 60]}",
        "button: {double_press_window_ms: [0.5, 30]}",
        "button: {hold: []}",
        "button: {hold: Reboot}",
        "fan: {curve: {}}",
        f"fan: {{curve: {{{', '.join(f'{temp}: 50' for temp in range(33))}}}}}",
        "fan: {curve: {126: 100}}",
        "fan: {curve: {50: 101}}",
        "fan: {curve: {60: 10, 50: 20}}",
        f"sensors: [{', '.join(f'{{name: s{n}, zone: z}}' for n in range(17))}]",
        "sensors: []",
        "sensors: [{name: cpu}]",
        "sensors: [~]",
        "sensors: [{name: cpu, zone: a}, {name: cpu, zone: b}]",
    ],
    ids=lambda setting: setting[:40],
)
def test_what_is_just_outside_is_refused(setting: str) -> None:
    assert ": found" in problem_of(setting)


@pytest.mark.parametrize(
    "setting",
    [
        "button: {line: 4.0}",
        f"sensors: [{{zone: {'x' * 64}}}]",
        "button: {double_press_window_ms: [1, 2], hold_window_ms: [2, 500]}",
        "button: {double_press_window_ms: [30, 55], hold_window_ms: [10, 30]}",
        "fan: {curve: {125: 100, -20: 0, 50: 0}}",
        "fan: {curve: {50.5: 0.30000000000000004}, hysteresis_celsius: 1.1234567890123457}",
        "fan: {hysteresis_celsius: 1.0e-05}",
        f"fan: {{curve: {{{', '.join(f'{temp}: 50' for temp in range(32))}}}}}",
        f"sensors: [{', '.join(f'{{name: s{n}, zone: z}}' for n in range(16))}]",
    ],
    ids=lambda setting: setting[:40],
)
def test_what_is_just_inside_is_accepted(setting: str) -> None:
    check_total(setting)
    parse_config(setting)


RANGES = [
    (option, match[1], match[2])
    for option in OPTIONS
    if (match := re.match(r"a (?:whole )?(?:number|duration) from (\S+) to ([^\s,]+)", option.kind.expected))
]


@pytest.mark.parametrize(("option", "low", "high"), RANGES, ids=str)
def test_the_range_that_an_error_names_is_the_range_accepted(option: Option, low: str, high: str) -> None:
    at_least, at_most = (float(end) if end.lstrip("-").isdigit() else parse_duration_s(end) for end in (low, high))
    assert option.kind.convert(at_least) == at_least
    assert option.kind.convert(at_most) == at_most
    for outside in (at_least - 1, at_most + 1, at_least - 0.01, at_most + 0.01):
        assert problem_of(option.file(str(outside))).startswith(f"1: {option}: found")


def test_every_number_and_duration_has_a_range() -> None:
    assert len(RANGES) == len(
        [option for option in OPTIONS if option.kind.expected.startswith("a ") and "from" in option.kind.expected]
    )


HOSTILE_VALUES = [
    HUGE, f"-{HUGE}", "0x" + "f" * 5000, "1" + ":1" * 3000, ".nan", ".inf", "-.inf", "1.0e+999", "2024-13-45",
    "[]", "{}", "[[]]", "[{}]", "{{}: 1}", "{[]: 1}", "{.nan: .nan}", f"{{{HUGE}: 5}}", f"{{50: {HUGE}}}",
    f"[1, {HUGE}]", "[.nan, .nan]", "[~, ~]", "''", "' '", '"\\0"', '["\\0"]', "on", "=", "<<", "{<<: 1}",
    "{<<: {50: 10}}", "{? [50] : 1}", "x" * 5000, "0o10", "08", "0b", "0x_",
]  # fmt: skip


@pytest.mark.parametrize("value", HOSTILE_VALUES, ids=lambda value: value[:12])
def test_a_hostile_value_is_accepted_or_refused_by_every_option_and_never_another_exception(value: str) -> None:
    for option in OPTIONS:
        text = option.file(value)
        try:
            parse_config(text)
        except ConfigError as error:
            assert any(problem.startswith(f"config:1: {option.section}") for problem in error.problems), option
            for problem in error.problems:
                check_usable(problem, text)


# -- all errors at once ----------------------------------------------------------------------------


def bad_file() -> tuple[str, list[str]]:
    """A file with an unknown key in every section and a bad value for every option, and what must be said."""
    lines: list[str] = []
    expected: list[str] = []

    def put(indent: str, section: str, key: str, kind: Kind | None) -> None:
        lines.append(f"{indent}{key}: {BAD}")
        dotted = f"{section}.{key}".strip(".")
        what = f"found {BAD}, expected {kind.expected}" if kind else "unknown key,"
        expected.append(f"{len(lines)}: {dotted}: {what}")

    for section in SECTIONS:
        if section:
            lines.extend(["", f"{section.split('[')[0]}:  # a section"])
        indent = "" if not section else "  "
        if section == "sensors[0]":
            lines.append("  -")
            indent = "    "
        if section == "profiles.night":
            lines[-1] = "profiles:"
            lines.append("  night:")
            indent = "    "
        put(indent, section, "zzz", None)
        for option in OPTIONS:
            if option.section == section:
                put(indent, section, option.key, option.kind)
    return "\n".join(lines), expected


@pytest.mark.parametrize("newline", ["\n", "\r\n"], ids=["LF", "CRLF"])
@pytest.mark.parametrize(
    "start", ["", "\ufeff", "\n\n", "%YAML 1.1\n---\n"], ids=["plain", "BOM", "blank", "directive"]
)
def test_all_errors_come_at_once_each_with_its_line(newline: str, start: str) -> None:
    text, expected = bad_file()
    shift = start.count("\n")
    found = problems_of((start + text).replace("\n", newline))
    assert len(found) == len(expected) == len(OPTIONS) + len(SECTIONS)
    for problem, wanted in zip(found, expected, strict=True):
        line, rest = wanted.split(":", 1)
        assert problem.startswith(f"{int(line) + shift}:{rest}")


def test_lines_are_right_in_flow_style() -> None:
    text = 'fan: {\n  hold: 1s,\n  refresh: -1,\n\n  curve: {50: 10,\n    60: 400}, on_stop:\n  perhaps}\n"bu s": 1\n'
    lines = [problem.split(": ")[0:2] for problem in problems_of(text)]
    assert lines == [["3", "fan.refresh"], ["6", "fan.curve.60"], ["6", "fan.on_stop"], ["8", "bu s"]]


def test_every_bad_part_of_a_value_is_reported() -> None:
    text = "fan: {curve: {200: 10, 60: 400}}\nbutton: {chips: [a, 1, 2], hold: [3, 4]}"
    problems = "\n".join(problems_of(text))
    for part in ("fan.curve.200", "fan.curve.60", "button.chips.1", "button.chips.2", "button.hold.0", "button.hold.1"):
        assert part in problems


def test_errors_of_syntax_of_keys_and_of_values_come_together() -> None:
    text = "fan: {hold: x, hold: 1s}\ncase: {? [a] : 1, bus: x}\nsensors: [{zone: a, hwmon: b}, 3, {name: 5, zone: a}]"
    wanted = ["fan.hold: found", "'hold' stands here again", "a key must be", "case.bus", "sensors[0]: found",
              "sensors[1]: found 3", "sensors[2].name: found 5"]  # fmt: skip
    problems = problems_of(text)
    assert len(problems) == len(wanted)
    for words in wanted:
        assert any(words in problem for problem in problems)


def test_a_bad_sensor_does_not_make_a_good_one_look_bad() -> None:
    assert problem_of("sensors: [{name: 5, zone: a}, {name: cpu, zone: cpu-thermal}]").startswith("1: sensors[0].name")
    assert problem_of("sensors: [3, {name: cpu, zone: cpu-thermal}]").startswith("1: sensors[0]")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("button:\n  double_press_window_ms: [10, 40]\n  hold_window_ms: [30, 55]\n", 3),
        ("button:\n  hold_window_ms: [20, 55]\n", 2),
        ("button:\n  double_press_window_ms: [10, 40]\n", 2),
        ("button:\n  double_press_window_ms: [40, 60]\n  hold_window_ms: [10, 45]\n", 3),
    ],
)
@pytest.mark.parametrize("also", ["", "interval: x\n"], ids=["alone", "beside another error"])
def test_windows_that_overlap_are_an_error(text: str, line: int, also: str) -> None:
    problems = problems_of(text + also)
    assert len(problems) == 1 + bool(also)
    assert problems[0].startswith(f"{line}: button.")
    assert "_window_ms: found" in problems[0]


def test_an_overlap_shows_the_window_that_is_in_the_file() -> None:
    problem = problem_of("button: {double_press_window_ms: [12, 41]}")
    assert "12" in problem.split("expected")[0]


# -- unknown keys ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("section", "key"), [(s, k) for s, keys in KEYS.items() for k in keys])
def test_a_misspelt_key_gets_did_you_mean(section: str, key: str) -> None:
    for wrong in (key[:-1], f"{key}s", key[1:], key[:1] + key[2:] + key[1:2]):
        if wrong in KEYS[section]:
            continue
        problems = problems_of(Option(section, wrong, OPTIONS[0].kind).file("1"))
        (problem,) = (problem for problem in problems if "unknown key" in problem)
        dotted = f"{section}.{wrong}".strip(".")
        assert problem == f"1: {dotted}: unknown key, did you mean {key!r}?"


def test_a_field_s_name_in_the_code_leads_to_its_key() -> None:
    assert problem_of("fan: {hold_s: 1}") == "1: fan.hold_s: unknown key, did you mean 'hold'?"


@pytest.mark.parametrize("section", KEYS)
def test_a_key_like_no_other_gets_the_list_of_keys(section: str) -> None:
    problem = next(p for p in problems_of(Option(section, "zzz", OPTIONS[0].kind).file("1")) if "zzz" in p)
    assert problem.endswith(f"unknown key, expected one of {', '.join(KEYS[section])}")


# -- what was found, as it was written --------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("fan: {on_stop: off}", "off"),
        ("fan: {interpolation: yes}", "yes"),
        ("fan: {hold: ~}", "~"),
        ("case: {bus: 0x1FF}", "0x1FF"),
        ("button: {double_press: No}", "No"),
        ("fan: {curve: {hot: 10}}", "hot"),
        ("fan: {curve: {50: 20, 60: 10}}", "10"),
        ("case: {bus: 2:30}", "2:30"),
    ],
)
def test_an_error_shows_what_the_user_wrote(text: str, found: str) -> None:
    assert re.search(rf"found '?{re.escape(found)}'?, expected", problem_of(text))


@pytest.mark.parametrize("text", ["fan:\n  hold:\n", "sensors:\n"])
def test_where_nothing_was_written_an_error_says_that(text: str) -> None:
    assert re.search(r"found \S.*, expected", problem_of(text))


def test_an_error_about_a_point_names_the_point_as_written() -> None:
    assert "60.0" not in problem_of("fan: {curve: {50: 20, 60: 10, 70: 15}}")


@pytest.mark.parametrize(
    "text",
    [
        'fan: {interpolation: "a\\nb"}',
        'fan: {interpolation: "\\e[31mred\\e[0m"}',
        '"x\\ny": 3',
        '"\\ud800": 3',
        "? " + "x" * 60_000 + "\n: 1",
        "fan: {interpolation: " + "x" * 60_000 + "}",
        "fan: {? " + "x" * 60_000 + "\n: 1}",
        "? |\n  a\n  b\n: 1",
    ],
    ids=lambda text: text[:20],
)
def test_each_problem_is_one_printable_line_of_bearable_length(text: str) -> None:
    check_usable(f"config:{problem_of(text)}", text)


@pytest.mark.parametrize("line", ["{:x}:\n", "{:x}: 1\n{:x}: 1\n"])
def test_the_errors_of_the_worst_file_still_fit_into_a_reply_to_a_client(line: str) -> None:
    text = "".join(line.format(number, number) for number in range(64 * 1024 // (len(line) + 4)))
    assert sum(len(problem) + 4 for problem in problems_of(text[: 64 * 1024])) < UNREAD_MAX


# -- what YAML can do to surprise ---------------------------------------------------------------------


def test_numbers_mean_what_they_look_like() -> None:
    """YAML 1.1 reads 010 as 8 and 1:20 as 80."""
    for text, in_decimal in (
        ("button: {line: 010}", 10),
        ("button: {line: 1:20}", None),
        ("button: {line: 1_0}", None),
    ):
        try:
            config = parse_config(text)
        except ConfigError:
            continue
        assert config.button.line == in_decimal, text


def test_plain_words_stay_words() -> None:
    config = parse_config(
        "sensors: [{name: 2024-01-01, zone: 0o10}]\nbutton: {hold: none, backend: none}\nfan: {on_stop: keep}"
    )
    assert config.sensors == (SensorConfig("2024-01-01", zone="0o10"),)
    assert (config.button.hold, config.button.backend) == ("none", "none")


BOMB = "a: &a [x, x]\n" + "".join(
    f"{c}: &{c} [{', '.join([f'*{b}'] * 9)}]\n" for b, c in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("fan:\n  hold: 1s\n  refresh: 1m\n  hold: 2s\n", 4, "'hold' stands here again; first on line 2"),
        ("fan: {}\ncase: {}\nfan: {}\n", 3, "'fan' stands here again; first on line 1"),
        ("fan:\n  curve:\n    50: 10\n    50.0: 20\n", 4, "stands here again; first on line 3"),
        ("fan:\n\thold: 1s\n", 2, "tabs"),
        ("fan:\n  hold: 1s\n\trefresh: 1m\n", 3, "tabs"),
        ("fan:\n  curve:\n\t50: 10\n", 3, "tabs"),
        ("\tfan:\n", 1, "tabs"),
        (BOMB, 1, "anchors"),
        ("fan: {}\ncase: &x {}\n", 2, "anchors"),
        ("fan: {}\ncase: *x\n", 2, "aliases"),
        ("a:\n  <<: *x\n", 2, "aliases"),
        ("<<: {interval: 1s}\n", 1, "<<: unknown key"),
        ("fan:\n  <<: [{}]\n", 2, "fan.<<: unknown key"),
        ("fan: !!python/object/apply:os.system [ls]\n", 1, "tags"),
        ("interval: ! 1s\n", 1, "tags"),
        ("interval: !!str 1\n", 1, "tags"),
        ("fan: {}\n---\ncase: {}\n", 2, "second document"),
        ("fan: {}\ncase: " + "[" * 60_000, 2, "deeper"),
        ("- " * 30_000, 1, "deeper"),
        ("? " * 30_000, 1, "deeper"),
        ("".join(" " * depth + "a:\n" for depth in range(300)), 13, "deeper"),
        ("interval: 1s\nfan: {}\n# \0\n", 3, "character"),
        ("interval: 1s\r\nfan: {}\r\n# \x1b\r\n", 3, "character"),
        ("hello", 1, "settings such as"),
        ("- fan\n", 1, "settings such as"),
        ("fan: off\n", 1, "fan: found"),
        ("? [a, b]\n: 1\n", 1, "a key must be"),
        ("fan:\n  {a: b}: 1\n", 2, "a key must be"),
        ("fan: {}\n1: 2\n", 2, "unknown key"),
        ("fan: {}\n~: 2\n", 2, "unknown key"),
        ("fan: {}\n2024-01-01: 2\n", 2, "2024-01-01: unknown key"),
        ("interval: 1" + "0" * 5000, 1, "interval: found"),
        (f"interval: {HUGE}", 1, "interval: found"),
        (f"{HUGE}: 1s", 1, "unknown key"),
        ("? 0x" + "f" * 5000 + "\n: 1", 1, "unknown key"),
        ("fan:\n  interpolation: 0x" + "f" * 5000, 2, "fan.interpolation: found"),
        ("interval: 1s\nfan: {interpolation: \"\\U00110000\"}", 2, "not valid YAML"),
        ("interval: 1s\nfan: {interpolation: \"\\UFFFFFFFF\"}", 2, "not valid YAML"),
        ("%YAML 1." + "1" * 5000 + "\n---\n", 1, "not valid YAML"),
        ("%YAML 2.0\n---\n", 1, "not valid YAML"),
        ("%TAG ! x\n%TAG ! y\n---\n", 2, "not valid YAML"),
        ("interval: 1s\nfan: {hold: 1s\ncase: {}\n", 3, "not valid YAML"),
        ("fan:\n  hold: 1s\n refresh: 1m\n", 3, "not valid YAML"),
        ("interval: @1s", 1, "not valid YAML"),
    ],
    ids=lambda value: value[:24] if isinstance(value, str) else None,
)  # fmt: skip
def test_a_hostile_text_gets_one_clear_error_at_its_line(text: str, line: int, words: str) -> None:
    problem = next(p for p in problems_of(text) if words in p)
    assert problem.startswith(f"{line}: ")
    check_usable(f"config:{problem}", text)


@pytest.mark.parametrize("quote", ["'", '"'])
def test_an_unclosed_quote_is_reported_where_it_opens(quote: str) -> None:
    text = f"fan:\n  interpolation: {quote}linear\n" + "  hold: 1s\n" * 30
    assert re.search(r"^2:|line 2\b", problem_of(text))


@pytest.mark.parametrize("kind", ["button: {{chips: [{}]}}", "button: {{hold: [logger, {}]}}"])
@pytest.mark.parametrize("escape", ['"\\ud800"', '"\\0"'])
def test_a_text_that_no_program_can_be_given_is_refused(kind: str, escape: str) -> None:
    assert "expected a text" in problem_of(kind.format(escape))


# -- fuzz --------------------------------------------------------------------------------------------

TOKENS = [
    *"{}[]:,&*!|>'\"%@`#?-\\~=", ": ", "- ", "? ", "\n", "\n  ", "\n    ", "\r\n", "\t", "\0", "\x1b", "\x85", "\u2028",
    "\ufeff", "é", "😀", "---\n", "...\n", "&a ", "*a", "!!int ", "!<", "%YAML 1.1\n", "%zz", "|9\n", "|-1", "<<",
    "yes", "off", "1:30", "0x", "0b_", "0o7", "010", "1e3", "1_000", ".inf", ".nan", "2001-01-01 00:00:00 +99:99", HUGE,
    "\\U00110000", "\\ud800", "\"\\n\"", "fan", "hold", "sensors", "50", "-1", "cpu",
]  # fmt: skip
VALID = "\n".join(line for line in print_config(Config()).splitlines() if line and not line.strip().startswith("#"))


@st.composite
def _mutated(draw: st.DrawFn) -> str:
    text = draw(
        st.sampled_from([VALID, "fan: {curve: {50: 10, 60: 40}, hold: 1m}\nsensors:\n  - name: x\n    zone: y\n"])
    )
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        text = text[:start] + draw(st.sampled_from(TOKENS)) + text[start + draw(st.sampled_from([0, 0, 1, 4, 12])) :]
    return text


@given(st.text(max_size=60))
@example('"\\n"')
def test_any_text_is_a_configuration_or_a_usable_error(text: str) -> None:
    check_total(text)


@given(st.lists(st.sampled_from(TOKENS), max_size=25).map("".join))
def test_any_heap_of_yaml_is_a_configuration_or_a_usable_error(text: str) -> None:
    check_total(text)


@given(_mutated())
def test_any_damage_to_a_good_file_leaves_a_configuration_or_a_usable_error(text: str) -> None:
    check_total(text)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_configuration_or_a_config_error(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "config.yaml"
    path.write_bytes(data)
    try:
        read_config(str(path))
    except ConfigError as error:
        assert all(problem.startswith(f"{path}:") for problem in error.problems)


# -- files ---------------------------------------------------------------------------------------------


def _sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(100 * 1000 * 1000)


FILES: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (lambda path: None, "No such file"),
    "directory": (Path.mkdir, "regular file"),
    "FIFO": (os.mkfifo, "regular file"),
    "endless device": (lambda path: path.symlink_to("/dev/zero"), "regular file"),
    "loop": (lambda path: path.symlink_to(path), "symbolic links"),
    "100 MB": (_sparse, "larger than"),
    "just too large": (lambda path: path.write_text("#" * (16 * 1024 + 1)), "larger than"),
    "UTF-16": (lambda path: path.write_text("fan: {}\n", encoding="utf-16"), "UTF-8"),
    "binary": (lambda path: path.write_bytes(b"\x7fELF\x02\x01\x01" + b"\0" * 99), "character"),
}


@pytest.mark.parametrize("name", FILES)
def test_what_is_no_configuration_file_is_a_clear_error_and_never_a_hang(tmp_path: Path, name: str) -> None:
    make, words = FILES[name]
    path = tmp_path / "config.yaml"
    make(path)
    with pytest.raises(ConfigError, match=words) as caught:
        read_config(str(path))
    (problem,) = caught.value.problems
    assert problem.startswith(f"{path}:")


def test_a_byte_that_is_not_utf_8_is_reported_at_its_line(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_bytes("fan: {}\n# 60 °C\n".encode("latin-1"))
    with pytest.raises(ConfigError, match=r"config.yaml:2: not UTF-8 \(byte 0xb0\)"):
        read_config(str(path))


def test_the_largest_file_that_is_allowed_is_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("#" * (16 * 1024 - 13) + "\ninterval: 2s")
    assert path.stat().st_size == 16 * 1024
    assert read_config(str(path)) == Config(interval_s=2.0)


def test_reading_leaves_no_descriptor_open(tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    for number, (make, _words) in enumerate(FILES.values()):
        path = tmp_path / str(number)
        make(path)
        with pytest.raises(ConfigError):
            read_config(str(path))
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_config_error_is_ours_and_a_value_error() -> None:
    assert issubclass(ConfigError, A1dError)
    assert issubclass(ConfigError, ValueError)


# -- a bad file at start and at reload -------------------------------------------------------------------

MakeRig = Callable[..., VirtualRig]


class File:
    """The text that the daemon reads."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __call__(self) -> Config:
        return parse_config(self.text)


def test_a_bad_file_at_start_means_defaults_a_fan_and_degraded_with_the_reason(make_rig: MakeRig) -> None:
    rig = make_rig(File("fan: {hold: x, curv: {}}"))
    rig.case.fixed_celsius = 72.0
    rig.run(5)
    assert rig.daemon.config == Config()
    assert rig.fan_percent == 100
    assert rig.daemon.health.state == "degraded"
    reason = "\n".join(rig.daemon.health.problems)
    assert "config:1: fan.hold: found 'x'" in reason
    assert "did you mean 'curve'" in reason


@pytest.mark.parametrize("text", [f"interval: {HUGE}", 'interval: "\\UFFFFFFFF"', "fan:\n  on_stop: 0x" + "f" * 5000])
def test_no_file_whatever_keeps_the_daemon_from_starting_or_ends_it_at_reload(make_rig: MakeRig, text: str) -> None:
    file = File("")
    rig = make_rig(file)
    file.text = text
    rig.daemon.reload()
    rig.run(2)
    assert make_rig(file).daemon.health.state == "degraded"


def test_a_bad_file_at_reload_changes_nothing_and_the_caller_gets_every_error(make_rig: MakeRig) -> None:
    file = File("fan: {critical_celsius: 65}")
    rig = make_rig(file)
    rig.run(5)
    file.text = "fan: {critical_celsius: 90, hold: x}\ncase: {bus: x}"
    with pytest.raises(ConfigError) as caught:
        rig.reload()
    assert len(caught.value.problems) == 2
    assert rig.daemon.config == parse_config("fan: {critical_celsius: 65}")
    rig.case.fixed_celsius = 66.0
    rig.run(5)
    assert rig.fan_percent == 100
    assert rig.daemon.health.problems == ["critical: cpu reached 66.0 C, critical from 65 C on"]


def test_a_bad_file_at_sighup_goes_to_the_log_and_a_mended_one_heals(make_rig: MakeRig) -> None:
    file = File("fan: x")
    rig = make_rig(file)
    rig.run(5)
    rig.daemon.reload()
    assert any("fan: found 'x'" in line for line in rig.log_lines[-3:])
    file.text = "interval: 2s"
    rig.daemon.reload()
    rig.run(5)
    assert rig.daemon.config == Config(interval_s=2.0)
    assert rig.daemon.health.state == "ok"
