"""``make pictures``: the pictures of README, drawn by the view itself from the simulated case in virtual time."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from a1d.config.settings import Config
from a1d.service.curves import curves_of as told_of
from a1d.service.varlink import Peer
from a1d.view.curve import points_now
from a1d.view.curve_svg import curve_svg
from a1d.view.curves import curves_of
from a1d.view.frame import frame
from a1d.view.model import Model
from tests.frame_svg import frame_svg
from tests.virtual import VirtualRig

DOCS = Path(__file__).parent.parent / "docs"
_SECONDS = 320
_LOAD_WATTS = ((0, 2.0), (60, 6.5), (200, 3.0), (250, 7.0))  # from so many seconds on


def pictures() -> dict[str, str]:
    """Name and content of each; the same whenever and wherever it is called."""
    with tempfile.TemporaryDirectory() as directory:
        rig = VirtualRig(Path(directory), Config(), heat_speed=10.0)
        try:
            return _pictures(rig)
        finally:
            rig.close()


def _pictures(rig: VirtualRig) -> dict[str, str]:
    rig.case.fixed_celsius = None
    rig.case.mcu.set_duty(0)
    model = Model("")
    for second in range(_SECONDS):
        rig.case.load_watts = next(watts for start, watts in reversed(_LOAD_WATTS) if second >= start)
        rig.run(1)
        model.take_status({"status": rig.daemon.status()}, rig.clock())
    assert model.status is not None
    told = {"curves": told_of(rig.daemon.config)}
    model.curves = curves_of(told)
    get_case = next(i.methods["GetCase"] for i in rig.case.interfaces() if "GetCase" in i.methods)
    case = get_case({}, Peer(0, frozenset()))
    assert isinstance(case, dict)
    model.take_case(case)
    lines = frame(model, 80, 24, rig.clock(), time_text="09:12:44", unicode=True)
    return {
        "view.svg": frame_svg(lines, 80),
        "curve.svg": curve_svg(model.curves, points_now(model.curves, model.status)),
    }


if __name__ == "__main__":
    for name, content in pictures().items():
        (DOCS / name).write_text(content, encoding="utf-8")
        sys.stdout.write(f"docs/{name}\n")
