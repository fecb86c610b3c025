"""The packages and the systems to try them on: made once, in memory."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.deb.chroot import ROOT, SUITES, Chroot, bootstrap, missing


@pytest.fixture(scope="session")
def place() -> Iterator[Path]:
    """Skips, with the reason, whatever cannot be tried here. A1D_DEB=DIRECTORY: the systems are kept there."""
    wanted = os.environ.get("A1D_DEB")
    if not wanted:
        pytest.skip("takes minutes and the network: make deb-check")
    if why := missing():
        assert not os.environ.get("CI"), f"CI must try the packages, and {why}"
        pytest.skip(why)
    if wanted.startswith("/"):
        yield Path(wanted)
        return
    memory = Path("/dev/shm")
    path = Path(tempfile.mkdtemp(prefix="a1d-deb-", dir=memory if memory.is_dir() else None))
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="session")
def made(place: Path) -> Iterator[dict[str, Future[Path]]]:
    """Both systems, and the packages built twice, all at the same time."""
    with ThreadPoolExecutor(2) as pool:
        futures = {suite: pool.submit(bootstrap, suite, place) for suite in SUITES}
        futures |= {name: pool.submit(build, place / name, name) for name in ("once", "again")}
        yield futures


def build(place: Path, name: str) -> Path:
    """A second time as somebody else would: another umask, language, time zone."""
    environ = {**os.environ, "PYTHON": sys.executable}
    if name == "again":
        environ |= {"LC_ALL": "POSIX", "TZ": "Pacific/Apia", "TMPDIR": tempfile.mkdtemp(dir=place.parent)}
    command = ["sh", "-c", 'umask "$1"; exec sh debian/build.sh "$2"', "sh", "077" if name == "again" else "022"]
    subprocess.run([*command, str(place)], env=environ, cwd=ROOT, check=True)
    return place


@pytest.fixture(scope="session")
def debs(made: dict[str, Future[Path]]) -> Path:
    """The directory with the packages."""
    return made["once"].result()


@pytest.fixture(params=SUITES)
def suite(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def fresh(
    made: dict[str, Future[Path]], debs: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], Chroot]]:
    """Makes a fresh system of a suite."""
    places: list[Path] = []

    def make(suite: str) -> Chroot:
        base = made[suite].result()
        places.append(Path(tempfile.mkdtemp(dir=base.parent)))
        return Chroot(base, places[-1], debs)

    yield make
    for each in places:
        shutil.rmtree(each)


@pytest.fixture
def system(fresh: Callable[[str], Chroot], suite: str) -> Chroot:
    return fresh(suite)
