"""``python3 -m hil.host``: the whole suite in a virtual machine: build, boot, install as README says, try, tell."""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from hil.promise import Outcome
from hil.virtual.image import CACHE
from hil.virtual.vm import SHARE, SUITES, End, Vm, boot

ROOT = Path(__file__).parents[1]
PYTHONS = {"bookworm": "3.11", "trixie": "3.13"}
# How long after a hold the case cuts the power by itself; far too long to be mistaken for what a1d asks for.
CMDLINE = "a1d_case.log_transfers=1 a1d_case.hold_cut_delay_ms=900000"
CLOCK = "/usr/lib/systemd/system-shutdown/hil-clock"
# After the hooks have begun: on a sound bus, and on one that fails every second time.
HOOK_MAX_S, HOOK_RETRIES_MAX_S = 0.3, 0.5


def share(suite: str) -> Path:
    """What the guest gets to see: the sources, and the wheels that a Pi would fetch from the network."""
    place = CACHE / suite / "share"
    wheels = place / "wheels"
    if not wheels.exists():
        fetch = [sys.executable, "-m", "pip", "download", "-q", "--dest", str(wheels)]
        target = ["--only-binary", ":all:", "--python-version", PYTHONS[suite], "--platform", "manylinux_2_28_x86_64"]
        target += ["--platform", "manylinux2014_x86_64"]
        dependencies = ["smbus2", "gpiozero>=2.0.1.post3", "gpiod>=2.2", "pyyaml>=6", "setuptools>=77", "wheel"]
        subprocess.run([*fetch, *target, *dependencies], check=True)
        subprocess.run([*fetch, "--no-deps", "--no-binary", ":all:", "sdnotify"], check=True)
    shutil.rmtree(place / "source", ignore_errors=True)
    files = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    for name in filter(None, files.stdout.split("\0")):
        target_file = place / "source" / name
        target_file.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target_file)
    return place


def install(vm: Vm) -> None:
    """The third command of README.md."""
    # While the guest waits for the host, its clock runs on: on a busy host these waits look very long from inside.
    vm.run(f"cp -r {SHARE}/source /root/a1d", timeout=3600, check=True)
    done = vm.run(f"cd /root/a1d && PIP_NO_INDEX=1 PIP_FIND_LINKS={SHARE}/wheels make install", timeout=7200, check=True)
    print(done.stdout, flush=True)
    vm.put(CLOCK, b"#!/bin/sh\necho '<4>hil: the hooks begin' >/dev/kmsg\n", 0o755)


def suite_outcomes(vm: Vm, only: str) -> list[Outcome]:
    """The promises that are tried from within, each shown as it ends."""
    suite = "cd /root/a1d && python3 -m hil.suite --rig virtual"
    outcomes = []
    for number, text in enumerate(json.loads(vm.run(f"{suite} --list", check=True).stdout)):
        if only in text:
            begin_s = time.monotonic()
            done = vm.run(f"{suite} --number {number}", timeout=7200)
            if done.stdout:
                outcome = Outcome(**json.loads(done.stdout))._replace(took_s=time.monotonic() - begin_s)
            else:
                outcome = Outcome(text, "BROKEN", f"no result: {done.stderr[-300:]}", time.monotonic() - begin_s)
            outcomes.append(outcome)
            show(outcome)
    return outcomes


# -- the promises about the power; each leaves the machine running ----------------------------------


def _reboots(vm: Vm, begin: Callable[[], object]) -> str:
    boots, console = vm.boots, len(vm.console)
    begin()
    vm.wait_reboot(boots=boots + 1)
    vm.wait_up()
    assert "power cut" not in vm.console[console:], "the power cut was armed"
    return ""


def _is_cut(vm: Vm, begin: Callable[[], object], within_s: float = HOOK_MAX_S) -> str:
    console = len(vm.console)
    begin()
    end = vm.wait_exit(300)
    said = vm.console[console:]
    vm.start()
    vm.wait_boot()
    vm.wait_up()
    assert end is End.POWER_CUT, f"{end.value}: {said[-300:]}"
    assert "a1d-powercut: asked the case to cut the power" in said, said[-300:]
    begun = re.search(r"\[ *([\d.]+)\] hil: the hooks begin", said)
    asked = re.search(r"\[ *([\d.]+)\] a1d-case: \S+ w 86=01", said)
    assert begun and asked, said[-300:]
    took_s = float(asked[1]) - float(begun[1])
    assert took_s < within_s, f"the request came after {took_s:.2f} s"
    return f"asked {took_s:.2f} s after the hooks began"


