"""The command ``a1d-ctl``: watch and steer the daemon. It starts fast because it imports little."""

from __future__ import annotations

import io
import json
import os
import sys

from a1d import __version__
from a1d.client import words
from a1d.client.varlink import call, find_socket, replies
from a1d.duration import format_duration
from a1d.errors import A1dError, NoDaemonError, RefusedError

FINE, NOT_FINE, NO_DAEMON = 0, 1, 3  # argparse ends with 2
_SOCKET_VARIABLE = "A1D_SOCKET"

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable
    from typing import Any

    Reply = dict[str, Any]


def main() -> int:
    """Exit code 0 fine, 1 degraded or refused, 2 wrong usage, 3 no daemon."""
    # What is typed most is spared argparse, a tenth of the time that it takes.
    options: Any = _PlainStatus() if sys.argv[1:] in ([], ["status"]) else _parser().parse_args()
    if sys.stdout is None:  # closed: say nothing, but do what was asked
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - as long as the process lives
    elif isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a degree sign on a terminal that has none
    complaint = None
    try:
        code: int = options.run(options) or FINE
        sys.stdout.flush()
    except A1dError as error:
        code = NO_DAEMON if isinstance(error, NoDaemonError) else NOT_FINE
        complaint = str(error)
    except BrokenPipeError:
        code = FINE  # whoever read has read enough
    except KeyboardInterrupt:
        code = 130
    except OSError as error:  # a full disk
        code = NOT_FINE
        complaint = f"cannot write: {error}"
    except (ValueError, RecursionError) as error:
        code = NO_DAEMON
        complaint = f"the daemon's answer cannot be understood ({error}); is it of another version?"
    if complaint is not None:
        print("a1d-ctl: " + "\n".join(words.lines(complaint)), file=sys.stderr)
    try:
        sys.stdout.flush()
    except OSError:
        # What is left in the buffer can go nowhere, and the interpreter would say so at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return code


class _PlainStatus:
    """What ``a1d-ctl status`` comes to."""

    def __init__(self) -> None:
        self.run = _status
        self.json = False
        self.socket = os.environ.get(_SOCKET_VARIABLE)


def _parser() -> argparse.ArgumentParser:
    from a1d.client import arguments

    epilog = "Without a command: status. Exit codes: 0 fine, 1 degraded or refused, 2 wrong usage, 3 no daemon."
    parser = arguments.Parser("a1d-ctl", description="Watch and steer a1d.", epilog=epilog, allow_abbrev=False)
    where = f"the daemon's socket; without it ${_SOCKET_VARIABLE}, else the service's, else the simulated case's"
    parser.add_argument("--socket", metavar="PATH", default=os.environ.get(_SOCKET_VARIABLE), help=where)
    parser.add_argument("--version", action="version", version=f"a1d-ctl {__version__}")
    parser.set_defaults(run=_status, json=False)
    commands = parser.add_subparsers(metavar="COMMAND")

    def add(name: str, run: Callable[[argparse.Namespace], int | None], text: str, to: Any = commands) -> Any:
        command = to.add_parser(name, help=text, description=text)
        command.set_defaults(run=run)
        return command

    def add_time(command: Any) -> None:
        command.add_argument(
            "--for", dest="for_s", type=arguments.duration, metavar="TIME", help="such as 90s, 15m or 1h30m"
        )

    def group(name: str, members: str, text: str) -> Any:
        return commands.add_parser(name, help=text).add_subparsers(metavar=members, required=True)

    status = add("status", _status, "Say how the fan and the temperatures are; so does a1d-ctl alone.")
    add("top", _top, "Show it all on the whole terminal, and steer by keys.")
    watch = add("watch", _watch, "Say it again and again, until stopped.")
    fan = group("fan", "set|off|auto", "Set the fan by hand, or let the curve decide.")
    fan_set = add("set", _fan_set, "Hold a duty until 'fan auto', for a time, or until it is cool.", fan)
    fan_set.add_argument("percent", type=arguments.percent, help="0 to 100")
    fan_off = add("off", _fan_set, "Stop the fan; a critical temperature starts it all the same.", fan)
    fan_off.set_defaults(percent=0)
    for command in (fan_set, fan_off):
        add_time(command)
    until = "end it when nothing is hotter, such as 45C"
    fan_set.add_argument("--until", dest="until_celsius", type=arguments.celsius, metavar="TEMPERATURE", help=until)
    fan_off.set_defaults(until_celsius=None)
    add("auto", _fan_auto, "Let the curve decide again.", fan)
    profile = add("profile", _profile, "Say which profile is in force, or choose one.")
    profile.add_argument("name", nargs="?", help="one of the configuration, none, or auto: let the clock choose")
    add_time(profile)
    profile.set_defaults(refuse=profile.error)
    curve = add("curve", _curve, "Draw the duty for each temperature.")
    curve.add_argument("--svg", metavar="FILE", help="write a picture")
    for command in (status, watch, curve):
        command.add_argument("--json", action="store_true", help="print JSON, a line each time")
    add("reload", _reload, "Read the configuration again.")
    add("version", _version, "Say which versions these are.")
    sim = group("sim", "press|fault|load|power-on|show", "Play with the simulated case of 'a1d --simulate'.")
    add("press", _sim_press, "Press the power button.", sim).add_argument("gesture", choices=("double", "hold"))
    fault = add("fault", _sim_fault, "Switch a fault on or off; a wrong name lists them.", sim)
    fault.add_argument("fault")
    fault.add_argument("state", choices=("on", "off"), nargs="?", default="on")
    load = add("load", _sim_load, "Set the heat that goes in.", sim)
    load.add_argument("watts", type=arguments.watts, help="0 to 20, or auto")
    add("power-on", _sim_power_on, "Go on after a power cut.", sim)
    add("show", _sim_show, "Show the case's own truth.", sim)
    return parser


