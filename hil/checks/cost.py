"""The cost of an idle daemon: figures for docs/performance.md, and their limits."""

from __future__ import annotations

import re
import time
from typing import NamedTuple

from hil.check import check
from hil.rig import PROMPT_FAN, SERVICE, Rig

MINUTES = 10
RSS_MAX_KB = 17000


_ROLLUP = "/proc/{}/smaps_rollup"


class Cost(NamedTuple):
    """The cost of the daemon with all its threads, for each minute."""

    cpu_ms: float
    wakeups: float
    transfers: float
    memory: str

    def __str__(self) -> str:
        text = f"{self.cpu_ms:.1f} ms of CPU (million instructions with -icount), {self.wakeups:.0f} wake-ups, "
        return text + f"{self.transfers:.1f} transfers a minute; {self.memory}"


def measure(rig: Rig, minutes: float) -> Cost:
    """Measure the cost over the next ``minutes``."""
    pid = rig.pid()

    def look() -> tuple[float, int, float, int]:
        status = rig.out(f"cat /proc/{pid}/task/*/status")
        switches = sum(map(int, re.findall(r"^voluntary_ctxt_switches:\s+(\d+)", status, re.MULTILINE)))
        cpu_ns = sum(int(line.split()[0]) for line in rig.out(f"cat /proc/{pid}/task/*/schedstat").splitlines())
        return rig.now_s(), switches, cpu_ns / 1e6, len(rig.transfers())

    first = look()
    time.sleep(minutes * 60)
    last = look()
    took = (last[0] - first[0]) / 60
    memory = rig.out(f"grep -E '^(Rss|Pss):' {_ROLLUP.format(pid)} | tr -s ' \\n' ' '")
    return Cost((last[2] - first[2]) / took, (last[1] - first[1]) / took, (last[3] - first[3]) / took, memory)


@check("idle for ten minutes: under 130 wake-ups and 14 million instructions a minute")
def idle(rig: Rig) -> str:
    rig.configure_as_installed()
    rig.out(f"systemctl restart {SERVICE}")
    time.sleep(15)
    cost = measure(rig, MINUTES)
    assert cost.wakeups < 130, cost
    assert cost.cpu_ms < 14 or not rig.counts_instructions, cost
    return str(cost)


@check("memory: at most 17 MB as installed, with a configuration of one's own, and after twenty reloads of it")
def memory(rig: Rig) -> str:
    found = {}
    rig.configure_as_installed()
    found["as installed"] = _after_a_start(rig)
    rig.write_config(PROMPT_FAN)
    found["with a configuration"] = _after_a_start(rig)
    for _ in range(20):
        rig.call("Reload")
    found["after 20 reloads"] = _rss_kb(rig)
    said = ", ".join(f"{what} Rss {kb} kB" for what, kb in found.items())
    assert max(found.values()) <= RSS_MAX_KB or not rig.counts_instructions, said
    return said


def _after_a_start(rig: Rig) -> int:
    rig.out(f"systemctl restart {SERVICE}")
    time.sleep(15)
    return _rss_kb(rig)


def _rss_kb(rig: Rig) -> int:
    return int(rig.out(f"grep ^Rss: {_ROLLUP.format(rig.pid())}").split()[1])
