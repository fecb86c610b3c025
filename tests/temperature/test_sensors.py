"""Temperatures from files that a real kernel would offer, and from some that it never should."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_mock import MockerFixture

from a1d.config.settings import Config, SensorConfig
from a1d.errors import SensorError
from a1d.temperature.file_reader import DirectReader
from a1d.temperature.judge import Judge, parse_celsius, read_line
from a1d.temperature.reading import MISSED_MAX, Reading
from a1d.temperature.sensors import Sensor, Sensors

CPU = SensorConfig(name="cpu", zone="cpu-thermal")
NVME = SensorConfig(name="nvme", hwmon="nvme")
CPU_FROZEN_AFTER_10M = SensorConfig(name="cpu", zone="cpu-thermal", frozen_s=600.0)


class Sysfs:
    """A /sys of one's own; files change in place, as there."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def zone(self, number: int, kind: str, text: str) -> Path:
        return self._device(self.root / f"class/thermal/thermal_zone{number}", "type", kind, "temp", text)

    def hwmon(self, number: int, name: str, text: str) -> Path:
        return self._device(self.root / f"class/hwmon/hwmon{number}", "name", name, "temp1_input", text)

    @staticmethod
    def _device(directory: Path, label: str, kind: str, file: str, text: str) -> Path:
        directory.mkdir(parents=True, exist_ok=True)
        (directory / label).write_text(f"{kind}\n")
        (directory / file).write_text(text)
        return directory / file


def remove(file: Path) -> None:
    """As when a driver goes: the name is gone, and whoever has it open reads nothing."""
    for path in file.parent.iterdir():
        os.truncate(path, 0)
        path.unlink()
    file.parent.rmdir()


@pytest.fixture
def sysfs(tmp_path: Path) -> Sysfs:
    return Sysfs(tmp_path)


@pytest.fixture
def open_sensor(sysfs: Sysfs) -> Iterator[Callable[[SensorConfig], Sensor]]:
    with ExitStack() as stack:

        def make(config: SensorConfig) -> Sensor:
            (sensor,) = open_all(sysfs, config).all
            stack.callback(sensor.close)
            return sensor

        yield make


def open_all(sysfs: Sysfs, *configs: SensorConfig) -> Sensors:
    return Sensors(Config(sensors=configs), str(sysfs.root), DirectReader, lambda _note: None)


Opener = Callable[[SensorConfig], Sensor]


def taken(sensor: Sensor, now_s: float) -> float | None:
    """The temperature, if it was read just now."""
    reading = sensor.read(now_s)
    return reading.temp_celsius if reading is not None and reading.at_s == now_s and not reading.error else None


# -- what a file says -----------------------------------------------------------------------------------


@given(st.integers(-20_000, 125_000), st.sampled_from(["", "\n", " \n"]))
def test_every_possible_temperature_is_read_exactly(milli: int, end: str) -> None:
    assert parse_celsius(f"{milli}{end}".encode()) == milli / 1000


@given(st.binary(max_size=32))
def test_any_bytes_give_a_possible_temperature_or_an_error(raw: bytes) -> None:
    try:
        assert -20 <= parse_celsius(raw) <= 125
    except SensorError as error:
        assert str(error).isprintable()


@pytest.mark.parametrize(
    "raw",
    [
        *(
            b"",
            b"\n",
            b"hot\n",
            b"0x20\n",
            b"45.0\n",
            b"nan\n",
            b"inf\n",
            b"\0\0",
            b"45000 46000\n",
            b"\xd9\xa4\xd9\xa5",
        ),
        b"4_5000\n",  # Python's own idea of an integer
        *(b"-20001\n", b"125001\n", b"-273150\n", b"999999\n", b"9" * 32),
    ],
)
def test_what_cannot_be_true_is_an_error(raw: bytes) -> None:
    with pytest.raises(SensorError):
        parse_celsius(raw)


# -- which file ---------------------------------------------------------------------------------------


def test_the_zone_is_found_by_its_type(sysfs: Sysfs, open_sensor: Opener) -> None:
    sysfs.zone(0, "rp1_adc", "99000\n")
    sysfs.zone(1, "cpu-thermal-2", "98000\n")
    sysfs.zone(2, "cpu-thermal", "45678\n")
    assert taken(open_sensor(CPU), 1.0) == 45.678


