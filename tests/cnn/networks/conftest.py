"""What the tests of the networks share."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from sklearn.datasets import load_sample_images
from torch.nn.functional import interpolate


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """Small inputs run no faster on several threads, and waiting threads take the processor from others."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def pictures() -> torch.Tensor:
    return load_pictures()


def load_pictures() -> torch.Tensor:
    """scikit-learn's china and flower, in -1..1: (2, 3, 427, 640)."""
    both = np.stack(load_sample_images().images)
    return torch.from_numpy(both).permute(0, 3, 1, 2).float() / 127.5 - 1


def resized(pictures: torch.Tensor, side: int) -> torch.Tensor:
    """(B, C, H, W) -> (B, C, side, side)."""
    return interpolate(pictures, (side, side), mode="bilinear", antialias=True)
