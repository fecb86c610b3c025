"""What was read of another daemon's settings."""

from __future__ import annotations

from dataclasses import dataclass, field

Step = tuple[float, float]
FILE, PARTLY, DEFAULTS = range(3)  # where steps are from: the file, partly the other daemon's defaults, only those


@dataclass
class Moved:
    """``cpu`` and ``drives`` are (temp_celsius, duty_percent) as the other daemon obeyed them; None: not set.

    ``cpu_from`` and ``drives_from`` are FILE, PARTLY or DEFAULTS. ``notes`` say what it had that a1d has not, and what
    was changed; ``why`` explains hysteresis, hold and rise.
    """

    origin: str
    cpu: list[Step] | None = None
    drives: list[Step] | None = None
    cpu_from: int = FILE
    drives_from: int = FILE
    hysteresis_celsius: float = 0.0
    hold: str = "30s"
    rise: str = "30s"
    why: str = ""
    bus: int | None = None
    debugs: bool = False
    has_button: bool = True
    notes: list[str] = field(default_factory=list)
