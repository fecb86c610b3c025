"""The configuration file: everything wrong or odd in it."""

from __future__ import annotations

import re

from a1d.config.warnings import warnings_of
from a1d.doctor.result import Result, fail, info, ok, warn
from a1d.doctor.system import System
from a1d.paths import CONFIG_PATH

_CHECK = "configuration"
_MENTIONED_MAX = 10


def checks(system: System) -> list[Result]:
    """A result for each problem, each warning, or one that all is well."""
    if not system.exists(CONFIG_PATH):
        return [info(_CHECK, f"there is no {CONFIG_PATH}: the built-in settings are used")]
    problems = system.config_problems
    if CONFIG_PATH in system.unseen:
        return [info(_CHECK, f"{CONFIG_PATH} may not be read", "sudo a1d-ctl doctor")]
    if problems:
        more = len(problems) - _MENTIONED_MAX
        results = [fail(_CHECK, problem, _edit(problem)) for problem in problems[:_MENTIONED_MAX]]
        return results + ([fail(_CHECK, f"and {more} more", f"a1d --check {CONFIG_PATH}")] if more > 0 else [])
    warnings = [warn(_CHECK, warning, _edit(warning)) for warning in warnings_of(system.config)]
    return warnings or [ok(_CHECK, f"{CONFIG_PATH} has no mistake")]


def _edit(problem: str) -> str:
    """An editor at the line that is named."""
    line = re.match(rf"{re.escape(CONFIG_PATH)}:(\d+):", problem)
    return f"sudo nano {f'+{line[1]} ' if line else ''}{CONFIG_PATH} && sudo systemctl reload a1d"
