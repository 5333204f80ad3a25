"""Two faces under their effects."""

import numpy as np
import pytest

from facerec import images
from facerec.plots.explanation import explanation_figure
from facerec.plots.figure import png


def drawn(*effects: np.ndarray) -> np.ndarray:
    face = np.full((112, 112, 3), 128, np.uint8)
    return images.decode(png(explanation_figure((face, face), effects, ("a.jpg", "b.jpg"), "match")))  # type: ignore[arg-type]


def test_what_raises_is_red_and_what_lowers_blue() -> None:
    effect = np.zeros((112, 112), np.float32)
    effect[30:60, 30:60], effect[70:100, 70:100] = 0.1, -0.1
    pixels = drawn(effect, np.zeros_like(effect)).astype(int)
    first, second = (
        pixels[:, : pixels.shape[1] * 2 // 5],
        pixels[:, pixels.shape[1] * 2 // 5 : pixels.shape[1] * 4 // 5],
    )
    red, blue = (int((sign * (first[..., 0] - first[..., 2]) > 40).sum()) for sign in (1, -1))
    assert red > 5000 and red == pytest.approx(blue, rel=0.02)
    assert not (np.ptp(second, axis=2) > 40).any()
