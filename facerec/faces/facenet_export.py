"""facenet-pytorch's published network becomes an encoder's folder like any other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from facerec.digest import sha256
from facerec.faces.encoder_export import RANGES, as_faces, export_encoder
from facerec.faces.some_faces import SPLIT, some_faces
from facerec.faces.trunks import create_trunk, load_weights
from facerec.faces.trunks.facenet import NAME, PROJECTION, principal_axes, published_rows, read_facenet
from facerec.faces.trunks.trunk import Trunk
from facerec.learning.datasets import Progress
from facerec.records import Float32

MOST = 5000
"""Faces that the axes are fitted to: ten times the numbers of one embedding."""
BATCH = 32


def export_facenet(
    weights: Path, out: Path, name: str, mirror: bool = True, fit: Path | None = None, ranges: Path | None = None,
    progress: Progress | None = None,
) -> None:  # fmt: skip
    """Write an encoder's folder from a published file of weights.

    `fit` is a folder of faces: the 128 numbers are those along the principal axes of its split `train`, of 5,000 faces
    drawn by chance where there are more; without it along axes drawn by chance. With `ranges`, another such folder or
    the same, it computes in 8 bits. `progress` hears of every batch.
    Raises what `read_facenet` and `some_faces` do, and InvalidInput where the faces are fewer than 128.
    """
    state = read_facenet(weights)
    facts: dict[str, Any] = {"published": {"file": weights.name, "sha256": sha256(weights.read_bytes())}}
    if fit is not None:
        trunk = create_trunk(NAME)
        load_weights(trunk, state)
        faces = some_faces(fit, MOST)
        state[PROJECTION] = torch.from_numpy(principal_axes(wide_rows(trunk.eval(), faces, progress)))
        facts["fitted_to"] = {"faces": len(faces), "split": SPLIT}
    export_encoder(state, NAME, out, name, facts, mirror, None if ranges is None else some_faces(ranges, RANGES))


def wide_rows(trunk: Trunk, pixels: np.ndarray, progress: Progress | None = None) -> Float32:
    """The published 512 numbers of faces: (N, 112, 112, 3) uint8 -> (N, 512) rows of length 1."""
    rows = []
    for start in range(0, len(pixels), BATCH):
        faces = torch.from_numpy(pixels[start : start + BATCH])
        rows.append(published_rows(trunk, as_faces(faces, trunk.side)).numpy())
        if progress:
            progress(min(start + BATCH, len(pixels)), len(pixels))
    return np.concatenate(rows)
