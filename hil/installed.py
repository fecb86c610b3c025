"""Which a1d is installed, and whether it was installed from this clone as it is now."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from hil.rig import SERVICE, Rig

ROOT = Path(__file__).parents[1]
_WHERE = "import os, a1d; print(os.path.dirname(a1d.__file__))"


def program(rig: Rig) -> str:
    """The path of the daemon that the service starts."""
    return str(re.findall(r"path=(\S+)", rig.out(f"systemctl show -p ExecStart --value {SERVICE}"))[-1])


def installed_package(program: str) -> Path | None:
    """The directory of its modules; None if it cannot be told."""
    python = Path(program).with_name("python")
    if not python.exists():
        return None
    # -I: the installed package is meant, not the one in this clone.
    done = subprocess.run([python, "-I", "-c", _WHERE], cwd="/", check=False, capture_output=True, text=True)
    return Path(done.stdout.strip()) if done.returncode == 0 else None


def differing(installed: Path, ours: Path = ROOT / "a1d") -> list[str]:
    """The modules of a1d that are not the same, or are not in both."""

    def sources(package: Path) -> dict[str, bytes]:
        return {str(path.relative_to(package)): path.read_bytes() for path in package.rglob("*.py")}

    one, other = sources(installed), sources(ours)
    return sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))


def clone_version() -> str:
    """As git describes this clone, with -dirty if something was changed in it."""
    # Root reads another user's clone: git must not refuse that, and must not write an index as root.
    git = ["git", "-c", "safe.directory=*", "--no-optional-locks"]

    def say(*arguments: str) -> str:
        return subprocess.run([*git, *arguments], cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()

    try:
        changed = say("status", "--porcelain", "--untracked-files=no")
        return say("describe", "--always") + ("-dirty" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown: no git, or no clone"
