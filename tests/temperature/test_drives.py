"""Drives that come, go, fail and sleep: one sensor of many files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from a1d.config.settings import Config, SensorConfig
from a1d.temperature.drives import LOOK_AGAIN_S, RETRY_S
from a1d.temperature.file_reader import DirectReader, Request
from a1d.temperature.reading import MISSED_MAX, Reading
from a1d.temperature.sensors import Sensor, Sensors
from tests.temperature.test_sensors import Sysfs, remove
from tests.virtual import PROMPT_FAN, VirtualRig

NVME = SensorConfig(name="nvme", hwmon="nvme")


class CountingReader(DirectReader):
    """Remembers what was read, and when."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[str, float]] = []

    def ask(self, path: str, now_s: float) -> Request:
        self.asked.append((path, now_s))
        return super().ask(path, now_s)


class Bench:
    """A sensor on a /sys of its own; ``run`` ticks it."""

    def __init__(self, root: Path) -> None:
        self.sysfs = Sysfs(root)
        self.reader = CountingReader()
        self.notes: list[str] = []
        self.now_s = 0.0
        self.use(NVME)

    def use(self, config: SensorConfig) -> None:
        self.sensor: Sensor
        root = str(self.sysfs.root)
        (self.sensor,) = Sensors(Config(sensors=(config,)), root, lambda: self.reader, self.notes.append).all

    def run(self, seconds: float) -> Reading | None:
        for _ in range(round(seconds * 2)):
            self.now_s += 0.5
            self.sensor.read(self.now_s)
        return self.sensor.last


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    bench.sensor.close()


def fail(file: Path) -> Path:
    """Each read is an error, though the device is there: EISDIR, as EIO cannot be had."""
    file.unlink()
    file.mkdir()
    return file


def heal(file: Path, text: str) -> None:
    file.rmdir()
    file.write_text(text)


def test_a_drive_that_appears_is_found_within_seconds(bench: Bench) -> None:
    bench.sysfs.hwmon(0, "nvme", "35850\n")
    bench.run(20)
    file = bench.sysfs.hwmon(7, "nvme", "84850\n")
    reading = bench.run(LOOK_AGAIN_S + 0.5)
    assert reading is not None
    assert reading.temp_celsius == 84.85
    assert bench.notes == [f"sensor nvme: {file} is new; 2 watched"]


def test_a_drive_that_comes_back_under_another_number_is_watched_again(bench: Bench) -> None:
    bench.sysfs.hwmon(0, "nvme", "35850\n")
    file = bench.sysfs.hwmon(1, "nvme", "55850\n")
    bench.run(20)
    remove(file)
    reading = bench.run(LOOK_AGAIN_S + 0.5)
    assert reading is not None
    assert reading.temp_celsius == 35.85
    assert bench.notes == [f"sensor nvme: {file} is gone; 1 watched"]
    bench.sysfs.hwmon(5, "nvme", "65850\n")
    reading = bench.run(LOOK_AGAIN_S + 0.5)
    assert reading is not None
    assert (reading.temp_celsius, reading.error, bench.sensor.lost) == (65.85, None, False)


def test_another_device_under_the_number_of_a_drive_is_no_drive(bench: Bench) -> None:
    bench.sysfs.hwmon(0, "nvme", "35850\n")
    file = bench.sysfs.hwmon(1, "nvme", "55850\n")
    bench.run(20)
    remove(file)
    bench.run(0.5)
    bench.sysfs.hwmon(1, "rp1_adc", "99000\n")
    reading = bench.run(6)
    assert reading is not None
    assert (reading.temp_celsius, reading.error) == (35.85, None)


def test_a_device_that_takes_a_drive_s_number_unseen_is_no_drive(bench: Bench) -> None:
    bench.sysfs.hwmon(0, "nvme", "35850\n")
    file = bench.sysfs.hwmon(1, "nvme", "55850\n")
    bench.run(20)
    remove(file)
    bench.sysfs.hwmon(1, "rp1_adc", "99000\n")
    reading = bench.run(LOOK_AGAIN_S + 0.5)
    assert reading is not None
    assert (reading.temp_celsius, reading.error) == (35.85, None)


