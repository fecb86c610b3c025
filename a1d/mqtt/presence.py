"""Whether whoever has steered is still there, as far as one can know. Pure."""

from __future__ import annotations


class Presence:
    """``is_gone``: Home Assistant has said so, or the broker was lost, and nobody was heard since.

    It makes no difference whether it ever said anything: it says "online" only when it starts, which may have been long
    before we did. Nor whether there is one at all: whoever else has steered can have died with the broker as well.
    """

    def __init__(self) -> None:
        self.is_gone = False

    def hear(self, payload: bytes, *, retained: bool) -> None:
        """What came under its status topic; nonsense is passed over."""
        if payload == b"offline":
            self.is_gone = True
        elif payload == b"online" and not retained:  # the broker remembers an "online" of one that is dead by now
            self.is_gone = False

    def somebody_commands(self) -> None:
        """Whoever commands is there, even if their "online" was missed."""
        self.is_gone = False

    def broker_lost(self) -> None:
        """They may have died with it, and then nobody says "offline"."""
        self.is_gone = True
