"""How well a clustering agrees with the truth: over pairs of samples, and sample by sample (BCubed).

Both ask for precision (is what lies together of one subject?) and recall (does what is of one subject lie together?).
Pairs weigh a subject by the square of its samples, BCubed (Bagga and Baldwin, 1998; Amigó et al., 2009) every sample
alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from facerec.errors import InvalidInput
from facerec.records import Int64


@dataclass(frozen=True, slots=True)
class Agreement:
    """Precision and recall of a clustering, shares 0..1."""

    precision: float
    recall: float

    @property
    def f(self) -> float:
        """The harmonic mean of the two."""
        total = self.precision + self.recall
        return 2 * self.precision * self.recall / total if total else 0.0

    def as_dict(self) -> dict[str, Any]:
        return {"precision": self.precision, "recall": self.recall, "f": self.f}


def pairwise(labels: Int64, clusters: Int64) -> Agreement:
    """Over all pairs of samples: (N,) subjects and (N,) clusters, whole numbers each.

    Precision is the share of the pairs in one cluster that are of one subject, recall the share of the pairs of one
    subject that are in one cluster; each is 1 where there is no such pair. Raises InvalidInput without samples.

    >>> pairwise(np.array([0, 0, 0, 1]), np.array([7, 7, 8, 8]))
    Agreement(precision=0.5, recall=0.3333333333333333)
    """
    both, subject, cluster = _counts(labels, clusters)
    return Agreement(
        _share(_pairs(both).sum(), _pairs(_totals(cluster, both)).sum()),
        _share(_pairs(both).sum(), _pairs(_totals(subject, both)).sum()),
    )


def bcubed(labels: Int64, clusters: Int64) -> Agreement:
    """Over samples: the mean share of each one's cluster that is of its subject, and of its subject in its cluster.

    A sample counts itself. Arguments and errors as `pairwise`.

    >>> bcubed(np.array([0, 0, 0, 1]), np.array([7, 7, 8, 8])).precision
    0.75
    """
    both, subject, cluster = _counts(labels, clusters)
    squares = both.astype(np.float64) ** 2
    return Agreement(
        float((squares / _totals(cluster, both)[cluster]).sum() / both.sum()),
        float((squares / _totals(subject, both)[subject]).sum() / both.sum()),
    )


def _counts(labels: Int64, clusters: Int64) -> tuple[Int64, Int64, Int64]:
    """How many samples each subject has in each cluster, of the cells that are not empty, (C,), and which cells."""
    if labels.shape != clusters.shape or labels.ndim != 1 or not len(labels):
        raise InvalidInput(f"as many labels as clusters are needed, one or more; got {labels.shape}, {clusters.shape}")
    _, subject = np.unique(labels, return_inverse=True)
    kinds, cluster = np.unique(clusters, return_inverse=True)
    cells, both = np.unique(subject * len(kinds) + cluster, return_counts=True)
    return both.astype(np.int64), *np.divmod(cells, len(kinds))


def _totals(group: Int64, both: Int64) -> Int64:
    """How many samples each group has in all."""
    return np.bincount(group, weights=both).astype(np.int64)


def _pairs(counts: Int64) -> Int64:
    return counts * (counts - 1) // 2


def _share(part: int, whole: int) -> float:
    return float(part / whole) if whole else 1.0
