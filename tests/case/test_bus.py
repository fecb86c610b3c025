"""The lowest layer: what may reach the wire, and what errors say."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import sys
from enum import IntEnum
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pytest_mock import MockerFixture

import a1d
from a1d.case import bus as case_bus
from a1d.case.bus import CaseBus, LegacyBus, RegisterBus, describe_bus_error, is_transient, open_case, open_smbus
from a1d.errors import A1dError
from a1d.sim.mcu import FIRMWARE, SimulatedBus, SimulatedMcu
from tests import fake_smbus2
from tests.virtual import VirtualClock

I2C_TIMEOUT = 0x0702


def open_simulated(protocol: str) -> tuple[SimulatedMcu, CaseBus]:
    """A simulated case that speaks ``protocol``, and the bus to it."""
    clock = VirtualClock()
    mcu = SimulatedMcu(clock, legacy=protocol == "legacy")
    return mcu, open_case(protocol, lambda: SimulatedBus(mcu, set(), clock.sleep, 0.3))


class Percent(IntEnum):
    FIFTY = 50


anything = st.one_of(
    st.integers(),
    st.integers(-300, 300),
    st.booleans(),
    st.floats(),
    st.text(),
    st.binary(),
    st.none(),
    st.just(Percent.FIFTY),
    st.just([50]),
)


@given(anything)
@example(-1)
@example(0)
@example(100)
@example(101)
@example(True)
def test_nothing_but_whole_duties_0_to_100_reaches_the_wire(duty: Any) -> None:
    allowed = type(duty) is int and 0 <= duty <= 100
    for protocol, register in (("register", 0x80), ("legacy", None)):
        mcu, bus = open_simulated(protocol)
        if allowed:
            bus.write_duty(duty)
        else:
            with pytest.raises(ValueError, match="0 to 100"):
                bus.write_duty(duty)
        assert [(sent.register, sent.value) for sent in mcu.transfers] == ([(register, duty)] if allowed else [])


@pytest.mark.parametrize("bus", [RegisterBus, LegacyBus])
def test_there_is_no_generic_write_and_no_power_cut_here(bus: type[CaseBus]) -> None:
    public = {name for name in dir(bus) if not name.startswith("_")}
    assert public <= {"readable", "write_duty", "read_duty", "read_firmware", "close"}


def test_no_other_module_touches_the_bus() -> None:
    root = Path(a1d.__file__).parent
    transfer = re.compile(r"\.(write|read|process)_\w*(byte|word|block|quick)|i2c_rdwr")
    users = {str(path.relative_to(root)) for path in root.rglob("*.py") if transfer.search(path.read_text("utf-8"))}
    assert users == {"case/bus.py", "case/powercut.py", "case/trace.py"}


@pytest.mark.parametrize(("protocol", "kind"), [("register", RegisterBus), ("legacy", LegacyBus)])
def test_opening_and_closing_sends_nothing(protocol: str, kind: type[CaseBus]) -> None:
    mcu, bus = open_simulated(protocol)
    bus.close()
    assert type(bus) is kind
    assert mcu.transfers == []
    with pytest.raises(ValueError, match="closed"):
        bus.write_duty(50)


def test_the_legacy_protocol_has_no_read_to_hang_an_old_case_with() -> None:
    assert not LegacyBus.readable
    assert not [name for name in dir(LegacyBus) if name.startswith("read_")]


@given(st.integers(0, 255))
def test_reads_are_passed_on_as_they_are(answer: int) -> None:
    mcu, bus = open_simulated("register")
    assert isinstance(bus, RegisterBus)
    mcu.set_duty(answer)
    assert (bus.read_duty(), bus.read_firmware()) == (answer, FIRMWARE)
    assert [(sent.register, sent.value) for sent in mcu.transfers] == [(0x80, None), (0x81, None)]


def test_the_register_layer_and_the_simulated_mcu_agree() -> None:
    mcu, bus = open_simulated("register")
    assert isinstance(bus, RegisterBus)
    bus.write_duty(40)
    assert bus.read_duty() == mcu.fan_percent == 40
    assert bus.read_firmware() == case_bus.FIRMWARE_KNOWN


# -- what errors say ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.ENOENT, "dtparam=i2c_arm=on.*case.bus"),
        (errno.ENODEV, "dtparam=i2c_arm=on|case.bus"),  # opening a node without an adapter behind it
        (errno.EACCES, "group.*i2c"),
        (errno.EPERM, "DeviceAllow"),
        (errno.EBUSY, r"kernel driver.*/sys/bus/i2c/devices/7-001a/driver"),
        (errno.EREMOTEIO, "seated"),
        (errno.ENXIO, "seated"),  # what bit-banged adapters (i2c-gpio) say when nothing answers
        (errno.ETIMEDOUT, "holds its lines"),
    ],
)
def test_an_error_names_its_remedy(number: int, remedy: str) -> None:
    text = str(describe_bus_error(OSError(number, os.strerror(number)), 7).strerror)
    assert re.search(remedy, text), text
    assert "/dev/i2c-7" in text


@given(st.sampled_from(sorted(errno.errorcode)), st.integers(0, 99))
def test_every_error_keeps_its_number_and_names_the_device(number: int, bus: int) -> None:
    explained = describe_bus_error(OSError(number, os.strerror(number)), bus)
    assert isinstance(explained, A1dError)
    assert explained.errno == number
    assert f"/dev/i2c-{bus}" in str(explained)


def test_an_error_without_a_number_keeps_its_words() -> None:
    assert "out of cheese" in str(describe_bus_error(OSError("out of cheese"), 1))


@pytest.mark.parametrize(
    ("number", "transient"),
    [
        *((number, True) for number in (errno.EREMOTEIO, errno.ETIMEDOUT, errno.EAGAIN, errno.EIO)),
        *((number, False) for number in (errno.ENOENT, errno.EACCES, errno.EBUSY, errno.EPERM)),
    ],
)
def test_only_what_a_healthy_case_does_is_transient(number: int, transient: bool) -> None:
    assert is_transient(OSError(number, "")) is transient


# -- the real device ------------------------------------------------------------------------------------


@pytest.fixture
def smbus2_with_bus_7(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fake_smbus2.install(tmp_path, 7)
    monkeypatch.setattr(fake_smbus2, "HERE", tmp_path)
    monkeypatch.setitem(sys.modules, "smbus2", fake_smbus2)


@pytest.mark.usefixtures("smbus2_with_bus_7")
@pytest.mark.parametrize(("timeout_s", "steps"), [(0.3, 30), (0.001, 1), (2.0, 200), (0.0, None)])
def test_the_kernel_is_asked_to_give_up_in_time(mocker: MockerFixture, timeout_s: float, steps: int | None) -> None:
    ioctl = mocker.patch.object(fcntl, "ioctl")
    smbus = open_smbus(7, timeout_s)
    assert ioctl.mock_calls == ([] if steps is None else [mocker.call(cast(Any, smbus).fd, I2C_TIMEOUT, steps)])
    smbus.close()


@pytest.mark.usefixtures("smbus2_with_bus_7")
def test_an_adapter_that_takes_no_timeout_still_opens(mocker: MockerFixture) -> None:
    mocker.patch.object(fcntl, "ioctl", side_effect=OSError(errno.ENOTTY, "no"))
    open_smbus(7, 0.3).close()


def test_an_open_that_fails_halfway_leaks_no_descriptor(tmp_path: Path) -> None:
    """smbus2 opens the file and then asks for the adapter's abilities, which a plain file has not."""
    path = tmp_path / "i2c"
    path.touch()
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        with pytest.raises(OSError, match="ioctl"):
            open_smbus(cast(int, str(path)), 0.3)
    assert len(os.listdir("/proc/self/fd")) == before
