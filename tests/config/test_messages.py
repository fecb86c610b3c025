# ruff: noqa: E501 - a message stands on one line, as it is printed
"""A hundred configurations as people get them wrong, and what each of them is told, word for word.

Read them as somebody who is tired: does each say what to do?
"""

from __future__ import annotations

import re

import pytest

from a1d.config.reader import parse_config
from a1d.errors import ConfigError

# What was written, and every problem with its line.
SLIPS: list[tuple[str, list[str]]] = [
    (
        "  curve: {50: 10, 60: 40}",
        ["1: curve: belongs under 'fan:': write that line above this one, and indent this one below it"],
    ),
    (
        "  curve: {50: 10, 60: 40}\ninterval: 1s",
        [
            "2: not valid YAML: it does not fit the lines above it: settings of one section start in the same column, below a line such as 'fan:' (is that one still a comment?)"
        ],
    ),
    (
        "interval: 1s\n  curve: {50: 10, 60: 40}",
        [
            "2: not valid YAML: a ':' too many: is the line above it a key without its ':', or is this text in need of quotes?"
        ],
    ),
    (
        "interval: 1s\n# The fan.\n#fan:\n#  hold: 1m\ncurve: {50: 10, 60: 40}",
        [
            "5: curve: belongs under 'fan:', which is still a comment: take the # away on line 3, and indent this line below it"
        ],
    ),
    (
        "fan:\ncurve: {50: 10, 60: 40}",
        ["2: curve: belongs under 'fan:' on line 1: move it there, and indent it as the lines below that one"],
    ),
    (
        "fan:\n curve: {50: 10, 60: 40}\n  hold: 1m",
        [
            "3: not valid YAML: it does not fit the lines above it: settings of one section start in the same column, below a line such as 'fan:' (is that one still a comment?) (in what begins on line 2)"
        ],
    ),
    (
        "  - name: cpu\n    zone: cpu-thermal",
        [
            "1: the file: found [{name: cpu, zone: cpu-thermal}], expected settings such as 'interval: ...'; these belong below a line 'sensors:', which must not be a comment"
        ],
    ),
    (
        "sensors:\n- name: cpu\n  zone: cpu-thermal\n - name: nvme\n   hwmon: nvme",
        [
            "4: not valid YAML: it does not fit the lines above it: settings of one section start in the same column, below a line such as 'fan:' (is that one still a comment?) (in what begins on line 1)"
        ],
    ),
    (
        "  bus: 0",
        ["1: bus: belongs under 'case:': write that line above this one, and indent this one below it"],
    ),
    (
        "  hold: 1m",
        ["1: hold: belongs under 'fan:' or 'button:': indent it below one of these lines, which must not be a comment"],
    ),
    (
        "fan: {duty_min_percent: 10%}",
        ["1: fan.duty_min_percent: found '10%', expected a whole number from 0 to 100; write 10, without the %"],
    ),
    (
        "fan: {critical_celsius: 80C}",
        ["1: fan.critical_celsius: found '80C', expected a number from 40 to 100; write 80, without the C"],
    ),
    (
        "fan: {critical_celsius: 176F}",
        ["1: fan.critical_celsius: found '176F', expected a number from 40 to 100; write it in Celsius: 80"],
    ),
    (
        'fan: {critical_celsius: "80"}',
        ['1: fan.critical_celsius: found "80", expected a number from 40 to 100; write 80, without the quotes'],
    ),
    (
        "fan: {duty_min_percent: '10'}",
        ["1: fan.duty_min_percent: found '10', expected a whole number from 0 to 100; write 10, without the quotes"],
    ),
    (
        "fan: {critical_celsius: 80,5}",
        ["1: fan.5: unknown key; if it is the rest of a number, write that with a point: 80.5"],
    ),
    (
        "fan:\n  critical_celsius: 80,5",
        ["2: fan.critical_celsius: found '80,5', expected a number from 40 to 100; write 80.5, with a point"],
    ),
    (
        "fan: {curve: {50C: 10%, 60: 40 %}}",
        [
            "1: fan.curve.50C: found 50C, expected a temperature from -20 to 125 as the key; write 50, without the C",
            "1: fan.curve.60: found '40 %', expected a duty from 0 to 100; write 40, without the %",
        ],
    ),
    (
        "fan: {curve: [[50, 10], [60, 40]]}",
        [
            "1: fan.curve: found [[50, 10], [60, 40]], expected temperatures and duties such as {50: 10, 60: 40, 70: 100}; write {50: 10, 60: 40}"
        ],
    ),
    (
        "fan:\n  curve:\n    - 50: 10\n    - 60: 40",
        [
            "2: fan.curve: found [{50: 10}, {60: 40}], expected temperatures and duties such as {50: 10, 60: 40, 70: 100}; write {50: 10, 60: 40}"
        ],
    ),
    (
        "fan:\n  curve:\n    - 50=10\n    - 60=40",
        [
            "2: fan.curve: found [50=10, 60=40], expected temperatures and duties such as {50: 10, 60: 40, 70: 100}; write {50: 10, 60: 40}"
        ],
    ),
    (
        "fan:\n  curve: 50=10,60=40",
        [
            "2: fan.curve: found '50=10,60=40', expected temperatures and duties such as {50: 10, 60: 40, 70: 100}; write {50: 10, 60: 40}"
        ],
    ),
    (
        "fan:\n  curve:\n    50=10\n    60=40",
        [
            "2: fan.curve: found '50=10 60=40', expected temperatures and duties such as {50: 10, 60: 40, 70: 100}; write {50: 10, 60: 40}"
        ],
    ),
    (
        "fan:\n  curve: 40",
        ["2: fan.curve: found 40, expected temperatures and duties such as {50: 10, 60: 40, 70: 100}"],
    ),
    (
        "fan:\n  curve:\n    50:10\n    60:40",
        [
            "2: fan.curve: found '50:10 60:40', expected temperatures and duties such as {50: 10, 60: 40, 70: 100}; write {50: 10, 60: 40}"
        ],
    ),
    (
        "interval:1s",
        ["1: the file: found 'interval:1s', expected settings such as 'interval: ...'; put a blank after 'interval:'"],
    ),
    (
        "interval = 1s",
        [
            "1: the file: found 'interval = 1s', expected settings such as 'interval: ...'; write 'interval: ...', with ':' instead of '='"
        ],
    ),
    (
        "fan:\n  hold:1m",
        ["1: fan: found 'hold:1m', expected settings such as 'preset: ...'; put a blank after 'hold:'"],
    ),
    (
        "fan:\n  hold = 1m",
        [
            "1: fan: found 'hold = 1m', expected settings such as 'preset: ...'; write 'hold: ...', with ':' instead of '='"
        ],
    ),
    (
        "fan: {hold: 1 minute}",
        ["1: fan.hold: found '1 minute', expected a duration from 0s to 10m (10s, 15m, or seconds); write 1m"],
    ),
    (
        "fan: {hold: 10 sec}",
        ["1: fan.hold: found '10 sec', expected a duration from 0s to 10m (10s, 15m, or seconds); write 10s"],
    ),
    ("fan: {hold: 1,5}", ["1: fan.5: unknown key; if it is the rest of a number, write that with a point: 80.5"]),
    (
        'fan: {hold: "forever"}',
        ['1: fan.hold: found "forever", expected a duration from 0s to 10m (10s, 15m, or seconds)'],
    ),
    ("fan:\n  hold:", ["2: fan.hold: found nothing, expected a duration from 0s to 10m (10s, 15m, or seconds)"]),
    ("fan: {preset: Quiet}", ["1: fan.preset: found 'Quiet', expected quiet, balanced or cool; did you mean quiet?"]),
    ("fan: {preset: silent}", ["1: fan.preset: found 'silent', expected quiet, balanced or cool"]),
    ("fan: {preset: quite}", ["1: fan.preset: found 'quite', expected quiet, balanced or cool; did you mean quiet?"]),
    ("fan: {mode: Target}", ["1: fan.mode: found 'Target', expected curve or target; did you mean target?"]),
    (
        "fan: {interpolation: steps}",
        ["1: fan.interpolation: found 'steps', expected linear or step; did you mean step?"],
    ),
    (
        "fan: {on_stop: Keep}",
        ["1: fan.on_stop: found 'Keep', expected keep, failsafe, or a whole number from 0 to 100; did you mean keep?"],
    ),
    ("fan: {on_stop: off}", ["1: fan.on_stop: found 'off', expected keep, failsafe, or a whole number from 0 to 100"]),
    (
        "fan: {on_stop: 50%}",
        [
            "1: fan.on_stop: found '50%', expected keep, failsafe, or a whole number from 0 to 100; write 50, without the %"
        ],
    ),
    (
        "button: {hold: shutdown}",
        [
            "1: button.hold: found 'shutdown', expected reboot, poweroff, none, or a list with a command and its arguments; write poweroff"
        ],
    ),
    (
        "button: {hold: Poweroff}",
        [
            "1: button.hold: found 'Poweroff', expected reboot, poweroff, none, or a list with a command and its arguments; write poweroff"
        ],
    ),
    (
        "button: {double_press: /usr/bin/logger pressed}",
        [
            "1: button.double_press: found '/usr/bin/logger ...', expected reboot, poweroff, none, or a list with a command and its arguments; write a command as a list: [/usr/bin/logger, ...]"
        ],
    ),
    (
        "button: {double_press: [logger, 3]}",
        ["1: button.double_press.1: found a number, expected a text (put it in quotes)"],
    ),
    (
        "button: {hold: [curl, -H, Authorization: Bearer 5]}",
        ["1: button.hold.2: found a key with a value, expected a text (put it in quotes)"],
    ),
    (
        "button: {chips: pinctrl-rp1}",
        ["1: button.chips: found 'pinctrl-rp1', expected a list of texts; write it as a list: [pinctrl-rp1]"],
    ),
    ("button: {line: GPIO4}", ["1: button.line: found 'GPIO4', expected a whole number from 0 to 1023; write 4"]),
    (
        "button: {backend: lgpio}",
        ["1: button.backend: found 'lgpio', expected gpiod, gpiozero or none; did you mean gpiod?"],
    ),
    ("case: {bus: /dev/i2c-1}", ["1: case.bus: found '/dev/i2c-1', expected a whole number from 0 to 99; write 1"]),
    ("case: {bus: i2c-1}", ["1: case.bus: found 'i2c-1', expected a whole number from 0 to 99; write 1"]),
    ("case: {protocol: v3}", ["1: case.protocol: found 'v3', expected register or legacy"]),
    ("case: {protocol: V3}", ["1: case.protocol: found 'V3', expected register or legacy"]),
    (
        "case: {timeout: 300}",
        [
            "1: case.timeout: found 300, expected a duration from 0s to 1s (10s, 15m, or seconds); write 300ms if you mean milliseconds"
        ],
    ),
    (
        "sensors: {name: cpu, zone: cpu-thermal}",
        [
            "1: sensors: found {name: cpu, zone: cpu-thermal}, expected a list of 1 to 16 sensors, each with a name and a zone or hwmon; begin each with '- ', below the key"
        ],
    ),
    (
        "sensors: [cpu]",
        ["1: sensors[0]: found 'cpu', expected settings such as 'name: ...'; write {zone: cpu-thermal}"],
    ),
    (
        "sensors: cpu",
        ["1: sensors: found 'cpu', expected a list of 1 to 16 sensors, each with a name and a zone or hwmon"],
    ),
    (
        "sensors:\n  - cpu: cpu-thermal",
        [
            "2: sensors[0].cpu: unknown key, expected one of name, zone, hwmon, curve, critical_celsius, offset_celsius, interval, optional, frozen"
        ],
    ),
    (
        "sensors: [{zone: cpu-thermal, optional: yes}]",
        ["1: sensors[0].optional: found 'yes', expected true or false; write true, without quotes"],
    ),
    (
        "sensors: [{zone: cpu-thermal, hwmon: nvme}]",
        [
            "1: sensors[0]: found {zone: cpu-thermal, hwmon: nvme}, expected either zone or hwmon, for example zone: cpu-thermal"
        ],
    ),
    (
        "sensors: [{name: nvme}]",
        ["1: sensors[0]: found {name: nvme}, expected either zone or hwmon, for example zone: cpu-thermal"],
    ),
    (
        "sensors: [{zone: cpu-thermal}, {zone: cpu-thermal}]",
        ["1: sensors[1].name: found cpu-thermal, expected a name that no other sensor has"],
    ),
    ("sensors: []", ["1: sensors: found [], expected a list of 1 to 16 sensors, each with a name and a zone or hwmon"]),
    (
        "profiles: {night: {preset: quiet, from: 22, to: 7}}",
        [
            "1: profiles.night.from: found 22, expected a time of day, 00:00 to 23:59, or null",
            "1: profiles.night.to: found 7, expected a time of day, 00:00 to 23:59, or null",
        ],
    ),
    (
        "profiles: {night: {preset: quiet, from: 7:00, to: 22:00}}",
        ["1: profiles.night.from: found '7:00', expected a time of day, 00:00 to 23:59, or null; write 07:00"],
    ),
    (
        'profiles: {night: {preset: quiet, from: "22:00"}}',
        ["1: profiles.night: found {preset: quiet, from: 22:00}, expected both from and to, or neither"],
    ),
    (
        "profiles: [night]",
        [
            "1: profiles: found [night], expected at most 16 profiles such as night: {preset: quiet, max_percent: 40}; write them without a '-' before each"
        ],
    ),
    (
        "profiles:\n  night: quiet",
        ["2: profiles.night: found 'quiet', expected settings such as 'preset: ...'; write {preset: quiet}"],
    ),
    (
        "profiles:\n  - night: {preset: quiet}",
        [
            "1: profiles: found [{night: {preset: quiet}}], expected at most 16 profiles such as night: {preset: quiet, max_percent: 40}; write them without a '-' before each"
        ],
    ),
    (
        'night: {preset: quiet, from: "22:00", to: "07:00"}',
        ["1: night: belongs under 'profiles:': write that line above this one, and indent this one below it"],
    ),
    ("fan: {bus: 1}", ["1: fan.bus: belongs under 'case:', not under 'fan:'"]),
    (
        "fan: {interval: 1s}",
        ["1: fan.interval: belongs to the file itself, not under 'fan:'; begin its line in the first column"],
    ),
    ("button: {duty_min_percent: 10}", ["1: button.duty_min_percent: belongs under 'fan:', not under 'button:'"]),
    (
        "Fan: {hold: 1m}",
        ["1: Fan: belongs under 'profiles:': write that line above this one, and indent this one below it"],
    ),
    (
        "FAN:\n  hold: 1m",
        ["1: FAN: belongs under 'profiles:': write that line above this one, and indent this one below it"],
    ),
    ("fan: {Hold: 1m}", ["1: fan.Hold: unknown key, did you mean 'hold'?"]),
    ("fan: {duty-min-percent: 10}", ["1: fan.duty-min-percent: unknown key, did you mean 'duty_min_percent'?"]),
    (
        "fan: {max: 40}",
        [
            "1: fan.max: unknown key, expected one of preset, curve, mode, target_celsius, interpolation, critical_celsius, hysteresis_celsius, hold, rise, duty_min_percent, max_percent, yield_celsius, failsafe_percent, on_stop, refresh"
        ],
    ),
    ("fan: {min_percent: 10}", ["1: fan.min_percent: unknown key, did you mean 'max_percent'?"]),
    (
        "fan:\n  - hold: 1m",
        ["1: fan: found [{hold: 1m}], expected settings such as 'preset: ...'; write them without a '-' before each"],
    ),
    ("fan: quiet", ["1: fan: found 'quiet', expected settings such as 'preset: ...'; write {preset: quiet}"]),
    ("fan: off", ["1: fan: found 'off', expected settings such as 'preset: ...'"]),
    ("fan: 60", ["1: fan: found 60, expected settings such as 'preset: ...'"]),
    ("[]", ["1: the file: found [], expected settings such as 'interval: ...'"]),
    (
        "fan: {hold: 1m\ncase: {bus: 1}",
        ["2: not valid YAML: a '{' that is not closed, or a ',' that is missing in it (in what begins on line 1)"],
    ),
    ("fan: [hold: 1m", ["1: not valid YAML: a '[' that is not closed, or a ',' that is missing in it"]),
    (
        'fan:\n  preset: "quiet\n  hold: 1m',
        ["3: not valid YAML: a quote that is not closed (in what begins on line 2)"],
    ),
    ("fan:\n\thold: 1m", ["2: not valid YAML: a tab: indent with spaces, not tabs"]),
    (
        "fan\n  hold: 1m",
        [
            "2: not valid YAML: a ':' too many: is the line above it a key without its ':', or is this text in need of quotes?"
        ],
    ),
    (
        "fan: hold: 1m",
        [
            "1: not valid YAML: a ':' too many: is the line above it a key without its ':', or is this text in need of quotes?"
        ],
    ),
    ("fan:\n  hold: 1m\n  hold: 2m", ["3: the key 'hold' stands here again; first on line 2"]),
    (
        "fan: {curve: {60: 40, 70: 20}}",
        ["1: fan.curve.70: found 20, expected at least 40: a fan must not slow down as it gets hotter"],
    ),
    (
        "fan: {curve: {}}",
        ["1: fan.curve: found {}, expected temperatures and duties such as {50: 10, 60: 40, 70: 100}"],
    ),
    ("fan: {curve: {200: 10}}", ["1: fan.curve.200: found 200, expected a temperature from -20 to 125 as the key"]),
    (
        "fan: {curve: {fifty: 10}}",
        ["1: fan.curve.fifty: found fifty, expected a temperature from -20 to 125 as the key"],
    ),
    (
        'button: {double_press: [logger, "a\\qb"]}',
        ["1: not valid YAML: a \\ within \"...\": it begins an escape there; write '...' instead, or \\\\"],
    ),
    (
        "button: {double_press: [@home]}",
        ["1: not valid YAML: a value cannot begin with this character: put it in quotes"],
    ),
    ("button: {double_press: `ls`}", ["1: not valid YAML: a value cannot begin with this character: put it in quotes"]),
    ("button: {double_press: [a, , b]}", ["1: not valid YAML: a value is missing before this"]),
    ("fan: {preset: *quiet}", ["1: anchors and aliases (& and *) are not accepted; write the value out"]),
    ("fan: {preset: !quiet}", ["1: not valid YAML: tags (!) are not accepted; put the text in quotes"]),
    (
        "%fan",
        [
            "1: not valid YAML: it does not fit the lines above it: settings of one section start in the same column, below a line such as 'fan:' (is that one still a comment?)"
        ],
    ),
    (
        "55=30\n60=55\n65=100",
        [
            "1: the file: found '55=30 60=55 65=100', expected settings such as 'interval: ...'; write '55: ...', with ':' instead of '='"
        ],
    ),
    (
        "fans = 50, 75, 100\ntemps = 50, 60, 65\nhysteresis = 10",
        [
            "1: the file: found 'fans = 50, 75, 100 temps = 50, 60, 65 hysteresis = 10', expected settings such as 'interval: ...'; write 'fans: ...', with ':' instead of '='"
        ],
    ),
    (
        "[CPUFan]\n55.0 = 30",
        [
            "2: not valid YAML: it does not fit the lines above it: settings of one section start in the same column, below a line such as 'fan:' (is that one still a comment?)"
        ],
    ),
    ("<fan>1</fan>", ["1: the file: found '<fan>1</fan>', expected settings such as 'interval: ...'"]),
    ("log_level: DEBUG", ["1: log_level: found 'DEBUG', expected info or debug; did you mean debug?"]),
    ("log_level: 6", ["1: log_level: found 6, expected info or debug"]),
    (
        "interval: 500",
        [
            "1: interval: found 500, expected a duration from 100ms to 5s (10s, 15m, or seconds); write 500ms if you mean milliseconds"
        ],
    ),
    ("interval: 0", ["1: interval: found 0, expected a duration from 100ms to 5s (10s, 15m, or seconds)"]),
    ("fan: {hysteresis_celsius: -3}", ["1: fan.hysteresis_celsius: found -3, expected a number from 0 to 20"]),
    ("fan: {failsafe_percent: 0}", ["1: fan.failsafe_percent: found 0, expected a whole number from 30 to 100"]),
    ("fan: {failsafe_percent: 10}", ["1: fan.failsafe_percent: found 10, expected a whole number from 30 to 100"]),
    ("fan: {target_celsius: 80}", ["1: fan.target_celsius: found 80, expected a number from 40 to 70"]),
    ("fan: {max_percent: 40.5}", ["1: fan.max_percent: found 40.5, expected a whole number from 0 to 100"]),
    ("fan: {preset: null}", ["1: fan.preset: found null, expected quiet, balanced or cool"]),
    ("fan: {preset: ~}", ["1: fan.preset: found ~, expected quiet, balanced or cool"]),
    (
        "zone: cpu-thermal",
        ["1: zone: belongs under 'sensors:': write that line above this one, and indent this one below it"],
    ),
    (
        "curve: {50: 10}\nfan: {hold: 1m}",
        ["1: curve: belongs under 'fan:' on line 2: move it there, and indent it as the lines below that one"],
    ),
    (
        "fan: {curve: true}",
        ["1: fan.curve: found true, expected temperatures and duties such as {50: 10, 60: 40, 70: 100}"],
    ),
    (
        "button: {hold_window_ms: 30-55}",
        [
            "1: button.hold_window_ms: found '30-55', expected two rising numbers of milliseconds from 1 to 500, such as [10, 30]"
        ],
    ),
    (
        "button: {hold_window_ms: [30]}",
        [
            "1: button.hold_window_ms: found [30], expected two rising numbers of milliseconds from 1 to 500, such as [10, 30]"
        ],
    ),
    (
        "sensors: [{zone: /sys/class/thermal/thermal_zone0/temp}]",
        [
            "1: sensors[0].zone: found '/sys/class/thermal/thermal_zone0/temp', expected a zone's name, not a path: what the file 'type' in its directory says, such as cpu-thermal"
        ],
    ),
]

