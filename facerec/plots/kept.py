"""Whether a rate that was promised is kept: what was measured at each size of gallery, against the target."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator

from facerec.plots.axes import colour, one_axes, share_ticks

TOLERATED = 1.5
"""Times the target: the band above it that is shaded."""


@dataclass(frozen=True, slots=True, eq=False)
class Promise:
    """One line: a rate at each size of gallery, with its spread, and what was promised.

    sizes, shares, low, high  (K,)
    target                    the rate that was to be kept; None where nothing was promised
    """

    name: str
    sizes: np.ndarray
    shares: np.ndarray
    low: np.ndarray
    high: np.ndarray
    target: float | None = None


def promises_kept(promises: Sequence[Promise]) -> Figure:
    """Measured FPIR against the number enrolled, on log axes; targets dashed, half as much again shaded."""
    figure, axes = one_axes("Strangers who get a name", "people enrolled (N)", "FPIR", width=7.2)
    axes.set(xscale="log", yscale="log")
    lowest = min(float(line.shares[line.shares > 0].min(initial=1)) for line in promises)
    floor = 10 ** np.floor(np.log10(lowest))
    for number, line in enumerate(promises):
        tint = colour(number)
        axes.fill_between(line.sizes, np.maximum(line.low, floor), line.high, color=tint, alpha=0.12, linewidth=0)
        axes.plot(line.sizes, np.maximum(line.shares, floor), "o-", color=tint, markersize=4, label=line.name)
        if line.target is not None:
            axes.axhline(line.target, color=tint, linestyle="--", linewidth=1)
            axes.axhspan(line.target, TOLERATED * line.target, color="0.5", alpha=0.08, linewidth=0)
    axes.set_ylim(floor, 1.3)
    axes.set_xticks(sorted({int(size) for line in promises for size in line.sizes}))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    share_ticks(axes, up=True)
    axes.legend(frameon=False, fontsize="small")
    return figure
