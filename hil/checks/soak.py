"""An hour of everything at once."""

from __future__ import annotations

import os

from hil.check import check
from hil.rig import Rig
from hil.soak.driver import Soak


@check("soak: an hour of random heat, faults, presses, manual duties and reloads")
def soak(rig: Rig) -> str:
    # A new seed each time, so that each run tries something else. The result names it.
    seed = int(os.environ.get("A1D_SOAK_SEED") or int.from_bytes(os.urandom(4), "big"))
    return Soak(rig, seed, float(os.environ.get("A1D_SOAK_MINUTES") or 60)).run()