# -- commands: each returns its exit code, or None if it is fine ------------------------------------


def _status(options: argparse.Namespace) -> int:
    status = _get_status(options)
    print(_json(status) if options.json else words.describe(status, words.wants_colour(sys.stdout)))
    return FINE if status["health"]["state"] == "ok" else NOT_FINE


def _top(options: argparse.Namespace) -> int:
    from a1d.view.top import run

    return run(_path(options))


def _watch(options: argparse.Namespace) -> None:
    from a1d.view.watch import watch

    watch(_path(options), replies, _json if options.json else None)


def _fan_set(options: argparse.Namespace) -> int:
    ends = {"for_s": options.for_s, "until_celsius": options.until_celsius}
    reply = _call(options, "SetFan", duty_percent=options.percent, **ends)
    held = words.check(reply.get("duty_percent"), words.PERCENT, "duty_percent")
    how_long = words.how_long(format_duration(options.for_s) if options.for_s else None, options.until_celsius)
    if reply.get("overridden") is not None:
        why = words.printable(words.check(reply["overridden"], str, "overridden"))
        print(f"{options.percent} % is set by hand {how_long}, but not in force yet: {why}")
        return NOT_FINE
    raised = f" (raised from {options.percent} %: below that it may stand still)" if held != options.percent else ""
    print(f"the fan is held at {held} % {how_long}{raised}")
    return FINE


def _fan_auto(options: argparse.Namespace) -> None:
    _call(options, "ResumeAutomatic")
    print("the curve decides")


def _profile(options: argparse.Namespace) -> None:
    if options.for_s is not None and options.name in (None, "auto"):
        options.refuse("--for needs the name of a profile")
    if options.name == "auto":
        _call(options, "ResumeProfiles")
    elif options.name is not None:
        _call(options, "SetProfile", name=options.name, for_s=options.for_s)
    status = _get_status(options)
    print(f"profile {words.profile(status)}" if status["profile"] else "no profile is in force")


def _curve(options: argparse.Namespace) -> None:
    from a1d.view import curve, curves

    found = curves.checked(_call(options, "GetCurves"))
    print(_json(found) if options.json else curve.curve(found, _get_status(options), options.svg))


def _reload(options: argparse.Namespace) -> None:
    _call(options, "Reload")
    print("the configuration has been read again")


def _version(options: argparse.Namespace) -> None:
    print(f"a1d-ctl {__version__}")
    print(f"a1d     {words.printable(_get_status(options)['version'])}")


def _sim_press(options: argparse.Namespace) -> None:
    _call(options, "Press", "simulation", gesture="hold" if options.gesture == "hold" else "double_press")


def _sim_fault(options: argparse.Namespace) -> None:
    _call(options, "SetFault", "simulation", fault=options.fault, on=options.state == "on")


def _sim_load(options: argparse.Namespace) -> None:
    _call(options, "SetLoad", "simulation", watts=options.watts)


def _sim_power_on(options: argparse.Namespace) -> None:
    _call(options, "PowerOn", "simulation")


def _sim_show(options: argparse.Namespace) -> None:
    print(_json(_call(options, "GetCase", "simulation"), indent=2))


def _call(options: argparse.Namespace, method: str, interface: str = "control", **parameters: object) -> Reply:
    try:
        return call(_path(options), f"org.a1d.{interface}.{method}", parameters)
    except RefusedError as error:
        if error.error.endswith(".PermissionDenied"):
            raise A1dError(
                "only root and the group a1d may do this: use sudo, or 'sudo usermod -aG a1d $USER'"
            ) from None
        if error.error.endswith(".InterfaceNotFound") and interface == "simulation":
            raise A1dError("this daemon drives a real case; start a simulated one with 'a1d --simulate'") from None
        raise


def _get_status(options: argparse.Namespace) -> Reply:
    status: Reply = words.check(_call(options, "GetStatus").get("status"), words.STATUS, "status")
    return status


def _path(options: argparse.Namespace) -> str:
    return options.socket or find_socket()


def _json(value: object, indent: int | None = None) -> str:
    """Printable ASCII. ValueError for an infinity: 1e999 is one, and is not JSON when it is written back."""
    return json.dumps(value, allow_nan=False, indent=indent)


if __name__ == "__main__":
    raise SystemExit(main())
