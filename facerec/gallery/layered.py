"""An index that is not built again for every change: what was built, without those who left, and beside it who came.

Who left has a tombstone, and is not found from the next search on; when a share has left or come, it is worn, and time
to build everything anew. Immutable as every index: a change makes another one, over the same base.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from facerec.gallery.index import ExactIndex, Index, require_search
from facerec.records import DIM, Candidates, Float32, Int64

Build = Callable[[Int64, Float32], Index]

COMPACTED_AT, AND_AT_LEAST = 0.05, 200
"""Share of the base, and number, that have left or come before it is built anew."""


@dataclass(frozen=True, slots=True, eq=False)
class Layered:
    """Rows that were indexed together, and what changed since.

    base        over `ids` (N,), ascending, and `base_rows` (N, 128), which it holds as well
    is_dead     (N,) bool: no longer there, or with another row
    came, rows  (M,) ids and (M, 128) rows of those who came since, and `fresh` over them
    """

    base: Index
    ids: Int64
    base_rows: Float32
    is_dead: np.ndarray
    came: Int64
    rows: Float32
    fresh: ExactIndex

    @classmethod
    def over(cls, build: Build, ids: Int64, rows: Float32) -> Layered:
        """Nothing has changed yet: ids (N,), ascending, and rows (N, 128)."""
        nobody = (np.empty(0, np.int64), np.empty((0, DIM), np.float32))
        return cls(build(ids, rows), ids, rows, np.zeros(len(ids), bool), *nobody, ExactIndex(*nobody))

    @property
    def is_worn(self) -> bool:
        """Have so many left or come that everything is to be built anew?"""
        return self._dead + len(self.came) > max(AND_AT_LEAST, COMPACTED_AT * len(self.ids))

    @property
    def _dead(self) -> int:
        return int(np.count_nonzero(self.is_dead))

    def after(self, gone: Int64, ids: Int64, rows: Float32) -> Layered:
        """Without the rows of the ids in `gone`, and then with ids (M,) and rows (M, 128), which are not there.

        What goes and comes with the row that it has in the base counts as if nothing had been done to it.
        """
        is_same, places = self._as_in_base(ids, rows)
        is_dead = self.is_dead | np.isin(self.ids, gone)
        is_dead[places[is_same]] = False
        stays = ~np.isin(self.came, gone)
        came = np.concatenate([self.came[stays], ids[~is_same]])
        fresh = np.concatenate([self.rows[stays], rows[~is_same]])
        return Layered(self.base, self.ids, self.base_rows, is_dead, came, fresh, ExactIndex(came, fresh))

    def _as_in_base(self, ids: Int64, rows: Float32) -> tuple[np.ndarray, Int64]:
        """Which of ids (M,) and rows (M, 128) are in the base bit for bit, (M,) bool, and where those are, (M,)."""
        if not len(self.ids):
            return np.zeros(len(ids), bool), np.zeros(len(ids), np.int64)
        places = np.minimum(np.searchsorted(self.ids, ids), len(self.ids) - 1)
        is_same = (self.ids[places] == ids) & (self.base_rows[places] == rows).all(axis=1)
        return is_same, places

    def __len__(self) -> int:
        return len(self.ids) - self._dead + len(self.fresh)

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
        k = min(k, len(self.ids) - self._dead)
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
