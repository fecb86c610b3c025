"""The two small programs: their functions in virtual time, and the programs themselves as real processes."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import a1d
from a1d.case import apply_failsafe as apply_module
from a1d.case import failsafe, powercut, stop_program
from a1d.case.apply_failsafe import apply_failsafe
from a1d.case.bus import CaseBus, open_case
from a1d.case.failsafe import stopped_cleanly
from a1d.case.powercut import LegacyPowerCut, RegisterPowerCut, cut_power, open_power_cut
from a1d.case.retry import try_for
from a1d.case.stop_program import bound_time, read_stop_settings
from a1d.case.stop_settings import FILE_NAME, StopSettings, write_stop_settings
from a1d.config.bounded import read_bounded
from a1d.sim.mcu import KICK_S, BusFault, SimulatedBus, SimulatedMcu
from tests import fake_smbus2
from tests.virtual import VirtualClock

# What both programs say of themselves.
OVER_IN_S = 3.0
TIMEOUT_S = 0.3
LAST_TRY_S = 0.5  # a try that began in time may end late; the programs have an alarm for that
# As long as the fake bus hangs is longer still. A busy machine needs the room.
MUCH_TOO_LONG_S = 15

errors = st.lists(st.sampled_from([0, 0, errno.EREMOTEIO, errno.ETIMEDOUT, errno.EAGAIN, errno.EIO]), max_size=12)


class ScriptedBus:
    """The simulated bus, but each transfer first takes the next error of the script, 0 for none."""

    def __init__(self, case: Case) -> None:
        self._bus = SimulatedBus(case.mcu, case.faults, case.clock.sleep, TIMEOUT_S)
        self._case = case
        case.open_buses += 1

    def _take_error(self) -> None:
        number = self._case.script.pop(0) if self._case.script else 0
        if number == errno.ETIMEDOUT:
            self._case.clock.sleep(TIMEOUT_S)
        if number:
            raise OSError(number, os.strerror(number))

    def write_byte_data(self, i2c_addr: int, register: int, value: int) -> None:
        self._take_error()
        self._bus.write_byte_data(i2c_addr, register, value)

    def read_byte_data(self, i2c_addr: int, register: int) -> int:
        self._take_error()
        return self._bus.read_byte_data(i2c_addr, register)

    def write_byte(self, i2c_addr: int, value: int) -> None:
        self._take_error()
        self._bus.write_byte(i2c_addr, value)

    def close(self) -> None:
        self._case.open_buses -= 1
        self._bus.close()


class Case:
    """A simulated MCU and a way to each program's bus; the fan runs at ``duty``."""

    def __init__(self, duty: int = 0, script: list[int] | None = None, *, legacy: bool = False) -> None:
        self.clock = VirtualClock()
        self.mcu = SimulatedMcu(self.clock, legacy=legacy)
        self.mcu.set_duty(duty)
        self.faults: set[BusFault] = set()
        self.script = list(script or ())
        self.open_buses = 0
        self._protocol = "legacy" if legacy else "register"

    def open_bus(self) -> CaseBus:
        return open_case(self._protocol, lambda: ScriptedBus(self))

    def open_power_cut(self) -> RegisterPowerCut | LegacyPowerCut:
        return open_power_cut(self._protocol, ScriptedBus(self))

    def kick(self, to: int, ago_s: float) -> None:
        """The fan was started from standstill a moment ago."""
        self.mcu.set_duty(0)
        self.mcu.write(None if self._protocol == "legacy" else 0x80, to)
        self.clock.sleep(ago_s)
        self.mcu.transfers.clear()

    def apply_failsafe(self, failsafe_percent: int, exact_percent: int | None = None) -> str:
        with self.bounded():
            return apply_failsafe(
                self.open_bus, failsafe_percent, exact_percent, clock=self.clock, sleep=self.clock.sleep
            )

    def cut_power(self) -> int:
        with self.bounded():
            return cut_power(self.open_power_cut, clock=self.clock, sleep=self.clock.sleep)

    @contextmanager
    def bounded(self) -> Iterator[None]:
        started_s = self.clock()
        try:
            yield
        finally:
            assert self.clock() - started_s <= OVER_IN_S + LAST_TRY_S
            assert self.open_buses == 0

    @property
    def written(self) -> list[tuple[int | None, int]]:
        return [(t.register, t.value) for t in self.mcu.transfers if t.value is not None]


kicks = st.none() | st.tuples(st.integers(1, 100), st.floats(0, KICK_S + 0.1))

# -- failsafe, the function -----------------------------------------------------------------------------


@given(st.integers(0, 255), st.integers(30, 100), st.none() | st.integers(0, 100), kicks, errors)
def test_the_duty_that_it_reports_is_the_duty_that_the_fan_keeps(
    duty: int, failsafe_percent: int, exact: int | None, kick: tuple[int, float] | None, script: list[int]
) -> None:
    case = Case(duty, script)
    if kick:
        case.kick(*kick)
    present = min(100, case.mcu.register_duty)
    try:
        said = case.apply_failsafe(failsafe_percent, exact)
    except OSError:
        return
    case.clock.sleep(10)
    left = case.mcu.fan_percent
    assert f" {left} %" in said
    if exact is None:
        assert left in (max(present, failsafe_percent), 100)
    else:
        assert left == exact


@given(st.integers(0, 100), st.integers(30, 100), errors)
def test_it_never_makes_the_fan_slower(duty: int, failsafe_percent: int, script: list[int]) -> None:
    case = Case(duty, script)
    try:
        case.apply_failsafe(failsafe_percent)
    except OSError:
        pass
    assert all(register == 0x80 and max(duty, failsafe_percent) <= value <= 100 for register, value in case.written)


def test_a_duty_that_cannot_be_read_counts_as_100() -> None:
    case = Case(20, [errno.EIO])
    assert "100 %" in case.apply_failsafe(60)
    assert case.mcu.fan_percent == 100


