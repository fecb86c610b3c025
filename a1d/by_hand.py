"""What ``a1d`` says on a terminal, where somebody may not know that it drives the case. The service does not."""

from __future__ import annotations

import os

from a1d.log import Log
from a1d.paths import CONFIG_PATH


def say_what_starts(config: str | None, run_dir: str) -> None:
    """Two lines on standard error. ``config`` is the file that was named, None: the usual one."""
    if config is None:
        config = CONFIG_PATH if os.path.lexists(CONFIG_PATH) else f"the built-in settings ({CONFIG_PATH} is not there)"
    log = Log()
    text = f"drives the real case, with {config} and {run_dir}; Ctrl-C ends it, fan.on_stop says how"
    log.info("".join(c if c.isprintable() else ascii(c)[1:-1] for c in text))
    log.info("without a case: a1d --simulate; as a service: sudo systemctl start a1d; how it goes: a1d-ctl status")
