"""How two kinds of similarity spread, and how far apart they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from facerec.plots.axes import GENUINE, IMPOSTOR, one_axes, share_ticks

SPARSE = 1e-4  # share of a kind in the outermost bin that is shown


def score_histograms(
    kinds: Mapping[str, Sequence[int]], low: float, high: float, thresholds: Mapping[str, float] | None = None
) -> Figure:
    """Counts (B,) of each kind of score in equal bins from `low` to `high`, each as shares of its kind.

    `thresholds` are drawn as upright lines under their names.
    """
    figure, axes = one_axes("Similarities", "similarity", "share of comparisons")
    edges = np.linspace(low, high, 1 + max(map(len, kinds.values())))
    for (name, counts), tint in zip(kinds.items(), (GENUINE, IMPOSTOR), strict=False):
        shares = np.asarray(counts, np.float64) / max(1, sum(counts))
        axes.stairs(shares, edges, fill=True, color=tint, alpha=0.45, label=f"{name} ({sum(counts):,})")
        axes.stairs(shares, edges, color=tint, linewidth=1)
    for place, (name, threshold) in enumerate((thresholds or {}).items()):
        axes.axvline(threshold, color="black", linewidth=1, linestyle=("--", ":", "-.")[place % 3], label=name)
    axes.set_xlim(*_span(list(kinds.values()), edges))
    axes.set_ylim(bottom=0)
    share_ticks(axes, up=True)
    axes.legend(fontsize="small", facecolor="white", edgecolor="none", framealpha=0.85)
    return figure


def _span(counts: Sequence[Sequence[int]], edges: np.ndarray) -> tuple[float, float]:
    """The part of the axis that holds something, a bin wider on both sides."""
    shares = np.max([np.asarray(row, np.float64) / max(1, sum(row)) for row in counts], axis=0)
    held = np.flatnonzero(shares > SPARSE)
    if not len(held):
        return float(edges[0]), float(edges[-1])
    return float(edges[max(0, held[0] - 1)]), float(edges[min(len(edges) - 1, held[-1] + 2)])
