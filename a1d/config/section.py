"""The settings of another program than the daemon, which knows best what may be meant by a mistake in its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from a1d.config.kinds import Kind
from a1d.config.reader import Reader, dotted, shown_problems
from a1d.config.yaml_tree import Tree

Path = tuple[object, ...]
Advise = Callable[[Path, object], str | None]


def _nothing(_path: Path, _found: object) -> None:
    """No advice but the general."""


def parse_section(section: type[Any], text: str, name: str, advise: Advise = _nothing) -> tuple[Any, list[str]]:
    """The settings in ``text``, as a dataclass of the daemon's make, and every problem they have.

    ``advise`` is asked about each key that is unknown and each value that is wrong: what to write instead, or None.
    """
    tree = Tree(text)
    reader = _AdvisedReader(tree, section, advise)
    settings = reader.section(section, tree.value, ())
    return settings, shown_problems(tree.problems + reader.problems, name)


class _AdvisedReader(Reader):
    def __init__(self, tree: Tree, root: type[Any], advise: Advise) -> None:
        super().__init__(tree, root)
        self._advise = advise

    def _unknown(self, path: Path, known: list[str], value: object) -> None:
        advice = self._advise(path, value)
        if advice is None:
            super()._unknown(path, known, value)
        else:
            self.problems.append((self._tree.line(path), f"{dotted(path)}: {advice}"))

    def _complain(self, path: Path, expected: Kind | str, found: object, *, is_key: bool = False) -> None:
        super()._complain(path, expected, found, is_key=is_key)
        advice = self._advise(path, found)
        if advice is not None:
            line, problem = self.problems.pop()
            self.problems.append((line, f"{problem}; {advice}"))
