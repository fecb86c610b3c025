"""Button edges through libgpiod: the kernel's own event descriptor and timestamps, no idle wake-ups."""

from __future__ import annotations

import errno
import glob

from a1d.button.libgpiod import Bias, Direction, gpiod
from a1d.button.libgpiod import Edge as LineEdge
from a1d.button.pulses import Edge
from a1d.config.settings import ButtonConfig
from a1d.errors import ButtonError

_EVENTS_PER_READ = 64
_KERNEL_BUFFER = 1024


class GpiodEdges:
    """Line ``config.line`` of the first chip that bears one of ``config.chips``; ButtonError if it cannot be had."""

    def __init__(self, config: ButtonConfig) -> None:
        path = find_chip(config.chips)
        # The pin comes up pulled up and floats while the MCU resets, so the pull-down is ours to ask for (B5).
        settings = gpiod.LineSettings(direction=Direction.INPUT, edge_detection=LineEdge.BOTH, bias=Bias.PULL_DOWN)
        try:
            self._request = gpiod.request_lines(
                path, consumer="a1d", config={config.line: settings}, event_buffer_size=_KERNEL_BUFFER
            )
        except (OSError, ValueError) as error:
            raise _explain(error, path, config.line) from error

    def fileno(self) -> int:
        """The request's event descriptor."""
        return self._request.fd

    def read_edges(self) -> list[Edge]:
        """Waiting edges; call only when ``fileno`` is readable, libgpiod would wait otherwise."""
        if not self._request.wait_edge_events(0):
            return []
        return [
            Edge(event.timestamp_ns, event.event_type is event.Type.RISING_EDGE, event.line_seqno)
            for event in self._request.read_edge_events(_EVENTS_PER_READ)
        ]

    def is_alive(self) -> bool:
        """Always true: there is no thread that could die, and a lost line is an error on read."""
        return True

    def close(self) -> None:
        """Release the line."""
        self._request.release()


def find_chip(labels: tuple[str, ...]) -> str:
    """The device path of the first GPIO chip with one of ``labels`` (B6); ButtonError if there is none."""
    found: dict[str, str] = {}
    denied: dict[str, OSError] = {}
    for path in sorted(glob.glob("/dev/gpiochip*")):
        try:
            with gpiod.Chip(path) as chip:
                found.setdefault(chip.get_info().label, path)
        except OSError as error:
            denied[path] = error
    for label in labels:
        if label in found:
            return found[label]
    missing = f"no GPIO chip is labelled {' or '.join(labels)}; found {', '.join(found) or 'none'}"
    if not denied:
        raise ButtonError(errno.ENODEV, f"{missing} (setting button.chips)")
    first = next(iter(denied.values()))
    hint = ": the user a1d must be in their group, usually gpio" if first.errno == errno.EACCES else ""
    refused = f"{' and '.join(denied)} cannot be opened ({first.strerror}){hint}"
    raise ButtonError(first.errno, f"{refused}; among the others {missing}" if found else refused)


def _explain(error: OSError | ValueError, path: str, line: int) -> ButtonError:
    number = getattr(error, "errno", None) or errno.EINVAL
    if number == errno.EBUSY:
        holder = ""
        try:
            with gpiod.Chip(path) as chip:
                holder = chip.get_line_info(line).consumer
        except OSError:
            pass
        return ButtonError(
            number,
            f"GPIO{line} on {path} is held by {holder or 'another program'}: stop it; if it is the 1-wire driver, "
            "remove dtoverlay=w1-gpio from config.txt or give it another pin",
        )
    return ButtonError(number, f"GPIO{line} on {path} cannot be watched: {error}")
