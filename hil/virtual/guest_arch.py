"""The guest's processor: all that differs between amd64 and arm64, from the environment's ``ARCH`` and ``PAGES``."""

from __future__ import annotations

import os
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class GuestArch:
    """An architecture, and what Debian, QEMU and Linux call its parts."""

    name: str  # Debian's
    machine: str  # uname -m, and in QEMU's and the wheels' names
    kernel: str  # what follows linux-image- and linux-headers-
    label: str  # in the names of directories and in the table; empty for amd64, the usual one
    console: str
    cmdline: str  # what only its kernel needs
    cpu: str
    disk_module: str  # the driver of /dev/pmem0, beside nd_pmem
    packages: str  # of the host
    tools: tuple[str, ...]  # of the host
    toolchain: tuple[str, ...]  # the guest's compiler, in a root file system of its own
    cross: str = ""  # what that compiler's name begins with
    drivers_left_out: tuple[str, ...] = ()  # besides those that neither needs

    @property
    def qemu(self) -> str:
        """The emulator."""
        return f"qemu-system-{self.machine}"


# Features of a newer processor would only make the guest load more modules.
AMD64 = GuestArch(
    name="amd64",
    machine="x86_64",
    kernel="amd64",
    label="",
    console="ttyS0",
    cmdline="8250.nr_uarts=1",
    cpu="qemu64",
    disk_module="nfit",
    packages="qemu-system-x86",
    tools=(),
    toolchain=("gcc", "libc6-dev", "make", "zstd", "python3-dev", "python3-setuptools", "swig", "linux-headers-amd64"),
)


def _arm64(kernel: str, label: str) -> GuestArch:
    return GuestArch(
        name="arm64",
        machine="aarch64",
        kernel=kernel,
        label=label,
        console="ttyAMA0",
        cmdline="",
        cpu="cortex-a76",  # the Pi 5's
        disk_module="of_pmem",
        packages="qemu-system-arm qemu-user-static arch-test device-tree-compiler",
        tools=("qemu-aarch64-static", "arch-test", "fdtput"),
        # A cross compiler: an emulated one takes many minutes. The kernel's headers depend on a native one, so
        # image.py unpacks them.
        toolchain=(
            *("gcc-aarch64-linux-gnu", "libc6-dev-arm64-cross", "make", "zstd", "python3-setuptools", "swig"),
            "libpython3-dev:arm64",
        ),
        cross="aarch64-linux-gnu-",
        drivers_left_out=("clk", "hid", "md", "mmc", "net", "phy"),
    )


_ALL = {
    ("amd64", ""): AMD64,
    ("arm64", ""): _arm64("arm64", "arm64"),
    ("arm64", "16k"): _arm64("arm64-16k", "arm64-16k"),  # as Raspberry Pi OS boots a Pi 5; trixie has it
}


def named(name: str, pages: str) -> GuestArch:
    """The one of that name, with that size of its pages ("" or "16k"); ValueError that lists what there is."""
    found = _ALL.get((name, pages.removeprefix("4k")))
    if found is None:
        raise ValueError(f"ARCH={name} PAGES={pages}: there are amd64, arm64, and arm64 with PAGES=16k")
    return found


GUEST = named(os.environ.get("ARCH") or "amd64", os.environ.get("PAGES") or "")
