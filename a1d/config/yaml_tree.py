"""YAML text to plain values with the place of each, and nothing that YAML can do to surprise anyone.

No anchors, tags, duplicate keys or second documents; bounded depth (the caller bounds the size). A word is
a word: only null, true, false and decimal numbers written without quotes are anything else, so that
``off``, ``010`` and ``1:30`` mean what they look like.
"""

from __future__ import annotations

import re

import yaml
from yaml.composer import ComposerError

from a1d.config.printable import printable

_DEPTH_MAX = 12
_WHOLE = re.compile(r"[-+]?(0|[1-9]\d{0,19})", re.ASCII)
_DECIMAL = re.compile(r"[-+]?(\d{1,20}\.\d{0,20}|\.\d{1,20}|\d{1,20}(?=[eE]))([eE][-+]?\d{1,3})?", re.ASCII)
_COMMENTED = re.compile(r"\s{0,8}#\s{0,8}(\w{1,40}):\s*(?:#|$)")
_LITERALS = {"": None, "~": None, "null": None, "true": True, "false": False}

Path = tuple[object, ...]


class _TameLoader(yaml.SafeLoader):
    """Refuses at the first event what a hostile text could cost time with, or surprise with."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        problem = None
        if isinstance(event, yaml.AliasEvent) or event.anchor:
            problem = "anchors and aliases (& and *) are not accepted; write the value out"
        elif event.tag:
            problem = "tags (!) are not accepted; write the value out"
        elif isinstance(event, yaml.CollectionStartEvent) and self.depth == _DEPTH_MAX:
            problem = f"nested deeper than {_DEPTH_MAX} levels"
        if problem:
            raise ComposerError(None, None, problem, event.start_mark)
        self.depth += 1
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


class Tree:
    """``value`` is what the text says, ``problems`` (line, text) what is wrong with it as YAML.

    ``lines`` knows where each path begins, ``written`` each scalar as the user wrote it, ``comments`` the line of each
    section, such as ``fan:``, that is still a comment.
    """

    def __init__(self, text: str) -> None:
        self.value: object = None
        self.problems: list[tuple[int, str]] = []
        self.lines: dict[Path, int] = {}
        self.written: dict[Path, str] = {}
        self.comments: dict[str, int] = {}
        for number, each in enumerate(text.split("\n"), 1):
            if match := _COMMENTED.match(each):
                self.comments.setdefault(match[1], number)
        try:
            loader = _TameLoader(text)
        except yaml.reader.ReaderError as error:
            what = f"a control character (0x{error.character:02x}) is not allowed; delete it, or type it anew"
            self.problems.append((text.count("\n", 0, error.position) + 1, f"not valid YAML: {what}"))
            return
        try:
            node = loader.get_single_node()
            self.value = None if node is None else self._build(node, ())
        except ComposerError as error:
            # What it finds itself, and has a context, is a second document; the rest it is never shown.
            problem = "a second document (---); one file holds one configuration" if error.context else error.problem
            self.problems.append((_line_of(error.problem_mark), str(problem)))
        except yaml.MarkedYAMLError as error:
            line = _line_of(error.problem_mark or error.context_mark)
            began = _line_of(error.context_mark or error.problem_mark)
            what = _in_words(f"{error.problem}; {error.context}")
            what += f" (in what begins on line {began})" if began != line else ""
            self.problems.append((line, f"not valid YAML: {what}"))
        except (yaml.YAMLError, ValueError, OverflowError) as error:
            self.problems.append((loader.line + 1, f"not valid YAML: {_in_words(str(error))}"))

    def line(self, path: Path) -> int:
        """The 1-based line of ``path``, or of the nearest place above it that has one."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)

    def _build(self, node: yaml.Node, path: Path) -> object:
        self.lines.setdefault(path, _line_of(node.start_mark))
        if isinstance(node, yaml.SequenceNode):
            return [self._build(child, (*path, index)) for index, child in enumerate(node.value)]
        if isinstance(node, yaml.MappingNode):
            return self._build_mapping(node, path)
        assert isinstance(node, yaml.ScalarNode)
        value = _scalar(node)
        # A word gets quotes so that the message can be read.
        quote = node.style if node.style in ("'", '"') else "'" if isinstance(value, str) else ""
        self.written[path] = f"{quote}{printable(node.value)}{quote}" or "nothing"
        return value

    def _build_mapping(self, node: yaml.MappingNode, path: Path) -> dict[object, object]:
        result: dict[object, object] = {}
        for key_node, value_node in node.value:
            line = _line_of(key_node.start_mark)
            if not isinstance(key_node, yaml.ScalarNode):
                self.problems.append((line, "a key must be a plain word or number"))
                continue
            key = _scalar(key_node)
            if isinstance(key, str) and type(number := _plain(key)) in (int, float):
                key = number  # what writes JSON can only write texts as keys
            at = (*path, key)
            if key in result:
                again = f"the key '{printable(str(key))}' stands here again; first on line {self.lines[at]}"
                self.problems.append((line, again))
                continue
            self.lines[at] = line
            result[key] = self._build(value_node, at)
        return result


def _in_words(problem: str) -> str:
    from a1d.config.yaml_words import in_plain_words

    return in_plain_words(problem)


def _scalar(node: yaml.ScalarNode) -> object:
    return _plain(node.value) if node.style is None else str(node.value)  # quoted, or a block


def _plain(text: str) -> object:
    """What a scalar without quotes means."""
    if text in _LITERALS:
        return _LITERALS[text]
    if _WHOLE.fullmatch(text):
        return int(text)
    return float(text) if _DECIMAL.fullmatch(text) else text


def _line_of(mark: object) -> int:
    return int(getattr(mark, "line", 0)) + 1
