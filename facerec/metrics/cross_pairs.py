"""All pairs of a labelled set of embeddings, a block at a time: n pictures give n (n - 1) / 2 comparisons."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from facerec.errors import InvalidInput
from facerec.records import Float32, Int64, require_embeddings

BLOCK = 1024  # rows: a block of similarities is 4 MB

Compare = Callable[[Float32, Float32], Float32]
"""Two lists of unit rows -> the similarity of every pair: (N, 128), (M, 128) -> (N, M) float32."""


class Compared(NamedTuple):
    """Comparisons, each (C,): the rows of the two pictures, first < second, and their similarity."""

    first: Int64
    second: Int64
    similarities: Float32

    def rows(self, keep: np.ndarray) -> Compared:
        """The chosen comparisons: a mask or an index array."""
        return Compared(self.first[keep], self.second[keep], self.similarities[keep])

    def and_then(self, more: Compared) -> Compared:
        """These comparisons followed by `more`."""
        return Compared(
            np.concatenate([self.first, more.first]),
            np.concatenate([self.second, more.second]),
            np.concatenate([self.similarities, more.similarities]),
        )


def similarity(a: Float32, b: Float32) -> Float32:
    """Cosine of every pair of unit rows: (N, 128), (M, 128) -> (N, M) float32 in [-1, 1]."""
    cosines: Float32 = np.clip(a @ b.T, -1, 1)
    return cosines


def cross_pairs(embeddings: Float32, block: int = BLOCK, compare: Compare = similarity) -> Iterator[Compared]:
    """Every unordered pair of different rows of (N, 128), once. Raises InvalidInput for rows not of length 1."""
    require_embeddings(embeddings)
    for top in range(0, len(embeddings), block):
        for left in range(top, len(embeddings), block):
            yield _block(embeddings, top, left, block, compare)


def _block(embeddings: Float32, top: int, left: int, block: int, compare: Compare) -> Compared:
    rows, columns = embeddings[top : top + block], embeddings[left : left + block]
    similarities = compare(rows, columns)
    first, second = np.nonzero(top + np.arange(len(rows))[:, None] < left + np.arange(len(columns))[None, :])
    return Compared(first + top, second + left, similarities[first, second])


def impostor_pairs(pictures: Int64) -> int:
    """How many pairs of pictures of two subjects there are, given each subject's pictures (S,).

    >>> impostor_pairs(np.array([2, 1, 1]))
    5
    """
    return (int(pictures.sum()) ** 2 - int((pictures**2).sum())) // 2


class Highest:
    """The `size` highest similarities of a long stream, each with its pair, in memory that does not grow."""

    def __init__(self, size: int):
        if size < 1:
            raise InvalidInput(f"the highest of a stream are at least one, got {size}")
        self._size = size
        self._floor = -np.inf
        self._held = Compared(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.float32))

    def add(self, seen: Compared) -> None:
        """Take in more of the stream."""
        self._held = self._held.and_then(seen.rows(seen.similarities >= self._floor))
        if len(self._held.similarities) > 2 * self._size:
            self._cut()

    def take(self) -> Compared:
        """The highest so far, highest first; of equal ones the earlier comes first."""
        self._cut()
        return self._held

    def _cut(self) -> None:
        best = np.argsort(-self._held.similarities, kind="stable")[: self._size]
        self._held = self._held.rows(best)
        if len(best) == self._size:
            self._floor = float(self._held.similarities[-1])
