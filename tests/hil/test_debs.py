"""What is kept of the packages, and when they are built again."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from hil import debs
from hil.virtual.image import BuildError

FILES = ["debian/rules", "a1d/cli.py", "tests/conftest.py"]


@pytest.fixture
def builds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Where each build put its packages, in sources of three files."""
    done: list[Path] = []

    def build(place: Path) -> None:
        done.append(place)
        (place / "a1d.deb").write_text(str(len(done)))

    for name in FILES:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    monkeypatch.setattr(debs, "ROOT", tmp_path)
    monkeypatch.setattr(debs, "CACHE", tmp_path / "cache")
    monkeypatch.setattr(debs, "_build", build)
    return done


@pytest.mark.skipif(not Path("/var/lib/dpkg/status").exists(), reason="packages are built on Debian only")
@pytest.mark.parametrize(
    ("change", "again"),
    [
        ("true", False),
        ("echo >>tests/conftest.py", False),
        ("echo >>a1d/cli.py", True),
        ("chmod +x debian/rules", True),
        ("ln -sf rules a1d/cli.py", True),
    ],
)
def test_packages_are_built_again_if_what_they_are_made_of_changes(
    builds: list[Path], tmp_path: Path, change: str, again: bool
) -> None:
    first = debs.built(FILES)
    subprocess.run(change, shell=True, cwd=tmp_path, check=True)
    assert (debs.built(FILES) != first) == again
    assert len(builds) == 1 + again
    assert (first / "a1d.deb").read_text() == "1", "somebody may still read them"


def test_a_build_that_fails_leaves_nothing(builds: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(place: Path) -> None:
        (place / "half").touch()
        raise BuildError

    monkeypatch.setattr(debs, "_build", fail)
    with pytest.raises(BuildError):
        debs.built(FILES)
    assert list((tmp_path / "cache").iterdir()) == []
