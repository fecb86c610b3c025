"""Builds what a machine boots from: a Debian root file system with the module and the agent in it.

The guest gets no compiler, so that it proves that an installation needs none: the module is built in a root file
system of its own. What is built is kept under hil/.cache/SUITE and built again only if what it is made of changed.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from hil.virtual.boot_files import make_initrd, unpack_kernel
from hil.virtual.device_tree import make_device_tree
from hil.virtual.guest_arch import GUEST
from hil.virtual.qemu import DISK_MB

SUITES = ("trixie", "bookworm")
CACHE = Path(__file__).resolve().parent.parent / ".cache"
_HERE = Path(__file__).resolve().parent
_KEEP_IMAGES_S = 3600
_PACKAGES = (
    *("systemd-sysv", "udev", "dbus", "polkitd", "libpam-systemd", "login", "passwd", "util-linux", "procps"),
    *("python3", "python3-venv", "make", "kmod"),
    f"linux-image-{GUEST.kernel}",  # the cloud kernel has neither GPIO nor thermal zones
)
# Raspberry Pi OS has it as python3-lgpio. Debian has none, and PyPI no wheel for trixie's Python.
_LGPIO = "lgpio==0.2.2.0"
# Raspberry Pi OS has python3-gpiozero, which brings colorzero; Debian's is too old.
_GPIOZERO = ("gpiozero==2.0.1.post3", "colorzero==2.0")
_TOOLS = ("mmdebstrap", "mke2fs", GUEST.qemu, *GUEST.tools)
# In a toolchain that compiles for arm64 on amd64. dpkg -x would make a directory of the symbolic link /lib.
_UNPACK_HEADERS = rf"""
cd /tmp
depends() {{ apt-cache depends "$1" | sed -n "s/^  Depends: \(linux-[^:]*\).*/\1/p"; }}
headers=$(depends linux-headers-{GUEST.kernel}:arm64)
apt-get download -q "$headers:arm64" "${{headers%-{GUEST.kernel}}}-common" $(depends "$headers:arm64" | grep kbuild)
for deb in *.deb; do dpkg --fsys-tarfile "$deb" | tar -xC / --keep-directory-symlink; done
rm -f *.deb /usr/src/linux-headers-*/vmlinux
"""
_CROSS_PYTHON = "_PYTHON_HOST_PLATFORM=linux-aarch64 _PYTHON_SYSCONFIGDATA_NAME=_sysconfigdata__aarch64-linux-gnu"
# Drivers for devices that the machine has not, or that nothing here needs: most of the kernel's size, and under
# emulation most of the time udev takes. Another I2C adapter would compete for bus 1.
_DRIVERS_LEFT_OUT = (
    *("ata", "cpufreq", "edac", "gpu", "i2c/busses", "iio", "infiniband", "input", "iommu", "media", "mfd", "mtd"),
    *("net/ethernet", "net/wireless", "platform", "scsi", "staging", "usb", "watchdog/iTCO*"),
    *GUEST.drivers_left_out,
)
_MADE_OF = ("image.py", "boot_files.py", "device_tree.py", "qemu.py", "init.c", "agent.py", "module", "guest")
_PATHS_LEFT_OUT = (
    *("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*"),
    *("*/kernel/arch/x86/*", "*/kernel/sound/*", *(f"*/kernel/drivers/{name}/*" for name in _DRIVERS_LEFT_OUT)),
    "/etc/kernel/postinst.d/initramfs-tools",  # boot_files.py makes the initrd
)
# What is not needed here is masked: timers that would disturb a measurement, a getty on the console that we read, and
# generators and early services that take half of an emulated boot. The two touched files say that the first boot has
# nothing to update.
_SET_UP = r"""
for group in i2c gpio; do getent group $group || groupadd --system $group; done
mkdir -p /mnt/share /var/log/journal /etc/systemd/system-generators
systemctl enable a1d-hil.service mnt-share.mount
systemctl mask \
    apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer fstrim.timer e2scrub_all.timer \
    e2scrub_reap.service systemd-tmpfiles-clean.timer serial-getty@CONSOLE.service systemd-binfmt.service \
    proc-sys-fs-binfmt_misc.automount dev-hugepages.mount dev-mqueue.mount sys-fs-fuse-connections.mount \
    sys-kernel-config.mount sys-kernel-tracing.mount run-lock.mount modprobe@drm.service \
    modprobe@efi_pstore.service systemd-pstore.service kmod-static-nodes.service \
    systemd-tmpfiles-setup-dev-early.service systemd-tmpfiles-setup-dev.service \
    systemd-udev-load-credentials.service systemd-random-seed.service
for generator in debug getty gpt-auto hibernate-resume rc-local run ssh system-update sysv tpm2; do
    ln -s /dev/null /etc/systemd/system-generators/systemd-$generator-generator
