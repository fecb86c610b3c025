"""The configuration file: read it, and say everything that is wrong with it at once."""

from __future__ import annotations

import dataclasses
import difflib
import os
import stat
from collections.abc import Callable
from typing import Any, cast

from a1d.config import Config, SensorConfig
from a1d.errors import ConfigError
from a1d.kinds import Kind, NotThisKind

_SIZE_MAX = 64 * 1024


def read_config(path: str) -> Config:
    """The configuration in the file at ``path``; ConfigError with every problem it has."""
    return parse_config(_read_text(path), path)


def parse_config(text: str, name: str = "config") -> Config:
    """The configuration in ``text``; ``name`` is what errors call the file."""
    from a1d.yaml_tree import Tree  # YAML costs 1.5 MB and 10 ms: only where there is a file to read

    tree = Tree(text)
    reader = _Reader(tree)
    config = None
    if not tree.problems or tree.value is not None:
        config = cast(Config, reader.section(Config, tree.value, ()))
    problems = tree.problems + reader.problems
    if config is not None and not problems:
        reader.check_whole(config)
    if config is None or problems:
        raise ConfigError([f"{name}:{line}: {problem}" for line, problem in sorted(problems)])
    return config


def key_of(field: dataclasses.Field[Any]) -> str:
    """A field's key in the file: durations drop their ``_s``."""
    return field.name.removesuffix("_s")


def _read_text(path: str) -> str:
    try:
        # O_NONBLOCK: opening a FIFO must not wait for a writer.
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                raise ConfigError([f"{path}: not a regular file; expected a YAML file"])
            data = os.read(fd, _SIZE_MAX + 1)
        finally:
            os.close(fd)
    except OSError as error:
        raise ConfigError([f"{path}: cannot be read: {os.strerror(error.errno or 0)}"]) from error
    if len(data) > _SIZE_MAX:
        raise ConfigError([f"{path}: larger than {_SIZE_MAX // 1024} KiB; that is no a1d configuration"])
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise ConfigError(
            [f"{path}:{line}: not UTF-8 (byte 0x{data[error.start]:02x}); save the file as UTF-8"]
        ) from None


class _Reader:
    """Walks the dataclasses of a1d.config beside a Tree and gathers the problems."""

    def __init__(self, tree: Any) -> None:
        self._tree = tree
        self.problems: list[tuple[int, str]] = []

    def section(self, section: type[Any], value: object, path: tuple[object, ...]) -> Any:
        fields = {key_of(field): field for field in dataclasses.fields(section)}
        if value is None:
            value = {}
        if not isinstance(value, dict):
            self._complain(path, value, f"settings such as '{next(iter(fields))}: ...'")
            return section()
        for key in value:
            if key not in fields:
                self._unknown((*path, key), key, list(fields))
        arguments = {}
        for key, field in fields.items():
            if key not in value:
                continue
            if "kind" in field.metadata:
                arguments[field.name] = self._option(field.metadata["kind"], value[key], (*path, key), field.default)
            elif key == "sensors":
                arguments[field.name] = self._sensors(value[key], (*path, key))
            else:
                default = cast(Callable[[], object], field.default_factory)()
                arguments[field.name] = self.section(type(default), value[key], (*path, key))
        return section(**arguments)

    def check_whole(self, config: Config) -> None:
        """What only shows when two settings are seen together."""
        double, hold = config.button.double_press_window_ms, config.button.hold_window_ms
        if double[0] < hold[1] and hold[0] < double[1]:
            paths = [("button", "hold_window_ms"), ("button", "double_press_window_ms")]
            path = next(path for path in paths if path in self._tree.lines)
            self._complain(path, list(hold), f"a window apart from the double press's {double[0]:g}..{double[1]:g} ms")

    def _option(self, kind: Kind, value: object, path: tuple[object, ...], default: object) -> object:
        try:
            return kind.convert(value)
        except NotThisKind as error:
            found = value
            for step in error.at:
                found = found[step] if isinstance(found, (dict, list)) else found  # type: ignore[call-overload]
            self._complain((*path, *error.at), found, error.expected or kind.expected)
            return default

    def _sensors(self, value: object, path: tuple[object, ...]) -> tuple[SensorConfig, ...]:
        if not isinstance(value, list) or not 1 <= len(value) <= 16:
            self._complain(path, value, "a list of 1 to 16 sensors, each with a name and a zone or hwmon")
            return ()
        sensors: list[SensorConfig] = []
        for index, entry in enumerate(value):
            before = len(self.problems)
            sensor = self.section(SensorConfig, entry, (*path, index))
            if len(self.problems) == before:
                if (sensor.zone is None) == (sensor.hwmon is None):
                    self._complain((*path, index), entry, "either zone or hwmon, for example zone: cpu-thermal")
                if sensor.name in [other.name for other in sensors]:
                    self._complain((*path, index, "name"), sensor.name, "a name that no other sensor has")
            sensors.append(sensor)
        return tuple(sensors)

    def _unknown(self, path: tuple[object, ...], key: object, known: list[str]) -> None:
        close = difflib.get_close_matches(str(key), known, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"expected one of {', '.join(known)}"
        self.problems.append((self._tree.line(path), f"{_dotted(path)}: unknown key, {hint}"))

    def _complain(self, path: tuple[object, ...], found: object, expected: str) -> None:
        shown = repr(found) if not isinstance(found, str) else f"'{found}'"
        shown = shown if len(shown) <= 60 else shown[:57] + "..."
        where = _dotted(path) or "the file"
        self.problems.append((self._tree.line(path), f"{where}: found {shown}, expected {expected}"))


def _dotted(path: tuple[object, ...]) -> str:
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) and text.endswith("sensors") else f".{part}" if text else str(part)
    return text
