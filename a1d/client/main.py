"""The command ``a1d-ctl``: watch and steer the daemon. It starts fast because it imports little."""

from __future__ import annotations

import io
import json
import os
import sys
from functools import partial

from a1d import __version__
from a1d.client import words
from a1d.client.errors import NoDaemonError, RefusedError
from a1d.client.output import columns, wants_colour
from a1d.client.varlink import SOCKET_VARIABLE, WAIT_MAX_S, call, find_socket, replies
from a1d.errors import A1dError

FINE, NOT_FINE, NO_DAEMON = 0, 1, 3  # argparse ends with 2
_RELOAD_MAX_S = 30.0  # two readings of 10 s at most: one that somebody else had begun, and ours

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable
    from typing import Any

    Reply = dict[str, Any]


def main() -> int:
    """Exit code 0 fine, 1 degraded or refused, 2 wrong usage, 3 no daemon."""
    # What is typed most is spared argparse, a tenth of the time that it takes.
    options: Any = _PlainStatus() if sys.argv[1:] in ([], ["status"]) else _parse()
    if sys.stdout is None:  # closed: say nothing, but do what was asked
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - as long as the process lives
    elif isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a degree sign on a terminal that has none
    complaint = None
    try:
        code = _RUN[options.run](options) or FINE
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
        complaint = f"cannot write: {error.strerror or error}"
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
        self.run = "status"
        self.json = False
        self.socket = os.environ.get(SOCKET_VARIABLE)


def _parse() -> argparse.Namespace:
    from a1d.client.parser import parse

    return parse()


# -- commands: each returns its exit code, or None if it is fine ------------------------------------


def _status(options: argparse.Namespace) -> int:
    status = _get_status(options)
    out = sys.stdout
    text = _json(status) if options.json else words.describe(status, wants_colour(out), columns(out))
    print(text)
    return FINE if status["health"]["state"] == "ok" else NOT_FINE


def _top(options: argparse.Namespace) -> int:
    from a1d.view.top import run

    return run(_path(options))


def _watch(options: argparse.Namespace) -> None:
    from a1d.view.watch import watch

    watch(_path(options), replies, _json if options.json else None)


def _fan_set(options: argparse.Namespace) -> int:
    from a1d.client.hold import set_duty

    set_fan, get_status = partial(_call, options, "SetFan"), partial(_get_status, options)
    text, is_held = set_duty(options.percent, options.for_s, options.until_celsius, set_fan, get_status)
    print(text)
    return FINE if is_held else NOT_FINE


def _fan_auto(options: argparse.Namespace) -> None:
    _call(options, "ResumeAutomatic")
    print("automatic control again")


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
    from a1d.client.new_file import write_new
    from a1d.view import curve, curves

    found = curves.checked(_call(options, "GetCurves"))
    if options.json:
        print(_json(found))
    elif options.svg is None:
        print(curve.curve(found, _get_status(options)))
    elif write_new(options.svg, lambda: curve.picture(found, _get_status(options)), "a1d-ctl curve --svg FILE"):
        print(f"{options.svg} is written.")


def _doctor(options: argparse.Namespace) -> int:
    from a1d.doctor import command

    return (command.fan if options.fan else command.doctor)(_path(options), options.json)


def _report(options: argparse.Namespace) -> None:
    from a1d.doctor import report

    report.write(_path(options), options.file)


def _config(options: argparse.Namespace) -> None:
    text = words.check(_call(options, "GetConfig").get("config"), str, "config")
    print("\n".join(words.lines(text)))


def _reload(options: argparse.Namespace) -> None:
    _call(options, "Reload", wait_max_s=_RELOAD_MAX_S)
    print("the configuration has been read again")


def _version(options: argparse.Namespace) -> None:
    print(f"a1d-ctl {__version__}")
    print(f"a1d     {words.printable(_get_status(options)['version'])}")


def _metrics(options: argparse.Namespace) -> None:
    from a1d.client import metrics

    metrics.run(_path(options), http=options.http)


def _sim(options: argparse.Namespace) -> None:
    from a1d.client import simulated

    print(simulated.play(options, partial(_call, options, interface="simulation")))


# By the name that parser.py gives them.
_RUN: dict[str, Callable[[argparse.Namespace], int | None]] = {
    "status": _status,
    "top": _top,
    "watch": _watch,
    "fan_set": _fan_set,
    "fan_auto": _fan_auto,
    "profile": _profile,
    "curve": _curve,
    "doctor": _doctor,
    "report": _report,
    "config": _config,
    "reload": _reload,
    "version": _version,
    "metrics": _metrics,
    "sim_press": _sim,
    "sim_fault": _sim,
    "sim_load": _sim,
    "sim_power_on": _sim,
    "sim_show": _sim,
}


def _call(
    options: argparse.Namespace,
    method: str,
    interface: str = "control",
    wait_max_s: float | None = None,
    **parameters: object,
) -> Reply:
    try:
        return call(_path(options), f"org.a1d.{interface}.{method}", parameters, wait_max_s=wait_max_s or WAIT_MAX_S)
    except RefusedError as error:
        if error.error.endswith(".PermissionDenied"):
            raise A1dError(
                "only root and the group a1d may do this: use sudo, or 'sudo usermod -aG a1d $USER' and log in again"
            ) from None
        if error.error.endswith(".InterfaceNotFound") and interface == "simulation":
            raise A1dError("this daemon drives a real case; start a simulated one with 'a1d --simulate'") from None
        raise


def _get_status(options: argparse.Namespace) -> Reply:
    status: Reply = words.check(_call(options, "GetStatus").get("status"), words.STATUS, "status")
    return status


def _path(options: argparse.Namespace) -> str:
    return options.socket or find_socket()


def _json(value: object) -> str:
    """Printable ASCII. ValueError for an infinity: 1e999 is one, and is not JSON when it is written back."""
    return json.dumps(value, allow_nan=False)


if __name__ == "__main__":
    raise SystemExit(main())
