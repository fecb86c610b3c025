"""Where libgpiod's Python module comes from."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SHOW = """
import sys
sys.path[:0] = {first!r}
import a1d.button
if {hidden}:
    sys.modules["gpiod"] = None
source = open(a1d.button.__path__[0] + "/libgpiod.py").read().replace("/usr/lib/a1d-gpiod", {private!r})
names = {{"__name__": "libgpiod"}}
exec(source, names)
print(names["gpiod"].__file__, {private!r} in sys.path)
"""


def make_gpiod(place: Path) -> str:
    (place / "gpiod").mkdir(parents=True)
    (place / "gpiod/__init__.py").write_text("")
    (place / "gpiod/line.py").write_text("Bias = Direction = Edge = None\n")
    return str(place)


def show(private: Path, first: list[str], hidden: bool) -> list[str]:
    script = SHOW.format(first=first, hidden=hidden, private=str(private))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_the_usual_one_is_taken_if_it_is_there(tmp_path: Path) -> None:
    make_gpiod(tmp_path / "private")
    usual = make_gpiod(tmp_path / "usual")
    assert show(tmp_path / "private", [usual], False) == [f"{usual}/gpiod/__init__.py", "False"]


def test_version_1_under_the_same_name_gives_way_to_the_private_one(tmp_path: Path) -> None:
    """Debian 12's is one module, without the parts that a1d needs."""
    (tmp_path / "old").mkdir()
    (tmp_path / "old/gpiod.py").write_text("Chip = None\n")
    private = make_gpiod(tmp_path / "private")
    assert show(tmp_path / "private", [str(tmp_path / "old")], False) == [f"{private}/gpiod/__init__.py", "False"]


def test_without_any_the_private_one_is_taken(tmp_path: Path) -> None:
    private = make_gpiod(tmp_path / "private")
    assert show(tmp_path / "private", [], True) == [f"{private}/gpiod/__init__.py", "False"]
