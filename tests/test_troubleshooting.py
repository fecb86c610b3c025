"""docs/troubleshooting.md and docs/moving.md quote what the programs say, and name commands that exist."""

from __future__ import annotations

import argparse
import ast
import re
from pathlib import Path

import pytest

from a1d.client.parser import make_parser
from a1d.config.reader import parse_config

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "docs/troubleshooting.md").read_text()
MOVING = (ROOT / "docs/moving.md").read_text()
SECTIONS = re.split(r"^### ", TEXT, flags=re.MULTILINE)[1:]
QUOTES = [match[1] for section in SECTIONS if (match := re.match(r"`(.+)`$", section.split("\n", 1)[0]))]
Parts = tuple[str | None, ...]  # literal texts, and None where something is filled in


def _parts(node: ast.AST) -> Parts | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return (node.value,)
    if isinstance(node, ast.JoinedStr):
        return tuple(str(value.value) if isinstance(value, ast.Constant) else None for value in node.values)
    return None


def _messages() -> list[Parts]:
    """Every text in the programs and the scripts."""
    found = []
    for path in (ROOT / "a1d").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if (parts := _parts(node)) is not None:
                found.append(parts)
    for path in (*(ROOT / "systemd").glob("*.sh"), *(ROOT / "a1d").rglob("*.sh")):
        for text in re.findall(r'"((?:[^"\\]|\\.)*)"', re.sub(r'" \\\n\s+"', " ", path.read_text())):
            pieces = re.split(r"(\$\{?\w+\}?)", text)
            found.append(tuple(None if piece.startswith("$") else piece for piece in pieces))
    return found


MESSAGES = _messages()


def begins(quote: str, parts: Parts, literal_min: int) -> bool:
    """Whether a text made of ``parts`` can begin with ``quote``, at least so many characters of it literally."""
    if not quote or not parts:
        return not quote and literal_min <= 0
    first, rest = parts[0], parts[1:]
    if first is None:
        return any(begins(quote[at:], rest, literal_min) for at in range(min(len(quote), 30) + 1))
    if quote.startswith(first):
        return begins(quote[len(first) :], rest, literal_min - len(first))
    return first.startswith(quote) and literal_min <= len(quote)


def is_said(quote: str) -> bool:
    """Whether the programs can say it: as the beginning of a text, or from one of its blanks on."""
    for parts in MESSAGES:
        for at, part in enumerate(parts):
            starts = [0] + [match.end() for match in re.finditer(r"\s", part)] if part else [0]
            tails = [(part[start:] if part else None, *parts[at + 1 :]) for start in starts]
            if any(begins(quote, tail, round(len(quote) * 0.36)) for tail in tails):
                return True
    return False


def test_there_is_something_to_check() -> None:
    assert len(QUOTES) > 25
    assert len(SECTIONS) > 35


def test_a_message_that_nobody_says_would_be_found_out() -> None:
    assert is_said("nothing answers at 0x1a on /dev/i2c-1: is the case's board seated?")
    assert not is_said("nothing answers at 0x1a on /dev/i2c-1: is the case's board loose?")
    assert not is_said("the fan has left for the seaside")


@pytest.mark.parametrize("quote", QUOTES, ids=[quote[:40] for quote in QUOTES])
def test_each_message_that_is_quoted_is_said_by_the_programs(quote: str) -> None:
    assert is_said(quote)


@pytest.mark.parametrize("section", SECTIONS, ids=[section.split("\n", 1)[0][:40] for section in SECTIONS])
def test_each_entry_ends_in_a_command(section: str) -> None:
    body = re.sub(r"\n## .*", "", section, flags=re.DOTALL).rstrip()
    assert re.search(r"\n```sh\n[^`]+\n```$", body)


def _commands(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    groups = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    return dict(groups[0].choices) if groups else {}


@pytest.mark.parametrize("text", [TEXT, MOVING], ids=["troubleshooting", "moving"])
def test_each_command_of_a1d_ctl_exists(text: str) -> None:
    named = set(re.findall(r"a1d-ctl ([a-z]+)(?: ([a-z]+))?", text))
    commands = _commands(make_parser())
    assert len(named) > 5
    for name, inner in named:
        assert name in commands
        if name == "fan" and inner:
            assert inner in _commands(commands["fan"])


@pytest.mark.parametrize("setting", sorted(set(re.findall(r"`(fan|case|button)\.(\w+)", MOVING + TEXT))))
def test_each_setting_exists(setting: tuple[str, str]) -> None:
    from a1d.config.settings import Config, key_of

    section = getattr(Config(), setting[0])
    assert setting[1] in {key_of(field) for field in type(section).__dataclass_fields__.values()}


def test_what_moving_writes_for_the_add_on_is_a_configuration() -> None:
    (curve,) = re.findall(r"`fan\.curve: (\{55: 0, 65: 100\})` with `fan\.interpolation: linear`", MOVING)
    assert parse_config(f"fan: {{interpolation: linear, curve: {curve}}}").fan.curve == ((55, 0), (65, 100))
