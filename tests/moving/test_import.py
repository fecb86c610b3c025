"""Other daemons' settings as a1d's: the same duties, or faster where that is safer, and nothing that hurts."""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from a1d.config.bounded import SIZE_MAX
from a1d.config.oddities import oddities_of
from a1d.config.reader import parse_config
from a1d.config.settings import Config
from a1d.config.warnings import warnings_of
from a1d.errors import ConfigError
from a1d.moving.command import import_settings
from a1d.temperature.curve import curve_of

VENDOR = "55=30\n60=55\n65=100\n"
DRIVES = "# drives\n35=30\n40=55\n50=100\n"
ARGONONED = "# argononed configuration\nfans = 50, 75, 100\ntemps = 50, 60, 65\nhysteresis = 10\n\nflags = 0x04\n"
ARGONEON = (
    "[General]\ntemperature = C\ndebug = N\n\n[OLED]\nscreenduration = 30\n\n"
    "[CPUFan]\n55.0 = 30\n60.0 = 55\n65.0 = 100\n\n[HDDFan]\n40.0 = 25\n60.0 = 100\n"
)
POINTS = re.compile(r"^ *# (?:The|Some of the) points are (.*)\n *curve: ", re.MULTILINE)
CELSIUS = [tenth / 10 for tenth in range(1101)]  # 0 to 110


@pytest.fixture
def here(tmp_path: Path) -> Path:
    return tmp_path


def written(here: Path, **files: str | bytes) -> list[str]:
    """Their paths, in this order; a name's __ is a point, its _ a dash."""
    paths = []
    for name, content in files.items():
        path = here / name.replace("__", ".").replace("_", "-")
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        paths.append(str(path))
    return paths


def moved(here: Path, **files: str | bytes) -> tuple[Config, str]:
    text = import_settings(written(here, **files))
    config = parse_config(text)
    assert warnings_of(config) + oddities_of(config) == []
    assert all(line.isprintable() for line in text.splitlines())
    return config, text


def duties(config: Config, sensor: int = 0) -> list[int]:
    curve = curve_of(config, config.sensors[sensor])
    return [curve.duty_percent(celsius) for celsius in CELSIUS]


# -- the laws of the others, written anew from what is known of them -------------------------------------


def vendor_law(pairs: list[tuple[float, float]], celsius: float) -> float:
    """The hottest threshold that is reached counts; what is not 0 is at least 25 %."""
    reached = [(threshold, duty) for threshold, duty in pairs if celsius >= threshold]
    duty = max(reached)[1] if reached else 0.0
    return 0.0 if duty < 1 else max(25.0, duty)


def argononed_law(fans: list[int], temps: list[int], hysteresis: int, celsius: float) -> int:
    """Its state machine, at whole degrees, from a cold start and from a hot one: the faster of the two ends."""
    ends = []
    for start in (0, 3):
        state = start
        for _ in range(20):
            whole = int(celsius)
            before = state
            if state < 3 and whole >= temps[state]:
                state += 1
            elif before > 0 and whole <= temps[before - 1] - hysteresis:
                state -= 1
        ends.append(state)
    return ([0, *fans])[ends[0]]


# -- the same duties ------------------------------------------------------------------------------------


def test_the_vendor_s_default_is_the_same_at_every_temperature(here: Path) -> None:
    config, _ = moved(here, argononed__conf=VENDOR)
    pairs = [(55.0, 30.0), (60.0, 55.0), (65.0, 100.0)]
    assert duties(config) == [vendor_law(pairs, celsius) for celsius in CELSIUS]
    assert (config.fan.interpolation, config.fan.hold_s, config.fan.hysteresis_celsius) == ("step", 30, 0)


rising = st.lists(
    st.tuples(st.integers(0, 700).map(lambda tenth: tenth / 10), st.integers(25, 100)),
    min_size=1,
    max_size=20,
    unique_by=lambda pair: pair[0],
).map(lambda pairs: list(zip(sorted(temp for temp, _ in pairs), sorted(duty for _, duty in pairs), strict=True)))


@given(rising, st.randoms())
def test_sound_steps_of_the_vendor_s_are_the_same_below_critical(
    tmp_path_factory: pytest.TempPathFactory, pairs: list[tuple[float, int]], shuffle: random.Random
) -> None:
    lines = [f"{temp}={duty}" for temp, duty in pairs]
    shuffle.shuffle(lines)
    config, _ = moved(tmp_path_factory.mktemp("v"), argononed__conf="\n".join(lines))
    source = [(temp, float(duty)) for temp, duty in pairs]
    for celsius, duty in zip(CELSIUS, duties(config), strict=True):
        assert duty == (vendor_law(source, celsius) if celsius < 80 else 100)


