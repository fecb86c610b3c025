"""Debian in a directory, one per suite, and throw-away copies of it to install packages on.

A copy is an overlay in a mount namespace, so root is needed and nothing outside it changes. systemd does not run in
there; what it would be asked is written down by stand-ins (``with_stand_ins``).
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
SUITES = ("bookworm", "trixie")
PACKAGES = "systemd,udev,dbus,polkitd,python3,ca-certificates"
PATHS_LEFT_OUT = ("/usr/share/man/*", "/usr/share/locale/*", "/usr/share/doc/*")
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
ENTER = """
mount -t overlay overlay -o lowerdir={lower},upperdir={here}/upper,workdir={here}/work {here}/root
cd {here}/root
mount -t proc proc proc; mount --rbind /sys sys; mount -t tmpfs tmpfs run; mount -t tmpfs tmpfs dev
mkdir dev/pts; mount -t devpts devpts dev/pts -o newinstance,ptmxmode=0666; ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
for node in null zero random urandom; do touch dev/$node; mount --bind /dev/$node dev/$node; done
mkdir -p source debs; mount --bind {source} source; mount --bind {debs} debs
cp -L /etc/resolv.conf /etc/hosts etc/
exec chroot . sh -c "$1"
"""
STAND_INS = """
mkdir -p /run/systemd/system
for name in systemctl deb-systemd-invoke a1d-failsafe journalctl; do
    printf '#!/bin/sh\\necho "%s $*" >>/asked\\n' $name >/usr/local/sbin/$name
done
echo 'if [ "$1" = is-active ]; then echo "${STATE:-active}"; fi' >>/usr/local/sbin/systemctl
chmod 755 /usr/local/sbin/*
"""


class Chroot:
    """A fresh copy of one suite; the packages are in /debs, the sources in /source."""

    def __init__(self, base: Path, here: Path, debs: Path) -> None:
        self._here = here
        self.path = here / "upper"  # a file that is put here is in the system
        for name in ("upper", "work", "root"):
            (here / name).mkdir(parents=True)
        self._enter = "set -e\n" + ENTER.format(lower=base, here=here, source=ROOT, debs=debs)

    def run(self, script: str, timeout_s: float = 300, **environ: str) -> subprocess.CompletedProcess[str]:
        """Whatever its exit code is."""
        environ = {"PATH": PATH, "HOME": "/root", "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive", **environ}
        command = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", self._enter, "sh", script]
        return subprocess.run(command, env=environ, capture_output=True, text=True, check=False, timeout=timeout_s)

    def must(self, script: str, timeout_s: float = 300, **environ: str) -> str:
        """Its output."""
        done = self.run(f"set -e\n{script}", timeout_s, **environ)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def changed(self) -> set[str]:
        """Every file and link that differs from the fresh copy; what was removed ends in (gone)."""
        paths = [path for path in self.path.rglob("*") if path.is_symlink() or not path.is_dir()]
        return {f"/{path.relative_to(self.path)}{' (gone)' if path.is_char_device() else ''}" for path in paths}


def missing() -> str:
    """Why this cannot be tried here, or nothing."""
    if os.geteuid() != 0:
        return "only root can make a chroot"
    for program in ("mmdebstrap", "dpkg-buildpackage", "unshare", "lintian", "apt-ftparchive", "gpg"):
        if not shutil.which(program):
            return f"needs {program}"
    if subprocess.run(["unshare", "--mount", "true"], check=False, capture_output=True).returncode:
        return "nothing can be mounted here"
    return ""


def bootstrap(suite: str, place: Path) -> Path:
    """A minimal Debian with what every Raspberry Pi OS has of it."""
    target = place / suite
    if target.is_dir():
        return target
    options = [f"--dpkgopt=path-exclude={path}" for path in PATHS_LEFT_OUT]
    options += ["--dpkgopt=force-unsafe-io", '--aptopt=Acquire::Languages "none"', f"--include={PACKAGES}"]
    command = ["mmdebstrap", "--quiet", "--variant=minbase", "--skip=cleanup/apt/lists", *options, suite, str(target)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return target
