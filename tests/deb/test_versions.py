"""What the packages, the sources and the page for packagers say is the same."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

import a1d

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("CHANGELOG.md", r"^## (\S+) - "),
        ("debian/changelog", r"^a1d \((\S+)\) "),
        ("docs/packaging/PKGBUILD", r"^pkgver=(\S+)$"),
        ("docs/nixpkgs/pkgs/by-name/a1/a1d/package.nix", r'^  version = "(\S+)";$'),
    ],
)
def test_the_newest_version_in_each_place_is_that_of_the_program(name: str, pattern: str) -> None:
    found = re.search(pattern, (ROOT / name).read_text(), re.MULTILINE)
    assert found, f"{name} names no version"
    assert found[1] == a1d.__version__


def test_a_package_that_is_built_here_needs_what_pyproject_says() -> None:
    """dh_python3 gives names; the floors are written by hand."""
    control = (ROOT / "debian/control").read_text() + (ROOT / "debian/py3dist-overrides").read_text()
    floors = dict(re.findall(r'^    "(\w+)>=([\d.]+)",$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE))
    for name, package in {"smbus2": "smbus2", "sdnotify": "sdnotify", "gpiod": "libgpiod"}.items():
        assert f"python3-{package} (>= {floors[name]})" in control


def test_the_page_for_packagers_names_every_file_and_no_other(tmp_path: Path) -> None:
    environ = {**os.environ, "DESTDIR": str(tmp_path), "PREFIX": "/usr"}
    subprocess.run(["sh", "systemd/install.sh", "install-files"], cwd=ROOT, env=environ, check=True)
    installed = {f"/{path.relative_to(tmp_path)}" for path in tmp_path.rglob("*") if not path.is_dir()}
    table = (ROOT / "docs/packaging.md").read_text().split("| file | what | needs |")[1].split("\n\n")[0]
    named: set[str] = set()
    for row in table.splitlines()[2:]:
        directory = Path()
        for name in re.findall(r"`([^`]+)`", row.split("|")[1]):
            directory = Path(name).parent if name.startswith("/") else directory
            named.add(str(directory / name))
    by_wheel = {path for path in named if path.startswith("/usr/bin/")}
    assert installed - named == set()
    assert named - installed - by_wheel == {"/run/a1d"}
