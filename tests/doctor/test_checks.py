"""Each check both ways: a machine in which all is well, and one in which one thing is not."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pytest_mock import MockerFixture

from a1d.config.reader import parse_config
from a1d.doctor import checkup
from a1d.doctor.chips import Chip
from a1d.doctor.result import Result
from a1d.doctor.system import Ran, System
from tests.doctor.machine import BOOT, CONFIG, HOOK, POLKIT, RULES, UNIT, WANTS, ZONE, Break, FakeMachine, snapshot


@pytest.fixture
def machine(tmp_path: Path) -> FakeMachine:
    return FakeMachine(tmp_path / "root")


def put(name: str, text: str, mode: int = 0o644) -> Break:
    return lambda machine: machine.put(name, text, mode)


def remove(*names: str) -> Break:
    def change(machine: FakeMachine) -> None:
        for name in names:
            machine.remove(name)

    return change


def show(**properties: str) -> Break:
    return lambda machine: machine.show.update(properties)


def says(**fields: Any) -> Break:
    """The daemon's status, changed."""

    def change(machine: FakeMachine) -> None:
        assert machine.status is not None
        machine.status |= fields

    return change


def silent(machine: FakeMachine) -> None:
    machine.status, machine.silence = None, "no daemon at /run/a1d/control.sock"


def looked_for(machine: FakeMachine) -> None:
    machine.runs_script = True


def chips(*found: Chip) -> Break:
    return lambda machine: setattr(machine, "chips", list(found))


def both(*changes: Break) -> Break:
    def change(machine: FakeMachine) -> None:
        for each in changes:
            each(machine)

    return change


def hidden(name: str) -> Break:
    """As for a user who may not read it; root may read everything, so the mark is made by hand."""

    def hide(machine: FakeMachine) -> None:
        machine.remove(name)
        machine.put(f"{name}.away", "")
        machine.path(name).symlink_to(machine.path(name).name)  # a loop: cannot be opened

    return hide


def test_a_healthy_machine_has_nothing_to_mend(machine: FakeMachine) -> None:
    looked_for(machine)
    results = machine.results()
    assert [result for result in results if result.state not in ("ok", "info")] == []
    assert {result.check for result in results if result.state == "info"} <= {"uart0", "EEPROM", "throttling"}
    assert len(results) > 20


def uses(text: str) -> Break:
    """The daemon's configuration, whatever the file says."""
    return lambda machine: setattr(machine, "in_use", parse_config(text, "its own"))


def states(machine: FakeMachine) -> dict[str, str]:
    return {result.check: result.state for result in machine.results()}


def test_a_simulation_where_nothing_is_installed_fails_in_nothing(machine: FakeMachine) -> None:
    both(remove(UNIT, "/dev/i2c-1"), says(simulated=True))(machine)
    first, *others = machine.results()
    assert (first.state, first.check) == ("info", "simulation")
    assert "this machine, for a real case" in first.fact
    assert {result.check for result in others if result.state == "warn"} == {"installation", "I2C bus"}
    assert "FAIL" not in states(machine).values()
    says(health={"state": "degraded", "problems": ["bus: no answer"]})(machine)
    assert [result.check for result in machine.results() if result.state == "FAIL"] == ["health"]


def test_beside_an_installed_service_a_simulation_hides_nothing(machine: FakeMachine) -> None:
    both(show(ActiveState="inactive"), says(simulated=True))(machine)
    assert machine.results()[0].check == "simulation"
    assert states(machine)["service running"] == "FAIL"


def test_without_a_unit_no_command_would_start_it(machine: FakeMachine) -> None:
    both(remove(UNIT), silent, put(CONFIG, "fan: {hold: soon}\n"), put("/etc/passwd", "root:x:0:0::/:\n"))(machine)
    mends = {result.check: result.mend for result in machine.results()}
    assert mends["daemon"] is None
    assert mends["configuration"] == "sudo nano +1 /etc/a1d/config.yaml"
    assert mends["I2C access"] is None
    assert not any("systemctl" in (mend or "") for mend in mends.values())


