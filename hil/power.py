"""The checks of the power. They take the machine down, so they run on the host. Each leaves the machine running."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from hil.virtual.vm import End, Vm

# The case's own power cut after a hold comes so late that it cannot be mistaken for the cut that a1d asks for.
CMDLINE = "a1d_case.log_transfers=1 a1d_case.hold_cut_delay_ms=900000"
CLOCK = "/usr/lib/systemd/system-shutdown/hil-clock"
CLOCK_TEXT = b"#!/bin/sh\necho '<4>hil: the hooks begin' >/dev/kmsg\n"
# From the first shutdown hook to the request for the cut: on a good bus, and when every second transfer fails.
HOOK_MAX_S, HOOK_RETRIES_MAX_S = 0.3, 0.5
CONFIG = "/etc/a1d/config.yaml"
SOURCE = "/root/a1d"  # in the machine; a1d is installed from here

EARLY = "/etc/systemd/system/hil-early.service"
# Only the pulses: after a real hold the case would cut the power in the middle of a later check.
EARLY_TEXT = b"""[Unit]
Before=a1d.service
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -c 'for i in 20000 40000 20000; do echo $$i >/sys/kernel/debug/a1d_case/pulse_us; sleep 0.3; done'
[Install]
RequiredBy=a1d.service
"""

PowerCheckFunction = Callable[[Vm], str]
POWER_CHECKS: list[tuple[str, PowerCheckFunction]] = []


def check(text: str) -> Callable[[PowerCheckFunction], PowerCheckFunction]:
    """Register a function under the sentence that it checks."""

    def register(function: PowerCheckFunction) -> PowerCheckFunction:
        POWER_CHECKS.append((text, function))
        return function

    return register


def set_up(vm: Vm) -> None:
    """What each of these checks begins with: a1d as installed, cool, and listening to the button."""
    vm.set_case("temp_millicelsius", 45000)
    vm.run(f"cp {SOURCE}/systemd/config.yaml {CONFIG} && systemctl reload a1d", check=True)
    wait_listening(vm)


def wait_listening(vm: Vm) -> None:
    """Until a1d watches the button. It opens the line after READY, and a press before that is lost."""
    vm.run("until a1d-ctl status | grep -q '^button *watched'; do sleep 1; done", timeout=60, check=True)


def reboots(vm: Vm, begin: Callable[[], object]) -> str:
    """What ``begin`` begins ends with a reboot, and not with the cut."""
    boots, console = vm.boots, len(vm.console)
    begin()
    vm.wait_reboot(boots=boots + 1)
    vm.wait_up()
    assert "power cut" not in vm.console[console:], "the power cut was armed"
    return ""


def is_cut(vm: Vm, begin: Callable[[], object], within_s: float = HOOK_MAX_S) -> str:
    """What ``begin`` begins ends with the cut, asked for ``within_s`` of the first hook. Leaves the machine running."""
    console = len(vm.console)
    begin()
    end = vm.wait_exit(300)
    said = vm.console[console:]
    vm.start()
    vm.wait_boot()
    vm.wait_up()
    assert end is End.POWER_CUT, f"{end.value}: {said[-300:]}"
    tries = re.search(r"a1d-powercut: asked the case to cut the power \(\w+, try (\d+)\)", said)
    assert tries, said[-300:]
    assert (int(tries[1]) > 1) == (within_s != HOOK_MAX_S), f"try {tries[1]}"
    begun = re.search(r"\[ *([\d.]+)\] hil: the hooks begin", said)
    asked = re.search(r"\[ *([\d.]+)\] a1d-case: \S+ w 86=01", said)
    assert begun and asked, said[-300:]
    took_s = float(asked[1]) - float(begun[1])
    assert 0 < took_s < within_s, f"the request came after {took_s:.2f} s"
    return f"asked {took_s:.2f} s after the hooks began"


def _command(vm: Vm, text: str) -> Callable[[], object]:
    # Not waited for: the machine may be down before it can answer.
    return lambda: vm.run(f"systemd-run -q --on-active=1 {text}", check=True)


def press(vm: Vm, gesture: str) -> Callable[[], object]:
    """Does a gesture, ``double`` or ``hold``, when it is called."""
    return lambda: vm.set_case("press", gesture)


def _log_in(vm: Vm) -> None:
    vm.run("id ann || useradd -m ann", check=True)
    unit = "-p PAMName=login -p User=ann -p StandardInput=null -p TTYPath=/dev/tty2"
    vm.run(f"systemd-run -q --unit=session-ann {unit} sleep infinity", check=True)
    vm.run(
        "for i in 1 2 3 4 5 6 7 8 9; do loginctl list-sessions | grep -q ann && exit; sleep 1; done; exit 1", check=True
    )


@check("a double press reboots, and the power is not cut")
def double_press(vm: Vm) -> str:
    """The MCU sends a pulse of 20 ms."""
    return reboots(vm, press(vm, "double"))


@check("a double press reboots with somebody logged in")
def double_press_in_session(vm: Vm) -> str:
    """polkit asks for another permission then."""
    _log_in(vm)
    return reboots(vm, press(vm, "double"))


@check("a hold powers off, and the cut is asked for last")
def hold(vm: Vm) -> str:
    """The MCU sends a pulse of 40 ms."""
    return is_cut(vm, press(vm, "hold"))


@check("a hold powers off with somebody logged in")
def hold_in_session(vm: Vm) -> str:
    """polkit asks for another permission then."""
    _log_in(vm)
    return is_cut(vm, press(vm, "hold"))


@check("a hold powers off while something inhibits shutdowns")
def hold_inhibited(vm: Vm) -> str:
    """After a hold the case cuts the power in any case, so a1d must not wait."""
    vm.run("systemd-run -q systemd-inhibit --what=shutdown --mode=block sleep infinity", check=True)
    return is_cut(vm, press(vm, "hold"))


@check("a hold powers off while every third transfer hangs, and the cut is asked for all the same")
def hold_while_bus_hangs(vm: Vm) -> str:
    """A time-out takes 0.3 s. The hook has 2 s for four transfers and the waits between them."""
    vm.set_case("fault_every", 3)
    vm.set_case("fault", "timeout")
    return is_cut(vm, press(vm, "hold"), 1.5)


@check("systemctl poweroff cuts the power")
def poweroff(vm: Vm) -> str:
    """Without a press of the button."""
    return is_cut(vm, _command(vm, "systemctl poweroff"))


@check("systemctl halt cuts the power")
def halt(vm: Vm) -> str:
    """Without a press of the button."""
    return is_cut(vm, _command(vm, "systemctl halt"))


@check("systemctl poweroff cuts the power with every second transfer failing and no readable configuration")
def poweroff_in_trouble(vm: Vm) -> str:
    """And without the settings file that the daemon leaves for the hook."""
    vm.put(CONFIG, b"{{{")
    vm.run("rm /run/a1d/stop.json", check=True)
    vm.set_case("fault_every", 2)
    vm.set_case("fault", "nak")
    return is_cut(vm, _command(vm, "systemctl poweroff"), HOOK_RETRIES_MAX_S)


@check("systemctl reboot does not cut the power; a press at boot, before a1d listens, is lost and does nothing later")
def reboot(vm: Vm) -> str:
    """No program listens yet. (After a hold a real case still cuts the power.)"""
    boots = vm.boots
    vm.put(EARLY, EARLY_TEXT)
    vm.run("systemctl enable -q hil-early", check=True)
    reboots(vm, _command(vm, "systemctl reboot"))
    pressed = vm.run("systemctl show -p ActiveState --value hil-early; systemctl disable -q hil-early", check=True)
    assert pressed.stdout == "active\n", pressed.stdout
    wait_listening(vm)
    button = vm.run("a1d-ctl status | grep ^button", check=True).stdout
    assert "0 double presses, 0 holds" in button, button
    assert vm.boots == boots + 1, "it acted on a press that came before it listened"
    return ""


# As on NixOS: shutdown hooks are looked for below /etc, and /etc is an overlay that is unmounted before.
_NIXOS_LIKE = """
set -e
hooks=/usr/lib/systemd/system-shutdown
mkdir -p /var/lib/hil-system/etc/systemd /run/over/up /run/over/work
cp -a $hooks /var/lib/hil-system/etc/systemd/system-shutdown
mv $hooks $hooks.away
ln -s /etc/systemd/system-shutdown $hooks
ln -sfn /var/lib/hil-system /run/current-system
mount -t overlay overlay -o lowerdir=/etc,upperdir=/run/over/up,workdir=/run/over/work /etc
ln -s /run/current-system/etc/systemd/system-shutdown /etc/systemd/system-shutdown
"""
_NIXOS_NO_MORE = """
hooks=/usr/lib/systemd/system-shutdown
rm -rf $hooks /etc/systemd/system-shutdown /var/lib/hil-system && mv $hooks.away $hooks
"""


@check("NixOS with an overlay on /etc: no power cut by the hook in it, but by the module's link beneath it")
def overlay_on_etc(vm: Vm) -> str:
    """The module's own script; everything else is imitated, on Debian."""
    module = Path(__file__).parents[1].joinpath("nixos-module/default.nix").read_text()
    script = module.partition("script = ''\n")[2].partition("'';")[0]
    assert "mount --bind" in script
    vm.run(_NIXOS_LIKE, check=True)
    _command(vm, "systemctl poweroff")()
    end = vm.wait_exit(300)
    vm.start()
    vm.wait_boot()
    vm.wait_up()
    assert end is End.POWER_OFF, f"the hook in the overlay was found: {end.value}"
    vm.run(_NIXOS_NO_MORE + _NIXOS_LIKE, check=True)
    vm.put("/root/link-beneath", script.encode())
    beneath = "-p PrivateMounts=yes -p RuntimeDirectory=a1d-root"
    vm.run(f"systemd-run -q --wait {beneath} sh -e /root/link-beneath", check=True)
    try:
        return is_cut(vm, _command(vm, "systemctl poweroff"))
    finally:
        vm.run(_NIXOS_NO_MORE, check=True)
