"""How error rates of identification grow with the number of people enrolled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator

from facerec.plots.axes import colour, one_axes, share_ticks


@dataclass(frozen=True, slots=True, eq=False)
class Growth:
    """One line of such a plot: a rate and its interval at each size of gallery.

    sizes, shares, low, high  (K,)
    expected                  (K,) a rate to hold it against, or None
    """

    name: str
    sizes: np.ndarray
    shares: np.ndarray
    low: np.ndarray
    high: np.ndarray
    expected: np.ndarray | None = None


def fpir_against_size(lines: Sequence[Growth]) -> Figure:
    """Measured FPIR with its interval, and dashed what 1 - (1 - FMR)^N expects, on log axes."""
    figure, axes = one_axes("Strangers who get a name", "people enrolled (N)", "FPIR")
    axes.set(xscale="log", yscale="log")
    floor = _floor(lines)
    for number, line in enumerate(lines):
        _draw(axes, line, colour(number), floor)
        if line.expected is not None:
            label = "expected, 1 - (1 - FMR)^N" if number == len(lines) - 1 else None
            axes.plot(line.sizes, line.expected, color=colour(number), linestyle="--", linewidth=1, label=label)
    axes.set_ylim(floor, 1.3)
    return _finished(figure, axes, lines)


def fnir_against_size(lines: Sequence[Growth]) -> Figure:
    """FNIR with its interval, on a log axis of sizes."""
    figure, axes = one_axes("Enrolled people who are missed", "people enrolled (N)", "FNIR")
    axes.set(xscale="log")
    for number, line in enumerate(lines):
        _draw(axes, line, colour(number), 0.0)
    axes.set_ylim(bottom=0)
    return _finished(figure, axes, lines)


def _draw(axes: Axes, line: Growth, tint: str, floor: float) -> None:
    """A rate of 0 on a log axis is drawn at its lower edge, as a triangle that points down."""
    shares = np.maximum(line.shares, floor)
    axes.fill_between(line.sizes, np.maximum(line.low, floor), line.high, color=tint, alpha=0.12, linewidth=0)
    axes.plot(line.sizes, shares, color=tint, linewidth=1.8, label=line.name)
    seen = line.shares > 0
    axes.plot(line.sizes[seen], shares[seen], "o", color=tint, markersize=4)
    axes.plot(line.sizes[~seen], shares[~seen], "v", color=tint, markersize=5)


def _floor(lines: Sequence[Growth]) -> float:
    seen = np.concatenate([rates[rates > 0] for line in lines for rates in (line.shares, line.expected)
                           if rates is not None] or [np.array([1e-3])])  # fmt: skip
    return float(10 ** np.floor(np.log10(seen.min()))) if len(seen) else 1e-3


def _finished(figure: Figure, axes: Axes, lines: Sequence[Growth]) -> Figure:
    sizes = sorted({int(size) for line in lines for size in line.sizes})
    axes.set_xticks(sizes)
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    share_ticks(axes, up=True)
    figure.legend(frameon=False, fontsize="small", loc="outside lower center", ncols=2)
    return figure
