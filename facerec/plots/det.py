"""FNMR against FMR on log axes, with its interval: the detection error trade-off."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from facerec.plots.axes import GENUINE, IMPOSTOR, one_axes, share_ticks

Measured = tuple[float, tuple[float, float]]
"""A rate and its interval."""


def det_curve(
    fmr: np.ndarray,
    fnmr: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    *,
    shown_from: float,
    points: Sequence[tuple[Measured, Measured]] = (),
) -> Figure:
    """FNMR (T,) with its interval `low` to `high` (T,) at each FMR (T,), rising.

    shown_from  the lowest FMR that so many comparisons can show; to the left of it the curve is dotted
    points      FMR and FNMR of thresholds that were set elsewhere, as crosses of their intervals
    """
    figure, axes = one_axes("Detection error trade-off", "false match rate (FMR)", "false non-match rate (FNMR)")
    axes.set(xscale="log", yscale="log")
    floor = _floor(np.concatenate([fnmr, low]))
    line, under, over = (np.clip(rates, floor, 1) for rates in (fnmr, low, high))
    proven = fmr >= shown_from
    axes.fill_between(fmr, under, over, color=GENUINE, alpha=0.18, linewidth=0, label="95 % interval, over people")
    axes.plot(fmr, line, color=GENUINE, linestyle=":", linewidth=1.5)
    if proven.any():
        axes.plot(fmr[proven], line[proven], color=GENUINE, linewidth=2, label="measured")
    if not proven.all():
        axes.axvspan(fmr[0], min(shown_from, fmr[-1]), color="0.5", alpha=0.12, linewidth=0,
                     label="fewer comparisons than the rule of three asks")  # fmt: skip
    _crosses(axes, points, floor, float(fmr[0]))
    axes.set_ylim(floor, 1)
    axes.set_xlim(float(fmr[0]) / 1.3, 1)
    share_ticks(axes, across=True, up=True)
    axes.legend(frameon=False, fontsize="small", loc="lower left")
    return figure


def _floor(rates: np.ndarray) -> float:
    """A decade at or below the lowest rate above zero."""
    seen = rates[rates > 0]
    return float(10 ** np.floor(np.log10(seen.min()))) if len(seen) else 1e-3


def _crosses(axes: Axes, points: Sequence[tuple[Measured, Measured]], floor: float, left: float) -> None:
    for place, ((fmr, fmr_span), (fnmr, fnmr_span)) in enumerate(points):
        x, y = max(fmr, left), max(fnmr, floor)
        label = "thresholds set elsewhere" if not place else None
        axes.plot(np.clip(fmr_span, left / 1.3, 1), [y, y], color=IMPOSTOR, linewidth=1, alpha=0.6)
        axes.plot([x, x], np.clip(fnmr_span, floor, 1), color=IMPOSTOR, linewidth=1, alpha=0.6)
        axes.plot([x], [y], "o" if fmr > 0 else "<", color=IMPOSTOR, markersize=4, label=label)
