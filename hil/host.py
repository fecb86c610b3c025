"""``python3 -m hil.host``: the whole suite in virtual machines: build, boot, install as README says, try, tell."""

from __future__ import annotations

import argparse
import json
import queue
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from hil.power import CLOCK, CLOCK_TEXT, CMDLINE, POWER_PROMISES, SOURCE, listening
from hil.promise import Outcome
from hil.virtual.image import CACHE, build
from hil.virtual.vm import SHARE, SUITES, Vm, boot

ROOT = Path(__file__).parents[1]
PYTHONS = {"bookworm": "3.11", "trixie": "3.13"}
# What takes minutes; begun first, so that no machine waits for it in the end.
LONG = ("upgrade", "soak")


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


class Job(NamedTuple):
    """A promise to try in whichever machine is free."""

    promise: str
    try_it: Callable[[Vm], Outcome]


def install(vm: Vm) -> None:
    """The third command of README.md."""
    # While the guest waits for the host, its clock runs on: on a busy host these waits look very long from inside.
    vm.run(f"cp -r {SHARE}/source {SOURCE}", timeout=3600, check=True)
    where = f"PIP_NO_INDEX=1 PIP_FIND_LINKS={SHARE}/wheels"
    done = vm.run(f"cd {SOURCE} && {where} make install", timeout=7200, check=True)
    print(done.stdout, flush=True)
    vm.put(CLOCK, CLOCK_TEXT, 0o755)


def jobs(only: str) -> list[Job]:
    """Every promise that contains ``only``; those that take longest first, and then those that boot."""
    listed = subprocess.run(
        [sys.executable, "-m", "hil.suite", "--rig", "virtual", "--list"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    inside = [Job(text, _from_inside(text, number)) for number, text in enumerate(json.loads(listed.stdout))]
    outside = [Job(text, _from_outside(text, check)) for text, check in POWER_PROMISES]
    found = [job for job in outside + inside if only in job.promise]
    return sorted(found, key=lambda job: not job.promise.startswith(LONG))


def _from_inside(text: str, number: int) -> Callable[[Vm], Outcome]:
    def try_it(vm: Vm) -> Outcome:
        done = vm.run(f"cd {SOURCE} && python3 -m hil.suite --rig virtual --number {number}", timeout=36000)
        if not done.stdout:
            return Outcome(text, "BROKEN", f"no result: {done.stderr[-300:]}", 0)
        return Outcome(**json.loads(done.stdout))

    return try_it


def _from_outside(text: str, check: Callable[[Vm], str]) -> Callable[[Vm], Outcome]:
    def try_it(vm: Vm) -> Outcome:
        listening(vm)
        return Outcome(text, "kept", check(vm), 0)

    return try_it


def work(suite: str, waiting: queue.SimpleQueue[Job]) -> list[Outcome]:
    """One machine, until nothing waits."""
    outcomes: list[Outcome] = []
    with boot(suite, icount=True, share=CACHE / suite / "share", cmdline=CMDLINE) as vm:
        vm.wait_up()
        install(vm)
        while True:
            try:
                job = waiting.get_nowait()
            except queue.Empty:
                return outcomes
            begin_s = time.monotonic()
            try:
                outcome = job.try_it(vm)
            except Exception as error:
                outcome = Outcome(job.promise, "BROKEN", f"{type(error).__name__}: {error}"[-400:], 0)
                # Whatever it left behind must not be the next one's fault.
                vm.power_cut()
                vm.start()
                vm.wait_boot()
                vm.wait_up()
            outcome = outcome._replace(remark=" ".join(outcome.remark.split()), took_s=time.monotonic() - begin_s)
            outcomes.append(outcome)
            show(outcome)


def show(outcome: Outcome) -> None:
    """A row of the table."""
    print(f"| {outcome.promise} | {outcome.result} | {outcome.remark} | {outcome.took_s:.0f} s |", flush=True)


def main() -> int:
    """Exit code 0 if no promise is broken."""
    parser = argparse.ArgumentParser(prog="hil.host", description=__doc__)
    parser.add_argument("--suite", choices=SUITES, default="trixie")
    parser.add_argument("--only", default="", metavar="TEXT", help="promises that contain this")
    parser.add_argument("--machines", type=int, default=2, metavar="N", help="at once (2)")
    options = parser.parse_args()
    begin_s = time.monotonic()
    found = jobs(options.only)
    if not found:
        parser.error(f"no promise contains {options.only!r}")
    waiting: queue.SimpleQueue[Job] = queue.SimpleQueue()
    for job in found:
        waiting.put(job)
    build(options.suite)
    share(options.suite)
    print(f"| promise | {options.suite} | remark | took |\n|---|---|---|---|", flush=True)
    machines = min(options.machines, len(found))
    with ThreadPoolExecutor(machines) as pool:
        workers = [pool.submit(work, options.suite, waiting) for _ in range(machines)]
        outcomes = [outcome for worker in workers for outcome in worker.result()]
    broken = [outcome for outcome in outcomes if outcome.result == "BROKEN"]
    kept = sum(outcome.result == "kept" for outcome in outcomes)
    skipped = len(outcomes) - kept - len(broken)
    print(f"{kept} kept, {len(broken)} broken, {skipped} skipped in {time.monotonic() - begin_s:.0f} s")
    for outcome in broken:
        print(f"BROKEN: {outcome.promise}: {outcome.remark}")
    return int(bool(broken) or not kept)


if __name__ == "__main__":
    sys.exit(main())
