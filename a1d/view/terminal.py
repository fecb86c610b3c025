"""The terminal itself: taken over, written to without waiting, and given back however the program ends."""

from __future__ import annotations

import os
import select
import termios
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

_ENTER = "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[0m\x1b[2J"  # another screen, no cursor, no wrapping at the edge
_LEAVE = "\x1b[0m\x1b[?7h\x1b[?25h\x1b[?1049l"
_LEAVE_MAX_S = 0.5  # a terminal that takes nothing must not keep us
_READ_SIZE = 1024


class Terminal:
    """``enter`` it, ``write`` frames, ``leave`` it; both may be called again and again.

    ``fd_in`` and ``fd_out`` must be terminals. Raises OSError when the terminal has gone.
    """

    def __init__(self, fd_in: int, fd_out: int) -> None:
        self._fd_in = fd_in
        self._fd_out = self._own = _reopen(fd_out)
        if self._own < 0:
            self._fd_out = fd_out
        self._before: list[Any] | None = None
        self._unsent = b""

    @property
    def is_busy(self) -> bool:
        """Whether the terminal has not yet taken all that was written: a slow line."""
        return bool(self._unsent)

    def fileno(self) -> int:
        """What keys are read from."""
        return self._fd_in

    @property
    def out(self) -> int:
        """What is written to: writable when it is worth to ``flush``."""
        return self._fd_out

    def size(self) -> tuple[int, int]:
        """Columns and rows. One that claims none is 80 by 24."""
        columns, rows = os.get_terminal_size(self._fd_out)
        return columns or 80, rows or 24

    def enter(self) -> None:
        """Keys come at once and are not echoed; Ctrl-C and Ctrl-Z still send signals, Ctrl-S no longer stops it all."""
        try:
            mode = termios.tcgetattr(self._fd_in)
            if self._before is None:
                self._before = [*mode[:6], list(mode[6])]
            mode[0] &= ~termios.IXON
            mode[3] &= ~(termios.ICANON | termios.ECHO)
            mode[6][termios.VMIN], mode[6][termios.VTIME] = 1, 0
            termios.tcsetattr(self._fd_in, termios.TCSANOW, mode)
        except termios.error as error:
            raise OSError(*error.args) from None
        self._unsent = b""
        self.write(_ENTER)

    def leave(self) -> None:
        """As it was before. It waits half a second at most for a terminal that takes nothing; no OSError."""
        if self._before is None:
            return
        before, self._before = self._before, None
        try:
            deadline_s = time.monotonic() + _LEAVE_MAX_S
            self._unsent += _LEAVE.encode()
            while self._unsent and (left_s := deadline_s - time.monotonic()) > 0:
                select.select((), (self._fd_out,), (), left_s)
                self.flush()
        except OSError:
            pass
        try:
            termios.tcflush(self._fd_in, termios.TCIFLUSH)  # keys that were meant for us are not typed at the shell
            termios.tcsetattr(self._fd_in, termios.TCSANOW, before)
        except (OSError, termios.error):
            pass

    def write(self, text: str) -> None:
        """As much as it takes now; ``flush`` sends the rest."""
        self._unsent += text.encode("utf-8", "backslashreplace")
        self.flush()

    def flush(self) -> None:
        """Send what is left, as far as the terminal takes it."""
        if not self._unsent or (self._own < 0 and not select.select((), (self._fd_out,), (), 0)[1]):
            return
        try:
            sent = os.write(self._fd_out, self._unsent if self._own >= 0 else self._unsent[:_READ_SIZE])
        except BlockingIOError:
            return
        self._unsent = self._unsent[sent:]

    def read(self) -> bytes:
        """What was typed; it must be readable. EOFError when the terminal has gone."""
        data = os.read(self._fd_in, _READ_SIZE)
        if not data:
            raise EOFError
        return data

    def close(self) -> None:
        """Give back what was opened; ``leave`` first."""
        if self._own >= 0:
            os.close(self._own)
            self._own = -1


def _reopen(fd: int) -> int:
    """The same terminal, opened again so that not waiting is our own affair and not the shell's; -1 if it cannot be."""
    try:
        return os.open(os.ttyname(fd), os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return -1


def speaks_unicode(environ: Mapping[str, str]) -> bool:
    """Whether the locale has Unicode, and the terminal a font for it: the Linux console has not.

    Asked of the environment, because Python takes the locale C for UTF-8, and writes that into LC_CTYPE.
    """
    if environ.get("TERM") == "linux":
        return False
    for name in ("LC_ALL", "LC_CTYPE", "LANG"):
        value = environ.get(name, "")
        if value and not (name == "LC_CTYPE" and value == "C.UTF-8"):
            return "utf-8" in value.lower() or "utf8" in value.lower()
    return False
