"""The simulated case against what is known of the real one: the table "The MCU on I2C", row by row."""

from __future__ import annotations

import errno

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from a1d.sim.heat import IDLE_WATTS, LOAD_WATTS, ROOM_CELSIUS, HeatModel
from a1d.sim.mcu import BusFault, SimulatedBus, SimulatedMcu
from tests.virtual import VirtualClock

DUTY, FIRMWARE, CONTROL = 0x80, 0x81, 0x86


@pytest.fixture
def mcu(clock: VirtualClock) -> SimulatedMcu:
    """A V3's MCU whose fan stands still."""
    mcu = SimulatedMcu(clock)
    clock.sleep(10)
    return mcu


@pytest.fixture
def old_mcu(clock: VirtualClock) -> SimulatedMcu:
    """That of an older case, likewise."""
    mcu = SimulatedMcu(clock, legacy=True)
    clock.sleep(10)
    return mcu


def bus_to(mcu: SimulatedMcu, clock: VirtualClock, *faults: BusFault, timeout_s: float = 0.3) -> SimulatedBus:
    return SimulatedBus(mcu, set(faults), clock.sleep, timeout_s)


# -- duty ---------------------------------------------------------------------------------------------


@given(st.integers(0, 255))
def test_the_duty_clamps_at_100_but_reads_back_as_written(duty: int) -> None:
    clock = VirtualClock()
    mcu = SimulatedMcu(clock)
    mcu.write(DUTY, duty)
    clock.sleep(1)
    assert mcu.read(DUTY) == duty
    assert mcu.fan_percent == min(100, duty)


def test_after_power_on_the_fan_runs_at_50_for_5_s_and_then_stops(mcu: SimulatedMcu, clock: VirtualClock) -> None:
    mcu.write(DUTY, 30)
    mcu.reset()
    assert mcu.read(DUTY) == mcu.fan_percent == 50
    clock.sleep(4.99)
    assert mcu.fan_percent == 50
    clock.sleep(0.02)
    assert mcu.read(DUTY) == mcu.fan_percent == 0


def test_after_a_power_cut_it_can_be_switched_on_again(mcu: SimulatedMcu, clock: VirtualClock) -> None:
    mcu.hold()
    clock.sleep(6)
    mcu.reset()
    assert not mcu.power_on, "nothing but power brings it back"
    mcu.restore_power()
    assert mcu.power_on and mcu.fan_percent == 50
    clock.sleep(60)
    assert mcu.power_on


@pytest.mark.parametrize(("before", "kicks"), [(0, True), (1, False), (50, False)])
def test_only_from_0_the_fan_gets_100_for_500_ms(
    mcu: SimulatedMcu, clock: VirtualClock, before: int, kicks: bool
) -> None:
    mcu.set_duty(before)
    mcu.write(DUTY, 20)
    assert mcu.fan_percent == (100 if kicks else 20)
    clock.sleep(0.49)
    assert mcu.fan_percent == (100 if kicks else 20)
    clock.sleep(0.02)
    assert mcu.fan_percent == 20


def test_a_write_of_0_never_kicks(mcu: SimulatedMcu) -> None:
    mcu.write(DUTY, 0)
    assert not mcu.is_kicking


@pytest.mark.parametrize("jump_s", [0.0, 0.49])
def test_writes_during_a_kick_are_acknowledged_and_lost(mcu: SimulatedMcu, clock: VirtualClock, jump_s: float) -> None:
    bus = bus_to(mcu, clock)
    bus.write_byte_data(0x1A, DUTY, 20)
    clock.sleep(jump_s)
    bus.write_byte_data(0x1A, DUTY, 60)
    bus.write_byte_data(0x1A, CONTROL, 1)
    clock.sleep(0.6)
    assert mcu.fan_percent == 20
    assert mcu.cut_s is None
    bus.write_byte_data(0x1A, DUTY, 60)
    assert mcu.fan_percent == 60


@given(st.lists(st.tuples(st.floats(0, 7), st.integers(0, 255)), max_size=8))
def test_no_time_out_exists_the_last_duty_taken_stays_for_ever(writes: list[tuple[float, int]]) -> None:
    clock = VirtualClock()
    mcu = SimulatedMcu(clock)
    last = 0
    for wait_s, duty in writes:
        clock.sleep(wait_s)
        taken = not mcu.is_kicking
        mcu.write(DUTY, duty)
        last = duty if taken else last
        assert mcu.read(DUTY) == last
    clock.sleep(1_000_000)
    assert mcu.fan_percent == min(100, last)


