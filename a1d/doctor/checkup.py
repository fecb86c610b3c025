"""All checks, in the order in which they are told, and how they are told."""

from __future__ import annotations

from collections.abc import Callable

from a1d import __version__
from a1d.client.words import printable
from a1d.doctor import board, bus, configuration, gpio, heat, others, power, service
from a1d.doctor.result import FAIL, INFO, OK, WARN, Result, info, warn
from a1d.doctor.system import System

Check = Callable[[System], list[Result]]
SUBJECTS: tuple[Check, ...] = (
    service.checks,
    configuration.checks,
    others.checks,
    bus.checks,
    gpio.checks,
    power.checks,
    heat.checks,
    board.checks,
)
_UNSEEN_MAX = 8
_COLOUR = {OK: "32", WARN: "33", FAIL: "31", INFO: "36"}


def examine(system: System, subjects: tuple[Check, ...] = SUBJECTS) -> list[Result]:
    """Every result, and last what could not be seen. A check that breaks is a result too; the others go on."""
    results: list[Result] = []
    for subject in subjects:
        try:
            results += subject(system)
        except Exception as error:
            where = subject.__module__.rpartition(".")[2]
            text = f"the checks of {where} broke ({type(error).__name__}: {error}); please report it"
            results.append(warn("doctor", text, "a1d-ctl report"))
    if system.unseen:
        some = [f"{name} ({why})" for name, why in list(system.unseen.items())[:_UNSEEN_MAX]]
        more = len(system.unseen) - len(some)
        text = f"{', '.join(some)}{f' and {more} more' if more else ''}"
        results.append(info("not seen", text, "sudo a1d-ctl doctor"))
    if service.find_unit(system) is None:
        results = [result._replace(mend=service.without_unit(result.mend)) for result in results]
    return _beside_simulation(system, results) if system.is_simulated else results


def _beside_simulation(system: System, results: list[Result]) -> list[Result]:
    """A simulated case is told by its daemon alone. Where no service is installed, nothing else has failed yet."""
    text = "the daemon drives a simulated case; all but daemon and health is about this machine, for a real case"
    if service.find_unit(system) is None:
        results = [
            result._replace(state=WARN) if result.state == FAIL and result.check not in service.TOLD else result
            for result in results
        ]
    return [info("simulation", text), *results]


def describe(results: list[Result], colour: bool) -> str:
    """A line for each, the command that mends it beneath; a summary last. All of it printable."""
    width = max((len(result.check) for result in results), default=0)
    lines = []
    for result in results:
        state = f"{result.state:4}"
        if colour:
            state = f"\x1b[{_COLOUR[result.state]}m{state}\x1b[0m"
        lines.append(f"{state}  {printable(result.check):{width}}  {printable(result.fact)}")
        if result.mend and result.state != OK:
            lines.append(f"{'':4}  {'':{width}}  -> {printable(result.mend)}")
    failed, warned = (sum(result.state == state for result in results) for state in (FAIL, WARN))
    count = f"{failed} failed, {warned} to look at" if failed or warned else "all is well"
    return "\n".join([*lines, f"{len(results)} lines: {count}"])


def as_json(results: list[Result]) -> dict[str, object]:
    """The same for programs."""
    return {"version": __version__, "results": [result._asdict() for result in results]}
