"""The configuration is read in a process of its own: what comes back is what the reader gives, or an error."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_mock import MockerFixture

from a1d import __version__
from a1d.config import load
from a1d.config.bounded import SIZE_MAX
from a1d.config.dump import answer
from a1d.config.load import ANSWER_MAX, ConfigLoader, ConfigProcess, Loaded, parse_answer
from a1d.config.printer import print_config
from a1d.config.reader import config_of, parse_config
from a1d.config.settings import CaseConfig, Config
from a1d.config.warnings import warnings_of
from a1d.config.yaml_tree import Tree
from a1d.errors import ConfigError
from tests.config.test_guess import LEGACY, SLIPS, check_old_case
from tests.config.test_printer import configs
from tests.virtual import VirtualRig

MakeRig = Callable[..., VirtualRig]
PIECES = [*"{}[]:, \n\t&#1x", "fan", "case", "hold", "curve", "bus", "80.5"]


def loaded_from(path: Path, *command: str) -> Loaded:
    return ConfigLoader(str(path), command or load.COMMAND)().wait()


def program(code: str) -> list[str]:
    """A command that is called as dump.py is."""
    return [sys.executable, "-c", f"import json, os, signal, sys, time\n{code}"]


def wait_for_end(process: ConfigProcess) -> None:
    """Until it was killed, and is not left as a zombie."""
    deadline_s = time.monotonic() + 5
    while not process.has_ended():
        assert time.monotonic() < deadline_s
        time.sleep(0.01)


# -- the same as the reader gives --------------------------------------------------------------------


@given(configs())
def test_any_configuration_comes_back_as_the_reader_reads_it(config: Config) -> None:
    text = print_config(config)
    raw = json.dumps(answer(text.encode(), "config.yaml")).encode()
    wanted = parse_config(text)
    # Its text too: 1 is not 1.0, nor a list a tuple.
    outcome = parse_answer(raw)
    assert isinstance(outcome, Loaded)
    assert (outcome.config, repr(outcome.config)) == (wanted, repr(wanted))
    assert outcome.warnings == warnings_of(wanted)
    assert len(raw) < ANSWER_MAX


@given(st.lists(st.sampled_from(PIECES), max_size=40).map("".join) | st.binary(max_size=200))
def test_any_other_text_comes_back_with_the_readers_problems(text: str | bytes) -> None:
    data = text if isinstance(text, bytes) else text.encode()
    outcome = parse_answer(json.dumps(answer(data, "config.yaml")).encode())
    try:
        wanted = config_of(data, "config.yaml")
    except ConfigError as error:
        assert isinstance(outcome, ConfigError)
        assert (outcome.problems, outcome.protocol, outcome.bus) == (error.problems, error.protocol, error.bus)
    else:
        assert isinstance(outcome, Loaded)
        assert outcome.config == wanted


def test_the_longest_answers_fit() -> None:
    long = [
        "sensors:\n" + "- {hwmon: '" + "\N{OLD PERSIAN SIGN A}" * 60 + "%d'}\n",
        "profiles:\n" + "  p%d: {curve: {" + ", ".join(f"{n}: 1" for n in range(32)) + "}}\n",
    ]
    texts = [text.split("\n", 1)[0] + "\n" + "".join(text.split("\n", 1)[1] % n for n in range(16)) for text in long]
    texts += ["x: 1\n" * 3000, "".join(f"k{n}: 1\n" for n in range(1500)), "fan: {curve: {" + "x: y, " * 2000 + "}}\n"]
    for text in texts:
        assert len(json.dumps(answer(text.encode(), "/etc/a1d/config.yaml"))) < ANSWER_MAX / 2


def test_a_process_reads_the_file_and_its_warnings(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("fan: {hold: 0}\nbutton: {hold: [/bin/echo, 'a b', ö]}\n")
    loaded = loaded_from(path)
    assert loaded.config == parse_config(path.read_text())
    assert loaded.warnings == warnings_of(loaded.config) != []


def test_a_bad_file_s_problems_come_as_the_reader_says_them(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(LEGACY + "fan: {hodl: 5s}\n")
    with pytest.raises(ConfigError) as caught:
        loaded_from(path)
    assert caught.value.problems == [f"{path}:4: fan.hodl: unknown key, did you mean 'hold'?"]
    assert (caught.value.protocol, caught.value.bus) == ("legacy", 3)


# -- where no process is needed ----------------------------------------------------------------------


@pytest.mark.parametrize("text", [None, "", "# a comment\n", "#\n\n  # fan: {hold: 1s}\n", "installed"])
def test_no_file_and_only_comments_start_no_process_at_the_start(
    tmp_path: Path, mocker: MockerFixture, monkeypatch: pytest.MonkeyPatch, text: str | None
) -> None:
    path = tmp_path / "config.yaml"
    if text is not None:
        installed = (Path(__file__).parents[2] / "systemd/config.yaml").read_text()
        path.write_text(installed if text == "installed" else text)
    monkeypatch.setattr(load, "CONFIG_PATH", str(path))
    spawn = mocker.patch.object(load, "spawn")
    loader = ConfigLoader(None)
    assert loader() == Loaded(Config())
    spawn.assert_not_called()
    mocker.stop(spawn)
    again = loader()  # a reload: the loop must not wait for the disk
    assert isinstance(again, ConfigProcess)
    assert again.wait() == Loaded(Config(), [])
    assert warnings_of(Config()) == []


def test_a_file_that_is_too_long_is_never_only_comments(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("#\n" * (SIZE_MAX // 2) + "\n" + "interval: 1s\n")
    with pytest.raises(ConfigError, match="larger than 16 KiB"):
        loaded_from(path)


def test_an_error_is_one_even_while_a1d_itself_is_being_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "a1d.config.guess", None)
    error = load.failure("config.yaml", b"case: {protocol: legacy}", "crashed")
    assert (error.protocol, error.is_unread) == (None, True)


def test_a_file_that_was_named_must_exist(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"config.yaml: cannot be read: No such file") as caught:
        loaded_from(tmp_path / "config.yaml")
    assert caught.value.is_unread


def test_a_reload_reads_nothing_itself(tmp_path: Path, mocker: MockerFixture) -> None:
    """A disk may hang."""
    path = tmp_path / "config.yaml"
    path.write_text("interval: 1s\n")
    loader = ConfigLoader(str(path))
    loader().wait()
    touched = [mocker.patch.object(load, "read_bounded"), mocker.patch("os.path.lexists")]
    path.write_text("interval: 2s\n")
    assert loader().wait().config == Config(interval_s=2.0)
    assert [each.call_count for each in touched] == [0, 0]


@given(st.from_regex(load._COMMENTS, fullmatch=True))
def test_what_is_taken_for_comments_is_nothing_to_yaml_too(text: bytes) -> None:
    tree = Tree(text.decode())
    assert (tree.value, tree.problems) == (None, [])
    assert parse_config(text.decode()) == Config()


# -- whatever else the process does ------------------------------------------------------------------

WHOLE = f"answer = {answer(b'interval: 1s', 'x')!r}\n"
BROKEN = {
    "exits": ("sys.exit(3)", "failed with exit code 3"),
    "crashes": ("raise MemoryError", "failed with exit code 1"),
    "is killed, as for memory": ("os.kill(os.getpid(), signal.SIGKILL)", "ended by signal 9"),
    "answers and is killed": (WHOLE + "json.dump(answer, sys.stdout, )\nsys.stdout.flush(); os.abort()", "signal 6"),
    "says nothing": ("", "no configuration"),
    "says garbage": ("print('interval: 1s')", "no configuration"),
    "says bytes": ("sys.stdout.buffer.write(bytes(range(256)))", "no configuration"),
    "says half": (WHOLE + "print(json.dumps(answer)[:-9])", "no configuration"),
    "says null": ("print('null')", "no configuration"),
    "nests": ("print('[' * 100000)", "no configuration"),
    "leaves a setting out": (WHOLE + "del answer['config']['fan']['hold_s']; print(json.dumps(answer))", "no config"),
    "leaves a section out": (WHOLE + "del answer['config']['case']; print(json.dumps(answer))", "no configuration"),
    "adds a setting": (WHOLE + "answer['config']['x'] = 1; print(json.dumps(answer))", "no configuration"),
    "leaves the warnings out": (WHOLE + "del answer['warnings']; print(json.dumps(answer))", "no configuration"),
    "is of another version": (WHOLE + "answer['version'] = '9'; print(json.dumps(answer))", r"a1d 9, .* restart a1d"),
    "has problems without words": (f"print(json.dumps({{'version': {__version__!r}, 'problems': 1}}))", "no config"),
    "says too much": ("while True: sys.stdout.write('x' * 9999)", "more than 256 KiB"),
    "says all and lives on": ("os.close(0); os.close(1); time.sleep(60)", "signal 9"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_process_that_does_anything_else_is_an_error_that_says_what_and_knows_the_old_case(
    tmp_path: Path, name: str
) -> None:
    code, words = BROKEN[name]
    path = tmp_path / "config.yaml"
    path.write_text(LEGACY)
    with pytest.raises(ConfigError, match=words) as caught:
        loaded_from(path, *program(code))
    (problem,) = caught.value.problems
    assert problem.startswith(f"{path}: not read: the process that reads it ")
    assert problem.endswith((f"a1d --check {path}", "a1d-ctl reload"))
    assert (caught.value.protocol, caught.value.bus) == ("legacy", 3)


def test_a_process_that_hangs_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(LEGACY)
    monkeypatch.setattr(load, "TIME_MAX_S", 0.3)
    process = ConfigProcess(str(path), program("time.sleep(60)"), path.read_bytes())
    begin_s = time.monotonic()
    with pytest.raises(ConfigError, match=r"did not end within 0.3 s") as caught:
        process.wait()
    assert time.monotonic() - begin_s < 2
    assert (caught.value.protocol, caught.value.bus) == ("legacy", 3)
    wait_for_end(process)


def test_a_process_that_does_not_even_die_is_the_only_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As one does that hangs in the kernel."""
    path = tmp_path / "config.yaml"
    path.write_text("interval: 1s\n")
    loader = ConfigLoader(str(path), program("time.sleep(60)"))
    first = loader()
    assert isinstance(first, ConfigProcess)
    with pytest.raises(ConfigError, match="an earlier one does not end"):
        loader()
    first.close()
    wait_for_end(first)
    second = loader()
    assert isinstance(second, ConfigProcess)
    second.close()


