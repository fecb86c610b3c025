"""YAML text to plain values with the line of each, and nothing that YAML can do to surprise anyone.

No anchors, tags, duplicate keys or second documents; bounded depth. The caller bounds the size.
"""

from __future__ import annotations

from collections.abc import Hashable

import yaml

_DEPTH_MAX = 12

Path = tuple[object, ...]


class Tree:
    """``value`` is what the text says, ``lines`` the 1-based line of each path in it, ``problems`` (line, text)."""

    def __init__(self, text: str) -> None:
        self.value: object = None
        self.lines: dict[Path, int] = {}
        self.problems: list[tuple[int, str]] = []
        try:
            if self._is_tame(text):
                node = yaml.compose(text, Loader=yaml.SafeLoader)
                self.value = None if node is None else self._build(node, ())
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line = mark.line + 1 if mark else 1
            hint = ": indent with spaces, not tabs" if "\\t" in str(error.problem) else ""
            self.problems.append((line, f"not valid YAML: {error.problem or error.context}{hint}"))
        except yaml.YAMLError as error:
            self.problems.append((1, f"not valid YAML: {str(error).splitlines()[0]}"))

    def line(self, path: Path) -> int:
        """The line of ``path``, or of the nearest place above it that has one."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)

    def _is_tame(self, text: str) -> bool:
        """Look at the event stream first: composing a hostile text would already have cost the time."""
        depth = documents = 0
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            problem = ""
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
                problem = f"tags such as {getattr(event, 'tag', None)} are not accepted"
            if problem:
                self.problems.append((event.start_mark.line + 1 if event.start_mark else 1, problem))
                return False
        return True

    def _build(self, node: yaml.Node, path: Path) -> object:
        self.lines.setdefault(path, node.start_mark.line + 1)
        if isinstance(node, yaml.SequenceNode):
            return [self._build(child, (*path, index)) for index, child in enumerate(node.value)]
        if isinstance(node, yaml.MappingNode):
            return self._build_mapping(node, path)
        try:
            value = yaml.SafeLoader("").construct_object(node)
        except (yaml.YAMLError, ValueError, OverflowError):
            value = node.value
        return value if isinstance(value, (bool, int, float, str, type(None))) else node.value

    def _build_mapping(self, node: yaml.MappingNode, path: Path) -> dict[object, object]:
        result: dict[object, object] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            key = self._build(key_node, (*path, "<key>"))
            if not isinstance(key, Hashable):
                self.problems.append((line, "a key must be a plain word or number"))
                continue
            if key in result:
                first = self.lines[(*path, key)]
                self.problems.append((line, f"the key {key!r} stands here again; first on line {first}"))
                continue
            self.lines[(*path, key)] = line
            result[key] = self._build(value_node, (*path, key))
        return result
