"""Prints the table of docs/performance.md, measured now, on this machine."""

from __future__ import annotations

import compileall
import os
import platform
import random
import re
import resource
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from a1d.config.printer import print_config
from a1d.config.settings import Config

PYTHON = sys.executable
FAST_S = 0.1
TICKS = 200
BARE_LOOP = """
import os, sys, time
fd = os.open(sys.argv[1], os.O_RDONLY)
for _ in range(int(sys.argv[2])):
    time.sleep(float(sys.argv[3]))
    os.pread(fd, 32, 0)
"""


NOTING_SMBUS2 = """
import os, time
refusals = int(os.environ["REFUSALS"])

class SMBus:
    fd = os.open("/dev/null", os.O_RDWR)

    def __init__(self, bus=None): pass
    def open(self, bus): pass
    def close(self): pass

    def write_byte_data(self, address, register, value):
        global refusals
        if refusals:
            refusals -= 1
            raise OSError(121, "Remote I/O error")
        if register == 0x86:
            print(time.monotonic_ns(), flush=True)
"""


class Rig:
    """A directory with a sensor and a button, and the daemon living on it."""

    def __init__(self, directory: Path, interval_s: float) -> None:
        self.directory = directory
        zone = directory / "sys/class/thermal/thermal_zone0"
        zone.mkdir(parents=True)
        (zone / "type").write_text("cpu-thermal\n")
        self.temp = zone / "temp"
        self.set_temp(45.0)
        os.mkfifo(directory / "button")
        config = print_config(Config(interval_s=interval_s))
        (directory / "config.yaml").write_text(config)
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notify.bind(str(directory / "notify"))
        self.notify.settimeout(10)
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> float:
        """Seconds from the start of the interpreter to READY."""
        command = [PYTHON, "-m", "tests.bench.still_case", str(self.directory)]
        command += ["--run-dir", str(self.directory / "run"), "--config", str(self.directory / "config.yaml")]
        environment = {**os.environ, "NOTIFY_SOCKET": str(self.directory / "notify")}
        begin = time.perf_counter()
        self.process = subprocess.Popen(command, env=environment)
        while self.notify.recv(4096) != b"READY=1":
            pass
        return time.perf_counter() - begin

    def restart(self) -> float:
        """Seconds without control, as systemd does it: the old daemon ends, ExecStopPost, the new one is ready."""
        environment = {**os.environ, "RUNTIME_DIRECTORY": str(self.directory / "run"), "SERVICE_RESULT": "success"}
        time.sleep(1.0)  # by then the duty is confirmed, and a stop has nothing to wait for
        begin = time.perf_counter()
        self.stop()
        subprocess.run([PYTHON, "-m", "a1d.case.failsafe"], env=environment, check=True)
        self.start()
        return time.perf_counter() - begin

    def stop(self) -> None:
        assert self.process
        self.process.terminate()
        self.process.wait()

    def set_temp(self, celsius: float) -> None:
        fd = os.open(self.temp, os.O_WRONLY | os.O_CREAT)  # in place, as sysfs does: never empty in between
        os.pwrite(fd, f"{round(celsius * 1000)}\n".encode(), 0)
        os.close(fd)

    def status(self, key: str) -> int:
        assert self.process
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(rf"^{key}:\s+(\d+)", text, re.MULTILINE)
        assert found
        return int(found[1])

    def cpu_s(self) -> float:
        """Processor time so far, from the scheduler's own nanoseconds."""
        assert self.process
        return int(Path(f"/proc/{self.process.pid}/schedstat").read_text().split()[0]) / 1e9

    def event_ns(self, what: str, after_ns: int) -> int:
        """When ``what`` happened next."""
        for _ in range(2000):
            for line in (self.directory / "events").read_text().splitlines():
                name, at = line.split()
                if name.startswith(what) and int(at) > after_ns:
                    return int(at)
            time.sleep(0.002)
        raise TimeoutError(what)


def rig(interval_s: float) -> Rig:
    return Rig(Path(tempfile.mkdtemp(prefix="a1d-bench-")), interval_s)


def row(what: str, figure: str, floor: str, ratio: str, aim: str) -> None:
    print(f"| {what} | {figure} | {floor} | {ratio} | {aim} |", flush=True)


def cpu_per_tick() -> None:
    daemon = rig(FAST_S)
    daemon.start()
    time.sleep(2)
    bare = [PYTHON, "-c", BARE_LOOP, str(daemon.temp)]
    start = subprocess.run([*bare, "0", str(FAST_S)], check=True)
    assert start.returncode == 0
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([*bare, "0", str(FAST_S)], check=True)
    between = resource.getrusage(resource.RUSAGE_CHILDREN)
    begin_s, begin = daemon.cpu_s(), time.perf_counter()
    subprocess.run([*bare, str(TICKS), str(FAST_S)], check=True)
    spent_s, ticks = daemon.cpu_s() - begin_s, (time.perf_counter() - begin) / FAST_S
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    empty_s = between.ru_utime + between.ru_stime - before.ru_utime - before.ru_stime
    floor_s = after.ru_utime + after.ru_stime - between.ru_utime - between.ru_stime - empty_s
    daemon.stop()
    figure_us, floor_us = spent_s / ticks * 1e6, floor_s / TICKS * 1e6
    row("CPU per tick", f"{figure_us:.0f} us", f"{floor_us:.0f} us", f"{figure_us / floor_us:.2f}", "2")


