"""The command ``a1d-ctl``: watch and steer the daemon. It starts fast because it imports little."""

from __future__ import annotations

import argparse
import json
import math
import os
import socket
import sys
from collections.abc import Callable, Iterator
from typing import Any

from a1d import __version__
from a1d.duration import format_duration, parse_duration_s
from a1d.errors import A1dError, NoDaemonError
from a1d.paths import RUN_DIR, SOCKET_NAME, simulation_run_dir

FINE, NOT_FINE, USAGE, NO_DAEMON = 0, 1, 2, 3
_REPLY_MAX_S = 15.0  # a monitor may be silent for a tick and a half; a tick may be 5 s long
_COLOUR = {"ok": "32", "degraded": "33", "failsafe": "31"}

Reply = dict[str, Any]


class RefusedError(A1dError):
    """The daemon answered with an error; the text is for the user."""


def main() -> int:
    """Exit code 0 fine, 1 degraded or refused, 2 wrong usage, 3 no daemon."""
    options = _parser().parse_args()
    run: Callable[[argparse.Namespace], int] = options.run
    code = NOT_FINE
    try:
        code = run(options)
        sys.stdout.flush()
    except (KeyError, TypeError, StopIteration) as error:
        code = NO_DAEMON
        _complain(f"the daemon's answer cannot be understood ({error!r}); is it of another version?")
    except RefusedError as error:
        _complain(str(error))
    except NoDaemonError as error:
        code = NO_DAEMON
        _complain(str(error))
    except BrokenPipeError:
        code = FINE  # whoever read has read enough
    except KeyboardInterrupt:
        code = 130
    except (OSError, AttributeError) as error:  # a full disk; no standard output at all
        code = NOT_FINE
        _complain(f"cannot write: {error}")
    try:
        sys.stdout.flush()
    except (OSError, AttributeError):
        # What is left in the buffer can go nowhere, and the interpreter would say so at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return code


def _complain(text: str) -> None:
    print(f"a1d-ctl: {text}", file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="a1d-ctl",
        allow_abbrev=False,
        description="Watch and steer a1d.",
        epilog="Exit codes: 0 fine, 1 degraded or refused, 2 wrong usage, 3 no daemon.",
    )
    parser.add_argument("--socket", metavar="PATH", default=os.environ.get("A1D_SOCKET"), help="the daemon's socket")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def add(name: str, run: Callable[[argparse.Namespace], int], text: str, to: Any = commands) -> Any:
        command = to.add_parser(name, help=text, description=text)
        command.set_defaults(run=run)
        return command

    json_help = "print one line of JSON"
    add("status", _status, "Say how the fan and the temperatures are.").add_argument(
        "--json", action="store_true", help=json_help
    )
    add("watch", _watch, "Say it again and again, until stopped.").add_argument(
        "--json", action="store_true", help=json_help + " each time"
    )
    fan = commands.add_parser("fan", help="Set the fan by hand, or let the curve decide.").add_subparsers(
        metavar="set|off|auto", required=True
    )
    fan_set = add("set", _fan_set, "Hold a duty until 'fan auto', or for a time.", fan)
    fan_set.add_argument("percent", type=_percent, help="0 to 100")
    fan_off = add("off", _fan_set, "Stop the fan; a critical temperature starts it all the same.", fan)
    fan_off.set_defaults(percent=0)
    for command in (fan_set, fan_off):
        command.add_argument("--for", dest="for_s", type=_duration, metavar="TIME", help="such as 90s, 15m or 1h30m")
    add("auto", _fan_auto, "Let the curve decide again.", fan)
    add("curve", _curve, "Show the duty for each temperature.").add_argument(
        "--json", action="store_true", help=json_help
    )
    add("reload", _reload, "Read the configuration again.")
    add("version", _version, "Say which versions these are.")
    sim = commands.add_parser("sim", help="Play with the simulated case of 'a1d --simulate'.").add_subparsers(
        metavar="press|fault|load|show", required=True
    )
    add("press", _sim_press, "Press the power button.", sim).add_argument("gesture", choices=("double", "hold"))
    fault = add("fault", _sim_fault, "Switch a fault on or off; a wrong name lists them.", sim)
    fault.add_argument("fault")
    fault.add_argument("state", choices=("on", "off"), nargs="?", default="on")
    add("load", _sim_load, "Set the heat that goes in.", sim).add_argument(
        "watts", type=_watts, help="0 to 20, or auto"
    )
    add("show", _sim_show, "Show the case's own truth.", sim)
    return parser


# -- commands --------------------------------------------------------------------------------------


def _status(options: argparse.Namespace) -> int:
    status = _call(options, "GetStatus")["status"]
    print(json.dumps(status) if options.json else _describe(status))
    return _exit_code(status)


def _watch(options: argparse.Namespace) -> int:
    live = sys.stdout.isatty() and not options.json
    for reply in _stream(options, "Monitor"):
        status = reply["status"]
        if options.json:
            print(json.dumps(status), flush=True)
        else:
            print(("\r\x1b[K" if live else "") + _one_line(status), end="" if live else "\n", flush=True)
    return NO_DAEMON


def _fan_set(options: argparse.Namespace) -> int:
    held = _call(options, "SetFan", duty_percent=options.percent, for_s=options.for_s)["duty_percent"]
    how_long = f"for {format_duration(options.for_s)}" if options.for_s else "until 'a1d-ctl fan auto'"
    raised = f" (raised from {options.percent} %: below that it may stand still)" if held != options.percent else ""
    print(f"the fan is held at {held} % {how_long}{raised}")
    return FINE


