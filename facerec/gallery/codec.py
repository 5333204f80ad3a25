"""An embedding as bytes and back: 128 little-endian float32, 512 bytes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from facerec.records import DIM, Float32

EMBEDDING_BYTES = 4 * DIM


def to_bytes(embedding: Float32) -> bytes:
    """(128,) float32 -> 512 bytes."""
    return embedding.astype("<f4").tobytes()


def from_bytes(stored: Sequence[bytes]) -> tuple[Float32, NDArray[np.bool_]]:
    """Decode N stored embeddings: their rows (N, 128), and which of them are sound (N,).

    A row is sound when it has 512 bytes that are finite and of length 1 within 1e-3. An unsound one is
    all zeros here, so that it resembles nobody even if the mask is forgotten.
    """
    sound = np.array([isinstance(one, bytes) and len(one) == EMBEDDING_BYTES for one in stored], bool)
    blank = bytes(EMBEDDING_BYTES)
    joined = b"".join(one if fits else blank for one, fits in zip(stored, sound, strict=True))
    rows = np.frombuffer(joined, "<f4").reshape(-1, DIM).astype(np.float32)
    with np.errstate(invalid="ignore"):  # a signalling NaN
        norms = np.linalg.norm(rows.astype(np.float64), axis=1)
    sound &= np.abs(norms - 1) <= 1e-3  # False for NaN
    rows[~sound] = 0
    return rows, sound
