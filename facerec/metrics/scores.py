"""The door for scores: what every error rate expects of its input."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facerec.errors import InvalidInput

Float64 = NDArray[np.float64]
Bools = NDArray[np.bool_]


def require_scores(name: str, scores: np.ndarray) -> Float64:
    """Similarities (N,), N >= 1, as float64, so that comparing them with a threshold rounds neither.

    A comparison that could not be made is -inf: no threshold accepts it.
    Raises InvalidInput for another shape, no score at all, NaN or +inf.
    """
    scores = np.asarray(scores)
    if scores.ndim != 1 or not len(scores):
        raise InvalidInput(f"{name} scores must be a non-empty (N,) array, got shape {scores.shape}")
    wide = scores.astype(np.float64)
    if not (wide < np.inf).all():  # False for NaN too
        raise InvalidInput(f"{name} scores hold NaN or +inf")
    return wide


def require_rate(name: str, rate: float) -> None:
    """Raise InvalidInput unless `rate` is a share strictly between 0 and 1."""
    if not 0 < rate < 1:
        raise InvalidInput(f"{name} must lie between 0 and 1, got {rate}")
