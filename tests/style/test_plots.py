"""The plot of costs."""

from __future__ import annotations

import numpy as np

from facerec.plots.style import cost_curves


def test_a_line_for_each_name_and_scale() -> None:
    steps = np.arange(1.0, 7)
    curve = np.stack([steps, 9 / steps, 1 / steps, 8 / steps, steps * 0, np.repeat([30.0, 60.0], 3)], axis=1)
    axes = cost_curves({"a": curve, "b": curve[:3]}, "title").axes
    assert [len(each.lines) for each in axes] == [3, 3, 3] and axes[0].get_yscale() == "log"
    assert axes[0].lines[1].get_ydata().tolist() == curve[3:, 1].tolist()
    assert [text.get_text() for text in axes[2].get_legend().get_texts()] == ["a", "b"]
