"""Several training runs over the same budget, one pair of axes each: what they lose, and what still teaches."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from facerec.plots.axes import colour, share_ticks
from facerec.plots.figure import new_figure

COLUMNS = 3
Curve = Mapping[str, np.ndarray]


def ablation_figure(runs: Mapping[str, Curve], second: Mapping[str, Curve]) -> Figure:
    """Loss on the left and active share on the right of each run's axes; a later stage of it goes on in a paler tone.

    A curve has the columns samples, loss and active, each (N,). There must be one run at least.
    """
    rows = math.ceil(len(runs) / COLUMNS)
    figure = new_figure(3.6 * COLUMNS, 2.3 * rows + 0.4)
    grid = figure.subplots(rows, COLUMNS, sharex=True, squeeze=False).ravel()
    for place, (name, curve) in zip(grid, runs.items(), strict=False):
        stages = [curve, second[name]] if name in second else [curve]
        draw_run(place, name, stages)
    for empty in grid[len(runs) :]:
        empty.set_visible(False)
    return figure


def draw_run(axes: Axes, name: str, stages: list[Curve]) -> None:
    """One run's loss and active share, stage after stage along the samples."""
    shares = axes.twinx()
    began = 0.0
    for stage, curve in enumerate(stages):
        samples, pale = began + curve["samples"], 1.0 - 0.45 * stage
        axes.plot(samples, curve["loss"], color=colour(0), linewidth=1.5, alpha=pale)
        shares.plot(samples, curve["active"], color=colour(1), linewidth=1, alpha=pale)
        began = float(samples[-1]) if len(samples) else began
    axes.set_title(name, fontsize=9)
    axes.set_ylabel("loss", color=colour(0))
    axes.set_ylim(bottom=0)
    axes.grid(True, alpha=0.3)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value / 1000:g}k")
    shares.set_ylabel("active", color=colour(1))
    shares.set_ylim(-0.02, 1.02)
    share_ticks(shares, up=True)
