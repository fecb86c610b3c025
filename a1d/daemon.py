"""The wiring: one thread, one loop, one owner of the hardware. Everything that decides is elsewhere."""

from __future__ import annotations

from collections.abc import Callable

from a1d.button.actions import Actions
from a1d.button.watcher import ButtonWatcher, PowerButton
from a1d.case.bus import CaseBus, open_case, traced
from a1d.case.fan import Fan
from a1d.case.shutdown import save_stop_settings, set_failsafe, set_last_duty
from a1d.clocks import boot_clock, local_minute, reread_time_zone
from a1d.config.load import Load, Loaded
from a1d.config.reload import DEFAULTS_BECAUSE, DEFAULTS_STAY, OLD_STAYS, Reloader, Then
from a1d.duration import format_duration
from a1d.errors import A1dError, ConfigError
from a1d.hardware import Hardware
from a1d.log import Log
from a1d.loop import Loop
from a1d.service.access import reread_group
from a1d.service.event_log import EventLog
from a1d.service.health import Health
from a1d.service.methods import INFO, methods
from a1d.service.server import Server, open_server
from a1d.service.status import Publisher, status_of
from a1d.service.systemd import Notifier
from a1d.service.varlink import Parameters, Service
from a1d.temperature.controller import Controller
from a1d.temperature.cooling import CoolingCheck
from a1d.temperature.decision import Decision
from a1d.temperature.profiles import Profiles
from a1d.temperature.reading import GAP_MIN_S, gap_s
from a1d.temperature.sensors import Sensors


