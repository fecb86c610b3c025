"""All that the view shows, and the shape of what it takes from the daemon. Pure: time comes in as an argument."""

from __future__ import annotations

from collections import deque

from a1d.client import words
from a1d.view.history import History

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from a1d.view.curves import Curve

# A tick may take 5 s; what is older than this is said to be old.
STALE_S = 7.0
_MESSAGE_S = 6.0
LOG_LINES_MAX = 200
_LOG_LINE_MAX = 400

_CASE = {
    "fan_percent": (0, 100),
    "chip_celsius": (-300, 1000),
    "watts": (0, 1000),
    "power_cut_s?": (-1e9, 1e9),
    "powered": [str],
    "faults": [str],
}


class Model:
    """What is known of the daemon, and what the user is looking at."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.status: dict[str, Any] | None = None
        self.case: dict[str, Any] | None = None  # the simulated case's own truth
        self.curves: list[Curve] = []
        self.history = History()
        self.log: deque[str] = deque(maxlen=LOG_LINES_MAX)
        self.keeps_log = False
        self.page = "main"  # or help, or faults
        self.seen_s = 0.0  # when the status came
        self.gone: str | None = "connecting"  # why there is no daemon
        self.gone_s = 0.0  # since when
        self._message: tuple[float, str] = (float("-inf"), "")

    def take_status(self, reply: dict[str, Any], now_s: float) -> None:
        """A status that has come. ValueError if it makes no sense."""
        status = words.check(reply.get("status"), words.STATUS, "status")
        self.status, self.seen_s, self.gone = status, now_s, None
        self.history.add(now_s, status["temp_celsius"], status["duty_percent"])

    def take_case(self, reply: dict[str, Any]) -> None:
        """The simulated case's truth. ValueError if it makes no sense."""
        self.case = words.check(reply, _CASE, "case")

    def lose(self, why: str, now_s: float) -> None:
        """There is no daemon any more, or none yet."""
        if self.gone is None:
            self.gone_s = now_s
        self.gone = why
        self.case = None

    def say(self, text: str, now_s: float) -> None:
        """A message that stands for a few seconds."""
        self._message = (now_s, text[:_LOG_LINE_MAX])

    def message(self, now_s: float) -> str | None:
        """The message that stands now."""
        said_s, text = self._message
        return text if now_s < said_s + _MESSAGE_S else None

    def add_log(self, line: str) -> None:
        """A line of the simulated daemon's log."""
        self.log.append(line[:_LOG_LINE_MAX])

    def curve_for(self, sensor: str | None) -> Curve | None:
        """The sensor's curve, or the first."""
        return next((curve for curve in self.curves if curve.sensor == sensor), self.curves[0] if self.curves else None)

    def hottest(self) -> dict[str, Any] | None:
        """The sensor whose temperature is the highest of those that can be trusted now."""
        sensors = self.status["sensors"] if self.status and not self.gone else []
        alive = [sensor for sensor in sensors if sensor["temp_celsius"] is not None and not sensor["error"]]
        return max(alive, key=lambda sensor: sensor["temp_celsius"], default=None)