def memory_and_wakeups() -> None:
    daemon = rig(0.5)
    daemon.start()
    time.sleep(5)
    begin, count = time.perf_counter(), daemon.status("voluntary_ctxt_switches")
    time.sleep(30)
    wakeups = (daemon.status("voluntary_ctxt_switches") - count) / (time.perf_counter() - begin) * 60
    figure_mb = daemon.status("VmRSS") / 1024
    daemon.stop()
    listing = "import sys, tests.bench.still_case, a1d.serve, a1d.button.gpiod, smbus2; print(*sys.modules)"
    directory = tempfile.mkdtemp(prefix="a1d-bench-")
    modules = subprocess.run([PYTHON, "-c", listing, directory], capture_output=True, text=True, check=True)
    same = [m for m in modules.stdout.split() if not m.startswith(("a1d", "tests", "__main__", "sitecustomize"))]
    code = "\n".join(
        ["import importlib, contextlib"]
        + [f"with contextlib.suppress(Exception): importlib.import_module({m!r})" for m in same]
    )
    code += "\nprint(open('/proc/self/status').read())"
    status = subprocess.run([PYTHON, "-c", code], capture_output=True, text=True, check=True).stdout
    found = re.search(r"^VmRSS:\s+(\d+)", status, re.MULTILINE)
    assert found
    floor_mb = int(found[1]) / 1024
    row("Rss", f"{figure_mb:.1f} MB", f"{floor_mb:.1f} MB", f"{figure_mb / floor_mb:.2f}", "1.15")
    row("wake-ups a minute at 0.5 s", f"{wakeups:.0f}", "120", f"{wakeups / 120:.2f}", "130 in all")


def reactions() -> None:
    daemon = rig(0.5)
    daemon.start()
    time.sleep(1.5)
    steps_s = []
    for index in range(12):
        time.sleep(0.7 + random.random())
        begin_ns = time.monotonic_ns()
        daemon.set_temp(50.5 + index)
        steps_s.append((daemon.event_ns("duty=", begin_ns) - begin_ns) / 1e9)
    row(
        "temperature step to write, worst of 12",
        f"{max(steps_s) * 1000:.0f} ms",
        "interval 500 ms",
        f"+{max(steps_s) * 1000 - 500:.1f} ms",
        "+5 ms",
    )
    pulses_s = []
    fd = os.open(daemon.directory / "button", os.O_WRONLY)
    for _ in range(12):
        time.sleep(0.1 + random.random() / 2)
        begin_ns = time.monotonic_ns()
        os.write(fd, b"\n")
        pulses_s.append((daemon.event_ns("reboot", begin_ns) - begin_ns) / 1e9)
    os.close(fd)
    daemon.stop()
    row("pulse end to action, worst of 12", f"{max(pulses_s) * 1000:.2f} ms", "-", "-", "5 ms")


def starts() -> None:
    def median_s(command: list[str]) -> float:
        times = []
        for _ in range(15):
            begin = time.perf_counter()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            times.append(time.perf_counter() - begin)
        return statistics.median(times)

    daemon = rig(0.5)
    daemon.start()
    floor_s = median_s([PYTHON, "-c", "pass"])
    ctl = shutil.which("a1d-ctl", path=str(Path(PYTHON).parent)) or "a1d-ctl"
    ctl_s = median_s([ctl, "--socket", str(daemon.directory / "run/control.sock"), "status"])
    ready = []
    for _ in range(10):
        daemon.stop()
        ready.append(daemon.start())
    gap_s = statistics.median(daemon.restart() for _ in range(5))
    daemon.stop()
    floor = f"{floor_s * 1000:.1f} ms"
    row("a1d-ctl status", f"{ctl_s * 1000:.1f} ms", floor, f"{ctl_s / floor_s:.2f}", "3")
    ready_s = statistics.median(ready)
    row("time to READY", f"{ready_s * 1000:.1f} ms", floor, f"{ready_s / floor_s:.2f}", "5")
    row("restart, time without control", f"{gap_s * 1000:.0f} ms", f"2 x {floor}", f"{gap_s / floor_s / 2:.2f}", "-")
    for what, refusals in (("power-cut hook, start to request", 0), ("the same, the bus refuses 3 times", 3)):
        cut_s = statistics.median(power_cut_s(refusals) for _ in range(10))
        row(what, f"{cut_s * 1000:.0f} ms", floor, f"{cut_s / floor_s:.2f}", "500 ms")


def power_cut_s(refusals: int) -> float:
    """From the start of the interpreter to the request, with no configuration to be had."""
    directory = tempfile.mkdtemp(prefix="a1d-bench-")
    Path(directory, "smbus2.py").write_text(NOTING_SMBUS2)
    environment = {**os.environ, "PYTHONPATH": f"{directory}:{Path.cwd()}", "REFUSALS": str(refusals)}
    environment |= {"RUNTIME_DIRECTORY": directory, "A1D_CONFIG": directory, "A1D_KMSG": "/dev/null"}
    begin_ns = time.monotonic_ns()
    done = subprocess.run(
        [PYTHON, "-m", "a1d.case.powercut", "poweroff"], env=environment, check=True, capture_output=True, text=True
    )
    return (int(done.stdout.split()[0]) - begin_ns) / 1e9


def main() -> None:
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    print(
        f"Python {platform.python_version()}, {platform.machine()}, Linux {platform.release()}, {os.cpu_count()} cores"
    )
    print("| what | a1d | floor | ratio | aim: at most |\n|---|---|---|---|---|")
    for package in ("a1d", "tests/bench"):  # as pip leaves them; nobody compiles at each start
        compileall.compile_dir(package, quiet=1)
    starts()
    cpu_per_tick()
    memory_and_wakeups()
    reactions()


if __name__ == "__main__":
    main()