any_pairs = st.lists(
    st.tuples(st.integers(0, 1000).map(lambda tenth: tenth / 10), st.integers(0, 100)),
    min_size=1,
    max_size=60,
    unique_by=lambda pair: pair[0],
)


@given(any_pairs)
@example([(75.0, 30)])
@example([(90.0, 100)])
@example([(55.0, 0)])
@example([(50.0, 100), (60.0, 20)])
def test_whatever_the_vendor_s_steps_are_a1d_is_at_least_as_fast(
    tmp_path_factory: pytest.TempPathFactory, pairs: list[tuple[float, int]]
) -> None:
    config, _ = moved(tmp_path_factory.mktemp("v"), argononed__conf="\n".join(f"{t}={d}" for t, d in pairs))
    source = [(temp, float(duty)) for temp, duty in pairs]
    for celsius, duty in zip(CELSIUS, duties(config), strict=True):
        assert duty >= vendor_law(source, celsius)


@given(
    st.lists(st.integers(10, 100), min_size=3, max_size=3, unique=True).map(sorted),
    st.lists(st.integers(30, 70), min_size=3, max_size=3, unique=True).map(sorted),
    st.integers(1, 10),
)
def test_argononed_s_steps_are_the_same_while_it_warms(
    tmp_path_factory: pytest.TempPathFactory, fans: list[int], temps: list[int], hysteresis: int
) -> None:
    text = f"fans = {', '.join(map(str, fans))}\ntemps = {','.join(map(str, temps))}\nhysteresis={hysteresis}\n"
    config, _ = moved(tmp_path_factory.mktemp("a"), argononed__conf=text)
    assert config.fan.hysteresis_celsius == hysteresis
    for celsius, duty in zip(CELSIUS, duties(config), strict=True):
        assert duty == (argononed_law(fans, temps, hysteresis, celsius) if celsius < 80 else 100)


def test_both_files_of_the_vendor_s_together(here: Path) -> None:
    config, text = moved(here, argononed__conf=VENDOR, argononed_hdd__conf=DRIVES)
    cpu, drives = config.sensors
    assert (cpu.zone, drives.hwmon, drives.optional, drives.interval_s) == ("cpu-thermal", "drivetemp", True, 30)
    pairs = [(35.0, 30.0), (40.0, 55.0), (50.0, 100.0)]
    assert duties(config, 1) == [vendor_law(pairs, celsius) for celsius in CELSIUS]
    assert "drivetemp" in text


def test_the_drives_alone_leave_the_cpu_the_vendor_s_default(here: Path) -> None:
    config, text = moved(here, argononed_hdd__conf=DRIVES)
    assert config.fan.curve == ((55, 30), (60, 55), (65, 100))
    assert POINTS.findall(text) == [
        "those that Argon's own daemon has when nothing is set.",
        f"from {here}/argononed-hdd.conf.",
    ]
    assert "nothing in it starts the fan" not in text, "there is nothing in it for the CPU"


@pytest.mark.parametrize(
    ("text", "points"),
    [
        (VENDOR, ["from {name}."]),
        (
            "999=30\n",
            ["the defaults of Argon's own daemon (argonone-rs reads the same file): {name} has none that counts."],
        ),
        ("55=0\n", ["those that Argon's own daemon has when nothing is set."]),
        (ARGONONED, ["from {name}."]),
        ("hysteresis=3\n", ["defaults of argononed; the notes above say which."]),
        ("fans=10,50,100\ntemps=50,60,90\n", ["defaults of argononed; the notes above say which."]),
        (ARGONEON, ["from {name}.", "from {name}."]),
        (
            "[CPUFan]\n[HDDFan]\n30=50\n",
            ["the defaults of JeffCurless's argoneon: {name} has none that counts.", "from {name}."],
        ),
        (
            "[CPUFan]\n60=50\n[HDDFan]\n",
            ["from {name}.", "the defaults of JeffCurless's argoneon: {name} has none that counts."],
        ),
    ],
)
def test_above_each_curve_stands_where_its_points_are_from(here: Path, text: str, points: list[str]) -> None:
    (path,) = written(here, argononed__conf=text)
    assert POINTS.findall(import_settings([path])) == [each.format(name=path) for each in points]


def test_jeffcurless_s_sections(here: Path) -> None:
    config, text = moved(here, argoneon__conf=ARGONEON)
    assert config.fan.curve == ((55, 30), (60, 55), (65, 100))
    assert config.sensors[1].curve == ((40, 25), (60, 100))
    assert "[OLED]" in text