@pytest.mark.parametrize("failsafe_percent", [30, 50])
def test_a_duty_that_the_mcu_is_about_to_forget_is_written(failsafe_percent: int) -> None:
    """Just reset, it reports 50 % for 5 s and then stops the fan."""
    case = Case()
    case.mcu.reset()
    case.apply_failsafe(failsafe_percent)
    case.clock.sleep(10)
    assert case.mcu.fan_percent == 50


@pytest.mark.parametrize(("exact", "left"), [(None, 100), (40, 40)])
def test_an_older_case_is_written_to_once_and_not_read(exact: int | None, left: int) -> None:
    case = Case(20, legacy=True)
    case.apply_failsafe(60, exact)
    assert case.mcu.fan_percent == left
    assert [(t.register, t.value) for t in case.mcu.transfers] == [(None, left)]


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("fault", [BusFault.NO_ANSWER, BusFault.TIME_OUT, BusFault.ARBITRATION, BusFault.NO_BUS])
def test_a_dead_bus_is_an_error_after_having_tried_for_a_while(fault: BusFault, legacy: bool) -> None:
    case = Case(legacy=legacy)
    case.faults.add(fault)
    started_s = case.clock()
    with pytest.raises(OSError):
        case.apply_failsafe(60)
    assert case.clock() - started_s > 1.5


@pytest.mark.parametrize(
    ("environ", "clean"),
    [
        ({"SERVICE_RESULT": "success"}, True),
        *(
            ({"SERVICE_RESULT": result}, False)
            for result in ("exit-code", "signal", "core-dump", "watchdog", "timeout")
        ),
        *(({"SERVICE_RESULT": result}, False) for result in ("resources", "protocol", "oom-kill", "", "Success")),
        ({}, False),
        ({"EXIT_STATUS": "0"}, False),
    ],
)
def test_only_the_service_result_success_makes_a_stop_clean(environ: dict[str, str], clean: bool) -> None:
    assert stopped_cleanly(environ) is clean


# -- the power cut, the function ---------------------------------------------------------------------------


@given(st.integers(0, 100), kicks, errors, st.booleans())
def test_if_it_says_so_the_power_will_go(
    duty: int, kick: tuple[int, float] | None, script: list[int], legacy: bool
) -> None:
    case = Case(duty, script, legacy=legacy)
    if kick:
        case.kick(*kick)
    started_s = case.clock()
    try:
        case.cut_power()
    except OSError:
        assert case.clock() - started_s >= 2.0
    else:
        assert case.mcu.cut_s is not None
        assert case.mcu.register_duty == 0
    stop, arm = ((None, 0), (None, 0xFF)) if legacy else ((0x80, 0), (0x86, 1))
    assert set(case.written) <= {stop, arm}
    assert case.written[:1] in ([], [stop])


@pytest.mark.parametrize("ago_s", [0.0, 0.25, 0.49])
@pytest.mark.parametrize("number", [0, errno.EAGAIN, errno.EIO])
def test_a_kick_is_waited_out_even_if_it_cannot_be_seen(ago_s: float, number: int) -> None:
    case = Case(script=[0, number])
    case.kick(30, ago_s)
    case.cut_power()
    assert case.mcu.cut_s is not None


@pytest.mark.parametrize("fault", [BusFault.NO_ANSWER, BusFault.TIME_OUT, BusFault.ARBITRATION, BusFault.NO_BUS])
def test_a_bus_that_answers_within_two_seconds_is_still_asked(fault: BusFault) -> None:
    case = Case()
    case.faults.add(fault)
    back_s = case.clock() + 1.6

    def sleep(seconds: float) -> None:
        case.clock.sleep(seconds)
        if case.clock() >= back_s:
            case.faults.clear()

    assert cut_power(case.open_power_cut, clock=case.clock, sleep=sleep) > 2
    assert case.mcu.cut_s is not None


@pytest.mark.parametrize("first_fails", [True, False])
@pytest.mark.parametrize("legacy", [False, True])
def test_a_bus_that_fails_every_second_time_is_no_obstacle(first_fails: bool, legacy: bool) -> None:
    """Found in a virtual machine: a try that begins at the beginning never gets to the end of such a bus."""
    script = [errno.EIO, 0] * 20 if first_fails else [0, errno.EIO] * 20
    case = Case(30, list(script), legacy=legacy)
    case.cut_power()
    assert case.mcu.cut_s is not None
    case = Case(30, list(script), legacy=legacy)
    case.apply_failsafe(60)
    assert case.mcu.fan_percent >= 60


def test_a_request_that_could_not_be_repeated_is_reported_as_such() -> None:
    case = Case(30, [0, 0] + [errno.EIO] * 100)
    with pytest.raises(OSError, match="took the request, but not the repetition"):
        case.cut_power()


def test_who_may_steer_may_not_write_what_root_reads(tmp_path: Path) -> None:
    """The unit's umask gives new files to the group, and that is the group of those who may steer."""
    before = os.umask(0o007)
    try:
        write_stop_settings(str(tmp_path), StopSettings())
    finally:
        os.umask(before)
    assert (tmp_path / FILE_NAME).stat().st_mode & 0o777 == 0o644


def test_an_older_case_is_never_read() -> None:
    case = Case(30, legacy=True)
    case.cut_power()
    assert [(t.register, t.value) for t in case.mcu.transfers] == [(None, 0), (None, 0xFF)]


# -- what they know of the configuration ------------------------------------------------------------------

LEGACY_CONFIG = "case:\n  protocol: legacy\n  bus: 3\n"
settings = st.builds(
    StopSettings,
    protocol=st.sampled_from(["register", "legacy"]),
    bus=st.integers(0, 99),
    timeout_s=st.floats(0, 1),
    failsafe_percent=st.integers(30, 100),
    on_stop=st.sampled_from(["keep", "failsafe"]) | st.integers(0, 100),
)


@given(settings)
def test_what_the_daemon_leaves_is_what_they_read(tmp_path: Path, left: StopSettings) -> None:
    write_stop_settings(str(tmp_path), left)
    assert read_stop_settings(str(tmp_path), "/nonexistent") == left
    assert os.listdir(tmp_path) == [FILE_NAME]


