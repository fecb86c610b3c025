"""M5: which way the always-on jumper is. The operator looks; the bus is not used."""

from __future__ import annotations

from hil.bench import Answer, Bench, question
from hil.operator import ask


@question("what does the jumper beside the power button do?", operator=True)
def jumper(_bench: Bench) -> Answer:
    """Ask the operator twice."""
    pins = ask("Which pins does the jumper on the case's board bridge (1-2, 2-3, none)?")
    starts = ask("When you plug the power in, does the Pi start by itself (yes, no, not tried)?")
    return {"answer": f"pins {pins or '?'}: starts by itself: {starts or '?'}"}
