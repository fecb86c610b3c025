"""The wiring: one thread, one loop, one owner of the hardware. Everything that decides is elsewhere."""

from __future__ import annotations

import contextlib
import functools
import os
import selectors
import time
from collections.abc import Callable
from dataclasses import replace

from a1d import __version__
from a1d.button.actions import Actions
from a1d.button.pulses import Gesture
from a1d.button.watcher import ButtonWatcher, EdgeSource
from a1d.case import bus as case_bus
from a1d.case.failsafe import apply_failsafe
from a1d.case.fan import Fan
from a1d.case.stop_settings import StopSettings, write_stop_settings
from a1d.config.settings import ButtonConfig, CaseConfig, Config
from a1d.duration import format_duration
from a1d.errors import A1dError, ConfigError
from a1d.hardware import Hardware
from a1d.log import Log
from a1d.paths import SOCKET_NAME
from a1d.service.health import Health
from a1d.service.methods import control_interface, steering_gid
from a1d.service.telling import Telling
from a1d.service.varlink import Server
from a1d.temperature.controller import Controller, Decision, gap_s
from a1d.temperature.sensors import open_sensors, read_all

# Seconds since boot, sleep included, so that a suspended machine shows as a gap.
boot_clock: Callable[[], float] = functools.partial(time.clock_gettime, time.CLOCK_BOOTTIME)


