"""What ``a1d`` does if it is given arguments. The service is given none, and does not import this."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys

from a1d import __version__
from a1d.by_hand import client_for
from a1d.client.varlink import simulation_run_dir
from a1d.clocks import boot_clock
from a1d.config.bounded import read_bounded
from a1d.config.load import ConfigLoader, Loaded
from a1d.config.settings import Config
from a1d.daemon import Daemon
from a1d.errors import ConfigError
from a1d.log import Log
from a1d.paths import CONFIG_PATH, RUN_DIR, SOCKET_NAME
from a1d.serve import serve, serve_case

EX_CONFIG = 78  # sysexits.h


class Options:
    """What the command line says."""

    config: str | None = None
    check: str | None = None
    strict = False
    import_from: list[str] | None = None
    print_config = False
    simulate = False
    run_dir: str | None = None


def run_command() -> int:
    """Exit code 0 if all went well, 1 if not, 2 for a wrong call, 78 for a bad file. A1dError and OSError go on."""
    options = _options()
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
        elif options.simulate:
            return _simulate(options)
        else:
            return serve_case(ConfigLoader(options.config), options.config, options.run_dir)
        return 0
    except ConfigError as error:
        print(error, file=sys.stderr)
        return EX_CONFIG


def _options() -> Options:
    parser = make_parser()
    options = parser.parse_args(namespace=Options())
    if options.strict and options.check is None:
        parser.error("--strict goes with --check")
    if options.config is not None and (options.check is not None or options.import_from is not None):
        parser.error("--config names the file that a1d runs with; --check and --import name theirs")
    return options


def make_parser() -> argparse.ArgumentParser:
    """The options of ``a1d``."""
    parser = argparse.ArgumentParser(
        prog="a1d",
        allow_abbrev=False,
        description="Fan and power daemon for the ARGON ONE V3 case of a Raspberry Pi 5.",
    )
    parser.add_argument("--config", metavar="FILE", help=f"configuration (default {CONFIG_PATH}, if it exists)")
    what = parser.add_mutually_exclusive_group()
    what.add_argument(
        "--check", metavar="FILE", help="say what is wrong or odd in a configuration ('-': standard input); 78 if bad"
    )
    parser.add_argument("--strict", action="store_true", help="with --check: exit code 1 if there is a warning")
    what.add_argument(
        "--import",
        dest="import_from",
        metavar="FILE",
        nargs="+",
        help="print a configuration from another daemon's files, such as /etc/argononed.conf ('-': standard input)",
    )
    what.add_argument("--print-config", action="store_true", help="print the effective configuration and end")
    simulate = "run on a simulated case and show it; the button's commands, if --config has any, really run"
    what.add_argument("--simulate", action="store_true", help=simulate)
    where = f"where the control socket lives (default {RUN_DIR}, or /tmp/a1d-UID with --simulate); for another one"
    where += f" a1d-ctl needs --socket DIR/{SOCKET_NAME}"
    parser.add_argument("--run-dir", metavar="DIR", help=where)
    parser.add_argument("--version", action="version", version=f"a1d {__version__}")
    return parser


def _read(path: str | None) -> Config:
    """What the file named says, or the default one if there is any."""
    from a1d.config.reader import read_config

    if path is None and not os.path.lexists(CONFIG_PATH):
        return Config()
    return read_config(CONFIG_PATH if path is None else path)


def _simulate(options: Options) -> int:
    if options.config is not None:
        try:
            read_bounded(options.config)
        except OSError as error:  # the service goes on without it; here somebody is there to mend it
            raise ConfigError([f"{options.config}: cannot be read: {error.strerror}"]) from error
    run_dir = options.run_dir or simulation_run_dir()
    if (code := _simulate_with_view(run_dir)) is not None:
        return code
    from a1d.sim.case import SimulatedCase
    from a1d.sim.run import Lines, simulation_config

    lines = Lines(sys.stdout)
    # Without a file its own: the simulated case is not the one that /etc speaks of.
    load = ConfigLoader(options.config) if options.config is not None else lambda: Loaded(simulation_config())
    with contextlib.ExitStack() as stack:

        def make_daemon() -> Daemon:
            case = stack.enter_context(contextlib.closing(SimulatedCase(boot_clock)))
            daemon = Daemon(case, run_dir, load, log=Log(lines.log))
            daemon.publisher.listeners.append(lines.show)
            lines.on_gone = daemon.stop
            if (client := client_for(run_dir)) != "a1d-ctl":
                daemon.log.info(f"{client} asks this simulation, and no other a1d")
            return daemon

        return serve(run_dir, make_daemon, hangup_ends=sys.stdout.isatty())


def _simulate_with_view(run_dir: str) -> int | None:
    """On a terminal: the exit code, in the process of the view. None where it is the daemon's turn."""
    from a1d.view.top import is_possible

    if not is_possible():
        return None
    from a1d.view.simulation import daemon_beside_view

    return daemon_beside_view(os.path.join(run_dir, SOCKET_NAME))
