"""The seam between the daemon and the world: what a case offers, and the real one.

``a1d.sim.case.SimulatedCase`` offers the same without any hardware.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from a1d.case.bus import open_smbus

if TYPE_CHECKING:
    from a1d.button.watcher import EdgeSource
    from a1d.case.bus import SmbusLike
    from a1d.config.settings import ButtonConfig
    from a1d.service.varlink import Interface
    from a1d.temperature.file_reader import FileReader


class Hardware(Protocol):
    """Everything outside the process that the daemon touches, except its socket and systemd.

    The daemon makes all calls from its one thread, so none may block for longer than the bus's time-out. For example,
    a case whose button is not connected, on the first I2C bus::

        class MyCase(RealCase):
            def open_edges(self, config):
                raise ButtonError(errno.ENODEV, "this case has no button; set button.backend to none")
    """

    simulated: bool
    """Shown in the status, so that nobody takes a simulation for the real thing."""

    sysfs: str
    """The directory that holds ``class/thermal`` and ``class/hwmon``."""

    def open_smbus(self, bus: int, timeout_s: float) -> SmbusLike:
        """The I2C bus of that number. A transfer that hangs should raise after ``timeout_s`` (0: when the kernel does).

        Called at the start and again 0.1 to 0.5 s after each error, for ever; what it gave before has been closed by
        then. It must not touch the bus (M14). OSError if it cannot be opened.
        """

    def open_edges(self, config: ButtonConfig) -> EdgeSource:
        """The button's line. Called after READY, again 5 s after each failure and after a reload.

        OSError if it cannot be watched, ImportError if the library cannot be used: the fan runs all the same.
        """

    def power(self, verb: str, urgent: bool) -> Sequence[str] | None:
        """The command that does ``reboot`` or ``poweroff``; None if this call has done it. Must not raise.

        ``urgent``: whatever inhibits a shutdown must be overruled, because the case cuts the power soon (B3).
        """

    def open_file_reader(self) -> FileReader:
        """What reads the files of drives, whose drivers may hang. Called if there are hwmon sensors; must not block."""

    def advance(self, now_s: float) -> None:
        """Called at the begin of each tick: a simulation moves on to ``now_s``, the real world does that by itself."""

    def interfaces(self) -> list[Interface]:
        """Varlink interfaces of its own, asked for once at the start; most have none."""


class RealCase:
    """A Raspberry Pi in its case."""

    simulated = False
    sysfs = "/sys"

    def open_smbus(self, bus: int, timeout_s: float) -> SmbusLike:
        """``/dev/i2c-<bus>``. OSError if it cannot be opened."""
        return open_smbus(bus, timeout_s)

    def open_edges(self, config: ButtonConfig) -> EdgeSource:
        """The configured backend; only the chosen one is imported. ButtonError or ImportError if it cannot be had."""
        if config.backend == "gpiozero":
            from a1d.button.gpiozero import GpiozeroEdges

            return GpiozeroEdges(config)
        from a1d.button.gpiod import GpiodEdges

        return GpiodEdges(config)

    def power(self, verb: str, urgent: bool) -> Sequence[str] | None:
        """The call to systemd-logind; polkit decides whether a1d may.

        systemctl knows how to overrule inhibitors, from one logind to the next. It is given 3 s: after a hold the
        case cuts the power in 5.6 (B3), and a second try must fit in.
        """
        overrule = ("--ignore-inhibitors",) if urgent else ()
        return ("env", "SYSTEMD_BUS_TIMEOUT=3s", "systemctl", "--no-wall", "--no-ask-password", *overrule, verb)

    def open_file_reader(self) -> FileReader:
        """A process of its own."""
        from a1d.temperature.file_reader import ReaderProcess

        return ReaderProcess()

    def advance(self, now_s: float) -> None:
        """Nothing: the world moves by itself."""

    def interfaces(self) -> list[Interface]:
        """None."""
        return []
