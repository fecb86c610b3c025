"""The machine under test, as the checks see it. The checks run on it as root: on a Pi, or in the virtual machine."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from a1d.client.varlink import call

CASE = Path("/sys/kernel/debug/a1d_case")
SERVICE = "a1d.service"
CGROUP = Path("/sys/fs/cgroup/system.slice") / SERVICE
SOCKET = "/run/a1d/control.sock"
CONFIG = Path("/etc/a1d/config.yaml")
FALL_CELSIUS = 25.0  # of a chip, in a moment
# What the checks run with: the default is calm for minutes, which is right for ears and slow for checks.
PROMPT_FAN = "fan: {curve: {50: 10, 60: 40, 70: 100}, hysteresis_celsius: 3, hold: 10s, rise: 0s}\n"


def prompt_fan(hold: str) -> str:
    """``PROMPT_FAN`` with another hold."""
    return PROMPT_FAN.replace("hold: 10s", f"hold: {hold}")


class NotHere(Exception):
    """This rig cannot do what a check needs; the text says why."""


class Transfer(NamedTuple):
    """One I2C transfer, as the case saw it."""

    time_s: float  # since boot
    is_write: bool
    register: int | None
    value: int | None
    ok: bool  # acknowledged
    dropped: bool = False  # acknowledged, and without effect
    address: int = 0x1A  # the case's


class Rig:
    """What any rig can do."""

    name = "?"
    _celsius = 45.0  # what the CPU was given last
    counts_instructions = False  # each instruction takes one nanosecond of CPU time, on any host

    # -- the system ------------------------------------------------------------------------------

    def sh(self, command: str, timeout_s: float = 120) -> subprocess.CompletedProcess[str]:
        """A shell command, as root."""
        return subprocess.run(
            ["/bin/sh", "-c", command], capture_output=True, text=True, check=False, timeout=timeout_s
        )

    def out(self, command: str) -> str:
        """A shell command's output. AssertionError if it fails."""
        done = self.sh(command)
        assert done.returncode == 0, f"{command}: {done.returncode}: {done.stderr}"
        return done.stdout.strip()

    def now_s(self) -> float:
        """Seconds since boot, as in a transfer."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)

    def wait(self, what: str, true: Callable[[], bool], within_s: float) -> float:
        """Wait until ``true()``. Returns how long that took, in seconds. AssertionError after ``within_s``.

        It asks every 20 ms at first, then at every fiftieth of the time that has passed, up to every 200 ms.
        """
        begin_s = self.now_s()
        while not true():
            passed_s = self.now_s() - begin_s
            assert passed_s < within_s, f"not within {within_s:g} s: {what}"
            time.sleep(max(0.02, min(0.2, passed_s / 50)))
        return self.now_s() - begin_s

    # -- a1d -------------------------------------------------------------------------------------

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """The parameters of the daemon's reply.

        Raises NoDaemonError if there is none within 10 s, RefusedError if the reply is an error.
        """
        return call(SOCKET, f"org.a1d.control.{method}", parameters, wait_max_s=10)

    def status(self) -> dict[str, Any]:
        """As ``a1d-ctl status --json``, without the cost of starting it."""
        return dict(self.call("GetStatus")["status"])

    def health(self) -> str:
        """ok, degraded or failsafe."""
        return str(self.status()["health"]["state"])

    def pid(self) -> int:
        """The daemon's; 0 if there is none. As systemd's MainPID, without the cost of asking for it."""
        with contextlib.suppress(OSError):  # nothing of the service runs, or what ran has just ended
            for pid in (CGROUP / "cgroup.procs").read_text().split():
                python_and_program = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[:2]
                if python_and_program[-1].endswith(b"/bin/a1d"):  # not the programs that systemd runs after it
                    return int(pid)
        return 0

    def configure(self, text: str) -> None:
        """Put a configuration in place and have it read; AssertionError if it is refused."""
        self.write_config(text)
        self.out(f"systemctl reload {SERVICE}")

    def configure_as_installed(self) -> None:
        """The configuration that an installation brings, which is nothing but comments."""
        self.configure((Path(__file__).parents[1] / "systemd/config.yaml").read_text())

    def write_config(self, text: str) -> None:
        """Put a configuration in place."""
        CONFIG.write_text(text)

    def program(self, there: bool) -> None:
        """Take the daemon's program away, or bring it back."""
        here, away = "/opt/a1d/bin/a1d", "/opt/a1d/bin/a1d.away"
        self.out(f"mv {away} {here}" if there else f"mv {here} {away}")

    def run_out_of_memory(self, pid: int) -> None:
        """Call the kernel's out-of-memory killer, and make this process the first that it kills."""
        self.out(f"echo 1000 >/proc/{pid}/oom_score_adj; echo f >/proc/sysrq-trigger")

    def journal(self) -> str:
        """What the service has said since boot."""
        self.out("journalctl --sync")  # journald may be behind
        return self.out(f"journalctl -b -u {SERVICE} --no-pager -o cat")

    def set_up(self) -> None:
        """What each check begins with: a fan that follows promptly, all else by default, service up, cool, no fault."""
        self.write_config(PROMPT_FAN)
        self.out(f"systemctl start {SERVICE}")  # if it is just starting, this waits
        self.call("Reload")  # done when it is answered: a check may write the next configuration at once

    # -- the case, as far as the rig can reach it ------------------------------------------------------------

    def heat_to(self, celsius: float) -> None:
        """Give the CPU this temperature. A deep fall takes seconds: a1d believes no other."""
        while celsius < self._celsius - FALL_CELSIUS:
            self.heat_at_once(self._celsius - FALL_CELSIUS)
            time.sleep(FALL_CELSIUS / 10 + 1)
        self.heat_at_once(celsius)

    def heat_at_once(self, celsius: float) -> None:
        """Give the CPU this temperature, however far it falls."""
        self._set_heat(celsius)
        self._celsius = celsius

    def _set_heat(self, celsius: float) -> None:
        raise NotHere("the temperature of this machine cannot be set")

    def heat_with(self, watts: float, celsius: float) -> None:
        """From this temperature on it follows ``watts`` in the chip and what the fan cools."""
        raise NotHere("the temperature of this machine cannot be set")

    def stuck_fan(self, stuck: bool) -> None:
        """A fan that stands still whatever its duty, or one that turns."""
        raise NotHere("nobody blocks the fan of a machine in use")

    def fan_percent(self) -> int:
        """The duty on the fan's wire, in percent."""
        raise NotHere("this case has no tachometer")

    def wait_fan(self, percent: int, within_s: float) -> float:
        """Wait until the fan has this duty. Returns how long that took, in seconds."""
        try:
            return self.wait(f"the fan at {percent} %", lambda: self.fan_percent() == percent, within_s)
        except AssertionError as error:
            raise AssertionError(f"{error}; it is at {self.fan_percent()} %, {self.status()['reason']}") from None

    def transfers(self) -> list[Transfer]:
        """The latest transfers, the oldest first. Their number is bounded."""
        raise NotHere("nothing records this bus")

    def fault(self, name: str) -> None:
        """``none`` or a fault of the bus."""
        raise NotHere("this bus cannot be made to fail")

    def sensor_fault(self, name: str) -> None:
        """``none`` or a fault of the temperature sensor."""
        raise NotHere("this sensor cannot be made to fail")

    def nvme(self, there: bool) -> None:
        """Take the NVMe drive away, or bring it back."""
        raise NotHere("the drives of this machine cannot be taken away")

    def nvme_heat_to(self, celsius: float) -> None:
        """Give the NVMe drive this temperature."""
        raise NotHere("the temperature of a drive cannot be set")

    def nvme_fault(self, name: str) -> None:
        """``none``, ``error`` or ``hang``."""
        raise NotHere("the drives of this machine cannot be made to fail")

    def bus(self, there: bool) -> None:
        """Take the I2C adapter away, or bring it back."""
        raise NotHere("this bus cannot be taken away")

    def reset_mcu(self) -> None:
        """Reset the case's controller, as after power-on."""
        raise NotHere("unplugging the case ends this machine")

    def protocol(self, name: str) -> None:
        """Which protocol the case speaks: ``register`` or ``legacy``."""
        raise NotHere("a case speaks one protocol")

    def pulse(self, milliseconds: float) -> None:
        """One pulse on the button's line."""
        raise NotHere("the button of a case cannot be pressed by a program")

    def forbidden_writes(self) -> int:
        """The number of writes that must never happen, by any program."""
        raise NotHere("nothing records this bus")


