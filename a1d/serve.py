"""The service: one daemon for a run directory, its signals, and its end."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import socket
from collections.abc import Callable

from a1d.config.load import Load
from a1d.daemon import Daemon
from a1d.errors import A1dError, DaemonRunningError, StopError
from a1d.hardware import RealCase
from a1d.paths import SOCKET_NAME, service_run_dir


def serve_case(load: Load, config: str | None = None, run_dir: str | None = None) -> int:
    """The real case, with the usual run directory unless given. As ``serve``. ``config``: the file, if one is named."""
    run_dir = run_dir or service_run_dir()

    def make_daemon() -> Daemon:
        if os.isatty(2) and "NOTIFY_SOCKET" not in os.environ:
            from a1d.by_hand import say_what_starts

            say_what_starts(config, run_dir)
        return Daemon(RealCase(), run_dir, load)

    return serve(run_dir, make_daemon)


def serve(run_dir: str, make_daemon: Callable[[], Daemon], *, hangup_ends: bool = False) -> int:
    """Run a daemon until it is told to stop: exit code 0, or 1 after a crash.

    A service reloads on SIGHUP; ``hangup_ends``: a simulation ends with its terminal. A1dError if it cannot start or
    could not stop cleanly.
    """
    with contextlib.ExitStack() as stack:
        _lock_run_dir(run_dir, stack)
        daemon = make_daemon()
        _handle_signals(daemon, stack, hangup_ends=hangup_ends)
        try:
            daemon.run()
        except StopError:
            raise
        except Exception as error:
            what = repr(error)
            with contextlib.suppress(Exception):  # a disk that died, which may be why
                import traceback

                what = traceback.format_exc()
            daemon.log.error(f"a1d crashed; the fan is left at failsafe if the bus allows\n{what}")
            return 1
        return 0


def _lock_run_dir(run_dir: str, stack: contextlib.ExitStack) -> None:
    """Make the run directory if need be, and be its only owner for as long as this process lives."""
    try:
        with contextlib.suppress(FileExistsError):
            os.makedirs(run_dir, mode=0o711)
        directory = os.open(run_dir, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW)
        stack.callback(os.close, directory)
        found = os.fstat(directory)
        if found.st_uid != os.geteuid():
            raise A1dError(f"{run_dir} belongs to another user; name another directory with --run-dir")
        if found.st_mode & 0o002:  # anybody could take away the socket, and put one of his own in its place
            raise A1dError(f"{run_dir} can be written to by everybody: chmod o-w it, or name another with --run-dir")
        # A file that nobody else may open: whoever can open a file can lock it.
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        lock = os.open("lock", flags, 0o600, dir_fd=directory)
        stack.callback(os.close, lock)
        os.fchmod(lock, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        text = f"another a1d already runs with {run_dir}; stop it first, or name another directory with --run-dir"
        raise DaemonRunningError(f"{text}, and reach it with: a1d-ctl --socket DIR/{SOCKET_NAME}") from None
    except OSError as error:
        what = "name another directory with --run-dir"
        if run_dir == service_run_dir():
            what = "start a1d as a service, or try it without hardware: a1d --simulate"
        raise A1dError(f"{run_dir} cannot be used: {os.strerror(error.errno or 0)}; {what}") from error


def _handle_signals(daemon: Daemon, stack: contextlib.ExitStack, *, hangup_ends: bool) -> None:
    """A signal's byte wakes the loop. Among hundreds of others it may be lost, so a stop is noted at once."""
    ours, theirs = map(stack.enter_context, socket.socketpair(type=socket.SOCK_STREAM | socket.SOCK_NONBLOCK))

    def on_signal() -> None:
        if signal.SIGHUP in ours.recv(4096) and not hangup_ends:
            daemon.reload()

    def note(number: int, _frame: object) -> None:
        if number != signal.SIGHUP or hangup_ends:
            daemon.stop()

    for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT):
        signal.signal(number, note)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # where it is ignored, nobody can be asked how it ended
    signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
    stack.callback(signal.set_wakeup_fd, -1)
    daemon.loop.urgent.add(on_signal)
    daemon.loop.selector.register(ours, 1, on_signal)  # 1 is EVENT_READ
