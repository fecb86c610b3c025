"""What the daemon runs on if its configuration cannot be read when it starts. Only imported then."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from a1d.case.stop_program import read_known
from a1d.config.load import Loaded
from a1d.config.reload import DEFAULTS_BECAUSE
from a1d.config.settings import CaseConfig, Config, FanConfig
from a1d.config.warnings import warnings_of
from a1d.errors import ConfigError


def after_error(error: ConfigError, run_dir: str, report: Callable[[str, str], None]) -> Loaded:
    """As ``config_after_error``, with what an earlier start left in the run directory, and with its warnings.

    It is reported as the problem ``configuration``.
    """
    report("configuration", f"{DEFAULTS_BECAUSE}\n{error}")
    config = config_after_error(error, read_known(run_dir))
    # A file that could not be read may be good: it is tried again, soon at first.
    return Loaded(config, warnings_of(config), -math.inf if error.is_unread else math.inf)


def config_after_error(error: ConfigError, known: Mapping[str, Any]) -> Config:
    """The built-in defaults, but with what can still be known of the case and of a stop.

    ``known`` is what ``read_known`` found in stop.json, of an earlier start since the machine booted. What the
    bad file names is newer and wins, save that legacy wins over register wherever it is named: a V3 ignores
    that protocol, but register reads can hang an old case (L1).
    """
    case = {name: known[name] for name in ("protocol", "bus", "timeout_s") if name in known}
    if error.bus is not None:
        case["bus"] = error.bus
    if error.protocol is not None and case.get("protocol") != "legacy":
        case["protocol"] = error.protocol
    fan = {name: known[name] for name in ("on_stop",) if name in known}
    return Config(fan=FanConfig(**fan), case=CaseConfig(**case))
