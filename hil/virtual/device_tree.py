"""The device tree of the arm64 guest: QEMU's own, changed to what a Pi 5 with this disk would be told."""

from __future__ import annotations

import subprocess
from pathlib import Path

from hil.virtual.guest_arch import GUEST
from hil.virtual.qemu import DISK_MB, MEMORY_MB

_RAM_AT = 0x40000000  # of QEMU's virt machine


def make_device_tree(place: Path) -> None:
    """Write it to ``place``.

    The disk is the memory behind the guest's own. There is no GPIO controller but the case's.
    """
    dump = (GUEST.qemu, "-machine", f"virt,dumpdtb={place}", "-cpu", GUEST.cpu, "-m", f"{MEMORY_MB + DISK_MB}M")
    subprocess.run((*dump, "-nodefaults", "-display", "none"), check=True, stderr=subprocess.DEVNULL)
    disk_at = _RAM_AT + (MEMORY_MB << 20)
    disk = f"/pmem@{disk_at:x}"
    for change in (
        ("-r", place, "/gpio-keys", "/pl061@9030000"),
        ("-t", "s", place, "/", "model", "Raspberry Pi 5 Model B Rev 1.0"),
        ("-c", place, "/system", disk),
        ("-t", "x", place, "/system", "linux,revision", "c04170"),
        ("-t", "s", place, disk, "compatible", "pmem-region"),
        ("-t", "x", place, disk, "reg", "0", f"{disk_at:x}", "0", f"{DISK_MB << 20:x}"),
    ):
        subprocess.run(("fdtput", *map(str, change)), check=True)