def test_every_key_of_argononed_s(here: Path) -> None:
    text = "fan0=20\nfan1=40 # louder\nfan2=90\ntemp0=50\ntemp1=60\ntemp2=70\ni2cbus=0\nloglevel=6\nflags=0x13\n"
    config, shown = moved(here, argononed__conf=text)
    assert config.fan.curve == ((50, 20), (60, 40), (70, 90))
    assert (config.case.bus, config.log_level, config.button.backend) == (0, "debug", "none")
    assert config.fan.hysteresis_celsius == 0, "what is not set is 0 to it"
    assert "flags 0x13" in shown


# -- what is made safe is said -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "curve", "words"),
    [
        ("55=10\n65=100\n", ((55, 25), (65, 100)), "10 % is 25 % here, as Argon's own daemon makes of it"),
        ("50=5\n55=20\n60=10.5\n65=100\n", ((50, 25), (65, 100)), "5, 10 and 20 % are 25 % here"),
        ("75=40\n", ((70, 40),), "it started the fan only at 75 C; here it starts at 70 C"),
        ("90=100\n", ((70, 100),), "here it starts at 70 C"),
        ("55=0\n", ((55, 30), (60, 55), (65, 100)), "nothing in it starts the fan"),
        ("50=100\n60=20\n", ((50, 100),), "it slowed the fan to 25 % at 60 C, as it got hotter; here it keeps 100 %"),
        ("50=30\n85=100\n", ((50, 30),), "what it did from 85 C on is not needed"),
        ("50=30\n60=130\nhello\n70=100", ((50, 30), (70, 100)), "line 2 is left out, as there: 60=130"),
        ("fans=5,50,100\ntemps=50,60,70\n", ((50, 10), (60, 50), (70, 100)), "5 % becomes 10 %"),
        ("fans=50,40,100\ntemps=50,60,70\n", ((50, 50), (60, 55), (70, 100)), "fan1 is not above fan0, so it is 55"),
        (
            "fans=10,50,100\ntemps=50,60,90\n",
            ((50, 10), (60, 50), (65, 100)),
            "temp2 is more than 80, so it is 65, arg",
        ),
        (
            "fans=20,50,90\ntemps=70,75\n",
            ((70, 20), (75, 90)),
            "temp2 is not above temp1, so it is 65",
        ),
        (
            "fans=10,50,100\ntemps=50,60,70\nhysteresis=12\n",
            ((50, 10), (60, 50), (70, 100)),
            "hysteresis is more than 10, so it is 3, argononed's default",
        ),
        (
            "fans=10,50,100\ntemps=50,60,70,75\n",
            ((50, 10), (60, 50), (70, 100)),
            "line 2 counts as temps = 50, 60, 70, as there: temps=50,60,70,75",
        ),
        (
            "fans=10,50,100\ntemps=50,60,70\nhysteresis = five\n",
            ((50, 10), (60, 50), (70, 100)),
            "line 3 counts as hysteresis = 0, as there: hysteresis = five",
        ),
        ("fans=10,50,100\ntemps=50,60,70\nspeed=3\n", ((50, 10), (60, 50), (70, 100)), "line 3 is left out"),
        ("fans=10,50,100\ntemps=50,60,70\ni2cbus=200\n", ((50, 10), (60, 50), (70, 100)), "there is no bus 200"),
    ],
)
def test_what_is_changed_or_left_out_is_said(here: Path, text: str, curve: object, words: str) -> None:
    config, shown = moved(here, argononed__conf=text)
    assert config.fan.curve == curve
    assert words in shown


def test_more_steps_than_a_curve_may_have_are_joined_upwards(here: Path) -> None:
    pairs = [(30 + at, 25 + at) for at in range(40)]
    config, shown = moved(here, argononed__conf="\n".join(f"{temp}={duty}" for temp, duty in pairs))
    assert len(config.fan.curve) == 32
    for celsius, duty in zip(CELSIUS, duties(config), strict=True):
        assert duty >= vendor_law([(float(temp), float(percent)) for temp, percent in pairs], celsius)
    assert "of its 40 steps 32 are kept" in shown


# -- hostile and wrong ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", ": the file is empty"),
        ("\n  \n", ": the file is empty"),
        ("# fans = 10, 55, 100\n;\n", ": the file has only comments"),
        ("# a comment\nhello\n", ":2: found 'hello', expected lines such as 55=30"),
        ("\n\nhello = world\n", ":3: found 'hello = world', expected lines such as 55=30"),
        ("fan:\n  hold: 1m\n", ": this is a1d's own format; a1d --check says whether it is good"),
        ("fan:\n  curve:\n    50=10\n", ": this is a1d's own format"),
        ("options:\n  55: 30\n", ":1: found 'options:', expected"),
        (b"\xff\xfe\x00\x1b[31m", ":1: found"),
        ("5" * (SIZE_MAX + 1), ": larger than 16 KiB"),
    ],
)
def test_what_nobody_knows_is_an_error_with_file_and_line(here: Path, content: str | bytes, words: str) -> None:
    (path,) = written(here, argononed__conf=content)
    with pytest.raises(ConfigError) as caught:
        import_settings([path])
    assert str(caught.value).startswith(path + words)
    assert str(caught.value).isprintable()


