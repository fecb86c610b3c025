"""``python3 -m hil.suite --rig virtual|case``: the promises, in the machine that a1d runs on, as root.

virtual: one JSON line for each as it ends; the exit code is 1 if one is broken. case: hil/case.py.
"""

from __future__ import annotations

import argparse
import importlib
import json
import pkgutil
import sys
from pathlib import Path

import hil.promises
from hil.promise import PROMISES, try_one
from hil.rig import VirtualRig


def main() -> int:
    """Exit code 0 if every promise that this rig can try was kept."""
    parser = argparse.ArgumentParser(prog="hil.suite", description=__doc__)
    parser.add_argument("--rig", choices=("virtual", "case"), required=True)
    parser.add_argument("--only", default="", metavar="TEXT", help="promises that contain this")
    parser.add_argument("--list", action="store_true", help="print the promises, and try none")
    parser.add_argument("--number", type=int, metavar="N", help="try the one that --list gives this place, from 0")
    case = parser.add_argument_group("a real case")
    case.add_argument("--hands", action="store_true", help="what needs a person, instead of what does not")
    case.add_argument("--yes", action="store_true", help="do not ask before it begins")
    case.add_argument("--report", type=Path, default=Path("a1d-hil-report.json"), metavar="FILE")
    options = parser.parse_args()
    for module in pkgutil.iter_modules(hil.promises.__path__):
        importlib.import_module(f"hil.promises.{module.name}")
    if options.list:
        print(json.dumps([text for text, _check in PROMISES]))
        return 0
    if options.rig == "case":
        from hil.case import run  # needs what a1d needs

        return run(options.only, options.hands, options.yes, options.report)
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