def test_the_hottest_of_all_drives_counts_and_nothing_but_drives(sysfs: Sysfs, open_sensor: Opener) -> None:
    for number, (name, text) in enumerate([("cpu_thermal", "90000"), ("nvme", "40850"), ("nvme", "51850")]):
        sysfs.hwmon(number, name, text)
    assert taken(open_sensor(NVME), 1.0) == 51.85


def test_one_drive_that_raves_hides_the_other_no_more_than_it_is_hidden(sysfs: Sysfs, open_sensor: Opener) -> None:
    good, bad = sysfs.hwmon(0, "nvme", "40850\n"), sysfs.hwmon(1, "nvme", "hot\n")
    sensor = open_sensor(NVME)
    for tick in range(6):
        reading = sensor.read(tick / 2)
        assert reading is not None
        assert (reading.temp_celsius, reading.missed) == (40.85, 0)
        assert sensor.lost == (tick >= MISSED_MAX - 1)
        assert reading.error == sensor.error == f"{bad}: not a temperature: 'hot'"
    good.write_text("60850\n")
    sensor.read(5.0)
    assert taken(sensor, 5.0) is None
    assert sensor.last is not None
    assert sensor.last.temp_celsius == 60.85
    bad.write_text("35850\n")
    sensor.read(9.5)
    assert (sensor.lost, sensor.error) == (False, None)


def test_a_drive_that_is_pulled_leaves_the_others(sysfs: Sysfs, open_sensor: Opener) -> None:
    kept, pulled = sysfs.hwmon(0, "nvme", "40850\n"), sysfs.hwmon(1, "nvme", "51850\n")
    sensor = open_sensor(NVME)
    sensor.read(0.0)
    remove(pulled)
    assert taken(sensor, 2.0) is None
    assert taken(sensor, 4.0) == 40.85
    assert kept.exists()


@pytest.mark.parametrize(("config", "word"), [(CPU, "cpu-thermal"), (NVME, "nvme")])
def test_a_missing_sensor_says_what_was_found_instead(
    sysfs: Sysfs, open_sensor: Opener, config: SensorConfig, word: str
) -> None:
    sysfs.zone(0, "gpu-thermal", "1\n")
    sysfs.hwmon(0, "rpi_volt", "1\n")
    sensor = open_sensor(config)
    assert sensor.read(1.0) is None
    assert word in str(sensor.error)
    assert "gpu-thermal" in str(sensor.error) or "rpi_volt" in str(sensor.error)


def test_an_error_names_the_file_that_could_not_be_read(sysfs: Sysfs, open_sensor: Opener) -> None:
    sysfs.hwmon(0, "nvme", "1\n").unlink()
    sensor = open_sensor(NVME)
    sensor.read(1.0)
    assert "temp1_input" in str(sensor.error)


def test_an_error_says_which_zones_there_are_or_which_file_and_why(sysfs: Sysfs, open_sensor: Opener) -> None:
    sensor = open_sensor(CPU)
    sensor.read(0.0)
    assert sensor.error == "no thermal zone of type 'cpu-thermal'; found none"
    sysfs.zone(0, "gpu-thermal", "1\n")
    sysfs.zone(1, "pmic-thermal", "1\n")
    sensor.read(0.5)
    assert sensor.error == "no thermal zone of type 'cpu-thermal'; found gpu-thermal, pmic-thermal"
    file = sysfs.zone(2, "cpu-thermal", "hot\n")
    sensor.read(1.0)
    assert sensor.error == f"{file}: not a temperature: 'hot'"
    file.unlink()
    sensor.read(1.5)
    assert sensor.error == f"{file}: No such file or directory"


def test_a_type_that_is_no_text_does_not_hide_the_others(sysfs: Sysfs, open_sensor: Opener) -> None:
    (sysfs.zone(0, "odd", "1\n").parent / "type").write_bytes(b"\xff\xfe\n")
    sysfs.zone(1, "cpu-thermal", "45000\n")
    assert taken(open_sensor(CPU), 0.0) == 45


def test_a_line_that_cannot_be_read_is_empty(tmp_path: Path) -> None:
    assert read_line(str(tmp_path)) == read_line(str(tmp_path / "none")) == ""


