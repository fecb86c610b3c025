"""Which profile is in force: one chosen by hand, else the first whose time of day it is. Pure: clocks are arguments.

The wall clock may jump, run wrong or lie. It only chooses among settings that a user wrote; what decides in an
emergency is in none of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import NamedTuple

from a1d.config.settings import PRESETS, Config, ProfileConfig
from a1d.errors import A1dError

NO_PROFILE = "none"  # chosen by hand: the fan's own settings, whatever the time of day
_DAY = 1440


class Choice(NamedTuple):
    """A profile that was chosen by hand, until a time or (None) until it is taken back."""

    name: str
    until_s: float | None


class Profiles:
    """``step`` once a tick. ``config`` has the settings in force, ``base`` those without a profile, ``name`` is the
    profile's (None: there is none)."""

    def __init__(self, config: Config) -> None:
        self.choice: Choice | None = None
        self.name: str | None = None
        self._minute = 0
        self.configure(config)

    def configure(self, config: Config) -> None:
        """Take new settings. A profile that was chosen by hand goes on if there still is one of that name."""
        self.base, self._profiles = config, dict(config.profiles)
        self.uses_clock = any(profile.from_minute is not None for profile in self._profiles.values())
        if self.choice and self.choice.name not in (NO_PROFILE, *self._profiles):
            self.choice = None
        self._use(self.name if self.name in self._profiles else None)

    @property
    def names(self) -> list[str]:
        """Of the profiles that are configured, in their order."""
        return list(self._profiles)

    def choose(self, name: str | None, until_s: float | None) -> None:
        """By hand, from the next step on; NO_PROFILE is a name too, None is the clock's choice. A1dError if unknown."""
        if name is None:
            self.choice = None
            return
        known = [*self._profiles, NO_PROFILE]
        if name not in known:
            has = f"has: {', '.join(known)}" if self._profiles else "has no profiles"
            raise A1dError(f"there is no profile {name[:60]!r}; the configuration {has}")
        self.choice = Choice(name, until_s)

    def step(self, now_s: float, minute: int) -> bool:
        """Whether another profile is in force from now on. ``minute``: of the local day."""
        if self.choice and self.choice.until_s is not None and now_s >= self.choice.until_s:
            self.choice = None
        self._minute = minute
        if not self._profiles:
            return False
        name = self.choice.name if self.choice else by_clock(self._profiles, minute)
        name = None if name == NO_PROFILE else name
        if name == self.name:
            return False
        self._use(name)
        return True

    def _use(self, name: str | None) -> None:
        self.name = name
        self.config = self.base if name is None else with_profile(self.base, self._profiles[name])

    def end_minute(self) -> int | None:
        """The minute of the local day at which the clock chooses otherwise than now; None if it never does."""
        profiles = self._profiles
        edges = [edge for profile in profiles.values() for edge in (profile.from_minute, profile.to_minute)]
        later = sorted((e for e in edges if e is not None), key=lambda edge: (edge - self._minute) % _DAY)
        now = by_clock(profiles, self._minute)
        return next((edge for edge in later if by_clock(profiles, edge) != now), None)


def by_clock(profiles: Mapping[str, ProfileConfig], minute: int) -> str | None:
    """The first profile whose time it is at this minute of the local day. One that ends as it begins always is."""
    for name, profile in profiles.items():
        begin, end = profile.from_minute, profile.to_minute
        if begin is not None and end is not None and (minute - begin) % _DAY < ((end - begin) % _DAY or _DAY):
            return name
    return None


def with_profile(config: Config, profile: ProfileConfig) -> Config:
    """``config`` with the profile's settings in the place of the fan's; a preset's yield to those beside it."""
    chosen = {field.name: getattr(profile, field.name) for field in fields(profile)}
    chosen = {name: value for name, value in chosen.items() if value is not None and not name.endswith("_minute")}
    if profile.preset:
        chosen = PRESETS[profile.preset] | chosen
    return replace(config, fan=replace(config.fan, **chosen))
