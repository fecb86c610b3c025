"""Carries out the plan, records what happens, and reports what the judge finds."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import sys
import time
from collections import Counter
from pathlib import Path

from a1d.client.errors import RefusedError
from hil.rig import CASE, CONFIG, SERVICE, Rig
from hil.soak.judge import RSS_KB, Finding, findings, grown_kb
from hil.soak.plan import CONFIGS, Action, plan
from hil.soak.spans import Look, Record, Write

ADDRESS, DUTY, FIRMWARE = 0x1A, 0x80, 0x81
PRESSED = Path("/run/a1d/pressed")
# The case stores this many transfers. On the worst bus there are about 20 a second.
KEPT, DRAIN_S = 8192, 100.0
# The most lines in the journal for each action. A failure is logged when it begins and when it ends.
LINES = {"bus": 1, "sensor": 1, "press": 1, "reset": 2, "tamper": 2, "reload": 1, "hangup": 1}
LAST_ACTIONS = 20
# An action that is this late delays all that follow: two presses at once, say, are none.
LATE_S = 0.1


class Soak:
    """One soak of the daemon on ``rig``. ``run`` returns a remark, or raises AssertionError with the findings."""

    def __init__(self, rig: Rig, seed: int, minutes: float) -> None:
        self._rig = rig
        self._seed = seed
        self._actions = plan(seed, minutes)
        self._zero_s = self._delay_s = 0.0
        self._drained_s = self._drained_until_s = 0.0
        self._wrong: list[Finding] = []
        self._pid = 0
        self.record = Record(0)

    def run(self) -> str:
        """Restart the daemon first, so that the plan meets its intervals at the same moments each time."""
        name = f"seed {self._seed}"
        print(f"soak: {name}, {len(self._actions)} actions", file=sys.stderr, flush=True)
        self._rig.fault("none")  # raises NotHere before anything has happened
        try:
            return f"{name}: {self._run()}"
        except Exception as error:
            kind = "" if isinstance(error, AssertionError) else f"{type(error).__name__}: "
            raise AssertionError(f"{name}: {kind}{error}") from error

    def _run(self) -> str:
        remark = ""
        try:
            self._begin()
            for action in self._actions:
                self.do(action)
            remark = self._end()
        except Exception as error:
            self._wrong.append(Finding(self._now_s(), f"{type(error).__name__}: {error}"))
            with contextlib.suppress(Exception):
                self._drain()
        finally:
            self._end_faults()
        self.record.end_s = self._now_s()
        wrong = sorted([*self._wrong, *findings(self.record)])
        assert not wrong, _report(wrong, self.record.actions)
        return remark

    # -- the beginning and the end -----------------------------------------------------------------

    def _begin(self) -> None:
        rig = self._rig
        CONFIG.write_text(CONFIGS["plain"])
        rig.out(f"systemctl restart {SERVICE}")
        rig.wait("health ok", lambda: rig.health() == "ok", 10)
        PRESSED.unlink(missing_ok=True)
        self._pid = rig.pid()
        self._restarts = rig.out(f"systemctl show -p NRestarts --value {SERVICE}")
        self._cursor = rig.out("journalctl -n 0 --show-cursor -q").removeprefix("-- cursor: ")
        self._zero_s = rig.now_s() - float(rig.status()["uptime_s"]) + 10
        self._drained_s = self._drained_until_s = self._zero_s
        self._sleep_until(0)
        self.record.percent = rig.fan_percent()

    def _end(self) -> str:
        rig, record = self._rig, self.record
        self._drain()
        assert rig.pid() == self._pid, "it was restarted"
        restarts = rig.out(f"systemctl show -p NRestarts --value {SERVICE}")
        assert restarts == self._restarts, "systemd has restarted it"
        assert rig.forbidden_writes() == 0, f"{rig.forbidden_writes()} forbidden writes"
        said = rig.out(f"journalctl _SYSTEMD_UNIT={SERVICE} --after-cursor '{self._cursor}' -o cat -q | wc -l")
        counts = Counter(action.what for action in record.actions)
        lines_max = sum(counts[what] * lines for what, lines in LINES.items())
        lines_max += sum(action.value == "refused" for action in record.actions)
        assert int(said) <= lines_max, f"{said} lines in the journal, at most {lines_max} were to be expected"
        rss_kb = [look.rss_kb for look in record.looks]
        done = ", ".join(f"{count} {what}" for what, count in sorted(counts.items()))
        text = f"{done}; {len(record.writes)} writes, {said} lines in the journal (at most {lines_max})"
        late_ms = 1000 * max(done.at_s - meant.at_s for done, meant in zip(record.actions, self._actions, strict=True))
        record.end_s = self._now_s()
        return (
            f"{text}; Rss {rss_kb[0]} to {max(rss_kb)}, in the end {rss_kb[-1]} kB, {grown_kb(record)} more than early"
            f" (at most {RSS_KB}); done {late_ms:.0f} ms late at worst"
        )

    def _end_faults(self) -> None:
        for what in ("bus", "sensor"):
            with contextlib.suppress(OSError):
                self.do(Action(0.0, what, "none"))

    # -- one action ----------------------------------------------------------------------------------

    def _now_s(self) -> float:
        return self._rig.now_s() - self._zero_s

    def _sleep_until(self, at_s: float) -> None:
        left_s = at_s - self._now_s()
        if left_s > 0:
            time.sleep(left_s)

    def do(self, action: Action) -> None:
        """Wait for the action's time, do it, and record when that was."""
        if action.at_s + self._delay_s - self._drained_s > DRAIN_S:
            self._drain()
        self._sleep_until(action.at_s + self._delay_s)
        now_s = self._now_s()
        if now_s - action.at_s - self._delay_s > LATE_S:
            self._delay_s = now_s - action.at_s
        self.record.actions.append(action._replace(at_s=now_s))
        getattr(self, f"_{action.what}")(action)

    def _heat(self, action: Action) -> None:
        self._rig.heat_at_once(float(action.value))  # the plan has only falls that a chip can make

    def _bus(self, action: Action) -> None:
        name, _slash, every = str(action.value).partition("/")
        (CASE / "fault_every").write_text(every or "1")
        self._rig.fault("none" if name == "gone" else name)
        self._rig.bus(name != "gone")

    def _sensor(self, action: Action) -> None:
        self._rig.sensor_fault(str(action.value))

    def _fan(self, action: Action) -> None:
        self._rig.call("SetFan", duty_percent=action.value, for_s=action.for_s)

    def _auto(self, _action: Action) -> None:
        self._rig.call("ResumeAutomatic")

    def _reload(self, action: Action) -> None:
        CONFIG.write_text(CONFIGS[str(action.value)])
        refusal = ""
        try:
            self._rig.call("Reload")
        except RefusedError as error:
            refusal = str(error)
        assert bool(refusal) == (action.value == "refused"), f"reload: {refusal or 'accepted'}"

    def _hangup(self, action: Action) -> None:
        CONFIG.write_text(CONFIGS[str(action.value)])
        os.kill(self._pid, signal.SIGHUP)

    def _press(self, action: Action) -> None:
        self._rig.pulse(float(action.value))

    def _noise(self, action: Action) -> None:
        (CASE / "pulse_us").write_text(str(action.value))

    def _reset(self, _action: Action) -> None:
        self._rig.reset_mcu()

    def _tamper(self, action: Action) -> None:
        (CASE / "register_duty").write_text(str(action.value))

    def _look(self, _action: Action) -> None:
        process = Path("/proc") / str(self._pid)
        fds = len(list((process / "fd").iterdir()))  # before there is one for this look
        rss = re.search(r"^Rss:\s+(\d+)", (process / "smaps_rollup").read_text(), re.MULTILINE)
        assert rss
        pressed = PRESSED.read_text().split() if PRESSED.exists() else []
        health = self._rig.health()
        look = Look(self._now_s(), health, self._rig.fan_percent(), tuple(pressed), int(rss[1]), fds)
        self.record.looks.append(look)

    # -- reading -------------------------------------------------------------------------------------

    def _drain(self) -> None:
        """Read the case's record of transfers since the last call."""
        seen = self._rig.transfers()
        assert len(seen) < KEPT or seen[0].time_s <= self._drained_until_s, "transfers were lost"
        for each in seen:
            if each.time_s <= self._drained_until_s:
                continue
            self._drained_until_s = each.time_s
            at_s = each.time_s - self._zero_s
            if each.address != ADDRESS or each.register not in ((DUTY,) if each.is_write else (DUTY, FIRMWARE)):
                self._wrong.append(Finding(at_s, f"on the wire: {each}"))
            if each.is_write and each.ok and each.value is not None:
                self.record.writes.append(Write(at_s, each.value, each.dropped))
        self._drained_s = self._now_s()


def _report(wrong: list[Finding], actions: list[Action]) -> str:
    at_s = wrong[0].at_s
    last = [str(action) for action in actions if action.at_s <= at_s and action.what != "look"][-LAST_ACTIONS:]
    first = "; ".join(f"at {each.at_s:.3f} s: {each.what}" for each in wrong[:5])
    return f"{len(wrong)} findings: {first}. Before that: {'; '.join(last)}"
