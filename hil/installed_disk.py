"""The disk that the machines of the suite start from: a1d is installed on it, once, as README.md says.

It is kept below hil/.cache and made again if what is installed has changed. The checks themselves may be newer: each
machine gets them when it starts.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from hil.power import CLOCK, CLOCK_TEXT, SOURCE
from hil.virtual.guest_arch import GUEST
from hil.virtual.image import build, cache
from hil.virtual.vm import End, Vm

ROOT = Path(__file__).parents[1]
PYTHONS = {"bookworm": "3.11", "trixie": "3.13"}
INSTALL_MAX_S = 1800.0  # in host time
WHEELS = "/root/wheels"  # in the machine: what a Pi would download
# What is not installed, and so does not make a disk old.
_NOT_INSTALLED = ("hil", "tests", "docs/", ".ci", "debian", "nixos-module", "README", "CHANGELOG", "CONTRIBUTING")
_BUT = ("docs/pages/share",)
_DISK = "disk.ext4"


def share(suite: str) -> Path:
    """The directory of what a guest is given: the sources, and the wheels that a Pi would download."""
    place = cache(suite) / "share"
    project = (ROOT / "pyproject.toml").read_text()
    wheels = place / "wheels"
    if not (wheels / "pyproject.toml").exists() or (wheels / "pyproject.toml").read_text() != project:
        new = place / "wheels.new"
        for old in (new, wheels):
            shutil.rmtree(old, ignore_errors=True)
        _download(new, suite, tomllib.loads(project))
        (new / "pyproject.toml").write_text(project)
        new.rename(wheels)
    shutil.rmtree(place / "source", ignore_errors=True)
    for name in source_files():
        target = place / "source" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):  # a test that runs meanwhile has removed its own
            shutil.copy2(ROOT / name, target)
    return place


def source_files() -> list[str]:
    """The files that git tracks or would add."""
    # The clone may belong to another user than root.
    git = ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(git, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
    return [name for name in listed.split("\0") if name and (ROOT / name).exists()]


def installed(suite: str) -> Path:
    """An image as Vm takes it, with a1d on its disk. BuildError, CommandFailedError or a time-out if it cannot be."""
    with ThreadPoolExecutor(1) as pool:
        shared = pool.submit(share, suite)  # it waits for the network; the build needs the processor
        image = build(suite)
        place = shared.result()
    disk = cache(suite) / f"installed-{_key(image, place)}"
    if not disk.is_dir():
        for old in cache(suite).glob("installed-*"):
            shutil.rmtree(old)
        new = cache(suite) / f"new-{disk.name}"
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir()
        _install(image, place, new / _DISK)
        _link_boot_files(image, new)
        new.rename(disk)
    return disk


def copy_checks(vm: Vm) -> None:
    """The checks as they are now, into a machine that was started from the installed disk."""
    names = [name for name in source_files() if name.startswith("hil/")]
    vm.put("/root/hil.tar", _tar((ROOT / name, f"a1d/{name}") for name in names))
    vm.run(f"rm -rf {SOURCE}/hil && tar -xf /root/hil.tar -C /root", check=True)


def _install(image: Path, place: Path, disk: Path) -> None:
    """Boot, ``make install``, power off, and keep the disk."""
    with tempfile.TemporaryDirectory(dir=disk.parent) as work:
        with_sources = Path(work)
        _link_boot_files(image, with_sources)
        _put_sources(image / _DISK, place, with_sources / _DISK)
        with Vm(with_sources, icount=True) as vm:
            vm.wait_up()
            command = f"tar -xf /sources.tar -C /root && rm /sources.tar && cd {SOURCE} && make install"
            where = f"PIP_NO_INDEX=1 PIP_FIND_LINKS={WHEELS}"
            # No limit by the guest's clock: on a busy host it may look very slow from inside.
            done = vm.run(f"export {where}; {command}", timeout=1e6, host_timeout=INSTALL_MAX_S, check=True)
            print(done.stdout, flush=True)
            vm.put(CLOCK, CLOCK_TEXT, 0o755)
            vm.run("systemd-run -q --on-active=1 systemctl poweroff", check=True)
            end = vm.wait_exit(300)
            if end is not End.POWER_CUT:
                raise RuntimeError(f"after the installation the machine ended with {end.value}: {vm.console[-500:]}")
            vm.save_disk(disk)


def _put_sources(image: Path, place: Path, disk: Path) -> None:
    """A copy of the disk with the sources and wheels on it. A share would do, but the guest's clock leaps at each wait
    for the host, and on a busy host its services then take all the time."""
    with tempfile.NamedTemporaryFile(dir=disk.parent) as tar:
        files = [path for part in ("source", "wheels") for path in (place / part).rglob("*") if path.is_file()]
        tar.write(_tar((path, _in_guest(path.relative_to(place))) for path in files))
        tar.flush()
        subprocess.run(("cp", "--reflink=auto", "--sparse=always", str(image), str(disk)), check=True)
        write = ("debugfs", "-w", "-R", f"write {tar.name} sources.tar", str(disk))
        subprocess.run(write, check=True, capture_output=True)


def _in_guest(path: Path) -> str:
    """Below /root: the sources in ``a1d``, the wheels in ``wheels``."""
    return str(Path("a1d", *path.parts[1:]) if path.parts[0] == "source" else path)


def _tar(files: Iterable[tuple[Path, str]]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for path, name in files:
            tar.add(path, name)
    return packed.getvalue()


def _link_boot_files(image: Path, place: Path) -> None:
    for part in image.iterdir():
        if part.name != _DISK:
            os.link(part, place / part.name)


def _key(image: Path, place: Path) -> str:
    digest = hashlib.sha256(image.name.encode())
    source = place / "source"
    for path in sorted(path for path in source.rglob("*") if path.is_file()):
        name = str(path.relative_to(source))
        if not name.startswith(_NOT_INSTALLED) or name.startswith(_BUT):
            digest.update(name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def _download(place: Path, suite: str, project: dict[str, Any]) -> None:
    wanted = [
        *project["project"]["dependencies"],
        *project["project"]["optional-dependencies"]["mqtt"],
        *project["build-system"]["requires"],
        "wheel",
    ]
    as_source = [each for each in wanted if each.startswith("sdnotify")]  # it has no wheels
    fetch = [sys.executable, "-m", "pip", "download", "-q", "--dest", str(place)]
    target = ["--only-binary", ":all:", "--python-version", PYTHONS[suite]]
    target += ["--platform", f"manylinux_2_28_{GUEST.machine}", "--platform", f"manylinux2014_{GUEST.machine}"]
    subprocess.run([*fetch, *target, *(each for each in wanted if each not in as_source)], check=True)
    subprocess.run([*fetch, "--no-deps", "--no-binary", ":all:", *as_source], check=True)