NO_CONFIG_TXT = remove(BOOT)
NO_BUS = remove("/dev/i2c-1")
TAKEN = Chip("/dev/gpiochip0", "pinctrl-rp1", "onewire@0")
FREE = Chip("/dev/gpiochip0", "pinctrl-rp1")
OFF = says(button={"watching": False, "double_presses": 0, "holds": 0, "pulses_ignored": 0})
NVME = put("/sys/class/hwmon/hwmon0/name", "nvme\n")
NVME_TEMP = put("/sys/class/hwmon/hwmon0/temp1_input", "40000\n")
WATCH_NVME = put(CONFIG, "sensors: [{zone: cpu-thermal}, {hwmon: nvme}]\n")
MAY_ASK = "/etc/systemd/system/multi-user.target.wants/a1d-power@poweroff.path"
TOUCH = "button: {double_press: none, hold: [touch, /run/a1d/poweroff]}\n"

CASES: dict[str, tuple[Break, str, str, str, str]] = {
    # what is wrong: how, state, check, in the fact, in the command
    "no unit": (remove(UNIT), "FAIL", "installation", "not installed", "make install"),
    "no program": (remove("/opt/a1d/bin/a1d"), "FAIL", "installation", "does not exist", "make install"),
    "a package as well": (put("/usr/bin/a1d", "", 0o755), "FAIL", "installation", "/usr/bin/a1d", "apt remove a1d"),
    "pip as well": (
        both(remove("/usr/local/bin/a1d"), put("/usr/local/bin/a1d", "", 0o755)),
        *("FAIL", "installation", "/usr/local/bin/a1d", "sudo pip uninstall"),
    ),
    "a package whose unit is in force": (
        both(
            put(UNIT, "[Service]\nExecStart=/usr/bin/a1d\nExecStopPost=/usr/bin/a1d-failsafe\n"),
            put("/usr/bin/a1d", "", 0o755),
        ),
        *("FAIL", "installation", "/opt/a1d/bin/a1d is another one", "make uninstall"),
    ),
    "two units": (
        put("/etc/systemd/system/a1d.service", "ExecStart=/opt/a1d/bin/a1d\n# a1d-failsafe\n"),
        *("warn", "installation", "hides /usr/lib", "systemctl cat"),
    ),
    "a strange unit": (
        put(UNIT, "ExecStart=/bin/true\n# a1d-failsafe"),
        "warn",
        "installation",
        "no a1d",
        "systemctl cat",
    ),
    "disabled": (
        both(remove(f"{WANTS}/a1d.service"), show(UnitFileState="disabled")),
        *("FAIL", "service enabled", "does not start when", "sudo systemctl enable a1d"),
    ),
    "masked": (show(UnitFileState="masked"), "FAIL", "service enabled", "masked", "sudo systemctl unmask a1d"),
    "stopped": (show(ActiveState="inactive"), "FAIL", "service running", "inactive", "sudo systemctl start a1d"),
    "starting": (show(ActiveState="activating"), "warn", "service running", "activating", "journalctl"),
    "no systemd": (lambda machine: machine.show.clear(), "info", "service running", "not seen", ""),
    "restarts": (show(NRestarts="3"), "warn", "restarts", "3 times", "journalctl"),
    "a changed unit": (show(NeedDaemonReload="yes"), "warn", "unit", "has changed", "daemon-reload"),
    "no watchdog": (show(WatchdogUSec="0"), "warn", "watchdog", "is off", "systemctl cat"),
    "no daemon": (silent, "FAIL", "daemon", "no daemon at", "sudo systemctl start a1d"),
    "another version": (says(version="0.0.1"), "FAIL", "daemon", "0.0.1", "sudo systemctl restart a1d"),
    "a simulated one": (says(simulated=True), "info", "case", "simulated", ""),
    "a problem": (
        says(health={"state": "degraded", "problems": ["the case does not answer"]}),
        *("FAIL", "health", "degraded: the case does not answer", "a1d-ctl status"),
    ),
    "may not steer": (
        lambda m: setattr(m, "caller", (1000, [1000])),
        "info",
        "steering",
        "not steer",
        "usermod -aG a1d",
    ),
    "no configuration": (remove(CONFIG), "info", "configuration", "built-in", ""),
    "the built-in one, as the daemon tells": (both(remove(CONFIG), uses("")), "info", "configuration", "built-in", ""),
    "one that --config names": (
        both(remove(CONFIG), uses("fan: {hold: 7s}")),
        *("info", "configuration", "has settings of its own", "a1d-ctl config"),
    ),
    "an odd one that --config names": (
        both(remove(CONFIG), uses("fan: {hold: 0}")),
        *("warn", "configuration", "fan.hold: 0", "a1d-ctl config"),
    ),
    "a bus that only --config names": (uses("case: {bus: 3}"), "FAIL", "I2C bus", "/dev/i2c-3 does not exist", ""),
    "a file that is not in use": (
        uses("fan: {hold: 7s}"),
        *("warn", "configuration", "does not use what /etc/a1d", "sudo systemctl reload a1d"),
    ),
    "a file that a simulation does not use": (
        both(uses("fan: {hold: 7s}"), says(simulated=True)),
        *("info", "configuration", "the simulated case does not use", "a1d-ctl config"),
    ),
    "a bad configuration": (
        put(CONFIG, "fan:\n  hold: soon\n"),
        *("FAIL", "configuration", f"{CONFIG}:2: fan.hold", f"sudo nano +2 {CONFIG}"),
    ),
    "an odd configuration": (put(CONFIG, "fan: {hold: 0}\n"), "warn", "configuration", "fan.hold: 0", "sudo nano"),
    "a hidden configuration": (hidden(CONFIG), "info", "configuration", "may not be read", "sudo a1d-ctl doctor"),
    "another daemon": (
        both(looked_for, put("/etc/systemd/system/argononed.service", "[Service]\nExecStart=/usr/sbin/argononed\n")),
        *("FAIL", "other daemons", "argononed.service", "sudo systemctl disable --now argononed.service"),
    ),
    "another daemon's hook": (
        both(looked_for, put("/usr/lib/systemd/system-shutdown/argon-shutdown.sh", "#!/bin/sh\n")),
        *("FAIL", "other daemons", "two cut the power", "sudo rm /usr/lib/systemd/system-shutdown/argon-shutdown.sh"),
    ),
    "another daemon's process": (
        lambda m: setattr(m, "listed", Ran(0, "process 77 python3 /etc/argononed.py SERVICE\n")),
        *("FAIL", "other daemons", "process 77 (python3 /etc/argononed.py SERVICE)", "sudo kill 77"),
    ),
    "somebody who has the bus open": (
        lambda m: setattr(m, "listed", Ran(0, "open 78 /dev/i2c-1 oled.service python3 /opt/oled.py\n")),
        *(
            "warn",
            "other daemons",
            "(python3 /opt/oled.py) has /dev/i2c-1 open",
            "systemctl disable --now oled.service",
        ),
    ),
    "the same without a unit": (
        lambda m: setattr(m, "listed", Ran(0, "open 78 /dev/i2c-1 - i2cget\n")),
        *("warn", "other daemons", "process 78 (i2cget)", "sudo kill 78"),
    ),
    "a search that takes too long": (
        lambda m: setattr(m, "listed", Ran(None, "", "sh does not answer in time")),
        *("info", "other daemons", "not looked for: sh does not answer in time", ""),
    ),
    "a search that is half blind": (
        lambda m: setattr(m, "caller", (1000, [991])),
        *("ok", "other daemons", "only root can see", ""),
    ),
    "no bus, nothing known": (both(NO_BUS, NO_CONFIG_TXT), "FAIL", "I2C bus", "no config.txt", "sudo modprobe i2c-dev"),
    "no bus, never switched on": (
        both(NO_BUS, put(BOOT, "# nothing\n")),
        *("FAIL", "I2C bus", f"{BOOT} lacks the line dtparam=i2c_arm=on", f"sudo tee -a {BOOT} && sudo reboot"),
    ),
    "no bus, switched off": (
        both(NO_BUS, put(BOOT, "\ndtparam=i2c_arm=off\n")),
        *("FAIL", "I2C bus", f"line 2 of {BOOT} switches I2C off", f"sudo sed -i '2s/.*/dtparam=i2c_arm=on/' {BOOT}"),
    ),
    "no bus, module missing": (NO_BUS, "FAIL", "I2C bus", "line 2 of", "sudo modprobe i2c-dev"),
    "no bus, not restarted": (
        both(NO_BUS, put("/sys/module/i2c_dev/refcnt", "0")),
        *("FAIL", "I2C bus", "it takes a reboot", "sudo reboot"),
    ),
    "another bus": (
        both(NO_BUS, put("/dev/i2c-13", ""), put("/sys/bus/i2c/devices/i2c-13/name", "RP1\x1b[31m\n")),
        *("FAIL", "I2C bus", "there is /dev/i2c-13 (RP1", ""),
    ),
    "a number of one's own": (put(CONFIG, "case: {bus: 3}\n"), "FAIL", "I2C bus", "/dev/i2c-3 does not exist", ""),
    "no user": (put("/etc/passwd", ""), "FAIL", "I2C access", "no user a1d", "sudo systemd-sysusers"),
    "not in the group": (
        lambda m: m.put("/etc/group", m.path("/etc/group").read_text().replace(":a1d\n", ":\n", 1)),
        *("FAIL", "I2C access", "is not in it", "sudo usermod -aG i2c a1d"),
    ),
    "for root alone": (put("/dev/i2c-1", "", 0o600), "FAIL", "I2C access", "0600", "udevadm trigger"),
    "for root alone, no rule": (
        both(put("/dev/i2c-1", "", 0o600), remove("/usr/lib/udev/rules.d/60-a1d.rules")),
        *("FAIL", "I2C access", "60-a1d.rules is missing", "make install"),
    ),
    "a kernel driver": (
        lambda m: m.link("/sys/bus/i2c/devices/1-001a/driver", "../../../../bus/i2c/drivers/rtc-ds1307"),
        *("FAIL", "I2C address", "rtc-ds1307 holds 0x1a on bus 1", "grep -n dtoverlay"),
    ),
    "a device without a driver": (
        put("/sys/bus/i2c/devices/1-001a/name", "fan\n"),
        *("warn", "I2C address", "without a driver", "ls"),
    ),
    "a case that confirms nothing": (
        says(duty_confirmed_percent=None, health={"state": "degraded", "problems": ["nothing answers"]}),
        *("FAIL", "case", "confirmed no duty", "a1d-ctl status"),
    ),
    "a case that has not confirmed yet": (says(duty_confirmed_percent=None), "info", "case", "not confirmed the", ""),
    "a case whose bus is gone": (NO_BUS, "info", "case", "without its bus", ""),
    "an old case": (
        both(put(CONFIG, "case: {protocol: legacy}\n"), says(duty_confirmed_percent=None)),
        *("info", "case", "cannot confirm anything", ""),
    ),
    "an unknown firmware": (says(firmware_id=3), "ok", "case", "0x03, which a1d does not know", ""),
    "a case that nobody asks": (silent, "info", "case", "only the daemon", ""),
    "errors of the bus": (says(bus_errors=7), "info", "bus errors", "7 errors", ""),
    "no chip": (chips(Chip("/dev/gpiochip0", "other")), "FAIL", "GPIO chip", "/dev/gpiochip0 other", "gpiodetect"),
    "a chip that is closed": (
        chips(Chip("/dev/gpiochip0", "", error="Permission denied")),
        *("info", "GPIO chip", "Permission denied", "sudo a1d-ctl doctor"),
    ),
    "no library": (
        lambda m: setattr(m, "chips_error", ImportError("no gpiod")),
        *("FAIL", "GPIO chip", "no gpiod", "make install"),
    ),
    "a line that is held": (both(chips(TAKEN), OFF), "FAIL", "button line", "held by onewire@0", "w1-gpio"),
    "a line that nobody watches": (both(chips(FREE), OFF), "FAIL", "button line", "does not watch it", "restart a1d"),
    "a line that only seems watched": (chips(FREE), "warn", "button line", "nobody holds", "a1d-ctl status"),
    "a line before the start": (both(chips(FREE), silent), "ok", "button line", "is free", ""),
    "no button": (put(CONFIG, "button: {backend: none}\n"), "info", "button line", "backend: none", ""),
    "w1-gpio": (
        put(BOOT, "dtparam=i2c_arm=on\ndtoverlay=w1-gpio\n"),
        *("FAIL", "GPIO overlays", f"line 2 of {BOOT}, dtoverlay=w1-gpio", f"sudo sed -i '2s/^/#/' {BOOT}"),
    ),
    "no config.txt": (NO_CONFIG_TXT, "info", "GPIO overlays", "no config.txt", ""),
    "no hook": (remove(HOOK), "FAIL", "power-cut hook", "is missing", "make install"),
    "a hook that leads nowhere": (
        remove("/opt/a1d/bin/a1d-powercut"),
        *("FAIL", "power-cut hook", "does not exist", "make install"),
    ),
    "a hook that is not executable": (
        put("/opt/a1d/bin/a1d-powercut", "#!/opt/a1d/bin/python\n", 0o644),
        *("FAIL", "power-cut hook", "not executable", "sudo chmod 755 /opt/a1d/bin/a1d-powercut"),
    ),
    "a hook without its Python": (
        remove("/opt/a1d/bin/python"),
        *("FAIL", "power-cut hook", "/opt/a1d/bin/python, which is not there", "make install"),
    ),
    "no polkit": (remove(POLKIT), "FAIL", "right to power off", "not installed", "sudo apt install polkitd"),
    "no rules": (remove(RULES), "FAIL", "right to power off", "is missing", "make install"),
    "no need for polkit": (
        both(remove(POLKIT), put(CONFIG, TOUCH), put(MAY_ASK, "")),
        *("ok", "right to power off", "not needed", ""),
    ),
    "no path unit": (
        put(CONFIG, TOUCH),
        *("FAIL", "right to power off", "not enabled", "systemctl enable --now a1d-power@poweroff.path"),
    ),
    "no zone": (remove(ZONE), "FAIL", "sensor cpu", "no thermal zone", "grep"),
    "a zone that raves": (put(f"{ZONE}/temp", "999999\n"), "FAIL", "sensor cpu", "cannot be true", "cat"),
    "a zone without a number": (put(f"{ZONE}/temp", "hot\n"), "FAIL", "sensor cpu", "'hot'", "cat"),
    "a drive that is not configured": (NVME, "info", "drives", "a drive is there (hwmon nvme", "--print-config"),
    "a drive that is absent": (WATCH_NVME, "FAIL", "sensor nvme", "no hwmon device", "optional: true"),
    "an optional drive": (
        put(CONFIG, "sensors: [{zone: cpu-thermal}, {hwmon: nvme, optional: true}]\n"),
        *("info", "sensor nvme", "it is optional", ""),
    ),
    "a drive that is there": (both(WATCH_NVME, NVME, NVME_TEMP), "ok", "sensor nvme", "hwmon0 is nvme", ""),
    "a drive without a temperature": (both(WATCH_NVME, NVME), "warn", "sensor nvme", "temp1_input", "ls"),
    "another Pi": (put("/proc/device-tree/model", "Raspberry Pi 4 Model B\0"), "info", "board", "Pi 4", ""),
    "no Pi": (remove("/proc/device-tree/model"), "info", "board", "no Raspberry Pi", ""),
    "a fan on the header": (
        put(BOOT, "dtparam=cooling_fan=on\n"),
        *("warn", "cooling_fan", "not on the Pi's header", "sudo sed -i '1s/^/#/'"),
    ),
    "no uart0": (put(BOOT, ""), "info", "uart0", "does not set uart0", ""),
    "an EEPROM as it came": (
        lambda m: m.commands.update({"vcgencmd bootloader_config": "POWER_OFF_ON_HALT=0\n"}),
        *("info", "EEPROM", "POWER_OFF_ON_HALT is 0", ""),
    ),
    "an EEPROM that only its own tool reads": (
        both(
            lambda m: m.commands.clear(), lambda m: m.commands.update({"rpi-eeprom-config": "PSU_MAX_CURRENT=3000\n"})
        ),
        *("info", "EEPROM", "PSU_MAX_CURRENT is 3000", ""),
    ),
    "no vcgencmd": (lambda m: m.commands.clear(), "info", "EEPROM", "is not installed", ""),
    "throttled": (
        lambda m: m.commands.update({"vcgencmd get_throttled": "throttled=0x50005\n"}),
        *("info", "throttling", "too low now, it is throttled now, the voltage was too low since", ""),
    ),
    "throttled, by the kernel": (
        both(
            lambda m: m.commands.clear(),
            put("/sys/class/hwmon/hwmon2/name", "rpi_volt\n"),
            put("/sys/class/hwmon/hwmon2/in0_lcrit_alarm", "1\n"),
        ),
        *("info", "throttling", "is or was too low", ""),
    ),
}


