"""All pairs of labelled pictures compared once, and what of it thresholds need."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from facerec.calibration.people import numbered
from facerec.metrics.cross_pairs import Compare, Compared, Highest, cross_pairs, impostor_pairs, similarity
from facerec.metrics.scores import Bools
from facerec.records import Float32, Int64

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, eq=False)
class AllPairs:
    """What all cross pairs leave behind.

    genuine          (G,) float32  similarities, and whose they are:
    genuine_subject  (G,) int64
    high             the highest impostor similarities, highest first, with the two *subjects* of each
    pictures         (S,) int64    pictures of each subject
    """

    genuine: Float32
    genuine_subject: Int64
    high: Compared
    pictures: Int64

    @property
    def impostors(self) -> int:
        return impostor_pairs(self.pictures)

    @property
    def subjects(self) -> int:
        return len(self.pictures)

    def false(self, threshold: float) -> Bools:
        """Which of the highest impostor similarities are matches."""
        return np.asarray(self.high.similarities >= threshold)


def compare_all(
    embeddings: Float32, labels: Sequence[str], share: float, compare: Compare = similarity,
    progress: Progress | None = None,
) -> AllPairs:  # fmt: skip
    """Compare all pairs; keep the genuine ones and a little more than `share` of the impostor ones.

    `progress` hears of comparisons done, and of how many there are.
    """
    subject, pictures = numbered(embeddings, labels)
    high = Highest(math.ceil(share * impostor_pairs(pictures)) + 2)
    genuine, owner = [np.zeros(0, np.float32)], [np.zeros(0, np.int64)]
    done, total = 0, len(embeddings) * (len(embeddings) - 1) // 2
    for first, second, similarities in cross_pairs(embeddings, compare=compare):
        a, b = subject[first], subject[second]
        same = a == b
        genuine.append(similarities[same])
        owner.append(a[same])
        high.add(Compared(a[~same], b[~same], similarities[~same]))
        done += len(first)
        if progress:
            progress(done, total)
    return AllPairs(np.concatenate(genuine), np.concatenate(owner), high.take(), pictures)
