"""The simulated case as the daemon sees it: bus, temperature files, button, power; and switches for faults."""

from __future__ import annotations

import os
import random
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any

from a1d.button.pulses import Gesture
from a1d.button.watcher import EdgeSource
from a1d.config.settings import ButtonConfig
from a1d.errors import RequestError
from a1d.service.access import require_steering
from a1d.service.varlink import Interface, Parameters, Peer, parse_parameters, read_description
from a1d.sim.edges import SimulatedEdges
from a1d.sim.heat import IDLE_WATTS, LOAD_WATTS, HeatModel
from a1d.sim.mcu import BusFault, SimulatedBus, SimulatedMcu
from a1d.temperature.file_reader import DirectReader

_PULSE_MS = {Gesture.DOUBLE_PRESS: 20.0, Gesture.HOLD: 40.0}
_LOAD_PERIOD_S = 60.0
# The real sensor's steps are about this wide, and it is never still.
_SENSOR_STEP_MILLI = 550
_NONSENSE = ("-273150\n", "999999\n", "", "\0\0", "hot\n", "0x20\n")


class SensorFault(Enum):
    """What can be wrong with the CPU's temperature."""

    DEAD = "sensor-dead"  # the zone is gone
    FROZEN = "sensor-frozen"  # the value stands still
    RAVING = "sensor-raving"  # nonsense of every kind


class FanFault(Enum):
    """What can be wrong with the fan that the case cannot see."""

    STUCK = "fan-stuck"  # it stands still, or air no longer passes: the duty cools nothing


