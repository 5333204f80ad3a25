"""What all plots of error rates share: colours that colour-blind readers tell apart, and quiet axes."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from facerec.plots.figure import new_figure

GENUINE, IMPOSTOR = "#0072B2", "#D55E00"
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8C6D31", "#7F7F7F")
"""Okabe and Ito (2008), and two more."""


def one_axes(title: str, across: str, up: str, width: float = 6.4, height: float = 4.2) -> tuple[Figure, Axes]:
    """A figure with one pair of axes, a light grid behind, and no frame at the top and the right."""
    figure = new_figure(width, height)
    axes = figure.add_subplot()
    axes.set(title=title, xlabel=across, ylabel=up)
    axes.grid(True, which="major", alpha=0.3)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def colour(number: int) -> str:
    """The colour of the n-th line; they come again when they run out."""
    return COLOURS[number % len(COLOURS)]


def share_ticks(axes: Axes, across: bool = False, up: bool = False) -> None:
    """Label ticks as percentages with no more digits than they need: 0.01 %, 1 %, 50 %."""
    shown = FuncFormatter(lambda value, _: f"{100 * value:.4g} %")
    for axis in (axes.xaxis,) * across + (axes.yaxis,) * up:
        axis.set_major_formatter(shown)