def test_files_that_cannot_be_or_do_not_fit_together_are_named(here: Path) -> None:
    one, other = written(here, argononed__conf=VENDOR, other__conf=ARGONONED)
    with pytest.raises(ConfigError, match="both have settings for the CPU"):
        import_settings([one, other])
    with pytest.raises(ConfigError, match=r"nowhere\.conf: cannot be read: No such file"):
        import_settings([str(here / "nowhere.conf")])
    os.mkfifo(here / "fifo")
    with pytest.raises(ConfigError, match="fifo: cannot be read: not a regular file"):
        import_settings([str(here / "fifo")])
    with pytest.raises(ConfigError, match="at most 4"):
        import_settings([one] * 5)


pieces = st.sampled_from(
    ["55=30", "60=55", "fans=1,2,3", "temps = ,,", "[CPUFan]", "[HDDFan]", "hysteresis=99999999999", "flags=0xzz",
     "i2cbus=-1", "=", "#", "\x1b[31m", "\0", "\u2028", "1=1=1", "9" * 400 + "=1", "temp9=1", "fan0=\t", "\r", "nan=30",
     "1e9=inf", "é", "55.25=30.9", "-5=30", "[", "loglevel=6", "debug=Y"]
)  # fmt: skip


@given(st.lists(pieces | st.text(max_size=20), max_size=12).map("\n".join))
def test_any_text_is_refused_or_becomes_a_configuration_without_a_warning(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    here = tmp_path_factory.mktemp("h")
    try:
        config, shown = moved(here, argononed__conf=text.encode("utf-8", "replace"))
    except ConfigError as error:
        assert all(problem.startswith(str(here)) and problem.isprintable() for problem in error.problems)
    else:
        assert len(shown) < 8000
        assert 100 in duties(config)


def test_a_file_s_name_cannot_smuggle_a_setting_in(here: Path) -> None:
    name = "x\ninterval: 5s\n# \x1b[31margononed.conf"
    (here / name).write_text(VENDOR)
    assert parse_config(import_settings([str(here / name)])).interval_s == Config().interval_s


# -- the commands --------------------------------------------------------------------------------------


def a1d(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "a1d", *arguments]
    return subprocess.run(command, input=stdin, capture_output=True, text=True, check=False, timeout=20)


@pytest.mark.parametrize("text", [VENDOR, ARGONONED, ARGONEON])
def test_what_import_prints_passes_check_strictly(here: Path, text: str) -> None:
    (path,) = written(here, argononed__conf=text)
    printed = a1d("--import", path)
    assert (printed.returncode, printed.stderr) == (0, "")
    checked = a1d("--check", "-", "--strict", stdin=printed.stdout)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "standard input: fine\n", "")


def test_a_dash_is_standard_input(here: Path) -> None:
    done = a1d("--import", "-", stdin=ARGONONED)
    assert (done.returncode, done.stderr) == (0, "")
    assert "'a1d --import' from standard input:" in done.stdout
    both = a1d("--import", "-", *written(here, argononed_hdd__conf=DRIVES), stdin=VENDOR)
    assert parse_config(both.stdout).sensors[1].hwmon == "drivetemp"
    empty = a1d("--import", "-")
    assert (empty.returncode, empty.stderr) == (78, "standard input: the file is empty\n")


def test_what_says_just_what_is_used_gets_no_note(here: Path) -> None:
    (path,) = written(here, argononed__conf=ARGONONED + "i2cbus = 1\nloglevel=4\ntemp0=50 # warm\n")
    assert "counts as" not in import_settings([path]).replace("a sensor that is lost counts as hot", "")


@pytest.mark.parametrize(
    ("text", "whose"),
    [(VENDOR, "Argon's own daemon"), (ARGONONED, "of argononed"), (ARGONEON, "JeffCurless's argoneon")],
)
def test_check_knows_another_daemon_s_file_and_names_the_command(here: Path, text: str, whose: str) -> None:
    (path,) = written(here, argononed__conf=text)
    done = a1d("--check", path)
    assert (done.returncode, done.stdout) == (78, "")
    (line,) = done.stderr.splitlines()
    assert whose in line
    assert line.endswith(f"to take them over: a1d --import {path}")


def test_import_of_nonsense_is_78_and_prints_nothing(here: Path) -> None:
    (path,) = written(here, x="hello\n")
    done = a1d("--import", path)
    assert (done.returncode, done.stdout) == (78, "")
    assert "Traceback" not in done.stderr
