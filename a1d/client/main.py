"""The command ``a1d-ctl``: watch and steer the daemon. It starts fast because it imports little."""

from __future__ import annotations

import argparse
import json
import math
import os
import socket
import sys

from a1d import __version__
from a1d.duration import format_duration, parse_duration_s
from a1d.errors import A1dError, NoDaemonError
from a1d.paths import RUN_DIR, SOCKET_NAME, simulation_run_dir

FINE, NOT_FINE, USAGE, NO_DAEMON = 0, 1, 2, 3
_REPLY_MAX_S = 15.0  # a monitor may be silent for a tick and a half; a tick may be 5 s long
_COLOUR = {"ok": "32", "degraded": "33", "failsafe": "31"}
_HOW_TO_START = """
  start the service:            sudo systemctl start a1d
  or try it without hardware:   a1d --simulate"""

TYPE_CHECKING = False  # typing itself would cost 5 ms of the 20 that this program takes
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    Reply = dict[str, Any]


class RefusedError(A1dError):
    """The daemon answered with an error; the text is for the user."""


def main() -> int:
    """Exit code 0 fine, 1 degraded or refused, 2 wrong usage, 3 no daemon."""
    options = _parser().parse_args()
    if sys.stdout is None:  # closed: say nothing, but do what was asked
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - as long as the process lives
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
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        code = NO_DAEMON
        complaint = f"the daemon's answer cannot be understood ({error!r}); is it of another version?"
    if complaint is not None:
        print(f"a1d-ctl: {complaint}", file=sys.stderr)
    try:
        sys.stdout.flush()
    except OSError:
        # What is left in the buffer can go nowhere, and the interpreter would say so at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return code


def _parser() -> argparse.ArgumentParser:
    epilog = "Exit codes: 0 fine, 1 degraded or refused, 2 wrong usage, 3 no daemon."
    parser = argparse.ArgumentParser("a1d-ctl", description="Watch and steer a1d.", epilog=epilog, allow_abbrev=False)
    parser.add_argument("--socket", metavar="PATH", default=os.environ.get("A1D_SOCKET"), help="the daemon's socket")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def add(name: str, run: Callable[[argparse.Namespace], int | None], text: str, to: Any = commands) -> Any:
        command = to.add_parser(name, help=text, description=text)
        command.set_defaults(run=run)
        return command

    def group(name: str, members: str, text: str) -> Any:
        return commands.add_parser(name, help=text).add_subparsers(metavar=members, required=True)

    status = add("status", _status, "Say how the fan and the temperatures are.")
    watch = add("watch", _watch, "Say it again and again, until stopped.")
    fan = group("fan", "set|off|auto", "Set the fan by hand, or let the curve decide.")
    fan_set = add("set", _fan_set, "Hold a duty until 'fan auto', or for a time.", fan)
    fan_set.add_argument("percent", type=_percent, help="0 to 100")
    fan_off = add("off", _fan_set, "Stop the fan; a critical temperature starts it all the same.", fan)
    fan_off.set_defaults(percent=0)
    for command in (fan_set, fan_off):
        command.add_argument("--for", dest="for_s", type=_duration, metavar="TIME", help="such as 90s, 15m or 1h30m")
    add("auto", _fan_auto, "Let the curve decide again.", fan)
    curve = add("curve", _curve, "Show the duty for each temperature.")
    for command in (status, watch, curve):
        command.add_argument("--json", action="store_true", help="print JSON, a line each time")
    add("reload", _reload, "Read the configuration again.")
    add("version", _version, "Say which versions these are.")
    sim = group("sim", "press|fault|load|show", "Play with the simulated case of 'a1d --simulate'.")
    add("press", _sim_press, "Press the power button.", sim).add_argument("gesture", choices=("double", "hold"))
    fault = add("fault", _sim_fault, "Switch a fault on or off; a wrong name lists them.", sim)
    fault.add_argument("fault")
    fault.add_argument("state", choices=("on", "off"), nargs="?", default="on")
    load = add("load", _sim_load, "Set the heat that goes in.", sim)
    load.add_argument("watts", type=_watts, help="0 to 20, or auto")
    add("show", _sim_show, "Show the case's own truth.", sim)
    return parser


# -- commands: each returns its exit code, or None if it is fine ------------------------------------


