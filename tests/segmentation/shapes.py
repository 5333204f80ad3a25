"""Drawn pictures with their masks: a bright disc and a dark square on a grey ground, with noise."""

from __future__ import annotations

import numpy as np

from facerec.records import Image

NAMES = ("ground", "disc", "square")


def drawn(number: int, height: int = 48, width: int = 64) -> tuple[Image, np.ndarray]:
    """A picture (H, W, 3) uint8 and its mask (H, W) uint8; each number gives another."""
    rng = np.random.default_rng(number)
    rows, columns = np.mgrid[:height, :width]
    mask = np.zeros((height, width), np.uint8)
    top, left = rng.integers(2, height - 18), rng.integers(2, width - 18)
    mask[top : top + 14, left : left + 14] = 2
    y, x = rng.integers(9, height - 9), rng.integers(9, width - 9)
    mask[(rows - y) ** 2 + (columns - x) ** 2 < 64] = 1
    colours = np.array([[120, 120, 120], [220, 180, 60], [40, 60, 140]])
    noisy = colours[mask] + rng.normal(0, 12, (height, width, 3))
    return noisy.clip(0, 255).astype(np.uint8), mask
