"""``python3 -m hil.host``: the whole suite in virtual machines.

It builds the image, installs a1d on its disk as README says, boots the machines from that, runs each check in
whichever machine is free, and prints a table. The last line is the count: ``68 passed, 0 failed, 0 skipped``.
"""

from __future__ import annotations

import argparse
import json
import os
import queue
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import hil.case_trial  # noqa: F401 - registers a check
from hil import package_trial
from hil.check import Outcome, count
from hil.installed_disk import ROOT, copy_checks, installed, source_files
from hil.power import CMDLINE, POWER_CHECKS, SOURCE, set_up
from hil.virtual.image import cache
from hil.virtual.vm import SUITES, BuildError, CommandFailedError, GuestGoneError, GuestTimeoutError, Vm

# These take minutes. They begin first, so that at the end no machine waits for another.
LONG = ("upgrade", "soak", "a run on somebody's machine")
# What another processor could make different. CI runs these on arm64, and all of them on amd64.
BY_PROCESSOR = (
    *("READY comes only", "as installed: a step", "the duty follows a ramp", "idle for ten minutes", "memory:"),
    *("systemctl restart", "a double press reboots, and", "a hold powers off, and", "the sandbox is in force"),
    "what a1d takes from",
)
# In host time. A guest that only waits gets through an hour of its own time in a moment.
CHECK_MAX_S = 1800.0
# CI repeats one soak, so that it is red only for what a commit did; everybody else draws a new seed each time.
_SEED = os.environ.get("A1D_SOAK_SEED") or ("1" if "CI" in os.environ else "")
_SOAK_SEED = f"A1D_SOAK_SEED={shlex.quote(_SEED)}"


class Job(NamedTuple):
    """A check to run in whichever machine is free. ``vm`` is None for one that has a machine of its own."""

    check: str
    try_it: Callable[[Vm | None], Outcome]
    is_alone: bool = False


