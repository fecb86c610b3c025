"""What enable-i2c.sh makes of config.txt: a file that has I2C on already is left alone."""

from __future__ import annotations

import pytest

from tests.install.machine import Machine

BOOT = "/boot/firmware/config.txt"
PI_5 = "Raspberry Pi 5 Model B Rev 1.0"
PI_4 = "Raspberry Pi 4 Model B Rev 1.4"

ON = {
    "as raspi-config writes it": "dtparam=i2c_arm=on",
    "by its short name": "dtparam=i2c=on",
    "by its number": "dtparam=i2c1=on",
    "without a value": "dtparam=i2c_arm",
    "the short name without a value": "dtparam=i2c",
    "by the old name": "device_tree_param=i2c_arm=on",
    "true": "dtparam=i2c_arm=true",
    "1": "dtparam=i2c_arm=1",
    "in a list": "dtparam=spi=on,i2c_arm=on",
    "first in a list": "dtparam=i2c_arm=on,i2c_arm_baudrate=400000",
    "without a value in a list": "dtparam=audio=on,i2c,spi",
    "lines of Windows": "# a\r\ndtparam=i2c_arm=on\r\n",
    "without a value, lines of Windows": "dtparam=i2c\r\n",
    "blanks at the end": "dtparam=i2c_arm=on  ",
    "for all": "[all]\ndtparam=i2c_arm=on",
    "for all, lines of Windows": "[pi4]\r\n[all]\r\ndtparam=i2c_arm=on\r\n",
    "for a Pi 5": "[pi5]\ndtparam=i2c_arm=on",
    "off, then on": "dtparam=i2c_arm=off\ndtparam=i2c_arm=on",
    "off for another model": "dtparam=i2c_arm=on\n[pi4]\ndtparam=i2c_arm=off",
    "one model after another": "[pi4]\n[pi5]\ndtparam=i2c_arm=on",
    "for all after a monitor": "[EDID=A-B]\n[all]\ndtparam=i2c_arm=on",
}
OFF = {
    "nothing": "",
    "a comment": "#dtparam=i2c_arm=on",
    "off": "dtparam=i2c_arm=off",
    "on, then off": "dtparam=i2c_arm=on\ndtparam=i2c_arm=off",
    "on, then off by another name": "dtparam=i2c_arm=on\ndtparam=spi=on,i2c=off",
    "off for a Pi 5": "dtparam=i2c_arm=on\n[pi5]\ndtparam=i2c_arm=off",
    "for another model": "[pi4]\ndtparam=i2c_arm=on",
    "for another model, lines of Windows": "[pi4]\r\ndtparam=i2c_arm=on\r\n",
    "for nobody": "[none]\ndtparam=i2c_arm=on",
    "for one board": "[0x12345678]\ndtparam=i2c_arm=on",
    "for a monitor, and a Pi 5": "[EDID=A-B]\n[pi5]\ndtparam=i2c_arm=on",
    "for a Compute Module": "[cm5]\ndtparam=i2c_arm=on",
    "its speed": "dtparam=i2c_arm_baudrate=400000",
    "another bus": "dtparam=i2c0=on,i2c_vc=on",
    "another setting": "hdmi_group=i2c_arm=on",
}


def enable(machine: Machine, text: str, model: str = PI_5, before: str = "") -> tuple[str, str]:
    """What config.txt holds then, and what was said."""
    script = f"""
        mkdir -p /boot/firmware; printf '%s' "$TEXT" >{BOOT}
        mount -t tmpfs tmpfs /sys/firmware && mkdir -p /sys/firmware/devicetree/base
        printf '%s\\0' '{model}' >/sys/firmware/devicetree/base/model
        {before}
        sh systemd/enable-i2c.sh 1 >/said; cat {BOOT}
    """
    done = machine.run(script, TEXT=text)
    assert done.stderr == ""
    return done.stdout, machine.run("cat /said").stdout


@pytest.mark.parametrize("text", ON.values(), ids=ON)
def test_on_already_is_left_alone_and_wants_a_reboot(machine: Machine, text: str) -> None:
    after, said = enable(machine, text)
    assert after == text.replace("\r\n", "\n"), "as read in text mode"
    assert "enables it: REBOOT" in said
    assert machine.run("ls /boot/firmware").stdout == "config.txt\n"


@pytest.mark.parametrize("text", OFF.values(), ids=OFF)
def test_off_is_switched_on_and_then_on_already(machine: Machine, text: str) -> None:
    after, said = enable(machine, text)
    assert after.endswith("\n[all]\n# a1d: the bus of the case\ndtparam=i2c_arm=on\n")
    assert f"CHANGED {BOOT}" in said
    assert machine.run(f"cat {BOOT}.before-a1d").stdout == text.replace("\r\n", "\n")
    assert "enables it: REBOOT" in enable(machine, after)[1]


def test_a_pi_4_heeds_the_sections_for_a_pi_4(machine: Machine) -> None:
    assert "enables it" in enable(machine, "[pi4]\ndtparam=i2c_arm=on", PI_4)[1]
    assert "CHANGED" in enable(machine, "[pi5]\ndtparam=i2c_arm=on", PI_4)[1]
    assert "enables it" in enable(machine, "[cm5]\ndtparam=i2c_arm=on", "Raspberry Pi Compute Module 5 Rev 1.0")[1]


def test_what_the_next_kernel_writes_has_it_too_and_once(machine: Machine) -> None:
    """Killed between the two files, a second run does the other one."""
    text = "# by raspi-firmware\n"
    custom = "/etc/default/raspi-firmware-custom"
    assert f"CHANGED {custom}" in enable(machine, text)[1]
    machine.run(f"rm {BOOT}.before-a1d")
    after, said = enable(machine, text)
    assert after.endswith("dtparam=i2c_arm=on\n")
    assert custom not in said
    assert machine.run(f"grep -c i2c_arm=on {custom}").stdout == "1\n"


def test_half_a_copy_is_no_copy(machine: Machine) -> None:
    """cp, killed."""
    enable(machine, "gpu_mem=16\n", before=f"echo g >{BOOT}.before-a1d.new")
    assert machine.run("cd /boot/firmware && ls && cat *before-a1d").stdout.splitlines() == [
        "config.txt",
        "config.txt.before-a1d",
        "gpu_mem=16",
    ]