class Daemon:
    """Build it, then ``run``; tests call ``turn`` with a clock of their own."""

    def __init__(
        self,
        hardware: Hardware,
        run_dir: str,
        read_config: Callable[[], Config],
        *,
        log: Log | None = None,
        clock: Callable[[], float] = boot_clock,
    ) -> None:
        self.clock = clock
        self.simulated = hardware.simulated
        self.started_s = clock()
        self.log = log or Log()
        self.health = Health(self.log)
        self.selector = selectors.DefaultSelector()
        self.controller: Controller | None = None  # until the fan's present duty is known
        self.decision: Decision | None = None
        self.stopping = False
        self._hardware = hardware
        self._run_dir = run_dir
        self._read_config = read_config
        self._next_tick_s = self._ticked_s = self._fan_due_s = self.started_s
        self._selected: EdgeSource | None = None
        self._selected_fd: int | None = None
        self.telling = Telling(self)

        try:
            self.config = read_config()
        except ConfigError as error:
            default = CaseConfig()  # but never the wrong protocol for want of a comma elsewhere
            case = CaseConfig(
                protocol=error.protocol or default.protocol, bus=default.bus if error.bus is None else error.bus
            )
            self.config = Config(case=case)
            text = f"using built-in defaults, because\n{error}"
            self.health.report("configuration", text)
        self._gap_s = gap_s(self.config)
        self._save_stop_settings()
        self.actions = Actions(hardware.power, self.log)
        self.button = ButtonWatcher(self.config.button, hardware.open_edges)
        self.fan = Fan(self._open_case, clock, self.config.fan.refresh_s)
        self.sensors = open_sensors(self.config, hardware.sysfs)
        self.server = self._open_control()

    # -- the loop --------------------------------------------------------------------------------

    def run(self) -> None:
        """Until ``stop``. Whatever else happens, the fan is at failsafe or faster afterwards."""
        try:
            while not self.stopping:
                self.run_once()
            self.telling.stopping()
            self._finish()
        except BaseException:
            self._fail_safe()
            raise
        finally:
            self.close()

    @property
    def wake_s(self) -> float:
        """When the next thing is due that no descriptor will announce."""
        return min(self._next_tick_s, self._fan_due_s)

    def run_once(self) -> None:
        """Wait for the next thing to happen and deal with it."""
        for key, _events in self.selector.select(max(0.0, self.wake_s - self.clock())):
            key.data()
            if self.clock() >= self._next_tick_s:
                break  # the fan comes first; what is ready stays ready
        now_s = self.clock()
        if now_s >= self._next_tick_s:
            # On the grid while we keep up; after a delay a new grid, never a burst.
            on_grid_s = self._next_tick_s + self.config.interval_s
            self._next_tick_s = on_grid_s if on_grid_s > now_s else now_s + self.config.interval_s
            self._tick(now_s)
        elif now_s >= self._fan_due_s:
            self._fan_due_s = self.fan.poll()
            if self.controller is None and not self.fan.observing:
                self._next_tick_s = now_s  # the fan's duty is known at last: take over at once

    def stop(self) -> None:
        """Leave the loop after this turn."""
        self.stopping = True

    def close(self) -> None:
        """Give everything back; the fan keeps its duty."""
        self.button.close()
        self._select_button()
        if self.server is not None:
            self.server.close()
            self.server = None
        for sensor in self.sensors:
            sensor.close()
        self.fan.close()
        self.telling.close()
        self.selector.close()

    def _tick(self, now_s: float) -> None:
        if now_s - self._ticked_s > self._gap_s:
            gone = format_duration(round(now_s - self._ticked_s))
            self.log.info(f"{gone} without a look at the temperature: the machine slept, or a1d was stopped")
        self._ticked_s = now_s
        self._hardware.advance(now_s)
        if self.fan.observing:
            self._fan_due_s = self.fan.poll()
        if not self.fan.observing:
            self._control(now_s)
        self.actions.tick(now_s)
        self.telling.tick(now_s)
        self.button.tick(now_s)  # after the fan and READY: at the start it has a library to import
        self._select_button()

    def _control(self, now_s: float) -> None:
        """Temperature in, duty out."""
        if self.controller is None:
            self.controller = Controller(self.config, now_s, self.fan.observed_percent)
        self.decision = self.controller.step(now_s, read_all(self.sensors, now_s))
        if self.controller.saw_leap:
            self._next_tick_s = min(self._next_tick_s, now_s + self.config.interval_s / 2)
        self.fan.target_percent = self.decision.duty_percent
        self._fan_due_s = self.fan.poll()

    # -- the button ------------------------------------------------------------------------------

    def _select_button(self) -> None:
        """Listen to the button's source, and not while the edge budget is used up."""
        source = None if self.button.exhausted else self.button.source
        if source is self._selected:
            return
        if self._selected_fd is not None:
            self.selector.unregister(self._selected_fd)
        self._selected, self._selected_fd = source, None if source is None else source.fileno()
        if self._selected_fd is not None:
            self.selector.register(self._selected_fd, selectors.EVENT_READ, self._on_edges)

    def _on_edges(self) -> None:
        gestures = self.button.read()
        self._select_button()
        for gesture in gestures:
            action = self.config.button.hold if gesture is Gesture.HOLD else self.config.button.double_press
            shown = action if isinstance(action, str) else " ".join(action)
            self.log.info(f"button: {gesture.value.replace('_', ' ')}: {shown}")
            self.actions.run(action, urgent=gesture is Gesture.HOLD)  # the case cuts the power (B3)

    # -- what clients may do ---------------------------------------------------------------------

    def set_manual(self, duty_percent: int, for_s: float | None) -> int:
        """Hold a duty of 0..100 %, for ``for_s`` seconds or until told otherwise; the duty that is held."""
        if self.controller is None:
            raise A1dError("a1d is still starting; ask again in a second")
        held = self.controller.set_manual(duty_percent, None if for_s is None else self.clock() + for_s)
        self._next_tick_s = self.clock()
        return held

    def resume_automatic(self) -> None:
        """Back to the curve."""
        if self.controller is not None:
            self.controller.resume_automatic()
            self._next_tick_s = self.clock()

    def reload(self) -> None:
        """Read the configuration again; ConfigError, and nothing changed, if it is bad."""
        self.telling.reloading()
        try:
            config = self._read_config()
        except ConfigError as error:
            self.log.error(f"reload: the old configuration stays:\n{error}")
            raise
        else:
            self._apply(config)
            self.log.info("reload: done")
        finally:
            self.telling.reloaded()

    def reload_on_signal(self) -> None:
        """As ``reload``, but nobody waits for the errors; they are in the log."""
        with contextlib.suppress(ConfigError):
            self.reload()

    def _apply(self, config: Config) -> None:
        reopen = _line_of(config.button) != _line_of(self.config.button)
        if reopen:
            self._on_edges()  # a press that waits is not lost
        old, self.config = self.config, config
        self._gap_s = gap_s(config)
        self.health.report("configuration", None)
        steering_gid.cache_clear()
        if config.sensors != old.sensors or config.interval_s != old.interval_s:
            for sensor in self.sensors:
                sensor.close()
                self.health.forget(f"sensor {sensor.name}")
            self.sensors = open_sensors(config, self._hardware.sysfs)
        if self.controller is not None:
            self.controller.configure(config)
        self.fan.refresh_s = config.fan.refresh_s
        if config.case != old.case:
            self.fan.reset()
        if config.button != old.button:
            self.actions.forget_errors()
        if reopen:
            self.button.close()
            self._select_button()
            self.button = ButtonWatcher(config.button, self._hardware.open_edges)
        self._save_stop_settings()
        self._next_tick_s = self.clock()

    # -- parts that are made here ------------------------------------------------------------------

    def _open_case(self) -> case_bus.CaseBus:
        case = self.config.case
        return case_bus.open_case(case.protocol, lambda: self._hardware.open_smbus(case.bus, case.timeout_s))

    def _open_control(self) -> Server | None:
        info = {"vendor": "a1d", "product": "a1d", "version": __version__, "url": "https://nossa.ee/~talya/a1d"}
        interfaces = [control_interface(self), *self._hardware.interfaces()]
        path = os.path.join(self._run_dir, SOCKET_NAME)
        try:
            return Server(path, interfaces, info, self.selector, self.clock, log=self.log)
        except OSError as error:
            self.health.report("control", f"{path}: {error.strerror or error}; a1d-ctl cannot reach this daemon")
            return None

    def _save_stop_settings(self) -> None:
        """Tell the two small programs what they need to know should we not live to say it."""
        fan, case = self.config.fan, self.config.case
        settings = StopSettings(case.protocol, case.bus, case.timeout_s, fan.failsafe_duty_percent, fan.on_stop_duty)
        try:
            write_stop_settings(self._run_dir, settings)
            self.health.report("run directory", None)
        except OSError as error:
            self.health.report(
                "run directory",
                f"{self._run_dir}: {error.strerror or error}; expected a "
                "directory that a1d may write, such as systemd's RuntimeDirectory=a1d",
            )

    def _fail_safe(self) -> None:
        """The last thing a failing daemon does. systemd runs the same again after us, should this fail too."""
        self.fan.close()
        with contextlib.suppress(Exception):
            apply_failsafe(self._open_case, max(self.config.fan.failsafe_duty_percent, self.fan.target_percent or 0))

    def _finish(self) -> None:
        """A clean stop keeps the duty, and that must be the one that was wanted."""
        target, confirmed = self.fan.target_percent, self.fan.confirmed_percent
        if target is not None and (confirmed is None or confirmed < target):
            self.fan.close()
            try:
                self.log.info(f"stopping: {apply_failsafe(self._open_case, target, target)}")
            except OSError as error:
                why = case_bus.describe_bus_error(error, self.config.case.bus).strerror
                self.log.error(f"stopping: the fan could not be set to {target} %: {why}")


def _line_of(button: ButtonConfig) -> ButtonConfig:
    """The part of the settings for which the line must be opened anew."""
    return replace(button, double_press="none", hold="none")
