"""The plot of promises: what it draws, and where."""

import numpy as np

from facerec.plots.figure import png
from facerec.plots.kept import TOLERATED, Promise, promises_kept

SIZES = np.array([100, 1000])


def promise(name: str, shares: list[float], target: float | None = None) -> Promise:
    rates = np.array(shares)
    return Promise(name, SIZES, rates, rates / 2, rates * 2, target)


def test_a_line_for_each_and_a_dashed_one_for_each_target() -> None:
    figure = promises_kept([promise("follows", [0.01, 0.012], 0.01), promise("fixed", [0.1, 0.6])])
    (axes,) = figure.axes
    dashed = [line for line in axes.get_lines() if line.get_linestyle() == "--"]
    assert [line.get_ydata()[0] for line in dashed] == [0.01] and TOLERATED == 1.5
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["follows", "fixed"]
    assert axes.get_ylim()[0] <= 0.01 and [tick.get_text() for tick in axes.get_xticklabels()] == ["100", "1,000"]
    assert png(figure).startswith(b"\x89PNG")


def test_a_rate_of_nothing_is_drawn_at_the_floor() -> None:
    (axes,) = promises_kept([promise("follows", [0.0, 0.02], 0.01)]).axes
    assert axes.get_lines()[0].get_ydata().tolist() == [0.01, 0.02]
