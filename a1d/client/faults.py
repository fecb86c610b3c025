"""The faults of a simulated case, for who must not load the simulation. A test holds them equal to those of a1d/sim."""

from __future__ import annotations

FAULTS = (
    "no-answer",
    "time-out",
    "arbitration",
    "lost-writes",
    "wrong-read-back",
    "io-error",
    "no-bus",
    "sensor-dead",
    "sensor-frozen",
    "sensor-raving",
    "fan-stuck",
    "reset-mcu",
)
