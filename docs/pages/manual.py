"""The parts of the manual pages that the code knows better than prose: options, commands, settings.

In scdoc's markup. A page marks such a part by two comments, and ``fill`` puts the text between them.
"""

from __future__ import annotations

import argparse
import dataclasses
import re
from collections.abc import Callable, Iterator
from typing import Any

import a1d.client.parser
import a1d.commands
import a1d.mqtt.main
from a1d.config import printer
from a1d.config.kinds import kind_of
from a1d.config.settings import PRESETS, Config, key_of
from a1d.mqtt.settings import MqttConfig

_ROWS = re.compile(r"\s*\([A-Z]\d+(?:, [A-Z]\d+)*\)")  # of docs/hardware.md, which a page cannot link to
_PART = re.compile(r"^(; made: (\w+)\n).*?^(; made: end\n)", re.MULTILINE | re.DOTALL)


def parser_of(program: str) -> argparse.ArgumentParser:
    """The parser of ``a1d``, ``a1d-ctl`` or ``a1d-mqtt``."""
    parsers = {
        "a1d": a1d.commands.make_parser,
        "a1d-ctl": a1d.client.parser.make_parser,
        "a1d-mqtt": a1d.mqtt.main._parser,
    }
    return parsers[program]()


def fill(page: str) -> str:
    """The page with each part made anew. KeyError for a part that nobody makes."""
    return _PART.sub(lambda found: f"{found[1]}{PARTS[found[2]]().rstrip()}\n{found[3]}", page)


def escape(text: str) -> str:
    """``text`` so that scdoc takes nothing in it for markup."""
    return re.sub(r"([\\*_`~|<>#\[\]]|^[;-])", r"\\\1", text)


def arguments_of(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    """What can follow a command, save ``--help``, what help does not tell, and its own commands."""
    commands = argparse._SubParsersAction
    told = [action for action in parser._actions if action.dest != "help" and action.help != argparse.SUPPRESS]
    return [action for action in told if not isinstance(action, commands)]


def commands_of(parser: argparse.ArgumentParser) -> Iterator[tuple[argparse.Action, argparse.ArgumentParser]]:
    """The commands one level below, each with its line of help."""
    for group in parser._actions:
        if isinstance(group, argparse._SubParsersAction):
            yield from ((entry, group.choices[entry.dest]) for entry in group._get_subactions())


# -- options and commands --------------------------------------------------------------------------


def _options(program: str) -> str:
    return "\n".join(map(_describe, arguments_of(parser_of(program))))


def _commands(program: str) -> str:
    return "\n".join(_describe_commands(parser_of(program), ""))


def _describe_commands(parser: argparse.ArgumentParser, before: str) -> Iterator[str]:
    for entry, command in commands_of(parser):
        name = f"{before}{entry.dest}"
        inner = list(_describe_commands(command, f"{name} "))
        if inner:
            yield from inner
            continue
        words = [f"*{escape(name)}*", *map(_usage, arguments_of(command))]
        yield f"{' '.join(words)}\n\t{escape(entry.help or '')}\n"
        for action in arguments_of(command):
            yield _describe(action, "\t")


def _usage(action: argparse.Action) -> str:
    word = _word(action)
    return word if action.required and action.nargs != "?" else f"\\[{word}\\]"


def _describe(action: argparse.Action, indent: str = "") -> str:
    term = ", ".join(f"*{escape(name)}*" for name in action.option_strings)
    value = _value(action)
    if not action.help or action.help == argparse.SUPPRESS:
        return ""
    text = action.help % {**vars(action), "prog": "the program"}
    return f"{indent}{' '.join(filter(None, (term, value)))}\n{indent}\t{escape(_sentence(text))}\n"


def _word(action: argparse.Action) -> str:
    names = [f"*{escape(name)}*" for name in action.option_strings[:1]]
    return " ".join(filter(None, [*names, _value(action)]))


def _value(action: argparse.Action) -> str:
    """The value that it takes, or nothing."""
    if action.nargs == 0:
        return ""
    if action.choices and not action.metavar:
        return "|".join(f"*{escape(str(choice))}*" for choice in action.choices).replace("|", "\\|")
    name = action.metavar if isinstance(action.metavar, str) else action.dest
    value = f"_{escape(name.upper())}_"
    if action.nargs == "?" and action.option_strings:
        return f"\\[{value}\\]"
    return f"{value}..." if action.nargs == "+" else value


def _sentence(text: str) -> str:
    text = text[0].upper() + text[1:]
    return text if text.endswith((".", "?")) else f"{text}."


# -- settings --------------------------------------------------------------------------------------


def _settings(config: Any) -> str:
    loose = [field for field in dataclasses.fields(config) if "kind" in field.metadata]
    sections = [field for field in dataclasses.fields(config) if "kind" not in field.metadata]
    text = "# GENERAL SETTINGS\n\n" + "\n".join(_setting(field, getattr(config, field.name)) for field in loose)
    return text + "".join(_section(section, getattr(config, section.name)) for section in sections)


def _section(section: dataclasses.Field[Any], value: Any) -> str:
    title = f"\n# {key_of(section).upper()}\n\n{_prose(section.metadata['doc'])}\n"
    if isinstance(value, tuple):  # of entries, of which the example is none
        kind = type(value[0]) if value else _entry_of(section.name)
        # An entry's name has no fixed default: its text says what it is without one.
        entries = ((f, f.default if value and f.name != "name" else None) for f in dataclasses.fields(kind))
    else:
        entries = ((field, getattr(value, field.name)) for field in dataclasses.fields(value))
    return title + "\n" + "\n".join(_setting(field, default) for field, default in entries)


def _entry_of(section: str) -> Any:
    from a1d.config.settings import ProfileConfig

    return {"profiles": ProfileConfig}[section]


def _setting(field: dataclasses.Field[Any], default: object) -> str:
    kind = kind_of(field)
    expected = kind.expected.removesuffix(", or null")
    facts = f"\tExpected: {escape(expected)}."
    if default is not None:
        facts += f" Default: {escape(printer._setting(field, default).partition(': ')[2])}."
    return f"*{escape(key_of(field))}*\n{_prose(field.metadata['doc'], chr(9))}\n\n{facts}\n"


def _prose(doc: str, indent: str = "") -> str:
    """A setting's comment: lines flow together; what is indented there is an example, shown as it is."""
    flowing: list[str] = []
    example: list[str] = []
    for line in _ROWS.sub("", doc).splitlines():
        (example if line.startswith("  ") else flowing).append(line.removeprefix("  "))
    # "..." at the beginning goes on with the sentence above it in the file; here it would be a request to roff.
    lines = [escape(" ".join(flowing).lstrip(". "))]
    if example:
        lines += ["", "```", *example, "```"]
    return "\n".join(f"{indent}{line}" if line else "" for line in lines)


def _presets() -> str:
    kinds = {field.name: field for field in dataclasses.fields(type(Config().fan))}
    return "\n".join(
        f"*{name}*\n\t" + "; ".join(escape(printer._setting(kinds[key], value)) for key, value in preset.items()) + "\n"
        for name, preset in PRESETS.items()
    )


PARTS: dict[str, Callable[[], str]] = {
    "daemon_options": lambda: _options("a1d"),
    "client_options": lambda: _options("a1d-ctl"),
    "client_commands": lambda: _commands("a1d-ctl"),
    "mqtt_options": lambda: _options("a1d-mqtt"),
    "settings": lambda: _settings(Config()),
    "mqtt_settings": lambda: _settings(MqttConfig()),
    "presets": _presets,
}