class VirtualRig(Rig):
    """The virtual machine's kernel module, by its debugfs."""

    name = "virtual"
    counts_instructions = True  # with -icount

    def _get(self, name: str) -> str:
        return (CASE / name).read_text().strip()

    def _set(self, name: str, value: object) -> None:
        fd = os.open(CASE / name, os.O_WRONLY)
        try:
            os.write(fd, str(value).encode())
        finally:
            os.close(fd)

    def set_up(self) -> None:
        """No fault, 45 degrees."""
        self._set("fault", "none")
        self._set("sensor_fault", "none")
        self._set("nvme_fault", "none")
        self._set("nvme", 0)
        self._set("bus", 1)
        self._set("protocol", "register")
        self.stuck_fan(False)
        # What the check before has left, which ran in another process: no sudden fall from there.
        self._celsius = int(self._get("temp_millicelsius")) / 1000
        self.heat_to(45)
        super().set_up()
        self.call("ResumeAutomatic")
        self.wait_fan(0, 30)
        self.wait("health ok", lambda: self.health() == "ok", 30)

    def _set_heat(self, celsius: float) -> None:
        """Held there."""
        self._set("heat_model", 0)
        self._set("temp_millicelsius", round(celsius * 1000))

    def heat_with(self, watts: float, celsius: float) -> None:
        """By the module's heat model."""
        self.heat_to(celsius)
        self._set("milliwatts", round(watts * 1000))
        self._set("heat_model", 1)

    def stuck_fan(self, stuck: bool) -> None:
        """It is stuck in the heat model only: the duty on the wire is as before."""
        self._set("fan_stuck", "Y" if stuck else "N")

    def fan_percent(self) -> int:
        """Kicks included."""
        return int(self._get("duty"))

    def transfers(self) -> list[Transfer]:
        """The module's ring."""
        found = []
        for line in self._get("transfers").splitlines():
            _number, time_ns, address, kind, register, value, result = line.split()
            what = None if register == "-" else int(register, 16), None if value == "-" else int(value)
            fate = result in ("ok", "dropped"), result == "dropped"
            found.append(Transfer(int(time_ns) / 1e9, kind == "w", *what, *fate, int(address, 16)))
        return found

    def fault(self, name: str) -> None:
        """By the module's name for it."""
        self._set("fault", name)

    def sensor_fault(self, name: str) -> None:
        """By the module's name for it."""
        self._set("sensor_fault", name)

    def nvme(self, there: bool) -> None:
        """Its hwmon device."""
        self._set("nvme", int(there))

    def nvme_heat_to(self, celsius: float) -> None:
        """At once."""
        self._set("nvme_millicelsius", round(celsius * 1000))

    def nvme_fault(self, name: str) -> None:
        """By the module's name for it."""
        self._set("nvme_fault", name)

    def bus(self, there: bool) -> None:
        """The adapter and its device node."""
        self._set("bus", int(there))

    def reset_mcu(self) -> None:
        """50 % for 5 s, then 0."""
        self._set("reset_mcu", 1)

    def protocol(self, name: str) -> None:
        """By the module's name for it."""
        self._set("protocol", name)

    def pulse(self, milliseconds: float) -> None:
        """Timed by the kernel."""
        self._set("pulse_us", round(milliseconds * 1000))

    def forbidden_writes(self) -> int:
        """The module counts them."""
        return int(self._get("forbidden_writes"))
