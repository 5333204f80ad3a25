"""What it costs and saves to search elsewhere, measured on the gallery's own templates, which stay where they are.

Templates drawn at random are searched for, by the index elsewhere and by an exact one in turn, and each is passed over
in its own answer. What is counted is what `facerec.gallery.measured` counts.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from facerec.gallery.elsewhere import Elsewhere
from facerec.gallery.index import build_index
from facerec.gallery.measured import Measured, fnir
from facerec.gallery.progress import Progress, silent
from facerec.gallery.results import StoredEmbeddings
from facerec.records import DIM, Candidates, Int64

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
    seconds = seconds_until_it_answers(gallery, encoder, elsewhere)
    stored = gallery.load(encoder)
    if len(stored) < LEAST:
        return None
    chosen = np.sort(np.random.default_rng(0).choice(len(stored), min(count, len(stored)), replace=False))
    asked = ask_both(gallery, elsewhere, stored, chosen, progress)
    mated = np.isin(stored.subject_ids[chosen], those_with_several(stored))
    ours, theirs = np.median(asked.seconds, axis=0) * 1e3
    return Measured(
        spec=spec, templates=len(stored), probes=len(chosen),
        recall=recall(asked.there.similarities, asked.exact.similarities), mated=int(mated.sum()),
        fnir=fnir(is_found(stored, chosen, asked.there, threshold), mated),
        fnir_exact=fnir(is_found(stored, chosen, asked.exact, threshold), mated),
        milliseconds=float(ours), exact_milliseconds=float(theirs), build_seconds=seconds,
    )  # fmt: skip


class Asked(NamedTuple):
    """The best for each probe that is not itself, there and exactly, both (Q,), and what that took: (Q, 2) seconds."""

    there: Candidates
    exact: Candidates
    seconds: np.ndarray


def seconds_until_it_answers(gallery: Gallery, encoder: str, elsewhere: Elsewhere) -> float:
    """Bring it up to date, and search once."""
    started = time.perf_counter()
    elsewhere.settle(gallery, encoder)
    elsewhere.search(gallery, encoder, np.eye(1, DIM, dtype=np.float32), 1)
    return time.perf_counter() - started


def ask_both(
    gallery: Gallery, elsewhere: Elsewhere, stored: StoredEmbeddings, chosen: Int64, progress: Progress
) -> Asked:  # fmt: skip
    """Search for the rows at `chosen` (Q,), in turn."""
    exact = build_index(stored.template_ids, stored.rows)
    there, meant, taken = [], [], []
    for number, row in enumerate(chosen.tolist()):
        progress(number, len(chosen))
        probe = np.ascontiguousarray(stored.rows[row : row + 1])
        moments = [time.perf_counter()]
        there.append(elsewhere.search(gallery, stored.encoder, probe, 2))
        moments.append(time.perf_counter())
        meant.append(exact.search(probe, 2))
        taken.append(np.diff([*moments, time.perf_counter()]))
    own = stored.template_ids[chosen]
    return Asked(others(there, own), others(meant, own), np.array(taken))


def those_with_several(stored: StoredEmbeddings) -> Int64:
    """Subjects of more templates than one."""
    subjects, counts = np.unique(stored.subject_ids, return_counts=True)
    return subjects[counts > 1]


def is_found(stored: StoredEmbeddings, chosen: Int64, best: Candidates, threshold: float) -> np.ndarray:
    """Is the best (Q,) for each chosen row (Q,) of the same subject, and alike enough?"""
    places = np.searchsorted(stored.template_ids, best.ids).clip(max=len(stored) - 1)
    is_own = stored.subject_ids[places] == stored.subject_ids[chosen]
    return np.asarray(is_own & (best.similarities >= threshold))


def others(found: list[Candidates], own: Int64) -> Candidates:
    """The best of each answer that is not the probe itself, both (Q,); 0 at -1 where there is none."""
    ids, alike = np.zeros(len(own), np.int64), np.full(len(own), -1, np.float32)
    for number, one in enumerate(found):
        other = np.flatnonzero((one.ids[0] != own[number]) & (one.ids[0] > 0))
        if len(other):
            ids[number], alike[number] = one.ids[0, other[0]], one.similarities[0, other[0]]
    return Candidates(ids, alike)


def recall(found: NDArray[np.float32], exact: NDArray[np.float32]) -> float:
    """The share that is as alike as it can be, but for the last digits of float32.

    >>> recall(np.array([0.9, 0.5], np.float32), np.array([0.9, 0.6], np.float32))
    0.5
    """
    return float((found >= exact - 1e-5).mean())