def _status(options: argparse.Namespace) -> int:
    status = _call(options, "GetStatus")["status"]
    print(json.dumps(status) if options.json else _describe(status))
    return FINE if status["health"]["state"] == "ok" else NOT_FINE


def _watch(options: argparse.Namespace) -> None:
    begin, end = ("\r\x1b[K", "") if sys.stdout.isatty() and not options.json else ("", "\n")
    for reply in _replies(options, "org.a1d.control.Monitor", {}):
        status = reply["status"]
        print(begin + (json.dumps(status) if options.json else _one_line(status)), end=end, flush=True)


def _fan_set(options: argparse.Namespace) -> None:
    held = _call(options, "SetFan", duty_percent=options.percent, for_s=options.for_s)["duty_percent"]
    how_long = f"for {format_duration(options.for_s)}" if options.for_s else "until 'a1d-ctl fan auto'"
    raised = f" (raised from {options.percent} %: below that it may stand still)" if held != options.percent else ""
    print(f"the fan is held at {held} % {how_long}{raised}")


def _fan_auto(options: argparse.Namespace) -> None:
    _call(options, "ResumeAutomatic")
    print("the curve decides")


def _curve(options: argparse.Namespace) -> None:
    curves = _call(options, "GetCurves")["curves"]
    if options.json:
        print(json.dumps(curves))
        return
    for curve in curves:
        print(f"{curve['sensor']}: 100 % from {curve['critical_celsius']:g} C on, whatever else is set")
        for point in curve["duties"][::5]:
            duty = point["duty_percent"]
            print(f"  {point['temp_celsius']:3.0f} C  {duty:3.0f} %  {'#' * round(duty / 2.5)}")


def _reload(options: argparse.Namespace) -> None:
    _call(options, "Reload")
    print("the configuration has been read again")


def _version(options: argparse.Namespace) -> None:
    print(f"a1d-ctl {__version__}")
    print(f"a1d     {_call(options, 'GetStatus')['status']['version']}")


def _sim_press(options: argparse.Namespace) -> None:
    _call(options, "Press", "simulation", gesture="hold" if options.gesture == "hold" else "double_press")


def _sim_fault(options: argparse.Namespace) -> None:
    _call(options, "SetFault", "simulation", fault=options.fault, on=options.state == "on")


def _sim_load(options: argparse.Namespace) -> None:
    _call(options, "SetLoad", "simulation", watts=options.watts)


def _sim_show(options: argparse.Namespace) -> None:
    print(json.dumps(_call(options, "GetCase", "simulation"), indent=2))


# -- words -----------------------------------------------------------------------------------------


def _describe(status: Reply) -> str:
    problems = [line for text in status["health"]["problems"] for line in text.splitlines()]
    sensors = status["sensors"] if len(status["sensors"]) > 1 else []
    button = status["button"]
    watched = "watched" if button["watching"] else "not watched"
    lines = [
        f"temperature  {_celsius(status['temp_celsius'])}",
        f"fan          {_percent_of(status['duty_percent'])}{_confirmation(status)}",
        f"mode         {_mode(status)}",
        f"because      {status['reason']}",
        f"health       {_coloured(status['health']['state'])}",
        *(f"             - {line}" for line in problems),
        *(f"sensor       {sensor['name']}: {_celsius(sensor['temp_celsius'])}" for sensor in sensors),
        f"button       {watched}; {button['double_presses']} double presses, {button['holds']} holds, "
        f"{button['pulses_ignored']} other pulses",
        *(["case         simulated"] if status["simulated"] else []),
    ]
    return "\n".join(lines)


def _one_line(status: Reply) -> str:
    health = status["health"]
    return (
        f"{_celsius(status['temp_celsius'])}  fan {_percent_of(status['duty_percent'])}  {_mode(status)}  "
        f"{_coloured(health['state'])}  {'; '.join(health['problems']).replace(chr(10), ' ') or status['reason']}"
    )


def _mode(status: Reply) -> str:
    if status["mode"] != "manual":
        return "automatic"
    left = status["manual_remaining_s"]
    how_long = "until 'a1d-ctl fan auto'" if left is None else f"for another {format_duration(round(left))}"
    return f"manual, {status['manual_percent']} % {how_long}"


