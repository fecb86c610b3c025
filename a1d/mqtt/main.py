"""The command ``a1d-mqtt``: a1d on an MQTT broker, for Home Assistant or whoever listens."""

from __future__ import annotations

import argparse
import hmac
import os
import signal
import socket
import sys

from a1d import __version__
from a1d.client import words
from a1d.client.varlink import SOCKET_VARIABLE, find_socket
from a1d.config.bounded import read_bounded
from a1d.config.named_file import STDIN, read_named
from a1d.errors import A1dError, ConfigError
from a1d.log import Log
from a1d.mqtt.bridge import Bridge
from a1d.mqtt.broker import Broker
from a1d.mqtt.commands import Commands
from a1d.mqtt.forget import forget
from a1d.mqtt.lease import Lease
from a1d.mqtt.loop import Loop
from a1d.mqtt.settings import CONFIG_PATH, MqttConfig, read_settings, settings_of
from a1d.mqtt.topics import Device, Topics

EX_CONFIG = 78  # sysexits.h
_MACHINE_ID = "/etc/machine-id"


def main() -> int:
    """Exit code 0 after a stop, 1 if it could not start, 2 for a wrong call, 78 for a bad configuration."""
    options = _parser().parse_args()
    log = Log(name="a1d-mqtt")
    try:
        if options.check is not None:
            _check(options.check or options.config or CONFIG_PATH)
            return 0
        settings = read_settings(options.config)
        if options.print_config:
            from a1d.config.printer import print_config

            print(print_config(settings, program="a1d-mqtt"), end="", flush=True)
        elif options.forget:
            _forget(settings)
        else:
            _serve(settings, options.socket or find_socket(), log)
        return 0
    except ConfigError as error:
        print(error, file=sys.stderr)
        return EX_CONFIG
    except A1dError as error:
        log.error(str(error))
    except OSError as error:
        log.error(f"cannot go on: {error}")
    return 1


def _check(path: str) -> None:
    name, data = read_named(path)
    is_default = settings_of(name, data) == MqttConfig()
    shown = "man a1d-mqtt" if path == STDIN else f"a1d-mqtt --print-config --config {name}"
    changes = f"; it changes nothing: every setting has its default ({shown})" if is_default else ""
    print(f"{name}: fine{changes}", flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="a1d-mqtt", allow_abbrev=False, description="Put a1d on an MQTT broker, for Home Assistant."
    )
    parser.add_argument("--config", metavar="FILE", help=f"configuration (default {CONFIG_PATH}, if it exists)")
    where = f"the daemon's socket; without it ${SOCKET_VARIABLE}, else the service's, else the simulated case's"
    parser.add_argument("--socket", metavar="PATH", default=os.environ.get(SOCKET_VARIABLE), help=where)
    what = parser.add_mutually_exclusive_group()
    what.add_argument(
        "--check",
        metavar="FILE",
        nargs="?",
        const="",
        help="say what is wrong in a configuration (-: standard input; default that of --config); exit code 78 if bad",
    )
    what.add_argument("--print-config", action="store_true", help="print the effective configuration and end")
    what.add_argument(
        "--forget", action="store_true", help="take the device off the broker and Home Assistant, and end"
    )
    parser.add_argument("--version", action="version", version=f"a1d-mqtt {__version__}")
    return parser


def machine_id() -> str:
    """What tells this machine from others: not its serial number, and not /etc/machine-id, which is nobody's business.

    A1dError if there is none.
    """
    try:
        secret = read_bounded(_MACHINE_ID).strip()
    except OSError as error:
        secret = b""
        reason = error.strerror
    else:
        reason = "it is empty"
    if len(secret) < 32:
        raise A1dError(
            f"{_MACHINE_ID} cannot be used ({reason}): say systemd-machine-id-setup, or set id in {CONFIG_PATH}"
        )
    return hmac.digest(secret, b"a1d-mqtt", "sha256").hex()[:12]


def _make(settings: MqttConfig) -> tuple[Topics, Bridge, str]:
    device_id = settings.id or machine_id()
    topics = Topics(settings.base_topic, settings.discovery_prefix, device_id)
    name = settings.name or words.printable(socket.gethostname())[:64] or "a1d"
    bridge = Bridge(topics, Device(device_id, name), steering=settings.steering, interval_s=settings.interval_s)
    return topics, bridge, device_id


def _serve(settings: MqttConfig, path: str, log: Log) -> None:
    topics, bridge, device_id = _make(settings)
    lease_s = settings.hand_back_s
    loop = Loop(path, bridge, Commands(topics, lease_s), Lease(lease_s), log)

    def on_message(topic: str, payload: bytes, retained: bool) -> None:
        loop.on_message(topic, payload, retained, topics.home_assistant)

    broker = Broker(settings, topics, device_id, on_message)
    stopped: list[int] = []
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    with ours, theirs:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda number, _frame: stopped.append(number))
        signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
        try:
            loop.run(broker, lambda: bool(stopped), ours.fileno())
        finally:
            signal.set_wakeup_fd(-1)


def _forget(settings: MqttConfig) -> None:
    topics, _, device_id = _make(settings)
    where, count = forget(settings, topics, device_id)
    if count:
        what = f"{count} retained topics are cleared; a1d-mqtt, if it still runs, puts them there again"
        print(f"{topics.root} is off the broker at {where}: {what}")
    else:
        print(f"nothing of {topics.root} was found on the broker at {where}: it is off, or the user may not read there")


if __name__ == "__main__":
    raise SystemExit(main())