def test_looking_again_reads_no_other_name_while_nothing_has_changed(bench: Bench) -> None:
    """A name that changes in place, as none does, goes unnoticed."""
    bench.sysfs.hwmon(0, "nvme", "35850\n")
    other = bench.sysfs.hwmon(1, "rp1_adc", "84850\n")
    bench.run(10)
    (other.parent / "name").write_text("nvme\n")
    reading = bench.run(60)
    assert reading is not None
    assert reading.temp_celsius == 35.85


def test_one_drive_that_fails_is_named_and_does_not_silence_the_other(bench: Bench) -> None:
    good = bench.sysfs.hwmon(0, "nvme", "35850\n")
    bad = fail(bench.sysfs.hwmon(1, "nvme", "35850\n"))
    bench.run(10)
    assert bench.sensor.lost
    assert str(bad) in str(bench.sensor.error)
    assert str(good) not in str(bench.sensor.error)
    good.write_text("60850\n")
    reading = bench.run(4)
    assert reading is not None
    assert (reading.temp_celsius, reading.missed) == (60.85, 0)
    heal(bad, "40850\n")
    bench.run(RETRY_S + 0.5)
    assert (bench.sensor.lost, bench.sensor.error) == (False, None)


def test_a_lost_drive_is_tried_three_times_at_once_and_then_every_few_seconds(bench: Bench) -> None:
    fail(bench.sysfs.hwmon(0, "nvme", "35850\n"))
    bench.run(60)
    times = [at_s for _path, at_s in bench.reader.asked]
    assert times[:MISSED_MAX] == [0.5, 1.0, 1.5]
    assert {later - before for before, later in pairwise(times[2:])} == {RETRY_S}


@pytest.mark.parametrize("there", [True, False])
def test_an_optional_sensor_that_does_not_answer_is_absent_and_comes_back(bench: Bench, there: bool) -> None:
    bench.use(replace(NVME, optional=True))
    file = bench.sysfs.hwmon(0, "nvme", "35850\n")
    bench.run(10)
    assert not bench.sensor.absent
    if there:
        fail(file)
    else:
        remove(file)
    bench.run(10)
    assert bench.sensor.absent
    assert not bench.sensor.lost
    assert bench.sensor.last is None
    assert bench.sensor.error
    if there:
        heal(file, "36850\n")
    else:
        bench.sysfs.hwmon(3, "nvme", "36850\n")
    reading = bench.run(10)
    assert reading is not None
    assert (reading.temp_celsius, reading.error) == (36.85, None)
    assert bench.sensor.error is None


def test_an_optional_drive_that_talks_nonsense_is_hot_all_the_same(bench: Bench) -> None:
    bench.use(replace(NVME, optional=True))
    bench.sysfs.hwmon(0, "nvme", "35850\n")
    bench.sysfs.hwmon(1, "nvme", "hot\n")
    bench.run(10)
    assert (bench.sensor.absent, bench.sensor.lost) == (False, True)


def test_a_drive_is_asked_as_often_as_it_is_configured_and_an_optional_one_that_is_silent_no_more_often(
    bench: Bench,
) -> None:
    bench.use(replace(NVME, optional=True, interval_s=600.0))
    file = bench.sysfs.hwmon(0, "nvme", "35850\n")
    bench.run(3600)
    assert len(bench.reader.asked) == 6
    fail(file)
    bench.run(3600)
    assert len(bench.reader.asked) <= 6 + MISSED_MAX + 6


def test_after_a_gap_it_is_read_at_once_and_the_past_does_not_count(bench: Bench) -> None:
    bench.use(replace(NVME, interval_s=600.0))
    file = bench.sysfs.hwmon(0, "nvme", "64850\n")
    bench.run(10)
    file.write_text("20850\n")
    reading = bench.sensor.read(10_000.0, gap=True)
    assert reading is not None
    assert (reading.temp_celsius, reading.at_s, reading.error) == (20.85, 10_000.0, None)


# -- in the daemon ---------------------------------------------------------------------------------