# Words of a parser, and Python's way to show a value.
FOREIGN = re.compile(
    r"expected <|<block|scanning|parsing|token|'document|\bNone\b|\bTrue\b|\bFalse\b|\['\w|\{'\w|\\x|\\u"
)


def test_there_are_about_a_hundred() -> None:
    assert len(SLIPS) > 95
    assert len({text for text, _ in SLIPS}) == len(SLIPS)


@pytest.mark.parametrize(("text", "problems"), SLIPS, ids=[text.replace("\n", "|")[:40] for text, _ in SLIPS])
def test_what_it_is_told(text: str, problems: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config(text)
    assert [problem.removeprefix("config:") for problem in caught.value.problems] == problems
    assert [problem for problem in problems if FOREIGN.search(problem) or not problem.isprintable()] == []


ADVICE = re.compile(r"^\d+: (\S+): found .*; (?:write|did you mean) ([\w.:-]+?|\{.*\})(?:\?|, with.*| if you.*)?$")
ADVISED = [match.groups() for _, problems in SLIPS for problem in problems if (match := ADVICE.match(problem))]


def test_there_is_advice() -> None:
    assert len(ADVISED) > 20


@pytest.mark.parametrize(("where", "value"), ADVISED)
def test_what_to_write_instead_is_accepted(where: str, value: str) -> None:
    section, _, key = where.partition(".")
    inner = f"{{{key}: {value}}}" if key else value
    if section == "sensors[0]":
        inner = f"{{zone: a, {key}: {value}}}" if key and key != "optional" else "{hwmon: a, optional: true}"
        parse_config(f"sensors: [{inner}]")
    elif where.startswith("fan.curve."):
        parse_config(f"fan: {{curve: {{{value}: {value}}}}}")
    elif where.startswith("profiles.night."):
        night = key.removeprefix("night.")
        more = {"from": "to: '23:00'", "to": "from: '01:00'"}.get(night, "hold: 1s")
        parse_config(f"profiles: {{night: {{{night}: {value}, {more}}}}}")
    else:
        parse_config(f"{section}: {inner}" if section != "profiles" else f"profiles: {{night: {value}}}")
