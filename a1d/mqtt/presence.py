"""Whether Home Assistant is there, as far as one can know. Pure."""

from __future__ import annotations


class Presence:
    """``is_gone``: it has said so, or the broker was lost. It need not be there at all: others may use the broker."""

    def __init__(self) -> None:
        self.is_gone = False
        self._was_heard = False  # whether it has ever said anything

    def hear(self, payload: bytes, *, retained: bool) -> None:
        """What came under its status topic; nonsense is passed over."""
        if payload not in (b"online", b"offline"):
            return
        self._was_heard = True
        if payload == b"offline":
            self.is_gone = True
        elif not retained:  # a broker that was restarted remembers an "online" of one that is dead by now
            self.is_gone = False

    def somebody_commands(self) -> None:
        """Whoever commands is there, even if their "online" was missed."""
        self.is_gone = False

    def broker_lost(self) -> None:
        """It may have died with the broker, and then nobody says "offline"."""
        self.is_gone |= self._was_heard
