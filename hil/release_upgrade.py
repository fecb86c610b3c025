"""``python -m hil.release_upgrade``: does the button work after a release upgrade from Debian 12 to 13?

a1d is installed on Debian 12 from a signed repository, as docs/release.md says, and the system is upgraded, in a
chroot. Then it boots in a virtual machine, and the button is pressed. Nobody does anything to a1d by hand.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from hil.chroot import INSTALL, ROOT, WATCH, Chroot
from hil.debs import built
from hil.installed_disk import source_files
from hil.power import CLOCK, CLOCK_TEXT, CMDLINE, is_cut, press, reboots, wait_listening
from hil.virtual.image import BuildError, build, build_from, cache
from hil.virtual.vm import Vm


class Upgraded(NamedTuple):
    """``watched_before``: what WATCH said before the upgrade."""

    watched_before: str
    system: Chroot


def upgrade(base: Path, debs: Path, place: Path) -> Upgraded:
    """``base``: Debian 12; ``debs``: the packages; the upgraded copy is kept in ``place``."""
    here = Path(tempfile.mkdtemp(dir=place))
    system = Chroot(base, here, debs)
    _make_repository(debs, system.path / "repo", here)
    source = "deb [signed-by=/repo/a1d-archive-keyring.gpg] copy:/repo ./"
    system.must("echo force-unsafe-io >/etc/dpkg/dpkg.cfg.d/unsafe-io")  # who loses a throw-away copy loses nothing
    system.must(f"echo '{source}' >/etc/apt/sources.list.d/a1d.list; apt-get -qq update; {INSTALL} a1d")
    watched = system.must(WATCH)
    system.must(
        "sed -i s/bookworm/trixie/g /etc/apt/sources.list; apt-get -qq update;"
        "apt-get -qq -y -o Dpkg::Options::=--force-confdef full-upgrade; apt-get -qq -y autoremove; apt-get clean",
        timeout_s=900,
    )
    return Upgraded(watched, system)


def _make_repository(debs: Path, target: Path, place: Path) -> None:
    """With a key made for it."""
    shutil.copytree(debs, target)
    script = """
        mkdir -m 700 "$2/gnupg"; export GNUPGHOME="$2/gnupg"
        gpg --batch --quiet --passphrase '' --quick-generate-key a1d-test ed25519 sign never
        sh debian/repository.sh "$1" a1d-test; gpgconf --kill all
    """
    command = ["sh", "-ec", script, "sh", str(target), str(place)]
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def _machine(place: Path) -> Vm:
    """With an image of the upgraded system, all below ``place``."""
    build("bookworm")
    system = upgrade(cache("bookworm") / "root", built(source_files()), place).system
    root = place / "root"
    system.copy_to(root)
    shutil.rmtree(root / "var/lib/apt/lists")
    # The old kernel stays after an upgrade. Both do not fit on the disk.
    kernel = max((root / "lib/modules").iterdir(), key=lambda path: [int(n) for n in re.findall(r"\d+", path.name)])
    for old in (root / "lib/modules").iterdir():
        if old != kernel:
            shutil.rmtree(old)
    return Vm(build_from(place, "trixie"), icount=True, cmdline=CMDLINE)


def _press(vm: Vm) -> str:
    """Each gesture does what it should; returns what that was seen on."""
    vm.wait_up()
    wait_listening(vm)
    with_what = vm.run(f"uname -r; /usr/bin/python3 --version; {WATCH}; systemctl is-system-running", check=True).stdout
    assert re.search(r"Python 3\.13", with_what), with_what
    vm.put(CLOCK, CLOCK_TEXT, 0o755)
    reboots(vm, press(vm, "double"))
    wait_listening(vm)
    return f"{' '.join(with_what.split())}; a double press reboots; a hold powers off, {is_cut(vm, press(vm, 'hold'))}"


def main() -> int:
    """Exit code 0 if the button works, 1 otherwise."""
    begin_s = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="a1d-release-upgrade-") as place:
        try:
            with _machine(Path(place)) as vm:
                print(_press(vm))
        except (BuildError, AssertionError, OSError, RuntimeError) as error:
            print(f"FAILED: {type(error).__name__}: {error}", file=sys.stderr)
            return 1
    print(f"took {time.monotonic() - begin_s:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
