"""The button watcher: the same promises over each of its sources, then what only one of them can get wrong."""

from __future__ import annotations

import errno
import os
import select
import sys
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, nullcontext
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, Protocol

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_mock import MockerFixture

from a1d.button.gpiod import GpiodEdges, find_chip
from a1d.button.gpiozero import GpiozeroEdges
from a1d.button.libgpiod import Bias, Direction, gpiod
from a1d.button.libgpiod import Edge as LineEdge
from a1d.button.pulses import Gesture
from a1d.button.watcher import ButtonWatcher, EdgeSource
from a1d.config.settings import ButtonConfig
from a1d.errors import ButtonError
from a1d.sim.case import SimulatedCase
from tests.virtual import VirtualClock

try:
    import gpiozero
    from gpiozero.pins.mock import MockFactory, MockPin

    WITHOUT_GPIOZERO = "" if version("gpiozero") >= "2" else f"needs gpiozero 2, not {version('gpiozero')}"
except (ImportError, PackageNotFoundError):
    WITHOUT_GPIOZERO = "needs gpiozero: pip install 'a1d[gpiozero]'"
    MockFactory = MockPin = object

DOUBLE, HOLD = Gesture.DOUBLE_PRESS, Gesture.HOLD
BASE_NS = 1_000_000_000_000
S_NS = 1_000_000_000
BUFFER_PULSES = 512
RP1 = "/dev/gpiochip0"

Watch = Callable[..., ButtonWatcher]


class PinLibraryError(Exception):
    """Related to nothing, as lgpio.error is."""


# -- the far end of the line -----------------------------------------------------------------------


class Line(Protocol):
    """What drives the line that a source watches."""

    def open(self, config: ButtonConfig) -> EdgeSource: ...

    def pulse(self, end_ns: int, width_ms: float) -> None: ...

    def set_busy(self, busy: bool) -> None: ...

    def lose(self) -> None: ...


class SimulatedLine:
    def __init__(self, mocker: MockerFixture, stack: ExitStack) -> None:
        self._mocker = mocker
        self._clock = VirtualClock()
        self._case = SimulatedCase(self._clock, seed=1)
        self._source: EdgeSource | None = None
        stack.callback(self._case.close)

    def open(self, config: ButtonConfig) -> EdgeSource:
        self._source = self._case.open_edges(config)
        return self._source

    def pulse(self, end_ns: int, width_ms: float) -> None:
        self._clock.now_s = end_ns / 1e9
        self._case.pulse(width_ms)

    def set_busy(self, busy: bool) -> None:
        self._case.line_held_by = "w1-gpio" if busy else None

    def lose(self) -> None:
        self._mocker.patch.object(self._source, "is_alive", return_value=False)


class EdgeLine:
    """A line that is driven edge by edge."""

    def edge(self, at_ns: int, rising: bool) -> None:
        raise NotImplementedError

    def pulse(self, end_ns: int, width_ms: float) -> None:
        self.edge(end_ns - round(width_ms * 1e6), True)
        self.edge(end_ns, False)


def need_gpiozero() -> None:
    if WITHOUT_GPIOZERO:
        pytest.skip(WITHOUT_GPIOZERO)


class GpiozeroLine(EdgeLine):
    """gpiozero's MockFactory, with ticks that we set, and an lgpio whose thread can die."""

    def __init__(self, mocker: MockerFixture, _stack: ExitStack | None = None, factory: Any = None) -> None:
        need_gpiozero()
        self._mocker = mocker
        self._ticks = 0.0
        self.thread_alive = True
        self.ticks_per_s: float = 1
        self.factory = factory or MockFactory()
        mocker.patch("gpiozero.pins.mock.monotonic", lambda: self._ticks)
        mocker.patch.object(gpiozero.Device, "pin_factory", self.factory)
        lgpio: Any = ModuleType("lgpio")
        lgpio._notify_thread = SimpleNamespace(is_alive=lambda: self.thread_alive)
        mocker.patch.dict(sys.modules, {"lgpio": lgpio})
        self._busy: Any = None

    def open(self, config: ButtonConfig) -> EdgeSource:
        self.thread_alive = True
        return GpiozeroEdges(config)

    def edge(self, at_ns: int, rising: bool) -> None:
        self._ticks = at_ns * self.ticks_per_s / 1e9
        pin = self.factory.pin(4)
        (pin.drive_high if rising else pin.drive_low)()

    def set_busy(self, busy: bool) -> None:
        if busy:
            self._busy = self._mocker.patch.object(self.factory, "pin", side_effect=PinLibraryError("'GPIO busy'"))
        else:
            self._mocker.stop(self._busy)

    def lose(self) -> None:
        self.thread_alive = False