json_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(list(StopSettings._fields)) | st.text(max_size=5), inner, max_size=6)
    ),
    max_leaves=20,
)


@given(
    st.binary(max_size=64) | json_like.map(lambda value: json.dumps(value).encode()) | st.just(b"[" * 5000),
    st.binary(max_size=64) | st.text(max_size=64).map(str.encode),
)
def test_no_file_however_broken_gives_anything_unsafe(tmp_path: Path, stop: bytes, config: bytes) -> None:
    (tmp_path / FILE_NAME).write_bytes(stop)
    (tmp_path / "config.yaml").write_bytes(config)
    read = read_stop_settings(str(tmp_path), str(tmp_path / "config.yaml"))
    assert read.protocol in ("register", "legacy")
    assert type(read.bus) is int
    assert 0 <= read.bus <= 99
    assert 0 <= read.timeout_s <= 1
    assert 30 <= read.failsafe_percent <= 100
    assert read.on_stop in ("keep", "failsafe", *range(101))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("failsafe_percent", value) for value in (-1, 0, 29, 101, 60.0, "60", True, None)),
        *(("on_stop", value) for value in (-1, 101, 25.0, "25", True, None, "Keep", ["keep"])),
        *(("bus", value) for value in (-1, 100, 1.0, "3", True, None)),
    ],
)
def test_a_value_that_makes_no_sense_gives_the_default(tmp_path: Path, name: str, value: object) -> None:
    (tmp_path / FILE_NAME).write_text(json.dumps(StopSettings()._asdict() | {name: value}))
    assert read_stop_settings(str(tmp_path), "/nonexistent") == StopSettings()


@pytest.mark.parametrize(
    "stop", [None, b"", b"{", b"\xff\xfe", b"null", b"[]", b"{}", b"{" * 5000, b'{"protocol": 1}', b'"legacy"']
)
def test_without_stop_json_the_configuration_is_guessed_from(tmp_path: Path, stop: bytes | None) -> None:
    """The wrong protocol can hang an old case."""
    if stop is not None:
        (tmp_path / FILE_NAME).write_bytes(stop)
    (tmp_path / "config.yaml").write_text(LEGACY_CONFIG)
    read = read_stop_settings(str(tmp_path), str(tmp_path / "config.yaml"))
    assert read == StopSettings(protocol="legacy", bus=3)


def test_a_configuration_that_cannot_be_read_gives_the_defaults(tmp_path: Path) -> None:
    assert read_stop_settings(str(tmp_path), str(tmp_path)) == StopSettings()


# -- the programs ------------------------------------------------------------------------------------------


def stop_json(**values: Any) -> bytes:
    return json.dumps(StopSettings(**values)._asdict()).encode()


@dataclass
class Run:
    """One program, its surroundings, and what must come of it; ``writes`` None where it does not matter."""

    program: str
    arguments: tuple[str, ...] = ()
    stop: bytes | None = None
    config: str = ""
    result: str | None = "signal"
    duty: int = fake_smbus2.FIRST_DUTY
    script: str = "ok"
    bus: int = 1
    stop_is_fifo: bool = False
    further_run_dirs: str = ""  # as systemd appends them
    has_kmsg: bool = True
    code: int = 0
    writes: list[str] | None = None
    says: str = ""


@dataclass
class Outcome:
    code: int
    took_s: float
    stderr: str
    kmsg: str
    transfers: list[tuple[str, str]] = field(default_factory=list)

    @property
    def writes(self) -> list[str]:
        """Acknowledged ones."""
        return [text for text, word in self.transfers if word in ("ok", "lost") and not text.endswith("?")]


def failsafe_run(**values: Any) -> Run:
    return Run("a1d.case.failsafe", **values)


def powercut_run(*arguments: str, **values: Any) -> Run:
    return Run("a1d.case.powercut", arguments, **values)


CUT = ["0x1a 0x80=0", "0x1a 0x86=1"] * 2
CUT_LEGACY = ["0x1a 0", "0x1a 255"]
LEGACY = stop_json(protocol="legacy")
FAILSAFE_60 = stop_json(failsafe_percent=60)

