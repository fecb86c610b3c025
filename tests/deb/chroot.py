"""Debian in a directory, one per suite, for copies of it (hil/chroot.py) to install packages on.

systemd does not run in there; what it would be asked is written down by stand-ins (STAND_INS).
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

SUITES = ("bookworm", "trixie")
PACKAGES = "systemd,udev,dbus,polkitd,python3,ca-certificates"
PATHS_LEFT_OUT = ("/usr/share/man/*", "/usr/share/locale/*", "/usr/share/doc/*")
STAND_INS = """
mkdir -p /run/systemd/system
for name in systemctl deb-systemd-invoke a1d-failsafe journalctl; do
    printf '#!/bin/sh\\necho "%s $*" >>/asked\\n' $name >/usr/local/sbin/$name
done
echo 'if [ "$1" = is-active ]; then echo "${STATE:-active}"; fi' >>/usr/local/sbin/systemctl
chmod 755 /usr/local/sbin/*
"""


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
