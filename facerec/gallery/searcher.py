"""Searching a gallery that others may be changing: the index of one encoder, remade when the gallery has moved."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from facerec.errors import EncoderMismatch, GalleryUnusable
from facerec.failpoint import failpoint
from facerec.gallery.elsewhere import Sizes
from facerec.gallery.fusion import apart
from facerec.gallery.index import Index, build_index, search_subjects
from facerec.gallery.layered import next_index
from facerec.gallery.results import State, StoredEmbeddings
from facerec.records import Float32, Int64

Combine = Callable[[StoredEmbeddings], StoredEmbeddings]
"""Templates as they are stored -> rows to search, one per subject at least, with the same names."""


class Source(Protocol):
    """What is searched: a `Gallery`, or in a test anything that answers these three."""

    def state(self) -> State: ...

    def load(self, encoder: str) -> StoredEmbeddings: ...

    def refresh(self, stored: StoredEmbeddings) -> StoredEmbeddings: ...


@dataclass(frozen=True, slots=True, eq=False)
class Searchable:
    """Templates and the index over them, of one state. Never changed, only replaced.

    stored    as they lie in the gallery
    searched  what the index is over: the same, or one row for all templates of a subject
    """

    stored: StoredEmbeddings
    searched: StoredEmbeddings
    index: Index


class Searcher:
    """The subjects of a gallery most like a probe, by the templates of one encoder.

    Safe to share between threads: each search uses the index that was current when it began. Every search first
    reads the gallery's state, so a subject that any process has removed is not found again.
    """

    def __init__(
        self, source: Source, encoder: str, build: Callable[[Int64, Float32], Index] = build_index,
        combine: Combine = apart,
    ):  # fmt: skip
        self._source = source
        self._encoder = encoder
        self._build = build
        self._combine = combine
        self._lock = threading.Lock()
        self._current: Searchable | None = None

    def search(self, probes: Float32, k: int) -> list[tuple[tuple[str, float], ...]]:
        """(Q, 128) -> for each probe up to k (subject, similarity), best first; nothing from an empty gallery.

        Raises EncoderMismatch when there are templates, but none of this encoder, and GalleryUnusable when all of
        them are damaged.
        """
        current = self.current()
        searched = current.searched
        k = min(k, len(searched.names))
        each = len(searched) / max(1, len(searched.names))
        found = search_subjects(current.index, searched.template_ids, searched.subject_ids, probes, k, each)
        return [
            tuple((searched.names[subject], similarity) for subject, similarity in zip(*row, strict=True))
            for row in zip(found.subject_ids.tolist(), found.similarities.tolist(), strict=True)
        ]

    def sizes(self) -> Sizes:
        """How many are enrolled, and how many rows are compared. Raises as `search` does."""
        searched = self.current().searched
        return Sizes(len(searched.names), len(searched))

    def current(self) -> Searchable:
        """What a search that begins now would search. Raises as `search` does."""
        current = self._fresh()
        if current is None:
            with self._lock:
                current = self._fresh() or self._load()
        return current

    def _fresh(self) -> Searchable | None:
        """What was loaded, unless the gallery has moved since, forward or (restored from a backup) back."""
        current = self._current
        if current is not None and current.stored.state == self._source.state():
            return current
        return None

    def _load(self) -> Searchable:
        try:
            self._current = self._next(self._current)
        except MemoryError as error:
            raise GalleryUnusable("there is not enough memory for everybody enrolled: 530 bytes a template") from error
        return self._current

    def _next(self, current: Searchable | None) -> Searchable:
        stored = self._source.refresh(current.stored) if current else self._source.load(self._encoder)
        require_templates(stored, self._encoder)
        if current and stored.rows is current.stored.rows:  # a name has changed, or nothing that is searched
            return Searchable(stored, replace(current.searched, state=stored.state, names=stored.names), current.index)
        searched = self._combine(stored)
        failpoint("index.before_build")
        index = next_index(self._build, current.index if current else None, searched.template_ids, searched.rows)
        failpoint("index.before_swap")
        return Searchable(stored, searched, index)


def require_templates(stored: StoredEmbeddings, encoder: str) -> None:
    """Raise unless there is something to compare with, or nobody is enrolled at all.

    EncoderMismatch when faces are enrolled with other encoders only, GalleryUnusable when all that there is of this
    one is damaged: either would otherwise look as if nobody was alike.
    """
    if len(stored):
        return
    if stored.quarantined:
        raise GalleryUnusable(f"all {stored.quarantined} templates are damaged: enroll their pictures again")
    if stored.missing:
        raise EncoderMismatch(
            f"{stored.missing} faces are enrolled, none with a template of encoder {encoder[:12]}: embeddings of "
            "different encoders are never compared; enroll the pictures again with this one"
        )
