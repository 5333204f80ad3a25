"""How similarities spread, in counts that a file can hold where a list of scores would be too long."""

from __future__ import annotations

from typing import Any

import numpy as np

from facerec.metrics.scores import require_scores

BINS = 100  # over -1..1: each 0.02 wide


def histogram(scores: np.ndarray) -> list[int]:
    """How many similarities (N,) fall into each of the bins between -1 and 1; -inf, no comparison, into none."""
    wide = require_scores("any", scores)
    counts, _ = np.histogram(wide[np.isfinite(wide)], bins=BINS, range=(-1, 1))
    return [int(count) for count in counts]


def histograms(**kinds: np.ndarray) -> dict[str, Any]:
    """The histogram of each kind of score under its name, and where the bins lie."""
    return {"from": -1.0, "to": 1.0, "bins": BINS} | {kind: histogram(scores) for kind, scores in kinds.items()}
