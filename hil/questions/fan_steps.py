"""T6: how much the fan cools, and how fast chip and case follow. The bench of tests/bench/control guesses both."""

from __future__ import annotations

import contextlib
import math
import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from a1d.temperature.judge import parse_celsius
from a1d.temperature.sensors import find_zone
from hil.bench import Answer, Bench, question
from hil.operator import ask, tell, yes
from hil.real_heat import RealHeat, owners_config
from hil.rig import NotHere

STEPS_PERCENT = (0, 30, 60, 100)
STEP_MINUTES = 20
IDLE_MINUTES = 5
# So far below the guard's limit, at which the whole run would end, the next step begins early.
MARGIN_CELSIUS = 3.0
_CHIP_S = 30
_SAMPLE_S = 1.0
_ROOM_CELSIUS = (-10.0, 45.0)
# It ends by itself when its parent, whose process id it is given, is gone: also after kill -9.
_BURN = "import os, sys\nwhile os.getppid() == int(sys.argv[1]):\n    for _ in range(100000): pass"


class Place(NamedTuple):
    """What the steps need; handed in, so that a test can hand in a heat model and its clock."""

    set_duty: Callable[[int], None]  # percent; ends the run if the guard is gone
    read_celsius: Callable[[], float]
    load: Callable[[], contextlib.AbstractContextManager[Callable[[], float]]]  # in it: the seconds of processor so far
    read_watts: Callable[[], float | None]  # of the processor's cores; None if that is not known
    now_s: Callable[[], float]
    sleep: Callable[[float], None]


def run_steps(place: Place, room_celsius: float, limit_celsius: float, save: Callable[[Answer], None]) -> Answer:
    """Idle for a while, then the load with each duty. ``limit_celsius`` is the guard's.

    What there is so far goes to ``save`` after each step: the guard, or a person, may end the run in the next one.
    """
    hot_celsius = limit_celsius - MARGIN_CELSIUS
    idle: list[float] = []
    for _ in range(IDLE_MINUTES):
        idle = _minute(place, STEPS_PERCENT[0], hot_celsius)
        if idle[-1] >= hot_celsius:
            return {"answer": "none", "error": f"too hot to begin: {idle[-1]:.0f} C with an idle processor"}
    answer: Answer = {"answer": "", "room_celsius": room_celsius}
    answer |= {"idle_celsius": _mean(idle[-_CHIP_S:]), "idle_watts": place.read_watts(), "steps": []}
    with place.load() as cpu_s:
        for duty_percent in STEPS_PERCENT:
            step, first = _step(place, duty_percent, hot_celsius, cpu_s)
            answer.setdefault("chip_celsius", first)
            answer["steps"].append(step)
            answer["answer"] = in_words(answer)
            tell(f"{duty_percent} %: {step['minutes_celsius'][-1]:.1f} C")
            save({**answer, "error": f"ended early, after {duty_percent} %"})
            if step["ended_by_heat"]:
                _cool(place, hot_celsius - MARGIN_CELSIUS)
    return answer


def _cool(place: Place, below_celsius: float) -> None:
    """Full speed until it is cooler than this, for as long as a step at most."""
    for _ in range(STEP_MINUTES):
        if _minute(place, 100, math.inf)[-1] < below_celsius:
            return


def _step(
    place: Place, duty_percent: int, hot_celsius: float, cpu_s: Callable[[], float]
) -> tuple[Answer, list[float]]:
    """One duty: the mean of each minute; and the first half minute as it was, which shows the chip alone."""
    begin_s, begin_cpu_s = place.now_s(), cpu_s()
    first: list[float] = []
    minutes: list[float] = []
    is_hot = False
    while len(minutes) < STEP_MINUTES and not is_hot:
        samples = _minute(place, duty_percent, hot_celsius)
        first = first or samples[:_CHIP_S]
        minutes.append(_mean(samples))
        is_hot = samples[-1] >= hot_celsius
    cores = (cpu_s() - begin_cpu_s) / (place.now_s() - begin_s)
    step: Answer = {"duty_percent": duty_percent, "minutes_celsius": minutes, "ended_by_heat": is_hot}
    return step | {"cores_busy": round(cores, 2), "watts": place.read_watts()}, first


