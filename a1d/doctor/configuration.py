"""The configuration: everything wrong or odd in the file, and whether it is what the daemon uses."""

from __future__ import annotations

import re

from a1d.config.printer import print_config
from a1d.config.settings import Config
from a1d.config.warnings import warnings_of
from a1d.doctor.result import Result, fail, info, ok, warn
from a1d.doctor.system import System
from a1d.paths import CONFIG_PATH

_CHECK = "configuration"
_MENTIONED_MAX = 10
_SHOW = "a1d-ctl config"


def checks(system: System) -> list[Result]:
    """A result for each problem, each warning, or one that all is well."""
    if not system.exists(CONFIG_PATH):
        return _without_file(system)
    written, problems = system.file
    if CONFIG_PATH in system.unseen:
        return [info(_CHECK, f"{CONFIG_PATH} may not be read", "sudo a1d-ctl doctor")]
    if problems:
        more = len(problems) - _MENTIONED_MAX
        results = [fail(_CHECK, problem, _edit(problem)) for problem in problems[:_MENTIONED_MAX]]
        return results + ([fail(_CHECK, f"and {more} more", f"a1d --check {CONFIG_PATH}")] if more > 0 else [])
    results = [warn(_CHECK, warning, _edit(warning)) for warning in warnings_of(written)]
    results = results or [ok(_CHECK, f"{CONFIG_PATH} has no mistake")]
    return results if is_in_use(system, written) else [*results, _another(system)]


def is_in_use(system: System, written: Config) -> bool:
    """Whether the daemon uses ``written``, as far as it tells: not everybody is told the arguments of a command."""
    in_use = system.in_use
    if in_use is None:
        return True
    return print_config(in_use, hides_arguments=True) == print_config(written, hides_arguments=True)


def _without_file(system: System) -> list[Result]:
    none = f"there is no {CONFIG_PATH}"
    if is_in_use(system, Config()):
        return [info(_CHECK, f"{none}: the built-in settings are used")]
    found = info(_CHECK, f"{none}; the daemon that answers has settings of its own (option --config?)", _SHOW)
    return [found, *(warn(_CHECK, warning, _SHOW) for warning in warnings_of(system.config))]


def _another(system: System) -> Result:
    if system.is_simulated:
        return info(_CHECK, f"the simulated case does not use {CONFIG_PATH}, but settings of its own", _SHOW)
    text = f"the daemon does not use what {CONFIG_PATH} says: it has changed since, or a1d was started with --config"
    return warn(_CHECK, text, "sudo systemctl reload a1d && a1d-ctl config")


def _edit(problem: str) -> str:
    """An editor at the line that is named."""
    line = re.match(rf"{re.escape(CONFIG_PATH)}:(\d+):", problem)
    return f"sudo nano {f'+{line[1]} ' if line else ''}{CONFIG_PATH} && sudo systemctl reload a1d"
