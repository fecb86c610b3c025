"""B1 to B4: which pulses each press of the button sends, by the kernel's time stamps."""

from __future__ import annotations

import contextlib
import itertools
import select
import time

from a1d.button.gpiod import GpiodEdges
from a1d.button.pulses import Edge, PulseDecoder
from a1d.config.settings import ButtonConfig
from hil.bench import Answer, Bench, question
from hil.operator import ask, countdown, tell

LISTEN_S = 8.0
DOUBLE_MS, HOLD_MS = ButtonConfig().double_press_window_ms, ButtonConfig().hold_window_ms
PRESSES = (
    ("one_short", "Press the button ONCE, shortly."),
    ("one_second", "Press the button for ONE second; by no means longer: a hold cuts the power."),
    ("double_1", "Press TWICE, quickly."),
    ("double_2", "Press TWICE again."),
    ("double_3", "And TWICE once more."),
)


def widths_ms(edges: list[Edge]) -> list[float]:
    """The width of each pulse. A single edge is not a pulse."""
    return [
        round((fall.timestamp_ns - rise.timestamp_ns) / 1e6, 2)
        for rise, fall in itertools.pairwise(edges)
        if rise.rising and not fall.rising
    ]


def gestures(edges: list[Edge]) -> list[str]:
    """The gestures that a1d would recognise."""
    decoder = PulseDecoder(DOUBLE_MS, HOLD_MS)
    return [gesture.value for edge in edges if (gesture := decoder.feed(edge))]


def is_hold(widths: list[float]) -> bool:
    """Whether one of the pulses is a hold, after which the case cuts the power."""
    return any(HOLD_MS[0] <= width <= HOLD_MS[1] for width in widths)


def listen(line: GpiodEdges, seconds: float) -> list[Edge]:
    """All edges of that time. It ends early after a hold."""
    end_s = time.monotonic() + seconds
    edges: list[Edge] = []
    while (left_s := end_s - time.monotonic()) > 0 and not is_hold(widths_ms(edges)):
        if select.select([line.fileno()], [], [], left_s)[0]:
            edges += line.read_edges()
    return edges


@question("what does each press of the button send?", operator=True)
def press(bench: Bench) -> Answer:
    """The widths of the pulses, in milliseconds."""
    answer: Answer = {"answer": ""}
    with contextlib.closing(GpiodEdges(ButtonConfig())) as line:
        for name, text in PRESSES:
            ask(f"{text} You have {LISTEN_S:.0f} s from the word 'now'. Enter to begin.")
            line.read_edges()
            countdown("now")
            edges = listen(line, LISTEN_S)
            answer[f"{name}_ms"] = widths = widths_ms(edges)
            meaning = ", ".join(gestures(edges)) or "nothing"
            answer["answer"] += f"{name}: {meaning}; "
            tell(f"pulses in ms: {widths}, which a1d takes for: {meaning}")
            if is_hold(widths):
                tell("The case took that for a hold and will cut the power: shutting down now. Start it again later.")
                bench.power_off_now(answer)
    return answer
