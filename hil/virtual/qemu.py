"""How QEMU is called."""

from __future__ import annotations

import fcntl
import os
import platform
from dataclasses import dataclass
from pathlib import Path

from hil.virtual.guest_arch import GUEST

_KVM_GET_API_VERSION = 0xAE00
KVM_ERROR = "KVM internal error"
DISK_MB = 1024
MEMORY_MB = 1024
# Mitigations cost a third of the emulation's speed, and nothing here needs protection.
_CMDLINE = f"root=/dev/pmem0 rw console={GUEST.console} loglevel=6 systemd.show_status=no mitigations=off panic=-1"

_kvm_has_failed = False


@dataclass(frozen=True, slots=True)
class Machine:
    """What a virtual machine is made of; ``share`` is a directory for the guest to read."""

    image: Path
    icount: bool
    share: Path | None
    cpus: int
    memory_mb: int
    cmdline: str

    def arguments(self, directory: Path, *, kvm: bool) -> list[str]:
        """QEMU's command line; disk, console and the agent's socket are in ``directory``."""
        own = GUEST.cmdline if GUEST.name == "amd64" else f"mem={self.memory_mb}M numa=off"  # the rest is the disk
        append = f"{_CMDLINE} {own} {'a1d.share ' if self.share else ''}{self.cmdline}"
        accel = ["-accel", "kvm", "-cpu", "host"] if kvm else ["-accel", "tcg", "-cpu", GUEST.cpu]
        # The disk is memory: with -icount the guest's clock leaps ahead while it waits for a disk of the host's.
        disk = f"memory-backend-file,id=disk,mem-path={directory / 'disk'},size={DISK_MB}M,share=on"
        if self.icount:
            accel += ["-icount", "shift=0,sleep=off", "-rtc", "clock=vm"]
        share = f"local,path={self.share},mount_tag=share,security_model=none,readonly=on,multidevs=remap"
        return [
            *("setpriv", "--pdeathsig", "KILL"),  # it has its own session and would outlive this process
            *(GUEST.qemu, *accel, "-smp", str(1 if self.icount else self.cpus)),
            *(self._pc(disk) if GUEST.name == "amd64" else self._arm_board(disk)),
            *("-nodefaults", "-no-user-config", "-display", "none", "-vga", "none", "-nic", "none"),
            *("-kernel", str(self.image / "vmlinux"), "-initrd", str(self.image / "initrd"), "-append", append),
            *("-chardev", f"file,id=console,path={directory / 'console'},append=on", "-serial", "chardev:console"),
            *("-device", "virtio-serial-pci"),
            *("-chardev", f"socket,id=agent,path={directory / 'agent'},server=on,wait=off"),
            *("-device", "virtserialport,chardev=agent,name=a1d.hil"),
            *("-device", "virtio-rng-pci"),
            *(("-virtfs", share) if self.share else ()),
        ]

    def _pc(self, disk: str) -> list[str]:
        return [
            *("-machine", "q35,nvdimm=on", "-m", f"{self.memory_mb}M,slots=1,maxmem={self.memory_mb + DISK_MB}M"),
            *("-object", disk, "-device", "nvdimm,memdev=disk"),
            *("-device", "isa-debug-exit"),  # by which the module cuts the power
        ]

    def _arm_board(self, disk: str) -> list[str]:
        # An NVDIMM needs ACPI, and that a firmware. So the disk is the memory that "mem=" hides; the tree says so.
        return [
            *("-machine", "virt", "-m", f"{self.memory_mb + DISK_MB}M", "-dtb", str(self.image / "dtb")),
            *("-object", f"memory-backend-ram,id=ram,size={self.memory_mb}M", "-numa", "node,memdev=ram"),
            *("-object", disk, "-numa", "node,memdev=disk"),
            *("-semihosting-config", "enable=on,target=native"),  # by which the module cuts the power
        ]


def kvm_works() -> bool:
    """Whether /dev/kvm can be opened, answers and has not failed before. That it exists is not enough."""
    if _kvm_has_failed or platform.machine() != GUEST.machine:
        return False
    try:
        descriptor = os.open("/dev/kvm", os.O_RDWR)
    except OSError:
        return False
    try:
        return fcntl.ioctl(descriptor, _KVM_GET_API_VERSION, 0) == 12
    except OSError:
        return False
    finally:
        os.close(descriptor)


def give_up_kvm() -> None:
    """Do not use KVM again: on some machines it is offered but cannot run the guest."""
    global _kvm_has_failed  # noqa: PLW0603 - it is a fact about the machine this runs on
    _kvm_has_failed = True
