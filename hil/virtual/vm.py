"""The virtual case from the command line, and the names that tests need."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

from hil.virtual.image import SUITES, BuildError, build
from hil.virtual.link import CommandFailedError, GuestGoneError, GuestTimeoutError, Result
from hil.virtual.machine import CASE, SHARE, End, Vm
from hil.virtual.qemu import kvm_works

__all__ = [
    "CASE",
    "SHARE",
    "SUITES",
    "BuildError",
    "CommandFailedError",
    "End",
    "GuestGoneError",
    "GuestTimeoutError",
    "Result",
    "Vm",
    "boot",
    "build",
    "kvm_works",
]

_COMMAND_S = 3600.0


def boot(suite: str = "trixie", **options: Any) -> Vm:
    """A machine of ``suite``, its image built if need be; not started. ``options`` as of Vm."""
    return Vm(build(suite, _say), **options)


def main(arguments: list[str] | None = None) -> int:
    """``python3 -m hil.virtual.vm``."""
    parser = argparse.ArgumentParser(prog="hil.virtual.vm", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    build_parser = commands.add_parser("build", help="build the image if anything it is made of changed")
    shell_parser = commands.add_parser("shell-command", help="boot, run commands, print, power off")
    for each in (build_parser, shell_parser):
        each.add_argument("--suite", choices=SUITES, default="trixie")
    shell_parser.add_argument("--no-kvm", action="store_true", help="emulate, even if KVM works")
    shell_parser.add_argument("--icount", action="store_true", help="emulate, one instruction a nanosecond")
    shell_parser.add_argument("--share", type=Path, help=f"a directory to be seen at {SHARE}, read-only")
    shell_parser.add_argument("--cmdline", default="", help="more for the kernel's command line")
    shell_parser.add_argument("--console", action="store_true", help="print what the serial console said")
    shell_parser.add_argument("shell_commands", nargs="+", metavar="COMMAND")
    parsed = parser.parse_args(arguments)
    try:
        if parsed.command == "build":
            build(parsed.suite, _say)
            return 0
        return _shell_commands(parsed)
    except (BuildError, GuestTimeoutError, GuestGoneError) as error:
        print(error, file=sys.stderr)
        return 1


def _shell_commands(parsed: argparse.Namespace) -> int:
    started = time.monotonic()
    machine = boot(
        parsed.suite,
        kvm=False if parsed.no_kvm else None,
        icount=parsed.icount,
        share=parsed.share,
        cmdline=parsed.cmdline,
    )
    status = 0
    with machine as vm:
        _say(f"agent after {time.monotonic() - started:.1f} s")
        _say(f"{vm.wait_up()} after {time.monotonic() - started:.1f} s, {'KVM' if vm.kvm else 'emulated'}")
        for command in parsed.shell_commands:
            result = vm.run(command, timeout=_COMMAND_S)
            print(result.stdout, end="", flush=True)
            print(result.stderr, end="", file=sys.stderr, flush=True)
            if result.timed_out:
                _say(f"killed after {_COMMAND_S:g} s: {command}")
            status = status or result.status
        vm.run("systemctl poweroff")
        _say(f"{vm.wait_exit().value} after {time.monotonic() - started:.1f} s")
        if parsed.console:
            print(vm.console)
    return status


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
