"""``python3 -m hil.soak``: in the machine that a1d runs on, as root."""

from __future__ import annotations

import argparse
import os
import sys

from hil.rig import VirtualRig
from hil.soak.driver import Soak


def main() -> int:
    """Exit code 0 if nothing was wrong."""
    parser = argparse.ArgumentParser(prog="hil.soak", description=__doc__)
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(4)))
    parser.add_argument("--minutes", type=float, default=60.0)
    options = parser.parse_args()
    rig = VirtualRig()
    rig.set_up()
    try:
        print(Soak(rig, options.seed, options.minutes).run())
    except AssertionError as error:
        print(f"FAILED: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
