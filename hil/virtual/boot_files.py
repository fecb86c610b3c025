"""What QEMU loads: a kernel that needs no unpacking and an initrd that waits for nothing.

An emulated processor takes five seconds to unpack Debian's kernel, and longer for Debian's initrd to find the disk.
"""

from __future__ import annotations

import lzma
import struct
import subprocess
from pathlib import Path

from hil.virtual.guest_arch import GUEST

# The root's device and file system, and what the guest's agent is reached by.
_MODULES = (GUEST.disk_module, "nd_pmem", "ext4", "virtio_pci", "virtio_console")
_XZ, _ZSTD, _ELF = b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd", b"\x7fELF"


def unpack_kernel(packed: bytes, toolchain: Path) -> bytes:
    """What QEMU starts of the kernel. On arm64 that is the file itself; elsewhere the ELF file within a bzImage (the
    kernel's Documentation/arch/x86/boot.rst), by its PVH note."""
    if GUEST.name == "arm64":
        return packed
    sectors = packed[0x1F1] or 4
    offset, length = struct.unpack_from("<II", packed, 0x248)
    start = (sectors + 1) * 512 + offset
    payload = packed[start : start + length]
    if payload.startswith(_XZ):
        kernel = lzma.LZMADecompressor().decompress(payload)
    elif payload.startswith(_ZSTD):
        # Four bytes with the length follow the frame.
        command = ["chroot", str(toolchain), "zstd", "-dcq"]
        kernel = subprocess.run(command, input=payload[:-4], stdout=subprocess.PIPE, check=True).stdout
    else:
        kernel = payload
    if not kernel.startswith(_ELF):
        raise ValueError(f"the kernel is packed in an unknown way: {payload[:6].hex()}")
    return kernel


def make_initrd(root: Path, kernel: str, init: bytes) -> bytes:
    """``init``, the modules it loads and the list of them in the right order."""
    modules: list[Path] = []
    for name in _MODULES:
        command = ["chroot", str(root), "modprobe", "--set-version", kernel, "--show-depends", name]
        lines = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()
        paths = [root / line.split()[1].lstrip("/") for line in lines if line.startswith("insmod ")]
        modules += [path for path in paths if path not in modules]
    archive = b"".join(
        [
            *(_entry(name, 0o040755) for name in ("dev", "root")),
            _entry("dev/console", 0o020600, device=(5, 1)),
            _entry("init", 0o100755, init),
            *(_entry(_plain_name(path), 0o100644, _content(path)) for path in modules),
            _entry("modules", 0o100644, "".join(f"/{_plain_name(path)}\n" for path in modules).encode()),
        ]
    )
    return archive + _entry("TRAILER!!!", 0)


def _plain_name(path: Path) -> str:
    return path.name.removesuffix(".xz")


def _content(path: Path) -> bytes:
    content = path.read_bytes()
    return lzma.decompress(content) if path.suffix == ".xz" else content


def _entry(name: str, mode: int, content: bytes = b"", device: tuple[int, int] = (0, 0)) -> bytes:
    """A file in a cpio archive of the format "newc"."""
    encoded = name.encode() + b"\0"
    fields = (0, mode, 0, 0, 1, 0, len(content), 0, 0, *device, len(encoded), 0)
    header = b"070701" + "".join(f"{field:08x}" for field in fields).encode() + encoded
    return _padded(header) + _padded(content)


def _padded(part: bytes) -> bytes:
    return part + b"\0" * (-len(part) % 4)
