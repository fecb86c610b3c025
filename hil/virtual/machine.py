"""One virtual machine with a virtual case: start it, send it commands, see how it ends."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
import weakref
from enum import Enum
from pathlib import Path

from hil.virtual.link import CommandFailedError, GuestTimeoutError, Link, Result
from hil.virtual.qemu import KVM_ERROR, MEMORY_MB, Machine, give_up_kvm, kvm_works

CASE = "/sys/kernel/debug/a1d_case"
SHARE = "/mnt/share"
_DEBUG_EXIT_CUT = 2 * 0x15 + 1  # DEBUG_EXIT_CUT in module/pc.c and arm_board.c
_BOOT_S = 300.0  # under emulation on a busy machine
_FIRST_WORD_S = 10.0  # from the kernel, with a KVM that works
_ANSWER_S = 60.0  # for the agent, beyond a command's own time


class End(Enum):
    """How a machine ended."""

    POWER_OFF = "power-off"  # Linux powered it off, and the case stays on
    POWER_CUT = "power-cut"  # the case cut the power
    KILLED = "killed"  # from outside, or QEMU failed


class Vm:
    """A machine booted from ``image`` (a directory that image.build made); writes are thrown away in the end.

    ``kvm`` None: if it works. ``icount``: one guest instruction is one nanosecond and idle time is skipped, so
    guest time has nothing to do with the host's. ``share``: a directory to be seen at /mnt/share, read-only.
    ``cmdline``: more for the kernel, parameters of the module too ("a1d_case.log_transfers=1").
    As a context manager it starts the machine, waits for its agent, and kills it in the end.
    """

    def __init__(
        self,
        image: Path,
        *,
        kvm: bool | None = None,
        icount: bool = False,
        share: Path | None = None,
        cpus: int = 1,
        memory_mb: int = MEMORY_MB,
        cmdline: str = "",
    ) -> None:
        self._machine = Machine(image, icount, share, cpus, memory_mb, cmdline)
        self._may_emulate = kvm is None
        self.kvm = kvm_works() and not icount if kvm is None else kvm
        self._directory = Path(tempfile.mkdtemp(prefix="a1d-vm-"))
        self._console = self._directory / "console"
        self._qemu_log = self._directory / "qemu.log"
        self._started = 0.0
        self._process: subprocess.Popen[bytes] | None = None
        self._link: Link | None = None
        self._cleanup = weakref.finalize(self, shutil.rmtree, self._directory, ignore_errors=True)

    def __enter__(self) -> Vm:
        """Switched on, and its agent there."""
        try:
            self.start()
            self.wait_boot()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Killed."""
        self.close()

    def start(self) -> None:
        """Switch on; again after an end, with the disk as it was left."""
        disk = self._directory / "disk"
        if not disk.exists():
            copy = ("cp", "--reflink=auto", "--sparse=always", str(self._machine.image / "disk.ext4"), str(disk))
            subprocess.run(copy, check=True, stdin=subprocess.DEVNULL)
        (self._directory / "agent").unlink(missing_ok=True)
        arguments = self._machine.arguments(self._directory, kvm=self.kvm)
        self._started = time.monotonic()
        with self._qemu_log.open("wb") as log:
            self._process = subprocess.Popen(
                arguments, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        weakref.finalize(self, _kill, self._process)
        try:
            self._link = Link(self._directory / "agent", time.monotonic() + 10)
        except OSError as error:
            raise RuntimeError(f"QEMU does not start: {self._qemu_log.read_text()}") from error

    def power_cut(self) -> None:
        """Switch off from outside, as if the plug was pulled; ``start`` switches on again."""
        if self._process is not None:
            _kill(self._process)
        if self._link is not None:
            self._link.close()

    def close(self) -> None:
        """Kill what still runs and throw the disk away."""
        self.power_cut()
        self._cleanup()

    def save_disk(self, path: Path) -> None:
        """Keep the disk of a machine that is off, as an image's ``disk.ext4``."""
        copy = ("cp", "--reflink=auto", "--sparse=always", str(self._directory / "disk"), str(path))
        subprocess.run(copy, check=True, stdin=subprocess.DEVNULL)

    def run(
        self,
        command: str,
        *,
        stdin: bytes = b"",
        timeout: float = 60.0,
        check: bool = False,
        host_timeout: float | None = None,
    ) -> Result:
        """``command`` by root's shell in the guest, killed after ``timeout`` s. ``check``: it must succeed in time.

        GuestTimeoutError after ``host_timeout`` s of the host's, a minute more than ``timeout`` by default.
        """
        result = self._agent().run(command, stdin, timeout, host_timeout or timeout + _ANSWER_S)
        if check and result.timed_out:
            raise GuestTimeoutError(f"longer than {timeout:g} s: {command}\n{result.stdout}{result.stderr}")
        if check and result.status:
            raise CommandFailedError(f"status {result.status}: {command}\n{result.stdout}{result.stderr}")
        return result

    def put(self, path: str, content: bytes, mode: int = 0o644) -> None:
        """Write a file in the guest; OSError with the guest's errno if it cannot be."""
        self._agent().put(path, content, mode, _ANSWER_S)

    def get(self, path: str) -> bytes:
        """Read a file in the guest; OSError with the guest's errno if it cannot be."""
        return self._agent().get(path, _ANSWER_S)

    def set_case(self, name: str, value: str | int) -> None:
        """Write ``value`` into the module's debugfs file ``name``."""
        self.put(f"{CASE}/{name}", str(value).encode())

    @property
    def console(self) -> str:
        """All that the serial console has said so far, over all boots."""
        return self._console.read_text(errors="replace") if self._console.exists() else ""

    @property
    def boots(self) -> int:
        """How often the guest has booted since ``start``."""
        return self._link.boots if self._link else 0

    def wait_boot(self, timeout: float = _BOOT_S) -> None:
        """Until the agent is there; services may still be starting."""
        self._wait_boots(1, timeout)

    def wait_reboot(self, timeout: float = _BOOT_S, *, boots: int = 2) -> None:
        """Until the guest has booted ``boots`` times since ``start``."""
        self._wait_boots(boots, timeout)

    def wait_up(self, timeout: float = _BOOT_S) -> str:
        """Until systemd has started everything. Returns its state, such as ``running`` or ``degraded``."""
        return self.run("systemctl is-system-running --wait", timeout=timeout).stdout.strip()

    @property
    def is_running(self) -> bool:
        """Whether the machine is on."""
        return self._process is not None and self._process.poll() is None

    def wait_exit(self, timeout: float = 120.0) -> End:
        """Until the machine is off."""
        assert self._process is not None
        try:
            status = self._process.wait(timeout)
        except subprocess.TimeoutExpired as error:
            raise GuestTimeoutError(f"the machine is still on after {timeout:g} s") from error
        return {0: End.POWER_OFF, _DEBUG_EXIT_CUT: End.POWER_CUT}.get(status, End.KILLED)

    def _wait_boots(self, boots: int, timeout: float) -> None:
        deadline = time.monotonic() + timeout
        while not self._agent().wait_boot(boots, 0.5):
            log = self._qemu_log.read_text()
            is_mute = not self.console and time.monotonic() > self._started + _FIRST_WORD_S
            if self._may_emulate and self.kvm and (is_mute or KVM_ERROR in log):
                self._emulate_instead()
            elif time.monotonic() > deadline or not self.is_running:
                tail = "\n".join(self.console.splitlines()[-20:])
                raise GuestTimeoutError(f"no agent of boot {boots} within {timeout:g} s: {log}\nThe console:\n{tail}")

    def _emulate_instead(self) -> None:
        give_up_kvm()
        self.power_cut()
        self.kvm = False
        self.start()

    def _agent(self) -> Link:
        if self._link is None:
            raise RuntimeError("the machine was not started")
        return self._link


def _kill(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.kill()
        process.wait()
