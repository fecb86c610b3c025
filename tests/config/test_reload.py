"""A reload goes on beside the loop: the fan follows meanwhile, and whoever asked hears what is true."""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest.mock import Mock

import pytest
from pytest_mock import MockerFixture

from a1d.config.dump import read
from a1d.config.load import TIME_MAX_S, ConfigLoader, ConfigProcess, Loaded
from a1d.config.settings import Config
from a1d.config.unreadable import how_to_allow
from a1d.errors import A1dError, ConfigError
from tests.virtual import PROMPT_FAN, VirtualRig

NEW = Config(interval_s=1.0, fan=PROMPT_FAN)
NEWER = Config(interval_s=2.0, fan=PROMPT_FAN)


class SlowProcess(ConfigProcess):
    """It has an answer once the test says so."""

    def __init__(self) -> None:
        self._socket, self._theirs = socket.socketpair()
        self._data, self._name, self._pid = b"case: {protocol: legacy}", "config.yaml", 0
        self._outcome: Config | ConfigError | None = None
        self.is_closed = False

    def say(self, outcome: Config | ConfigError | None) -> None:
        """None: only a part of it has come."""
        self._outcome = outcome
        self._theirs.send(b"x")

    def poll(self) -> Loaded | None:
        assert self._socket.recv(1)
        if isinstance(self._outcome, ConfigError):
            raise self._outcome
        return None if self._outcome is None else Loaded(self._outcome, ["odd"])

    def close(self) -> None:
        self.is_closed = True
        self._socket.close()
        self._theirs.close()


class Slow:
    """A running daemon whose reloads take as long as the test wants."""

    def __init__(self, rig: VirtualRig) -> None:
        self.rig = rig
        self.processes: list[SlowProcess] = []
        self.told: list[str] = []
        rig.run(5)
        rig.read_config = self._start

    def _start(self) -> ConfigProcess:
        self.processes.append(SlowProcess())
        return self.processes[-1]

    def reload(self, name: str) -> None:
        self.rig.daemon.reload(lambda error: self.told.append(f"{name}: {error or 'done'}"))

    def say(self, outcome: Config | ConfigError | None) -> None:
        self.processes[-1].say(outcome)
        self.rig.daemon.loop.run_once()

    @property
    def logged(self) -> list[str]:
        return [line for line in self.rig.log_lines if "reload" in line]


@pytest.fixture
def slow(rig: VirtualRig) -> Iterator[Slow]:
    slow = Slow(rig)
    yield slow
    for process in slow.processes:
        process.close()


MakeRig = Callable[..., VirtualRig]


def test_the_fan_follows_the_heat_while_a_reload_hangs_and_then_the_old_configuration_stays(slow: Slow) -> None:
    slow.reload("first")
    for celsius, duty_percent in ((65.0, 70), (70.0, 100)):
        slow.rig.case.fixed_celsius = celsius
        slow.rig.run(2)
        assert slow.rig.fan_percent == duty_percent
    assert slow.told == slow.logged == []
    slow.rig.run(TIME_MAX_S - 3)
    (told,) = slow.told
    assert "did not end within 8 s" in told
    assert any("the old configuration stays" in line for line in slow.logged)
    assert slow.rig.daemon.config == Config(fan=PROMPT_FAN)
    assert slow.rig.daemon.health.state == "ok"
    assert slow.processes[0].is_closed
    slow.rig.run(60)
    assert len(slow.told) == len(slow.processes) == 1


def test_a_reload_takes_what_comes_and_its_warnings(slow: Slow) -> None:
    slow.reload("first")
    slow.say(None)
    slow.rig.run(3)
    assert slow.told == []
    slow.say(NEW)
    assert slow.told == ["first: done"]
    assert (slow.rig.daemon.config, slow.rig.daemon.status()["warnings"]) == (NEW, ["odd"])
    assert slow.processes[0].is_closed
    slow.rig.run(20)
    assert slow.logged == ["a1d: reload: done"]


def test_a_bad_file_is_told_and_changes_nothing(slow: Slow) -> None:
    slow.reload("first")
    slow.say(ConfigError(["config.yaml:1: bad"]))
    assert slow.told == ["first: config.yaml:1: bad"]
    assert slow.rig.daemon.config == Config(fan=PROMPT_FAN)
    assert slow.processes[0].is_closed


