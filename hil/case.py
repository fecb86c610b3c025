"""The checks and the open questions on somebody's own Pi in its case. It asks first and leaves only a report."""

from __future__ import annotations

import importlib
import os
import pkgutil
import sys
from pathlib import Path

import hil.questions
from a1d.case.stop_program import read_stop_settings
from a1d.errors import ConfigError
from a1d.paths import CONFIG_PATH, RUN_DIR
from hil.bench import QUESTIONS, REST_PERCENT, Answer, Bench, Question, on_the_bench
from hil.case_rig import MODULES, CaseRig
from hil.check import CHECKS, Outcome, count, try_one
from hil.guard import CannotBeginError, check_guard, guarded, in_charge, why_ended
from hil.installed import differing, installed_package, program
from hil.operator import ask, tell, yes
from hil.real_heat import RealHeat, owners_config
from hil.report import Report
from hil.rig import SERVICE, NotHere, Rig

_CONSENT = """
This tries a1d on this machine, for about {minutes} minutes:
  - the service a1d is stopped, killed and started many times, with a configuration and a temperature of our own;
    yours is not touched, and whatever happens a1d is back with it in the end, or within seconds if this is killed;
  - the fan changes between 0 and 100 %, whatever the temperature is; at {limit:.0f} C all this ends at 100 %;
  - of the case only the fan's duty is written{cut}, and only two registers are read; nothing is scanned;
  - do not press the case's button unless you are asked to, and do not work on this machine meanwhile.{more}
Parts of this were tried in a virtual machine, nothing on a real case: you do it at your own risk.
"""
_OPERATOR = """
  - you are asked to listen to the fan and to press the button; some questions END WITH THE POWER CUT: save your
    work and stop databases, containers and the like, because in two of them all services see a READ-ONLY DISK
    first; after the next start run this command again and say what you saw."""
_CUT = " (and, when you agree to a power-off, the request to cut the power)"


def run(only: str, operator: bool, is_agreed: bool, report_path: Path) -> int:
    """Exit code 0 if no check failed, 1 if one did or the run ended early, 2 if it did not begin."""
    try:
        bus, daemon = _check_machine()
        report = Report(report_path, daemon)
        if operator:
            _tell_pending(report)
        limit = RealHeat(owners_config()).limit_celsius
        minutes, more, cut = (15, _OPERATOR, _CUT) if operator else (40, "", "")
        tell(_CONSENT.format(minutes=minutes, more=more, cut=cut, limit=limit))
        if not is_agreed and not yes("Go on?"):
            raise CannotBeginError("nothing was done")
        for module in pkgutil.iter_modules(hil.questions.__path__):
            importlib.import_module(f"hil.questions.{module.name}")
    except (CannotBeginError, NotHere, ConfigError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    try:
        outcomes = _try_all(bus, only, operator, report)
    except KeyboardInterrupt as error:
        tell(f"ended early ({error or 'Ctrl-C'}); {in_charge()}")
        return 1
    except CannotBeginError as error:
        print(error, file=sys.stderr)
        return 2
    except Exception as error:
        # An error of any kind: the owner must know who controls the fan, and we must know what happened.
        what = " ".join(f"{type(error).__name__}: {error}".split())
        tell(f"ended early; {in_charge()}. Run it again. If that happens again, please send us this line: {what}")
        return 1
    tell(f"\nEverything is put back. The report is {report_path}: please look at it, and send it to us in an issue.")
    if outcomes:  # none with --operator, which only asks
        tell(count(outcomes))
    return int(any(outcome.result == "FAILED" for outcome in outcomes))


def _try_all(bus: int, only: str, operator: bool, report: Report) -> list[Outcome]:
    """The checks' outcomes. KeyboardInterrupt with the reason if the run was ended."""
    outcomes: list[Outcome] = []
    why = ""
    try:
        if not operator and any(only in text for text, _function in CHECKS):
            with guarded(bus):
                try:
                    outcomes = _try_checks(CaseRig(bus), only, report)
                finally:
                    why = why_ended()
        chosen = [each for each in QUESTIONS if each.needs_operator == operator and only in each.text]
        if chosen:
            with guarded(bus):
                try:
                    _ask_questions(sorted(chosen, key=lambda each: each.ends), bus, report, again=bool(only))
                finally:
                    why = why_ended()
    except KeyboardInterrupt as error:
        raise KeyboardInterrupt(why or str(error)) from error
    return outcomes


def _check_machine() -> tuple[int, str]:
    """The case's bus and the daemon's version. CannotBeginError unless a1d runs well, so that it can be put back."""
    if os.geteuid():
        raise CannotBeginError("this needs root: sudo make hil-case")
    settings = read_stop_settings(RUN_DIR, CONFIG_PATH)
    if settings.protocol != "register":
        raise CannotBeginError("case.protocol is legacy: all this is about the V3")
    rig = Rig()
    if rig.sh(f"systemctl is-active {SERVICE}").returncode:
        raise CannotBeginError("a1d does not run: sudo systemctl start a1d (or, first, sudo make install)")
    if (health := rig.health()) != "ok":
        raise CannotBeginError(f"a1d is {health}; a1d-ctl status says why. Once it is ok, try again")
    package = installed_package(program(rig))
    if package and (names := differing(package)):
        some = ", ".join(names[:3]) + (" ..." if len(names) > 3 else "")
        raise CannotBeginError(f"the installed a1d is not this clone's ({some}): sudo make install, and try again")
    return settings.bus, str(rig.status()["version"])


def _try_checks(rig: CaseRig, only: str, report: Report) -> list[Outcome]:
    outcomes = []
    tell("| check | result | remark | took |\n|---|---|---|---|")
    for text, function in CHECKS:
        if only not in text:
            continue
        check_guard()
        if function.__module__.rpartition(".")[2] in MODULES:
            outcome = try_one(text, function, rig)
        else:
            outcome = Outcome(text, "skipped", "not meant for a machine in use", 0.0)
        outcomes.append(outcome)
        report.outcome(outcome)
        tell(outcome.row())
    return outcomes


def _ask_questions(chosen: list[Question], bus: int, report: Report, *, again: bool) -> None:
    """``again``: also those that have an answer."""
    with on_the_bench(bus) as bench:
        for each in chosen:
            if each.needs_operator and not again and "error" not in report.answers.get(each.text, {"error": ""}):
                tell(f"answered already: {each.text}")
                continue
            check_guard()
            tell(f"\n{each.text}")
            if each.ends and not yes("This ends with the power cut. Do it now?"):
                continue
            _ask_one(each, bench, report)


def _ask_one(each: Question, bench: Bench, report: Report) -> None:
    bench.save = lambda answer: report.answer(each.text, answer)
    try:
        answer = each.ask(bench)
    except (NotHere, OSError) as error:
        answer = Answer(answer="none", error=str(error))
    bench.set(REST_PERCENT)
    report.answer(each.text, answer)
    tell(f"-> {answer['answer']} {answer.get('error', '')}")


def _tell_pending(report: Report) -> None:
    """Ask what the operator saw when the power was cut."""
    for text, answer in report.answers.items():
        if "pending" in answer:
            told = ask(f"{text}\n  {answer['pending']} (empty: I do not know):")
            figures = {key: value for key, value in answer.items() if key != "pending"}
            # Without an answer it is an error, and is asked again.
            report.answer(text, {**figures, **({"answer": told} if told else {"answer": "none", "error": "not seen"})})
