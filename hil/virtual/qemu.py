"""How QEMU is called."""

from __future__ import annotations

import fcntl
import os
from dataclasses import dataclass
from pathlib import Path

_KVM_GET_API_VERSION = 0xAE00
KVM_ERROR = "KVM internal error"
DISK_MB = 1024
# Mitigations cost a third of the emulation's speed, and nothing here needs protection.
_CMDLINE = "root=/dev/pmem0 rw console=ttyS0 loglevel=6 systemd.show_status=no mitigations=off panic=-1 8250.nr_uarts=1"

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
        append = f"{_CMDLINE} {'a1d.share ' if self.share else ''}{self.cmdline}"
        # Features of a newer processor would only make the guest load more modules.
        accel = ["-accel", "kvm", "-cpu", "host"] if kvm else ["-accel", "tcg", "-cpu", "qemu64"]
        if self.icount:
            accel += ["-icount", "shift=0,sleep=off", "-rtc", "clock=vm"]
        share = f"local,path={self.share},mount_tag=share,security_model=none,readonly=on,multidevs=remap"
        return [
            *("setpriv", "--pdeathsig", "KILL"),  # it has its own session and would outlive this process
            *("qemu-system-x86_64", "-machine", "q35,nvdimm=on", *accel),
            *("-smp", str(1 if self.icount else self.cpus)),
            # The disk is memory: with -icount the guest's clock leaps ahead while it waits for a disk of the host's.
            *("-m", f"{self.memory_mb}M,slots=1,maxmem={self.memory_mb + DISK_MB}M"),
            *("-object", f"memory-backend-file,id=disk,mem-path={directory / 'disk'},size={DISK_MB}M,share=on"),
            *("-device", "nvdimm,memdev=disk"),
            *("-nodefaults", "-no-user-config", "-display", "none", "-vga", "none", "-nic", "none"),
            *("-kernel", str(self.image / "vmlinux"), "-initrd", str(self.image / "initrd"), "-append", append),
            *("-chardev", f"file,id=console,path={directory / 'console'},append=on", "-serial", "chardev:console"),
            *("-device", "virtio-serial-pci"),
            *("-chardev", f"socket,id=agent,path={directory / 'agent'},server=on,wait=off"),
            *("-device", "virtserialport,chardev=agent,name=a1d.hil"),
            *("-device", "virtio-rng-pci"),
            *("-device", "isa-debug-exit"),  # by which the module cuts the power
            *(("-virtfs", share) if self.share else ()),
        ]


def kvm_works() -> bool:
    """Whether /dev/kvm can be opened, answers and has not failed before. That it exists is not enough."""
    if _kvm_has_failed:
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
