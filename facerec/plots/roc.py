"""The share of genuine pairs that are accepted against the share of impostors that are."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from facerec.plots.axes import GENUINE, one_axes, share_ticks


def roc_curve(fmr: np.ndarray, tar: np.ndarray, auc: float) -> Figure:
    """True accept rate (T,) at each FMR (T,), rising, on a log axis; `auc` is the area under it on straight axes."""
    title = f"Receiver operating characteristic, area {auc:.4f}"
    figure, axes = one_axes(title, "false match rate (FMR)", "true accept rate (1 - FNMR)")
    seen = fmr > 0
    axes.plot(fmr[seen], tar[seen], color=GENUINE, linewidth=2, drawstyle="steps-post")
    axes.set(xscale="log", ylim=(min(0.9, float(np.floor(tar.min() * 20) / 20)), 1.002))
    share_ticks(axes, across=True, up=True)
    return figure
