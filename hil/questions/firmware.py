"""M3: the id of the firmware."""

from __future__ import annotations

from a1d.case.bus import FIRMWARE_KNOWN
from hil.bench import Answer, Bench, question


@question("which firmware is it (register 0x81)?")
def firmware(bench: Bench) -> Answer:
    """Read the register."""
    found = bench.read_firmware()
    return {"answer": f"0x{found:02x}, {'the known one' if found == FIRMWARE_KNOWN else 'a new one'}"}
