"""What is said of a setting that cannot be taken: what was found, what was expected, and what to write instead.

Only imported once there is something to complain about.
"""

from __future__ import annotations

import dataclasses
import difflib
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from a1d.config.advice import advice_for
from a1d.config.kinds import Kind
from a1d.config.printable import printable
from a1d.config.settings import Config, ProfileConfig, key_of

if TYPE_CHECKING:
    from a1d.config.yaml_tree import Tree

_FOUND_MAX = 60
_COMMANDS = ("button.double_press", "button.hold")


def complaint(where: str, kind: Kind, found: object, written: str | None) -> str:
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
    advice = advice_for(found, kind)
    return f"{where or 'the file'}: found {shown}, expected {kind.expected}" + (f"; {advice}" if advice else "")


def unknown_key(
    path: Sequence[object], where: str, known: Sequence[str], value: object, tree: Tree, *, root: type[Any]
) -> str:
    """One line about a key, with this value, that its section does not know. ``root``: what the file is read as."""
    key = str(path[-1])
    if re.fullmatch(r"\d+(\.\d+)?", key):
        point = "indent it below 'curve:', if it is a point of the curve"
        rest = "if it is the rest of a number, write that with a point: 80.5"
        return f"{where}: unknown key; {rest if value is None else point}"
    section = "" if len(path) == 1 else str(path[0])
    name = key[:40].strip().lower().replace("-", "_")
    sections = _names_of(root)
    homes = [] if name in known else [home for home, names in sections.items() if name in names and home != section]
    close = [] if homes else _close(name, known)
    if not homes and not close and isinstance(value, dict) and value and value.keys() <= _keys(ProfileConfig):
        homes = ["profiles"] if "profiles" in sections else []
    if homes == [""]:
        return f"{where}: belongs to the file itself, not under '{section}:'; begin its line in the first column"
    if homes:
        homes = [home for home in homes if home]
        if not section:
            return f"{where}: belongs under {_where_to(homes, tree)}"
        shown = " or ".join(f"'{home}:'" for home in homes)
        return f"{where}: belongs under {shown}, not under '{section}:'"
    hint = f"did you mean '{close[0]}'?" if len(close) == 1 else f"expected one of {', '.join(known)}"
    return f"{where}: unknown key, {hint}"


def _close(name: str, known: Sequence[str]) -> list[str]:
    """Those that may be meant: of whose words it is some, else the one that is spelled most alike."""
    longer = [each for each in known if f"_{name}_" in f"_{each}_"]
    return longer or difflib.get_close_matches(name, known, n=1)


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


def _names_of(root: type[Any]) -> dict[str, set[str]]:
    """The settings of each section; "" is the file itself."""
    names = {"": _keys(root)}
    for field in dataclasses.fields(root):
        if dataclasses.is_dataclass(field.default):
            names[field.name] = _keys(type(field.default))
    if root is Config:
        names["sensors"] = {"zone", "hwmon", "optional", "frozen", "offset_celsius"}  # the others are found elsewhere
        names["profiles"] = {"from", "to"}
    return names


def _keys(section: type[Any]) -> set[str]:
    return {key_of(field) for field in dataclasses.fields(section)}
