"""What it costs while nothing happens: figures for docs/performance.md, and the aims that are held."""

from __future__ import annotations

import re
import time

from hil.promise import promise
from hil.rig import Rig

MINUTES = 10


@promise("idle for ten minutes: under 130 wake-ups and 14 million instructions a minute")
def idle(rig: Rig) -> str:
    time.sleep(15)
    pid = rig.pid()

    def look() -> tuple[float, int, float, int]:
        status = rig.out(f"cat /proc/{pid}/task/*/status")
        switches = sum(map(int, re.findall(r"^voluntary_ctxt_switches:\s+(\d+)", status, re.MULTILINE)))
        cpu_ns = sum(int(line.split()[0]) for line in rig.out(f"cat /proc/{pid}/task/*/schedstat").splitlines())
        return rig.now_s(), switches, cpu_ns / 1e6, len(rig.transfers())

    first = look()
    time.sleep(MINUTES * 60)
    last = look()
    minutes = (last[0] - first[0]) / 60
    wakeups, million = (last[1] - first[1]) / minutes, (last[2] - first[2]) / minutes
    memory = rig.out(f"grep -E '^(Rss|Pss):' /proc/{pid}/smaps_rollup | tr -s ' \\n' ' '")
    text = f"{million:.1f} ms of CPU (million instructions with -icount), {wakeups:.0f} wake-ups, "
    text += f"{(last[3] - first[3]) / minutes:.1f} transfers a minute; {memory}"
    assert wakeups < 130, text
    assert million < 14 or not rig.counts_instructions, text
    return text