RUNS = {
    "failsafe after a crash": failsafe_run(stop=FAILSAFE_60, writes=["0x1a 0x80=60"], says="set to 60 %"),
    "failsafe when the fan is faster": failsafe_run(stop=FAILSAFE_60, duty=80, says="80 %"),
    "failsafe without a service result": failsafe_run(
        stop=stop_json(on_stop="keep"), result=None, writes=["0x1a 0x80=100"]
    ),
    "failsafe without the daemon's settings": failsafe_run(writes=["0x1a 0x80=100"]),
    "failsafe with settings of garbage": failsafe_run(stop=b'{"failsafe_percent": 0, "on', writes=["0x1a 0x80=100"]),
    "failsafe with settings out of range": failsafe_run(
        stop=b'{"protocol": "register", "failsafe_percent": 0, "bus": -1}', writes=["0x1a 0x80=100"]
    ),
    "failsafe, clean, keep": failsafe_run(stop=stop_json(on_stop="keep"), result="success", writes=[]),
    "failsafe, clean, a number": failsafe_run(
        stop=stop_json(on_stop=25), result="success", duty=80, writes=["0x1a 0x80=25"]
    ),
    "failsafe, clean, failsafe": failsafe_run(
        stop=stop_json(failsafe_percent=60, on_stop="failsafe"), result="success", writes=["0x1a 0x80=60"]
    ),
    "failsafe, crashed, a number": failsafe_run(stop=stop_json(on_stop=25), writes=["0x1a 0x80=100"]),
    "failsafe on an old case": failsafe_run(stop=LEGACY, writes=["0x1a 100"]),
    "failsafe on an old case, by a guess": failsafe_run(config=LEGACY_CONFIG, bus=3, writes=["0x1a 100"]),
    "failsafe, present unreadable": failsafe_run(stop=FAILSAFE_60, script="5 ok", writes=["0x1a 0x80=100"]),
    "failsafe, a bus with errors": failsafe_run(
        stop=FAILSAFE_60, script="ok 121 ok ok", writes=["0x1a 0x80=60"], says="set to 60 %"
    ),
    "failsafe, nothing answers": failsafe_run(script="121", code=1, writes=[], says="could not be made safe"),
    "failsafe, no bus": failsafe_run(bus=9, code=1, writes=[], says="/dev/i2c-1"),
    "failsafe, the bus hangs": failsafe_run(script="hang", code=1, says="could not be made safe"),
    "failsafe, writes are lost": failsafe_run(stop=FAILSAFE_60, script="lost", code=1, says="does not confirm"),
    "failsafe with a second run directory": failsafe_run(
        stop=LEGACY, further_run_dirs=":/run/of-a-drop-in", writes=["0x1a 100"]
    ),
    "powercut with a second run directory": powercut_run(
        "poweroff", stop=LEGACY, further_run_dirs=":/run/of-a-drop-in", writes=CUT_LEGACY
    ),
    "powercut poweroff": powercut_run("poweroff", writes=CUT, says="<5>a1d-powercut: asked"),
    "powercut halt": powercut_run("halt", writes=CUT, says="halt"),
    "powercut with the daemon's settings": powercut_run("poweroff", stop=stop_json(bus=7), bus=7, writes=CUT),
    "powercut reboot": powercut_run("reboot", writes=[]),
    "powercut kexec": powercut_run("kexec", writes=[]),
    "powercut soft-reboot": powercut_run("soft-reboot", writes=[]),
    "powercut of something new": powercut_run("foo", code=2, writes=[], says="usage"),
    "powercut without a word": powercut_run(code=2, writes=[], says="usage"),
    "powercut with too many words": powercut_run("poweroff", "halt", code=2, writes=[], says="usage"),
    "powercut on an old case": powercut_run("poweroff", stop=LEGACY, writes=CUT_LEGACY),
    "powercut on an old case, by a guess": powercut_run("halt", config=LEGACY_CONFIG, bus=3, writes=CUT_LEGACY),
    "powercut with settings of garbage": powercut_run("poweroff", stop=b"\x00\xff" * 3000, writes=CUT),
    "powercut with a pipe for settings": powercut_run("poweroff", stop_is_fifo=True, writes=CUT),
    "powercut with a configuration of nothing": powercut_run("poweroff", config="\n" * 65536, writes=CUT),
    "powercut, a bus with errors": powercut_run("poweroff", script="121 110 11 5 ok", writes=CUT, says="try 5"),
    "powercut, nothing answers": powercut_run("poweroff", script="121", code=1, writes=[], says="<3>a1d-powercut"),
    "powercut, no bus": powercut_run("poweroff", bus=9, code=1, writes=[], says="/dev/i2c-1"),
    "powercut, the bus hangs": powercut_run("poweroff", script="hang", code=1, says="<3>a1d-powercut"),
    "powercut without a kernel log": powercut_run("poweroff", has_kmsg=False, writes=CUT, says="asked the case"),
}


def environment(directory: Path, run: Run) -> dict[str, str]:
    """The run's directory, filled, and the variables that point into it."""
    fake_smbus2.install(directory, run.bus, duty=run.duty)
    (directory / "config.yaml").write_text(run.config)
    if run.stop is not None:
        (directory / FILE_NAME).write_bytes(run.stop)
    if run.stop_is_fifo:
        os.mkfifo(directory / FILE_NAME)
    if run.has_kmsg:
        (directory / "kmsg").touch()
    environ = {
        "PYTHONPATH": f"{directory}:{Path(a1d.__file__).parents[1]}",
        "PYTHONWARNINGS": "error",
        "RUNTIME_DIRECTORY": f"{directory}{run.further_run_dirs}",
        "A1D_CONFIG": str(directory / "config.yaml"),
        "A1D_KMSG": str(directory / "kmsg"),
        "FAKE_SCRIPT": run.script,
    }
    return environ if run.result is None else environ | {"SERVICE_RESULT": run.result}


def execute(directory: Path, run: Run) -> Outcome:
    command = [sys.executable, "-m", run.program, *run.arguments]
    started_s = time.monotonic()
    with subprocess.Popen(
        command, env=environment(directory, run), cwd=directory, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            _nothing, stderr = process.communicate(timeout=MUCH_TOO_LONG_S)
        except subprocess.TimeoutExpired:
            process.kill()
            stderr = "killed by the test"
    took_s = time.monotonic() - started_s
    kmsg = directory / "kmsg"
    return Outcome(
        process.returncode,
        took_s,
        stderr,
        kmsg.read_text() if kmsg.exists() else "",
        fake_smbus2.transfers(directory),
    )


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Outcome]:
    """Many at once, as they mostly wait for the case; not all, as each has little time to start in."""
    with ThreadPoolExecutor(12) as pool:
        longest_first = sorted(RUNS, key=lambda name: RUNS[name].script != "hang")
        running = {name: pool.submit(execute, tmp_path_factory.mktemp("run"), RUNS[name]) for name in longest_first}
        return {name: future.result() for name, future in running.items()}


@pytest.mark.parametrize("name", RUNS)
def test_the_program(outcomes: dict[str, Outcome], name: str) -> None:
    run, outcome = RUNS[name], outcomes[name]
    assert outcome.code == run.code, outcome
    if run.writes is not None:
        assert outcome.writes == run.writes, outcome
    said = outcome.kmsg if run.program == "a1d.case.powercut" and run.has_kmsg and run.code != 2 else outcome.stderr
    assert run.says in said, outcome
    assert "Traceback" not in outcome.stderr


@pytest.mark.parametrize("name", [name for name in RUNS if "hangs" in name or "answers" in name])
def test_the_program_is_bounded_in_time(outcomes: dict[str, Outcome], name: str) -> None:
    assert outcomes[name].took_s < MUCH_TOO_LONG_S


