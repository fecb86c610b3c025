"""The configuration file: read it, and say everything that is wrong with it at once."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

from a1d.config.bounded import SIZE_MAX, read_bounded
from a1d.config.guess import guess_case
from a1d.config.kinds import Kind, WrongParts, kind_of
from a1d.config.printable import printable
from a1d.config.settings import PRESETS, Config, FanConfig, ProfileConfig, SensorConfig, key_of
from a1d.config.yaml_tree import Tree
from a1d.errors import ConfigError

_PROBLEMS_MAX = 60
_ZONE_INTERVAL_MAX_S = 60.0
_PROFILE_NAME = re.compile(r"(?!(?:auto|none)$)[A-Za-z][\w-]{0,31}", re.ASCII)


def read_config(path: str) -> Config:
    """The configuration in the file at ``path``. ConfigError with every problem, and what it names of the case."""
    try:
        data = read_bounded(path)
    except OSError as error:
        raise ConfigError([f"{path}: cannot be read: {error.strerror}"]) from error
    return config_of(data, path)


def config_of(data: bytes, name: str) -> Config:
    """The configuration in the bytes of the file ``name``, of which SIZE_MAX + 1 are enough; otherwise the same."""
    if len(data) > SIZE_MAX:
        raise ConfigError(
            [f"{name}: larger than {SIZE_MAX // 1024} KiB; that is no a1d configuration"], *guess_case(data)
        )
    try:
        return parse_config(data.decode("utf-8"), name)
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        what = f"not UTF-8 (byte 0x{data[error.start]:02x}); save the file as UTF-8"
        raise ConfigError([f"{name}:{line}: {what}"], *guess_case(data)) from None


def parse_config(text: str, name: str = "config") -> Config:
    """The configuration in ``text``; ConfigError with every problem it has, in which ``name`` is the file."""
    tree = Tree(text)
    reader = Reader(tree, Config)
    config: Config = reader.section(Config, tree.value, ())
    reader.check_windows(config)
    shown = shown_problems(tree.problems + reader.problems, name)
    if shown:
        case = guess_case(text.encode("utf-8", "replace"))._asdict()
        if not tree.problems:  # then what was accepted need not be guessed
            sure = [name for name in case if ("case", name) in tree.lines.keys() - reader.wrong]
            case |= {name: getattr(config.case, name) for name in sure}
        raise ConfigError(shown, **case)
    return config


def shown_problems(problems: list[tuple[int, str]], name: str) -> list[str]:
    """In the order of the file, each with its place, and no more than anybody reads."""
    shown = [f"{name}:{line}: {problem}" for line, problem in sorted(problems)[:_PROBLEMS_MAX]]
    if len(problems) > len(shown):
        shown.append(f"{name}: and {len(problems) - len(shown)} more problems")
    return shown


class Reader:
    """Walks the dataclasses of a1d.config.settings beside a Tree and gathers the problems."""

    def __init__(self, tree: Tree, root: type[Any]) -> None:
        self._tree = tree
        self._root = root
        self.problems: list[tuple[int, str]] = []
        self.wrong: set[tuple[object, ...]] = set()  # settings whose value was not accepted

    def section(self, section: type[Any], value: object, path: tuple[object, ...]) -> Any:
        """The ``section`` that ``value``, which stands at ``path``, is; defaults for what is wrong in it."""
        fields = {key_of(field): field for field in dataclasses.fields(section)}
        if value is None:
            value = {}
        if not isinstance(value, dict):
            expected = f"settings such as '{next(iter(fields))}: ...'"
            self._complain(path, Kind(expected, lambda instead: _is_section(section, instead)), value)
            return section()
        arguments: dict[str, Any] = {}
        for key, entry in value.items():
            at = (*path, key)
            field = fields.get(key)
            if field is None:
                self._unknown(at, list(fields), entry)
            elif "kind" in field.metadata:
                arguments[field.name] = self._option(kind_of(field), entry, at, field.default)
            elif key == "sensors":
                arguments[field.name] = self._sensors(entry, at)
            elif key == "profiles":
                arguments[field.name] = self._profiles(entry, at)
            else:
                arguments[field.name] = self.section(type(field.default), entry, at)
        if section is FanConfig and "preset" in arguments:
            arguments = PRESETS[arguments["preset"]] | arguments
        return section(**arguments)

    def check_windows(self, config: Config) -> None:
        """The button's two windows must lie apart, which only shows when both are known."""
        hold, double = (("button", f"{name}_window_ms") for name in ("hold", "double_press"))
        mine, path = config.button.hold_window_ms, hold
        other, name = config.button.double_press_window_ms, "double press"
        if hold not in self._tree.lines:
            mine, path, other, name = other, double, mine, "hold"
        if mine[0] < other[1] and other[0] < mine[1] and not {hold, double} & self.wrong:
            self._complain(path, f"a window apart from the {name}'s {other[0]:g}..{other[1]:g} ms", list(mine))

    def _option(self, kind: Kind, value: Any, path: tuple[object, ...], default: object) -> object:
        try:
            return kind.convert(value)
        except WrongParts as error:
            for part, wrong, is_key in error.args:
                self._complain((*path, part), wrong, part if is_key else value[part], is_key=is_key)
        except ValueError:
            self._complain(path, kind, value)
        self.wrong.add(path)
        return default

    def _sensors(self, value: object, path: tuple[object, ...]) -> tuple[SensorConfig, ...]:
        if not isinstance(value, list) or not 1 <= len(value) <= 16:
            self._complain(path, "a list of 1 to 16 sensors, each with a name and a zone or hwmon", value)
            return ()
        sensors: list[SensorConfig] = []
        for index, entry in enumerate(value):
            before = len(self.problems)
            sensor = self.section(SensorConfig, entry, (*path, index))
            if len(self.problems) > before:
                continue
            if "name" not in (entry or ()):
                sensor = dataclasses.replace(sensor, name=sensor.zone or sensor.hwmon or sensor.name)
            if (sensor.zone is None) == (sensor.hwmon is None):
                self._complain((*path, index), "either zone or hwmon, for example zone: cpu-thermal", entry)
            elif sensor.name in [other.name for other in sensors]:
                self._complain((*path, index, "name"), "a name that no other sensor has", sensor.name)
            self._check_sensor(sensor, (*path, index))
            sensors.append(sensor)
        return tuple(sensors)

    def _check_sensor(self, sensor: SensorConfig, path: tuple[object, ...]) -> None:
        """What is good for one kind of sensor and not for the other."""
        for key, value, example in (("zone", sensor.zone, "cpu-thermal"), ("hwmon", sensor.hwmon, "nvme")):
            if value is not None and "/" in value:
                file = "type" if key == "zone" else "name"
                expected = (
                    f"a {key}'s name, not a path: what the file {file!r} in its directory says, such as {example}"
                )
                self._complain((*path, key), expected, value)
        if sensor.zone is not None and sensor.interval_s is not None and sensor.interval_s > _ZONE_INTERVAL_MAX_S:
            self._complain((*path, "interval"), "at most 1m for a zone; only hwmon may have more", sensor.interval_s)
        if sensor.zone is not None and sensor.optional:
            self._complain((*path, "optional"), "false for a zone; only hwmon may be absent", sensor.optional)

    def _profiles(self, value: object, path: tuple[object, ...]) -> tuple[tuple[str, ProfileConfig], ...]:
        if not isinstance(value, dict) or len(value) > 16:
            self._complain(path, "at most 16 profiles such as night: {preset: quiet, max_percent: 40}", value)
            return ()
        profiles = []
        for name, entry in value.items():
            at = (*path, name)
            if not isinstance(name, str) or not _PROFILE_NAME.fullmatch(name):
                expected = "a name of letters, digits, - and _, at most 32, but not auto or none"
                self._complain(at, expected, name, is_key=True)
            elif isinstance(entry, dict) and ("from" in entry) != ("to" in entry):
                self._complain(at, "both from and to, or neither", entry)
            profiles.append((str(name), self.section(ProfileConfig, entry, at)))
        return tuple(profiles)

    def _unknown(self, path: tuple[object, ...], known: list[str], value: object) -> None:
        from a1d.config.complaint import unknown_key

        text = unknown_key(path, dotted(path), known, value, self._tree, root=self._root)
        self.problems.append((self._tree.line(path), text))

    def _complain(self, path: tuple[object, ...], expected: Kind | str, found: object, *, is_key: bool = False) -> None:
        """``expected`` in words alone: no value is advised."""
        from a1d.config.complaint import complaint

        written = None if is_key else self._tree.written.get(path)
        kind = expected if isinstance(expected, Kind) else Kind(expected, lambda _value: False)
        text = complaint(dotted(path), kind, found, written)
        self.problems.append((self._tree.line(path), text))


def _is_section(section: type[Any], value: object) -> bool:
    reader = Reader(Tree(""), section)
    reader.section(section, value, ())
    return not reader.problems


def dotted(path: tuple[object, ...]) -> str:
    """The path as a user would name it: fan.curve."""
    text = ""
    for part in path:
        shown = printable(str(part), 40)
        text += f"[{shown}]" if text == "sensors" else f".{shown}" if text else shown
    return text
