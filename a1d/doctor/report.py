"""``a1d-ctl report``: everything that a bug report needs, in one file, with nothing personal in it."""

from __future__ import annotations

import json
import platform
import re
import sys

from a1d import __version__
from a1d.client.new_file import write_new
from a1d.client.words import printable
from a1d.config.printer import print_config
from a1d.config.reader import parse_config
from a1d.doctor import checkup, command
from a1d.doctor.accounts import groups
from a1d.doctor.configuration import is_in_use
from a1d.doctor.redact import redaction_of
from a1d.doctor.system import System
from a1d.errors import ConfigError
from a1d.paths import CONFIG_PATH

_JOURNAL_LINES = 200
_PRESSED = re.compile(r"(button: (?:double press|hold): [^ \n]+) (?!\(it comes and goes)[^\n]*")
_JOURNAL_READERS = {"systemd-journal", "adm", "wheel"}  # systemd's own, and those that distributions add
_AS_ROOT = "sudo a1d-ctl report"
_SECTION_MAX = 64 * 1024  # characters
_HEAD = """\
Report of a1d. READ THIS FILE BEFORE YOU SEND IT.
Host and user names, home directories, serial numbers and network addresses have been replaced, as far as a
program can know them. Of the button's commands only the programs are shown. But what they have printed stands in
the journal, and a configuration with a mistake is as you wrote it."""


def write(socket_path: str, name: str) -> None:
    """Write the report to a new file, or print it if ``name`` is -.

    A1dError if the file exists or cannot be made; nothing is ever overwritten.
    """
    if write_new(name, lambda: compose(command.look(socket_path)), "a1d-ctl report FILE"):
        text = "Read it before you send it: it should hold nothing personal, but a program cannot know."
        print(f"{name} is written. {text}")


def compose(system: System) -> str:
    """The whole text; each line of it printable."""
    results = checkup.examine(system)
    status = system.status
    sections = {
        "Versions": _versions(system),
        "Doctor": checkup.describe(results, False),
        "Status": json.dumps(status, indent=1) if status is not None else f"none: {system.silence}",
        "Configuration that the daemon uses": _configuration_in_use(system),
        f"Configuration file ({CONFIG_PATH})": _configuration_file(system),
        f"Journal (the last {_JOURNAL_LINES} lines of a1d)": _journal(system),
    }
    parts = [_HEAD]
    for title, text in sections.items():
        parts.append(f"\n==== {title} ====\n{text.strip()[-_SECTION_MAX:]}")
    text = redaction_of(system).apply("\n".join(parts))
    return "\n".join(printable(line) for line in text.split("\n")) + "\n"


def _versions(system: System) -> str:
    release = system.read("/etc/os-release") or ""
    name = next(
        (line.partition("=")[2].strip('"') for line in release.splitlines() if line.startswith("PRETTY_NAME=")), ""
    )
    status = system.status
    return "\n".join(
        [
            f"a1d-ctl  {__version__}",
            f"a1d      {status['version'] if status else 'does not answer'}",
            f"Python   {platform.python_version()} ({sys.executable})",
            f"kernel   {platform.release()} {platform.machine()}",
            f"system   {name or 'unknown'}",
            f"board    {system.model or 'unknown'}",
        ]
    )


def _configuration_in_use(system: System) -> str:
    if system.in_use is None:
        return "not told: the daemon is of another version" if system.status else "not told: the daemon does not answer"
    return _without_comments(print_config(system.in_use, hides_arguments=True))


def _configuration_file(system: System) -> str:
    text = system.read(CONFIG_PATH)
    if text is None:
        why = system.unseen.get(CONFIG_PATH)
        return f"it may not be read ({why}): {_AS_ROOT}" if why else "there is none"
    try:
        config = parse_config(text, CONFIG_PATH)
    except ConfigError as error:
        return _without_comments(f"{text}\n{error}")
    if system.in_use is not None and is_in_use(system, config):
        return "as above"
    return _without_comments(print_config(config, hides_arguments=True))


def _without_comments(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    return "\n".join(lines)


def _journal(system: System) -> str:
    lines = str(_JOURNAL_LINES)
    command = ("journalctl", "-u", "a1d.service", "-n", lines, "--no-pager", "--no-hostname", "-q", "-o", "short-iso")
    ran = system.run(*command)
    if ran.code != 0:
        return f"not seen: {ran.why or 'journalctl refuses'}"
    # Earlier versions logged the arguments of a gesture's command, too.
    return _PRESSED.sub(r"\1 ...", ran.out).strip() or _no_lines(system)


def _no_lines(system: System) -> str:
    uid, gids = system.caller
    names = {name for gid, (name, _members) in groups(system).items() if gid in gids}
    if uid == 0 or names & _JOURNAL_READERS:
        return "there is none: the service has logged nothing"
    return f"it may not be read: {_AS_ROOT}"
