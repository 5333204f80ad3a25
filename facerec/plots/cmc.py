"""How far down the list of candidates the right one stands."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from facerec.plots.axes import GENUINE, one_axes, share_ticks


def cmc_curve(shares: np.ndarray, gallery_size: int) -> Figure:
    """The share of mated probes whose subject is at rank 1, 2, ... or better: (R,)."""
    title = f"Cumulative match characteristic, {gallery_size:,} enrolled"
    figure, axes = one_axes(title, "rank", "own subject at this rank or better")
    ranks = np.arange(1, len(shares) + 1)
    axes.plot(ranks, shares, color=GENUINE, linewidth=2, marker="o", markersize=4)
    axes.set_ylim(min(0.9, float(np.floor(shares.min() * 20) / 20)), 1.002)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    share_ticks(axes, up=True)
    return figure
