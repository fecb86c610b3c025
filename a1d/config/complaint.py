"""What is said of a setting that cannot be taken: what was found, what was expected, and what to write instead.

Only imported once there is something to complain about.
"""

from __future__ import annotations

import dataclasses
import difflib
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from a1d.config.advice import advice_for
from a1d.config.printable import printable
from a1d.config.settings import ButtonConfig, CaseConfig, Config, FanConfig, ProfileConfig, key_of

if TYPE_CHECKING:
    from a1d.config.yaml_tree import Tree

_FOUND_MAX = 60
_COMMANDS = ("button.double_press", "button.hold")


def complaint(where: str, expected: str, found: object, written: str | None) -> str:
    """One line. ``where`` is the setting (empty: the file itself), ``written`` the single word that stands there.

    Everybody may read it, so it shows no argument of a gesture's command.
    """
    is_argument = where.startswith(tuple(f"{command}." for command in _COMMANDS))
    if is_argument or (where in _COMMANDS and isinstance(found, dict)):
        shown = _make_of(found)
    elif where in _COMMANDS and isinstance(found, str) and len(found.split()) > 1:
        shown = f"'{printable(found.split()[0], _FOUND_MAX)} ...'"
    else:
        shown = show(found) if written is None else written
    advice = advice_for(found, expected)
    return f"{where or 'the file'}: found {shown}, expected {expected}" + (f"; {advice}" if advice else "")


def unknown_key(path: Sequence[object], where: str, known: Sequence[str], value: object, tree: Tree) -> str:
    """One line about a key, with this value, that its section does not know."""
    key = str(path[-1])
    section = "" if len(path) == 1 else str(path[0])
    homes = [home for home in _homes(key, value) if home != section]
    if homes == [""]:
        return f"{where}: belongs to the file itself, not under '{section}:'; begin its line in the first column"
    if homes:
        homes = [home for home in homes if home]
        if not section:
            return f"{where}: belongs under {_where_to(homes, tree)}"
        shown = " or ".join(f"'{home}:'" for home in homes)
        return f"{where}: belongs under {shown}, not under '{section}:'"
    if re.fullmatch(r"\d+", key):
        return f"{where}: unknown key; if it is the rest of a number, write that with a point: 80.5"
    close = difflib.get_close_matches(key[:40], known, n=1)
    if not close:
        close = [name for name in known if name == key[:40].strip().lower().replace("-", "_")]
    hint = f"did you mean '{close[0]}'?" if close else f"expected one of {', '.join(known)}"
    return f"{where}: unknown key, {hint}"


def _where_to(homes: Sequence[str], tree: Tree) -> str:
    """One of these sections, with what is to be done for the line to be below it."""
    home = homes[0]
    if len(homes) > 1:
        shown = " or ".join(f"'{name}:'" for name in homes)
        return f"{shown}: indent it below one of these lines, which must not be a comment"
    if (home,) in tree.lines:
        return f"'{home}:' on line {tree.lines[(home,)]}: move it there, and indent it as the lines below that one"
    if home in tree.comments:
        line = tree.comments[home]
        return f"'{home}:', which is still a comment: take the # away on line {line}, and indent this line below it"
    return f"'{home}:': write that line above this one, and indent this one below it"


def _make_of(value: object) -> str:
    """What it is, without what it says."""
    if isinstance(value, (dict, list)):
        return "a key with a value" if isinstance(value, dict) else "a list"
    if isinstance(value, str):
        return "a character that no program can be given" if value else "an empty text"
    return "true or false" if isinstance(value, bool) else "nothing" if value is None else "a number"


def show(value: object) -> str:
    """A value as YAML on one line, printable and not too long."""
    text = ""
    for piece in _pieces(value):
        text += piece
        if len(text) > _FOUND_MAX:
            break
    return printable(text, _FOUND_MAX)


def _pieces(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        yield "{"
        for index, (key, entry) in enumerate(value.items()):
            yield f"{', ' if index else ''}{_word(key)}: "
            yield from _pieces(entry)
        yield "}"
    elif isinstance(value, (list, tuple)):
        yield "["
        for index, entry in enumerate(value):
            yield ", " if index else ""
            yield from _pieces(entry)
        yield "]"
    else:
        yield _word(value)


def _word(value: object) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:g}"
    return str(value)[:_FOUND_MAX] if isinstance(value, str) else f"{value!s:.{_FOUND_MAX}}"


_NAMES = {
    "": {key_of(field) for field in dataclasses.fields(Config)},
    "fan": {key_of(field) for field in dataclasses.fields(FanConfig)},
    "case": {key_of(field) for field in dataclasses.fields(CaseConfig)},
    "button": {key_of(field) for field in dataclasses.fields(ButtonConfig)},
    "sensors": {"zone", "hwmon", "optional", "frozen", "offset_celsius"},  # the others are found elsewhere, too
    "profiles": {"from", "to"},
}
_PROFILE = {key_of(field) for field in dataclasses.fields(ProfileConfig)}


def _homes(key: str, value: object) -> list[str]:
    """The sections that have a setting of this name; "" is the file itself."""
    homes = [section for section, names in _NAMES.items() if key in names]
    if not homes and isinstance(value, dict) and value and value.keys() <= _PROFILE:
        return ["profiles"]
    return homes
