"""The fan on a simulated MCU in virtual time: what is on the wire, when, and what is believed about it."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from a1d.case.bus import CaseBus, open_case
from a1d.case.fan import Fan, describe_firmware
from a1d.sim.mcu import BusFault, SimulatedBus, SimulatedMcu
from tests.virtual import VirtualClock

PACE_S = 0.1
KICK_WAIT_S = 0.6
SETTLE_S = 0.6
TIMEOUT_S = 0.3
REFRESH_S = 60.0
ROUNDING_S = 1e-6


@dataclass
class Transfer:
    """One attempt as the host saw it; ``value`` is what was written or read."""

    start_s: float
    is_write: bool
    register: int | None
    value: int | None = None
    end_s: float = 0.0
    failed: bool = True
    kicked: bool = False


class Wire(SimulatedBus):
    """The simulated bus with a recorder on it."""

    def __init__(self, world: World) -> None:
        super().__init__(world.mcu, world.faults, world.clock.sleep, TIMEOUT_S)
        self._world = world

    def write_byte_data(self, i2c_addr: int, register: int, value: int) -> None:
        with self._noted(Transfer(self._world.clock(), True, register, value)):
            super().write_byte_data(i2c_addr, register, value)

    def write_byte(self, i2c_addr: int, value: int) -> None:
        with self._noted(Transfer(self._world.clock(), True, None, value)):
            super().write_byte(i2c_addr, value)

    def read_byte_data(self, i2c_addr: int, register: int) -> int:
        with self._noted(Transfer(self._world.clock(), False, register)) as transfer:
            if self._world.read_errno:
                raise OSError(self._world.read_errno, os.strerror(self._world.read_errno))
            transfer.value = super().read_byte_data(i2c_addr, register)
            return transfer.value

    @contextmanager
    def _noted(self, transfer: Transfer) -> Iterator[Transfer]:
        world = self._world
        world.sent.append(transfer)
        world.clock.sleep(world.stretch_s)
        was_kicking = world.mcu.is_kicking
        try:
            yield transfer
            transfer.failed = False
            transfer.kicked = world.mcu.is_kicking and not was_kicking
        finally:
            transfer.end_s = world.clock()


class World:
    """A fan, its MCU, the wire between them and a clock. The fan stands still at first."""

    def __init__(self, *, legacy: bool = False) -> None:
        self.clock = VirtualClock()
        self.mcu = SimulatedMcu(self.clock, legacy=legacy)
        self.mcu.set_duty(0)
        self.legacy = legacy
        self.faults: set[BusFault] = set()
        self.read_errno = 0
        self.stretch_s = 0.0
        self.sent: list[Transfer] = []
        self.fan = Fan(self.open_bus, self.clock, REFRESH_S)

    def open_bus(self) -> CaseBus:
        return open_case("legacy" if self.legacy else "register", lambda: Wire(self))

    @property
    def writes(self) -> list[Transfer]:
        return [transfer for transfer in self.sent if transfer.is_write]

    def run(self, seconds: float, check: Callable[[], None] | None = None) -> None:
        """Service the fan whenever it says that it is due."""
        end_s = self.clock() + seconds
        calls = 0
        while self.fan.due_s <= end_s:
            self.clock.now_s = max(self.clock(), self.fan.due_s)
            self.fan.poll()
            calls += 1
            assert calls <= 30 * (seconds + 1), "the fan is served in a busy loop"
            if check is not None:
                check()
        self.clock.now_s = max(self.clock(), end_s)

    def settle(self, target_percent: int) -> None:
        """Until the target is confirmed and nothing is left to do."""
        self.fan.target_percent = target_percent
        self.run(2)
        assert self.fan.confirmed_percent == self.mcu.fan_percent == target_percent


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def old_world() -> World:
    """An older case."""
    return World(legacy=True)


duties = st.sampled_from([0, 1, 30, 60, 100]) | st.integers(0, 100)
waits_s = st.floats(0, 0.7) | st.floats(0, 3)
Step = tuple[float, str, object]


def lives(*kinds: tuple[str, st.SearchStrategy[object]]) -> st.SearchStrategy[list[Step]]:
    """A wait, and what happens then, again and again."""
    steps = [st.tuples(waits_s, st.just(name), values) for name, values in kinds]
    return st.lists(st.one_of(steps), max_size=25)


targets = ("target", duties)
faults = ("fault", st.sampled_from(BusFault))
ends = ("well", st.none())
resets = ("reset", st.none())
stretches = ("stretch", st.sampled_from([0.0, 0.1, 0.25]))


def live(world: World, life: list[Step], check: Callable[[], None] | None = None) -> None:
    world.fan.target_percent = 0
    for wait_s, what, value in life:
        world.run(wait_s, check)
        if what == "target":
            assert isinstance(value, int)
            world.fan.target_percent = value
        elif what == "fault":
            assert isinstance(value, BusFault)
            world.faults.add(value)
        elif what == "well":
            world.faults.clear()
        elif what == "reset":
            world.mcu.reset()
        elif what == "stretch":
            assert isinstance(value, float)
            world.stretch_s = value
    world.run(2, check)


# -- whatever happens -------------------------------------------------------------------------------------


@pytest.mark.parametrize("legacy", [False, True])
@given(life=lives(targets, faults, ends, resets, stretches))
def test_only_duties_are_written_and_never_too_fast(legacy: bool, life: list[Step]) -> None:
    world = World(legacy=legacy)
    live(world, life)
    for write in world.writes:
        assert write.register == (None if legacy else 0x80)
        assert write.value in range(101)
    for write, following in pairwise(world.writes):
        assert following.start_s - write.end_s >= PACE_S - ROUNDING_S
    if legacy:
        assert world.writes == world.sent, "an old case can hang on a read"


@given(lives(targets, faults, ends, stretches))
@example([(0.0, "fault", BusFault.WRONG_READ_BACK), (0.7, "target", 1), (0.0, "target", 30), (0.8, "target", 0)])
def test_nothing_is_written_into_a_kick(life: list[Step]) -> None:
    world = World()
    live(world, life)
    for write, following in pairwise(world.writes):
        if write.kicked:
            assert following.start_s - write.end_s >= KICK_WAIT_S - ROUNDING_S


@given(lives(targets, faults, ends, resets, stretches))
def test_a_duty_is_believed_only_once_it_was_read_back(life: list[Step]) -> None:
    world = World()
    before: list[int | None] = [None]

    def check() -> None:
        believed, last = world.fan.confirmed_percent, world.sent[-1] if world.sent else None
        if believed is not None and believed != before[0]:
            assert last is not None
            assert (last.is_write, last.value, last.failed) == (False, believed, False)
            assert last.start_s - world.writes[-1].end_s >= SETTLE_S - world.stretch_s - ROUNDING_S
        if last is not None and last.failed:
            assert believed is None
        elif last is not None and not last.is_write and last.register == 0x80:
            assert believed in (None, last.value)
        before[0] = believed

    live(world, life, check)


@pytest.mark.parametrize("legacy", [False, True])
@given(life=lives(targets, faults, ends, resets))
def test_a_call_makes_at_most_one_transfer_and_blocks_for_at_most_one_time_out(legacy: bool, life: list[Step]) -> None:
    world = World(legacy=legacy)
    world.fan.target_percent = 0
    world.run(1)  # what the very first call does has a test of its own
    seen = [len(world.sent)]

    def check() -> None:
        assert len(world.sent) - seen[0] <= 1
        assert all(transfer.end_s - transfer.start_s <= TIMEOUT_S + ROUNDING_S for transfer in world.sent[seen[0] :])
        seen[0] = len(world.sent)

    live(world, life, check)


@pytest.mark.parametrize("fault", BusFault)
@given(
    outage=st.lists(st.tuples(st.floats(0.01, 3), duties), min_size=1, max_size=5),
    rest_s=st.floats(0, 3),
    reset=st.booleans(),
)
def test_when_a_fault_ends_the_newest_duty_is_set_within_a_second(
    fault: BusFault, outage: list[tuple[float, int]], rest_s: float, reset: bool
) -> None:
    world = World()
    world.settle(20)
    world.faults.add(fault)
    for wait_s, target in outage:
        world.fan.target_percent = target
        world.run(wait_s)
    world.run(rest_s)
    world.faults.clear()
    if reset and world.fan.confirmed_percent is None:  # an outage that nobody saw is healed by the refresh
        world.mcu.reset()
    ended = len(world.sent)
    world.run(1.0)
    assert world.mcu.register_duty == target
    assert {write.value for write in world.sent[ended:] if write.is_write} <= {target}
    world.run(1.0)
    assert world.fan.confirmed_percent == target
    assert (world.fan.error, world.fan.mismatch) == (None, None)


@given(life=lives(targets, faults, ends, resets, stretches), legacy=st.booleans())
def test_whatever_happened_the_refresh_makes_it_right(life: list[Step], legacy: bool) -> None:
    world = World(legacy=legacy)
    live(world, life)
    world.faults.clear()
    world.run(REFRESH_S + 2)
    assert world.mcu.fan_percent == world.fan.target_percent == world.fan.confirmed_percent


# -- single properties ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", [BusFault.NO_ANSWER, BusFault.TIME_OUT, BusFault.ARBITRATION, BusFault.NO_BUS])
def test_a_minute_without_the_bus_costs_no_more_than_a_second_after_it(world: World, fault: BusFault) -> None:
    world.settle(20)
    world.faults.add(fault)
    for target in (40, 0, 70):
        world.fan.target_percent = target
        world.run(20)
    assert world.fan.confirmed_percent is None
    world.faults.clear()
    world.run(1)
    assert world.mcu.register_duty == 70
    assert 40 not in [write.value for write in world.writes if not write.failed]


def test_nothing_to_do_is_nothing_on_the_bus(world: World) -> None:
    world.run(10)
    assert [transfer.is_write for transfer in world.sent].count(True) == 0
    assert world.fan.due_s == float("inf")
    world.settle(30)
    sent = len(world.sent)
    world.fan.target_percent = 30
    world.fan.poll()
    assert len(world.sent) == sent


def test_a_duty_that_stays_is_read_written_and_verified_once_a_minute(world: World) -> None:
    world.settle(30)
    world.sent.clear()
    world.run(600)
    assert [transfer.is_write for transfer in world.sent] == [False, True, False] * 10
    for write, following in pairwise(world.writes):
        assert following.start_s - write.start_s == pytest.approx(REFRESH_S)


@pytest.mark.parametrize("meddle", [SimulatedMcu.reset, lambda mcu: mcu.set_duty(0)])
def test_the_refresh_heals_an_mcu_that_forgot(world: World, meddle: Callable[[SimulatedMcu], None]) -> None:
    world.settle(30)
    meddle(world.mcu)
    world.run(REFRESH_S + 0.7)
    assert world.mcu.fan_percent == 30


def test_a_refresh_that_does_not_take_is_repeated_at_once(world: World) -> None:
    world.settle(30)
    world.mcu.reset()
    world.faults.add(BusFault.LOST_WRITES)
    world.run(REFRESH_S + 5)
    assert world.fan.confirmed_percent is None
    world.faults.clear()
    world.run(2)
    assert world.fan.confirmed_percent == world.mcu.fan_percent == 30


def test_a_shorter_refresh_counts_from_the_last_write(world: World) -> None:
    world.fan.refresh_s = 3600
    world.settle(30)
    world.fan.refresh_s = 60
    world.mcu.reset()
    world.run(61)
    assert world.mcu.fan_percent == 30


def test_a_rise_from_standstill_waits_the_kick_out_and_loses_nothing(world: World) -> None:
    world.settle(0)
    world.fan.target_percent = 30
    world.run(0.2)
    world.fan.target_percent = 60
    world.run(0.5)
    assert [write.value for write in world.writes] == [0, 30, 60]
    assert world.mcu.register_duty == 60


def test_a_write_that_follows_a_lost_one_may_still_be_a_kick(world: World) -> None:
    """0 -> 30 is lost, so 0 -> 60 is what starts the fan; 90 must wait for that."""
    world.settle(0)
    world.faults.add(BusFault.LOST_WRITES)
    world.fan.target_percent = 30
    world.run(0.5)
    world.faults.clear()
    world.fan.target_percent = 60
    world.run(0.2)
    world.fan.target_percent = 90
    world.run(2)
    assert all(transfer.taken for transfer in world.mcu.transfers if transfer.value in (60, 90))
    assert world.mcu.fan_percent == 90


@pytest.mark.parametrize(("before", "wait_s"), [(0, KICK_WAIT_S), (20, PACE_S)])
def test_a_pause_is_counted_from_the_end_of_a_slow_write(world: World, before: int, wait_s: float) -> None:
    world.settle(before)
    world.stretch_s = 0.25
    world.fan.target_percent = 30
    world.fan.poll()
    world.stretch_s = 0.0
    world.fan.target_percent = 60
    world.run(1)
    slow, following = world.writes[-2:]
    assert (slow.value, following.value) == (30, 60)
    assert following.start_s - slow.end_s >= wait_s - ROUNDING_S


def test_a_kick_is_waited_out_even_after_the_bus_was_given_back(world: World) -> None:
    world.settle(0)
    world.fan.target_percent = 30
    world.fan.poll()
    world.fan.close()
    world.fan.target_percent = 60
    world.run(2)
    assert world.mcu.fan_percent == 60
    assert all(transfer.taken for transfer in world.mcu.transfers)


def test_a_duty_that_never_stops_changing_is_still_verified(world: World) -> None:
    """A ramp of a write each 0.3 s: without a limit nothing would ever be read back."""
    world.settle(20)
    world.sent.clear()
    for duty in range(21, 61):
        world.fan.target_percent = duty
        world.run(0.3)
    verified = [transfer for transfer in world.sent if not transfer.is_write]
    assert 4 <= len(verified) <= 6, "each costs the ramp 0.6 s"
    last_s = world.sent[0].start_s
    for transfer in verified:
        assert transfer.start_s - last_s < 4, "2 s of writes, and the wait for the last of them"
        last_s = transfer.start_s


@pytest.mark.parametrize("how", ["new", "closed", "another program", "0 on its way"])
def test_where_the_fan_may_stand_a_kick_is_waited_out(world: World, how: str) -> None:
    """Nobody has just read that it turns, so the first duty above 0 may have kicked it (M6, M7)."""
    if how == "new":
        world.fan.observing = False  # as after a bus that could not be read
    elif how == "closed":
        world.settle(50)
        world.fan.close()
        world.mcu.set_duty(0)
    elif how == "another program":
        world.settle(50)
        world.mcu.set_duty(0)
        world.clock.now_s = max(world.clock(), world.fan.due_s)
        world.fan.poll()  # the look before a refresh
        assert world.fan.mismatch is not None
    else:
        world.settle(50)
        world.fan.target_percent = 0
        world.fan.poll()
        world.run(0.15)
    world.mcu.transfers.clear()
    world.fan.target_percent = 30
    for _ in range(50):
        world.run(0.02)
        if world.mcu.is_kicking:
            break
    assert world.mcu.is_kicking
    world.fan.target_percent = 60
    world.run(2)
    assert all(transfer.taken for transfer in world.mcu.transfers)
    assert world.mcu.fan_percent == world.fan.confirmed_percent == 60


def test_an_older_case_that_turns_is_not_waited_for(old_world: World) -> None:
    old_world.fan.target_percent = 40
    old_world.run(1)
    for duty in (50, 60):
        old_world.fan.target_percent = duty
        old_world.run(PACE_S + ROUNDING_S)
    assert old_world.mcu.fan_percent == 60


def test_after_close_the_duty_is_written_again(world: World) -> None:
    world.settle(30)
    world.fan.close()
    assert world.fan.confirmed_percent is None
    world.mcu.reset()
    world.run(0.2)
    assert world.mcu.fan_percent == 30


def test_an_older_case_is_believed_at_once_and_never_read(old_world: World) -> None:
    old_world.fan.target_percent = 40
    old_world.fan.poll()  # opens
    old_world.run(0.1)
    assert old_world.fan.confirmed_percent == old_world.mcu.fan_percent == 40
    assert not old_world.fan.readable
    old_world.run(600)
    assert old_world.writes == old_world.sent


# -- what the fan did before us -----------------------------------------------------------------------------


@pytest.mark.parametrize(("register", "observed"), [(0, 0), (37, 37), (100, 100), (200, 100)])
def test_the_present_duty_is_observed_before_anything_is_written(world: World, register: int, observed: int) -> None:
    world.mcu.set_duty(register)
    world.run(5)
    assert not world.fan.observing
    assert world.fan.observed_percent == observed
    assert world.writes == []
    world.fan.target_percent = observed
    world.run(5)
    assert world.fan.firmware == 0xA2


def test_observing_too_takes_one_transfer_a_call(world: World) -> None:
    for _ in range(5):
        before = len(world.sent)
        world.fan.poll()
        assert len(world.sent) - before <= 1


@pytest.mark.parametrize("fault", [BusFault.NO_ANSWER, BusFault.TIME_OUT, BusFault.ARBITRATION, BusFault.NO_BUS])
def test_a_dead_bus_delays_the_start_by_less_than_2_s_and_invents_no_duty(world: World, fault: BusFault) -> None:
    world.faults.add(fault)
    world.run(2)
    assert not world.fan.observing
    assert world.fan.observed_percent is None
    assert not world.fan.acknowledged


def test_one_error_does_not_cost_the_observation(world: World) -> None:
    world.mcu.set_duty(70)
    world.read_errno = errno.EAGAIN
    world.fan.poll()
    world.read_errno = 0
    world.run(1)
    assert world.fan.observed_percent == 70


def test_an_older_case_is_not_asked(old_world: World) -> None:
    old_world.run(5)
    assert not old_world.fan.observing
    assert old_world.fan.observed_percent is None
    assert old_world.sent == []


@pytest.mark.parametrize(("firmware", "remarkable"), [(None, False), (0xA2, False), (0xA1, True), (0, True)])
def test_only_an_unknown_firmware_is_worth_a_remark(firmware: int | None, remarkable: bool) -> None:
    remark = describe_firmware(firmware)
    assert (remark is not None) is remarkable
    assert remark is None or f"0x{firmware:02x}" in remark


# -- what is said --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", [BusFault.NO_ANSWER, BusFault.TIME_OUT, BusFault.ARBITRATION])
def test_everyday_noise_is_counted_but_not_complained_about(world: World, fault: BusFault) -> None:
    world.settle(20)
    for target in (30, 40, 50):
        world.faults.add(fault)
        world.fan.target_percent = target
        world.fan.poll()
        world.faults.clear()
        world.run(2)
        assert world.fan.error is None
    assert world.fan.errors == 3


@pytest.mark.parametrize(
    ("fault", "within_s"), [(BusFault.NO_BUS, 0.1), (BusFault.NO_ANSWER, 1), (BusFault.TIME_OUT, 2)]
)
def test_an_outage_is_an_error_until_it_ends(world: World, fault: BusFault, within_s: float) -> None:
    world.settle(20)
    world.fan.close()
    world.faults.add(fault)
    world.fan.target_percent = 30
    world.run(within_s)
    assert world.fan.error is not None
    world.run(10)
    assert world.fan.error is not None
    world.faults.clear()
    world.run(2)
    assert world.fan.error is None


@pytest.mark.parametrize("number", [errno.EIO, errno.EREMOTEIO, errno.ETIMEDOUT])
def test_writes_that_can_never_be_verified_are_an_error(world: World, number: int) -> None:
    world.settle(20)
    world.read_errno = number
    world.fan.target_percent = 30
    world.run(5)
    assert world.fan.confirmed_percent is None
    for _ in range(20):
        world.run(0.5)
        assert world.fan.error is not None
    world.read_errno = 0
    world.run(2)
    assert world.fan.error is None


@pytest.mark.parametrize("fault", [BusFault.LOST_WRITES, BusFault.WRONG_READ_BACK])
def test_an_mcu_that_reports_another_duty_is_a_problem_until_it_agrees(world: World, fault: BusFault) -> None:
    world.settle(20)
    world.faults.add(fault)
    world.fan.target_percent = 30
    world.run(1)
    assert world.fan.mismatch is None
    world.run(4)
    assert "30 %" in str(world.fan.mismatch)
    world.faults.clear()
    world.run(2)
    assert world.fan.mismatch is None


def test_what_one_protocol_complained_of_does_not_outlive_it(world: World) -> None:
    """The user sees that the case does not answer properly, and changes case.protocol."""
    world.settle(20)
    world.faults.add(BusFault.WRONG_READ_BACK)
    world.fan.target_percent = 30
    world.run(5)
    assert world.fan.mismatch is not None
    world.legacy = True
    world.fan.reset()
    world.run(5)
    assert world.fan.confirmed_percent == 30
    assert world.fan.mismatch is None
    assert world.fan.firmware is None, "an old case has none to be read"


def test_after_a_change_of_the_case_its_firmware_is_read_again(world: World) -> None:
    world.settle(20)
    world.fan.firmware = 0xA1
    world.fan.reset()
    world.run(5)
    assert world.fan.firmware == 0xA2


# -- what a mutation tool showed that no test would have noticed ---------------------------------------------


def fail_polls(world: World, count: int) -> list[float]:
    """Poll whenever it is due while nothing answers; the waits between the polls, in seconds."""
    world.faults.add(BusFault.NO_ANSWER)
    polled_s: list[float] = []
    for _ in range(count):
        world.clock.now_s = max(world.clock(), world.fan.due_s)
        polled_s.append(world.clock())
        world.fan.poll()
    return [later - earlier for earlier, later in pairwise(polled_s)]


def test_retries_begin_after_a_tenth_and_come_to_half_a_second(world: World) -> None:
    world.settle(20)
    world.fan.target_percent = 30
    assert fail_polls(world, 20) == pytest.approx([0.1, 0.2, 0.4] + [0.5] * 16)


def test_the_third_failure_in_a_row_is_said_not_the_second(world: World) -> None:
    world.settle(20)
    world.fan.target_percent = 30
    fail_polls(world, 2)
    assert world.fan.error is None
    fail_polls(world, 1)
    assert world.fan.error is not None
    assert world.fan.errors == 3


def test_after_three_tries_to_read_the_present_duty_the_daemon_goes_on(world: World) -> None:
    fail_polls(world, 2)
    assert world.fan.observing
    fail_polls(world, 1)
    assert not world.fan.observing


def test_after_a_reset_failures_and_waits_begin_anew(world: World) -> None:
    world.settle(20)
    world.fan.target_percent = 30
    fail_polls(world, 10)
    world.fan.reset()
    assert world.fan.due_s <= world.clock(), "it is another bus: tried at once"
    assert world.fan.take_problems()[-1] is None
    assert fail_polls(world, 3) == pytest.approx([0.1, 0.2])
    assert world.fan.error is not None
    world.fan.reset()
    fail_polls(world, 2)
    assert world.fan.error is None


def test_after_a_reset_wrong_answers_are_counted_anew(world: World) -> None:
    world.settle(20)
    world.faults.add(BusFault.WRONG_READ_BACK)
    world.fan.target_percent = 30
    world.run(1.5)
    world.fan.reset()
    world.run(1.5)
    assert world.fan.mismatch is None
    world.run(1)
    assert world.fan.mismatch is not None


def test_what_was_found_and_what_it_may_mean_is_said(world: World) -> None:
    world.settle(100)
    world.mcu.set_duty(40)
    world.run(5.1)
    assert world.fan.take_problems()[0] == (
        "the case had gone from 100 % to 40 % by itself: was it reset, or does another program drive it?"
    )
    world.run(2)
    world.faults.add(BusFault.WRONG_READ_BACK)
    world.fan.target_percent = 30
    world.run(5)
    assert "% after 30 % was written: does another program drive it, or is case.protocol wrong?" in str(
        world.fan.mismatch
    )


def test_failures_and_wrong_answers_are_counted_from_the_last_good_one(world: World) -> None:
    world.settle(20)
    world.fan.target_percent = 30
    fail_polls(world, 3)
    world.faults.clear()
    world.run(2)
    world.fan.target_percent = 40
    assert fail_polls(world, 2) == pytest.approx([0.1])
    assert world.fan.error is None


def count_wrong_answers(world: World) -> int:
    """How often the duty is read back wrongly until that is said."""
    world.faults.add(BusFault.WRONG_READ_BACK)
    before = len(world.sent)
    for _ in range(20):
        world.clock.now_s = max(world.clock(), world.fan.due_s)
        world.fan.poll()
        if world.fan.mismatch is not None:
            break
    world.faults.clear()
    return [transfer.is_write for transfer in world.sent[before:]].count(False)


def test_the_third_wrong_answer_in_a_row_is_said_not_the_second(world: World) -> None:
    for target in (30, 40):
        world.settle(20)
        world.fan.target_percent = target
        assert count_wrong_answers(world) == 3


def test_a_write_is_known_to_have_arrived_once_there_was_one(world: World) -> None:
    world.run(1)
    assert world.fan.acknowledged is False
    world.fan.target_percent = 30
    world.fan.poll()
    assert world.fan.acknowledged is True


def test_a_fan_that_turns_follows_ten_times_a_second(world: World) -> None:
    world.settle(20)
    begin_s = world.clock()
    for duty in (30, 40, 50):
        world.fan.target_percent = duty
        world.run(PACE_S + ROUNDING_S)
    assert world.mcu.register_duty == 50
    assert world.clock() - begin_s < KICK_WAIT_S


def test_a_kick_of_an_older_case_is_waited_out_too(old_world: World) -> None:
    for duty in (30, 0):
        old_world.fan.target_percent = duty
        old_world.run(1)
    for duty in (30, 60):
        old_world.fan.target_percent = duty
        old_world.run(0.2)
    old_world.run(1)
    kick, following = old_world.writes[-2:]
    assert (kick.value, following.value) == (30, 60)
    assert following.start_s - kick.end_s >= KICK_WAIT_S - ROUNDING_S
    assert old_world.mcu.fan_percent == 60


def test_a_firmware_that_cannot_be_read_is_no_error_and_not_asked_for_again(world: World) -> None:
    world.fan.observing = False
    world.fan.target_percent = 30
    while world.fan.confirmed_percent is None:
        world.clock.now_s = max(world.clock(), world.fan.due_s)
        world.fan.poll()
    world.read_errno = errno.EIO
    world.fan.poll()
    world.read_errno = 0
    assert world.fan.confirmed_percent == 30
    assert (world.fan.errors, world.fan.firmware) == (0, None)
    sent = len(world.sent)
    world.run(5)
    assert len(world.sent) == sent


def test_a_bus_that_cannot_even_be_closed_is_opened_anew(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_wire: Wire) -> None:
        raise OSError(errno.EIO, "gone")

    world.settle(20)
    monkeypatch.setattr(Wire, "close", fail, raising=False)
    world.fan.close()
    world.fan.target_percent = 30
    world.run(1)
    assert world.fan.confirmed_percent == 30


def test_a_problem_that_lasts_is_said_once_and_so_is_its_end(world: World) -> None:
    world.settle(20)
    world.faults.add(BusFault.NO_ANSWER)
    world.fan.target_percent = 30
    world.run(10)
    assert [str(problem) for problem in world.fan.take_problems()] == [str(world.fan.error)]
    world.faults.clear()
    world.run(10)
    assert world.fan.take_problems() == [None]


def test_of_problems_that_nobody_takes_the_last_32_are_kept(world: World) -> None:
    world.settle(20)
    for target in range(30, 70):
        world.fan.target_percent = target
        fail_polls(world, 3)
        world.faults.clear()
        world.run(2)
    problems = world.fan.take_problems()
    assert len(problems) == 32
    assert problems[-1] is None


def test_nobody_has_called_for_5_s_is_overdue_and_less_is_not(world: World) -> None:
    world.settle(20)
    world.fan.target_percent = 30
    due_s = world.fan.due_s
    world.clock.now_s = due_s + 4.9
    assert not world.fan.is_overdue
    world.clock.now_s = due_s + 5.1
    assert world.fan.is_overdue
    world.run(2)
    assert not world.fan.is_overdue


def test_at_full_speed_the_duty_is_looked_at_every_5_s(world: World) -> None:
    world.settle(100)
    world.run(REFRESH_S)
    world.sent.clear()
    world.run(30)
    reads_s = [transfer.start_s for transfer in world.sent]
    assert not world.writes
    assert [later - earlier for earlier, later in pairwise(reads_s)] == pytest.approx([5.0] * 5)