@pytest.mark.parametrize("name", [name for name, run in RUNS.items() if "old case" in name])
def test_the_program_never_reads_an_old_case(outcomes: dict[str, Outcome], name: str) -> None:
    assert not [text for text, _word in outcomes[name].transfers if text.endswith("?")]


def test_the_kernel_log_gets_whole_lines_of_ascii(outcomes: dict[str, Outcome]) -> None:
    for name, outcome in outcomes.items():
        for line in outcome.kmsg.splitlines(keepends=True):
            assert line.isascii(), name
            assert line.startswith("<")
            assert line.endswith("\n")


@pytest.mark.parametrize("error", ["ImportError('gone')", "EOFError('marshal data too short')"])
@pytest.mark.parametrize("program", ["failsafe", "powercut"])
def test_without_its_library_it_says_so_where_it_says_everything(tmp_path: Path, program: str, error: str) -> None:
    run = Run(f"a1d.case.{program}", ("poweroff",) if program == "powercut" else ())
    environ = environment(tmp_path, run)
    (tmp_path / "smbus2.py").write_text(f"raise {error}")
    command = [sys.executable, "-m", run.program, *run.arguments]
    done = subprocess.run(command, env=environ, cwd=tmp_path, capture_output=True, text=True, timeout=30, check=False)
    said = (tmp_path / "kmsg").read_text() if program == "powercut" else done.stderr
    assert done.returncode == 1
    assert error in said and "Traceback" not in done.stderr