def jobs(suite: str, only: Sequence[str]) -> list[Job]:
    """Every check that contains one of ``only``: that with a machine of its own first, then the longest, then those
    that reboot the machine."""
    listed = subprocess.run(
        [sys.executable, "-m", "hil.suite", "--rig", "virtual", "--list"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    inside = [Job(text, _from_inside(text, number)) for number, text in enumerate(json.loads(listed.stdout))]
    outside = [Job(text, _from_outside(text, function)) for text, function in POWER_CHECKS]
    found = [job for job in [_package(suite), *outside, *inside] if any(text in job.check for text in only)]
    return sorted(found, key=lambda job: not job.is_alone and not job.check.startswith(LONG))


def _package(suite: str) -> Job:
    def try_it(_: Vm | None) -> Outcome:
        try:
            return Outcome(package_trial.TEXT, "passed", package_trial.try_package(suite, source_files()), 0)
        except BuildError as error:
            if "CI" in os.environ:
                raise
            return Outcome(package_trial.TEXT, "skipped", str(error), 0)

    return Job(package_trial.TEXT, try_it, is_alone=True)


def _from_inside(text: str, number: int) -> Callable[[Vm | None], Outcome]:
    def try_it(vm: Vm | None) -> Outcome:
        assert vm
        done = vm.run(
            f"cd {SOURCE} && {_SOAK_SEED} python3 -m hil.suite --rig virtual --number {number}",
            timeout=36000,
            host_timeout=CHECK_MAX_S,
        )
        if not done.stdout:
            return Outcome(text, "FAILED", f"no result: {done.stderr[-300:]}", 0)
        outcome = Outcome(**json.loads(done.stdout))
        if outcome.check != text:
            return Outcome(text, "FAILED", "the sources were changed while the suite began: run it again", 0)
        return outcome

    return try_it


def _from_outside(text: str, function: Callable[[Vm], str]) -> Callable[[Vm | None], Outcome]:
    def try_it(vm: Vm | None) -> Outcome:
        assert vm
        set_up(vm)
        return Outcome(text, "passed", function(vm), 0)

    return try_it


def work(image: Path, waiting: queue.SimpleQueue[Job], outcomes: list[Outcome], machines: list[Vm]) -> None:
    """Run checks in one machine until none is left. Whatever ends the machine early counts as a failed check."""
    job = None
    try:
        job = waiting.get_nowait()
        while job.is_alone:
            outcomes.append(try_one(job, None))
            print(outcomes[-1].row(), flush=True)
            job = waiting.get_nowait()
        with Vm(image, icount=True, cmdline=CMDLINE) as vm:
            machines.append(vm)
            vm.wait_up()
            copy_checks(vm)
            while True:
                outcome = try_one(job, vm)
                outcomes.append(outcome)
                print(outcome.row(), flush=True)
                if outcome.result == "FAILED" and not waiting.empty():
                    # A fresh start, so that this failure does not cause the next one.
                    vm.power_cut()
                    vm.start()
                    vm.wait_boot()
                    vm.wait_up()
                job = waiting.get_nowait()
    except queue.Empty:
        pass
    except Exception as error:
        if job and job.check not in [outcome.check for outcome in outcomes]:
            waiting.put(job)
        outcomes.append(Outcome("a machine boots with a1d installed", "FAILED", _in_words(error), 0))
        print(outcomes[-1].row(), flush=True)


def try_one(job: Job, vm: Vm | None) -> Outcome:
    """An error of any kind is a failed check."""
    begin_s = time.monotonic()
    try:
        outcome = job.try_it(vm)
    except Exception as error:
        outcome = Outcome(job.check, "FAILED", _in_words(error), 0)
    return outcome._replace(remark=" ".join(outcome.remark.split()), took_s=time.monotonic() - begin_s)


def _in_words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[-400:]


def main() -> int:
    """Exit code 0 if at least one check passed and none failed, 130 after Ctrl-C, 1 otherwise."""
    parser = argparse.ArgumentParser(prog="hil.host", description=__doc__)
    parser.add_argument("--suite", choices=SUITES, default="trixie")
    only = "only checks that contain this text, or one of them if it is given more than once"
    parser.add_argument("--only", action="append", default=[], metavar="TEXT", help=only)
    parser.add_argument("--processor", action="store_true", help="only what another processor could make different")
    parser.add_argument("--machines", type=int, default=2, metavar="N", help="how many run at once (2)")
    parser.add_argument("--prepare", action="store_true", help="install a1d on the disk they start from, and end")
    options = parser.parse_args()
    begin_s = time.monotonic()
    found = jobs(options.suite, options.only or (BY_PROCESSOR if options.processor else [""]))
    if not found:
        parser.error(f"no check contains {' or '.join(options.only)}")
    waiting: queue.SimpleQueue[Job] = queue.SimpleQueue()
    for job in found:
        waiting.put(job)
    source_files()  # if git is missing, fail before the build
    try:
        image = installed(options.suite)
    except BuildError as error:
        print(error, file=sys.stderr)
        return 1
    except (CommandFailedError, GuestTimeoutError, GuestGoneError, RuntimeError) as error:
        print(f"a1d does not install: {_in_words(error)}\n{count([])}", file=sys.stderr)
        return 1
    if options.prepare:
        return 0
    print(f"| check | {cache(options.suite).name} | remark | took |\n|---|---|---|---|", flush=True)
    outcomes: list[Outcome] = []
    machines: list[Vm] = []
    workers = [
        threading.Thread(target=work, args=(image, waiting, outcomes, machines), daemon=True)
        for _ in range(min(options.machines, len(found)))
    ]
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    except KeyboardInterrupt:
        for vm in machines:
            vm.close()
        return 130
    while not waiting.empty():
        outcomes.append(Outcome(waiting.get().check, "FAILED", "not run: no machine was left", 0))
    failed = [outcome for outcome in outcomes if outcome.result == "FAILED"]
    print(f"took {time.monotonic() - begin_s:.0f} s")
    for outcome in failed:
        print(f"FAILED: {outcome.check}: {outcome.remark}")
    print(count(outcomes), flush=True)
    return int(bool(failed) or all(outcome.result == "skipped" for outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main())
