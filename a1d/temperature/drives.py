"""Every hwmon device of one name as one sensor: the hottest counts, and each is lost or found on its own.

Devices come and go, so they are looked for again every few seconds. Their files are read beside the loop
(file_reader.py): a drive may take its time. docs/hardware.md T3.
"""

from __future__ import annotations

import glob
import math
import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from a1d.errors import SensorError
from a1d.temperature.judge import Judge, read_line
from a1d.temperature.reading import MISSED_MAX, Reading

if TYPE_CHECKING:
    from a1d.config.settings import SensorConfig
    from a1d.temperature.file_reader import Answer, FileReader, Request

LOOK_AGAIN_S = 4.0
DRIVES_MAX = 16
# A drive that is lost is tried this often, an optional one no more often than it would be read.
RETRY_S = 4.0
_NOTE_PAUSE_S = 60.0


def find_hwmon(sysfs: str, name: str) -> tuple[list[str], str]:
    """The ``temp1_input`` file of every hwmon device of a name (T3), and the names of all that there are, in words."""
    found = {path: read_line(path) for path in sorted(glob.glob(f"{sysfs}/class/hwmon/hwmon*/name"))}
    paths = [os.path.join(os.path.dirname(path), "temp1_input") for path, kind in found.items() if kind == name]
    return paths, ", ".join(found.values()) or "none"


class Drive:
    """One device's file."""

    def __init__(self, path: str, frozen_s: float) -> None:
        self.path = path
        self.name_path = os.path.join(os.path.dirname(path), "name")
        self.judge = Judge(frozen_s)
        self.due_s = -math.inf
        self.request: Request | None = None  # one that has no answer yet
        self.missed = 0
        self.error: str | None = None
        self.is_silent = False  # whether there was no answer at all, rather than a wrong one
        self.read_s: float | None = None
        self.temp_celsius = math.nan

    @property
    def is_lost(self) -> bool:
        """Whether it has missed too many readings in a row to be trusted."""
        return self.missed >= MISSED_MAX

    def take(self, answer: Answer, asked_s: float) -> None:
        """What the file says, asked for at ``asked_s``."""
        self.request = None
        try:
            if isinstance(answer, OSError):
                self.judge.missed()
                raise answer
            self.temp_celsius = self.judge.celsius(answer, asked_s)
        except OSError as error:
            self.is_silent = not isinstance(error, SensorError)
            self.error = f"{self.path}: {error.strerror or error}"
            self.missed += 1
        else:
            self.error, self.missed, self.read_s = None, 0, asked_s


class DriveSensor:
    """Implements ``a1d.temperature.sensors.Sensor``."""

    def __init__(
        self, config: SensorConfig, sysfs: str, reader: FileReader, pause_s: float, note: Callable[[str], None]
    ) -> None:
        """``reader`` may be shared; ``note`` takes a line for the log."""
        self.name = config.name
        self.last: Reading | None = None
        self.error: str | None = None
        self.absent = self.lost = False
        self._hwmon = config.hwmon or ""
        self._optional = config.optional
        self._frozen_s = config.frozen_s or 0.0
        self._sysfs = sysfs
        self._reader = reader
        self._pause_s = pause_s
        self._note = note
        self._noted_s = -math.inf
        self._look_s = self._next_s = -math.inf
        self._devices: list[str] | None = None  # all there are, of whatever name; None: look at each again
        self._drives: dict[str, Drive] = {}
        self._found = ""  # what there is instead

    def read(self, now_s: float, *, gap: bool = False) -> Reading | None:
        """As in ``Sensor``."""
        if now_s < self._next_s and not gap:
            return self.last
        if now_s >= self._look_s or gap:
            self._look(now_s)
        for drive in self._drives.values():
            if gap:
                drive.judge.forget()
                drive.request = None  # its answer may be from before
            if drive.request is None and (now_s >= drive.due_s or gap):
                drive.due_s = now_s + self._pause_s
                drive.request = self._reader.ask(drive.path, now_s)
        self._reader.poll(now_s)
        for drive in self._drives.values():
            if (request := drive.request) is not None and request.answer is not None:
                drive.take(request.answer, request.asked_s)
                if drive.error is not None:
                    self._try_again(drive, now_s)
        self._combine()
        # Nothing to do until then; an answer that is awaited is looked for at each tick.
        due_s = [drive.due_s if drive.request is None else now_s for drive in self._drives.values()]
        self._next_s = min(self._look_s, *due_s) if due_s else now_s
        return self.last

    def close(self) -> None:
        """As in ``Sensor``."""
        self._drives.clear()
        self._devices, self._look_s, self._next_s = None, -math.inf, -math.inf

    def _try_again(self, drive: Drive, now_s: float) -> None:
        if drive.missed < MISSED_MAX:
            drive.due_s = now_s
            self._look_s = min(self._look_s, now_s)
        else:
            drive.due_s = now_s + (max(RETRY_S, self._pause_s) if self._optional else RETRY_S)

    def _look(self, now_s: float) -> None:
        """Find the drives. Unless something has changed, their directory is listed and their own names are read."""
        self._look_s = now_s + LOOK_AGAIN_S
        try:
            devices = sorted(os.listdir(f"{self._sysfs}/class/hwmon"))
        except OSError:
            devices = []
        if devices == self._devices and all(
            read_line(drive.name_path) == self._hwmon for drive in self._drives.values()
        ):
            return
        self._devices = devices
        paths, self._found = find_hwmon(self._sysfs, self._hwmon)
        gone = self._drives.keys() - paths
        new = [path for path in paths[:DRIVES_MAX] if path not in self._drives]
        had_drives = bool(self._drives)
        for path in gone:
            del self._drives[path]
        for path in new:
            self._drives[path] = Drive(path, self._frozen_s)
        if had_drives and (gone or new) and now_s - self._noted_s >= _NOTE_PAUSE_S:
            self._noted_s = now_s
            changes = [f"{path} is gone" for path in gone] + [f"{path} is new" for path in new]
            self._note(f"sensor {self.name}: {', '.join(sorted(changes))}; {len(self._drives)} watched")

    def _combine(self) -> None:
        """One reading out of all: the hottest of those that can be read, with what is wrong with the others."""
        drives = self._drives.values()
        read = [drive for drive in drives if drive.read_s is not None and not drive.is_lost]
        lost = [drive for drive in drives if drive.is_lost and not (self._optional and drive.is_silent)]
        errors = [drive.error for drive in drives if drive.error and (drive in lost or not drive.is_lost)]
        is_waiting = any(not drive.is_lost for drive in drives)
        self.error = "; ".join(errors) or None
        self.lost = bool(lost and read)
        self.absent = self._optional and not (read or lost or is_waiting)
        if read:
            hottest = max(read, key=lambda drive: drive.temp_celsius)
            newest_s = max(drive.read_s for drive in read if drive.read_s is not None)
            missed = min(drive.missed for drive in read)
            self.last = Reading(self.name, hottest.temp_celsius, newest_s, self.error, missed)
        elif self.absent:
            silent = "; ".join(drive.error for drive in drives if drive.error)
            self.last, self.error = None, silent or self._nothing_found()
        elif not drives:
            self._missed(self._nothing_found())
        elif lost:
            self._missed(self.error or "")

    def _missed(self, error: str) -> None:
        self.error = error
        if self.last is not None:
            self.last = self.last._replace(error=error, missed=self.last.missed + 1)

    def _nothing_found(self) -> str:
        return f"no hwmon device named {self._hwmon!r}; found {self._found}"
