"""TAB, really pressed: in bash, zsh and fish, each in a terminal, with the completions of ``docs/pages/share``.

PATH leads to an empty directory while TAB is pressed in bash: no Python can start, and no other program.
"""

from __future__ import annotations

import os
import pty
import re
import resource
import select
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from docs.pages.__main__ import SHARE
from tests.install.test_pages import program

BASH = SHARE / "bash-completion/completions"
ZSH = SHARE / "zsh/vendor-completions"
FISH = SHARE / "fish/vendor_completions.d"
COMMANDS = {"status", "watch", "fan", "profile", "curve", "reload", "version", "sim"}


class Terminal:
    """A shell that somebody types at."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def type(self, keys: str) -> None:
        os.write(self._fd, keys.encode())

    def read_until(self, wanted: str, time_max_s: float = 20.0) -> str:
        """What is shown up to the pattern; AssertionError with that if it does not come."""
        shown = ""
        end = time.monotonic() + time_max_s
        while not re.search(wanted, shown):
            ready, _, _ = select.select([self._fd], [], [], max(0.0, end - time.monotonic()))
            assert ready, f"no {wanted!r} in {shown!r}"
            shown += re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>]|[\r\a]", "", os.read(self._fd, 65536).decode())
        return shown


@contextmanager
def shell(*command: str, **environ: str) -> Iterator[Terminal]:
    child, fd = pty.fork()
    if child == 0:
        os.execvpe(command[0], command, {"TERM": "dumb", "HOME": "/nonexistent", "LC_ALL": "C", **environ})
    try:
        yield Terminal(fd)
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(fd)


# -- bash -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def bash(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    """All completions in one shell; nothing can be started from it."""
    empty = tmp_path_factory.mktemp("empty")
    with shell(program("bash"), "--norc", "--noprofile", "-i", PATH=str(empty), PS1="READY ") as terminal:
        terminal.type(
            "bind 'set page-completions off'; bind 'set bell-style none'; bind 'set completion-query-items 0'\n"
        )
        terminal.type(f"cd {empty}; . {BASH}/a1d; . {BASH}/a1d-ctl; . {BASH}/a1d-mqtt; echo sourced$((1 + 1))\n")
        terminal.read_until("sourced2\nREADY ")
        yield terminal


def press_tab(terminal: Terminal, line: str) -> set[str]:
    """What is offered after ``line``; where it is one word only, that word, which bash writes out."""
    terminal.type(f"{line}\t\t")
    # A mark at its end, and the line is taken away.
    terminal.type("ENDOFLINE\x15echo next$((1 + 1))\n")
    shown = terminal.read_until("next2\nREADY ").partition("ENDOFLINE")[0]
    first, *offered = shown.split("\n")
    if not offered:
        return {first.split()[-1]}
    return set(" ".join(offered[:-1]).split())


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("a1d-ctl ", COMMANDS),
        ("a1d-ctl st", {"status"}),
        ("a1d-ctl --", {"--help", "--socket"}),
        ("a1d-ctl fan ", {"set", "off", "auto"}),
        ("a1d-ctl fan set 60 --", {"--help", "--for", "--until"}),
        ("a1d-ctl fan set 60 --for ", {"10m", "1h", "2h", "30m", "8h"}),
        ("a1d-ctl fan set 60 --until ", {"40C", "45C", "50C"}),
        ("a1d-ctl profile ", {"none", "auto"}),
        ("a1d-ctl sim ", {"press", "fault", "load", "show"}),
        ("a1d-ctl sim fault ", {"no-answer", "sensor-dead", "fan-stuck", "reset-mcu"}),
        ("a1d-ctl sim press ", {"double", "hold"}),
        ("a1d --", {"--config", "--check", "--print-config", "--simulate", "--run-dir", "--version", "--help"}),
        ("a1d-mqtt --", {"--config", "--check", "--print-config", "--forget", "--socket", "--version", "--help"}),
    ],
)
def test_tab_in_bash(bash: Terminal, line: str, expected: set[str]) -> None:
    offered = press_tab(bash, line)
    assert expected <= offered
    assert not any("command not found" in word for word in offered)


def test_tab_in_bash_offers_files(bash: Terminal) -> None:
    assert f"{SHARE}/" in press_tab(bash, f"a1d --check {str(SHARE)[:-2]}")


def test_the_completions_live_in_one_bash(bash: Terminal) -> None:
    """They are made by one program, and their functions must not bear the same names."""
    assert "--simulate" in press_tab(bash, "a1d --")
    assert "--simulate" not in press_tab(bash, "a1d-ctl --") | press_tab(bash, "a1d-mqtt --")


@pytest.mark.parametrize("name", ["a1d", "a1d-ctl", "a1d-mqtt"])
def test_it_is_small_and_starts_nothing(name: str) -> None:
    script = (BASH / name).read_text()
    assert len(script) < 24_000
    assert not re.search(r"python|\$\(\s*a1d|`", re.sub(r"^#.*$|^# .*", "", script, flags=re.MULTILINE))


# -- zsh and fish -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("a1d-ctl fan ", ["set", "off", "auto"]),
        ("a1d-ctl sim fault ", ["no-answer", "fan-stuck"]),
        ("a1d --", ["--check", "--simulate", "--print-config"]),
        ("a1d-mqtt --", ["--check", "--forget", "--print-config"]),
    ],
)
def test_tab_in_zsh(line: str, expected: list[str], tmp_path: Path) -> None:
    (tmp_path / ".zshrc").write_text(
        f"PS1='READY '; fpath=({ZSH} $fpath); autoload -U compinit; compinit -D\n"
        "setopt no_beep list_ambiguous; unsetopt zle_bracketed_paste 2>/dev/null\necho loaded$((1 + 1))\n"
    )
    with shell(program("zsh"), "-i", PATH=os.environ["PATH"], ZDOTDIR=str(tmp_path), TERM="xterm") as terminal:
        terminal.read_until("loaded2(?s:.*)READY")
        terminal.type(f"{line}\t\t")
        terminal.read_until("".join(rf"(?=(?s:.*)\n(?s:.*){word}\b)" for word in expected))


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("a1d-ctl fan ", {"set", "off", "auto"}),
        ("a1d-ctl fan set 60 --for ", {"10m", "1h"}),
        ("a1d-ctl sim fault ", {"no-answer", "fan-stuck"}),
        ("a1d --", {"--check", "--simulate", "--print-config"}),
        ("a1d-mqtt --", {"--check", "--forget", "--print-config"}),
    ],
)
def test_completion_in_fish(line: str, expected: set[str], tmp_path: Path) -> None:
    """By fish's own question for what TAB would offer."""
    script = f"source {FISH}/a1d.fish; source {FISH}/a1d-ctl.fish; source {FISH}/a1d-mqtt.fish; complete -C '{line}'"
    done = subprocess.run(
        [program("fish"), "--no-config", "-c", script],
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "TERM": "dumb"},
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    assert expected <= {text.partition("\t")[0] for text in done.stdout.splitlines()}
    assert done.stderr == ""


@pytest.mark.parametrize(("name", "folder"), [("bash", BASH), ("zsh", ZSH), ("fish", FISH)])
def test_each_shell_can_read_its_files(name: str, folder: Path) -> None:
    files = sorted(folder.iterdir())
    assert len(files) == 3
    for file in files:
        subprocess.run([program(name), "-n", file], check=True, timeout=30)


def test_bash_loads_it_quickly() -> None:
    """In CPU time, whoever else is busy: the least of several, against a shell that loads nothing."""

    def cpu_s() -> float:
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime

    times = {}
    for script in ("true", f". {BASH}/a1d-ctl"):
        took_s = []
        for _ in range(7):
            before_s = cpu_s()
            subprocess.run([program("bash"), "--norc", "-c", script], check=True, timeout=30)
            took_s.append(cpu_s() - before_s)
        times[script] = min(took_s)
    assert times[f". {BASH}/a1d-ctl"] - times["true"] < 0.03
