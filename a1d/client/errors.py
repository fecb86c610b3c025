"""What can go wrong between a client and the daemon."""

from __future__ import annotations

from a1d.errors import A1dError


class NoDaemonError(A1dError, ConnectionError):
    """The client found no daemon, or lost it."""


class RefusedError(A1dError, RuntimeError):
    """The daemon answered with an error: ``error`` is its Varlink name, ``parameters`` what came with it."""

    def __init__(self, error: str, parameters: dict[str, object], text: str) -> None:
        self.error = error
        self.parameters = parameters
        super().__init__(text)