class FakeRequest:
    """A request of libgpiod 2.x for one line: a level-triggered fd, a bounded buffer, a read that would block."""

    def __init__(self, settings: gpiod.LineSettings, line: int, buffer_size: int) -> None:
        self.settings = settings
        self.released = False
        self.fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._line = line
        self._events: deque[gpiod.EdgeEvent] = deque(maxlen=buffer_size)
        self._seqno = 0
        self._error: OSError | None = None

    def edge(self, at_ns: int, rising: bool) -> None:
        self._seqno += 1
        kind = gpiod.EdgeEvent.Type.RISING_EDGE if rising else gpiod.EdgeEvent.Type.FALLING_EDGE
        self._events.append(gpiod.EdgeEvent(kind.value, at_ns, self._line, self._seqno, self._seqno))
        os.eventfd_write(self.fd, 1)

    def fail(self, number: int) -> None:
        self._error = OSError(number, os.strerror(number))
        os.eventfd_write(self.fd, 1)

    def wait_edge_events(self, timeout: float | None = None) -> bool:
        self._check_released()
        assert timeout == 0, "would hold up the loop"
        return is_readable(self.fd)

    def read_edge_events(self, max_events: int | None = None) -> list[gpiod.EdgeEvent]:
        self._check_released()
        if self._error is not None:
            raise self._error
        assert self._events, "would hold up the loop"
        events = [self._events.popleft() for _ in range(min(len(self._events), max_events or 64))]
        if not self._events:
            os.eventfd_read(self.fd)
        return events

    def release(self) -> None:
        if not self.released:
            self.released = True
            os.close(self.fd)

    def _check_released(self) -> None:
        if self.released:
            raise gpiod.RequestReleasedError


class GpiodLine(EdgeLine):
    """GPIO chips by path, behind the names that a1d uses of ``gpiod``."""

    def __init__(self, mocker: MockerFixture, stack: ExitStack) -> None:
        self.chips = {RP1: "pinctrl-rp1", "/dev/gpiochip10": "gpio-brcmstb@107d508500"}
        self.denied: OSError | None = None
        self.refusal: Exception | None = None
        self.consumer = ""
        self.requested: list[tuple[str, int, str]] = []
        self.requests: list[FakeRequest] = []
        mocker.patch("a1d.button.gpiod.glob.glob", side_effect=lambda _pattern: list(self.chips))
        mocker.patch("a1d.button.gpiod.gpiod.Chip", self._open_chip)
        mocker.patch("a1d.button.gpiod.gpiod.request_lines", self._request_lines)
        stack.callback(self._release_all)

    def open(self, config: ButtonConfig) -> EdgeSource:
        return GpiodEdges(config)

    def edge(self, at_ns: int, rising: bool) -> None:
        if self.requests and not self.requests[-1].released:
            self.requests[-1].edge(at_ns, rising)

    def set_busy(self, busy: bool) -> None:
        self.refusal = OSError(errno.EBUSY, os.strerror(errno.EBUSY)) if busy else None

    def lose(self) -> None:
        self.requests[-1].fail(errno.ENODEV)

    def _release_all(self) -> None:
        for request in self.requests:
            request.release()

    def _open_chip(self, path: str) -> AbstractContextManager[Any]:
        if self.denied is not None:
            raise self.denied
        info = SimpleNamespace(label=self.chips[path])
        line_info = SimpleNamespace(consumer=self.consumer)
        return nullcontext(SimpleNamespace(get_info=lambda: info, get_line_info=lambda _line: line_info))

    def _request_lines(
        self, path: str, *, consumer: str, config: dict[int, gpiod.LineSettings], event_buffer_size: int
    ) -> FakeRequest:
        if self.refusal is not None:
            raise self.refusal
        ((line, settings),) = config.items()
        self.requested.append((path, line, consumer))
        self.requests.append(FakeRequest(settings, line, event_buffer_size))
        return self.requests[-1]


