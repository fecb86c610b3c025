"""``python3 -m hil.suite --rig virtual``: the promises, in the machine that a1d runs on, as root.

One JSON line for each as it ends; the exit code is 1 if one is broken.
"""

from __future__ import annotations

import argparse
import importlib
import json
import pkgutil
import sys

import hil.promises
from hil.promise import PROMISES, try_one
from hil.rig import VirtualRig


def main() -> int:
    """Exit code 0 if every promise that this rig can try was kept."""
    parser = argparse.ArgumentParser(prog="hil.suite", description=__doc__)
    parser.add_argument("--rig", choices=("virtual",), required=True)
    parser.add_argument("--only", default="", metavar="TEXT", help="promises that contain this")
    parser.add_argument("--list", action="store_true", help="print the promises, and try none")
    parser.add_argument("--number", type=int, metavar="N", help="try the one that --list gives this place, from 0")
    options = parser.parse_args()
    for module in pkgutil.iter_modules(hil.promises.__path__):
        importlib.import_module(f"hil.promises.{module.name}")
    if options.list:
        print(json.dumps([text for text, _check in PROMISES]))
        return 0
    rig = VirtualRig()
    broken = 0
    for number, (text, check) in enumerate(PROMISES):
        if options.only in text and options.number in (None, number):
            outcome = try_one(text, check, rig)
            broken += outcome.result == "BROKEN"
            print(json.dumps(outcome._asdict()), flush=True)
    return int(broken > 0)


if __name__ == "__main__":
    sys.exit(main())
