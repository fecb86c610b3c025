"""The Debian packages of these sources, and those they need of Debian's, as files for a guest without a network."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from hil.virtual.guest_arch import GUEST
from hil.virtual.image import CACHE, BuildError, cache

ROOT = Path(__file__).parents[1]
_KEEP_S = 3600
_NO_PART_OF_THEM = ("tests/", "hil/", ".ci/")


def built(names: Iterable[str]) -> Path:
    """The directory with the packages of these sources, whose files ``names`` lists. Built if they have changed.

    BuildError: they cannot be built here; the text says why.
    """
    files = [name for name in names if not name.startswith(_NO_PART_OF_THEM)]
    parts = [part for name in files for part in (name.encode(), b"%o" % _mode(name), _content(name))]
    # Another debhelper writes other scripts.
    return _kept("debs", [*parts, Path("/var/lib/dpkg/status").read_bytes()], _build)


def for_guest(suite: str, names: Iterable[str]) -> Path:
    """The directory with what a guest of ``suite``, whose image was built, needs to install a1d. As ``built``."""
    ours = sorted(built(names).glob("a1d_*.deb"))
    if suite == "bookworm":
        ours += sorted(built(names).glob(f"a1d-gpiod_*_{GUEST.name}.deb"))
    needs = subprocess.run(["dpkg-deb", "-f", ours[0], "Depends"], check=True, capture_output=True).stdout
    root = cache(suite)
    key = [(root / "root.key").read_bytes(), needs]
    theirs = _kept(f"{root.name}/needed", key, lambda place: _download(root / "root", ours, place))
    place = root / "share/debs"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    for deb in [*ours, *theirs.glob("*.deb")]:
        shutil.copy(deb, place)
    return place


def _mode(name: str) -> int:
    return (ROOT / name).lstat().st_mode


def _content(name: str) -> bytes:
    path = ROOT / name
    return os.readlink(path).encode() if path.is_symlink() else path.read_bytes()


def _kept(name: str, key: Iterable[bytes], make: Callable[[Path], None]) -> Path:
    """A directory that ``make`` has filled, with this key; those with another one go after an hour."""
    digest = hashlib.sha256(b"".join(len(part).to_bytes(8, "big") + part for part in key)).hexdigest()
    kept = CACHE / f"{name}-{digest[:16]}"
    if not kept.is_dir():
        kept.parent.mkdir(parents=True, exist_ok=True)
        new = Path(tempfile.mkdtemp(dir=kept.parent))
        new.chmod(0o755)
        try:
            make(new)
            new.rename(kept)
        finally:
            shutil.rmtree(new, ignore_errors=True)
    for old in kept.parent.glob(f"{kept.name.removesuffix(digest[:16])}*"):
        if old != kept and time.time() - old.stat().st_mtime > _KEEP_S:
            shutil.rmtree(old, ignore_errors=True)
    return kept


def _build(place: Path) -> None:
    _call(["sh", "debian/build.sh", str(place)], {**os.environ, "PYTHON": sys.executable})


def _download(root: Path, debs: Iterable[Path], place: Path) -> None:
    """What apt would fetch in the guest, as far as it has not got it: by the host's apt, with the guest's lists."""
    with tempfile.TemporaryDirectory() as work:
        for name in ("lists/partial", "cache/archives/partial"):
            (Path(work) / name).mkdir(parents=True)
        apt = ["apt-get", "-qq", "-y", "--no-install-recommends", "--download-only", "-o", f"Dir={root}"]
        apt += ["-o", f"Dir::State::lists={work}/lists", "-o", f"Dir::Cache={work}/cache", "-o", "Debug::NoLocking=1"]
        apt += ["-o", f"APT::Architecture={GUEST.name}", "-o", f"APT::Architectures={GUEST.name}"]
        apt += ["-o", "APT::Sandbox::User=root"]
        _call([*apt, "update"])
        _call([*apt, "install", *map(str, debs)])
        for deb in (Path(work) / "cache/archives").glob("*.deb"):
            shutil.move(deb, place)


def _call(command: list[str], environ: dict[str, str] | None = None) -> None:
    done = subprocess.run(command, cwd=ROOT, env=environ, check=False, capture_output=True, text=True)
    if done.returncode:
        raise BuildError(f"{' '.join(command[:2])} failed: {(done.stdout + done.stderr)[-2000:]}")