def _fan_auto(options: argparse.Namespace) -> int:
    _call(options, "ResumeAutomatic")
    print("the curve decides")
    return FINE


def _curve(options: argparse.Namespace) -> int:
    curves = _call(options, "GetCurves")["curves"]
    if options.json:
        print(json.dumps(curves))
        return FINE
    for curve in curves:
        print(f"{curve['sensor']}: 100 % from {curve['critical_celsius']:g} C on, whatever else is set")
        for point in curve["duties"]:
            if point["temp_celsius"] % 5 == 0:
                duty = point["duty_percent"]
                print(f"  {point['temp_celsius']:3.0f} C  {duty:3.0f} %  {'#' * round(duty / 2.5)}")
    return FINE


def _reload(options: argparse.Namespace) -> int:
    _call(options, "Reload")
    print("the configuration has been read again")
    return FINE


def _version(options: argparse.Namespace) -> int:
    print(f"a1d-ctl {__version__}")
    print(f"a1d     {_call(options, 'GetStatus')['status']['version']}")
    return FINE


def _sim_press(options: argparse.Namespace) -> int:
    _call(options, "Press", "simulation", gesture={"double": "double_press"}.get(options.gesture, options.gesture))
    return FINE


def _sim_fault(options: argparse.Namespace) -> int:
    _call(options, "SetFault", "simulation", fault=options.fault, on=options.state == "on")
    return FINE


def _sim_load(options: argparse.Namespace) -> int:
    _call(options, "SetLoad", "simulation", watts=options.watts)
    return FINE


def _sim_show(options: argparse.Namespace) -> int:
    print(json.dumps(_call(options, "GetCase", "simulation"), indent=2))
    return FINE


# -- words -----------------------------------------------------------------------------------------


def _describe(status: Reply) -> str:
    lines = [
        f"temperature  {_celsius(status['temp_celsius'])}",
        f"fan          {_percent_of(status['duty_percent'])}{_confirmation(status)}",
        f"mode         {_mode(status)}",
        f"because      {status['reason']}",
        f"health       {_coloured(status['health']['state'])}",
    ]
    lines += [f"             - {line}" for text in status["health"]["problems"] for line in text.splitlines()]
    if len(status["sensors"]) > 1:
        lines += [f"sensor       {s['name']}: {_celsius(s['temp_celsius'])}" for s in status["sensors"]]
    button = status["button"]
    watched = "watched" if button["watching"] else "not watched"
    lines.append(
        f"button       {watched}; {button['double_presses']} double presses, {button['holds']} holds, "
        f"{button['pulses_ignored']} other pulses"
    )
    if status["simulated"]:
        lines.append("case         simulated")
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


def _exit_code(status: Reply) -> int:
    return FINE if status["health"]["state"] == "ok" else NOT_FINE


def _percent(text: str) -> int:
    number = text.removesuffix("%").strip()
    if not (number.isascii() and number.isdigit() and len(number) < 4 and int(number) <= 100):
        raise argparse.ArgumentTypeError(f"found {text!r}, expected a whole number from 0 to 100")
    return int(number)


def _duration(text: str) -> float:
    try:
        return parse_duration_s(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _watts(text: str) -> float | None:
    try:
        if text == "auto" or math.isfinite(float(text)):
            return None if text == "auto" else float(text)
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(f"found {text!r}, expected a number of watts, or auto")


# -- Varlink ---------------------------------------------------------------------------------------


def _call(options: argparse.Namespace, method: str, interface: str = "control", **parameters: object) -> Reply:
    return next(_exchange(options, f"org.a1d.{interface}.{method}", parameters, more=False))


def _stream(options: argparse.Namespace, method: str) -> Iterator[Reply]:
    return _exchange(options, f"org.a1d.control.{method}", {}, more=True)


def _exchange(options: argparse.Namespace, method: str, parameters: Reply, *, more: bool) -> Iterator[Reply]:
    path = options.socket or _find_socket()
    call = {"method": method, "parameters": parameters, **({"more": True} if more else {})}
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.settimeout(_REPLY_MAX_S)
        try:
            sock.connect(path)
            sock.sendall(json.dumps(call).encode() + b"\0")
        except OSError as error:
            raise NoDaemonError(_no_daemon(path, error)) from None
        for message in _messages(sock, path):
            yield _result(message, method)
    raise NoDaemonError(f"the daemon at {path} has gone away")


def _messages(sock: socket.socket, path: str) -> Iterator[Reply]:
    data = b""
    while True:
        try:
            chunk = sock.recv(65536)
            *messages, data = (data + chunk).split(b"\0")
            replies = [json.loads(message) for message in messages]
        except TimeoutError:
            raise NoDaemonError(f"the daemon at {path} does not answer; see 'journalctl -u a1d'") from None
        except OSError:
            return
        except (ValueError, RecursionError):
            replies = [None]
        for reply in replies:
            if not isinstance(reply, dict):
                raise NoDaemonError(f"what listens at {path} does not answer as a1d would")
            yield reply
        if not chunk:
            return


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
    return (
        f"{text}\n"
        "  start the service:            sudo systemctl start a1d\n"
        "  or try it without hardware:   a1d --simulate"
    )


if __name__ == "__main__":
    raise SystemExit(main())
