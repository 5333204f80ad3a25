"""One error rate of several groups of people, side by side."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from facerec.plots.axes import GENUINE, one_axes, share_ticks


def group_rates(name: str, labels: Sequence[str], shares: np.ndarray, low: np.ndarray, high: np.ndarray) -> Figure:
    """The rate called `name` of each group: shares (G,) as dots, with their intervals `low` to `high` (G,)."""
    figure, axes = one_axes(name, "", "", height=1.2 + 0.38 * max(2, len(labels)))
    places = np.arange(len(labels))[::-1]
    axes.hlines(places, low, high, color=GENUINE, linewidth=3, alpha=0.35)
    axes.plot(shares, places, "o", color=GENUINE)
    axes.set_yticks(places, labels)
    axes.set_ylim(-0.6, len(labels) - 0.4)
    axes.set_xlim(left=0)
    share_ticks(axes, across=True)
    return figure