@pytest.mark.parametrize("word", ["--help", "-h"])
@pytest.mark.parametrize("program", ["failsafe", "powercut"])
def test_help_explains_and_does_nothing(tmp_path: Path, program: str, word: str) -> None:
    run = Run(f"a1d.case.{program}", (word,))
    command = [sys.executable, "-m", run.program, word]
    done = subprocess.run(
        command, env=environment(tmp_path, run), cwd=tmp_path, capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stdout.startswith(f"usage: a1d-{program}") and "Exit codes" in done.stdout
    assert done.stderr == ""
    outcome = execute(tmp_path, run)
    assert (outcome.code, outcome.transfers, outcome.kmsg) == (0, [], "")


@pytest.mark.parametrize("arguments", [("--help", "now"), ("--verbose",)])
def test_failsafe_acts_after_the_daemon_whatever_else_it_is_told(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """A drop-in of the unit may have spoilt its line."""
    assert execute(tmp_path, failsafe_run(arguments=arguments)).writes == ["0x1a 0x80=100"]


@pytest.mark.parametrize("arguments", [("--help", "now"), ("xx",)])
def test_failsafe_by_hand_refuses_what_it_does_not_know(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    outcome = execute(tmp_path, failsafe_run(arguments=arguments, result=None))
    assert (outcome.code, outcome.transfers) == (2, [])
    assert outcome.stderr.startswith("usage: a1d-failsafe ")


@pytest.mark.parametrize(("script", "said"), [("ok", "the fan was set"), ("121", "the fan could not be made safe")])
def test_failsafe_gives_a_priority_to_the_journal_alone(tmp_path: Path, script: str, said: str) -> None:
    """Without systemd there is no JOURNAL_STREAM; a terminal may have inherited one that is not its own."""
    environ = environment(tmp_path, failsafe_run(script=script))
    for name, stream in (("another", "1:2"), ("own", None)):
        with open(tmp_path / name, "w+") as out:
            about = os.fstat(out.fileno())
            environ["JOURNAL_STREAM"] = stream or f"{about.st_dev}:{about.st_ino}"
            subprocess.run(
                [sys.executable, "-m", "a1d.case.failsafe"], env=environ, stderr=out, timeout=30, check=False
            )
    assert (tmp_path / "another").read_text().startswith(f"a1d-failsafe: {said}")
    assert (tmp_path / "own").read_text()[:3] in ("<3>", "<4>")
    assert (tmp_path / "own").read_text()[3:].startswith(f"a1d-failsafe: {said}")


@pytest.mark.parametrize(
    ("program", "own"), [("failsafe", failsafe_run(stop=LEGACY)), ("powercut", powercut_run("poweroff"))]
)
def test_a_program_imports_only_the_standard_library_and_smbus2(tmp_path: Path, program: str, own: Run) -> None:
    code = (
        "import sys; before = set(sys.modules)\n"
        f"from a1d.case.{program} import main; code = main()\n"
        "import signal; assert not signal.getitimer(signal.ITIMER_REAL)[0], 'the alarm would end a slow exit'\n"
        "print(*(set(sys.modules) - before)); sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *own.arguments],
        env=environment(tmp_path, own),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    modules = set(done.stdout.split())
    light = {"a1d", "a1d.case", "a1d.case.remedy", "a1d.config", "a1d.errors", "a1d.paths"}
    light |= {f"a1d.case.{program}", "a1d.case.bus", "a1d.case.stop_settings", "a1d.config.limits"}
    light |= {"a1d.config.bounded", "a1d.config.guess", "a1d.case.stop_program", "a1d.case.retry"}
    light |= {"a1d.case.apply_failsafe", "a1d.log"} if program == "failsafe" else set()
    assert "smbus2" in modules
    assert {name for name in modules if name.split(".")[0] == "a1d"} == light
    assert {name.split(".")[0] for name in modules} <= sys.stdlib_module_names | {"a1d", "smbus2"}
    assert not modules & {"dataclasses", "inspect", "logging", "subprocess", "asyncio", "selectors"}, "slow to start"


def test_both_stay_below_three_seconds() -> None:
    assert apply_module.TIME_MAX_S < OVER_IN_S
    assert powercut.TIME_MAX_S <= 2.0


# -- the programs, in this process: what they say, what they open, what they return -------------------------


class InProcess:
    """Runs ``failsafe.main`` and ``powercut.main`` on a simulated case, in virtual time."""

    def __init__(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.case = Case(20)
        self.kmsg = tmp_path / "kmsg"
        self.kmsg.touch()
        self.opened: list[tuple[int, float]] = []
        self.bounds: list[tuple[float, Callable[[], object]]] = []
        self._run_dir = tmp_path
        self._patch = monkeypatch
        monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path))
        monkeypatch.setenv("A1D_CONFIG", str(tmp_path / "config.yaml"))
        monkeypatch.setenv("A1D_KMSG", str(self.kmsg))
        time_is_virtual: dict[str, Any] = {"clock": self.case.clock, "sleep": self.case.clock.sleep}
        monkeypatch.setattr(failsafe, "apply_failsafe", partial(apply_failsafe, **time_is_virtual))
        monkeypatch.setattr(powercut, "cut_power", partial(cut_power, **time_is_virtual))
        for program in (failsafe, powercut):
            monkeypatch.setattr(program, "open_smbus", self._open)
            monkeypatch.setattr(program, "bound_time", self._bound)

    def _open(self, bus: int, timeout_s: float) -> ScriptedBus:
        self.opened.append((bus, timeout_s))
        return ScriptedBus(self.case)

    @contextmanager
    def _bound(self, seconds: float, say: Callable[[], object]) -> Iterator[None]:
        self.bounds.append((seconds, say))
        yield

    def failsafe(self, result: str | None, **settings: Any) -> int:
        write_stop_settings(str(self._run_dir), StopSettings(**settings))
        if result is None:
            self._patch.delenv("SERVICE_RESULT", raising=False)
        else:
            self._patch.setenv("SERVICE_RESULT", result)
        self._patch.setattr(sys, "argv", ["a1d-failsafe"])
        return failsafe.main()

    def powercut(self, *arguments: str, **settings: Any) -> int:
        write_stop_settings(str(self._run_dir), StopSettings(**settings))
        self._patch.setattr(sys, "argv", ["a1d-powercut", *arguments])
        return powercut.main()


@pytest.fixture
def in_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> InProcess:
    return InProcess(tmp_path, monkeypatch)


@pytest.mark.parametrize(
    ("result", "on_stop", "left", "said"),
    [
        ("success", 25, 25, "a1d-failsafe: the fan was set to 25 %\n"),
        ("success", 0, 0, "a1d-failsafe: the fan was set to 0 %\n"),
        ("success", "failsafe", 60, "a1d-failsafe: the fan was set to 60 %\n"),
        ("success", "keep", 20, ""),
        ("signal", "keep", 60, "a1d-failsafe: the fan was set to 60 %\n"),
        ("signal", 25, 60, "a1d-failsafe: the fan was set to 60 %\n"),
        (None, 25, 60, "a1d-failsafe: the fan was set to 60 %\n"),
    ],
)
def test_failsafe_sets_and_says_what_the_end_asks_for(
    in_process: InProcess,
    capfd: pytest.CaptureFixture[str],
    result: str | None,
    on_stop: str | int,
    left: int,
    said: str,
) -> None:
    assert in_process.failsafe(result, bus=7, timeout_s=0.5, failsafe_percent=60, on_stop=on_stop) == 0
    assert in_process.case.mcu.register_duty == left
    assert set(in_process.opened) <= {(7, 0.5)}
    assert bool(in_process.opened) is (on_stop != "keep" or result != "success")
    assert capfd.readouterr().err == said


def test_failsafe_on_an_older_case_writes_its_way(in_process: InProcess) -> None:
    assert in_process.failsafe("signal", protocol="legacy") == 0
    assert in_process.case.written == [(None, 100)]


def test_failsafe_says_which_bus_kept_the_fan_from_being_safe(
    in_process: InProcess, capfd: pytest.CaptureFixture[str]
) -> None:
    in_process.case.faults.add(BusFault.NO_ANSWER)
    assert in_process.failsafe("signal", bus=7) == 1
    said = capfd.readouterr().err
    assert said.startswith("a1d-failsafe: the fan could not be made safe: ")
    assert "/dev/i2c-7" in said
    assert "None" not in said


def test_failsafe_says_how_much_the_case_does_not_confirm(
    in_process: InProcess, capfd: pytest.CaptureFixture[str]
) -> None:
    in_process.case.faults.add(BusFault.LOST_WRITES)
    assert in_process.failsafe("signal") == 1
    assert "does not confirm the 100 % it was asked for" in capfd.readouterr().err


def test_powercut_says_how_often_it_asked(in_process: InProcess) -> None:
    in_process.case.script = [errno.EIO]
    assert in_process.powercut("halt", bus=7, timeout_s=0.5) == 0
    assert in_process.case.mcu.cut_s is not None
    assert set(in_process.opened) == {(7, 0.5)}
    assert in_process.kmsg.read_text() == "<5>a1d-powercut: asked the case to cut the power (halt, try 2)\n"


@pytest.mark.parametrize(("legacy", "waits_s"), [(False, [0.1, 0.6, 0.1]), (True, [0.1])])
def test_a_power_cut_is_so_many_writes_and_waits(legacy: bool, waits_s: list[float]) -> None:
    """Stop the fan and ask; where a kick may have swallowed that, the same once more after it."""
    case = Case(30, legacy=legacy)
    slept_s: list[float] = []
    tries = cut_power(case.open_power_cut, clock=case.clock, sleep=slept_s.append)
    assert tries == 1
    assert case.written == ([(None, 0), (None, 0xFF)] if legacy else [(0x80, 0), (0x86, 1)] * 2)
    assert slept_s == waits_s


def test_powercut_on_an_older_case_writes_its_way(in_process: InProcess) -> None:
    assert in_process.powercut("poweroff", protocol="legacy") == 0
    assert in_process.case.written == [(None, 0), (None, 0xFF)]


def test_powercut_says_that_the_power_may_stay_on(in_process: InProcess) -> None:
    in_process.case.faults.add(BusFault.NO_ANSWER)
    assert in_process.powercut("poweroff", bus=7) == 1
    said = in_process.kmsg.read_text()
    assert said.startswith("<3>a1d-powercut: the power may stay on, because the case could not be asked to cut it: ")
    assert "/dev/i2c-7" in said
    assert said.endswith("; use the case's button\n")
    assert "None" not in said


def test_powercut_says_why_the_repetition_failed(in_process: InProcess) -> None:
    in_process.case.script = [0, 0] + [errno.EIO] * 100
    assert in_process.powercut("poweroff") == 1
    said = in_process.kmsg.read_text()
    assert f"it took the request, but not the repetition that makes sure of it ({os.strerror(errno.EIO)})" in said


@pytest.mark.parametrize(
    ("arguments", "code"), [((), 2), (("poweroff", "halt"), 2), (("reboot",), 0), (("kexec",), 0), (("",), 2)]
)
def test_powercut_without_a_power_off_leaves_the_case_alone(
    in_process: InProcess, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], code: int
) -> None:
    assert in_process.powercut(*arguments) == code
    assert in_process.opened == []
    assert in_process.kmsg.read_text() == ""
    usage = "usage: a1d-powercut poweroff|halt|reboot|kexec (systemd-shutdown calls it)\n"
    assert capsys.readouterr().err == (usage if code else "")


def test_without_a_kernel_log_the_console_gets_it(in_process: InProcess, capsys: pytest.CaptureFixture[str]) -> None:
    in_process.kmsg.unlink()
    assert in_process.powercut("poweroff") == 0
    assert capsys.readouterr().err == "a1d-powercut: asked the case to cut the power (poweroff, try 1)\n"
    assert not in_process.kmsg.exists()


def test_a_word_that_is_not_ascii_gets_to_the_kernel_log_all_the_same(
    in_process: InProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(powercut, "_HANGS", "Gerät 1 \N{DEGREE SIGN}C")
    assert in_process.powercut("poweroff") == 0
    in_process.kmsg.write_bytes(b"")
    in_process.bounds[-1][1]()
    assert in_process.kmsg.read_bytes() == b"<3>a1d-powercut: Ger?t 1 ?C\n"


def test_what_hangs_is_bounded_and_said(in_process: InProcess, capfd: pytest.CaptureFixture[str]) -> None:
    """docs/safety.md: less than four seconds. Both must outlast what they try, or they would cut themselves short."""
    assert in_process.failsafe("signal") == 0
    assert in_process.powercut("poweroff") == 0
    (failsafe_s, failsafe_say), (powercut_s, powercut_say) = in_process.bounds
    assert apply_module.TIME_MAX_S + LAST_TRY_S <= failsafe_s < 4
    assert powercut.TIME_MAX_S + LAST_TRY_S <= powercut_s < 4
    capfd.readouterr()
    failsafe_say()
    assert capfd.readouterr().err == "a1d-failsafe: the bus hangs; the fan could not be made safe\n"
    in_process.kmsg.write_text("")
    powercut_say()
    said = "<3>a1d-powercut: the power may stay on, because the bus hangs; use the case's button\n"
    assert in_process.kmsg.read_text() == said


@pytest.mark.parametrize("program", [failsafe, powercut])
def test_without_systemds_variables_the_usual_places_are_read(
    in_process: InProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: ModuleType
) -> None:
    monkeypatch.delenv("RUNTIME_DIRECTORY")
    monkeypatch.delenv("A1D_CONFIG")
    monkeypatch.setattr("a1d.paths.RUN_DIR", str(tmp_path / "usual"))
    monkeypatch.setattr("a1d.case.stop_program.CONFIG_PATH", str(tmp_path / "usual.yaml"))
    (tmp_path / "usual").mkdir()
    (tmp_path / "usual.yaml").write_text("case: {bus: 3}\n")
    (in_process.failsafe if program is failsafe else in_process.powercut)("poweroff")
    assert in_process.opened[-1][0] == 3
    write_stop_settings(str(tmp_path / "usual"), StopSettings(bus=5))
    (in_process.failsafe if program is failsafe else in_process.powercut)("poweroff")
    assert in_process.opened[-1][0] == 5


# -- how they try --------------------------------------------------------------------------------------------


def test_a_try_is_begun_again_until_the_time_is_over(clock: VirtualClock) -> None:
    begun_s: list[float] = []

    def attempt() -> None:
        begun_s.append(clock() - 1000.0)
        raise OSError(len(begun_s), "no")

    with pytest.raises(OSError, match="no") as caught:
        try_for(0.5, attempt, clock, clock.sleep)
    assert begun_s == pytest.approx([0.0, 0.1, 0.2, 0.3, 0.4, 0.5])
    assert caught.value.errno == len(begun_s)


def test_a_try_that_works_or_fails_otherwise_is_not_begun_again(clock: VirtualClock) -> None:
    assert try_for(1.0, lambda: "done", clock, clock.sleep) == "done"
    with pytest.raises(ValueError, match="odd"):
        try_for(1.0, lambda: _raise(ValueError("odd")), clock, clock.sleep)
    assert clock() == 1000.0


def test_one_more_try_is_made_at_the_very_end_of_the_time(clock: VirtualClock) -> None:
    """A time of nothing is one try."""
    begun_s: list[float] = []

    def attempt() -> None:
        begun_s.append(clock())
        raise OSError(errno.EIO, "no")

    with pytest.raises(OSError):
        try_for(0.0, attempt, clock, clock.sleep)
    assert begun_s == [1000.0]


def _raise(error: Exception) -> None:
    raise error


@pytest.mark.parametrize("fails", [False, True])
def test_a_block_that_takes_too_long_ends_its_process_with_1(fails: bool) -> None:
    """Even if nothing can be said."""
    say = "1 / 0" if fails else "os.write(2, b'said')"
    code = (
        "import os, time\nfrom a1d.case.stop_program import bound_time\n"
        f"with bound_time(0.05, lambda: {say}): time.sleep({MUCH_TOO_LONG_S})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=30, check=False)
    assert done.returncode == 1
    assert done.stderr == (b"" if fails else b"said")


def test_a_block_that_ends_in_time_leaves_no_alarm_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    before = signal.getsignal(signal.SIGALRM)
    try:
        with bound_time(60.0, lambda: None):
            left_s, again_s = signal.getitimer(signal.ITIMER_REAL)
        assert 50 < left_s <= 60
        assert again_s == 0
        assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
        ended: list[int] = []
        monkeypatch.setattr(os, "_exit", ended.append)
        said: list[str] = []
        with bound_time(60.0, lambda: said.append("said")):
            signal.raise_signal(signal.SIGALRM)
        assert (said, ended) == (["said"], [1])
        with pytest.raises(KeyError), bound_time(60.0, lambda: None):
            raise KeyError
        assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    finally:
        signal.signal(signal.SIGALRM, before)


def test_a_link_in_the_run_directory_is_not_followed(tmp_path: Path) -> None:
    """The run directory is the daemon's, and root reads it."""
    (tmp_path / "elsewhere").write_bytes(stop_json(protocol="legacy"))
    (tmp_path / FILE_NAME).symlink_to(tmp_path / "elsewhere")
    assert read_stop_settings(str(tmp_path), "/nonexistent") == StopSettings()


def test_half_of_stop_json_is_completed_from_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(LEGACY_CONFIG)
    (tmp_path / FILE_NAME).write_text('{"bus": 7, "on_stop": 40}')
    read = read_stop_settings(str(tmp_path), str(tmp_path / "config.yaml"))
    assert read == StopSettings(protocol="legacy", bus=7, on_stop=40)


@pytest.mark.parametrize("value", [0, 0.0, 1, 0.5])
def test_a_time_out_from_0_to_1_s_is_taken(tmp_path: Path, value: float) -> None:
    (tmp_path / FILE_NAME).write_text(json.dumps(StopSettings()._asdict() | {"timeout_s": value}))
    assert read_stop_settings(str(tmp_path), "/nonexistent").timeout_s == value


@pytest.mark.parametrize("value", [-0.1, 1.01, True, "0.5", None, float("nan")])
def test_any_other_time_out_is_not(tmp_path: Path, value: object) -> None:
    (tmp_path / FILE_NAME).write_text(json.dumps(StopSettings()._asdict() | {"timeout_s": value}))
    assert read_stop_settings(str(tmp_path), "/nonexistent").timeout_s == StopSettings().timeout_s


def test_what_the_daemon_left_is_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The configuration's disk may be gone by then."""
    (tmp_path / FILE_NAME).write_text('{"protocol": "register", "bus": 7}')
    read: list[str] = []

    def note(path: str, flags: int = 0) -> bytes:
        read.append(path)
        return read_bounded(path, flags)

    monkeypatch.setattr(stop_program, "read_bounded", note)
    assert read_stop_settings(str(tmp_path), "/etc/a1d.yaml") == StopSettings(bus=7)
    assert read == [str(tmp_path / FILE_NAME)]


def test_the_configuration_is_looked_for_where_the_environment_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config.yaml").write_text(LEGACY_CONFIG)
    monkeypatch.setenv("A1D_CONFIG", str(tmp_path / "config.yaml"))
    assert read_stop_settings(str(tmp_path)) == StopSettings(protocol="legacy", bus=3)


def test_full_speed_at_a_clean_stop_is_a_duty_too(tmp_path: Path) -> None:
    left = StopSettings(failsafe_percent=60, on_stop=100)
    write_stop_settings(str(tmp_path), left)
    assert read_stop_settings(str(tmp_path), "/nonexistent") == left


def test_a_write_that_was_cut_short_does_not_spoil_the_next(tmp_path: Path) -> None:
    (tmp_path / f"{FILE_NAME}.new").write_text("x" * 1000)
    write_stop_settings(str(tmp_path), StopSettings(bus=7))
    assert read_stop_settings(str(tmp_path), "/nonexistent") == StopSettings(bus=7)


def test_a_duty_that_was_lost_is_written_again(clock: VirtualClock) -> None:
    case = Case(20)
    case.faults.add(BusFault.LOST_WRITES)

    def sleep(seconds: float) -> None:
        case.clock.sleep(seconds)
        case.faults.clear()

    said = apply_failsafe(case.open_bus, 60, clock=case.clock, sleep=sleep)
    assert case.mcu.register_duty == 60
    assert said == "the fan was set to 60 %"


def test_a_case_that_confirms_nothing_is_an_input_output_error() -> None:
    case = Case(20)
    case.faults.add(BusFault.LOST_WRITES)
    with pytest.raises(OSError, match="does not confirm the 60 % it was asked for") as caught:
        case.apply_failsafe(60)
    assert caught.value.errno == errno.EIO
    case = Case(30, [0, 0] + [errno.EREMOTEIO] * 100)
    with pytest.raises(OSError, match="took the request") as caught:
        case.cut_power()
    assert caught.value.errno == errno.EIO


def test_the_last_try_begins_within_2_s() -> None:
    """With the wait for the answer, and a transfer that hangs, it is over before the alarm."""
    case = Case()
    case.faults.add(BusFault.NO_ANSWER)
    started_s = case.clock()
    with pytest.raises(OSError):
        case.apply_failsafe(60)
    assert 1.8 < case.clock() - started_s < 2.1


def test_the_kernel_log_is_opened_without_waiting(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    opened: list[tuple[str, int]] = []

    def refuse(path: str, flags: int) -> int:
        opened.append((path, flags))
        raise OSError(errno.EACCES, "no")

    with monkeypatch.context() as patch:
        patch.delenv("A1D_KMSG", raising=False)
        patch.setattr(os, "open", refuse)
        powercut._say(5, "a word")
    assert [path for path, _flags in opened] == ["/dev/kmsg"]
    assert opened[0][1] & (os.O_NONBLOCK | os.O_WRONLY) == os.O_NONBLOCK | os.O_WRONLY
    assert capsys.readouterr().err == "a1d-powercut: a word\n"