@pytest.mark.parametrize("what", CASES)
def test_what_is_wrong_is_said_with_what_mends_it(machine: FakeMachine, what: str) -> None:
    change, state, check, fact, mend = CASES[what]
    healthy = machine.results()
    change(machine)
    results = machine.results()
    found = [each for each in results if each.check == check and each.state == state and fact in each.fact]
    assert len(found) == 1, results
    assert mend in (found[0].mend or "") if mend else True
    assert found[0] not in healthy
    assert not [each for each in results if each.check == "doctor"], "a check broke"
    if state == "FAIL":
        assert found[0].mend


def test_every_check_was_seen_both_good_and_bad(machine: FakeMachine) -> None:
    good = {result.check for result in machine.results() if result.state == "ok"}
    assert good - {check for _change, state, check, _fact, _mend in CASES.values() if state != "ok"} == {"GPIO access"}


def test_a_hook_on_another_file_system_is_gone_when_its_turn_comes(machine: FakeMachine, mocker: MockerFixture) -> None:
    real = System.stat

    def elsewhere(system: System, name: str) -> os.stat_result | None:
        found = real(system, name)
        return os.stat_result([*found[:2], found.st_dev + 1, *found[3:]]) if found and name == HOOK else found

    mocker.patch.object(System, "stat", elsewhere)
    (found,) = (result for result in machine.results() if result.check == "power-cut hook")
    assert (found.state, "not on the file system of /" in found.fact) == ("FAIL", True)
    machine.put("/etc/NIXOS", "")
    (found,) = (result for result in machine.results() if result.check == "power-cut hook")
    assert found.state == "ok", "its store may be one of its own, and is there to the end"


