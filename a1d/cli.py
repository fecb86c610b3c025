"""The command ``a1d``: the daemon, and what can be asked of it without starting it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import socket
import sys
from functools import partial
from typing import TYPE_CHECKING

from a1d import __version__
from a1d.clocks import boot_clock
from a1d.config.reader import read_config
from a1d.config.settings import Config
from a1d.daemon import Daemon
from a1d.errors import A1dError, ConfigError, DaemonRunningError, StopError
from a1d.hardware import RealCase
from a1d.log import Log
from a1d.paths import CONFIG_PATH, RUN_DIR, SOCKET_NAME, service_run_dir, simulation_run_dir

if TYPE_CHECKING:
    import argparse

EX_CONFIG = 78  # sysexits.h


class Options:
    """What the command line says; as it stands here, what an empty one does."""

    config: str | None = None
    check: str | None = None
    strict = False
    import_from: list[str] | None = None
    print_config = False
    simulate = False
    run_dir: str | None = None


def main() -> int:
    """Exit code 0 after a clean stop, 1 if the daemon could not start, 2 for a wrong call, 78 for a bad file."""
    # The service's command line is empty: it is spared argparse, which stays in memory with all that it loads.
    options = _options() if sys.argv[1:] else Options()
    try:
        if options.check is not None:
            from a1d.check import check

            return check(options.check, strict=options.strict)
        if options.import_from is not None:
            from a1d.moving.command import import_settings

            print(import_settings(options.import_from), end="", flush=True)
        elif options.print_config:
            from a1d.config.printer import print_config

            print(print_config(_read(options.config)), end="", flush=True)
        else:
            return _serve(options)
        return 0
    except ConfigError as error:
        print(error, file=sys.stderr)
        return EX_CONFIG
    except A1dError as error:
        Log().error(str(error))
    except OSError as error:  # standard output, most likely
        Log().error(f"cannot go on: {error}")
    return 1


def _options() -> Options:
    parser = _parser()
    options = parser.parse_args(namespace=Options())
    if options.strict and options.check is None:
        parser.error("--strict goes with --check")
    return options


def _parser() -> argparse.ArgumentParser:
    import argparse

    parser = argparse.ArgumentParser(
        prog="a1d",
        allow_abbrev=False,
        description="Fan and power daemon for the ARGON ONE V3 case of a Raspberry Pi 5.",
    )
    parser.add_argument("--config", metavar="FILE", help=f"configuration (default {CONFIG_PATH}, if it exists)")
    parser.add_argument(
        "--check", metavar="FILE", help="say what is wrong or odd in a configuration ('-': standard input); 78 if bad"
    )
    parser.add_argument("--strict", action="store_true", help="with --check: exit code 1 if there is a warning")
    parser.add_argument(
        "--import",
        dest="import_from",
        metavar="FILE",
        nargs="+",
        help="print a configuration from another daemon's files, such as /etc/argononed.conf",
    )
    parser.add_argument("--print-config", action="store_true", help="print the effective configuration and end")
    parser.add_argument("--simulate", action="store_true", help="run on a simulated case and show it")
    parser.add_argument("--run-dir", metavar="DIR", help=f"where the control socket lives (default {RUN_DIR})")
    parser.add_argument("--version", action="version", version=f"a1d {__version__}")
    return parser


def _read(path: str | None) -> Config:
    """What the file named says, or the default one if there is any."""
    if path is None and not os.path.lexists(CONFIG_PATH):
        return Config()
    return read_config(CONFIG_PATH if path is None else path)


def _serve(options: Options) -> int:
    default = simulation_run_dir() if options.simulate else service_run_dir()
    run_dir = options.run_dir or default
    if options.simulate and (code := _simulate_with_view(run_dir)) is not None:
        return code
    with contextlib.ExitStack() as stack:
        _lock_run_dir(run_dir, stack)
        read = partial(_read, options.config)
        if options.simulate:
            from a1d.sim.case import SimulatedCase
            from a1d.sim.run import Lines, simulation_config

            case = stack.enter_context(contextlib.closing(SimulatedCase(boot_clock)))
            lines = Lines(sys.stdout)
            # Without a file its own: the simulated case is not the one that /etc speaks of.
            daemon = Daemon(case, run_dir, simulation_config if options.config is None else read, log=Log(lines.log))
            daemon.publisher.listeners.append(lines.show)
            lines.on_gone = daemon.stop
        else:
            if sys.stderr.isatty() and "NOTIFY_SOCKET" not in os.environ:
                from a1d.by_hand import say_what_starts

                say_what_starts(options.config, run_dir)
            daemon = Daemon(RealCase(), run_dir, read)
        # A service reloads on SIGHUP; a simulation ends with its terminal.
        _handle_signals(daemon, stack, hangup_ends=options.simulate and sys.stdout.isatty())
        try:
            daemon.run()
        except StopError:
            raise
        except Exception:
            import traceback

            daemon.log.error(f"a1d crashed; the fan is left at failsafe if the bus allows\n{traceback.format_exc()}")
            return 1
        return 0


def _simulate_with_view(run_dir: str) -> int | None:
    """On a terminal: the exit code, in the process of the view. None where it is the daemon's turn."""
    from a1d.view.top import is_possible

    if not is_possible():
        return None
    from a1d.view.simulation import daemon_beside_view

    return daemon_beside_view(os.path.join(run_dir, SOCKET_NAME))


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
        raise DaemonRunningError(
            f"another a1d already runs with {run_dir}; stop it first, or name another directory with --run-dir"
        ) from None
    except OSError as error:
        raise A1dError(
            f"{run_dir} cannot be used: {os.strerror(error.errno or 0)}; start a1d as a service, or name a "
            "directory with --run-dir, or try it without hardware: a1d --simulate"
        ) from error


def _handle_signals(daemon: Daemon, stack: contextlib.ExitStack, *, hangup_ends: bool) -> None:
    """Signals only leave a byte behind; the loop acts on it."""
    ours, theirs = socket.socketpair()
    for end in (ours, theirs):
        end.setblocking(False)
        stack.callback(end.close)

    def on_signal() -> None:
        for number in set(ours.recv(64)):
            if number == signal.SIGHUP and not hangup_ends:
                daemon.reload_on_signal()
            else:
                daemon.stop()

    for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: None)
    signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
    stack.callback(signal.set_wakeup_fd, -1)
    daemon.loop.urgent.add(on_signal)
    daemon.loop.selector.register(ours, 1, on_signal)  # 1 is EVENT_READ
