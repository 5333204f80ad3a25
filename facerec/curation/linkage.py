"""Average linkage: the two most alike clusters are joined, again and again, while they are alike enough.

Two clusters are as alike as the mean similarity of their pairs (UPGMA; Sokal and Michener, 1958). Similarity is a dot
product, so that mean is the dot product of two means, and a cluster is known by its sum and its size: no matrix of all
pairs is held. The order of joining is found by chains of nearest neighbours (Murtagh, 1983), which gives what always
joining the best pair would give, in a time that grows with the square of the rows.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from facerec.curation.progress import Progress, silent
from facerec.records import Float32, Int64, require_embeddings

ROUNDING = 1e-6
"""Two similarities so near are one: the same dot product comes out a few 1e-7 apart from its two sides."""


def average_linkage(rows: Float32, threshold: float, progress: Progress = silent) -> Int64:
    """Cluster unit rows: (N, 128) -> (N,) int64, clusters numbered from 0, the largest first, then by their first row.

    Clusters are joined while the mean similarity of their pairs is at or above `threshold`.
    """
    require_embeddings(rows)
    joining, chain = Joining(rows), list[int]()
    while len(joining):
        chain = chain or [joining.first()]
        nearest, similarity = joining.nearest(chain[-1], chain[-2:-1])
        if similarity < threshold:
            joining.finish(chain.pop())
            progress(len(rows) - len(joining), len(rows))
        elif [nearest] == chain[-2:-1]:
            joining.join(chain.pop(), chain.pop())
        else:
            chain.append(nearest)
    return numbered(joining.owner)


class Joining:
    """Clusters under way: a row each, at first one for every sample. Its length is how many are not finished."""

    def __init__(self, rows: Float32):
        self._sums, self._sizes = rows.copy(), np.ones(len(rows), np.float32)
        self._open = np.ones(len(rows), np.bool_)
        self._members = [[row] for row in range(len(rows))]
        self.owner = np.arange(len(rows))

    def __len__(self) -> int:
        return int(self._open.sum())

    def first(self) -> int:
        """Any cluster that is not finished."""
        return int(self._open.argmax())

    def nearest(self, cluster: int, preferred: Sequence[int]) -> tuple[int, float]:
        """The most alike cluster that is not finished, and how alike; of equal ones the preferred. -inf where none is.

        Preferring the one before in the chain keeps a chain among equals from going in circles.
        """
        alike = self._sums @ (self._sums[cluster] / self._sizes[cluster]) / self._sizes
        alike[~self._open] = -np.inf
        alike[cluster] = -np.inf
        best = int(alike.argmax())
        for one in preferred:
            best = one if alike[one] >= alike[best] - ROUNDING else best
        return best, float(alike[best])

    def join(self, a: int, b: int) -> None:
        """Two clusters become one, under the number of the larger."""
        kept, gone = (a, b) if len(self._members[a]) >= len(self._members[b]) else (b, a)
        self._sums[kept] += self._sums[gone]
        self._sizes[kept] += self._sizes[gone]
        self.owner[self._members[gone]] = kept
        self._members[kept] += self._members[gone]
        self._open[gone] = False

    def finish(self, cluster: int) -> None:
        """Nothing that is left is alike enough, and nothing that is made of it will be."""
        self._open[cluster] = False


def numbered(owner: Int64) -> Int64:
    """Clusters by any numbers -> the largest 0, of equals the one with the first row."""
    _, first, cluster, size = np.unique(owner, return_index=True, return_inverse=True, return_counts=True)
    rank = np.empty(len(size), np.int64)
    rank[np.lexsort((first, -size))] = np.arange(len(size))
    return rank[cluster]