class SlowReader(DirectReader):
    """Each answer takes ``takes_s`` of the daemon's time."""

    takes_s = 0.4
    waits = 0
    closed = 0

    def __init__(self) -> None:
        self._requests: list[Request] = []

    def ask(self, path: str, now_s: float) -> Request:
        self._requests.append(Request(path, now_s))
        return self._requests[-1]

    def poll(self, now_s: float) -> None:
        for request in self._requests:
            if request.answer is None and now_s - request.asked_s >= self.takes_s:
                request.answer = super().ask(request.path, now_s).answer

    def wait(self, seconds: float, now_s: float) -> None:
        self.waits += 1
        self.poll(now_s + seconds)

    def close(self) -> None:
        self.closed += 1


def slow_rig(
    make_rig: Callable[..., VirtualRig], monkeypatch: pytest.MonkeyPatch, *drives: SensorConfig, takes_s: float = 0.4
) -> tuple[VirtualRig, SlowReader]:
    reader = SlowReader()
    reader.takes_s = takes_s
    monkeypatch.setattr("a1d.sim.case.SimulatedCase.open_file_reader", lambda _case: reader)
    return make_rig(Config(fan=PROMPT_FAN, sensors=(*Config().sensors, *drives))), reader


def run_without_failsafe(rig: VirtualRig, seconds: float) -> None:
    for _ in range(round(seconds)):
        rig.run(1)
        assert rig.daemon.health.state == "ok"
        assert rig.duty_percent < 100


@pytest.mark.parametrize("takes_s", [0.4, 1.6])
def test_a_drive_that_is_slow_to_answer_is_waited_for_at_the_start(
    make_rig: Callable[..., VirtualRig], monkeypatch: pytest.MonkeyPatch, takes_s: float
) -> None:
    rig, _reader = slow_rig(make_rig, monkeypatch, NVME, takes_s=takes_s)
    run_without_failsafe(rig, 10)
    assert rig.daemon.status()["sensors"][1]["temp_celsius"]


