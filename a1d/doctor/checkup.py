"""All checks, in the order in which they are told, and how they are told."""

from __future__ import annotations

from collections.abc import Callable

from a1d import __version__
from a1d.client.columns import wrap
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
_FACT_COLUMNS_MIN = 40
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


def describe(results: list[Result], colour: bool, columns: int | None = None) -> str:
    """A line for each, the command that mends it beneath; a summary last. All of it printable.

    If ``columns`` are given, a line is broken between words to fit; a command never is, so that it can be copied.
    """
    width = max((len(result.check) for result in results), default=0)
    if columns is not None and columns < width + _FACT_COLUMNS_MIN:
        width = -2  # no column of its own
    indent = 6 + width + 2
    lines = []
    for result in results:
        line = f"{result.state:4}  {printable(result.check):{max(0, width)}}  {printable(result.fact)}"
        first, *more = [line] if columns is None else wrap(line, columns, indent)
        if colour:
            first = f"\x1b[{_COLOUR[result.state]}m{first[:4]}\x1b[0m{first[4:]}"
        lines += [first, *more]
        if result.mend and result.state != OK:
            lines.append(f"{'':{indent}}-> {printable(result.mend)}")
    failed, warned = (sum(result.state == state for result in results) for state in (FAIL, WARN))
    count = f"{failed} failed, {warned} to look at" if failed or warned else "all is well"
    return "\n".join([*lines, f"{len(results)} lines: {count}"])


def as_json(results: list[Result]) -> dict[str, object]:
    """The same for programs."""
    return {"version": __version__, "results": [result._asdict() for result in results]}
