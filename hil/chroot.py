"""A throw-away copy of a root file system, to install packages on.

The copy is an overlay in a mount namespace, so root is needed and nothing outside it changes. systemd does not run in
there.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[1]
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
APT = f"apt-get -qq -y -o DPkg::Path={PATH}"
INSTALL = f"{APT} install --no-install-recommends"
# As the service's user, with the service's Python: what watching the button takes.
WATCH = """setpriv --reuid=a1d --regid=a1d --init-groups /usr/bin/python3 -c '
from a1d.button.libgpiod import gpiod
from a1d.button import gpiod as button
print(gpiod.__file__, callable(gpiod.request_lines), callable(button.find_chip))'"""
_MOUNT = """
mount -t overlay overlay -o lowerdir={lower},upperdir={here}/upper,workdir={here}/work {here}/root
cd {here}/root
mount -t proc proc proc; mount --rbind /sys sys; mount -t tmpfs tmpfs run; mount -t tmpfs tmpfs dev
mkdir dev/pts; mount -t devpts devpts dev/pts -o newinstance,ptmxmode=0666; ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
for node in null zero random urandom; do touch dev/$node; mount --bind /dev/$node dev/$node; done
mkdir -p source debs; mount --bind {source} source; mount --bind {debs} debs
cp -L /etc/resolv.conf /etc/hosts etc/
"""


class Chroot:
    """A copy of ``base``, kept in ``here``; the packages are in /debs, the sources in /source."""

    def __init__(self, base: Path, here: Path, debs: Path) -> None:
        self._here = here
        self.path = here / "upper"  # a file that is put here is in the system
        for name in ("upper", "work", "root"):
            (here / name).mkdir(parents=True)
        self._mount = "set -e\n" + _MOUNT.format(lower=base, here=here, source=ROOT, debs=debs)

    def run(self, script: str, timeout_s: float = 300, **environ: str) -> subprocess.CompletedProcess[str]:
        """Whatever its exit code is."""
        environ = {"PATH": PATH, "HOME": "/root", "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive", **environ}
        return self._do('exec chroot . sh -c "$1"', script, environ, timeout_s)

    def must(self, script: str, timeout_s: float = 300, **environ: str) -> str:
        """Its output."""
        done = self.run(f"set -e\n{script}", timeout_s, **environ)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def copy_to(self, target: Path) -> None:
        """All of it, without what is mounted there, into a new directory."""
        done = self._do('mkdir "$1"; cp -ax . "$1"', str(target), {"PATH": PATH}, 300)
        assert done.returncode == 0, done.stderr

    def changed(self) -> set[str]:
        """Every file and link that differs from the fresh copy; what was removed ends in (gone)."""
        paths = [path for path in self.path.rglob("*") if path.is_symlink() or not path.is_dir()]
        return {f"/{path.relative_to(self.path)}{' (gone)' if path.is_char_device() else ''}" for path in paths}

    def _do(
        self, what: str, argument: str, environ: dict[str, str], timeout_s: float
    ) -> subprocess.CompletedProcess[str]:
        command = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", self._mount + what]
        command += ["sh", argument]
        return subprocess.run(command, env=environ, capture_output=True, text=True, check=False, timeout=timeout_s)
