"""``make pages``: manual pages, completions and systemd/config.yaml, from the code and the prose in ``docs/pages/man``.

The results are in the repository, below ``docs/pages/share`` as they are installed: who installs a1d needs neither
scdoc nor shtab. Tests hold that they are up to date.
"""

from __future__ import annotations

import datetime
import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from a1d.config.printer import print_config
from a1d.config.settings import Config
from docs.pages.completion import make_completions
from docs.pages.manual import fill

HERE = Path(__file__).parent
SHARE = HERE / "share"
CONFIG = HERE.parents[1] / "systemd/config.yaml"
SOURCES = sorted((HERE / "man").glob("*.scd"))


def share_path(source: Path) -> Path:
    """Where the page that is made of ``source`` belongs, below ``share``."""
    return Path("man", f"man{source.stem[-1]}", source.stem)


def render(source: Path, date: str) -> str:
    """The page, as of ``date`` (YYYY-MM-DD). CalledProcessError, with scdoc's words on stderr, for wrong markup."""
    text = fill(source.read_text())
    midnight = datetime.datetime.fromisoformat(f"{date}T00:00:00+00:00")
    done = subprocess.run(
        ["scdoc"],
        input=text,
        env={**os.environ, "SOURCE_DATE_EPOCH": str(int(midnight.timestamp()))},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    # Which scdoc made it is no news, and would make every page another one with each Debian.
    return _without_empty_paragraphs(made_by(source.name, text) + done.stdout[done.stdout.index("\n") :])


def made_by(name: str, text: str) -> str:
    """A page's first line: by the sum, who has no scdoc can tell that it is of this source."""
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    return f'.\\" Made by "make pages" from docs/pages/man/{name}, sha256 {digest}.'


def _without_empty_paragraphs(roff: str) -> str:
    """scdoc begins a paragraph wherever one could be, and mandoc finds fault with each that stays empty."""
    before = ""
    while roff != before:
        before = roff
        roff = roff.replace("\n.P\n.RE\n", "\n.RE\n.P\n")
        roff = re.sub(r"^(\.(?:TH|SH|RS).*\n)\.P\n", r"\1", roff, flags=re.MULTILINE)
        roff = re.sub(r"^\.P\n(?=\.(?:SH|P)\b|\Z)", "", roff, flags=re.MULTILINE)
    return roff


def make_config() -> str:
    """The configuration that 'make install' places: what --print-config prints, each setting as a comment."""
    lines = print_config(Config()).splitlines()[2:]
    shown = [line if not line.strip() or line.lstrip().startswith("#") else f"#{line}" for line in lines]
    return "\n".join([CONFIG.read_text().partition("\n\n")[0], "", *shown, ""])


def date_of(page: Path) -> str | None:
    """The date of a page that was made before."""
    found = re.search(r'^\.TH .*"(\d{4}-\d\d-\d\d)"', page.read_text(), re.MULTILINE) if page.exists() else None
    return found[1] if found else None


def main() -> int:
    """Exit code 0, or 1 without scdoc: then the pages are as they were."""
    for path, text in make_completions().items():
        _write(SHARE / path, text)
    for source in SOURCES:
        _write(source, fill(source.read_text()))
    _write(CONFIG, make_config())
    if not shutil.which("scdoc"):
        print("the manual pages need scdoc: sudo apt install scdoc", file=sys.stderr)
        return 1
    for source in SOURCES:
        page = SHARE / share_path(source)
        # A page bears the day on which it last changed.
        date = date_of(page)
        if date is None or render(source, date) != page.read_text():
            _write(page, render(source, datetime.datetime.now(datetime.UTC).date().isoformat()))
    return 0


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


if __name__ == "__main__":
    raise SystemExit(main())
