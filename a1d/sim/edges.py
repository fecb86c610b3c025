"""The simulated button's line."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable

from a1d.button.pulses import Edge


class SimulatedEdges:
    """The button's line: pulses that were pressed wait here for the daemon."""

    def __init__(self, on_close: Callable[[], None]) -> None:
        self._wake_fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._edges: deque[Edge] = deque(maxlen=1024)  # as the kernel's buffer, the oldest is lost first
        self._seqno = 0
        self._on_close = on_close

    def pulse(self, end_ns: int, width_ms: float) -> None:
        """A pulse that has just ended."""
        for timestamp_ns, rising in ((end_ns - round(width_ms * 1e6), True), (end_ns, False)):
            self._seqno += 1
            self._edges.append(Edge(timestamp_ns, rising, self._seqno))
        os.eventfd_write(self._wake_fd, 1)

    def fileno(self) -> int:
        """Readable while edges wait."""
        return self._wake_fd

    def read_edges(self) -> list[Edge]:
        """Up to 64 waiting edges."""
        edges = [self._edges.popleft() for _ in range(min(64, len(self._edges)))]
        if not self._edges:
            try:
                os.eventfd_read(self._wake_fd)
            except BlockingIOError:
                pass
        return edges

    def is_alive(self) -> bool:
        """Always."""
        return True

    def close(self) -> None:
        """Release the line."""
        self._on_close()
        os.close(self._wake_fd)