done
ldconfig
touch /etc/.updated /var/.updated
""".replace("CONSOLE", GUEST.console)


class BuildError(Exception):
    """An image could not be built."""


def cache(suite: str) -> Path:
    """Where everything of ``suite`` is kept, for this architecture."""
    return CACHE / "-".join(filter(None, (suite, GUEST.label)))


def build(suite: str, say: Callable[[str], None] = print) -> Path:
    """The directory with an up-to-date image of ``suite``, built if need be."""
    if suite not in SUITES:
        raise BuildError(f"no suite {suite!r}: there are {' and '.join(SUITES)}")
    if suite == "bookworm" and GUEST.kernel.endswith("16k"):
        raise BuildError("bookworm has no kernel with 16 KB pages: use SUITE=trixie")
    directory = cache(suite)
    directory.mkdir(parents=True, exist_ok=True)
    with _locked(directory / "lock"):
        builder = _Builder(suite, directory, say)
        if not builder.image.is_dir():
            builder.build()
    return builder.image


def build_from(directory: Path, suite: str, say: Callable[[str], None] = print) -> Path:
    """The directory with a new image of ``directory``/root, which became ``suite`` in some other way.

    BuildError if it has not the kernel that ``suite`` has now.
    """
    build(suite, say)
    builder = _Builder(suite, directory, say, cache(suite) / "toolchain")
    builder.rebuild()
    return builder.image


class _Builder:
    def __init__(self, suite: str, directory: Path, say: Callable[[str], None], toolchain: Path | None = None) -> None:
        self._suite = suite
        self._directory = directory
        self._say = say
        self._root = directory / "root"
        self._toolchain = toolchain or directory / "toolchain"
        made_of = (suite, GUEST, _UNPACK_HEADERS, _PACKAGES, _LGPIO, _PATHS_LEFT_OUT)
        self._root_key = _digest(repr(made_of).encode())
        files = [
            part
            for name in (
                "image.py",
                "boot_files.py",
                "device_tree.py",
                "qemu.py",
                "init.c",
                "agent.py",
                "module",
                "guest",
            )
            for part in _sources(name)
        ]
        # A new image has a new name, so that a running machine keeps its own, even when it is switched on again.
        self.image = directory / f"image-{_digest(self._root_key.encode(), *files)[:16]}"

    def build(self) -> None:
        if os.geteuid() != 0:
            raise BuildError("building an image needs root (mmdebstrap and chroot): run it with sudo")
        if missing := [tool for tool in _TOOLS if shutil.which(tool) is None]:
            raise BuildError(f"{', '.join(missing)} missing: apt-get install mmdebstrap e2fsprogs {GUEST.packages}")
        started = time.monotonic()
        if _read(self._directory / "root.key") != self._root_key:
            if GUEST.cross:
                _let_run_emulated()
            self._step("root file system and toolchain", self._make_roots)
        kernel = next((self._root / "lib/modules").iterdir()).name
        if not (self._toolchain / "lib/modules" / kernel).is_dir():
            (self._directory / "root.key").unlink()
            raise BuildError(f"the mirror has no headers for its kernel {kernel}: try again later")
        if not (self._toolchain / "pins").is_dir():
            self._step("lgpio and gpiozero", self._make_pins)
        self._step("module", lambda: self._make_module(kernel))
        self._step("disk", lambda: self._make_disk(kernel))
        for old in self._directory.glob("image-*"):
            if old != self.image and time.time() - old.stat().st_mtime > _KEEP_IMAGES_S:
                shutil.rmtree(old)
        self._say(f"{self._suite}: built in {time.monotonic() - started:.0f} s")

    def rebuild(self) -> None:
        kernel = next((self._toolchain / "lib/modules").iterdir()).name
        if not (self._root / "lib/modules" / kernel).is_dir():
            raise BuildError(f"{self._root} has not the kernel {kernel}")
        _remove_tree(self.image)
        self._step("disk", lambda: self._make_disk(kernel))

    def _step(self, name: str, do: Callable[[], None]) -> None:
        started = time.monotonic()
        do()
        self._say(f"{self._suite}: {name}: {time.monotonic() - started:.1f} s")

    def _make_roots(self) -> None:
        (self._directory / "root.key").unlink(missing_ok=True)
        with ThreadPoolExecutor() as pool:  # dpkg does one thing at a time
            for made in [
                pool.submit(self._bootstrap, self._root, _PACKAGES),
                pool.submit(self._bootstrap, self._toolchain, GUEST.toolchain, is_toolchain=True),
            ]:
                made.result()
        (self._directory / "root.key").write_text(self._root_key)

    def _make_pins(self) -> None:
        new = self._toolchain / "pins.new"
        _remove_tree(new)
        fetch = (sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", "lgpio")
        self._call(*fetch, "--dest", str(new), _LGPIO, *_GPIOZERO)
        shutil.unpack_archive(next(new.glob("*.tar.gz")), new)
        build = "cd /pins.new/lgpio-*/; PYPI=1 python3 setup.py -q build --build-lib /pins.new/lib"
        self._in(self._toolchain, "sh", "-euc", f"export {_CROSS_PYTHON}; {build}" if GUEST.cross else build)
        for wheel in new.glob("*.whl"):
            shutil.unpack_archive(wheel, new / "lib", "zip")
        new.rename(self._toolchain / "pins")

    def _make_module(self, kernel: str) -> None:
        sources = self._toolchain / "src"
        shutil.rmtree(sources, ignore_errors=True)
        shutil.copytree(_HERE / "module", sources)
        build = ("make", "-C", f"/lib/modules/{kernel}/build", "M=/src", "modules")
        self._in(
            self._toolchain, *build, *((f"ARCH={GUEST.name}", f"CROSS_COMPILE={GUEST.cross}") if GUEST.cross else ())
        )
        shutil.copyfile(_HERE / "init.c", sources / "init.c")
        self._in(
            self._toolchain,
            f"{GUEST.cross}gcc",
            "-Wall",
            "-Wextra",
            "-Os",
            "-s",
            "-static",
            "-o",
            "/src/init",
            "/src/init.c",
        )

    def _make_disk(self, kernel: str) -> None:
        tree, new = self._directory / "tree", self._directory / "new"
        for rest in (tree, new):
            _remove_tree(rest)
        new.mkdir()
        self._call("cp", "-a", "--reflink=auto", str(self._root), str(tree))
        shutil.copytree(_HERE / "guest", tree, dirs_exist_ok=True)
        for source, place in (
            (_HERE / "agent.py", "usr/lib/a1d-hil"),
            (self._toolchain / "src/a1d_case.ko", f"lib/modules/{kernel}/updates"),
        ):
            (tree / place).mkdir(exist_ok=True)
            shutil.copyfile(source, tree / place / source.name)
        shutil.copytree(self._toolchain / "pins/lib", tree / "usr/lib/python3/dist-packages", dirs_exist_ok=True)
        self._in(tree, "depmod", kernel)
        self._in(tree, "sh", "-euxc", _SET_UP)
        packed = (tree / "boot" / f"vmlinuz-{kernel}").read_bytes()
        (new / "vmlinux").write_bytes(unpack_kernel(packed, self._toolchain))
        if GUEST.name == "arm64":
            make_device_tree(new / "dtb")
        init = (self._toolchain / "src/init").read_bytes()
        (new / "initrd").write_bytes(make_initrd(tree, kernel, init))
        self._call("mke2fs", "-q", "-t", "ext4", "-L", "root", "-d", str(tree), str(new / "disk.ext4"), f"{DISK_MB}M")
        _remove_tree(tree)
        new.rename(self.image)

    def _bootstrap(self, target: Path, packages: tuple[str, ...], *, is_toolchain: bool = False) -> None:
        _remove_tree(target)
        options = [f"--include={','.join(packages)}", *(f"--dpkgopt=path-exclude={path}" for path in _PATHS_LEFT_OUT)]
        if is_toolchain and GUEST.cross:
            # The first architecture is the host's own: what runs in it needs no emulation.
            options += ["--architectures=amd64,arm64", f"--customize-hook=chroot \"$1\" sh -euxc '{_UNPACK_HEADERS}'"]
        else:
            options.append(f"--architectures={GUEST.name}")
        self._call("mmdebstrap", "--variant=minbase", *options, self._suite, str(target))

    def _in(self, root: Path, *arguments: str) -> None:
        self._call("chroot", str(root), *arguments)

    def _call(self, *arguments: str) -> None:
        log = self._directory / "build.log"
        with log.open("ab") as file:
            file.write(f"+ {' '.join(arguments)}\n".encode())
            file.flush()
            done = subprocess.run(arguments, check=False, stdin=subprocess.DEVNULL, stdout=file, stderr=file)
        if done.returncode:
            tail = "\n".join(log.read_text(errors="replace").splitlines()[-30:])
            raise BuildError(f"{arguments[0]} failed with status {done.returncode}; {log} ends with\n{tail}")


def _sources(name: str) -> list[bytes]:
    here = _HERE / name
    files = [here] if here.is_file() else sorted(path for path in here.rglob("*") if path.is_file())
    return [part for path in files for part in (str(path.relative_to(_HERE)).encode(), path.read_bytes())]


def _digest(*parts: bytes) -> str:
    return hashlib.sha256(b"".join(len(part).to_bytes(8) + part for part in parts)).hexdigest()


def _read(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def _remove_tree(path: Path) -> None:
    # A mount left in it by a build that was killed would be emptied too.
    if any(f" {path}/" in line for line in Path("/proc/mounts").read_text().splitlines()):
        raise BuildError(f"something is mounted in {path}: unmount it")
    if path.exists():
        shutil.rmtree(path)


def _let_run_emulated() -> None:
    """Have the kernel run the guest's programs by QEMU. With the flag F the interpreter works in a chroot too."""
    place = Path("/proc/sys/fs/binfmt_misc")
    if not (place / "register").exists():
        subprocess.run(["mount", "-t", "binfmt_misc", "binfmt_misc", place], check=True)
    if not (place / f"qemu-{GUEST.machine}").exists():
        rule = Path(f"/usr/lib/binfmt.d/qemu-{GUEST.machine}.conf").read_text()
        (place / "register").write_text(rule.strip())


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