CHANGES = {
    "only another sensor's curve": lambda c: replace(c, sensors=(replace(c.sensors[0], curve=((70, 50),)), NVME)),
    "the drive's curve": lambda c: replace(c, sensors=(c.sensors[0], replace(NVME, curve=((70.0, 50.0),)))),
    "how often it is read": lambda c: replace(c, sensors=(c.sensors[0], replace(NVME, interval_s=3.0))),
    "whether it may be absent": lambda c: replace(c, sensors=(c.sensors[0], replace(NVME, optional=True))),
    "the tick": lambda c: replace(c, interval_s=0.25),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_reload_does_not_make_a_drive_that_is_slow_to_answer_hot(
    make_rig: Callable[..., VirtualRig], monkeypatch: pytest.MonkeyPatch, change: Callable[[Config], Config]
) -> None:
    rig, reader = slow_rig(make_rig, monkeypatch, NVME)
    run_without_failsafe(rig, 10)
    config = change(rig.daemon.config)
    rig.read_config = lambda: config
    rig.reload()
    run_without_failsafe(rig, 10)
    assert rig.daemon.config == config
    assert reader.closed == 0, "the process that reads goes on"


def test_a_drive_that_a_reload_brings_has_the_time_to_answer(
    make_rig: Callable[..., VirtualRig], monkeypatch: pytest.MonkeyPatch
) -> None:
    rig, _reader = slow_rig(make_rig, monkeypatch, takes_s=1.6)
    run_without_failsafe(rig, 10)
    rig.read_config = lambda: Config(fan=PROMPT_FAN, sensors=(*Config().sensors, NVME))
    rig.reload()
    run_without_failsafe(rig, 10)


def test_what_a_reload_keeps_is_read_as_before_and_a_sensor_that_is_gone_is_closed(bench: Bench) -> None:
    bench.sysfs.zone(0, "cpu-thermal", "45000\n")
    bench.sysfs.hwmon(0, "nvme", "35850\n")
    cpu = Config().sensors[0]
    sensors = Sensors(Config(sensors=(cpu, NVME)), str(bench.sysfs.root), lambda: bench.reader, bench.notes.append)
    sensors.read(1.0)
    before = list(sensors.all)
    sensors.configure(Config(sensors=(replace(cpu, critical_celsius=70.0), replace(NVME, offset_celsius=2.0))))
    assert sensors.all == before
    sensors.configure(Config(sensors=(replace(cpu, zone="other"), NVME)))
    assert (sensors.all[0] is before[0], sensors.all[1] is before[1]) == (False, True)
    assert sensors.all[0].last == before[0].last, "it is the same sensor to whoever named it"
    sensors.close()


def test_the_loop_waits_once_for_all_drives_at_the_start_and_after_a_gap(
    make_rig: Callable[..., VirtualRig], monkeypatch: pytest.MonkeyPatch
) -> None:
    """How long it waits is bounded by that, however many there are."""
    rig, reader = slow_rig(make_rig, monkeypatch, *(replace(NVME, name=f"nvme{n}") for n in range(8)), takes_s=60.0)
    rig.run(0.6)
    assert reader.waits == 1
    rig.run(5)
    assert reader.waits == 1
    rig.clock.now_s += 3600
    rig.run(0.6)
    assert reader.waits == 2


def test_two_sensors_of_the_same_drives_are_both_read(
    make_rig: Callable[..., VirtualRig], monkeypatch: pytest.MonkeyPatch
) -> None:
    rig, _reader = slow_rig(make_rig, monkeypatch, replace(NVME, name="nvme0"), replace(NVME, name="nvme1"))
    run_without_failsafe(rig, 20)
    ages_s = [sensor["age_s"] for sensor in rig.daemon.status()["sensors"][1:]]
    assert max(ages_s) < 3


def use_drives(rig: VirtualRig, config: SensorConfig) -> Path:
    """The daemon watches these too; a second drive, beside the case's own."""
    config = replace(config, curve=((30.0, 0.0), (50.0, 50.0), (70.0, 100.0)))
    rig.read_config = lambda: Config(fan=PROMPT_FAN, sensors=(*Config().sensors, config))
    rig.case._write(rig.case.sysfs + "/class/hwmon/hwmon4", "name", "nvme\n")
    rig.case._write(rig.case.sysfs + "/class/hwmon/hwmon4", "temp1_input", "25850\n")
    rig.reload()
    rig.run(20)
    return Path(rig.case.sysfs, "class/hwmon/hwmon4/temp1_input")


def test_a_drive_of_several_that_fails_is_failsafe_and_the_other_still_speeds_the_fan_up(rig: VirtualRig) -> None:
    file = use_drives(rig, NVME)
    rig.daemon.config = replace(rig.daemon.config, fan=replace(rig.daemon.config.fan, failsafe_percent=30))
    assert rig.daemon.controller is not None
    rig.daemon.controller.configure(rig.daemon.config)
    assert rig.fan_percent < 50
    fail(file)
    rig.run(10)
    assert rig.daemon.health.state == "failsafe"
    assert "hwmon4" in rig.daemon.health.problems[0]
    assert "hwmon0" not in rig.daemon.health.problems[0]
    rig.case.heat.case_celsius = 75.0
    rig.run(5)
    assert rig.fan_percent == 100


def test_a_drive_of_several_that_may_be_asleep_moves_nothing(rig: VirtualRig) -> None:
    file = use_drives(rig, replace(NVME, optional=True))
    before = rig.fan_percent
    fail(file)
    rig.run(600)
    assert rig.daemon.health.state == "ok"
    assert rig.fan_percent <= max(before, 50)


def test_an_optional_sensor_may_be_absent_from_the_start_and_a_lost_cpu_is_still_failsafe(rig: VirtualRig) -> None:
    rig.read_config = lambda: Config(
        fan=PROMPT_FAN, sensors=(*Config().sensors, SensorConfig("enclosure", hwmon="drivetemp", optional=True))
    )
    rig.reload()
    rig.run(60)
    assert (rig.daemon.health.state, rig.fan_percent) == ("ok", 0)
    sensor = rig.daemon.status()["sensors"][1]
    assert "no hwmon device named 'drivetemp'" in sensor["error"]
    rig.case._write_temperatures = lambda: None  # type: ignore[method-assign]
    Path(rig.case._zone, "temp").write_text("")
    Path(rig.case._zone, "type").write_text("gone")
    rig.run(3)
    assert rig.daemon.decision is not None
    assert rig.daemon.decision.untrusted == ("cpu",)
