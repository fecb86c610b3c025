"""``python3 -m hil.host``: the whole suite in virtual machines: build, boot, install as README says, try, tell."""

from __future__ import annotations

import argparse
import json
import queue
import shutil
import signal
import subprocess
import sys
import threading
import time
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import hil.case_trial  # noqa: F401 - registers a promise
from hil.power import CLOCK, CLOCK_TEXT, CMDLINE, POWER_PROMISES, SOURCE, calm
from hil.promise import Outcome
from hil.virtual.image import CACHE, build
from hil.virtual.vm import SHARE, SUITES, BuildError, Vm, boot

ROOT = Path(__file__).parents[1]
PYTHONS = {"bookworm": "3.11", "trixie": "3.13"}
# What takes minutes; begun first, so that no machine waits for it in the end.
LONG = ("upgrade", "soak")
# Of the host's time. A guest that does nothing but wait gets through an hour in a moment.
PROMISE_MAX_S = 1800.0


def share(suite: str) -> Path:
    """What the guest gets to see: the sources, and the wheels that a Pi would fetch from the network."""
    place = CACHE / suite / "share"
    asked = (ROOT / "pyproject.toml").read_text()
    wheels = place / "wheels"
    if not (wheels / "asked.toml").exists() or (wheels / "asked.toml").read_text() != asked:
        new = place / "wheels.new"
        for old in (new, wheels):
            shutil.rmtree(old, ignore_errors=True)
        _download(new, suite, tomllib.loads(asked))
        (new / "asked.toml").write_text(asked)
        new.rename(wheels)
    shutil.rmtree(place / "source", ignore_errors=True)
    for name in source_files():
        target = place / "source" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target)
    return place


def _download(place: Path, suite: str, project: dict[str, Any]) -> None:
    wanted = [*project["project"]["dependencies"], *project["build-system"]["requires"], "wheel"]
    as_source = [each for each in wanted if each.startswith("sdnotify")]  # it has no wheels
    fetch = [sys.executable, "-m", "pip", "download", "-q", "--dest", str(place)]
    target = ["--only-binary", ":all:", "--python-version", PYTHONS[suite]]
    target += ["--platform", "manylinux_2_28_x86_64", "--platform", "manylinux2014_x86_64"]
    subprocess.run([*fetch, *target, *(each for each in wanted if each not in as_source)], check=True)
    subprocess.run([*fetch, "--no-deps", "--no-binary", ":all:", *as_source], check=True)


def source_files() -> list[str]:
    """What git has of the sources, and what it would take."""
    # Root may try what belongs to somebody else.
    git = ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(git, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
    return [name for name in listed.split("\0") if name and (ROOT / name).exists()]


class Job(NamedTuple):
    """A promise to try in whichever machine is free."""

    promise: str
    try_it: Callable[[Vm], Outcome]


def install(vm: Vm) -> None:
    """The third command of README.md."""
    # While the guest waits for the host, its clock runs on: on a busy host these waits look very long from inside.
    vm.run(f"cp -r {SHARE}/source {SOURCE}", timeout=3600, host_timeout=PROMISE_MAX_S, check=True)
    where = f"PIP_NO_INDEX=1 PIP_FIND_LINKS={SHARE}/wheels"
    done = vm.run(f"cd {SOURCE} && {where} make install", timeout=7200, host_timeout=PROMISE_MAX_S, check=True)
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
        done = vm.run(
            f"cd {SOURCE} && python3 -m hil.suite --rig virtual --number {number}",
            timeout=36000,
            host_timeout=PROMISE_MAX_S,
        )
        if not done.stdout:
            return Outcome(text, "BROKEN", f"no result: {done.stderr[-300:]}", 0)
        return Outcome(**json.loads(done.stdout))

    return try_it


def _from_outside(text: str, check: Callable[[Vm], str]) -> Callable[[Vm], Outcome]:
    def try_it(vm: Vm) -> Outcome:
        calm(vm)
        return Outcome(text, "kept", check(vm), 0)

    return try_it


def work(suite: str, waiting: queue.SimpleQueue[Job], outcomes: list[Outcome], machines: list[Vm]) -> None:
    """One machine, until nothing waits. Whatever ends it early is a broken promise, too."""
    try:
        with boot(suite, icount=True, share=CACHE / suite / "share", cmdline=CMDLINE) as vm:
            machines.append(vm)
            vm.wait_up()
            install(vm)
            while True:
                outcome = try_one(waiting.get_nowait(), vm)
                outcomes.append(outcome)
                show(outcome)
                if outcome.result == "BROKEN":
                    # Whatever it left behind must not be the next one's fault.
                    vm.power_cut()
                    vm.start()
                    vm.wait_boot()
                    vm.wait_up()
    except queue.Empty:
        pass
    except Exception as error:
        outcomes.append(Outcome("a machine boots, and a1d installs", "BROKEN", _in_words(error), 0))
        show(outcomes[-1])


def try_one(job: Job, vm: Vm) -> Outcome:
    """An error of any kind is a broken promise."""
    begin_s = time.monotonic()
    try:
        outcome = job.try_it(vm)
    except Exception as error:
        outcome = Outcome(job.promise, "BROKEN", _in_words(error), 0)
    return outcome._replace(remark=" ".join(outcome.remark.split()), took_s=time.monotonic() - begin_s)


def _in_words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[-400:]


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
    source_files()  # fails at once, if it does
    try:
        build(options.suite)
    except BuildError as error:
        print(error, file=sys.stderr)
        return 1
    share(options.suite)
    print(f"| promise | {options.suite} | remark | took |\n|---|---|---|---|", flush=True)
    outcomes: list[Outcome] = []
    machines: list[Vm] = []
    workers = [
        threading.Thread(target=work, args=(options.suite, waiting, outcomes, machines), daemon=True)
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
        outcomes.append(Outcome(waiting.get().promise, "BROKEN", "not tried: no machine was left", 0))
    broken = [outcome for outcome in outcomes if outcome.result == "BROKEN"]
    kept = sum(outcome.result == "kept" for outcome in outcomes)
    skipped = len(outcomes) - kept - len(broken)
    print(f"{kept} kept, {len(broken)} broken, {skipped} skipped in {time.monotonic() - begin_s:.0f} s")
    for outcome in broken:
        print(f"BROKEN: {outcome.promise}: {outcome.remark}")
    return int(bool(broken) or not kept)


if __name__ == "__main__":
    sys.exit(main())
