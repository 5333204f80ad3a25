"""What a painting cost on its way, on a logarithmic axis."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from facerec.plots.axes import colour
from facerec.plots.figure import new_figure

PARTS = ("total", "content", "style")


def cost_curves(curves: Mapping[str, np.ndarray], title: str = "") -> Figure:
    """Total, content and style cost, side by side, a line per name.

    Each curve is (K, 6): step, total, content, style, variation, longer side; a new side begins a new line.
    """
    figure = new_figure(9.6, 3.2)
    for column, (axes, part) in enumerate(zip(figure.subplots(1, 3), PARTS, strict=True), start=1):
        for number, (name, curve) in enumerate(curves.items()):
            for place, side in enumerate(dict.fromkeys(curve[:, 5])):
                rows = curve[curve[:, 5] == side]
                shown = np.where(rows[:, column] > 0, rows[:, column], np.nan)
                label = name if place == 0 else None
                axes.plot(rows[:, 0], shown, color=colour(number), label=label, linewidth=1.5)
        axes.set(title=part, xlabel="step", yscale="log")
        axes.grid(True, alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    if any(curves):
        axes.legend(fontsize="small", frameon=False)
    if title:
        figure.suptitle(title)
    return figure