# -- fixtures and helpers --------------------------------------------------------------------------


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture(params=[SimulatedLine, GpiozeroLine, GpiodLine])
def line(request: pytest.FixtureRequest, mocker: MockerFixture, stack: ExitStack) -> Line:
    line: Line = request.param(mocker, stack)
    return line


@pytest.fixture
def gpiod_line(mocker: MockerFixture, stack: ExitStack) -> GpiodLine:
    return GpiodLine(mocker, stack)


@pytest.fixture
def watch(stack: ExitStack) -> Watch:
    """Starts watching a line at 0 s."""

    def watch(line: Line, config: ButtonConfig | None = None) -> ButtonWatcher:
        watcher = ButtonWatcher(config or ButtonConfig(), line.open)
        stack.callback(watcher.close)
        watcher.tick(0.0)
        return watcher

    return watch


def is_readable(fd: int) -> bool:
    return bool(select.select([fd], [], [], 0)[0])


def is_waiting(watcher: ButtonWatcher) -> bool:
    return watcher.source is not None and is_readable(watcher.source.fileno())


def gestures_of(watcher: ButtonWatcher, now_s: float = 0.0) -> list[Gesture]:
    """Read all that waits, over as many ticks as that takes."""
    gestures: list[Gesture] = []
    for _ in range(100):
        if not is_waiting(watcher):
            return gestures
        if watcher.exhausted:
            watcher.tick(now_s)
        gestures += watcher.read()
    raise AssertionError("the descriptor stays readable")


def train(line: Line, start_ns: int, count: int, *, period_ns: int = 200_000) -> int:
    """``count`` pulses at 10,000 edges a second; when it ends."""
    for index in range(count):
        line.pulse(start_ns + index * period_ns, 0.1)
    return start_ns + count * period_ns


def open_fds() -> int:
    return len(os.listdir("/proc/self/fd"))


# -- promises of every source ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("width_ms", "gesture"),
    [(width, None) for width in (0.001, 1, 5, 9.999, 55.001, 60, 100, 3000)]
    + [(width, DOUBLE) for width in (10, 15, 20, 25, 29.999)]
    + [(width, HOLD) for width in (30, 35, 40, 45, 50, 55)],
)
def test_the_width_alone_says_what_a_pulse_means(
    line: Line, watch: Watch, width_ms: float, gesture: Gesture | None
) -> None:
    watcher = watch(line)
    line.pulse(BASE_NS, width_ms)
    assert watcher.read() == ([] if gesture is None else [gesture])
    assert watcher.ignored == (gesture is None)
    assert watcher.counts == {DOUBLE: int(gesture is DOUBLE), HOLD: int(gesture is HOLD)}


@pytest.mark.parametrize(
    ("width_ms", "gesture"), [(7, DOUBLE), (20, None), (40, None), (60, HOLD), (100, HOLD), (100.001, None)]
)
def test_the_bounds_can_be_configured(line: Line, watch: Watch, width_ms: float, gesture: Gesture | None) -> None:
    watcher = watch(line, ButtonConfig(double_press_window_ms=(5, 10), hold_window_ms=(60, 100)))
    line.pulse(BASE_NS, width_ms)
    assert watcher.read() == ([] if gesture is None else [gesture])


@pytest.mark.parametrize(("width_ms", "gesture"), [(30, HOLD), (60, HOLD), (60.001, DOUBLE), (80, None)])
def test_a_double_press_may_be_the_longer_one(
    line: Line, watch: Watch, width_ms: float, gesture: Gesture | None
) -> None:
    watcher = watch(line, ButtonConfig(double_press_window_ms=(60, 80), hold_window_ms=(30, 60)))
    line.pulse(BASE_NS, width_ms)
    assert watcher.read() == ([] if gesture is None else [gesture])


