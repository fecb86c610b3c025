"""A program on a terminal of its own: a pty, with an emulator that says what a user would see."""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Iterator

import pyte

LEAVE = b"\x1b[?25h\x1b[?1049l"


class Screen:
    """``text`` is what the terminal shows; ``raw`` all that was sent to it."""

    def __init__(self, command: list[str], columns: int = 80, rows: int = 24, **environment: str) -> None:
        self.fd, theirs = os.openpty()
        self._resize(columns, rows)
        self.before = termios.tcgetattr(theirs)
        self.raw = b""
        self._emulator = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self._emulator)
        names = ("A1D_SOCKET", "NO_COLOR", "LC_ALL", "LC_CTYPE", "LANG")
        inherited = {name: value for name, value in os.environ.items() if name not in names}
        self.theirs = theirs  # kept open: what the program leaves behind can be looked at
        self.process = subprocess.Popen(
            # In a script's background Ctrl-C is ignored, and that is inherited.
            ["env", "--default-signal=INT,QUIT", "setsid", "--ctty", *command],
            env={**inherited, "TERM": "xterm", "LANG": "C.UTF-8", **environment},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
        )

    @property
    def text(self) -> str:
        return "\n".join(self._emulator.display)

    def colours(self) -> set[str]:
        """Of all that is shown."""
        return {cell.fg for line in self._emulator.buffer.values() for cell in line.values()}

    def type(self, keys: str) -> None:
        os.write(self.fd, keys.encode())

    def resize(self, columns: int, rows: int) -> None:
        """As a window manager does: the kernel tells the program."""
        self._emulator.resize(rows, columns)
        self._resize(columns, rows)

    def fill(self, char: str) -> None:
        """As if somebody else had written all over it."""
        size = self._emulator
        self._stream.feed(
            b"".join(b"\x1b[%d;1H%b" % (row + 1, char.encode() * size.columns) for row in range(size.lines))
        )

    def read(self, seconds: float) -> None:
        """Take what is sent for so long."""
        deadline_s = time.monotonic() + seconds
        while (left_s := deadline_s - time.monotonic()) > 0 and select.select([self.fd], [], [], left_s)[0]:
            try:
                data = os.read(self.fd, 65536)
            except OSError:
                return
            self.raw += data
            self._stream.feed(data.replace(b"\x1b[?1049h", b"").replace(b"\x1b[?1049l", b""))

    def wait(self, is_so: Callable[[str], bool], seconds: float = 10.0) -> str:
        """Until the text is so; it is returned."""
        deadline_s = time.monotonic() + seconds
        while not is_so(self.text):
            assert time.monotonic() < deadline_s, f"still:\n{self.text}\nthe last bytes: {self.raw[-300:]!r}"
            self.read(0.05)
        return self.text

    def wait_for(self, words: str, seconds: float = 10.0) -> str:
        return self.wait(lambda text: words in text, seconds)

    def ended(self, seconds: float = 10.0) -> int:
        """The exit code, once it has ended."""
        deadline_s = time.monotonic() + seconds
        while (code := self.process.poll()) is None:
            assert time.monotonic() < deadline_s, f"still running:\n{self.text}"
            self.read(0.05)
        self.read(0.1)
        return code

    def is_as_before(self) -> bool:
        """Whether the terminal's mode is what it was, and the program's screen is left, the cursor shown."""
        shows = self.raw.rfind(b"\x1b[?1049h") < self.raw.rfind(LEAVE)
        return shows and termios.tcgetattr(self.theirs) == self.before

    def _resize(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def close(self) -> None:
        if self.process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        os.close(self.fd)
        os.close(self.theirs)


@contextlib.contextmanager
def on_screen(command: list[str], columns: int = 80, rows: int = 24, **environment: str) -> Iterator[Screen]:
    screen = Screen(command, columns, rows, **environment)
    try:
        yield screen
    finally:
        screen.close()
