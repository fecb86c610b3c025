"""Profiles in the whole daemon, in virtual time: by the clock, by hand, over a reload, and what is said of them."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from a1d import clocks
from a1d.config.reader import parse_config
from a1d.config.settings import Config
from a1d.errors import A1dError
from a1d.sim.case import SensorFault
from tests.client.test_main import Ctl
from tests.virtual import VirtualRig

MakeRig = Callable[..., VirtualRig]
FAN = "fan: {curve: {50: 10, 60: 40, 70: 100}, hysteresis_celsius: 3, hold: 10s, rise: 0s}\n"
NIGHT = 'night: {max_percent: 30, from: "22:00", to: "07:00"}'
TEXT = f"{FAN}profiles: {{{NIGHT}, film: {{max_percent: 20}}}}\n"


class File:
    """What the daemon reads; replace ``text`` and reload."""

    def __init__(self, text: str = TEXT) -> None:
        self.text = text

    def __call__(self) -> Config:
        return parse_config(self.text, "/etc/a1d/config.yaml")


def profile(rig: VirtualRig) -> Any:
    return rig.daemon.status()["profile"]


def by_clock(until: str) -> dict[str, object]:
    return {"name": "night", "by_hand": False, "until": until, "remaining_s": None}


@pytest.fixture
def warm(make_rig: MakeRig) -> VirtualRig:
    """Noon, 65 C."""
    rig = make_rig(File())
    rig.case.fixed_celsius = 65.0
    rig.run(20)
    assert (rig.fan_percent, profile(rig)) == (70, None)
    return rig


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Ctl:
    return Ctl(capsys, monkeypatch)


def test_a_profile_begins_and_ends_with_its_time_of_day(warm: VirtualRig) -> None:
    warm.minute = 22 * 60
    warm.run(1)
    assert (warm.fan_percent, profile(warm)) == (70, by_clock("07:00"))
    warm.run(12)
    assert warm.fan_percent == 30, "after the hold, as after any warm spell"
    assert warm.daemon.status()["reason"] == "cpu at 65.0 C: 30 %, the most that max_percent allows"
    warm.minute = 7 * 60
    warm.run(2)
    assert (warm.fan_percent, profile(warm)) == (70, None)
    assert [line for line in warm.log_lines if "profile" in line] == ["a1d: profile: night", "a1d: profile: none"]


def test_a_daemon_that_starts_at_night_begins_with_the_night(make_rig: MakeRig) -> None:
    rig = make_rig(File())
    rig.minute, rig.case.fixed_celsius = 23 * 60, 65.0
    duties = set()
    rig.run(20, lambda: duties.add(rig.fan_percent))
    assert max(duties) <= 50 and rig.fan_percent == 30
    assert profile(rig) == by_clock("07:00")


@pytest.mark.parametrize("minutes", [[22 * 60], [22 * 60, 12 * 60, 3 * 60, 12 * 60] * 20])
def test_whatever_the_clock_does_critical_and_a_lost_sensor_win(warm: VirtualRig, minutes: list[int]) -> None:
    """A clock that was never set, one that is set late, one that jumps at each tick."""
    for minute in minutes:
        warm.minute = minute
        warm.run(0.5)
    warm.case.fixed_celsius = 80.0
    warm.run(2)
    assert warm.fan_percent == 100
    warm.case.fixed_celsius = 45.0
    warm.run(60)
    warm.case.sensor_faults.add(SensorFault.DEAD)
    for minute in minutes:
        warm.minute = minute
        warm.run(2)
    assert warm.fan_percent == 100


def test_a_cap_yields_in_good_time(warm: VirtualRig) -> None:
    warm.minute = 22 * 60
    warm.run(20)
    duties = []
    for celsius in (70.0, 72.0, 74.0, 76.0, 78.0, 80.0):
        warm.case.fixed_celsius = celsius
        warm.run(2)
        duties.append(warm.fan_percent)
    assert duties == [30, 30, 48, 65, 83, 100]


def test_by_hand_for_a_time_and_back(warm: VirtualRig) -> None:
    warm.daemon.set_profile("film", 60.0)
    warm.run(30)
    assert warm.fan_percent == 20
    assert profile(warm) == {"name": "film", "by_hand": True, "until": None, "remaining_s": 30.0}
    warm.minute = 22 * 60
    warm.run(31)
    assert profile(warm) == by_clock("07:00")
    warm.daemon.set_profile("none", None)
    warm.run(2)
    assert profile(warm) == {"name": "none", "by_hand": True, "until": None, "remaining_s": None}
    assert warm.fan_percent == 70
    warm.daemon.set_profile(None)
    warm.run(0.5)
    assert profile(warm) == by_clock("07:00")


def test_a_reload_that_removes_the_chosen_profile_ends_it(warm: VirtualRig) -> None:
    warm.daemon.set_profile("film", None)
    warm.run(20)
    assert warm.fan_percent == 20
    warm.read_config.text = f"{FAN}profiles: {{{NIGHT}}}\n"  # type: ignore[attr-defined]
    warm.reload()
    warm.run(2)
    assert (warm.fan_percent, profile(warm)) == (70, None)
    with pytest.raises(A1dError, match="the configuration has: night, none"):
        warm.daemon.set_profile("film", None)


def test_a_reload_goes_on_with_the_profile_in_force(warm: VirtualRig) -> None:
    warm.minute = 22 * 60
    warm.run(20)
    warm.reload()
    warm.run(20)
    assert (warm.fan_percent, profile(warm)) == (30, by_clock("07:00"))


def test_the_curves_that_are_told_are_those_in_force(warm: VirtualRig, run: Ctl) -> None:
    warm.minute = 22 * 60
    warm.run(1)
    run.at(warm, "curve")
    assert "now 65.0 C: the curve asks for 30 %, the fan is to run at" in run.out


def test_the_wall_clock_is_asked_only_if_a_profile_has_a_time(make_rig: MakeRig, tmp_path: Path) -> None:
    for text, asked in ((FAN, False), (f"{FAN}profiles: {{film: {{max_percent: 20}}}}", False), (TEXT, True)):
        rig = make_rig(File(text))
        calls: list[int] = []
        rig.daemon._local_minute = lambda calls=calls: calls.append(0) or 0  # type: ignore[misc]
        rig.run(10)
        assert bool(calls) == asked
        assert len(calls) <= 21
        rig.close()


def test_a_reload_takes_another_time_zone(make_rig: MakeRig, monkeypatch: pytest.MonkeyPatch) -> None:
    rig = make_rig(File())
    rig.run(5)
    try:
        for zone, hours in (("UTC0", 0), ("XXX-5", 5)):
            monkeypatch.setenv("TZ", zone)
            rig.reload()
            now_s = time.time()
            assert (clocks.local_minute() - int(now_s // 60) - hours * 60) % 1440 in (0, 1)
    finally:
        monkeypatch.undo()
        time.tzset()


# -- a1d-ctl ---------------------------------------------------------------------------------------


def test_ctl_shows_chooses_and_gives_back(warm: VirtualRig, run: Ctl) -> None:
    assert (run.at(warm, "profile"), run.out) == (0, "no profile is in force\n")
    assert (run.at(warm, "profile", "film", "--for", "2h"), run.out) == (0, "profile film for another 2h\n")
    assert (run.at(warm, "profile", "film"), run.out) == (0, "profile film until 'a1d-ctl profile auto'\n")
    run.at(warm, "status")
    assert "\nprofile      film until 'a1d-ctl profile auto'\n" in run.out
    warm.minute = 22 * 60
    assert (run.at(warm, "profile", "auto"), run.out) == (0, "profile night until 07:00\n")
    assert (run.at(warm, "profile", "none"), run.out) == (0, "profile none until 'a1d-ctl profile auto'\n")


def test_ctl_lists_the_known_profiles_if_it_gets_another(warm: VirtualRig, run: Ctl) -> None:
    assert run.at(warm, "profile", "nigth") == 1
    assert run.err == "a1d-ctl: there is no profile 'nigth'; the configuration has: night, film, none\n"
    assert run.at(warm, "profile", "\x1b[2J") == 1
    assert "\x1b" not in run.err


@pytest.mark.parametrize("words", [["--for", "2h"], ["auto", "--for", "2h"], ["film", "--for", "soon"]])
def test_ctl_refuses_a_time_without_a_profile(warm: VirtualRig, run: Ctl, words: list[str]) -> None:
    assert run.at(warm, "profile", *words) == 2
    assert run.err.startswith("usage: a1d-ctl profile")