def _confirmation(status: Reply) -> str:
    confirmed = status["duty_confirmed_percent"]
    if confirmed is None:
        return ", not confirmed by the case"
    return "" if confirmed == status["duty_percent"] else f", the case still at {confirmed} %"


def _celsius(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.1f} C"


def _percent_of(value: int | None) -> str:
    return "unknown" if value is None else f"{value} %"


def _coloured(state: str) -> str:
    wanted = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    return f"\x1b[{_COLOUR[state]}m{state}\x1b[0m" if wanted else state


def _percent(text: str) -> int:
    number = text.removesuffix("%").strip()
    if not (number.isascii() and number.isdigit() and len(number) < 4 and int(number) <= 100):
        raise argparse.ArgumentTypeError(f"found {text!r}, expected a whole number from 0 to 100")
    return int(number)


def _duration(text: str) -> float:
    try:
        seconds = parse_duration_s(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    if not 0 < seconds <= 7 * 86400:
        raise argparse.ArgumentTypeError(f"found {text!r}, expected more than 0 and at most 7d")
    return seconds


def _watts(text: str) -> float | None:
    try:
        if text == "auto" or math.isfinite(float(text)):
            return None if text == "auto" else float(text)
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(f"found {text!r}, expected a number of watts, or auto")


# -- Varlink ---------------------------------------------------------------------------------------


def _call(options: argparse.Namespace, method: str, interface: str = "control", **parameters: object) -> Reply:
    return next(_replies(options, f"org.a1d.{interface}.{method}", parameters))


def _replies(options: argparse.Namespace, method: str, parameters: Reply) -> Iterator[Reply]:
    """What the daemon answers: several times if the method is one that goes on. NoDaemonError is how it ends."""
    path = options.socket or _find_socket()
    call = {"method": method, "parameters": parameters, "more": True}
    data = b""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(_REPLY_MAX_S)
        try:
            sock.connect(path)
            sock.sendall(json.dumps(call).encode() + b"\0")
        except OSError as error:
            raise NoDaemonError(_no_daemon(path, error)) from None
        while True:
            try:
                chunk = sock.recv(65536)
            except TimeoutError:
                raise NoDaemonError(f"the daemon at {path} does not answer; see 'journalctl -u a1d'") from None
            except OSError:
                chunk = b""
            if not chunk:
                raise NoDaemonError(f"the daemon at {path} has gone away")
            *messages, data = (data + chunk).split(b"\0")
            for message in messages:
                try:
                    reply = json.loads(message)
                except (ValueError, RecursionError):
                    reply = None
                if not isinstance(reply, dict):
                    raise NoDaemonError(f"what listens at {path} does not answer as a1d would")
                yield _result(reply, method)


def _result(message: Reply, method: str) -> Reply:
    error, parameters = message.get("error"), message.get("parameters") or {}
    if error is None:
        return dict(parameters)
    if not isinstance(error, str):
        raise TypeError(f"error {error!r:.40}")
    if error.endswith(".PermissionDenied"):
        raise RefusedError("only root and the group a1d may do this: use sudo, or 'sudo usermod -aG a1d $USER'")
    if error.endswith(".InterfaceNotFound") and ".simulation." in method:
        raise RefusedError("this daemon drives a real case; start a simulated one with 'a1d --simulate'")
    raise RefusedError(parameters.get("reason") or "\n".join(parameters.get("reasons", [])) or error)


def _find_socket() -> str:
    """The service's socket, else that of this user's simulated case."""
    service = os.path.join(RUN_DIR, SOCKET_NAME)
    simulation = os.path.join(simulation_run_dir(), SOCKET_NAME)
    return simulation if not os.path.exists(service) and _is_ours(simulation) else service


def _is_ours(path: str) -> bool:
    """Anybody may make a directory under /tmp; what listens there may not be what it seems."""
    try:
        return os.lstat(os.path.dirname(path)).st_uid == os.lstat(path).st_uid == os.geteuid()
    except OSError:
        return False


def _no_daemon(path: str, error: OSError) -> str:
    text = f"no daemon at {path} ({error.strerror or error})"
    if isinstance(error, PermissionError):
        return f"{text}\n  the way there is barred: is one of its directories closed to you?"
    return f"{text}{_HOW_TO_START}"


if __name__ == "__main__":
    raise SystemExit(main())
