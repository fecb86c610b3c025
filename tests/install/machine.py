"""A throw-away copy of this machine's file system, to install on.

An overlay over / in a mount namespace, so root is needed and nothing outside it changes. systemd does not run in
there; what starts and stops the service is tried in a virtual machine.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PYTHON = "/usr/bin/python3"
PROBE = "import ensurepip, sys; sys.exit(sys.version_info < (3, 11))"
ENTER = """
mount -t overlay overlay -o lowerdir=/,upperdir={here}/upper,workdir={here}/work {here}/root
mount -t proc proc {here}/root/proc
mount --bind /sys {here}/root/sys
mount -t tmpfs tmpfs {here}/root/run
mount -t tmpfs tmpfs {here}/root/dev
for node in null urandom; do touch {here}/root/dev/$node; mount --bind /dev/$node {here}/root/dev/$node; done
mount --bind {source} {here}/root{source}
mount -o remount,ro,bind {here}/root{source}
cd {here}/root{source}
exec chroot {here}/root sh -c 'cd {source} && eval "$1"' sh "$1"
"""


class Machine:
    """This machine's file system, to be changed at will; the sources are read-only in it."""

    timeout_s = 100.0

    def __init__(self, here: Path) -> None:
        self._here = here
        for name in ("upper", "work", "root"):
            (here / name).mkdir(parents=True)

    def run(self, script: str, **environ: str) -> subprocess.CompletedProcess[str]:
        enter = "set -e\n" + ENTER.format(here=self._here, source=ROOT)
        environ = {**os.environ, "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", **environ}
        # A process space of its own, too: other tests start daemons that the installation refuses to live beside.
        command = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", enter, "sh", script]
        return subprocess.run(command, env=environ, capture_output=True, text=True, check=False, timeout=self.timeout_s)

    def make(self, target: str, **environ: str) -> subprocess.CompletedProcess[str]:
        return self.run(f"make -s {target} PYTHON={PYTHON}", **environ)

    def files(self) -> set[str]:
        """All that differs from the real machine, save for accounts and what programs cache on their way."""
        upper = self._here / "upper"
        paths = [path for path in upper.rglob("*") if path.is_symlink() or not path.is_dir()]
        names = {f"/{path.relative_to(upper)}{' (gone)' if path.is_char_device() else ''}" for path in paths}
        return {
            name
            for name in names
            if not re.search(r"/__pycache__/|/\.cache/|^/etc/(passwd|g?shadow|group|sub.id|.pwd.lock)-?$", name)
        }

    def accounts(self) -> str:
        return self.run("cat /etc/passwd /etc/shadow /etc/group /etc/gshadow /etc/subuid /etc/subgid").stdout


def unusable() -> str:
    """Why this cannot be tried here, or nothing."""
    if os.geteuid() != 0:
        return "only root can make an overlay"
    for program in ("make", "systemd-sysusers", "useradd", "systemctl", "unshare"):
        if not shutil.which(program):
            return f"needs {program}"
    if subprocess.run([PYTHON, "-c", PROBE], capture_output=True, check=False).returncode:
        return f"needs {PYTHON} 3.11 or newer, with venv"
    return ""


def fresh_machine(here: Path) -> Machine:
    if why := unusable():
        if os.environ.get("CI"):
            pytest.fail(f"CI must try the installation, and {why}")
        pytest.skip(why)
    machine = Machine(here)
    if machine.run("true").returncode:  # a container without the right to mount
        assert not os.environ.get("CI"), "CI must try the installation, and no overlay can be mounted here"
        pytest.skip("no overlay can be mounted here")
    machine.run("[ ! -e /opt/a1d ] || make -s uninstall; rm -rf /etc/a1d /boot/firmware /boot/config.txt")
    return machine