def test_a_program_that_is_not_there_is_an_error_too(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(LEGACY)
    with pytest.raises(ConfigError, match="was not started: /nonexistent cannot be started: No such file") as caught:
        ConfigLoader(str(path), ["/nonexistent"])()
    assert (caught.value.protocol, caught.value.bus) == ("legacy", 3)


def test_no_descriptor_is_left_open(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("interval: 1s\n")
    before = os.listdir("/proc/self/fd")
    assert loaded_from(path).config == Config(interval_s=1.0)
    for command in (["/nonexistent"], program("sys.exit(1)")):
        with pytest.raises(ConfigError):
            loaded_from(path, *command)
    assert os.listdir("/proc/self/fd") == before


def test_the_process_has_nothing_of_the_daemon_s(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("interval: 1s\n")
    for name in ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"):
        monkeypatch.setenv(name, "1")
    code = (
        "fds = [fd for fd in os.listdir('/proc/self/fd') if os.path.lexists(f'/proc/self/fd/{fd}')]\n"
        "seen = {fd: os.readlink(f'/proc/self/fd/{fd}') for fd in fds}\n"
        "ours = [name for name in os.environ if name.startswith(('NOTIFY', 'WATCHDOG'))]\n"
        "with open(sys.argv[1] + '.seen', 'w') as out: json.dump([seen, ours, os.getsid(0)], out)\n"
    )
    with socket.socket(socket.AF_UNIX) as of_the_daemon, path.open() as file:
        with pytest.raises(ConfigError, match="no configuration"):
            loaded_from(path, *program(code))
        theirs = {os.readlink(f"/proc/self/fd/{each.fileno()}") for each in (of_the_daemon, file)}
    descriptors, variables, session = json.loads(Path(f"{path}.seen").read_text())
    assert descriptors["0"] == descriptors["1"]
    assert descriptors["0"].startswith("socket:")
    assert theirs & set(descriptors.values()) == set()
    assert variables == []
    assert session != os.getsid(0)


def test_the_process_bounds_itself(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("interval: 1s\n")
    code = (
        f"import resource, signal, sys; sys.argv = ['dump', {str(path)!r}]; from a1d.config.dump import main; main();"
        "limits = [resource.RLIMIT_CPU, resource.RLIMIT_AS, resource.RLIMIT_CORE];"
        "print(); print(*(resource.getrlimit(limit)[0] for limit in limits), signal.alarm(0))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    said, limits = done.stdout.splitlines()
    assert json.loads(said)["config"]["interval_s"] == 1.0
    cpu_s, memory, core, alarm_s = map(int, limits.split())
    assert (cpu_s, memory, core) == (10, 1 << 30, 0)
    assert 0 < alarm_s <= 30


# -- what the daemon makes of it ---------------------------------------------------------------------


@pytest.mark.parametrize("name", SLIPS)
def test_a_slip_does_not_make_a1d_speak_the_wrong_protocol_to_an_old_case(
    make_rig: MakeRig, tmp_path: Path, name: str
) -> None:
    """As in test_guess.py, through the process."""
    path, text = tmp_path / "config.yaml", SLIPS[name]
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    check_old_case(make_rig(ConfigLoader(str(path)), legacy=True))


@pytest.mark.parametrize("name", ["crashes", "is killed, as for memory", "says garbage", "says too much"])
def test_a_start_on_defaults_says_so_and_knows_the_old_case(make_rig: MakeRig, tmp_path: Path, name: str) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(LEGACY)
    rig = make_rig(ConfigLoader(str(path), program(BROKEN[name][0])), legacy=True)
    assert rig.daemon.config == Config(case=CaseConfig("legacy", 3))
    assert "using built-in defaults" in rig.daemon.health.problems[0]
    assert "not read: the process" in rig.daemon.health.problems[0]
    check_old_case(rig)
