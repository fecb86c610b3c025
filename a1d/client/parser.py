"""The commands of ``a1d-ctl`` and their arguments."""

from __future__ import annotations

import argparse
import os

from a1d import __version__
from a1d.client import arguments
from a1d.client.faults import FAULTS
from a1d.client.varlink import SOCKET_VARIABLE

TYPE_CHECKING = False
_JSON = ("status", "watch", "curve", "doctor")

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


def parse() -> argparse.Namespace:
    """The command line; exit code 2 for one that makes no sense."""
    parser = make_parser()
    options = parser.parse_args()
    if options.json and options.run not in _JSON:
        parser.error(f"--json goes with {', '.join(_JSON)}")
    return options


def make_parser() -> argparse.ArgumentParser:
    """``options.run`` is the command's name, a key of main.py's ``_RUN``."""
    epilog = "Without a command: status. Exit codes: 0 fine, 1 degraded or refused, 2 wrong usage, 3 no daemon."
    parser = arguments.Parser("a1d-ctl", description="Watch and steer a1d.", epilog=epilog, allow_abbrev=False)
    where = f"the daemon's socket; without it ${SOCKET_VARIABLE}, else the service's, else the simulated case's"
    parser.add_argument("--socket", metavar="PATH", default=os.environ.get(SOCKET_VARIABLE), help=where)
    # Without a command it is status, and so are its options.
    parser.add_argument("--json", action="store_true", default=False, help=argparse.SUPPRESS)
    parser.add_argument("--version", action="version", version=f"a1d-ctl {__version__}")
    parser.set_defaults(run="status")
    commands = parser.add_subparsers(metavar="COMMAND")

    def add(name: str, run: str, text: str, to: Any = commands) -> Any:
        command = to.add_parser(name, help=text, description=text)
        command.set_defaults(run=run)
        # After the command as well; one that is not given there leaves what stands before it.
        command.add_argument("--socket", metavar="PATH", default=argparse.SUPPRESS, help=argparse.SUPPRESS)
        return command

    def add_time(command: Any) -> None:
        command.add_argument(
            "--for", dest="for_s", type=arguments.duration, metavar="TIME", help="such as 90s, 15m or 1h30m"
        )

    def group(name: str, members: str, text: str) -> Any:
        return commands.add_parser(name, help=text).add_subparsers(metavar=members, required=True)

    status = add("status", "status", "Say how the fan and the temperatures are; so does a1d-ctl alone.")
    add("top", "top", "Show temperature, duty and curve full-screen; keys steer the fan.")
    watch = add("watch", "watch", "Print a status line every second until Ctrl-C.")
    fan = group("fan", "set|off|auto", "Set the fan by hand, or give it back to automatic control.")
    fan_set = add("set", "fan_set", "Hold a duty until 'fan auto', for a time, or until it is cool.", fan)
    fan_set.add_argument("percent", type=arguments.percent, help="0 to 100")
    fan_off = add("off", "fan_set", "Stop the fan; a critical temperature starts it all the same.", fan)
    fan_off.set_defaults(percent=0)
    until = "end it when nothing is hotter, such as 45C"
    for command in (fan_set, fan_off):
        add_time(command)
        command.add_argument("--until", dest="until_celsius", type=arguments.celsius, metavar="TEMPERATURE", help=until)
    add("auto", "fan_auto", "Give the fan back to automatic control.", fan)
    profile = add("profile", "profile", "Say which profile is in force, or choose one.")
    profile.add_argument("name", nargs="?", help="one of the configuration, none, or auto: let the clock choose")
    add_time(profile)
    profile.set_defaults(refuse=profile.error)
    curve = add("curve", "curve", "Draw the duty for each temperature.")
    curve.add_argument("--svg", metavar="FILE", help="write a picture into a new file, or - to print it")
    as_json = {"action": "store_true", "default": argparse.SUPPRESS}
    for command in (status, watch, curve):
        command.add_argument("--json", **as_json, help="print JSON, a line each time")
    doctor = add(
        "doctor", "doctor", "Say what is wrong with this machine, with the command that mends it or shows more."
    )
    doctor.add_argument("--fan", action="store_true", help="try whether the fan moves air: 10 minutes, Ctrl-C ends it")
    doctor.add_argument("--json", **as_json, help="print JSON")
    report = add("report", "report", "Write what a bug report needs into a file. Read it before you send it.")
    report.add_argument("file", nargs="?", default="a1d-report.txt", help="a new file (%(default)s), or - to print it")
    add("config", "config", "Show the configuration that the daemon is using.")
    add("reload", "reload", "Read the configuration again.")
    add("version", "version", "Say which versions these are.")
    scrape = add("metrics", "metrics", "Print the status for Prometheus.")
    scrape.add_argument("--http", action="store_true", help="for a1d-metrics.socket: answer the request on stdin")
    _add_simulation(add, group)
    return parser


def _add_simulation(add: Callable[..., Any], group: Callable[..., Any]) -> None:
    sim = group("sim", "press|fault|load|power-on|show", "Play with the simulated case of 'a1d --simulate'.")
    add(
        "press", "sim_press", "Press the power button. Nothing reboots; a command of your own does run.", sim
    ).add_argument("gesture", choices=("double", "hold"))
    fault = add("fault", "sim_fault", "Switch a fault on or off; without a name it lists them.", sim)
    fault.add_argument("fault", nargs="?", help=f"one of {', '.join(FAULTS)}")
    fault.add_argument("state", choices=("on", "off"), nargs="?", default="on")
    load = add("load", "sim_load", "Set the heat that goes in.", sim)
    load.add_argument("watts", type=arguments.watts, help="0 to 20, or auto")
    add("power-on", "sim_power_on", "Go on after a power cut.", sim)
    add("show", "sim_show", "Show the case's own truth.", sim)