def test_who_may_not_open_the_chip_is_told_what_the_daemon_says(machine: FakeMachine) -> None:
    chips(Chip("/dev/gpiochip0", "", error="Permission denied"))(machine)
    found = [result for result in machine.results() if result.check == "button line"]
    assert [(each.state, each.fact) for each in found] == [("ok", "the daemon watches it")]
    OFF(machine)
    assert not [result for result in machine.results() if result.check == "button line"]


def test_the_groups_of_the_line_are_looked_at_as_those_of_the_bus(machine: FakeMachine) -> None:
    machine.put("/dev/gpiochip0", "", 0o600)
    found = next(result for result in machine.results() if result.check == "GPIO access")
    assert found.state == "FAIL"
    assert "--subsystem-match=gpio" in (found.mend or "")


def test_nothing_is_changed_and_no_device_is_opened(machine: FakeMachine, mocker: MockerFixture) -> None:
    opened = mocker.spy(os, "open")
    before = snapshot(machine.root)
    machine.results()
    assert snapshot(machine.root) == before
    paths = [str(call.args[0]) for call in opened.call_args_list]
    assert str(machine.path(CONFIG)) in paths, "nothing was watched"
    assert not [path for path in paths if "/dev/" in path and path != os.devnull]


def test_it_does_not_even_load_what_could_talk_to_the_bus() -> None:
    code = """
import sys
from a1d.doctor import command, report
command.doctor("/nowhere/control.sock", True)
report.compose(command.look("/nowhere/control.sock"))
sys.exit("smbus2" in sys.modules or "a1d.case.powercut" in sys.modules or "a1d.case.fan" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, check=False).returncode == 0


def test_an_empty_machine_breaks_nothing(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path / "healthy")
    machine.root = tmp_path / "empty"
    machine.root.mkdir()
    machine.show, machine.chips, machine.commands = {}, [], {}
    silent(machine)
    results = machine.results()
    assert not [each for each in results if each.check == "doctor"]
    assert [each for each in results if each.state == "FAIL"]


def test_what_may_not_be_read_is_said(machine: FakeMachine) -> None:
    hidden("/proc/device-tree/model")(machine)
    last = machine.results()[-1]
    assert (last.state, last.check) == ("info", "not seen")
    assert "/proc/device-tree/model" in last.fact


def test_a_check_that_breaks_is_said_and_the_others_go_on(machine: FakeMachine) -> None:
    def broken(_system: System) -> list[Result]:
        raise RuntimeError("oops\x1b[31m")

    results = checkup.examine(machine.system(), (broken, *checkup.SUBJECTS))
    assert (results[0].state, results[0].mend) == ("warn", "a1d-ctl report")
    assert "oops" in results[0].fact
    assert len(results) > 20
    assert "\x1b" not in checkup.describe(results, False)


def test_whatever_a_machine_says_is_printed_harmlessly(machine: FakeMachine) -> None:
    looked_for(machine)
    machine.put("/sys/bus/i2c/devices/i2c-1/name", "evil\x1b]0;title\x07\n")
    machine.put("/proc/device-tree/model", "Raspberry\x1b[2J Pi 5\r\n")
    machine.put("/etc/systemd/system/argon\x1b[31m.service", "ExecStart=/usr/bin/argononed\n")
    text = checkup.describe(machine.results(), False)
    assert all(line.isprintable() for line in text.split("\n"))
    assert "\\x1b" in text


def test_the_daemon_may_have_a_hundred_problems(machine: FakeMachine) -> None:
    says(health={"state": "degraded", "problems": [f"problem {number}" for number in range(100)]})(machine)
    assert len([each for each in machine.results() if each.check == "health"]) == 10


def test_the_list_of_other_daemons_is_the_one_that_installing_refuses_by(machine: FakeMachine) -> None:
    looked_for(machine)
    """The same script: what it lists is what it refuses."""
    script = Path(checkup.__file__).with_name("other-daemons.sh")
    put("/etc/systemd/system/blow.service", "ExecStart=/usr/sbin/i2cset -y 1 0x1a 50\n")(machine)
    environ = {**os.environ, "DESTDIR": str(machine.root), "PREFIX": "/opt/a1d"}
    refused = subprocess.run(["sh", script], env=environ, capture_output=True, text=True, check=False)
    assert refused.returncode == 1
    assert "blow.service" in refused.stderr
    assert "blow.service" in " ".join(each.fact for each in machine.results() if each.check == "other daemons")


def test_every_row_that_is_named_is_in_the_table_of_the_hardware() -> None:
    here = Path(checkup.__file__).parent
    named = set(re.findall(r"\b([MBPTL]\d{1,2})\b", "".join(path.read_text() for path in here.glob("*.py"))))
    table = (here.parents[1] / "docs/hardware.md").read_text()
    assert len(named) > 8
    assert [row for row in sorted(named) if f"\n| {row} |" not in table] == []


@pytest.mark.parametrize("columns", [39, 79])
def test_a_narrow_terminal_breaks_no_word_and_no_command(machine: FakeMachine, columns: int) -> None:
    NO_BUS(machine)
    results = machine.results()
    narrow = checkup.describe(results, False, columns)
    assert narrow.split() == checkup.describe(results, False).split()
    assert "-> sudo modprobe i2c-dev\n" in narrow
    for line in narrow.splitlines():
        assert len(line) <= columns or "->" in line or len(line.split()[-1]) > 20, line
    coloured = checkup.describe(results, True, columns)
    assert re.sub("\x1b\\[[0-9]*m", "", coloured) == narrow
