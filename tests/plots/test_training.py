"""Curves of a run."""

from __future__ import annotations

import numpy as np

from facerec.plots.training import running_mean, training_figure

LOG = {
    "step": np.array([50.0, 100, 150]), "loss": np.array([0.9, 0.5, 0.4]), "active": np.array([1.0, 0.6, 0.5]),
    "images_per_second": np.full(3, 100.0), "learning_rate": np.array([1e-3, 5e-4, 0]),
}  # fmt: skip


def test_a_run_without_validation_has_three_panels_and_one_with_it_four() -> None:
    figure = training_figure(LOG)
    assert [axes.get_ylabel() for axes in figure.axes] == ["loss", "active share", "learning rate"]
    assert figure.axes[0].lines[0].get_ydata().tolist() == [0.9, 0.5, 0.4]
    figure = training_figure(LOG | {"tar": np.array([np.nan, 0.25, 0.5])})
    assert [axes.get_ylabel() for axes in figure.axes][2] == "true accept rate"
    assert figure.axes[2].lines[0].get_xydata().tolist() == [[100, 0.25], [150, 0.5]]


def test_a_log_of_one_line_and_one_without_a_tar_column_are_drawn() -> None:
    one = {name: values[:1] for name, values in LOG.items()}
    assert len(training_figure(one | {"tar": np.array([np.nan])}).axes) == 3


def test_the_running_mean_looks_back() -> None:
    values = np.random.default_rng(0).normal(size=30)
    slow = [values[max(0, k - 4) : k + 1].mean() for k in range(30)]
    assert np.allclose(running_mean(values, 5), slow)
    assert np.allclose(running_mean(values, 1), values)