def test_who_asks_meanwhile_hears_of_a_reading_that_began_later(slow: Slow) -> None:
    """The file may have been changed after the first reading had begun."""
    slow.reload("first")
    slow.rig.run(1)
    for name in ("second", "third"):
        slow.reload(name)
    slow.rig.daemon.reload()  # SIGHUP
    slow.say(NEW)
    assert slow.told == ["first: done"]
    slow.rig.run(2)
    assert (len(slow.processes), slow.told) == (2, ["first: done"])
    slow.say(NEWER)
    assert slow.told == ["first: done", "second: done", "third: done"]
    slow.rig.run(5)
    assert (slow.rig.daemon.config, len(slow.processes)) == (NEWER, 2)


def test_any_number_of_hangups_are_one_more_reading(slow: Slow) -> None:
    for _ in range(1000):
        slow.rig.daemon.reload()
    slow.say(NEW)
    slow.rig.run(2)
    slow.say(NEWER)
    slow.rig.run(5)
    assert len(slow.processes) == 2


def test_whoever_asks_while_one_hangs_gets_a_reading_of_its_own(slow: Slow) -> None:
    slow.reload("first")
    slow.rig.run(6)
    slow.reload("second")
    slow.rig.run(4)
    assert ["did not end" in told for told in slow.told] == [True]
    slow.say(NEW)
    assert slow.told[1:] == ["second: done"]


def test_who_asks_while_a_real_one_hangs_is_not_refused_for_the_one_that_was_just_killed(
    make_rig: MakeRig, tmp_path: Path
) -> None:
    path, hangs, started = (tmp_path / name for name in ("config.yaml", "hangs", "started"))
    path.write_text("interval: 2s\n")
    code = f"""
import os, time
if os.path.exists({str(hangs)!r}):
    open({str(started)!r}, "w").close()
    time.sleep(60)
from a1d.config.dump import main
main()
"""
    rig = make_rig(ConfigLoader(str(path), [sys.executable, "-c", code]))
    hangs.touch()
    told: list[str] = []
    rig.daemon.reload(lambda error: told.append(str(error)))
    deadline_s = time.monotonic() + 20
    while not started.exists():
        assert time.monotonic() < deadline_s
        time.sleep(0.01)
    hangs.unlink()
    rig.run(1)
    rig.daemon.reload(lambda error: told.append(str(error)))
    while len(told) < 2 and time.monotonic() < deadline_s:
        rig.run_once()
        time.sleep(0.5 if told else 0)  # the second one has 8 s of the rig's time, in which Python must start
    assert ["did not end" in each for each in told] == [True, False]
    assert "earlier one" not in told[1]


def _fails_at_first(error: ConfigError, times: int) -> Callable[[], Config]:
    left = [error] * times

    def load() -> Config:
        if left:
            raise left.pop()
        return NEW

    return load


def test_a_good_file_that_could_not_be_read_at_the_start_is_read_soon(make_rig: MakeRig) -> None:
    error = ConfigError(["config.yaml: not read: the process that reads it was ended by signal 9"], is_unread=True)
    rig = make_rig(_fails_at_first(error, 3))
    assert rig.daemon.health.state == "degraded"
    assert rig.daemon.config == Config()
    rig.run(10)
    assert rig.daemon.config == NEW
    assert rig.daemon.health.state == "ok"


class SlowStart(VirtualRig):
    """Its configuration takes 6 s to read."""

    def _load(self) -> Loaded | ConfigProcess:
        self.clock.sleep(6.0)
        return super()._load()


def test_a_slow_reading_at_the_start_is_not_taken_for_a_machine_that_slept(tmp_path: Path) -> None:
    rig = SlowStart(tmp_path)
    try:
        rig.run(5)
        assert not [line for line in rig.log_lines if "without a tick" in line]
    finally:
        rig.close()


def test_one_that_can_never_be_read_is_tried_ever_less_and_said_once(make_rig: MakeRig) -> None:
    load = Mock(side_effect=ConfigError(["config.yaml: cannot be read"], is_unread=True))
    rig = make_rig(load)
    said = [line for line in rig.log_lines if "config" in line]
    assert said == [
        "a1d: warning: configuration: using built-in defaults, because",
        "a1d: warning: config.yaml: cannot be read",
    ]
    rig.run(6 * 3600)
    assert 10 < load.call_count < 24
    assert [line for line in rig.log_lines if "config" in line] == said
    load.side_effect = [NEW]
    rig.run(3600)
    (recovered,) = [line for line in rig.log_lines if "config" in line and line not in said]
    assert recovered.startswith("a1d: configuration: recovered after ")


