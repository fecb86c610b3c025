"""What systemd hears, through a real datagram socket: from the notifier, and from the whole daemon."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import time
import warnings
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_mock import MockerFixture

from a1d.button.watcher import ButtonWatcher
from a1d.config.settings import Config
from a1d.errors import ConfigError
from a1d.service.systemd import READY_MAX_S, Notifier
from a1d.sim.edges import SimulatedEdges
from a1d.sim.mcu import BusFault
from tests.virtual import VirtualRig

MakeRig = Callable[..., VirtualRig]


class Systemd:
    """The far end of NOTIFY_SOCKET."""

    def __init__(self, address: str | bytes) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.bind(address)
        self._messages: list[str] = []

    def listen(self) -> None:
        """Make room: the kernel holds ten messages. Each must be ASCII."""
        with contextlib.suppress(BlockingIOError):
            while True:
                self._messages.append(self._socket.recv(4096).decode("ascii"))

    def messages(self) -> list[str]:
        """What has come since the last call."""
        self.listen()
        messages, self._messages = self._messages, []
        return messages

    def heard(self, beginning: str) -> list[str]:
        return [message for message in self.messages() if message.startswith(beginning)]

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Systemd]:
    systemd = Systemd(str(tmp_path / "notify"))
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    monkeypatch.delenv("WATCHDOG_USEC", raising=False)
    monkeypatch.delenv("WATCHDOG_PID", raising=False)
    yield systemd
    systemd.close()


@pytest.fixture
def notifier(systemd: Systemd, monkeypatch: pytest.MonkeyPatch) -> Iterator[Notifier]:
    monkeypatch.setenv("WATCHDOG_USEC", "3000000")
    notifier = Notifier(0.0)
    yield notifier
    notifier.close()


def tick(notifier: Notifier, now_s: float = 0.0, *, under_control: bool = True, is_alive: bool = False) -> None:
    notifier.tick(now_s, under_control=under_control, is_alive=lambda: is_alive)


def fill(tmp_path: Path) -> int:
    """Fill the queue of NOTIFY_SOCKET; how many messages that took."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as filler:
        filler.setblocking(False)
        for count in range(10_000):
            try:
                filler.sendto(b"X=filler", str(tmp_path / "notify"))
            except BlockingIOError:
                return count
    raise AssertionError("a queue without an end")


# -- the notifier ----------------------------------------------------------------------------------


def test_each_message_is_the_one_that_systemd_knows(notifier: Notifier, systemd: Systemd) -> None:
    tick(notifier, is_alive=True)
    notifier.status(1.0, "45 C, fan 0 %")
    notifier.stopping()
    assert systemd.messages() == ["READY=1", "WATCHDOG=1", "STATUS=45 C, fan 0 %", "STOPPING=1"]


def test_a_reload_carries_the_monotonic_time_of_its_beginning(notifier: Notifier, systemd: Systemd) -> None:
    tick(notifier)
    systemd.messages()
    before_us = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    notifier.reloading()
    after_us = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    (message,) = systemd.messages()
    found = re.fullmatch(r"RELOADING=1\nMONOTONIC_USEC=(\d+)", message)
    assert found
    assert before_us <= int(found[1]) <= after_us


@given(text=st.text())
def test_whatever_the_status_says_it_is_one_line_of_ascii_about_the_status(systemd: Systemd, text: str) -> None:
    notifier = Notifier(0.0)
    notifier.status(0.0, text)
    notifier.close()
    assert [message for message in systemd.messages() if "\n" in message or not message.startswith("STATUS=")] == []


def test_a_degree_sign_costs_a_character_and_not_the_message(notifier: Notifier, systemd: Systemd) -> None:
    notifier.status(0.0, "45 \N{DEGREE SIGN}C \N{RIGHTWARDS ARROW} 10 %")
    assert systemd.messages() == ["STATUS=45 ?C ? 10 %"]


def test_the_status_is_sent_when_it_changes_and_once_a_second_at_most(notifier: Notifier, systemd: Systemd) -> None:
    for step in range(100):
        notifier.status(step * 0.1, f"{step // 50}")
    assert systemd.messages() == ["STATUS=0", "STATUS=1"]
    for step in range(100, 200):
        notifier.status(step * 0.1, f"{step}")
        systemd.listen()
    assert 9 <= len(systemd.messages()) <= 11