# -- other registers ------------------------------------------------------------------------------------


def test_the_firmware_id(mcu: SimulatedMcu) -> None:
    assert mcu.read(FIRMWARE) == 0xA2


@given(st.integers(0, 255).filter(lambda r: r not in (DUTY, FIRMWARE)))
def test_every_other_register_reads_0(register: int) -> None:
    assert SimulatedMcu(VirtualClock()).read(register) == 0


@given(st.integers(0, 255), st.integers(0, 255))
@example(CONTROL, 0)
@example(CONTROL, 1)
@example(CONTROL, 2)
@example(CONTROL, 255)
@example(0x85, 1)
@example(DUTY, 101)
def test_a_write_elsewhere_does_nothing_and_is_told_on(register: int, value: int) -> None:
    clock = VirtualClock()
    mcu = SimulatedMcu(clock)
    mcu.set_duty(40)
    mcu.write(register, value)
    assert mcu.register_duty == (value if register == DUTY else 40)
    assert (mcu.cut_s is not None) == ((register, value) == (CONTROL, 1))
    assert bool(mcu.forbidden) == (register != DUTY or value > 100)


def test_the_power_goes_a_while_after_it_was_armed_and_nothing_calls_it_off(
    mcu: SimulatedMcu, clock: VirtualClock
) -> None:
    mcu.write(CONTROL, 1)
    clock.sleep(5.5)
    mcu.write(CONTROL, 0)
    mcu.write(CONTROL, 1)
    mcu.write(DUTY, 0)
    assert mcu.power_on
    clock.sleep(0.2)
    assert not mcu.power_on
    assert mcu.fan_percent == 0
    with pytest.raises(OSError, match="I/O") as caught:
        bus_to(mcu, clock).read_byte_data(0x1A, DUTY)
    assert caught.value.errno == errno.EREMOTEIO


def test_a_hold_of_the_button_takes_the_power_too(mcu: SimulatedMcu, clock: VirtualClock) -> None:
    mcu.hold()
    clock.sleep(5.5)
    assert mcu.power_on
    clock.sleep(12)
    assert not mcu.power_on


# -- older cases -------------------------------------------------------------------------------------


@given(st.integers(0, 255))
def test_an_older_case_takes_bare_bytes(value: int) -> None:
    clock = VirtualClock()
    mcu = SimulatedMcu(clock, legacy=True)
    clock.sleep(10)
    mcu.write(None, value)
    assert mcu.fan_percent == (value if value <= 100 else 0)
    assert (mcu.cut_s is not None) == (value == 0xFF)
    assert bool(mcu.forbidden) == (value > 100)


def test_a_v3_ignores_bare_bytes_and_an_older_case_ignores_registers(mcu: SimulatedMcu, old_mcu: SimulatedMcu) -> None:
    mcu.write(None, 60)
    mcu.write(None, 0xFF)
    old_mcu.write(DUTY, 60)
    old_mcu.write(CONTROL, 1)
    for ignorant in (mcu, old_mcu):
        assert ignorant.fan_percent == 0
        assert ignorant.cut_s is None
        assert [transfer.taken for transfer in ignorant.transfers] == [False, False]
        assert len(ignorant.forbidden) == 2


# -- the bus -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "number", "blocks_s"),
    [
        (BusFault.NO_ANSWER, errno.EREMOTEIO, 0.0),
        (BusFault.TIME_OUT, errno.ETIMEDOUT, 0.3),
        (BusFault.ARBITRATION, errno.EAGAIN, 0.0),
        (BusFault.NO_BUS, errno.ENOENT, 0.0),
    ],
)
def test_a_fault_fails_every_transfer_and_reaches_nothing(
    mcu: SimulatedMcu, clock: VirtualClock, fault: BusFault, number: int, blocks_s: float
) -> None:
    faults: set[BusFault] = set()
    bus = SimulatedBus(mcu, faults, clock.sleep, 0.3)
    faults.add(fault)
    for transfer in (
        lambda: bus.write_byte_data(0x1A, DUTY, 60),
        lambda: bus.read_byte_data(0x1A, DUTY),
        lambda: bus.write_byte(0x1A, 60),
    ):
        started_s = clock()
        with pytest.raises(OSError) as caught:
            transfer()
        assert caught.value.errno == number
        assert clock() - started_s == pytest.approx(blocks_s)
    assert mcu.transfers == []


