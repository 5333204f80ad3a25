"""The chance that goes with a similarity, fitted on labelled people."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from facerec.calibration.people import numbered, require_genuine
from facerec.metrics.cross_pairs import Compare, cross_pairs, similarity
from facerec.metrics.probability import Probability, fit_logistic
from facerec.metrics.scores import Float64
from facerec.records import Float32, Int64

BINS = 2000
"""Of similarities, -1 to 1: a thousandth each, a hundredth of what they differ by."""


def measure_probability(
    embeddings: Float32, labels: Sequence[str], strictest: float, compare: Compare = similarity
) -> Probability:
    """A logistic curve over all pairs, in which each person and each pair of people counts once.

    embeddings  (N, 128) float32 unit rows, of people the encoder was not trained on
    labels      N names; at least two subjects, one of them with two pictures
    strictest   the highest threshold that was measured: no chance beyond the one there is ever stated

    Raises InvalidInput where the people are too few, or never overlap.
    """
    subject, pictures = numbered(embeddings, labels)
    require_genuine(pictures)
    genuine, impostor = np.zeros(BINS), np.zeros(BINS)
    for first, second, similarities in cross_pairs(embeddings, compare=compare):
        a, b = subject[first], subject[second]
        place = np.clip((similarities.astype(np.float64) + 1) * (BINS / 2), 0, BINS - 1).astype(np.int64)
        same = a == b
        genuine += np.bincount(place[same], _share(a[same], a[same], pictures), BINS)
        impostor += np.bincount(place[~same], _share(a[~same], b[~same], pictures), BINS)
    scores: Float64 = (np.arange(BINS, dtype=np.float64) + 0.5) / (BINS / 2) - 1
    slope, intercept = fit_logistic(scores, genuine, impostor)
    free = Probability(slope, intercept, 1 - 1e-9, 0.0, len(pictures))
    missed = float(genuine[scores < free.even].sum() / genuine.sum())
    return Probability(slope, intercept, float(free(strictest)), missed, len(pictures))


def _share(first: Int64, second: Int64, pictures: Int64) -> Float64:
    """What each pair counts, so that a person, or a pair of people, counts once: (P,), (P,), (S,) -> (P,)."""
    a, b = pictures[first].astype(np.float64), pictures[second].astype(np.float64)
    return 1 / np.where(first == second, a * (a - 1) / 2, a * b)