def test_systemd_hears_of_no_reload_that_nobody_asked_for(make_rig: MakeRig, mocker: MockerFixture) -> None:
    reloading = mocker.patch("a1d.service.systemd.Notifier.reloading")
    rig = make_rig(_fails_at_first(ConfigError(["config.yaml: cannot be read"], is_unread=True), 10**6))
    rig.run(60)
    assert reloading.call_count == 0
    rig.daemon.reload()
    assert reloading.call_count == 1


def test_who_asks_while_nothing_can_be_read_is_told_and_so_is_the_log(make_rig: MakeRig) -> None:
    rig = make_rig(_fails_at_first(ConfigError(["config.yaml: cannot be read"], is_unread=True), 10**6))
    with pytest.raises(ConfigError, match="cannot be read"):
        rig.reload()
    assert "a1d: error: reload: the built-in defaults stay:" in rig.log_lines


def test_a_file_that_can_be_read_at_last_and_is_bad_is_said_and_shown(make_rig: MakeRig) -> None:
    errors = [ConfigError(["config.yaml:1: bad"]), ConfigError(["config.yaml: cannot be read"], is_unread=True)]

    def load() -> Config:
        raise errors.pop()

    rig = make_rig(load)
    rig.run(10)
    assert "a1d: error: config.yaml:1: bad" in rig.log_lines
    assert rig.daemon.health.problems == ["configuration: using built-in defaults, because\nconfig.yaml:1: bad"]


@pytest.mark.parametrize(
    ("path", "closed", "advice"),
    [
        (
            "etc/config.yaml",
            "etc/config.yaml",
            "the service runs as the user a1d: sudo chgrp a1d {} && sudo chmod g+r {}",
        ),
        ("etc/config.yaml", "etc", "the service runs as the user a1d: sudo chmod a+x {}"),
    ],
)
def test_a_file_that_may_not_be_read_comes_with_what_to_do(
    tmp_path: Path, mocker: MockerFixture, path: str, closed: str, advice: str
) -> None:
    """Root may read everything, so the kernel's answers are made up here."""
    mocker.patch("a1d.config.dump.read_bounded", side_effect=PermissionError(13, "Permission denied"))
    mocker.patch("os.access", lambda where, _mode: where != str(tmp_path / closed))
    said = read(str(tmp_path / path), is_optional=False)
    to_do = advice.replace("{}", str(tmp_path / closed))
    assert said["problems"] == [f"{tmp_path / path}: cannot be read: Permission denied; {to_do}"]
    assert said["is_unread"]


def test_a_file_in_a_home_is_never_seen_by_the_service() -> None:
    assert how_to_allow("/home/kate/config.yaml") == "the service never sees the homes of users: keep it in /etc/a1d"


def test_a_bad_file_is_not_read_again_until_somebody_asks(make_rig: MakeRig) -> None:
    rig = make_rig(_fails_at_first(ConfigError(["config.yaml:1: no"]), 1))
    rig.run(3600)
    assert rig.daemon.config == Config()


def test_a_machine_that_slept_during_a_reload_gives_it_time_anew(slow: Slow) -> None:
    slow.reload("first")
    slow.rig.run(2)
    slow.rig.clock.now_s += 3600
    slow.rig.run(TIME_MAX_S - 1)
    assert slow.told == []
    slow.rig.run(2)
    assert ["did not end" in told for told in slow.told] == [True]


def test_a_stop_during_a_reload_ends_it_and_says_so(slow: Slow) -> None:
    slow.reload("first")
    slow.reload("second")
    slow.rig.daemon.stop()
    slow.rig.daemon.run()
    assert slow.told == [f"{name}: a1d stops; the configuration was not read again" for name in ("first", "second")]
    assert [process.is_closed for process in slow.processes] == [True]


def test_a_process_that_cannot_be_started_is_told_at_once(rig: VirtualRig) -> None:
    def refuse() -> Config:
        raise ConfigError(["config.yaml: not read"])

    rig.run(5)
    rig.read_config = refuse
    with pytest.raises(A1dError, match="not read"):
        rig.reload()
    rig.read_config = lambda: NEW
    rig.reload()
    assert rig.daemon.config == NEW
