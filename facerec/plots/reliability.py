"""Stated probability against what came true."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from facerec.plots.axes import GENUINE, one_axes, share_ticks


def reliability_diagram(
    predicted: np.ndarray, observed: np.ndarray, low: np.ndarray, high: np.ndarray, error: float
) -> Figure:
    """Bins of a reliability diagram: mean stated probability (B,), share that came true (B,) and its interval.

    `error` is the expected calibration error. On the diagonal everything is as it says.
    """
    title = f"Reliability, expected calibration error {100 * error:.2g} %"
    figure, axes = one_axes(title, "stated probability of a match", "share that is one")
    axes.plot([0, 1], [0, 1], color="0.5", linewidth=1, linestyle="--", label="as stated")
    axes.vlines(predicted, low, high, color=GENUINE, linewidth=2.5, alpha=0.35)
    axes.plot(predicted, observed, "o", color=GENUINE, label="observed, 95 % interval over people")
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    share_ticks(axes, across=True, up=True)
    axes.legend(frameon=False, fontsize="small", loc="upper left")
    return figure
