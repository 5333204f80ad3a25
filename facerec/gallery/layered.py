"""An index that is not built again for every change: what was built, without those who left, and beside it who came.

Who left is a tombstone, and is not found from the next search on; when a share has left or come, everything is built
anew. Immutable as every index: a change makes another one, over the same base.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from facerec.gallery.index import ExactIndex, Index, require_search
from facerec.records import Candidates, Float32, Int64

Build = Callable[[Int64, Float32], Index]

LAYERED_FROM = 20_000
"""Rows. Fewer are indexed again in milliseconds."""

COMPACTED_AT = 0.05
"""Share of the base that has left or come, at which it is built anew."""


@dataclass(frozen=True, slots=True, eq=False)
class Layered:
    """Rows that were indexed together, and what changed since.

    base      over `ids` (N,) and `rows` (N, 128), in id order
    is_dead   (N,) bool: no longer there, or with another row
    fresh     who came since
    """

    base: Index
    ids: Int64
    rows: Float32
    is_dead: np.ndarray
    fresh: ExactIndex

    def __len__(self) -> int:
        return len(self.ids) - int(self.is_dead.sum()) + len(self.fresh)

    def search(self, probes: Float32, k: int) -> Candidates:
        """(Q, 128) -> (Q, min(k, N)), best first; ties go to the lower id."""
        require_search(probes, k)
        k = min(k, len(self))
        living, fresh = self._living(probes, max(1, k)), self.fresh.search(probes, max(1, k))
        ids = np.concatenate([living.ids, fresh.ids], axis=1)
        alike = np.concatenate([living.similarities, fresh.similarities], axis=1)
        best = np.lexsort((ids, -alike), axis=1)[:, :k]
        return Candidates(np.take_along_axis(ids, best, axis=1), np.take_along_axis(alike, best, axis=1))

    def _living(self, probes: Float32, k: int) -> Candidates:
        """The k best of the base who are still there: more are asked for until there are so many."""
        k = min(k, len(self.ids) - int(self.is_dead.sum()))
        asked = k
        while True:
            found = self.base.search(probes, max(1, asked))
            is_gone = self.is_dead[np.searchsorted(self.ids, found.ids)]
            if found.ids.shape[1] == len(self.ids) or ((~is_gone).sum(axis=1) >= k).all():
                break
            asked = min(len(self.ids), asked + max(8, int(is_gone.sum(axis=1).max()), asked))
        order = np.argsort(is_gone, axis=1, kind="stable")[:, :k]
        return Candidates(
            np.take_along_axis(found.ids, order, axis=1), np.take_along_axis(found.similarities, order, axis=1)
        )


def next_index(build: Build, before: Index | None, ids: Int64, rows: Float32) -> Index:
    """The index over ids (N,), ascending, and rows (N, 128): the one before with what changed, or, where that is too
    much, a new one."""
    if len(ids) < LAYERED_FROM:
        return build(ids, rows)
    rows = np.ascontiguousarray(rows)
    changed = changed_since(before, ids, rows) if isinstance(before, Layered) else None
    if changed is None:
        nobody = ExactIndex(np.empty(0, np.int64), np.empty((0, rows.shape[1]), np.float32))
        return Layered(build(ids, rows), ids, rows, np.zeros(len(ids), bool), nobody)
    return changed


def changed_since(before: Layered, ids: Int64, rows: Float32) -> Layered | None:
    """The same base with other tombstones and newcomers; None where so many changed that it is to be built anew."""
    places = np.searchsorted(before.ids, ids)
    inside = np.minimum(places, len(before.ids) - 1)
    is_there = before.ids[inside] == ids
    is_there[is_there] = same_rows(before.rows, inside[is_there], rows, np.flatnonzero(is_there))
    is_dead = np.ones(len(before.ids), bool)
    is_dead[inside[is_there]] = False
    new = ~is_there
    if is_dead.sum() + new.sum() > COMPACTED_AT * len(before.ids):
        return None
    return Layered(before.base, before.ids, before.rows, is_dead, ExactIndex(ids[new], rows[new]))


def same_rows(a: Float32, places_in_a: Int64, b: Float32, places_in_b: Int64) -> np.ndarray:
    """Which rows are equal bit for bit, a part at a time: copies of a million would take a second."""
    same = np.empty(len(places_in_a), bool)
    for start in range(0, len(same), 1 << 14):
        part = slice(start, start + (1 << 14))
        same[part] = (a[places_in_a[part]] == b[places_in_b[part]]).all(axis=1)
    return same