@given(widths_us=st.lists(st.one_of(st.integers(1, 70_000), st.sampled_from([10_000, 30_000, 55_000])), max_size=12))
def test_every_pulse_that_stands_alone_is_a_gesture_or_counted(line: Line, watch: Watch, widths_us: list[int]) -> None:
    watcher = watch(line)
    for index, width_us in enumerate(widths_us):
        line.pulse(BASE_NS + index * S_NS // 5, width_us / 1000)
    wanted = [DOUBLE if width < 30_000 else HOLD for width in widths_us if 10_000 <= width <= 55_000]
    assert gestures_of(watcher) == wanted
    assert watcher.ignored == len(widths_us) - len(wanted)
    assert sum(watcher.counts.values()) == len(wanted)
    watcher.close()


def test_idle_means_a_quiet_descriptor(line: Line, watch: Watch) -> None:
    watcher = watch(line)
    assert not is_waiting(watcher)
    assert watcher.read() == []
    line.pulse(BASE_NS, 20)
    assert is_waiting(watcher)
    assert watcher.read() == [DOUBLE]
    assert not is_waiting(watcher)


def test_what_one_read_leaves_keeps_the_descriptor_readable(line: Line, watch: Watch) -> None:
    watcher = watch(line)
    for index in range(100):
        line.pulse(BASE_NS + index * S_NS, 20)
    assert 0 < len(watcher.read()) < 100
    assert is_waiting(watcher)
    assert sum(watcher.counts.values()) + len(gestures_of(watcher)) == 100


def test_edges_are_bounded_per_tick(line: Line, watch: Watch) -> None:
    watcher = watch(line)
    train(line, BASE_NS, BUFFER_PULSES)
    for tick in (1, 2):
        for _ in range(100):
            watcher.read()
        assert watcher.exhausted
        assert tick * 128 <= watcher.ignored < tick * 200
        watcher.tick(0.5 * tick)
        assert not watcher.exhausted


def test_noise_hides_pulses_of_the_right_width_and_counts_them(line: Line, watch: Watch) -> None:
    watcher = watch(line)
    end_ns = train(line, BASE_NS, 10)
    for width_ms in (20, 40):
        line.pulse(end_ns + 41_000_000, width_ms)
        end_ns = train(line, end_ns + 42_000_000, 10)
    assert gestures_of(watcher) == []
    assert watcher.ignored == 32


def test_a_press_after_noise_is_heard(line: Line, watch: Watch) -> None:
    watcher = watch(line)
    end_ns = train(line, BASE_NS, 3 * BUFFER_PULSES)
    line.pulse(end_ns + S_NS // 5, 40)
    assert gestures_of(watcher) == [HOLD]


@pytest.mark.parametrize("width_ms", [20, 40])
def test_a_pulse_in_noise_is_noise_even_where_the_buffer_overflowed_before_it(
    line: Line, watch: Watch, width_ms: float
) -> None:
    watcher = watch(line)
    train(line, BASE_NS, 100)
    assert gestures_of(watcher) == []
    noisy_ns = train(line, BASE_NS + S_NS // 2, 100)  # these are lost, and with them the evidence
    line.pulse(noisy_ns + 50_000_000, width_ms)
    train(line, noisy_ns + 50_200_000, BUFFER_PULSES - 1)
    assert gestures_of(watcher) == []


def test_a_busy_line_is_tried_again_every_five_seconds(line: Line, watch: Watch) -> None:
    line.set_busy(True)
    fds = open_fds()
    watcher = watch(line)
    for now_s in range(60):
        watcher.tick(float(now_s))
    assert watcher.source is None
    assert isinstance(watcher.error, OSError)
    assert watcher.read() == []
    assert open_fds() == fds
    line.set_busy(False)
    watcher.tick(59.5)
    assert watcher.source is None
    watcher.tick(60.0)
    assert watcher.source is not None
    assert watcher.error is None
    line.pulse(BASE_NS, 20)
    assert watcher.read() == [DOUBLE]


def test_a_lost_line_is_an_error_until_it_is_found_again(line: Line, watch: Watch) -> None:
    watcher = watch(line)
    line.lose()
    line.set_busy(True)
    watcher.read()
    watcher.tick(6.0)
    assert watcher.source is None
    assert watcher.error is not None
    line.set_busy(False)
    watcher.tick(11.0)
    assert watcher.error is None
    line.pulse(BASE_NS, 40)
    assert watcher.read() == [HOLD]


@pytest.mark.parametrize("presses", [0, 1, 4, 20])
def test_the_first_press_on_a_line_found_again_counts(line: Line, watch: Watch, presses: int) -> None:
    watcher = watch(line)
    for index in range(presses):
        line.pulse(BASE_NS + index * S_NS, 20)
    assert gestures_of(watcher) == [DOUBLE] * presses
    line.lose()
    watcher.read()
    watcher.tick(6.0)
    watcher.tick(12.0)
    assert watcher.source is not None
    line.pulse(BASE_NS + 100 * S_NS, 40)
    assert gestures_of(watcher, 12.0) == [HOLD]
    assert watcher.counts == {DOUBLE: presses, HOLD: 1}


def test_opening_and_closing_leaves_nothing_open(line: Line, watch: Watch) -> None:
    watcher = watch(line)
    fds = open_fds()
    for now_s in range(10, 500, 10):
        watcher.close()
        watcher.tick(float(now_s))
    assert open_fds() == fds
    watcher.close()
    watcher.close()
    assert open_fds() == fds - 1
    line.pulse(BASE_NS, 20)
    assert watcher.read() == []


def test_backend_none_watches_nothing(line: Line, watch: Watch) -> None:
    watcher = watch(line, ButtonConfig(backend="none"))
    line.pulse(BASE_NS, 20)
    assert (watcher.enabled, watcher.source, watcher.error, watcher.read()) == (False, None, None, [])


# -- edge by edge: gpiozero and gpiod --------------------------------------------------------------


@pytest.fixture(params=[GpiozeroLine, GpiodLine])
def edge_line(request: pytest.FixtureRequest, mocker: MockerFixture, stack: ExitStack) -> Any:
    return request.param(mocker, stack)


def test_a_fall_without_a_rise_is_nothing(edge_line: Any, watch: Watch) -> None:
    edge_line.edge(BASE_NS, True)
    watcher = watch(edge_line)
    edge_line.edge(BASE_NS + 20_000_000, False)
    edge_line.pulse(BASE_NS + S_NS, 40)
    assert watcher.read() == [HOLD]


def test_the_width_is_right_however_late_and_piecemeal_it_is_read(edge_line: Any, watch: Watch) -> None:
    watcher = watch(edge_line)
    edge_line.edge(BASE_NS, True)
    assert watcher.read() == []
    watcher.tick(3600.0)
    edge_line.edge(BASE_NS + 20_000_000, False)
    watcher.tick(7200.0)
    assert watcher.read() == [DOUBLE]


def test_a_rise_and_a_fall_with_lost_edges_between_are_no_pulse(edge_line: Any, watch: Watch) -> None:
    watcher = watch(edge_line)
    edge_line.edge(BASE_NS, True)
    watcher.read()
    edge_line.edge(BASE_NS + 100_000, False)
    end_ns = train(edge_line, BASE_NS + 20_000_000, BUFFER_PULSES)
    edge_line.edge(end_ns, True)  # one too many: of the first pulse of the train the fall is left
    assert gestures_of(watcher) == []


def test_a_rise_before_the_loss_and_a_fall_after_it_are_no_pulse(edge_line: Any, watch: Watch) -> None:
    watcher = watch(edge_line)
    edge_line.edge(BASE_NS, True)
    watcher.read()
    edge_line.lose()
    watcher.read()
    watcher.tick(6.0)
    watcher.tick(12.0)
    edge_line.edge(BASE_NS + 20_000_000, False)
    assert watcher.read() == []


# -- gpiod -----------------------------------------------------------------------------------------


def test_gpiod_asks_for_line_4_of_the_pi_5_chip_pulled_down_both_edges(gpiod_line: GpiodLine, watch: Watch) -> None:
    watch(gpiod_line)
    assert gpiod_line.requested == [(RP1, 4, "a1d")]
    settings = gpiod_line.requests[0].settings
    assert settings.direction is Direction.INPUT
    assert settings.bias is Bias.PULL_DOWN
    assert settings.edge_detection is LineEdge.BOTH
    assert settings.event_clock is gpiod.line.Clock.MONOTONIC
    assert not settings.active_low
    assert settings.debounce_period.total_seconds() <= 0.005


@pytest.mark.parametrize(
    ("chips", "found"),
    [
        ({"/dev/gpiochip4": "pinctrl-rp1", RP1: "gpio-brcmstb"}, "/dev/gpiochip4"),
        ({RP1: "pinctrl-bcm2711", "/dev/gpiochip1": "pinctrl-rp1"}, "/dev/gpiochip1"),
        ({RP1: "pinctrl-bcm2835", "/dev/gpiochip1": "raspberrypi-exp-gpio"}, RP1),
        ({RP1: "pinctrl-rp1", "/dev/gpiochip4": "pinctrl-rp1"}, RP1),  # Raspberry Pi OS links the old number
    ],
)
def test_the_chip_is_found_by_label_in_the_configured_order(
    gpiod_line: GpiodLine, chips: dict[str, str], found: str
) -> None:
    gpiod_line.chips = chips
    assert find_chip(ButtonConfig().chips) == found


def test_one_chip_that_may_not_be_opened_does_not_hide_the_others(gpiod_line: GpiodLine, mocker: MockerFixture) -> None:
    chip = gpiod_line._open_chip(RP1)
    mocker.patch("a1d.button.gpiod.gpiod.Chip", side_effect=[OSError(errno.EACCES, "denied"), chip])
    assert find_chip(ButtonConfig().chips) == "/dev/gpiochip10"


def test_a_chip_that_may_not_be_opened_is_named_if_the_label_is_on_no_other(
    gpiod_line: GpiodLine, mocker: MockerFixture
) -> None:
    """The refused one is likely the one that is wanted: 'no chip is labelled' alone would mislead."""
    gpiod_line.chips = {RP1: "gpio-brcmstb", "/dev/gpiochip4": "hidden"}
    chip = gpiod_line._open_chip(RP1)
    mocker.patch("a1d.button.gpiod.gpiod.Chip", side_effect=[chip, OSError(errno.EACCES, "Permission denied")])
    with pytest.raises(ButtonError, match=r"/dev/gpiochip4 cannot be opened .*group.*gpio; .*labelled") as caught:
        find_chip(ButtonConfig().chips)
    assert caught.value.errno == errno.EACCES
    assert "gpio-brcmstb" in str(caught.value.strerror)


def _deny(line: GpiodLine) -> None:
    line.denied = OSError(errno.EACCES, "Permission denied")


def _remove_label(line: GpiodLine) -> None:
    line.chips = {RP1: "gpio-mockup"}


def _remove_chips(line: GpiodLine) -> None:
    line.chips = {}


def _hold(line: GpiodLine) -> None:
    line.consumer = "onewire@4"
    line.set_busy(True)


def _refuse_number(line: GpiodLine) -> None:
    line.refusal = ValueError("line offset of out range")


@pytest.mark.parametrize(
    ("trouble", "number", "words"),
    [
        (_deny, errno.EACCES, ["group", "gpio"]),
        (_remove_label, errno.ENODEV, ["pinctrl-rp1", "gpio-mockup", "button.chips"]),
        (_remove_chips, errno.ENODEV, ["found none"]),
        (_hold, errno.EBUSY, ["GPIO4", RP1, "onewire@4", "dtoverlay=w1-gpio"]),
        (_refuse_number, errno.EINVAL, ["GPIO4", "out range"]),
    ],
)
def test_gpiod_errors_name_the_remedy(
    gpiod_line: GpiodLine, watch: Watch, trouble: Callable[[GpiodLine], None], number: int, words: list[str]
) -> None:
    trouble(gpiod_line)
    error = watch(gpiod_line).error
    assert isinstance(error, ButtonError)
    assert error.errno == number
    assert [word for word in words if word not in str(error.strerror)] == []


def test_a_holder_that_cannot_be_named_is_still_a_busy_line(
    gpiod_line: GpiodLine, watch: Watch, mocker: MockerFixture
) -> None:
    gpiod_line.set_busy(True)
    mocker.patch("a1d.button.gpiod.find_chip", return_value=RP1)
    gpiod_line.denied = OSError(errno.ENODEV, "No such device")
    error = watch(gpiod_line).error
    assert error is not None
    assert "another program" in str(error)


# -- gpiozero --------------------------------------------------------------------------------------


def test_gpiozero_pulls_the_pin_down_and_does_not_debounce(mocker: MockerFixture, watch: Watch) -> None:
    line = GpiozeroLine(mocker)
    pin = line.factory.pin(4)
    pin.pull, pin.bounce, pin.edges = "up", 0.1, "rising"
    watch(line)
    assert (pin.function, pin.pull, pin.bounce, pin.edges) == ("input", "down", None, "both")


def test_gpiozero_takes_the_factory_that_the_environment_names(
    mocker: MockerFixture, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    need_gpiozero()
    mocker.patch.object(gpiozero.Device, "pin_factory", None)
    monkeypatch.setenv("GPIOZERO_PIN_FACTORY", "mock")
    watcher = ButtonWatcher(ButtonConfig(), GpiozeroEdges)
    watcher.tick(0.0)
    assert isinstance(gpiozero.Device.pin_factory, MockFactory)
    gpiozero.Device.pin_factory.pin(4).drive_high()
    assert is_waiting(watcher)
    watcher.close()


class OwnFactory(MockFactory):  # type: ignore[misc]
    """Stands in for LGPIOFactory: opens a chip by number and has to be closed."""

    made: list[OwnFactory]
    pin_error: Exception | None = None

    def __init__(self, chip: int) -> None:
        super().__init__()
        self.chip, self.closed = chip, False
        self.made.append(self)

    def pin(self, name: Any, *_args: Any, **_options: Any) -> Any:
        if self.pin_error:
            raise self.pin_error
        return super().pin(name)

    def close(self) -> None:
        super().close()
        self.closed = True


@pytest.fixture
def own_factory(mocker: MockerFixture, monkeypatch: pytest.MonkeyPatch) -> type[OwnFactory]:
    """gpiozero was told nothing, and lgpio is there."""
    need_gpiozero()
    mocker.patch.object(gpiozero.Device, "pin_factory", None)
    monkeypatch.delenv("GPIOZERO_PIN_FACTORY", raising=False)
    mocker.patch("a1d.button.gpiozero.find_chip", return_value="/dev/gpiochip13")
    module: Any = ModuleType("gpiozero.pins.lgpio")
    module.LGPIOFactory = OwnFactory
    mocker.patch.dict(sys.modules, {"gpiozero.pins.lgpio": module, "lgpio": ModuleType("lgpio")})
    monkeypatch.setattr(OwnFactory, "made", [], raising=False)
    return OwnFactory


def test_gpiozero_told_nothing_takes_lgpio_on_the_chip_with_the_label(own_factory: type[OwnFactory]) -> None:
    source = GpiozeroEdges(ButtonConfig())
    assert [factory.chip for factory in own_factory.made] == [13]
    assert gpiozero.Device.pin_factory is None
    source.close()
    assert own_factory.made[0].closed


def test_a_pin_that_is_refused_leaves_no_factory_and_no_descriptor_open(
    own_factory: type[OwnFactory], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own_factory, "pin_error", PinLibraryError("'GPIO busy'"))
    fds = open_fds()
    with pytest.raises(ButtonError, match="GPIO4: 'GPIO busy'"):
        GpiozeroEdges(ButtonConfig())
    assert open_fds() == fds
    assert [factory.closed for factory in own_factory.made] == [True]


def test_without_lgpio_gpiozero_says_so_and_falls_back_to_nothing(
    own_factory: type[OwnFactory], mocker: MockerFixture, watch: Watch
) -> None:
    mocker.patch.dict(sys.modules, {"lgpio": None})
    watcher = ButtonWatcher(ButtonConfig(), GpiozeroEdges)
    watcher.tick(0.0)
    assert isinstance(watcher.error, ButtonError)
    assert "apt install python3-lgpio" in str(watcher.error)
    assert gpiozero.Device.pin_factory is None


def test_without_gpiozero_the_error_names_its_package(mocker: MockerFixture) -> None:
    mocker.patch.dict(sys.modules, {"gpiozero": None})
    watcher = ButtonWatcher(ButtonConfig(backend="gpiozero"), GpiozeroEdges)
    watcher.tick(0.0)
    assert isinstance(watcher.error, ButtonError)
    assert "apt install python3-gpiozero" in str(watcher.error)


def test_lgpio_is_taken_from_the_system_and_leaves_its_fifo_nowhere(
    own_factory: type[OwnFactory], mocker: MockerFixture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It makes one that anybody can read, where the process stands."""
    mocker.patch.dict(sys.modules)
    del sys.modules["lgpio"]
    (tmp_path / "lgpio.py").write_text("import os\nos.mkfifo('.lgd-nfy0', 0o664)\nplace = os.getcwd()\n")
    monkeypatch.setattr("site.getsitepackages", lambda _prefixes: [str(tmp_path)])
    path, directory = sys.path, Path.cwd()
    GpiozeroEdges(ButtonConfig()).close()
    assert (sys.path, Path.cwd()) == (path, directory)
    place = Path(sys.modules["lgpio"].place)
    assert place != directory
    assert not place.exists()


def test_a_line_that_the_board_does_not_have_is_a_button_error(mocker: MockerFixture, watch: Watch) -> None:
    watcher = watch(GpiozeroLine(mocker), ButtonConfig(line=1000))
    assert isinstance(watcher.error, ButtonError)
    assert "1000" in str(watcher.error)


class StubbornPin(MockPin):  # type: ignore[misc]
    """Cannot be given back, as an lgpio pin whose chip handle has become invalid."""

    def close(self) -> None:
        raise PinLibraryError("'unknown handle'")


def test_a_pin_that_cannot_be_given_back_does_not_take_the_daemon_with_it(mocker: MockerFixture, watch: Watch) -> None:
    need_gpiozero()
    line = GpiozeroLine(mocker, factory=MockFactory(pin_class=StubbornPin))
    watcher = watch(line)
    fds = open_fds()
    line.thread_alive = False
    watcher.tick(1.0)
    assert watcher.source is None
    assert open_fds() == fds - 1


class WrappingFactory(MockFactory):  # type: ignore[misc]
    """Ticks as pigpio's: microseconds that wrap every 71.6 minutes."""

    @staticmethod
    def ticks_diff(later: float, earlier: float) -> float:
        return ((later - earlier) % 2**32) / 1e6


def test_ticks_that_wrap_swallow_no_press(mocker: MockerFixture, watch: Watch) -> None:
    line = GpiozeroLine(mocker, factory=WrappingFactory())
    line.ticks_per_s = 1e6
    watcher = watch(line)
    presses_s = [1, 4000, 4010, 4020, 4030, 4300, 9000]
    for at_s in presses_s:
        line.pulse(at_s * S_NS, 20)
    assert gestures_of(watcher) == [DOUBLE] * len(presses_s)


def test_an_edge_that_comes_late_writes_into_nobody_elses_descriptor(mocker: MockerFixture) -> None:
    """The factory's thread may be about to call when the loop closes; the next file gets the same number."""
    line = GpiozeroLine(mocker)
    source = GpiozeroEdges(ButtonConfig())
    late = line.factory.pin(4).when_changed
    source.close()
    fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
    late(1.0, 1)
    late(1.02, 0)
    assert not is_readable(fd)
    os.close(fd)


def test_ticks_since_1970_are_fine_enough(mocker: MockerFixture, watch: Watch) -> None:
    line = GpiozeroLine(mocker)
    watcher = watch(line)
    line.pulse(1_900_000_000 * S_NS, 20)
    line.pulse(1_900_000_001 * S_NS, 40)
    assert watcher.read() == [DOUBLE, HOLD]


def test_a_dead_thread_of_lgpio_is_noticed_although_nothing_failed(mocker: MockerFixture, watch: Watch) -> None:
    line = GpiozeroLine(mocker)
    watcher = watch(line)
    line.thread_alive = False
    watcher.tick(1.0)
    assert watcher.source is None
    assert "died" in str(watcher.error)


def test_a_thread_of_lgpio_that_stays_dead_stays_an_error(mocker: MockerFixture) -> None:
    """lgpio starts its thread once, at import: opening the line again does not bring it back."""
    line = GpiozeroLine(mocker)
    watcher = ButtonWatcher(ButtonConfig(), GpiozeroEdges)
    watcher.tick(0.0)
    line.thread_alive = False
    for half_s in range(2, 100):
        watcher.tick(half_s / 2)
        assert watcher.error is not None
    watcher.close()
