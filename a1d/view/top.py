"""``a1d-ctl top``: the loop between the terminal and the daemon. Nothing in it waits for either."""

from __future__ import annotations

import os
import select
import signal
import sys
import time

from a1d.client.words import printable
from a1d.view.ansi import Painter
from a1d.view.frame import COLUMNS_MAX, ROWS_MAX, frame
from a1d.view.keys import keys_of
from a1d.view.model import Model
from a1d.view.steering import Steering
from a1d.view.terminal import Terminal, speaks_unicode
from a1d.view.wire import Wire

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_FRAME_S = 0.1  # at most so often
_REDRAW_S = 1.3  # if no status comes, for the clock
_BUSY_S = 1.0
_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


def is_possible() -> bool:
    """Whether standard input and output are terminals that can be drawn on."""
    try:
        return os.isatty(0) and os.isatty(1) and os.environ.get("TERM", "dumb") != "dumb"
    except OSError:
        return False


class Top:
    """``run`` it. ``watch`` adds a descriptor of the caller's to the loop."""

    def __init__(self, path: str) -> None:
        self.model = Model(path)
        self.ended_by = 0  # a signal; 0: by a key, or by ``end``
        self._ending = False
        self._steering = Steering(self.model)
        self._wire = Wire(self.model, self._steering)
        self._drawn_s = float("-inf")
        self._is_dirty = True
        self._stopping = self._resized = False
        self._watched: dict[int, Callable[[], None]] = {}
        self._unicode = speaks_unicode(os.environ)
        self._painter = Painter(not os.environ.get("NO_COLOR"))

    def watch(self, fd: int, on_readable: Callable[[], None]) -> None:
        """Call ``on_readable`` while ``fd`` is readable, until ``forget``."""
        self._watched[fd] = on_readable

    def forget(self, fd: int) -> None:
        """No longer."""
        self._watched.pop(fd, None)

    def end(self) -> None:
        """Leave the loop."""
        self._ending = True

    def run(self) -> None:
        """Until a key, a signal or ``end``; the terminal is then as it was before, whatever happened."""
        terminal = Terminal(0, 1)
        reader, writer = os.pipe()
        for fd in (reader, writer):
            os.set_blocking(fd, False)
        before = {number: signal.getsignal(number) for number in (*_ENDING, signal.SIGTSTP, signal.SIGCONT)}
        before[signal.SIGWINCH] = signal.getsignal(signal.SIGWINCH)
        for number in before:
            signal.signal(number, self._on_signal)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        try:
            terminal.enter()
            while not self._ending:
                self._turn(terminal, reader)
        except EOFError:
            pass  # the terminal has gone
        finally:
            terminal.leave()
            terminal.close()
            signal.set_wakeup_fd(-1)
            for number, handler in before.items():
                signal.signal(number, handler)
            self._wire.hang_up()
            os.close(reader)
            os.close(writer)

    def _on_signal(self, number: int, _frame: object) -> None:
        if number in _ENDING:
            self.ended_by, self._ending = number, True
        elif number == signal.SIGTSTP:
            self._stopping = True
        else:
            self._resized = True

    def _turn(self, terminal: Terminal, wake_fd: int) -> None:
        """Wait for something to happen, deal with it, and draw if it is time."""
        now_s = time.monotonic()
        self._is_dirty |= self._wire.talk(now_s)
        poll = select.poll()
        for fd in (wake_fd, terminal.fileno(), *self._watched, *self._wire.filenos()):
            poll.register(fd, select.POLLIN)
        if terminal.is_busy:
            poll.register(terminal.out, select.POLLOUT)
        ready = {fd for fd, _events in poll.poll(max(0, self._wait_s(now_s, terminal)) * 1000)}
        now_s = time.monotonic()
        if wake_fd in ready:
            try:
                os.read(wake_fd, 64)
            except BlockingIOError:
                pass
        if self._stopping:
            self._stop(terminal)
        if self._resized:
            self._resized = False
            terminal.enter()
            self._painter.forget()
            self._is_dirty = True
        terminal.flush()
        if terminal.fileno() in ready:
            for key in keys_of(terminal.read()):
                self._press(key)
        for fd in ready & self._watched.keys():
            self._watched[fd]()
            self._is_dirty = True
        self._is_dirty |= self._wire.listen(ready, now_s)
        if self._wait_s(now_s, terminal) <= 0 and not terminal.is_busy and not self._ending:
            self._draw(terminal, now_s)

    def _wait_s(self, now_s: float, terminal: Terminal) -> float:
        """Until the next frame is due; while the terminal takes nothing there is none."""
        if terminal.is_busy:
            return _BUSY_S
        return self._drawn_s + (_FRAME_S if self._is_dirty else _REDRAW_S) - now_s

    def _draw(self, terminal: Terminal, now_s: float) -> None:
        self._is_dirty, self._drawn_s = False, now_s
        columns, rows = terminal.size()
        columns, rows = min(columns, COLUMNS_MAX), min(rows, ROWS_MAX)
        time_text = time.strftime("%H:%M:%S")
        lines = frame(self.model, columns, rows, now_s, time_text=time_text, unicode=self._unicode)
        terminal.write(self._painter.paint(lines))

    def _stop(self, terminal: Terminal) -> None:
        """Ctrl-Z: give the terminal back, stop as anybody would, and begin anew when it goes on."""
        self._stopping = False
        terminal.leave()
        os.kill(os.getpid(), signal.SIGSTOP)
        self._resized = True  # SIGCONT says so too

    def _press(self, key: str) -> None:
        self._is_dirty = True
        if key == "q" and self.model.page == "main":
            self._ending = True
            return
        request = self._steering.press(key)
        if request is not None:
            self._wire.ask(request)


def run(path: str) -> int:
    """``a1d-ctl top``: exit code 0 after q, 2 without a terminal, 128 and its number after a signal."""
    if not is_possible():
        is_dumb = os.isatty(0) and os.isatty(1)
        what = f"that can be drawn on, and TERM is {printable(os.environ.get('TERM', 'not set'))}" if is_dumb else ""
        text = f"top needs a terminal {what}".rstrip()
        print(f"a1d-ctl: {text}; elsewhere use 'a1d-ctl watch' or 'a1d-ctl status'", file=sys.stderr)
        return 2
    top = Top(path)
    top.run()
    return 128 + top.ended_by if top.ended_by else 0
