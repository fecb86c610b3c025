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
from typing import NamedTuple

import pytest

from hil import debs as hil_debs
from hil.chroot import ROOT, Chroot
from hil.installed_disk import source_files
from hil.release_upgrade import Upgraded, upgrade
from tests.deb.chroot import SUITES, bootstrap, missing


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


class Made(NamedTuple):
    """Each when it is ready. All are made at the same time, because most of it is waiting."""

    systems: dict[str, Future[Path]]
    once: Future[Path]
    again: Future[Path]
    upgraded: Future[Upgraded]


@pytest.fixture(scope="session")
def made(place: Path, request: pytest.FixtureRequest) -> Iterator[Made]:
    """Both systems and the packages; and, if a test wants them, the packages once more and an upgraded system."""
    wanted = {name for item in request.session.items for name in getattr(item, "fixturenames", ())}
    with ThreadPoolExecutor(4) as pool:
        systems = {suite: pool.submit(bootstrap, suite, place) for suite in SUITES}
        # Where make hil-virtual looks for them too.
        once = pool.submit(lambda: hil_debs.built(source_files()))
        made = Made(systems, once, Future(), Future())
        if "again" in wanted:
            made = made._replace(again=pool.submit(build_again, place / "again"))
        if "upgraded" in wanted:
            made = made._replace(
                upgraded=pool.submit(lambda: upgrade(systems["bookworm"].result(), once.result(), place))
            )
        yield made


@pytest.fixture
def again(made: Made) -> Path:
    """The directory with the packages, built a second time."""
    return made.again.result()


@pytest.fixture
def upgraded(made: Made) -> Upgraded:
    """A system that was brought from one release to the next."""
    return made.upgraded.result()


def build_again(place: Path) -> Path:
    """As somebody else would: another umask, language, time zone."""
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    scratch = tempfile.mkdtemp(dir=place.parent)
    environ = {**os.environ, "PYTHON": sys.executable, "LC_ALL": "POSIX", "TZ": "Pacific/Apia", "TMPDIR": scratch}
    command = ["sh", "-c", 'umask 077; exec sh debian/build.sh "$1"', "sh", str(place)]
    subprocess.run(command, env=environ, cwd=ROOT, check=True)
    return place


@pytest.fixture(scope="session")
def debs(made: Made) -> Path:
    """The directory with the packages."""
    return made.once.result()


@pytest.fixture(params=SUITES)
def suite(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def fresh(made: Made, debs: Path) -> Iterator[Callable[[str], Chroot]]:
    """Makes a fresh system of a suite."""
    places: list[Path] = []

    def make(suite: str) -> Chroot:
        base = made.systems[suite].result()
        places.append(Path(tempfile.mkdtemp(dir=base.parent)))
        return Chroot(base, places[-1], debs)

    yield make
    for each in places:
        shutil.rmtree(each)


@pytest.fixture
def system(fresh: Callable[[str], Chroot], suite: str) -> Chroot:
    return fresh(suite)