def test_an_abstract_socket_works_too(monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"a1d-test-{os.getpid()}"
    systemd = Systemd(f"\0{name}")
    monkeypatch.setenv("NOTIFY_SOCKET", f"@{name}")
    notifier = Notifier(0.0)
    tick(notifier)
    assert systemd.messages() == ["READY=1"]
    notifier.close()
    systemd.close()


@pytest.mark.parametrize("address", [None, "", "/nowhere/notify", "@a1d-nobody", "vsock:2:1234", "x" * 200])
def test_without_a_systemd_to_hear_it_nothing_is_said_and_nothing_fails(
    monkeypatch: pytest.MonkeyPatch, address: str | None
) -> None:
    if address is None:
        monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    else:
        monkeypatch.setenv("NOTIFY_SOCKET", address)
    fds = len(os.listdir("/proc/self/fd"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # sdnotify leaves the socket to be collected
        notifier = Notifier(0.0)
    assert len(os.listdir("/proc/self/fd")) == fds
    tick(notifier, is_alive=True)
    notifier.reloading()
    notifier.reloaded()
    notifier.status(0.0, "x")
    notifier.stopping()
    notifier.close()


def test_a_systemd_that_went_away_is_no_error(notifier: Notifier, systemd: Systemd) -> None:
    systemd.close()
    tick(notifier, is_alive=True)


def test_nothing_is_said_after_the_end(notifier: Notifier, systemd: Systemd) -> None:
    notifier.close()
    tick(notifier, is_alive=True)
    notifier.close()
    assert systemd.messages() == []


def test_a_full_queue_does_not_hold_up_the_loop(notifier: Notifier, systemd: Systemd, tmp_path: Path) -> None:
    filled = fill(tmp_path)
    tick(notifier, is_alive=True)
    notifier.status(0.0, "x")
    assert len(systemd.messages()) == filled


def test_what_waits_for_a_stuck_systemd_is_bounded(notifier: Notifier, systemd: Systemd, tmp_path: Path) -> None:
    tick(notifier)
    fill(tmp_path)
    for _ in range(1000):
        notifier.reloading()
        notifier.reloaded()
    systemd.messages()
    heard: list[str] = []
    for _ in range(100):
        tick(notifier)
        heard += systemd.messages()
    assert len(heard) <= 64
    assert heard[-1] == "READY=1"


@pytest.mark.parametrize(
    ("usec", "pid", "due"),
    [
        ("3000000", None, True),
        ("3000000", "ours", True),
        ("3000000", "1", False),
        ("3000000", "nonsense", False),
        ("0", None, False),
        ("-3000000", None, False),
        ("", None, False),
        ("nonsense", None, False),
        ("9" * 400, None, False),
        (None, None, False),
    ],
)
def test_the_watchdog_is_fed_if_it_is_meant_for_us(
    systemd: Systemd, monkeypatch: pytest.MonkeyPatch, usec: str | None, pid: str | None, due: bool
) -> None:
    pid = str(os.getpid()) if pid == "ours" else pid
    for name, value in (("WATCHDOG_USEC", usec), ("WATCHDOG_PID", pid)):
        if value is None:
            monkeypatch.delenv(name, raising=False)
        else:
            monkeypatch.setenv(name, value)
    notifier = Notifier(0.0)
    tick(notifier, is_alive=True)
    notifier.close()
    assert ("WATCHDOG=1" in systemd.messages()) is due


def test_the_watchdog_is_fed_three_times_as_often_as_it_asks(systemd: Systemd, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "30000000")
    notifier = Notifier(0.0)
    for step in range(120):
        systemd.listen()
        tick(notifier, step * 0.5, is_alive=True)
    assert systemd.messages() == ["READY=1", *["WATCHDOG=1"] * 6]
    notifier.close()


def test_a_reload_before_ready_says_nothing(notifier: Notifier, systemd: Systemd) -> None:
    tick(notifier, under_control=False)
    notifier.reloading()
    notifier.reloaded()
    assert systemd.messages() == []


def test_ready_comes_in_the_end_without_a_fan_under_control(notifier: Notifier, systemd: Systemd) -> None:
    tick(notifier, READY_MAX_S - 0.1, under_control=False)
    assert systemd.messages() == []
    tick(notifier, READY_MAX_S, under_control=False)
    assert systemd.messages() == ["READY=1"]


# -- the daemon ------------------------------------------------------------------------------------


def test_ready_comes_with_the_first_acknowledged_write_and_once(systemd: Systemd, make_rig: MakeRig) -> None:
    rig = make_rig()
    said: list[str] = []

    def check() -> None:
        said.extend(systemd.heard("READY"))
        assert bool(said) <= rig.daemon.fan.acknowledged

    rig.run(0.5, check)
    assert said == ["READY=1"]
    rig.run(30, check)
    assert said == ["READY=1"]


def test_ready_waits_for_a_bus_that_is_late(systemd: Systemd, make_rig: MakeRig) -> None:
    rig = make_rig()
    rig.case.bus_faults.add(BusFault.NO_ANSWER)
    rig.run(2.0)
    assert systemd.heard("READY") == []
    rig.case.bus_faults.clear()
    rig.run(1.0)
    assert systemd.heard("READY") == ["READY=1"]


@pytest.mark.parametrize("fault", [BusFault.NO_ANSWER, BusFault.TIME_OUT, BusFault.NO_BUS])
def test_without_a_bus_ready_comes_late_and_explicitly_degraded(
    systemd: Systemd, make_rig: MakeRig, fault: BusFault
) -> None:
    rig = make_rig()
    rig.case.bus_faults.add(fault)
    rig.run(2.5)
    assert systemd.heard("READY") == []

    def check() -> None:
        if systemd.heard("READY"):
            ready_s.append(rig.clock())
            assert rig.daemon.health.state == "degraded"

    ready_s: list[float] = []
    rig.run(3, check)
    assert len(ready_s) == 1


def test_ready_is_not_lost_in_a_full_queue(systemd: Systemd, make_rig: MakeRig, tmp_path: Path) -> None:
    fill(tmp_path)
    rig = make_rig()
    rig.run(5)
    assert systemd.heard("READY") == []
    rig.run(5)
    assert systemd.heard("READY") == ["READY=1"]


def test_the_end_of_a_reload_is_not_lost_in_a_full_queue(systemd: Systemd, make_rig: MakeRig, tmp_path: Path) -> None:
    rig = make_rig()
    rig.run(5)
    systemd.messages()
    fill(tmp_path)
    rig.reload()
    systemd.messages()
    rig.run(5)
    assert systemd.heard("READY") == ["READY=1"]


def test_a_status_that_did_not_fit_is_sent_again(systemd: Systemd, make_rig: MakeRig, tmp_path: Path) -> None:
    rig = make_rig()
    rig.run(5)
    fill(tmp_path)
    rig.case.fixed_celsius = 72.0
    rig.run(5)
    systemd.messages()
    rig.run(5, systemd.listen)
    assert any("fan 100 %" in message for message in systemd.heard("STATUS"))


def test_the_status_has_temperature_duty_mode_and_health(systemd: Systemd, make_rig: MakeRig) -> None:
    rig = make_rig()
    rig.case.fixed_celsius = 65.0
    rig.run(5)
    assert systemd.heard("STATUS")[-1] == "STATUS=cpu 65 C, fan 70 %, automatic, ok"
    rig.daemon.set_manual(90, None)
    rig.case.line_held_by = "another"
    rig.daemon.button.close()
    rig.run(10)
    assert systemd.heard("STATUS")[-1] == "STATUS=cpu 65 C, fan 90 %, manual, degraded (button)"


def test_the_status_never_comes_more_than_once_a_second_and_ends_up_true(systemd: Systemd, make_rig: MakeRig) -> None:
    rig = make_rig()
    sent_s: list[float] = []

    def check() -> None:
        sent_s.extend([rig.clock()] * len(systemd.heard("STATUS")))
        rig.case.fixed_celsius = 60.0 + len(sent_s) % 10

    rig.run(60, check)
    assert 40 <= len(sent_s) <= 61
    assert all(later - earlier >= 0.999 for earlier, later in pairwise(sent_s))
    rig.case.fixed_celsius = 75.0
    rig.run(2)
    assert systemd.heard("STATUS")[-1].startswith("STATUS=cpu 75 C, fan 100 %")


def test_a_reload_is_announced_and_ended(systemd: Systemd, make_rig: MakeRig) -> None:
    rig = make_rig()
    rig.run(1)
    systemd.messages()
    rig.reload()
    reloading, ready = systemd.messages()
    assert reloading.startswith("RELOADING=1\nMONOTONIC_USEC=")
    assert ready == "READY=1"


def test_a_reload_of_a_bad_file_is_ended_too(systemd: Systemd, make_rig: MakeRig) -> None:
    answers: list[Config | ConfigError] = [Config(), ConfigError(["config.yaml:1: bad"])]

    def read() -> Config:
        answer = answers.pop(0)
        if isinstance(answer, ConfigError):
            raise answer
        return answer

    rig = make_rig(read)
    rig.run(1)
    systemd.messages()
    rig.daemon.reload()
    assert [message.split("=")[0] for message in systemd.messages()] == ["RELOADING", "READY"]


def test_a_reload_before_the_fan_is_under_control_does_not_claim_that_it_is(
    systemd: Systemd, make_rig: MakeRig
) -> None:
    rig = make_rig()
    rig.case.bus_faults.add(BusFault.NO_ANSWER)
    rig.run(0.5, systemd.listen)
    systemd.messages()
    rig.reload()
    assert systemd.messages() == []


def test_a_clean_stop_is_announced(systemd: Systemd, make_rig: MakeRig) -> None:
    rig = make_rig()
    rig.run(1)
    systemd.messages()
    rig.daemon.stop()
    rig.daemon.run()
    assert systemd.messages() == ["STOPPING=1"]


def test_every_message_carries_one_concern(
    systemd: Systemd, make_rig: MakeRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "3000000")
    rig = make_rig()
    rig.run(20, systemd.listen)
    rig.reload()
    messages = systemd.messages()
    assert {message.split("=")[0] for message in messages} == {"READY", "STATUS", "WATCHDOG", "RELOADING"}
    assert [message for message in messages if "\n" in message and not message.startswith("RELOADING")] == []


# -- the watchdog ----------------------------------------------------------------------------------


@pytest.fixture
def guarded(systemd: Systemd, make_rig: MakeRig, monkeypatch: pytest.MonkeyPatch) -> VirtualRig:
    """A daemon that has run for a while under a watchdog of 10 s."""
    monkeypatch.setenv("WATCHDOG_USEC", "10000000")
    rig = make_rig()
    rig.run(20, systemd.listen)
    assert len(systemd.heard("WATCHDOG")) == 6
    return rig


def test_a_fan_that_is_not_polled_starves_the_watchdog(
    guarded: VirtualRig, systemd: Systemd, mocker: MockerFixture
) -> None:

    def neglect() -> float:
        guarded.clock.sleep(0.1)
        return guarded.daemon.fan.due_s

    mocker.patch.object(guarded.daemon.fan, "poll", side_effect=neglect)
    guarded.case.fixed_celsius = 72.0
    fed_s = 0.0
    while guarded.clock() < 1080:
        guarded.run_once()
        fed_s = guarded.clock() if systemd.heard("WATCHDOG") else fed_s
    assert fed_s < 1030


def test_a_button_watcher_that_does_nothing_starves_the_watchdog(
    guarded: VirtualRig, systemd: Systemd, mocker: MockerFixture
) -> None:
    mocker.patch.object(ButtonWatcher, "tick")
    guarded.daemon.button.close()
    guarded.run(60, systemd.listen)
    assert systemd.heard("WATCHDOG") == []


def test_a_tick_that_does_not_come_starves_the_watchdog(
    guarded: VirtualRig, systemd: Systemd, mocker: MockerFixture
) -> None:
    mocker.patch.object(guarded.daemon.loop, "_tick")
    guarded.run(60, systemd.listen)
    assert systemd.heard("WATCHDOG") == []


@pytest.mark.parametrize("fault", list(BusFault))
def test_a_bus_that_fails_but_is_being_retried_is_alive(guarded: VirtualRig, systemd: Systemd, fault: BusFault) -> None:
    guarded.case.bus_faults.add(fault)
    guarded.case.fixed_celsius = 72.0
    guarded.run(60, systemd.listen)
    assert len(systemd.heard("WATCHDOG")) >= 12


def test_a_line_that_is_known_to_be_busy_is_alive(guarded: VirtualRig, systemd: Systemd) -> None:
    guarded.case.line_held_by = "w1-gpio"
    guarded.daemon.button.close()
    guarded.run(60, systemd.listen)
    assert len(systemd.heard("WATCHDOG")) >= 12


def test_a_thread_that_brings_the_edges_and_stays_dead_starves_the_watchdog(
    guarded: VirtualRig, systemd: Systemd, mocker: MockerFixture
) -> None:
    """lgpio's cannot be started again in the same process: only a restart brings the button back."""
    mocker.patch.object(SimulatedEdges, "is_alive", return_value=False)
    guarded.run(10, systemd.listen)
    systemd.messages()
    guarded.run(60, systemd.listen)
    assert systemd.heard("WATCHDOG") == []
