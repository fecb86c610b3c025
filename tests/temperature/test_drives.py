"""Drives that come, go, fail and sleep: one sensor of many files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from a1d.config.settings import Config, SensorConfig
from a1d.temperature.drives import LOOK_AGAIN_S, RETRY_S
from a1d.temperature.file_reader import DirectReader
from a1d.temperature.reading import MISSED_MAX, Reading
from a1d.temperature.sensors import Sensor, open_sensors
from tests.temperature.test_sensors import Sysfs, remove
from tests.virtual import PROMPT_FAN, VirtualRig

NVME = SensorConfig(name="nvme", hwmon="nvme")


class CountingReader(DirectReader):
    """Remembers what was read, and when."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[str, float]] = []

    def ask(self, path: str, now_s: float) -> None:
        self.asked.append((path, now_s))
        super().ask(path, now_s)


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
        (self.sensor,) = open_sensors(Config(sensors=(config,)), root, lambda: self.reader, self.notes.append)

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