def test_without_a_time_out_of_its_own_a_hung_transfer_costs_1_s(mcu: SimulatedMcu, clock: VirtualClock) -> None:
    started_s = clock()
    with pytest.raises(TimeoutError):
        bus_to(mcu, clock, BusFault.TIME_OUT, timeout_s=0).read_byte_data(0x1A, DUTY)
    assert clock() - started_s == 1.0


def test_a_missing_device_cannot_be_opened(mcu: SimulatedMcu, clock: VirtualClock) -> None:
    with pytest.raises(FileNotFoundError):
        bus_to(mcu, clock, BusFault.NO_BUS)


def test_lost_writes_are_acknowledged(mcu: SimulatedMcu, clock: VirtualClock) -> None:
    bus_to(mcu, clock, BusFault.LOST_WRITES).write_byte_data(0x1A, DUTY, 60)
    assert mcu.read(DUTY) == 0


def test_a_wrong_read_back_never_tells_the_truth(mcu: SimulatedMcu, clock: VirtualClock) -> None:
    bus = bus_to(mcu, clock, BusFault.WRONG_READ_BACK)
    for duty in range(101):
        mcu.set_duty(duty)
        assert bus.read_byte_data(0x1A, DUTY) != duty


@pytest.mark.parametrize("address", [0x00, 0x19, 0x1B])
def test_nobody_else_answers(mcu: SimulatedMcu, clock: VirtualClock, address: int) -> None:
    with pytest.raises(OSError, match="I/O"):
        bus_to(mcu, clock).read_byte_data(address, DUTY)


def test_a_closed_bus_is_an_error_of_the_program(mcu: SimulatedMcu, clock: VirtualClock) -> None:
    bus = bus_to(mcu, clock)
    bus.close()
    with pytest.raises(ValueError, match="closed"):
        bus.write_byte_data(0x1A, DUTY, 60)


def test_the_record_of_transfers_is_bounded(clock: VirtualClock) -> None:
    mcu = SimulatedMcu(clock, transfers_max=10)
    for duty in range(100):
        mcu.write(DUTY, duty)
    assert len(mcu.transfers) <= 10
    assert mcu.transfers[-1].value == 99


# -- heat --------------------------------------------------------------------------------------------


def settled_celsius(watts: float, fan_percent: int) -> float:
    model = HeatModel()
    model.advance(20_000, watts, fan_percent)
    return model.chip_celsius


def test_it_gets_as_warm_as_has_been_published() -> None:
    """Within 8 C, rooms differ: V3 idle 33.4 C, stress 53.2 C; passive cases 60 to 63 C after long stress."""
    assert settled_celsius(IDLE_WATTS, 0) == pytest.approx(33.4, abs=8)
    assert settled_celsius(LOAD_WATTS, 30) == pytest.approx(53.2, abs=8)
    assert settled_celsius(LOAD_WATTS, 0) == pytest.approx(61.5, abs=8)


def test_the_chip_follows_in_seconds_and_the_case_in_minutes() -> None:
    model = HeatModel()
    model.advance(20_000, IDLE_WATTS, 0)
    chip_celsius, case_celsius = model.chip_celsius, model.case_celsius
    model.advance(20, LOAD_WATTS, 0)
    assert model.chip_celsius - chip_celsius > 7 > 10 * (model.case_celsius - case_celsius)
    model.advance(600, LOAD_WATTS, 0)
    assert model.case_celsius - case_celsius > 6


@given(st.floats(0, 20), st.floats(0, 20), st.integers(0, 100), st.integers(0, 100), st.floats(0, 300))
def test_more_heat_is_warmer_and_more_fan_is_cooler(
    watts: float, more_watts: float, fan: int, more_fan: int, seconds: float
) -> None:
    plain, hotter, cooler = HeatModel(), HeatModel(), HeatModel()
    plain.advance(seconds, watts, fan)
    hotter.advance(seconds, watts + more_watts, fan)
    cooler.advance(seconds, watts, max(fan, more_fan))
    assert cooler.chip_celsius - 1e-9 <= plain.chip_celsius <= hotter.chip_celsius + 1e-9
    assert cooler.chip_celsius > ROOM_CELSIUS - 1
    assert hotter.chip_celsius < 400


@given(st.lists(st.floats(0, 5), max_size=20))
def test_it_matters_little_how_time_is_cut_up(pieces: list[float]) -> None:
    whole, cut = HeatModel(), HeatModel()
    whole.advance(sum(pieces), LOAD_WATTS, 30)
    for piece in pieces:
        cut.advance(piece, LOAD_WATTS, 30)
    assert cut.chip_celsius == pytest.approx(whole.chip_celsius, abs=0.1)
