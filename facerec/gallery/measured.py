"""What an approximate index costs and saves, measured on the gallery's own templates.

Templates drawn at random are taken out and searched for among the rest, by the approximate index and by an exact one
in turn. Recall@1 is the share of them for which both find one that is equally alike. FNIR is the share, of those whose
subject has other templates, whose subject is not found first at the threshold; the difference is what approximation
costs.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from facerec.errors import InvalidInput, TooFewTemplates
from facerec.gallery.factory_index import FactoryIndex
from facerec.gallery.fusion import apart
from facerec.gallery.index import Index, build_index
from facerec.gallery.kinds import EXACT
from facerec.gallery.progress import Progress, silent
from facerec.gallery.results import StoredEmbeddings
from facerec.records import Candidates, Float32, Int64

PROBES, TIMED = 1000, 50
"""Templates searched for, and searches timed one by one."""

LEAST_RECALL = 0.99
WORTH = 2.0
"""An approximate index is chosen when it is at least so many times as fast as the exact one."""

EXACT_IS_FAST = 20_000
"""Templates. Fewer are searched exactly in about a millisecond."""

GRAPH_UP_TO = 300_000
"""Templates. A graph (HNSW) of more takes many minutes to build, also after every removal."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One kind of index on one gallery.

    spec          its name
    templates     rows searched beside the probes: one a subject where its templates are fused
    recall        recall@1, 0..1, over `probes` searches
    fnir          with it, and `fnir_exact` without approximation, over `mated` searches; None where there are none
    milliseconds  of a search for one probe, and `exact_milliseconds`: medians, taken in turn
    build_seconds to build it; `facerec.gallery.keeping` says when the next process need not
    """

    spec: str
    templates: int
    probes: int
    recall: float
    mated: int
    fnir: float | None
    fnir_exact: float | None
    milliseconds: float
    exact_milliseconds: float
    build_seconds: float

    @property
    def times_as_fast(self) -> float:
        return self.exact_milliseconds / self.milliseconds


class Trial(NamedTuple):
    """Probes (P, 128) that are not among those searched, whose they are, and what an exact search answers."""

    searched: StoredEmbeddings
    probes: Float32
    owners: Int64
    exact: Index
    answers: Candidates
    threshold: float


def trial(
    stored: StoredEmbeddings, threshold: float, combine: Callable[[StoredEmbeddings], StoredEmbeddings] = apart,
    count: int = PROBES, seed: int = 0,
) -> Trial:  # fmt: skip
    """Take up to a tenth of the templates out. Raises InvalidInput for a gallery of fewer than ten."""
    count = min(count, len(stored) // 10)
    if count < 1:
        raise InvalidInput(f"to measure an index takes a gallery of ten templates and more, not {len(stored)}")
    out = np.zeros(len(stored), bool)
    out[np.random.default_rng(seed).choice(len(stored), count, replace=False)] = True
    searched = combine(without(stored, out))
    exact = build_index(searched.template_ids, searched.rows)
    probes = np.ascontiguousarray(stored.rows[out])
    return Trial(searched, probes, stored.subject_ids[out], exact, exact.search(probes, 1), threshold)


def without(stored: StoredEmbeddings, out: np.ndarray) -> StoredEmbeddings:
    """The templates that are not out."""
    owners = stored.subject_ids[~out]
    names = {key: stored.names[key] for key in np.unique(owners).tolist()}
    return replace(
        stored, template_ids=stored.template_ids[~out], subject_ids=owners, rows=stored.rows[~out], names=names
    )


def measure(on: Trial, specs: Sequence[str], progress: Progress = silent) -> Iterator[Measured]:
    """Each kind of index on one trial; those that differ in their settings only share one that is built once.

    Raises InvalidInput for a name that faiss does not know, and TooFewTemplates.
    """
    factory, index, seconds = None, None, 0.0
    for number, spec in enumerate(specs):
        progress(number, len(specs))
        name, _, settings = spec.partition(";")
        if index is None or name != factory:
            started = time.perf_counter()
            index = _built(on, name)
            factory, seconds = name, time.perf_counter() - started
        if settings:
            index.tune(settings)
        yield _measured(on, spec, index, seconds)
    progress(len(specs), len(specs))


def _built(on: Trial, factory: str) -> FactoryIndex:
    try:
        return FactoryIndex(on.searched.template_ids, on.searched.rows, factory)
    except TooFewTemplates as error:
        counted = "one a subject unless --templates each, less what was taken out to measure"
        raise TooFewTemplates(f"{error} ({counted})") from error


def _measured(on: Trial, spec: str, index: Index, seconds: float) -> Measured:
    found = index.search(on.probes, 1)
    mated = np.isin(on.owners, on.searched.subject_ids)
    ours, exact = _milliseconds(index, on.exact, on.probes[:TIMED])
    return Measured(
        spec=spec, templates=len(on.searched), probes=len(on.probes),
        recall=float((found.similarities[:, 0] >= on.answers.similarities[:, 0] - 1e-6).mean()),
        mated=int(mated.sum()), fnir=_fnir(on, found, mated), fnir_exact=_fnir(on, on.answers, mated),
        milliseconds=ours, exact_milliseconds=exact, build_seconds=seconds,
    )  # fmt: skip


def _fnir(on: Trial, found: Candidates, mated: np.ndarray) -> float | None:
    whose = on.searched.subject_ids[np.searchsorted(on.searched.template_ids, found.ids[:, 0])]
    return fnir((whose == on.owners) & (found.similarities[:, 0] >= on.threshold), mated)


def fnir(is_found: np.ndarray, mated: np.ndarray) -> float | None:
    """The share not found (P,) of those that can be (P,); None where none can.

    >>> fnir(np.array([True, False, False]), np.array([True, True, False]))
    0.5
    """
    return float((~is_found[mated]).mean()) if mated.any() else None


def _milliseconds(first: Index, second: Index, probes: Float32) -> tuple[float, float]:
    """Medians of a search for one probe, in turn."""
    taken: list[tuple[float, float]] = []
    for probe in probes:
        moments = [time.perf_counter()]
        for index in (first, second):
            index.search(probe[None], 1)
            moments.append(time.perf_counter())
        taken.append((moments[1] - moments[0], moments[2] - moments[1]))
    ours, theirs = np.median(np.array(taken), axis=0) * 1e3
    return float(ours), float(theirs)


def candidates(templates: int) -> tuple[str, ...]:
    """The kinds that may pay for so many; none where exact search is fast enough."""
    if templates < EXACT_IS_FAST:
        return ()
    lists = 1 << round(np.log2(2 * np.sqrt(templates)))
    inverted = tuple(f"IVF{lists},Flat;nprobe={1 << power}" for power in range(0, int(np.log2(lists)) - 1))
    graph = tuple(f"HNSW32;efSearch={reach}" for reach in (32, 64, 128, 256)) if templates <= GRAPH_UP_TO else ()
    return (*inverted, *graph, "SQ8")


def chosen(found: Sequence[Measured], least_recall: float = LEAST_RECALL) -> str:
    """The fastest that finds what it must and is worth it; exact where there is none."""
    fit = [one for one in found if one.recall >= least_recall and one.times_as_fast >= WORTH]
    return min(fit, key=lambda one: one.milliseconds).spec if fit else EXACT
