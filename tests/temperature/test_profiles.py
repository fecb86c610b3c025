"""Profiles: which one is in force, whatever the clock says, and that none makes the fan too slow."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a1d.config.settings import PRESETS, Config, FanConfig, ProfileConfig, SensorConfig
from a1d.errors import A1dError
from a1d.temperature.controller import Controller
from a1d.temperature.curve import Curve
from a1d.temperature.profiles import NO_PROFILE, Profiles, by_clock, with_profile
from a1d.temperature.reading import Reading
from tests.virtual import PROMPT_FAN

NIGHT = ProfileConfig(preset="quiet", max_percent=40, from_minute=22 * 60, to_minute=7 * 60)
NOON = ProfileConfig(preset="cool", from_minute=12 * 60, to_minute=13 * 60)
FILM = ProfileConfig(max_percent=20)
CONFIG = Config(profiles=(("night", NIGHT), ("noon", NOON), ("film", FILM)))

minutes = st.integers(0, 1439)
any_profile = st.builds(
    ProfileConfig,
    preset=st.none() | st.sampled_from(list(PRESETS)),
    curve=st.none() | st.just(((79.0, 1.0),)),
    mode=st.sampled_from([None, "curve", "target"]),
    target_celsius=st.none() | st.just(70.0),
    interpolation=st.sampled_from([None, "step"]),
    hysteresis_celsius=st.none() | st.floats(0, 20),
    hold_s=st.none() | st.floats(0, 20),
    rise_s=st.none() | st.floats(0, 60),
    max_percent=st.none() | st.integers(0, 100),
    from_minute=minutes,
    to_minute=minutes,
)


def at(clock: str) -> int:
    return int(clock[:2]) * 60 + int(clock[3:])


def named(begin: str, end: str) -> dict[str, ProfileConfig]:
    return {"it": ProfileConfig(from_minute=at(begin), to_minute=at(end))}


# -- by the clock ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("begin", "end", "inside", "outside"),
    [
        ("08:00", "09:00", ["08:00", "08:59"], ["07:59", "09:00", "00:00"]),
        ("22:00", "07:00", ["22:00", "23:59", "00:00", "06:59"], ["21:59", "07:00", "12:00"]),
        ("22:00", "00:00", ["22:00", "23:59"], ["00:00", "21:59"]),
        ("00:00", "00:01", ["00:00"], ["23:59", "00:01"]),
        ("09:30", "09:30", ["09:30", "09:29", "00:00", "23:59"], []),
    ],
)
def test_a_profile_holds_from_its_first_minute_to_before_its_last_over_midnight_too(
    begin: str, end: str, inside: list[str], outside: list[str]
) -> None:
    assert [by_clock(named(begin, end), at(minute)) for minute in inside] == ["it"] * len(inside)
    assert [by_clock(named(begin, end), at(minute)) for minute in outside] == [None] * len(outside)


def test_of_profiles_that_overlap_the_first_in_the_file_wins() -> None:
    wide, narrow = named("00:00", "23:00")["it"], named("12:00", "13:00")["it"]
    assert by_clock({"wide": wide, "narrow": narrow}, at("12:30")) == "wide"
    assert by_clock({"narrow": narrow, "wide": wide}, at("12:30")) == "narrow"


@given(st.lists(any_profile, max_size=4), minutes)
def test_the_end_that_is_shown_is_the_first_minute_of_another_choice(all_of: list[ProfileConfig], minute: int) -> None:
    config = Config(profiles=tuple((f"p{index}", profile) for index, profile in enumerate(all_of)))
    profiles = Profiles(config)
    profiles.step(0.0, minute)
    known = dict(config.profiles)
    ahead = [(minute + later) % 1440 for later in range(1, 1441)]
    assert profiles.end_minute() == next((m for m in ahead if by_clock(known, m) != by_clock(known, minute)), None)


@given(st.lists(minutes, max_size=50))
def test_a_clock_that_jumps_or_is_wrong_chooses_anew_each_time_and_remembers_nothing(jumps: list[int]) -> None:
    profiles = Profiles(CONFIG)
    for now_s, minute in enumerate([*jumps, at("23:00")]):
        profiles.step(float(now_s), minute)
        assert profiles.name == by_clock(dict(CONFIG.profiles), minute)
    assert (profiles.name, profiles.config.fan.max_percent) == ("night", 40)


def test_daylight_saving_repeats_or_skips_what_lies_in_its_hour_and_harms_nothing_else() -> None:
    profiles = Profiles(Config(profiles=tuple(named("02:15", "02:45").items())))

    def seen(*clocks: str) -> list[str | None]:
        names = []
        for clock in clocks:
            profiles.step(0.0, at(clock))
            names.append(profiles.name)
        return names

    assert seen("01:59", "03:00", "03:01") == [None, None, None]
    assert seen("02:14", "02:15", "02:59", "02:00", "02:15", "02:45") == [None, "it", None, None, "it", None]


# -- by hand ---------------------------------------------------------------------------------------


@pytest.fixture
def profiles() -> Profiles:
    chosen = Profiles(CONFIG)
    chosen.step(0.0, at("20:00"))
    return chosen


def test_a_choice_lasts_for_its_time_and_then_the_clock_chooses_again(profiles: Profiles) -> None:
    profiles.choose("film", 100.0)
    assert profiles.step(99.9, at("21:59")) and profiles.name == "film"
    assert not profiles.step(99.9, at("22:00")), "a choice by hand wins over the clock"
    assert profiles.step(100.0, at("22:00")) and profiles.name == "night"


def test_a_choice_without_an_end_lasts_until_it_is_taken_back(profiles: Profiles) -> None:
    profiles.choose("film", None)
    profiles.step(1e9, at("23:00"))
    assert profiles.name == "film"
    profiles.choose(None, None)
    assert profiles.step(1e9, at("23:00")) and profiles.name == "night"


def test_no_profile_is_a_choice_too(profiles: Profiles) -> None:
    profiles.choose(NO_PROFILE, 100.0)
    profiles.step(1.0, at("23:00"))
    assert (profiles.name, profiles.config) == (None, CONFIG)
    profiles.step(100.0, at("23:00"))
    assert profiles.name == "night"


def test_no_profile_stays_chosen_over_a_reload(profiles: Profiles) -> None:
    profiles.choose(NO_PROFILE, None)
    profiles.configure(CONFIG)
    profiles.step(1.0, at("23:00"))
    assert profiles.name is None


def test_an_unknown_profile_is_refused_with_the_known_ones_and_changes_nothing(profiles: Profiles) -> None:
    profiles.choose("film", None)
    with pytest.raises(A1dError, match=r"no profile 'nigth'; the configuration has: night, noon, film, none"):
        profiles.choose("nigth", None)
    assert profiles.choice and profiles.choice.name == "film"


def test_an_odd_name_is_shown_printable_and_escaped_once(profiles: Profiles) -> None:
    with pytest.raises(A1dError) as caught:
        profiles.choose("x\x1b[31m\u202e", None)
    assert str(caught.value).startswith(r"there is no profile 'x\x1b[31m\u202e'; ")
    assert str(caught.value).isprintable()


def test_where_there_are_no_profiles_that_is_said() -> None:
    with pytest.raises(A1dError, match=r"^there is no profile 'film'; the configuration has no profiles$"):
        Profiles(Config()).choose("film", None)


@pytest.mark.parametrize(("names", "expected"), [(("night", "film"), True), (("film",), False), ((), False)])
def test_the_time_of_day_is_asked_for_where_a_profile_has_one(names: tuple[str, ...], expected: bool) -> None:
    known = dict(CONFIG.profiles)
    assert Profiles(Config(profiles=tuple((name, known[name]) for name in names))).uses_clock is expected


def test_a_reload_that_removes_the_chosen_profile_ends_it_for_good(profiles: Profiles) -> None:
    profiles.choose("film", None)
    profiles.step(1.0, 0)
    without = replace(CONFIG, profiles=CONFIG.profiles[:1])
    profiles.configure(without)
    assert (profiles.choice, profiles.name, profiles.config) == (None, None, without)
    profiles.configure(CONFIG)
    profiles.step(2.0, at("20:00"))
    assert profiles.name is None


def test_a_reload_that_keeps_the_chosen_profile_takes_its_new_settings(profiles: Profiles) -> None:
    profiles.choose("film", 100.0)
    profiles.step(1.0, 0)
    profiles.configure(replace(CONFIG, profiles=(("film", ProfileConfig(max_percent=33)),)))
    assert (profiles.name, profiles.config.fan.max_percent) == ("film", 33)
    assert not profiles.step(99.0, 0)
    assert profiles.step(100.0, 0)


@given(st.lists(st.tuples(st.sampled_from(["film", "night", NO_PROFILE, None]), st.integers(1, 9), minutes)))
def test_when_it_ends_the_settings_are_the_very_ones_of_the_file(
    steps: list[tuple[str | None, int, int]],
) -> None:
    profiles, now_s = Profiles(CONFIG), 0.0
    for name, for_s, minute in steps:
        profiles.choose(name, now_s + for_s)
        now_s += 5
        profiles.step(now_s, minute)
    profiles.step(now_s + 10, at("20:00"))
    assert profiles.config is CONFIG


# -- what it changes -------------------------------------------------------------------------------


def test_a_profile_s_preset_wins_over_the_fan_s_settings_and_yields_to_those_beside_it() -> None:
    config = Config(fan=FanConfig(curve=((40.0, 90.0),), hold_s=1.0, hysteresis_celsius=2.0))
    fan = with_profile(config, ProfileConfig(preset="quiet", rise_s=3.0)).fan
    expected = {**PRESETS["quiet"], "rise_s": 3.0, "hysteresis_celsius": 2.0}
    assert fan == FanConfig(preset="quiet", **expected)


@given(any_profile)
def test_no_profile_touches_what_decides_in_an_emergency(profile: ProfileConfig) -> None:
    fan = with_profile(Config(), profile).fan
    kept = ("critical_celsius", "yield_celsius", "failsafe_percent", "duty_min_percent", "on_stop", "refresh_s")
    assert [getattr(fan, name) for name in kept] == [getattr(FanConfig(), name) for name in kept]


TWO = Config(
    fan=replace(PROMPT_FAN, failsafe_percent=60),
    sensors=(
        SensorConfig(name="cpu", zone="cpu-thermal"),
        SensorConfig(name="nvme", hwmon="nvme", interval_s=0.5, critical_celsius=70.0, curve=((55.0, 20.0),)),
    ),
)
temps = st.floats(20, 90) | st.sampled_from([math.nan, math.inf, 70.0, 80.0])


class Ticks:
    """A controller and its profiles, ticked as the daemon does it."""

    def __init__(self, config: Config) -> None:
        self.profiles = Profiles(config)
        self.now_s = 1000.0
        self.controller = Controller(config, self.now_s, 0)
        self.last: list[Reading] = []

    def tick(self, minute: int, temps: tuple[float | None, ...]) -> int:
        self.now_s += 0.5
        if self.profiles.step(self.now_s, minute):
            self.controller.configure(self.profiles.config)
        names = [sensor.name for sensor in self.profiles.config.sensors]
        before = {reading.sensor: reading for reading in self.last}
        self.last = []
        for name, temp in zip(names, temps, strict=True):
            if temp is not None:
                self.last.append(Reading(name, temp, self.now_s))
            elif name in before:
                self.last.append(before[name]._replace(error="no answer", missed=before[name].missed + 1))
        return self.controller.step(self.now_s, self.last).duty_percent


@given(
    st.lists(any_profile, min_size=1, max_size=3),
    st.lists(
        st.tuples(minutes, st.none() | temps, st.none() | temps, st.integers(1, 4), st.sampled_from([None, 0, 50])),
        min_size=1,
        max_size=25,
    ),
)
def test_whatever_profile_clock_and_hand_say_critical_and_failsafe_win(
    all_of: list[ProfileConfig], spells: list[tuple[int, float | None, float | None, int, int | None]]
) -> None:
    ticks = Ticks(replace(TWO, profiles=tuple((f"p{index}", profile) for index, profile in enumerate(all_of))))
    lost = [0, 0]
    for minute, cpu, nvme, count, hand in spells:
        if hand is not None:
            ticks.controller.set_manual(hand, None)
        for index in range(count):
            duty = ticks.tick(minute, (cpu, nvme))
            lost = [0 if temp is not None else missed + 1 for temp, missed in zip((cpu, nvme), lost, strict=True)]
            is_second = index >= 1  # a lone leap waits for a second reading where the rise is calm
            critical = (cpu is not None and not cpu < 80.0) or (nvme is not None and not nvme < 70.0)
            if critical and is_second:
                assert duty == 100
            # A drive that has never answered is waited for.
            if lost[0] >= 3 or lost[1] >= (3 if "nvme" in [reading.sensor for reading in ticks.last] else 7):
                assert duty >= 60


@given(
    any_profile,
    st.lists(temps, min_size=1, max_size=30),
    st.lists(st.floats(20, 79), min_size=1, max_size=60),
)
def test_once_a_profile_has_ended_the_fan_is_never_below_the_curve_and_soon_as_if_it_had_never_been(
    profile: ProfileConfig, during: list[float], after: list[float]
) -> None:
    """Soon: once it has been cool for the hold time, which makes the fan forget what was before in any case."""
    config = Config(fan=PROMPT_FAN, profiles=(("it", replace(profile, from_minute=60, to_minute=120)),))
    with_it, without = Ticks(config), Ticks(replace(config, profiles=()))
    for temp in during:
        with_it.tick(90, (temp,))
        without.tick(90, (temp,))
    for temp in after[:10]:
        assert with_it.tick(0, (temp,)) >= Curve(PROMPT_FAN.curve, 80.0, duty_min_percent=10).duty_percent(temp)
        without.tick(0, (temp,))
    for _ in range(50):
        with_it.tick(0, (40.0,))
        without.tick(0, (40.0,))
    assert [with_it.tick(0, (temp,)) for temp in after] == [without.tick(0, (temp,)) for temp in after]
