"""The machine as the doctor sees it: files below a root, commands with bounds, what the daemon says. Read-only."""

from __future__ import annotations

import contextlib
import glob
import os
import selectors
import signal
import stat
import subprocess
import time
from collections.abc import Callable
from functools import cached_property
from typing import Any, NamedTuple

from a1d.config.reader import read_config
from a1d.config.settings import Config
from a1d.doctor.chips import Chip, read_chips
from a1d.errors import ConfigError
from a1d.fallback import config_after_error
from a1d.paths import CONFIG_PATH

READ_MAX = 64 * 1024  # bytes of a file
OUTPUT_MAX = 256 * 1024  # bytes of a command's output
LIST_MAX = 500  # names in a directory
COMMAND_S = 5.0


class Ran(NamedTuple):
    """What a command gave. ``code`` is None if it could not run, or not to its end; ``why`` says why."""

    code: int | None
    out: str
    why: str = ""


Run = Callable[[tuple[str, ...], dict[str, str], float], Ran]


def run_bounded(command: tuple[str, ...], environ: dict[str, str], wait_max_s: float) -> Ran:
    """Run it for ``wait_max_s`` seconds at most, without input, and take at most OUTPUT_MAX bytes. Raises nothing.

    Whatever it started and left behind in its process group is killed.
    """
    path = f"{os.environ.get('PATH', '/usr/bin:/bin')}:/usr/sbin:/sbin"
    environ = {**os.environ, "PATH": path, "LC_ALL": "C", "SYSTEMD_PAGER": "", "SYSTEMD_COLORS": "0", **environ}
    try:
        process = subprocess.Popen(  # noqa: S603 - a command of ours, no shell
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environ,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        reason = "is not installed" if isinstance(error, FileNotFoundError) else f"cannot be run ({error})"
        return Ran(None, "", f"{command[0]} {reason}")
    assert process.stdout is not None
    with process, selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        out, why = _drain(process.stdout.fileno(), selector, time.monotonic() + wait_max_s)
        code = None
        if not why:
            try:
                code = process.wait(1.0)  # it has closed its output
            except subprocess.TimeoutExpired:
                why = "does not end"
        with contextlib.suppress(OSError):
            os.killpg(process.pid, signal.SIGKILL)
    return Ran(code, out.decode("utf-8", "replace"), why and f"{command[0]} {why}")


def _drain(fd: int, selector: selectors.BaseSelector, deadline_s: float) -> tuple[bytes, str]:
    out = b""
    while len(out) <= OUTPUT_MAX:
        left_s = deadline_s - time.monotonic()
        if left_s <= 0 or not selector.select(left_s):
            return out, "does not answer in time"
        chunk = os.read(fd, 65536)
        if not chunk:
            return out, ""
        out += chunk
    return out[:OUTPUT_MAX], f"says more than {OUTPUT_MAX // 1024} KiB"


class System:
    """``root`` is the directory that stands for ``/``. ``status`` is the daemon's, checked, or None; then ``silence``
    says why. ``in_use`` is the configuration that the daemon uses, None if it does not tell. ``chips`` gives the GPIO
    chips and who holds a line of theirs, ``caller`` is the user and the groups of whoever asks. ``unseen`` gathers
    what may not be read."""

    def __init__(
        self,
        root: str = "/",
        *,
        run: Run = run_bounded,
        status: dict[str, Any] | None = None,
        silence: str = "",
        in_use: Config | None = None,
        chips: Callable[[int], list[Chip]] = read_chips,
        caller: tuple[int, list[int]] | None = None,
    ) -> None:
        self.root = root.rstrip("/")
        self.status = status
        self.silence = silence
        self.in_use = in_use
        self.unseen: dict[str, str] = {}
        self.chips = chips
        self.caller = caller or (os.geteuid(), [os.getegid(), *os.getgroups()])
        self._run = run

    # -- files: names are absolute, as if root were / ------------------------------------------------

    def path(self, name: str) -> str:
        """Where it really is."""
        return self.root + name

    def read(self, name: str) -> str | None:
        """The text of a regular file, its first READ_MAX bytes; None if there is none or it may not be read."""
        data = self.read_raw(name)
        return None if data is None else data.decode("utf-8", "replace")

    def read_raw(self, name: str) -> bytes | None:
        """The same, as bytes."""
        fd = -1
        try:
            fd = os.open(self.path(name), os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
            return os.read(fd, READ_MAX) if stat.S_ISREG(os.fstat(fd).st_mode) else None
        except OSError as error:
            self._note(name, error)
            return None
        finally:
            if fd >= 0:
                os.close(fd)

    def stat(self, name: str) -> os.stat_result | None:
        """Of what a link leads to; None if there is nothing."""
        try:
            return os.stat(self.resolve(name))
        except OSError as error:
            self._note(name, error)
            return None

    def exists(self, name: str) -> bool:
        """Whether a name is taken, by a dangling link too."""
        return os.path.lexists(self.path(name))

    def link(self, name: str) -> str | None:
        """Where a symbolic link leads, as written in it; None if it is none."""
        try:
            return os.readlink(self.path(name))
        except OSError:
            return None

    def resolve(self, name: str) -> str:
        """The real path at the end of links. An absolute link starts at the root."""
        if not self.root:
            return os.path.realpath(name)
        for _ in range(20):
            target = self.link(name)
            if target is None:
                break
            name = os.path.normpath(os.path.join(os.path.dirname(name), target))
        return self.path(name)

    def glob(self, pattern: str) -> list[str]:
        """The names that match, in order, LIST_MAX at most."""
        found = sorted(glob.glob(glob.escape(self.root) + pattern))
        return [path[len(self.root) :] for path in found[:LIST_MAX]]

    def _note(self, name: str, error: OSError) -> None:
        if not isinstance(error, (FileNotFoundError, NotADirectoryError)):
            self.unseen[name] = error.strerror or str(error)

    # -- everything else -----------------------------------------------------------------------------

    def run(self, *command: str, wait_max_s: float = COMMAND_S, **environ: str) -> Ran:
        """As ``run_bounded``."""
        return self._run(command, environ, wait_max_s)

    @cached_property
    def model(self) -> str:
        """The name of the board; empty if it has none."""
        for name in ("/proc/device-tree/model", "/sys/firmware/devicetree/base/model"):
            if (text := self.read(name)) is not None:
                return text.strip("\0\n ")
        return ""

    @property
    def is_simulated(self) -> bool:
        """Whether the daemon that answers drives a simulated case."""
        return self.status is not None and bool(self.status["simulated"])

    @cached_property
    def file(self) -> tuple[Config, list[str]]:
        """What the configuration file says, and everything that is wrong with it.

        If it is bad or missing, the defaults, with the case's bus and protocol as guessed.
        """
        if self.read_raw(CONFIG_PATH) is None and (not self.exists(CONFIG_PATH) or CONFIG_PATH in self.unseen):
            return Config(), []
        try:
            return read_config(self.path(CONFIG_PATH)), []
        except ConfigError as error:
            found = self.path(CONFIG_PATH)
            return config_after_error(error, {}), [each.replace(found, CONFIG_PATH) for each in error.problems]

    @property
    def config(self) -> Config:
        """What a real case is, or would be, driven with: as the daemon tells, else as the file says."""
        if self.in_use is None or (self.is_simulated and self.exists(CONFIG_PATH)):
            return self.file[0]
        return self.in_use

    @cached_property
    def reinstall(self) -> str:
        """The command that brings back a file of a1d's."""
        if self.exists("/etc/NIXOS"):
            return "sudo nixos-rebuild switch"
        if self.exists("/var/lib/dpkg/info/a1d.list"):
            return "sudo apt install --reinstall a1d"
        return "sudo make install   # in the directory with a1d's sources"
