"""A real Pi 5 in its case, in use by its owner: the checks that leave nothing behind there.

a1d runs with a drop-in in /run, with the suite's own configuration and temperature: a file is mounted over the
sensor, in the service's mount namespace only. The guard removes the drop-in again, and so does a reboot.
"""

from __future__ import annotations

import contextlib
import os
import re
import time

from a1d.case.bus import RegisterBus, open_smbus
from a1d.config.settings import CaseConfig
from a1d.temperature.sensors import find_zone
from hil.bus_trace import BusTrace
from hil.guard import DROP_IN, RUN, check_guard
from hil.installed import program
from hil.rig import SERVICE, NotHere, Rig, Transfer

# Only these modules run on a real machine: each was reviewed for what it does to one.
MODULES = ("button", "control", "cost", "ends", "faults", "sandbox")
_TEMP, _CONFIG = RUN / "temp", RUN / "config.yaml"
_READ_PAUSE_S = 0.1


class CaseRig(Rig):
    """Use it within ``guarded`` only."""

    name = "case"

    def __init__(self, bus: int) -> None:
        """``bus``: the number of the I2C bus, as the owner has configured it."""
        self._bus_number = bus
        self._bus = RegisterBus(open_smbus(bus, 0))
        self._read_s = 0.0
        self._trace: BusTrace | None = None
        self._forbidden = 0
        with contextlib.suppress(NotHere):
            self._trace = BusTrace(bus)
        self._program = program(self)
        self._zone = os.path.realpath(find_zone("/sys", "cpu-thermal")[0])
        self._temp = "45000"
        check_guard()
        self._write_temp(self._temp)
        self.write_config("")
        self.program(True)
        self.out(f"systemctl restart {SERVICE}")

    def write_config(self, text: str) -> None:
        """The suite's configuration. The owner's file is not touched."""
        if self._bus_number != CaseConfig().bus and "case:" not in re.sub("#.*", "", text):
            text += f"\ncase: {{bus: {self._bus_number}}}\n"
        _CONFIG.write_text(text)
        _CONFIG.chmod(0o644)

    def program(self, there: bool) -> None:
        """Changes the drop-in only, so that no file of the program is touched."""
        check_guard()  # without the guard nothing would remove the drop-in
        DROP_IN.parent.mkdir(parents=True, exist_ok=True)
        path = self._program if there else RUN / "no-such-program"
        # "-": should it be left behind, a1d and a1d-failsafe can start all the same.
        DROP_IN.write_text(
            f"[Service]\nExecStart=\nExecStart={path} --config {_CONFIG}\n"
            f"Environment=A1D_CONFIG={_CONFIG}\nBindReadOnlyPaths=-{_TEMP}:{self._zone}\n"
        )
        self.out("systemctl daemon-reload")

    def run_out_of_memory(self, pid: int) -> None:
        """Not done on somebody's machine."""
        raise NotHere("the kernel's out-of-memory killer might take something of yours instead")

    def set_up(self) -> None:
        """Tell a1d 45 C, and wait until the fan is off and health is ok."""
        self.heat_to(45)
        super().set_up()
        self.call("ResumeAutomatic")
        self.wait_fan(0, 30)
        self.wait("health ok", lambda: self.health() == "ok", 30)
        if self._trace:
            self._forbidden += self._count_forbidden()
            self._trace.clear()

    def heat_to(self, celsius: float) -> None:
        """Set the value that a1d reads. The guard still reads the real temperature."""
        self._temp = f"{round(celsius * 1000)}"
        self._write_temp(self._temp)

    def _write_temp(self, text: str) -> None:
        # In place and always with the same length: this very file is mounted there, and a1d may read it at any moment.
        fd = os.open(_TEMP, os.O_WRONLY | os.O_CREAT, 0o644)
        try:
            os.pwrite(fd, f"{text:<8}\n".encode(), 0)
        finally:
            os.close(fd)

    def fan_percent(self) -> int:
        """The last duty, as the controller reports it. There is no tachometer, and kick-starts do not show."""
        for attempt in range(5):
            time.sleep(max(0.0, self._read_s + _READ_PAUSE_S - self.now_s()))
            self._read_s = self.now_s()
            try:
                return self._bus.read_duty()
            except OSError:
                if attempt == 4:
                    raise
        raise AssertionError

    def transfers(self) -> list[Transfer]:
        """Since this check began, without this process's own reads."""
        if self._trace is None:
            raise NotHere("nothing records this bus: its kernel has no i2c tracepoints")
        return self._trace.transfers()

    def sensor_fault(self, name: str) -> None:
        """Only nonsense in place of a number is possible with a file."""
        if name not in ("none", "garbage"):
            raise NotHere("the sensor of a real machine cannot be made to fail so")
        self._write_temp("nonsense" if name == "garbage" else self._temp)

    def forbidden_writes(self) -> int:
        """By any program, over all checks so far."""
        return self._forbidden + self._count_forbidden()

    def _count_forbidden(self) -> int:
        writes = [each for each in self.transfers() if each.is_write]
        return sum(each.register != 0x80 or each.value is None or each.value > 100 for each in writes)
