"""Every probe compared with the whole gallery, in blocks, and what error rates need to know of the answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from facerec.errors import InvalidInput
from facerec.evaluation.embedding import Embedded, numbered
from facerec.metrics.cross_pairs import similarity
from facerec.metrics.identification import NEVER, best_per_subject, ranks
from facerec.metrics.scores import Bools
from facerec.records import Float32, Int64

CELLS = 2**24  # similarities held at once: 64 MB


@dataclass(frozen=True, slots=True, eq=False)
class GalleryAndProbes:
    """T pictures to enroll and Q to search for, as embeddings, and the subject that each shows."""

    gallery: Embedded
    gallery_subjects: tuple[str, ...]
    probes: Embedded
    probe_subjects: tuple[str, ...]

    def enrolling(self, subjects: Sequence[str]) -> GalleryAndProbes:
        """The same with only these subjects in the gallery; all probes stay."""
        keep = np.isin(self.gallery_subjects, subjects)
        names = tuple(name for name, kept in zip(self.gallery_subjects, keep, strict=True) if kept)
        gallery = Embedded(self.gallery.rows[keep], self.gallery.found[keep])
        return GalleryAndProbes(gallery, names, self.probes, self.probe_subjects)


@dataclass(frozen=True, slots=True, eq=False)
class Searches:
    """The answers to Q probes.

    gallery_size  N, subjects with at least one template
    mated         (Q,) bool     the probe's subject was to be enrolled; whether that worked does not matter
    non_mated     (Q,) bool     a stranger, in whose picture a face was found
    ranks         (Q,) int64    of the own subject; NEVER for strangers, and where there is no face or no template
    own           (Q,) float32  similarity to the own subject, -inf where the rank is NEVER
    best          (Q,) float32  highest similarity to anybody, -inf without a face
    """

    gallery_size: int
    mated: Bools
    non_mated: Bools
    ranks: Int64
    own: Float32
    best: Float32


def search(shown: GalleryAndProbes) -> Searches:
    """Search for every probe. Raises InvalidInput where nobody could be enrolled."""
    gallery, probes = shown.gallery, shown.probes
    enrolled = [name for name, found in zip(shown.gallery_subjects, gallery.found, strict=True) if found]
    if not enrolled:
        raise InvalidInput("no face was found in any picture to enroll")
    names, subjects = numbered(enrolled)
    column = {name: number for number, name in enumerate(names)}
    own = np.array([column.get(name, -1) for name in shown.probe_subjects], np.int64)
    planned = set(shown.gallery_subjects)
    mated = np.array([name in planned for name in shown.probe_subjects], np.bool_)
    rank, mine, best = _answers(gallery.rows[gallery.found], subjects, probes.rows, own)
    lost = ~probes.found
    return Searches(
        gallery_size=len(names),
        mated=mated,
        non_mated=~mated & probes.found,
        ranks=np.where(lost, NEVER, rank),
        own=np.where(lost, np.float32(-np.inf), mine),
        best=np.where(lost, np.float32(-np.inf), best),
    )


def _answers(templates: Float32, subjects: Int64, probes: Float32, own: Int64) -> tuple[Int64, Float32, Float32]:
    """Rank and similarity of each probe's own subject (column -1: none), and the highest similarity: each (Q,)."""
    rank = np.full(len(probes), NEVER)
    mine, best = np.full(len(probes), -np.inf, np.float32), np.zeros(len(probes), np.float32)
    step = max(1, CELLS // len(templates))
    for start in range(0, len(probes), step):
        rows = np.arange(start, min(start + step, len(probes)))
        by_subject = best_per_subject(similarity(probes[rows], templates), subjects)
        best[rows] = by_subject.max(axis=1)
        has = own[rows] >= 0
        rank[rows[has]] = ranks(by_subject[has], own[rows[has]])
        mine[rows[has]] = by_subject[has, own[rows[has]]]
    return rank, mine, best
