"""``python3 -m hil.suite --rig virtual|case``: the checks, run as root on the machine that a1d runs on.

virtual: one line of JSON for each check; exit code 1 if one failed. case: see hil/case.py.
"""

from __future__ import annotations

import argparse
import importlib
import json
import pkgutil
import sys
from pathlib import Path

import hil.checks
from hil.check import CHECKS, try_one
from hil.rig import VirtualRig


def main() -> int:
    """Exit code 0 if no check failed."""
    parser = argparse.ArgumentParser(prog="hil.suite", description=__doc__)
    parser.add_argument("--rig", choices=("virtual", "case"), required=True)
    parser.add_argument("--only", default="", metavar="TEXT", help="only checks that contain this text")
    parser.add_argument("--list", action="store_true", help="print the checks and run none")
    parser.add_argument("--number", type=int, metavar="N", help="run the check at this place of --list, from 0")
    case = parser.add_argument_group("a real case")
    case.add_argument("--operator", action="store_true", help="only what needs an operator at the case")
    case.add_argument("--yes", action="store_true", help="do not ask before it begins")
    case.add_argument("--report", type=Path, default=Path("a1d-hil-report.json"), metavar="FILE")
    options = parser.parse_args()
    for module in pkgutil.iter_modules(hil.checks.__path__):
        importlib.import_module(f"hil.checks.{module.name}")
    if options.list:
        print(json.dumps([text for text, _function in CHECKS]))
        return 0
    if options.rig == "case":
        from hil.case import run  # needs a1d's dependencies, which the virtual machine's Python does not have

        return run(options.only, options.operator, options.yes, options.report)
    rig = VirtualRig()
    failed = 0
    for number, (text, function) in enumerate(CHECKS):
        if options.only in text and options.number in (None, number):
            outcome = try_one(text, function, rig)
            failed += outcome.result == "FAILED"
            print(json.dumps(outcome._asdict()), flush=True)
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
