"""Two real pictures that every machine with scikit-learn has."""

from __future__ import annotations

import numpy as np
import torch
from sklearn.datasets import load_sample_images
from torch.nn.functional import interpolate


def china_and_flower() -> torch.Tensor:
    """scikit-learn's sample images, in -1..1: (2, 3, 427, 640)."""
    both = np.stack(load_sample_images().images)
    return torch.from_numpy(both).permute(0, 3, 1, 2).float() / 127.5 - 1


def resized(pictures: torch.Tensor, side: int) -> torch.Tensor:
    """(B, C, H, W) -> (B, C, side, side)."""
    return interpolate(pictures, (side, side), mode="bilinear", antialias=True)