def _is_cut_late(vm: Vm, begin: Callable[[], object]) -> str:
    return _is_cut(vm, begin, HOOK_RETRIES_MAX_S)


def _session(vm: Vm) -> None:
    vm.run("id ann || useradd -m ann", check=True)
    unit = "-p PAMName=login -p User=ann -p StandardInput=null -p TTYPath=/dev/tty2"
    vm.run(f"systemd-run -q --unit=session-ann {unit} sleep infinity", check=True)
    vm.run(
        "for i in 1 2 3 4 5 6 7 8 9; do loginctl list-sessions | grep -q ann && exit; sleep 1; done; exit 1", check=True
    )


def power_outcomes(vm: Vm, only: str) -> list[Outcome]:
    """The promises that take the machine down, tried from outside."""

    def command(text: str) -> Callable[[], object]:
        # Not waited for: it may go down before it can answer.
        return lambda: vm.run(f"systemd-run -q --on-active=1 {text}", check=True)

    def press(gesture: str) -> Callable[[], object]:
        return lambda: vm.set_case("press", gesture)

    def trouble() -> None:
        vm.put("/etc/a1d/config.yaml", b"{{{")
        vm.run("rm /run/a1d/stop.json", check=True)
        vm.set_case("fault_every", 2)
        vm.set_case("fault", "nak")
        command("systemctl poweroff")()

    def press_in_session(gesture: str) -> Callable[[], object]:
        def do() -> None:
            _session(vm)
            vm.set_case("press", gesture)

        return do

    promises: list[tuple[str, Callable[[Vm, Callable[[], object]], str], Callable[[], object]]] = [
        ("a double press reboots, and the power is not cut", _reboots, press("double")),
        ("a double press reboots with somebody logged in", _reboots, press_in_session("double")),
        ("systemctl reboot does not cut the power", _reboots, command("systemctl reboot")),
        ("a hold powers off, and the cut is asked for last", _is_cut, press("hold")),
        ("a hold powers off with somebody logged in", _is_cut, press_in_session("hold")),
        ("systemctl poweroff cuts the power", _is_cut, command("systemctl poweroff")),
        ("systemctl halt cuts the power", _is_cut, command("systemctl halt")),
        ("it does so with every second transfer failing and no readable configuration", _is_cut_late, trouble),
    ]
    outcomes = []
    for text, check, begin in promises:
        if only not in text:
            continue
        begin_s = time.monotonic()
        try:
            # The line is requested after READY; a press before that is lost.
            vm.run("until a1d-ctl status | grep -q watched; do sleep 1; done", timeout=60)
            result, remark = "kept", check(vm, begin)
        except Exception as error:
            result, remark = "BROKEN", f"{type(error).__name__}: {error}"
        outcomes.append(Outcome(text, result, " ".join(remark.split())[:400], time.monotonic() - begin_s))
        show(outcomes[-1])
    return outcomes


def show(outcome: Outcome) -> None:
    """A row of the table."""
    print(f"| {outcome.promise} | {outcome.result} | {outcome.remark} | {outcome.took_s:.0f} s |", flush=True)


def main() -> int:
    """Exit code 0 if no promise is broken."""
    parser = argparse.ArgumentParser(prog="hil.host", description=__doc__)
    parser.add_argument("--suite", choices=SUITES, default="trixie")
    parser.add_argument("--only", default="", metavar="TEXT", help="promises that contain this")
    options = parser.parse_args()
    begin_s = time.monotonic()
    with boot(options.suite, icount=True, share=share(options.suite), cmdline=CMDLINE) as vm:
        vm.wait_up()
        install(vm)
        print(f"| promise | {options.suite} | remark | took |\n|---|---|---|---|", flush=True)
        outcomes = suite_outcomes(vm, options.only)
        outcomes += power_outcomes(vm, options.only)
    broken = sum(outcome.result == "BROKEN" for outcome in outcomes)
    kept = sum(outcome.result == "kept" for outcome in outcomes)
    print(
        f"{kept} kept, {broken} broken, {len(outcomes) - kept - broken} skipped in {time.monotonic() - begin_s:.0f} s"
    )
    return int(broken > 0 or not kept)


if __name__ == "__main__":
    sys.exit(main())
