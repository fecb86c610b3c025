"""Prints how quiet and how cool a1d is beside its peers and the optimum: ``make bench-control``.

The default takes under two minutes on two free processors. ``--draws 20`` is what docs/performance.md shows.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

from tests.bench.control import cooling, loads, optimum, race
from tests.bench.control.a1d_law import a1d_laws

SHOWN = {
    "pump_h": "speed change %/h",
    "changes_h": "changes/h",
    "starts_h": "starts/h",
    "noise53": "loudness",
    "annoyance": "annoyance",
    "mean_c": "mean C",
    "max_c": "max C",
    "off_pct": "off %",
}


def table(names: list[str], both: race.Metrics, ratio: np.ndarray | None = None) -> None:
    """Medians of the draws; what could have been avoided above 80 C, of the worst draw."""
    print(
        "| law |"
        + "".join(f" {head} |" for head in SHOWN.values())
        + " s/h >= 80 C, avoidable, worst | over the optimum |"
    )
    print("|---|" + "---|" * (len(SHOWN) + 2))
    always = both["over80_s_h"][names.index("always 100 %")]
    for row, name in enumerate(names):
        cells = [f"{np.median(both[key][row]):.{0 if key in ('pump_h', 'off_pct') else 1}f}" for key in SHOWN]
        cells.append(f"{(both['over80_s_h'][row] - always).max():.0f}")
        over = (
            "-" if ratio is None or row >= len(ratio) else f"{np.median(ratio[row]):.2f} (worst {ratio[row].max():.2f})"
        )
        print(f"| {name} | " + " | ".join([*cells, over]) + " |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.control", description=__doc__)
    parser.add_argument("--draws", type=int, default=10, help="machines drawn from what is uncertain")
    parser.add_argument("--seed", type=int, default=1, help="of the machines, the days and the noise")
    parser.add_argument("--out", type=Path, default=Path("docs"), help="where the pictures go")
    parser.add_argument("--no-optimum", action="store_true")
    args = parser.parse_args()
    began = time.monotonic()
    names, rows = [law.name for law in race.everybody()], len(a1d_laws())
    print(f"{args.draws} draws, seed {args.seed}; medians of the draws, each load counts alike\n")
    found = race.run_all(race.everybody, args.draws, args.seed)
    both = race.over_loads(found)
    best = ratio = None
    if not args.no_optimum:
        best = optimum.as_cool(found, rows, args.draws, args.seed)
        ratio = optimum.ratios(found, best, rows)
    table(names, both, ratio)
    print("\na1d by load: speed change %/h, changes/h, starts/h, loudness, mean C; over the optimum")
    for name in loads.TRACES:
        m = found[name]
        cells = [f"{np.median(m[key][0]):.1f}" for key in ("pump_h", "changes_h", "starts_h", "noise53", "mean_c")]
        if best is not None:
            over = np.median(m["annoyance"][0] / np.maximum(best[name]["annoyance"][0], 0.05))
            cells.append(f"{over:.2f}")
        print(f"{name}: {', '.join(cells)}")
    print("\nHarsh machines: hot within seconds\n")
    harsh = race.over_loads(race.run_all(race.ours, args.draws, args.seed + 4, "harsh", race.HARSH_LOADS))
    table([law.name for law in race.ours()], harsh)
    print("\nA fan that stands still")
    for line in cooling.describe(args.draws, args.seed):
        print(line)
    from tests.bench.control import pictures

    pictures.traces(args.out / "control-traces.svg", args.seed)
    if best is not None:
        pictures.comparison(args.out / "control-comparison.svg", names, both, race.over_loads(best), rows)
    print(f"\n{time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