def test_a_file_that_cannot_even_be_closed_is_no_error(
    sysfs: Sysfs, open_sensor: Opener, mocker: MockerFixture
) -> None:
    sysfs.zone(0, "cpu-thermal", "45000\n")
    sensor = open_sensor(CPU)
    sensor.read(0.0)
    close = os.close

    def fail(fd: int) -> None:
        close(fd)
        raise OSError(errno.EIO, "gone")

    mocker.patch.object(os, "close", fail)
    sensor.close()
    mocker.stopall()
    assert taken(sensor, 1.0) == 45


def test_nothing_is_opened_before_the_first_read(sysfs: Sysfs) -> None:
    sensors = open_all(sysfs, CPU, NVME)
    assert sensors.read(1.0) == []
    assert [sensor.last for sensor in sensors.all] == [None, None]


def test_a_reading_as_the_debug_log_says_it() -> None:
    assert str(Reading("cpu", 45.04, 1.0)) == "reading: cpu: 45.0 C, ok"
    assert str(Reading("cpu", 45.04, 1.0, "no answer", 1)) == "reading: cpu: 45.0 C, no answer"


@pytest.mark.parametrize(
    ("raws", "expected"),
    [
        ([b"45000\n", b"150000\n"], "150 C cannot be true"),
        ([b"nonsense without any end\n"], "not a temperature: 'nonsense without any'"),
        ([b"64500\n", b"0\n"], "says exactly 0 C, as a sensor does that measures nothing"),
        ([b"45000\n", b"45000\n"], "has not changed at all for 10m"),
    ],
)
def test_what_is_wrong_with_a_temperature_is_said(raws: list[bytes], expected: str) -> None:
    judge = Judge(600.0)
    with pytest.raises(SensorError) as raised:
        for number, raw in enumerate(raws):
            judge.celsius(raw, 1000.0 + number * 600.0)
    assert str(raised.value) == expected


# -- over time ----------------------------------------------------------------------------------------


def test_the_open_file_is_read_again_in_place(sysfs: Sysfs, open_sensor: Opener) -> None:
    file = sysfs.zone(0, "cpu-thermal", "45000\n")
    sensor = open_sensor(CPU)
    assert taken(sensor, 0.0) == 45
    (file.parent / "type").write_text("no longer asked\n")
    file.write_text("100000\n")
    assert taken(sensor, 0.5) == 100
    file.write_text("75000\n")
    assert taken(sensor, 1.0) == 75


def test_a_zone_that_goes_and_returns_elsewhere_is_found_again(sysfs: Sysfs, open_sensor: Opener) -> None:
    sensor = open_sensor(CPU)
    file = sysfs.zone(0, "cpu-thermal", "45000\n")
    assert taken(sensor, 0.0) == 45
    remove(file)
    for tick in range(1, 9):
        reading = sensor.read(tick / 2)
        assert reading is not None
        assert (reading.temp_celsius, reading.at_s, reading.missed) == (45, 0.0, tick)
        assert reading.error == sensor.error is not None
    sysfs.zone(3, "cpu-thermal", "61000\n")
    assert taken(sensor, 5.0) == 61
    assert sensor.error is None


@given(
    st.lists(
        st.one_of(
            st.integers(40_000, 65_000).map(str), st.sampled_from(["", "hot", "-273150", "999999", "4 5"]), st.none()
        ),
        max_size=12,
    )
)
def test_a_reading_is_what_the_file_said_when_it_was_taken(sysfs: Sysfs, texts: list[str | None]) -> None:
    """Whatever the file says, or does not, the last good value keeps its age, and descriptors are not lost."""
    file = sysfs.zone(0, "cpu-thermal", "45000\n")
    (sensor,) = open_all(sysfs, CPU).all
    before = len(os.listdir("/proc/self/fd"))
    good: tuple[float, float] | None = None
    for tick, text in enumerate(texts):
        if text is None:
            if file.exists():
                remove(file)
        else:
            if file.exists():
                file.write_text(f"{text}\n")
            else:
                sysfs.zone(0, "cpu-thermal", f"{text}\n")
            if text.isdigit() and 40_000 <= int(text) <= 65_000:
                good = (int(text) / 1000, float(tick))
        reading = sensor.read(float(tick))
        assert (reading and (reading.temp_celsius, reading.at_s)) == good
        assert (sensor.error is None) == (good is not None and good[1] == tick)
        assert len(os.listdir("/proc/self/fd")) <= before + 1
    sensor.close()
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize(("config", "interval_s"), [(CPU, 0.5), (NVME, 2.0)])
def test_it_is_read_no_more_often_than_it_should(
    sysfs: Sysfs, open_sensor: Opener, config: SensorConfig, interval_s: float
) -> None:
    file = sysfs.zone(0, "cpu-thermal", "45000\n") if config is CPU else sysfs.hwmon(0, "nvme", "45000\n")
    sensor = open_sensor(config)
    sensor.read(0.0)
    file.write_text("60000\n")
    assert taken(sensor, interval_s - 0.26) is None
    assert taken(sensor, interval_s - 0.24) == 60


