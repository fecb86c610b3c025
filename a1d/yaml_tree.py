"""YAML text to plain values with the place of each, and nothing that YAML can do to surprise anyone.

No anchors, tags, duplicate keys or second documents; bounded depth (the caller bounds the size). A word is
a word: only null, true, false and decimal numbers written without quotes are anything else, so that
``off``, ``010`` and ``1:30`` mean what they look like.
"""

from __future__ import annotations

import re

import yaml

from a1d.kinds import printable

_DEPTH_MAX = 12
_NUMBER = re.compile(
    r"[-+]?(?:(?P<whole>\d{1,20})|(?:\d{1,20}(?:\.\d{0,20})?|\.\d{1,20})(?:[eE][-+]?\d{1,3})?)", re.ASCII
)
_LITERALS = {"": None, "~": None, "null": None, "true": True, "false": False}

Path = tuple[object, ...]


class Tree:
    """``value`` is what the text says, ``problems`` (line, text) what is wrong with it as YAML."""

    def __init__(self, text: str) -> None:
        self.value: object = None
        self.problems: list[tuple[int, str]] = []
        self._lines: dict[Path, int] = {}
        self._written: dict[Path, str] = {}
        self._last_line = 1
        try:
            if self._is_tame(text):
                node = yaml.compose(text, Loader=yaml.SafeLoader)
                self.value = None if node is None else self._build(node, ())
        except yaml.MarkedYAMLError as error:
            line = _line_of(error.problem_mark or error.context_mark)
            began = _line_of(error.context_mark or error.problem_mark)
            what = f"not valid YAML: {error.problem or error.context}"
            what += f" (in what begins on line {began})" if began != line else ""
            what += ": indent with spaces, not tabs" if "'\\t'" in what else ""
            self.problems.append((line, what))
        except yaml.reader.ReaderError as error:
            position = error.position if isinstance(error.position, int) else 0
            self.problems.append((text.count("\n", 0, position) + 1, f"not valid YAML: {error.reason}"))
        except (yaml.YAMLError, ValueError, OverflowError) as error:
            self.problems.append((self._last_line, f"not valid YAML: {str(error).splitlines()[0]}"))

    def __contains__(self, path: Path) -> bool:
        """Whether the text has anything at ``path``."""
        return path in self._lines

    def line(self, path: Path) -> int:
        """The 1-based line of ``path``, or of the nearest place above it that has one."""
        while path and path not in self._lines:
            path = path[:-1]
        return self._lines.get(path, 1)

    def written(self, path: Path) -> str | None:
        """A scalar as the user wrote it; None for anything else."""
        return self._written.get(path)

    def _is_tame(self, text: str) -> bool:
        """Look at the event stream first: composing a hostile text would already have cost the time."""
        depth = documents = 0
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            problem = ""
            self._last_line = _line_of(event.end_mark)
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
                problem = f"nested deeper than {_DEPTH_MAX} levels" if depth > _DEPTH_MAX else ""
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
            elif isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                problem = "a second document (---); one file holds one configuration" if documents > 1 else ""
            if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
                problem = "anchors and aliases (& and *) are not accepted; write the value out"
            elif getattr(event, "tag", None):
                problem = "tags (!) are not accepted; write the value out"
            if problem:
                self.problems.append((_line_of(event.start_mark), problem))
                return False
        return True

    def _build(self, node: yaml.Node, path: Path) -> object:
        self._lines.setdefault(path, _line_of(node.start_mark))
        if isinstance(node, yaml.SequenceNode):
            return [self._build(child, (*path, index)) for index, child in enumerate(node.value)]
        if isinstance(node, yaml.MappingNode):
            return self._build_mapping(node, path)
        assert isinstance(node, yaml.ScalarNode)
        self._written[path] = _as_written(node)
        return _scalar(node)

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
            if key in result:
                first = self._lines[(*path, key)]
                self.problems.append(
                    (line, f"the key {printable(str(key))!r} stands here again; first on line {first}")
                )
                continue
            self._lines[(*path, key)] = line
            result[key] = self._build(value_node, (*path, key))
        return result


def _scalar(node: yaml.ScalarNode) -> object:
    return _plain(node.value) if node.style is None else str(node.value)  # quoted, or a block


def _plain(text: str) -> object:
    """What a scalar without quotes means."""
    if text in _LITERALS:
        return _LITERALS[text]
    number = _NUMBER.fullmatch(text)
    if number is None:
        return text
    whole = number["whole"]
    if whole is None:
        return float(text)
    return text if len(whole) > 1 and whole.startswith("0") else int(text)


def _as_written(node: yaml.ScalarNode) -> str:
    """The scalar as it stands in the file; a word gets quotes so that the message can be read."""
    is_word = isinstance(_scalar(node), str)
    quote = node.style if node.style in ("'", '"') else "'" if is_word else ""
    return f"{quote}{printable(node.value)}{quote}" or "nothing"


def _line_of(mark: object) -> int:
    return int(getattr(mark, "line", 0)) + 1
