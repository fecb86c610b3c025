"""The daemon's last acts: the fan's last duty, and what it leaves for the programs that systemd runs after it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from a1d.case.apply_failsafe import apply_failsafe
from a1d.case.bus import CaseBus, describe_bus_error
from a1d.case.fan import Fan
from a1d.case.stop_settings import StopSettings, write_stop_settings
from a1d.config.settings import Config
from a1d.errors import StopError
from a1d.log import Log


def save_stop_settings(run_dir: str, config: Config) -> str | None:
    """Write stop.json for ``a1d-failsafe`` and ``a1d-powercut``; what went wrong, in words, or None."""
    fan, case = config.fan, config.case
    settings = StopSettings(case.protocol, case.bus, case.timeout_s, fan.failsafe_duty_percent, fan.on_stop_duty)
    try:
        write_stop_settings(run_dir, settings)
    except OSError as error:
        return (
            f"{run_dir}: {error.strerror or error}; expected a "
            "directory that a1d may write, such as systemd's RuntimeDirectory=a1d"
        )
    return None


def set_failsafe(fan: Fan, open_bus: Callable[[], CaseBus], failsafe_percent: int) -> None:
    """The last thing a failing daemon does. Raises nothing: systemd runs a1d-failsafe after it, which does the same."""
    fan.close()
    with contextlib.suppress(Exception):
        apply_failsafe(open_bus, max(failsafe_percent, fan.target_percent or 0))


def set_last_duty(fan: Fan, open_bus: Callable[[], CaseBus], bus: int, log: Log) -> None:
    """A clean stop keeps the duty, and that must be the one that was wanted. ``bus`` is the I2C bus's number.

    StopError if the fan could not be made faster: then the stop is no clean one, and ``a1d-failsafe`` does as after
    a crash.
    """
    target, confirmed = fan.target_percent, fan.confirmed_percent
    if target is None or (confirmed is not None and confirmed >= target):
        return
    fan.close()
    try:
        log.info(f"stopping: {apply_failsafe(open_bus, target, target)}")
    except OSError as error:
        text = f"stopping: the fan could not be set to {target} %: {describe_bus_error(error, bus)}"
        if target > 0:
            raise StopError(error.errno, text) from error
        log.error(text)  # no fan is slower than that
