"""Who is most alike? Indexes over the embeddings of one encoder: immutable, and only ever a cache of the gallery.

`ExactIndex` is the reference: brute force in numpy. `FaissIndex` gives the same answers faster, once there are
many. faiss is imported by `faiss_library` only, when it is first needed.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import numpy as np

from facerec.errors import InvalidInput
from facerec.records import Candidates, Float32, Int64, require_at_most_unit, require_embeddings

EXACT_UP_TO = 100_000
"""Templates searched by numpy; more go to faiss. Up to here a process that searches once loses nothing by numpy,
and one that searches all day gains little by faiss: figures in docs/results/gallery-first.md."""

SCORES_AT_ONCE = 1 << 24
"""Similarities held at a time by `ExactIndex`: 64 MB."""

MARGIN = 1.3
"""Of templates asked for, over those that k subjects have on average: a second search costs more than a longer one."""

BEYOND = 8
"""As many more are asked for than are wanted, to see where a tie ends."""

CHECKED_AT_ONCE = 1 << 13
"""Rows whose length is computed together: 8 MB in float64, and not eight times the index."""


class Index(Protocol):
    """The most similar templates for each probe."""

    def __len__(self) -> int: ...

    def search(self, probes: Float32, k: int) -> Candidates:
        """The k best templates per probe: (Q, 128) -> (Q, min(k, N)), best first; ties go to the lower id."""
        ...


Knn = Callable[[Float32, int], tuple[Float32, Int64]]
"""Probes (Q, 128) and k -> the k largest inner products (Q, k), falling, and the positions of their rows (Q, k)."""


class SubjectCandidates(NamedTuple):
    """The best subjects for each probe, each once and by its best template, most similar first: all (Q, K)."""

    subject_ids: Int64
    template_ids: Int64
    similarities: Float32


class ExactIndex:
    """Brute force, the reference for every other index."""

    def __init__(self, ids: Int64, embeddings: Float32):
        self._ids, self._embeddings = in_id_order(ids, embeddings)

    def __len__(self) -> int:
        return len(self._ids)

    def search(self, probes: Float32, k: int) -> Candidates:
        """(Q, 128) -> (Q, min(k, N)), best first; ties go to the lower id."""
        require_search(probes, k)
        k = min(k, len(self))
        at_once = max(1, SCORES_AT_ONCE // max(1, len(self)))
        positions, scores = np.empty((len(probes), k), np.int64), np.empty((len(probes), k), np.float32)
        for start in range(0, len(probes), at_once):
            part = slice(start, start + at_once)
            alike = np.clip(probes[part] @ self._embeddings.T, -1, 1)
            positions[part] = [_best(row, k) for row in alike] if k else 0
            scores[part] = np.take_along_axis(alike, positions[part], axis=1)
        return Candidates(self._ids[positions], scores)


def _best(scores: Float32, k: int) -> Int64:
    """Positions of the k largest of (N,), 0 < k <= N, falling; of equal ones the first."""
    kth = np.partition(scores, len(scores) - k)[len(scores) - k]
    fit = np.flatnonzero(scores >= kth)
    return fit[np.argsort(-scores[fit], kind="stable")[:k]]


class KnnIndex:
    """The same answers from a search without approximation that cuts ties as it pleases.

    Positions follow ids, so that ties can go to the lower.
    """

    def __init__(self, ids: Int64, embeddings: Float32, make: Callable[[Float32], Knn]):
        self._ids, rows = in_id_order(ids, embeddings)
        self._knn = make(rows)

    def __len__(self) -> int:
        return len(self._ids)

    def search(self, probes: Float32, k: int) -> Candidates:
        """(Q, 128) -> (Q, min(k, N)), best first; ties go to the lower id."""
        require_search(probes, k)
        k = min(k, len(self))
        if not k or not len(probes):
            return Candidates(np.empty((len(probes), k), np.int64), np.empty((len(probes), k), np.float32))
        scores, positions = self._beyond_ties(np.ascontiguousarray(probes), k)
        best = np.lexsort((positions, -scores), axis=1)[:, :k]
        return Candidates(
            self._ids[np.take_along_axis(positions, best, axis=1)], np.take_along_axis(scores, best, axis=1)
        )

    def _beyond_ties(self, probes: Float32, k: int) -> tuple[Float32, Int64]:
        """At least the k best, and every other that ties with the k-th."""
        asked = k + BEYOND
        while True:
            asked = min(asked, len(self))
            scores, positions = self._knn(probes, asked)
            scores = np.clip(scores, -1, 1)
            if asked == len(self) or (scores[:, k - 1] > scores[:, -1]).all():
                return scores, positions
            asked *= 2


class FaissIndex(KnnIndex):
    """The same answers from faiss, by inner product.

    faiss searches the array as it lies here: an index of its own would hold every embedding a second time.
    """

    def __init__(self, ids: Int64, embeddings: Float32):
        super().__init__(ids, embeddings, faiss_knn)


def faiss_knn(rows: Float32) -> Knn:
    """Search by faiss among rows (N, 128), on the processor."""
    faiss = faiss_library()
    return lambda probes, k: faiss.knn(probes, rows, k, metric=faiss.METRIC_INNER_PRODUCT)


@functools.cache
def faiss_library() -> Any:
    """faiss, imported when it is first needed.

    A process that is forked after a search takes the search's threads for alive and would wait for them for ever, so
    in a forked process faiss searches with one thread.
    """
    import faiss

    os.register_at_fork(after_in_child=lambda: faiss.omp_set_num_threads(1))
    return faiss


def build_index(ids: Int64, embeddings: Float32) -> Index:
    """The index that suits the number of templates: (N,) int64 and (N, 128)."""
    return ExactIndex(ids, embeddings) if len(ids) <= EXACT_UP_TO else FaissIndex(ids, embeddings)


def search_subjects(
    index: Index, template_ids: Int64, subject_ids: Int64, probes: Float32, k: int, each: float = 1.5
) -> SubjectCandidates:
    """The k best subjects per probe, of at least k: (Q, 128) -> (Q, k).

    `template_ids` (N,) ascending and `subject_ids` (N,) say whose each template of the index is; `each` is how many a
    subject has, about. Exact however many one has: the index is asked for more until every probe has met k subjects.
    """
    asked = k if each == 1 else int(MARGIN * each * k) + 1
    while True:
        found = index.search(probes, max(1, asked))
        owners = subject_ids[np.searchsorted(template_ids, found.ids)]
        firsts = [_first_of_each(row, k) for row in owners]
        if asked >= len(index) or all(len(first) == k for first in firsts):
            break
        asked *= 4
    rows = np.array(firsts, np.int64).reshape(len(probes), k)
    return SubjectCandidates(
        subject_ids=np.take_along_axis(owners, rows, axis=1),
        template_ids=np.take_along_axis(found.ids, rows, axis=1),
        similarities=np.take_along_axis(found.similarities, rows, axis=1),
    )


def in_id_order(ids: Int64, embeddings: Float32) -> tuple[Int64, Float32]:
    """Ids ascending and their rows, contiguous. Raises InvalidInput unless each row has an id of its own.

    Rows are as long as an embedding, or shorter: what several templates were made into.
    """
    for start in range(0, max(1, len(embeddings)), CHECKED_AT_ONCE):
        require_at_most_unit(embeddings[start : start + CHECKED_AT_ONCE])
    if ids.shape != (len(embeddings),):
        raise InvalidInput(f"an index needs one id per row, got ids {ids.shape} for {embeddings.shape}")
    if not (np.diff(ids) > 0).all():
        order = np.argsort(ids)
        ids, embeddings = ids[order], embeddings[order]
    if (np.diff(ids) == 0).any():
        raise InvalidInput("an index needs a distinct id per row")
    return ids, np.ascontiguousarray(embeddings)


def require_search(probes: Float32, k: int) -> None:
    """Raise InvalidInput unless the probes are unit rows and k is positive."""
    require_embeddings(probes)
    if k < 1:
        raise InvalidInput(f"k must be at least 1, got {k}")


def _first_of_each(owners: Int64, k: int) -> Int64:
    """Columns where the first k distinct owners of a row appear for the first time."""
    firsts = np.unique(owners, return_index=True)[1]
    return np.sort(firsts)[:k]
