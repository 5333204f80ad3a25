"""A training run over its steps: what it loses, what still teaches, how it does on other people, how fast it learns."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from facerec.plots.axes import colour, share_ticks
from facerec.plots.figure import new_figure

SMOOTH = 0.05
"""Share of the run over which the bold line of a noisy curve is a mean."""


def training_figure(log: Mapping[str, np.ndarray]) -> Figure:
    """Curves of a run's log: column -> (N,), NaN where nothing was measured.

    Wants the columns step, loss, active and learning_rate, and shows tar where it has numbers.
    """
    steps = log["step"]
    measured = np.isfinite(log.get("tar", np.full(len(steps), np.nan)))
    figure = new_figure(7.0, 7.0 if measured.any() else 5.4)
    axes = figure.subplots(3 + measured.any(), 1, sharex=True, squeeze=False)[:, 0]
    noisy(axes[0], steps, log["loss"], "loss", 0)
    noisy(axes[1], steps, log["active"], "active share", 1)
    axes[1].set_ylim(-0.02, 1.02)
    share_ticks(axes[1], up=True)
    if measured.any():
        axes[2].plot(steps[measured], log["tar"][measured], color=colour(2), linewidth=2, marker="o", markersize=4)
        axes[2].set_ylabel("true accept rate")
        share_ticks(axes[2], up=True)
    axes[-1].plot(steps, log["learning_rate"], color=colour(3), linewidth=2)
    axes[-1].set(ylabel="learning rate", xlabel="step")
    for each in axes:
        each.grid(True, alpha=0.3)
        each.spines[["top", "right"]].set_visible(False)
    return figure


def noisy(axes: Axes, steps: np.ndarray, values: np.ndarray, name: str, number: int) -> None:
    """A curve as it is, pale, and its running mean, bold."""
    span = max(1, round(SMOOTH * len(values)))
    axes.plot(steps, values, color=colour(number), linewidth=0.8, alpha=0.35)
    axes.plot(steps, running_mean(values, span), color=colour(number), linewidth=2)
    axes.set_ylabel(name)


def running_mean(values: np.ndarray, span: int) -> np.ndarray:
    """The mean of each value and up to span - 1 before it: (N,) -> (N,).

    >>> running_mean(np.array([1.0, 3, 5]), 2).tolist()
    [1.0, 2.0, 4.0]
    """
    sums = np.concatenate([[0.0], np.cumsum(values)])
    ends = np.arange(1, len(values) + 1)
    starts = np.maximum(ends - span, 0)
    return np.asarray((sums[ends] - sums[starts]) / (ends - starts))