class SimulatedCase:
    """Implements ``a1d.hardware.Hardware``. ``heat_speed`` makes the heat, and nothing else, run faster."""

    simulated = True

    def __init__(
        self,
        clock: Callable[[], float],
        *,
        sleep: Callable[[float], None] = time.sleep,
        legacy: bool = False,
        heat_speed: float = 10.0,
        seed: int | None = None,
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._heat_speed = heat_speed
        self._random = random.Random(seed)  # noqa: S311 - noise, not secrets
        self._directory = tempfile.mkdtemp(prefix="a1d-sim-")
        self.sysfs = os.path.join(self._directory, "sys")
        self._zone = os.path.join(self.sysfs, "class/thermal/thermal_zone0")
        self._nvme = os.path.join(self.sysfs, "class/hwmon/hwmon0")
        self.mcu = SimulatedMcu(clock, legacy=legacy)
        self.heat = HeatModel()
        self.bus_faults: set[BusFault] = set()
        self.sensor_faults: set[SensorFault] = set()
        self.fan_faults: set[FanFault] = set()
        self.fixed_celsius: float | None = None  # hold the chip at this temperature
        self.load_watts: float | None = None  # None: heat and cool in turns
        self.powered: list[str] = []  # reboots and power-offs that a real system would have done
        self.line_held_by: str | None = None  # another user of the button's line
        self._edges: SimulatedEdges | None = None
        self._started_s = self._advanced_s = clock()
        self._written: dict[str, str] = {}
        self._measured = f"{self._measure_milli()}\n"
        self._write(self._nvme, "name", "nvme\n")
        self._write_temperatures()

    # -- what the daemon uses ----------------------------------------------------------------------

    def open_smbus(self, bus: int, timeout_s: float) -> SimulatedBus:
        """A bus with the case on it."""
        return SimulatedBus(self.mcu, self.bus_faults, self._sleep, timeout_s)

    def open_edges(self, config: ButtonConfig) -> EdgeSource:
        """The button's line."""
        if self.line_held_by:
            raise OSError(16, f"GPIO{config.line} is held by {self.line_held_by}")
        self._edges = SimulatedEdges(self._forget_edges)
        return self._edges

    def power(self, verb: str, _urgent: bool) -> Sequence[str] | None:
        """A dry run."""
        self.powered.append(verb)
        return None

    def open_file_reader(self) -> DirectReader:
        """Its files answer at once."""
        return DirectReader()

    def advance(self, now_s: float) -> None:
        """Heat, cool, and write the temperature files."""
        elapsed_s, self._advanced_s = now_s - self._advanced_s, now_s
        cooling_percent = 0 if FanFault.STUCK in self.fan_faults else self.mcu.fan_percent
        self.heat.advance(min(elapsed_s, 60.0) * self._heat_speed, self.watts, cooling_percent)
        self._write_temperatures()

    def interfaces(self) -> list[Interface]:
        """org.a1d.simulation."""
        methods = {
            "Press": self._press,
            "SetFault": self._set_fault,
            "SetLoad": self._set_load,
            "PowerOn": self._power_on,
            "GetCase": self._get,
        }
        return [Interface(read_description(__file__, "org.a1d.simulation"), methods)]

    # -- what a user or a test does to it ----------------------------------------------------------

    @property
    def watts(self) -> float:
        """The heat that goes into the chip now."""
        if self.load_watts is not None:
            return self.load_watts
        in_turn = int((self._clock() - self._started_s) / _LOAD_PERIOD_S) % 2
        return IDLE_WATTS if in_turn else LOAD_WATTS

    @property
    def chip_celsius(self) -> float:
        """The truth, whatever the sensor says."""
        return self.heat.chip_celsius if self.fixed_celsius is None else self.fixed_celsius

    def press(self, gesture: Gesture) -> None:
        """Press the button; a hold starts the case's own timer."""
        if gesture is Gesture.HOLD:
            self.mcu.hold()
        self.pulse(_PULSE_MS[gesture])

    def pulse(self, width_ms: float) -> None:
        """Any pulse on the line; without anybody watching it is gone, as on the real line."""
        if self._edges is not None:
            self._edges.pulse(round(self._clock() * 1e9), width_ms)

    def close(self) -> None:
        """Remove the temperature files."""
        shutil.rmtree(self._directory, ignore_errors=True)

    # -- Varlink -----------------------------------------------------------------------------------

    def _press(self, parameters: Parameters, peer: Peer) -> Parameters:
        require_steering(peer)
        gesture = parse_parameters(parameters, gesture=str)["gesture"]
        if gesture not in [g.value for g in Gesture]:
            raise RequestError("gesture", f"found {gesture!r:.40}, expected double_press or hold")
        self.press(Gesture(gesture))
        return {}

    def _set_fault(self, parameters: Parameters, peer: Peer) -> Parameters:
        require_steering(peer)
        asked = parse_parameters(parameters, fault=str, on=bool)
        name, is_on = asked["fault"], asked["on"]
        kinds: dict[type[Enum], set[Any]] = {
            BusFault: self.bus_faults,
            SensorFault: self.sensor_faults,
            FanFault: self.fan_faults,
        }
        faults = {fault.value: fault for kind in kinds for fault in kind}
        if name == "reset-mcu":
            if is_on:
                self.mcu.reset()
            return {}
        if name not in faults:
            raise RequestError("fault", f"found {name!r:.40}, expected one of {', '.join((*faults, 'reset-mcu'))}")
        fault = faults[name]
        (kinds[type(fault)].add if is_on else kinds[type(fault)].discard)(fault)
        return {}

    def _set_load(self, parameters: Parameters, peer: Peer) -> Parameters:
        require_steering(peer)
        watts = parse_parameters(parameters, watts=(float, int, type(None)))["watts"]
        if watts is not None and not 0 <= watts <= 20:
            raise RequestError("watts", f"found {watts!s:.20}, expected 0 to 20, or null to heat and cool in turns")
        self.load_watts = watts
        return {}

    def _power_on(self, parameters: Parameters, peer: Peer) -> Parameters:
        require_steering(peer)
        parse_parameters(parameters)
        self.mcu.restore_power()
        return {}

    def _get(self, parameters: Parameters, _peer: Peer) -> Parameters:
        parse_parameters(parameters)
        return {
            "fan_percent": self.mcu.fan_percent,
            "register_percent": self.mcu.register_duty,
            "chip_celsius": self.chip_celsius,
            "watts": float(self.watts),
            "power_cut_s": None if self.mcu.cut_s is None else self.mcu.cut_s - self._clock(),
            "powered": self.powered,
            "faults": sorted(fault.value for fault in (*self.bus_faults, *self.sensor_faults, *self.fan_faults)),
            "transfers": len(self.mcu.transfers),
            "forbidden_writes": len(self.mcu.forbidden),
        }

    # -- inside ------------------------------------------------------------------------------------

    def _forget_edges(self) -> None:
        self._edges = None

    def _write_temperatures(self) -> None:
        self._write(self._nvme, "temp1_input", f"{round(self.heat.case_celsius) * 1000 + 850}\n")
        if SensorFault.DEAD in self.sensor_faults:
            self._write(self._zone, "temp", "")  # an open file of a removed device gives nothing
            shutil.rmtree(self._zone)
            self._written.clear()
            return
        self._write(self._zone, "type", "cpu-thermal\n")
        if SensorFault.RAVING in self.sensor_faults:
            self._write(self._zone, "temp", self._random.choice(_NONSENSE))
            return
        if SensorFault.FROZEN not in self.sensor_faults:
            self._measured = f"{self._measure_milli()}\n"
        self._write(self._zone, "temp", self._measured)

    def _measure_milli(self) -> int:
        if self.fixed_celsius is not None:
            return round(self.fixed_celsius * 1000)
        steps = round(self.chip_celsius * 1000 / _SENSOR_STEP_MILLI) + self._random.choice((-1, 0, 0, 0, 1))
        return steps * _SENSOR_STEP_MILLI

    def _write(self, directory: str, name: str, text: str) -> None:
        """In place, as sysfs does: whoever has the file open sees the new value."""
        path = os.path.join(directory, name)
        if self._written.get(path) == text:
            return
        os.makedirs(directory, exist_ok=True)
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC)  # truncating first would make ext4 flush each time
        try:
            os.pwrite(fd, text.encode("ascii"), 0)
            os.ftruncate(fd, len(text))
        finally:
            os.close(fd)
        self._written[path] = text
