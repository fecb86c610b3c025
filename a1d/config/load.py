"""How the daemon gets its configuration: a process of its own reads the file (dump.py), answers in JSON, and ends.

So YAML never comes into the daemon, and the fan is driven while the file is read, even from a disk that hangs. At the
start, when nothing is driven yet, the daemon looks into the file first: most have nothing but comments.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
import select
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from a1d import __version__
from a1d.config.bounded import SIZE_MAX, read_bounded
from a1d.config.settings import ButtonConfig, CaseConfig, Config, FanConfig, ProfileConfig, SensorConfig
from a1d.errors import ConfigError
from a1d.paths import CONFIG_PATH
from a1d.spawn import spawn

TIME_MAX_S = 8.0  # twice this is less than systemd gives a reload
ANSWER_MAX = 256 * 1024  # bytes; what 16 KB of YAML can become is about 60 KB
COMMAND = (sys.executable, "-P", "-s", "-m", "a1d.config.dump")
_PIECE = 65536
_COMMENTS = re.compile(rb"(?: *(?:#[ -~]*)?\n)*")


class Loaded(NamedTuple):
    """A configuration, what it is warned of, and when the file is to be read again if nobody asks."""

    config: Config
    warnings: Sequence[str] = ()
    retry_at_s: float = math.inf

    def wait(self) -> Loaded:
        """At once."""
        return self


Load = Callable[[], "Loaded | ConfigProcess"]
"""Gives the configuration, or the process that reads it. ConfigError if it is already known that there is none."""


class ConfigLoader:
    """Loads the file at ``path``; None: the usual one, if it exists. A ``Load``."""

    def __init__(self, path: str | None, command: Sequence[str] = COMMAND) -> None:
        self._path = path
        self._command = command
        self._last: ConfigProcess | None = None
        self._begun: Loaded | ConfigProcess | None = None
        self._is_start = True

    def begin(self) -> None:
        """Begin already now with what the next call is to give."""
        with contextlib.suppress(ConfigError):  # the call tries again
            self._begun = self._begin()

    def __call__(self) -> Loaded | ConfigProcess:
        """At the start the built-in defaults at once if there is no file, or only comments, as installed."""
        begun, self._begun = self._begun, None
        try:
            return begun or self._begin()
        finally:
            self._is_start = False

    def _begin(self) -> Loaded | ConfigProcess:
        path = CONFIG_PATH if self._path is None else self._path
        data = b""
        if self._is_start:
            if self._path is None and not os.path.lexists(path):
                return Loaded(Config())
            with contextlib.suppress(OSError):  # the process will say what is wrong
                data = read_bounded(path)
                if len(data) <= SIZE_MAX and _COMMENTS.fullmatch(data):
                    return Loaded(Config())
        if self._last is not None and not self._last.has_ended():
            raise failure(path, data, "is not started, because an earlier one does not end")
        self._last = ConfigProcess(path, self._command, data, is_optional=self._path is None)
        return self._last


class ConfigProcess:
    """Reads the file ``name``, which may be missing if ``is_optional``. ConfigError if it cannot be started.

    ``data`` is what is already known of the file. The descriptor is readable when ``poll`` has something to do.
    """

    def __init__(
        self, name: str, command: Sequence[str] = COMMAND, data: bytes = b"", *, is_optional: bool = False
    ) -> None:
        self._data, self._name = data, name
        self._answer = b""
        with contextlib.ExitStack() as stack:
            try:
                self._socket, theirs = map(stack.enter_context, socket.socketpair())
                self._socket.setblocking(False)
                # Wherever a1d was found, it is found there.
                path = ":".join(filter(None, sys.path))
                self._pid = spawn([*command, name, *["optional"] * is_optional], theirs.fileno(), PYTHONPATH=path)
            except OSError as error:
                raise failure(name, data, f"was not started: {error.strerror}") from error
            stack.pop_all()
            theirs.close()

    def fileno(self) -> int:
        """The descriptor."""
        return self._socket.fileno()

    def poll(self) -> Loaded | None:
        """What has been read; None while that goes on. ConfigError if nothing usable was."""
        try:
            data = self._socket.recv(_PIECE)
        except BlockingIOError:
            return None
        self._answer += data
        if len(self._answer) > ANSWER_MAX:
            raise failure(self._name, self._data, f"gave more than {ANSWER_MAX // 1024} KiB")
        return None if data else self._result()

    def wait(self) -> Loaded:
        """As ``poll``, but it waits, TIME_MAX_S at most."""
        deadline_s = time.monotonic() + TIME_MAX_S
        try:
            while select.select([self], [], [], max(0.0, deadline_s - time.monotonic()))[0]:
                if (loaded := self.poll()) is not None:
                    return loaded
            raise self.late()
        finally:
            self.close()

    def late(self) -> ConfigError:
        """What to say if TIME_MAX_S have passed."""
        return failure(self._name, self._data, f"did not end within {TIME_MAX_S:g} s")

    def close(self) -> None:
        """End the process, if need be; ``has_ended`` must be asked later."""
        if self._pid:
            with contextlib.suppress(OSError):
                os.kill(self._pid, signal.SIGKILL)
            self.has_ended()
        self._socket.close()

    def has_ended(self) -> bool:
        """Whether it is gone, which something that hangs in the kernel is not even when it was killed."""
        if self._pid:
            with contextlib.suppress(ChildProcessError):
                if not os.waitpid(self._pid, os.WNOHANG)[0]:
                    return False
            self._pid = 0
        return True

    def _result(self) -> Loaded:
        """What it said, now that it has closed its output. That happens when it ends, so it is gone at once."""
        with contextlib.suppress(OSError):
            os.kill(self._pid, signal.SIGKILL)
        try:
            code = os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])
        except ChildProcessError:
            code = 0
        self._pid = 0
        if code:
            how = f"failed with exit code {code}" if code > 0 else f"was ended by signal {-code}"
            raise failure(self._name, self._data, how, f"this may say why: a1d --check {self._name}")
        try:
            outcome = parse_answer(self._answer)
        except ValueError as error:
            raise failure(self._name, self._data, str(error)) from None
        if isinstance(outcome, ConfigError):
            raise outcome
        return outcome


def parse_answer(raw: bytes) -> Loaded | ConfigError:
    """What dump.py has found. ValueError, with what is wrong, if it is anything else."""
    try:
        answer = json.loads(raw)
        version = answer["version"]
        if version == __version__:
            if "problems" in answer:
                problems = [str(each) for each in answer["problems"]]
                unread = answer["is_unread"] is True
                return ConfigError(problems, answer["protocol"], answer["bus"], is_unread=unread)
            return Loaded(_config(answer["config"]), [str(each) for each in answer["warnings"]])
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise ValueError("gave an answer that is no configuration") from None
    raise ValueError(f"is of a1d {version!s:.20}, and this is {__version__}: systemctl restart a1d")


def _config(plain: dict[str, Any]) -> Config:
    """KeyError, TypeError, ValueError or AttributeError if it is anything but a whole configuration."""
    sections: dict[str, Any] = {
        "fan": _section(FanConfig, plain["fan"]),
        "case": _section(CaseConfig, plain["case"]),
        "button": _section(ButtonConfig, plain["button"]),
        "sensors": [_section(SensorConfig, each) for each in plain["sensors"]],
        "profiles": [(name, _section(ProfileConfig, each)) for name, each in plain["profiles"]],
    }
    config: Config = _section(Config, plain | sections)
    return config


def _section(section: type[Any], plain: dict[str, Any]) -> Any:
    """Each of its settings is there, and nothing else."""
    if plain.keys() != set(section.__slots__):
        raise TypeError(f"not the settings of {section.__name__}")
    return section(**{name: _frozen(value) for name, value in plain.items()})


def _frozen(value: Any) -> Any:
    return tuple(map(_frozen, value)) if isinstance(value, list) else value


def failure(name: str, data: bytes, how: str, advice: str = "have it read again: a1d-ctl reload") -> ConfigError:
    """The error for a file that nobody could read, with what it seems to say of the case."""
    case: tuple[str | None, int | None] = (None, None)
    with contextlib.suppress(Exception):  # a disk that died, or a1d's files are just being replaced
        from a1d.config.guess import guess_case  # nobody needs it while all is well

        case = guess_case(data)
    return ConfigError([f"{name}: not read: the process that reads it {how}; {advice}"], *case, is_unread=True)
