"""``python3 -m hil.soak.virtual``: boot a virtual machine, install a1d, and run a soak, for example an earlier seed."""

from __future__ import annotations

import argparse
import sys
import time

from hil.installed_disk import copy_checks, installed
from hil.power import CMDLINE
from hil.virtual.vm import SUITES, Vm


def main() -> int:
    """Exit code 0 if nothing was wrong."""
    parser = argparse.ArgumentParser(prog="hil.soak.virtual", description=__doc__)
    parser.add_argument("--suite", choices=SUITES, default="trixie")
    parser.add_argument("--seed", type=int, action="append", help="several are tried one after the other")
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--before", default="true", metavar="COMMAND", help="in the machine, after the installation")
    options = parser.parse_args()
    failed = 0
    image = installed(options.suite)
    with Vm(image, icount=True, cmdline=CMDLINE) as vm:
        vm.wait_up()
        copy_checks(vm)
        vm.run(options.before, check=True)
        for seed in options.seed or [None]:
            begin_s = time.monotonic()
            chosen = "" if seed is None else f"--seed {seed}"
            soak = f"cd /root/a1d && python3 -m hil.soak --minutes {options.minutes} {chosen}"
            done = vm.run(soak, timeout=options.minutes * 60 + 600)
            print(f"{done.stdout}{done.stderr}after {time.monotonic() - begin_s:.0f} s of the host's", flush=True)
            failed += done.status != 0
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
