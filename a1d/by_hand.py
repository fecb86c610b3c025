"""What ``a1d`` says on a terminal, where somebody may not know that it drives the case. The service does not."""

from __future__ import annotations

import os
import shlex

from a1d.client.varlink import simulation_run_dir
from a1d.log import Log
from a1d.paths import CONFIG_PATH, RUN_DIR, SOCKET_NAME


def say_what_starts(config: str | None, run_dir: str) -> None:
    """Two lines on standard error. ``config`` is the file that was named, None: the usual one."""
    if config is None:
        config = CONFIG_PATH if os.path.lexists(CONFIG_PATH) else f"the built-in settings ({CONFIG_PATH} is not there)"
    log = Log()
    log.info(_printable(f"drives the real case, with {config} and {run_dir}; Ctrl-C ends it, fan.on_stop says how"))
    how = f"how it goes: {client_for(run_dir)} status"
    log.info(f"without a case: a1d --simulate; as a service: sudo systemctl start a1d; {how}")


def client_for(run_dir: str) -> str:
    """``a1d-ctl``, and which socket it must be told so that it does not ask another daemon."""
    is_beside_service = os.path.exists(os.path.join(RUN_DIR, SOCKET_NAME))
    asked = RUN_DIR if is_beside_service or run_dir == RUN_DIR else simulation_run_dir()
    socket = shlex.quote(os.path.abspath(os.path.join(run_dir, SOCKET_NAME)))
    return "a1d-ctl" if run_dir == asked else f"a1d-ctl --socket {_printable(socket)}"


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
