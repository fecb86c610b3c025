"""The two pictures of docs/performance.md, as SVG: a1d beside its peers, and its answer to spikes and to a step."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import numpy as np

from a1d.config.settings import Config
from tests.bench.control import loads, race
from tests.bench.control.a1d_law import BEFORE, A1dLaw
from tests.bench.control.machine import NOMINAL
from tests.bench.control.peers import ArgononeRs

mpl.use("svg")
mpl.rcParams |= {"svg.hashsalt": "a1d", "font.size": 8, "svg.fonttype": "none"}

import matplotlib.pyplot as plt  # noqa: E402 - only after the choice of the backend

_META = {"Date": None, "Creator": None}


def comparison(path: Path, names: list[str], both: race.Metrics, best: race.Metrics, ours: int) -> None:
    """Temperature against what one hears: a dot for each law, a line from each of ours to its optimum."""
    figure, axes = plt.subplots(1, 2, figsize=(11, 5))
    labels = {"pump_h": "change of fan speed, % per hour", "noise53": "loudness: mean speed^(5/3), % of full"}
    for axis, (key, label) in zip(axes, labels.items(), strict=True):
        for row, name in enumerate(names):
            if name.startswith("always"):
                continue
            x, y = np.median(both[key][row]), np.median(both["mean_c"][row])
            colour = "tab:red" if row == 0 else "tab:orange" if row < ours else "0.6" if name[0] == "=" else "tab:blue"
            axis.scatter(x, y, s=45 if row < ours else 18, color=colour, zorder=3)
            axis.annotate(name, (x, y), fontsize=5.5, xytext=(4, 2), textcoords="offset points")
            if row < ours:
                ideal = np.median(best[key][row]), np.median(best["mean_c"][row])
                axis.plot([x, ideal[0]], [y, ideal[1]], color="tab:green", lw=0.8)
                axis.scatter(*ideal, s=14, color="tab:green", zorder=3)
        axis.set_xlabel(label)
        axis.set_ylabel("mean temperature of the chip, C")
        axis.grid(alpha=0.3)
    axes[0].set_xscale("symlog", linthresh=100)
    figure.suptitle("All loads, medians of the draws. Green: the optimum as cool. '=': a peer with a1d's old points")
    figure.tight_layout()
    figure.savefig(path, metadata=_META)
    plt.close(figure)


def traces(path: Path, seed: int) -> None:
    """One machine under spikes and under a step of load."""
    d = {key: np.array([value]) for key, value in (NOMINAL | {"ambient": 26.0, "g_off": 0.2}).items()}
    figure, axes = plt.subplots(2, 2, figsize=(11, 5), sharex="col")
    for column, (title, name, minutes) in enumerate((("a spike a minute", "spikes", 15), ("a step", "compile", 45))):
        load = loads.trace(name, seed)[: minutes * 120]
        laws = [A1dLaw("before", Config(fan=BEFORE)), ArgononeRs("argonone-rs 0.6"), A1dLaw("a1d", Config())]
        _, kept = race.run(laws, load, d, seed, keep=[0])
        every = slice(None, None, 2)  # a point a second
        at = np.arange(len(load))[every] / 120
        for row, (law, colour) in enumerate(zip(laws, ("0.7", "tab:blue", "tab:red"), strict=True)):
            axes[0][column].plot(at, kept["die"][every, row, 0], color=colour, lw=0.8, label=law.name)
            axes[1][column].plot(at, kept["duty"][every, row, 0], color=colour, lw=0.9)
        axes[0][column].set_title(title)
        axes[1][column].set_xlabel("minutes")
        for axis in axes[:, column]:
            axis.grid(alpha=0.3)
    axes[0][0].set_ylabel("chip, C")
    axes[1][0].set_ylabel("duty, %")
    axes[0][0].legend(fontsize=7)
    figure.tight_layout()
    figure.savefig(path, metadata=_META)
    plt.close(figure)
