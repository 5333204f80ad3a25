"""What it costs and saves to search elsewhere, measured on the gallery's own templates, which stay where they are.

Templates drawn at random are searched for, by the index elsewhere and by an exact one in turn, and each is passed over
in its own answer. What is counted is what `facerec.gallery.measured` counts.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from facerec.gallery.elsewhere import Elsewhere
from facerec.gallery.index import build_index
from facerec.gallery.measured import Measured
from facerec.gallery.progress import Progress, silent
from facerec.records import Candidates, Float32, Int64

if TYPE_CHECKING:
    from facerec.gallery.store import Gallery

LEAST, PROBES = 10, 200
"""Templates in the smallest gallery that says anything, and templates searched for at most."""


def measure_elsewhere(
    gallery: Gallery, encoder: str, elsewhere: Elsewhere, spec: str, threshold: float,
    count: int = PROBES, progress: Progress = silent,
) -> Measured | None:  # fmt: skip
    """Search for templates elsewhere, at least once, so that it is known to work; None where there are too few.

    `build_seconds` is what it takes until then: Milvus is brought up to date, and builds its index. Raises as
    `elsewhere` does.
    """
    started = time.perf_counter()
    elsewhere.settle(gallery, encoder)
    elsewhere.search(gallery, encoder, np.eye(1, 128, dtype=np.float32), 1)
    seconds = time.perf_counter() - started
    stored = gallery.load(encoder)
    if len(stored) < LEAST:
        return None
    chosen = np.sort(np.random.default_rng(0).choice(len(stored), min(count, len(stored)), replace=False))
    own, owners = stored.template_ids[chosen], stored.subject_ids[chosen]
    exact = build_index(stored.template_ids, stored.rows)
    taken, found, meant = [], [], []
    for number, row in enumerate(chosen.tolist()):
        progress(number, len(chosen))
        probe = np.ascontiguousarray(stored.rows[row : row + 1])
        moments = [time.perf_counter()]
        found.append(elsewhere.search(gallery, encoder, probe, 2))
        moments.append(time.perf_counter())
        meant.append(exact.search(probe, 2))
        moments.append(time.perf_counter())
        taken.append((moments[1] - moments[0], moments[2] - moments[1]))
    (ids, alike), (exact_ids, exact_alike) = others(found, own), others(meant, own)
    mated = np.array([(stored.subject_ids == owner).sum() > 1 for owner in owners])
    ours, theirs = np.median(np.array(taken), axis=0) * 1e3

    def fnir(best: Int64, similarities: Float32) -> float | None:
        whose = stored.subject_ids[np.searchsorted(stored.template_ids, best).clip(max=len(stored) - 1)]
        is_found = (whose == owners) & (similarities >= threshold)
        return float((~is_found[mated]).mean()) if mated.any() else None

    return Measured(
        spec=spec, templates=len(stored), probes=len(chosen), recall=recall(alike, exact_alike), mated=int(mated.sum()),
        fnir=fnir(ids, alike), fnir_exact=fnir(exact_ids, exact_alike),
        milliseconds=float(ours), exact_milliseconds=float(theirs), build_seconds=seconds,
    )  # fmt: skip


def others(found: list[Candidates], own: Int64) -> tuple[Int64, Float32]:
    """The best of each answer that is not the probe itself: ids (Q,), similarities (Q,); -1 where there is none."""
    ids, alike = np.zeros(len(own), np.int64), np.full(len(own), -1, np.float32)
    for number, one in enumerate(found):
        other = np.flatnonzero((one.ids[0] != own[number]) & (one.ids[0] > 0))
        if len(other):
            ids[number], alike[number] = one.ids[0, other[0]], one.similarities[0, other[0]]
    return ids, alike


def recall(found: NDArray[np.float32], exact: NDArray[np.float32]) -> float:
    """The share that is as alike as it can be, but for the last digits of float32.

    >>> recall(np.array([0.9, 0.5], np.float32), np.array([0.9, 0.6], np.float32))
    0.5
    """
    return float((found >= exact - 1e-5).mean())
