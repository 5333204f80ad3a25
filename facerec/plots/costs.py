"""How costs grow with a size: both axes logarithmic, so that a straight line is a power."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from facerec.plots.axes import colour, one_axes


def costs_against_size(curves: Mapping[str, Sequence[tuple[float, float]]], title: str, size: str, cost: str) -> Figure:
    """One line per name, of (size, cost) pairs, both above 0; `size` and `cost` label the axes, with their units."""
    figure, axes = one_axes(title, size, cost, width=7.2, height=4.6)
    axes.set(xscale="log", yscale="log")
    for number, (name, points) in enumerate(curves.items()):
        sizes, costs = zip(*points, strict=True)
        axes.plot(sizes, costs, marker="o", markersize=3.5, color=colour(number), label=name)
    axes.legend(fontsize="small", frameon=False)
    return figure
