"""Drawn pictures with one shape or none: discs, squares and triangles of any colour on a mottled ground."""

from __future__ import annotations

import numpy as np
import torch

from facerec.records import Objects


def shapes(count: int, side: int, rng: np.random.Generator) -> tuple[torch.Tensor, list[Objects]]:
    """(count, 3, side, side) 0..1, and what is on each; every fourth or so is empty."""
    pictures = rng.uniform(0.2, 0.5, (count, 3, 1, 1)) + rng.normal(0, 0.03, (count, 3, side, side))
    objects = []
    y, x = np.mgrid[:side, :side] + 0.5
    for picture in pictures:
        if rng.random() < 0.25:
            objects.append(Objects.none())
            continue
        kind, radius = int(rng.integers(3)), rng.uniform(side / 8, side / 3)
        cx, cy = rng.uniform(radius, side - radius, 2)
        across, down = np.abs(x - cx), y - cy
        inside = (
            across**2 + down**2 <= radius**2,
            (across <= radius) & (np.abs(down) <= radius),
            (np.abs(down) <= radius) & (across <= (down + radius) / 2),
        )[kind]
        picture[:, inside] = rng.uniform(0.6, 1.0, (3, 1))
        objects.append(Objects.of(np.array([[cx - radius, cy - radius, cx + radius, cy + radius]]), np.array([kind])))
    return torch.from_numpy(np.clip(pictures, 0, 1).astype(np.float32)), objects