class Daemon:
    """Build it, then ``run``; tests call ``loop.run_once`` with a clock of their own."""

    def __init__(
        self,
        hardware: Hardware,
        run_dir: str,
        load: Load,
        *,
        log: Log | None = None,
        clock: Callable[[], float] = boot_clock,
        local_minute: Callable[[], int] = local_minute,
    ) -> None:
        self.clock = clock
        self.started_s = clock()
        self.log = log or Log()
        self.health = Health(self.log, self.started_s)
        self.controller: Controller | None = None  # until the fan's present duty is known
        self.decision: Decision | None = None
        self.stopping = False
        self.simulated = hardware.simulated
        self._hardware = hardware
        self._run_dir = run_dir
        self._local_minute = local_minute
        try:
            loaded = load().wait()
        except ConfigError as error:
            from a1d.fallback import after_error

            loaded = after_error(error, run_dir, self.health.report)
        self._use(loaded)
        self._ticked_s = clock()  # nobody ticks while the configuration is read
        self._notifier = notifier = Notifier(self._ticked_s)
        self.publisher = Publisher(notifier)
        self.profiles = Profiles(self.config)
        self.loop = Loop(clock, self.config.interval_s, self._tick, self._poll_fan)
        self._reloader = Reloader(load, self.loop.selector, notifier.reloading, self._end_reload, loaded.retry_at_s)
        self.health.report("run directory", save_stop_settings(run_dir, self.config))
        self._event_log = EventLog(self.log)
        self.actions = Actions(hardware.power, self._event_log)
        self.button = ButtonWatcher(self.config.button, hardware.open_edges)
        self._power_button = PowerButton(self.button, self.actions, self.config.button, self.loop, self._event_log)
        self.fan = Fan(self._open_case, clock, self.config.fan.refresh_s)
        self.sensors = Sensors(self.config, hardware.sysfs, hardware.open_file_reader, self._event_log.info)
        self._cooling = CoolingCheck(self.config)
        self.server = self._open_server()

    def run(self) -> None:
        """Until ``stop``. If it ends otherwise, the fan is at failsafe or faster afterwards, if the bus allows.

        StopError if a stop could not give the fan the duty that it needs; and whatever a bug raises.
        """
        try:
            while not self.stopping:
                self.loop.run_once()
            self._notifier.stopping()
            set_last_duty(self.fan, self._open_case, self.config.case.bus, self.log)
        except BaseException:
            set_failsafe(self.fan, self._open_case, self.config.fan.failsafe_duty_percent)
            raise
        finally:
            self.close()

    def _poll_fan(self) -> float:
        due_s = self.fan.poll()
        if self.controller is None and not self.fan.observing:
            self.loop.tick_soon()  # the fan's duty is known at last: take over at once
        return due_s

    def stop(self) -> None:
        """Leave the loop after this round."""
        self.stopping = True

    def close(self) -> None:
        """Give everything back; the fan keeps its duty."""
        self._reloader.close()
        self._power_button.close()
        if self.server is not None:
            self.server.close()
            self.server = None
        self.sensors.close()
        self.fan.close()
        self._notifier.close()
        self.loop.selector.close()

    def _tick(self, now_s: float) -> None:
        passed_s, self._ticked_s = now_s - self._ticked_s, now_s
        gap = passed_s > GAP_MIN_S and passed_s > gap_s(self.config)
        if gap:
            self._event_log.info(f"{format_duration(round(passed_s))} without a tick: machine asleep, or a1d stopped")
        self._reloader.tick(now_s, gap=gap)
        self._hardware.advance(now_s)
        if self.fan.observing:
            self.loop.fan_due_s = self.fan.poll()
        if not self.fan.observing:
            self._control(now_s, gap)
        self._event_log.tick(now_s)
        self.actions.tick(now_s)
        self.health.check(self, self.config.case.bus, now_s)
        self._notifier.tick(now_s, under_control=self.fan.acknowledged, is_alive=self._is_alive)
        self.publisher.tick(now_s, self, self.server)
        if self.server is not None:
            self.server.tick()
        self._power_button.tick(now_s)  # after the fan and READY: at the start it has a library to import

    def _control(self, now_s: float, gap: bool) -> None:
        """Temperature in, duty out."""
        is_new = self.profiles.step(now_s, self._local_minute() if self.profiles.uses_clock else 0)
        if self.controller is None:
            self.controller = Controller(self.profiles.config, now_s, self.fan.observed_percent)
        elif is_new:
            self.controller.configure(self.profiles.config)
            self._event_log.info(f"profile: {self.profiles.name or 'none'}")
        readings = self.sensors.read(now_s, gap=gap)
        absent, lost = self.sensors.absent, self.sensors.lost
        self.decision = self.controller.step(now_s, readings, gap=gap, absent=absent, lost=lost)
        self.health.report("cooling", self._cooling.step(now_s, self.fan.confirmed_percent, readings, gap))
        if self.controller.saw_leap:
            self.loop.tick_soon(self.config.interval_s / 2)
        if self.log.debugging:
            self.log.debug("\n".join(map(str, (*readings, self.decision))))
        self.fan.target_percent = self.decision.duty_percent
        self.loop.fan_due_s = self.fan.poll()

    def _is_alive(self) -> bool:
        return self.button.is_alive and not self.fan.is_overdue

    def status(self) -> Parameters:
        """The Status type of org.a1d.control, as it is now."""
        return status_of(self, self.clock())

    def set_manual(
        self, duty_percent: int, for_s: float | None, until_celsius: float | None = None
    ) -> tuple[int, str | None]:
        """Hold a duty of 0..100 % for ``for_s`` s, until no sensor is hotter than that, or until told otherwise.

        Its duty, and what overrides it in words (None: nothing). ValueError if out of range; A1dError if too early.
        """
        if self.controller is None or self.decision is None:
            raise A1dError("a1d is still starting; ask again in a second")
        until_s = None if for_s is None else self.clock() + for_s
        duty = self.controller.set_manual(duty_percent, until_s, until_celsius)
        self.loop.tick_soon()
        beaten = f"the fan is at {duty} %: {self.decision.reason}" if self.controller.is_emergency else None
        return duty, beaten or self.health.text("fan")

    def resume_automatic(self) -> None:
        """Back to the curve."""
        if self.controller is not None:
            self.controller.resume_automatic()
            self.loop.tick_soon()

    def set_profile(self, name: str | None, for_s: float | None = None) -> None:
        """Choose one, or "none", for ``for_s`` s or until told otherwise. None: the clock does. A1dError if unknown."""
        self.profiles.choose(name, None if for_s is None else self.clock() + for_s)
        self.loop.tick_soon()

    def reload(self, then: Then | None = None) -> None:
        """Have the configuration read again, beside the loop, and tell ``then``. If it is bad, the old one stays."""
        self._reloader.ask(self.clock(), then)

    def _end_reload(self, outcome: Loaded | ConfigError) -> None:
        if isinstance(outcome, Loaded):
            self._apply(outcome)
            self.log.info("reload: done")
        else:
            on_defaults = self.health.text("configuration") is not None
            self.log.error(f"{DEFAULTS_STAY if on_defaults else OLD_STAYS}\n{outcome}")
            if on_defaults:
                self.health.report("configuration", f"{DEFAULTS_BECAUSE}\n{outcome}")
        self._notifier.reloaded()

    def _use(self, loaded: Loaded) -> None:
        self.config, self.warnings = loaded.config, loaded.warnings
        self.log.debugging = self.config.log_level == "debug"
        for warning in self.warnings:
            self.log.warning(f"configuration: {warning}")

    def _apply(self, loaded: Loaded) -> None:
        old, config = self.config, loaded.config
        self._power_button.configure(config.button)
        self._use(loaded)
        self.loop.interval_s = config.interval_s
        self.health.report("configuration", None)
        reread_group()
        before = self.sensors.all
        self.sensors.configure(config)
        for sensor in before:
            if sensor not in self.sensors.all:
                self.health.forget(f"sensor {sensor.name}")
        self._cooling.configure(config)
        reread_time_zone()
        self.profiles.configure(config)
        if self.controller is not None:
            self.controller.configure(self.profiles.config)
        self.fan.refresh_s = config.fan.refresh_s
        if config.case != old.case:
            self.fan.reset()
        elif config.log_level != old.log_level:
            self.fan.close()  # opened again with or without the trace
        self.health.report("run directory", save_stop_settings(self._run_dir, config))
        self.loop.tick_soon()

    def _open_case(self) -> CaseBus:
        case = self.config.case
        return open_case(case.protocol, lambda: traced(self._hardware.open_smbus(case.bus, case.timeout_s), self.log))

    def _open_server(self) -> Server | None:
        fan = (self.set_manual, self.resume_automatic, self.sensors)
        control = methods(self.status, self.profiles, *fan, reload=self.reload, set_profile=self.set_profile)
        service = Service([control, *self._hardware.interfaces()], INFO, self._event_log)
        return open_server(self._run_dir, service, self.loop.selector, self.clock, self.health.report)