def _minute(place: Place, duty_percent: int, hot_celsius: float) -> list[float]:
    """A sample a second, until a minute is over or it is hot. Writing the duty again heals a write that was lost."""
    samples: list[float] = []
    end_s = place.now_s() + 60
    place.set_duty(duty_percent)
    while not samples or (place.now_s() < end_s and samples[-1] < hot_celsius):
        place.sleep(_SAMPLE_S)
        samples.append(place.read_celsius())
    return samples


def _mean(samples: list[float]) -> float:
    return round(statistics.fmean(samples), 2)


def in_words(answer: Answer) -> str:
    """The steps so far, in a sentence."""
    steps = []
    for each in answer["steps"]:
        last, early = each["minutes_celsius"][-1], " and rising when it got too hot" if each["ended_by_heat"] else ""
        steps.append(f"{last:.1f} C{early} at {each['duty_percent']} %")
    jump_celsius = max(answer["chip_celsius"]) - answer["idle_celsius"]
    return (
        f"{', '.join(steps)}, with {answer['steps'][0]['cores_busy']:.1f} cores busy in a room of "
        f"{answer['room_celsius']:g} C; within {_CHIP_S} s of the load the chip rose by {jump_celsius:.1f} C"
    )


def room(text: str) -> float:
    """Degrees Celsius from what the operator typed. NotHere if that is no temperature of a room."""
    found = re.fullmatch(r"\s*(-?\d+(?:[.,]\d+)?)\s*°?[cC]?\s*", text)
    celsius = float(found[1].replace(",", ".")) if found else None
    if celsius is None or not _ROOM_CELSIUS[0] <= celsius <= _ROOM_CELSIUS[1]:
        raise NotHere(f"not the temperature of a room in Celsius, such as 21.5: {text[:20]!r}")
    return celsius


@contextlib.contextmanager
def busy_cores(count: int) -> Iterator[Callable[[], float]]:
    """``count`` processes that do nothing but work. In here: the seconds of processor that they have had."""
    processes: list[subprocess.Popen[bytes]] = []

    def cpu_s() -> float:
        ticks = 0
        for each in processes:
            fields = Path(f"/proc/{each.pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    try:
        for _ in range(count):
            burn = [sys.executable, "-c", _BURN, str(os.getpid())]
            processes.append(subprocess.Popen(burn, stdin=subprocess.DEVNULL))
        yield cpu_s
    finally:
        for each in processes:
            each.kill()
            each.wait()


def core_watts(said: str) -> float | None:
    """From what ``vcgencmd pmic_read_adc`` says; None if the cores' rail is not in it."""
    found = {unit: re.search(rf"VDD_CORE_{unit}\b.*=([\d.]+)", said) for unit in "AV"}
    if found["A"] and found["V"]:
        return round(float(found["A"][1]) * float(found["V"][1]), 2)
    return None


def _read_watts() -> float | None:
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):  # most systems have no such program
        done = subprocess.run(["vcgencmd", "pmic_read_adc"], capture_output=True, text=True, check=False, timeout=10)
        return core_watts(done.stdout)
    return None


def _read_celsius() -> float:
    return parse_celsius(Path(find_zone("/sys", "cpu-thermal")).read_bytes())


@question("how much does the fan cool at 0, 30, 60 and 100 % (85 minutes with all cores busy)?", operator=True)
def fan_steps(bench: Bench) -> Answer:
    """The operator reads a thermometer first, and may leave then."""
    minutes = IDLE_MINUTES + len(STEPS_PERCENT) * STEP_MINUTES
    tell(f"For {minutes} minutes all cores are busy, at first with the fan OFF. Nobody has to stay here meanwhile, but")
    tell("nothing else should work on this machine, and nobody should move it, open a window or start a heater.")
    if not yes("Do it now?"):
        raise NotHere("not now; it is asked again next time")
    room_celsius = room(ask("The room's temperature in Celsius, a metre from the case:"))
    limit_celsius = RealHeat(owners_config()).limit_celsius
    cores = os.cpu_count() or 1
    place = Place(bench.set, _read_celsius, lambda: busy_cores(cores), _read_watts, time.monotonic, time.sleep)
    return run_steps(place, room_celsius, limit_celsius, bench.save)
