"""A few faces of a folder, to which an export fits what no training has learned."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facerec.faces.golden import SIDE
from facerec.learning.datasets import load_shards

SPLIT = "train"


def some_faces(folder: Path, most: int) -> NDArray[np.uint8]:
    """Faces of the split `train`, at most so many, drawn by chance and the same each time: (N, 112, 112, 3).

    Raises what `load_shards` does.
    """
    pixels = load_shards(folder, (SPLIT,)).pixels
    edge = (pixels.shape[1] - SIDE) // 2
    chosen = np.sort(np.random.default_rng(0).permutation(len(pixels))[:most])
    return np.ascontiguousarray(pixels[chosen, edge : edge + SIDE, edge : edge + SIDE])
