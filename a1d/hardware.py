"""The seam between the daemon and the world: what a case offers, and the real one.

``a1d.sim.case.SimulatedCase`` offers the same without any hardware.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from a1d.button.actions import logind_command
from a1d.case import bus as case_bus

if TYPE_CHECKING:
    from a1d.button.watcher import EdgeSource
    from a1d.case.bus import SmbusLike
    from a1d.config.settings import ButtonConfig
    from a1d.service.varlink import Interface


class Hardware(Protocol):
    """Everything outside the process that the daemon touches, save its socket and systemd."""

    simulated: bool
    sysfs: str

    def open_smbus(self, bus: int, timeout_s: float) -> SmbusLike:
        """The I2C bus. OSError if it cannot be opened."""

    def open_edges(self, config: ButtonConfig) -> EdgeSource:
        """The button's line. OSError if it cannot be watched."""

    def power(self, verb: str, urgent: bool) -> Sequence[str] | None:
        """The command that does ``reboot`` or ``poweroff``; None if that is done by this call."""

    def advance(self, now_s: float) -> None:
        """Let the world move on to ``now_s``; the real one does that by itself."""

    def interfaces(self) -> list[Interface]:
        """Varlink interfaces of its own."""


class RealCase:
    """A Raspberry Pi in its case."""

    simulated = False
    sysfs = "/sys"

    def open_smbus(self, bus: int, timeout_s: float) -> SmbusLike:
        """``/dev/i2c-<bus>``."""
        return case_bus.open_smbus(bus, timeout_s)

    def open_edges(self, config: ButtonConfig) -> EdgeSource:
        """The configured backend; only the chosen one is imported."""
        if config.backend == "gpiozero":
            from a1d.button.gpiozero import GpiozeroEdges

            return GpiozeroEdges(config)
        from a1d.button.gpiod import GpiodEdges

        return GpiodEdges(config)

    def power(self, verb: str, urgent: bool) -> Sequence[str] | None:
        """A call to logind."""
        return logind_command(verb, urgent)

    def advance(self, now_s: float) -> None:
        """Nothing: the world moves by itself."""

    def interfaces(self) -> list[Interface]:
        """None."""
        return []
