"""Completion for bash, zsh and fish, made from the parsers: at TAB no Python starts."""

from __future__ import annotations

import argparse
import re
from enum import Enum

import shtab

import a1d.sim.case
import a1d.sim.mcu
from docs.pages.manual import arguments_of, commands_of, parser_of

FILES = {
    "bash": "bash-completion/completions/{program}",
    "zsh": "zsh/vendor-completions/_{program}",
    "fish": "fish/vendor_completions.d/{program}.fish",
}
PROGRAMS = ("a1d", "a1d-ctl", "a1d-mqtt")
# Suggestions for what has no list: the name of the value, or the command, and what is likely.
_LIKELY = {
    "TIME": ("10m", "30m", "1h", "2h", "8h"),
    "TEMPERATURE": ("40C", "45C", "50C"),
    "fan set percent": tuple(map(str, range(0, 101, 10))),
    "profile name": ("none", "auto"),
}
_PATHS = {"FILE": shtab.FILE, "PATH": shtab.FILE, "DIR": shtab.DIRECTORY}


def make_completions() -> dict[str, str]:
    """The scripts, by their paths below ``share``."""
    return {FILES[shell].format(program=program): _make(program, shell) for program in PROGRAMS for shell in FILES}


def _make(program: str, shell: str) -> str:
    parser = parser_of(program)
    _suggest(parser, "")
    script = shtab.complete(parser, shell)
    first, _, rest = script.partition("# AUTOMATICALLY GENERATED")
    rest = re.sub(r"\A[^\n]*\n(?:#[^\n]*\n)*", "", rest)
    return f"{first}# Made by 'make pages', with shtab, from the parser of {program}.\n{rest}".rstrip() + "\n"


def _suggest(parser: argparse.ArgumentParser, before: str) -> None:
    for action in arguments_of(parser):
        if action.metavar in _PATHS:
            action.complete = _PATHS[action.metavar]  # type: ignore[attr-defined]
            continue
        likely = _LIKELY.get(str(action.metavar)) or _LIKELY.get(f"{before}{action.dest}")
        if before == "sim fault " and action.dest == "fault":
            likely = _faults()
        if likely and not action.choices:
            action.choices = likely
    for entry, command in commands_of(parser):
        _suggest(command, f"{before}{entry.dest} ")


def _faults() -> tuple[str, ...]:
    names = {**vars(a1d.sim.mcu), **vars(a1d.sim.case)}
    kinds: list[type[Enum]] = [kind for name, kind in names.items() if name.endswith("Fault")]
    return (*(str(fault.value) for kind in kinds for fault in kind), "reset-mcu")
