"""Every error a1d raises on purpose: one root, each leaf domain and builtin at once.

Those of clients are in a1d/client/errors.py. Each message is written for the user: what happened, where, what was
expected, what to do about it.
"""

from __future__ import annotations


class A1dError(Exception):
    """Root of all a1d errors."""


class ConfigError(A1dError, ValueError):
    """The configuration cannot be used. ``problems`` holds every reason, one line of text each.

    ``protocol`` and ``bus`` are what it seems to say of the case all the same (None: nothing). ``is_unread``: it may
    be good, but could not be read just now.
    """

    def __init__(
        self, problems: list[str], protocol: str | None = None, bus: int | None = None, *, is_unread: bool = False
    ) -> None:
        self.problems = problems
        self.is_unread = is_unread
        self.protocol = protocol
        self.bus = bus
        super().__init__("\n".join(problems))


class BusError(A1dError, OSError):
    """The case's MCU could not be reached. ``errno`` is the kernel's, the text names the remedy."""

    def __str__(self) -> str:
        """The text alone, without ``[Errno 121]``."""
        return self.strerror or super().__str__()


class StopError(BusError):
    """A stop could not give the fan the duty that it needs."""


class SensorError(A1dError, OSError):
    """A temperature could not be read or cannot be true."""


class ButtonError(A1dError, OSError):
    """The button's GPIO line cannot be watched."""


class ActionError(A1dError, OSError):
    """A gesture's action could not be started."""


class DaemonRunningError(A1dError, OSError):
    """Another a1d already owns the run directory, and so the hardware."""


class RequestError(A1dError, ValueError):
    """A control request that makes no sense: ``parameter`` names the culprit."""

    def __init__(self, parameter: str, text: str) -> None:
        self.parameter = parameter
        super().__init__(text)


class DeniedError(A1dError, PermissionError):
    """The caller may read but not steer."""