def test_no_tick_is_skipped_though_ticks_come_late_and_then_on_time_again(sysfs: Sysfs, open_sensor: Opener) -> None:
    file = sysfs.zone(0, "cpu-thermal", "45000\n")
    sensor = open_sensor(CPU)
    for tick in range(100):
        file.write_text(f"{40000 + tick}\n")
        assert taken(sensor, tick * 0.5 + (tick % 3) * 0.01) == 40 + tick / 1000


# -- frozen ------------------------------------------------------------------------------------------


def test_a_value_that_stands_still_for_too_long_is_broken_until_it_moves(sysfs: Sysfs, open_sensor: Opener) -> None:
    file = sysfs.zone(0, "cpu-thermal", "45000\n")
    sensor = open_sensor(CPU_FROZEN_AFTER_10M)
    for second in range(600):
        assert taken(sensor, float(second)) == 45
    for second in range(600, 700):
        assert taken(sensor, float(second)) is None
        assert "10m" in str(sensor.error) or "11m" in str(sensor.error)
    file.write_text("45001\n")
    assert taken(sensor, 700.0) == 45.001


def test_a_zone_has_such_a_limit_by_default(sysfs: Sysfs, open_sensor: Opener) -> None:
    sysfs.zone(0, "cpu-thermal", "45000\n")
    sensor = open_sensor(CPU)
    assert [taken(sensor, float(second)) is None for second in range(1900)].index(True) == 1800


@pytest.mark.parametrize("config", [NVME, SensorConfig(name="cpu", zone="cpu-thermal", frozen_s=0.0)])
def test_drives_may_stand_still_and_so_may_a_zone_that_is_told_to(
    sysfs: Sysfs, open_sensor: Opener, config: SensorConfig
) -> None:
    sysfs.zone(0, "cpu-thermal", "45000\n")
    sysfs.hwmon(0, "nvme", "45000\n")
    sensor = open_sensor(config)
    for second in range(0, 4000, 2):
        assert taken(sensor, float(second)) == 45


def test_a_value_nobody_looked_at_is_not_frozen(sysfs: Sysfs, open_sensor: Opener) -> None:
    """The machine slept for an hour and is as warm as before."""
    sysfs.zone(0, "cpu-thermal", "45000\n")
    sensor = open_sensor(CPU_FROZEN_AFTER_10M)
    for second in range(10):
        sensor.read(float(second))
    reading = sensor.read(3600.0, gap=True)
    assert (reading and reading.at_s, sensor.error) == (3600.0, None)


def test_a_zone_that_was_gone_for_long_may_return_with_the_value_it_had(
    sysfs: Sysfs, open_sensor: Opener, mocker: MockerFixture
) -> None:
    file = sysfs.zone(0, "cpu-thermal", "45000\n")
    sensor = open_sensor(CPU_FROZEN_AFTER_10M)
    sensor.read(0.0)
    remove(file)
    gone = mocker.patch.object(os, "pread", side_effect=OSError(errno.ENODEV, "gone"))
    assert taken(sensor, 1.0) is None
    assert sensor.error == f"{file}: gone"
    mocker.stop(gone)
    for second in range(2, 700):
        assert taken(sensor, float(second)) is None
    sysfs.zone(0, "cpu-thermal", "45000\n")
    assert taken(sensor, 700.0) == 45
