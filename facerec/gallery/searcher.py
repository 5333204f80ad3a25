"""Searching a gallery that others may be changing: the index of one encoder, remade when the gallery has moved."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from facerec.errors import EncoderMismatch, GalleryUnusable
from facerec.failpoint import failpoint
from facerec.gallery.elsewhere import Named, Sizes
from facerec.gallery.fusion import apart
from facerec.gallery.index import build_index, search_subjects
from facerec.gallery.keeping import Keeper, kept_or_built
from facerec.gallery.layered import Build, Layered
from facerec.gallery.results import Changes, State, StoredEmbeddings
from facerec.records import Float32, Int64

Combine = Callable[[StoredEmbeddings], StoredEmbeddings]
"""Templates as they are stored -> rows to search, one per subject at least, with the same names."""


class Source(Keeper, Protocol):
    """What is searched, and where indexes are kept: a `Gallery`, or in a test anything that answers these."""

    def state(self) -> State: ...

    def load(self, encoder: str) -> StoredEmbeddings: ...

    def changes(self, encoder: str, past: State) -> Changes: ...


@dataclass(frozen=True, slots=True, eq=False)
class Searchable:
    """Whom a search can find, of one state of the gallery. Never changed, only replaced.

    names        subject id -> name
    ids, owners  (S,) int64 of the rows that are searched: their template ids, ascending, and whose they are
    templates    (S,) int64: how many templates each of them was made of
    damaged      (D,) int64: whose the templates are that were left out because they are damaged
    missing      faces that have no template of this encoder
    """

    state: State
    names: dict[int, str]
    ids: Int64
    owners: Int64
    templates: Int64
    index: Layered
    damaged: Int64
    missing: int

    def __len__(self) -> int:
        return len(self.ids)

    def search(self, probes: Float32, k: int) -> list[Named]:
        """(Q, 128) -> for each probe up to k (subject, similarity), best first; nothing where nobody is enrolled."""
        k = min(k, len(self.names))
        found = search_subjects(self.index, self.ids, self.owners, probes, k, len(self) / max(1, len(self.names)))
        return [
            tuple((self.names[subject], similarity) for subject, similarity in zip(*row, strict=True))
            for row in zip(found.subject_ids.tolist(), found.similarities.tolist(), strict=True)
        ]


class Searcher:
    """The subjects of a gallery most like a probe, by the templates of one encoder.

    Safe to share between threads: each search uses the index that was current when it began. Every search first
    reads the gallery's state, so a subject that any process has removed is not found again.
    """

    def __init__(
        self, source: Source, encoder: str, build: Build = build_index,
        combine: Combine = apart,
    ):  # fmt: skip
        self._source = source
        self._encoder = encoder
        self._build = build
        self._combine = combine
        self._lock, self._building = threading.Lock(), threading.Lock()
        self._current: Searchable | None = None

    def search(self, probes: Float32, k: int) -> list[Named]:
        """(Q, 128) -> for each probe up to k (subject, similarity), best first; nothing from an empty gallery.

        Raises EncoderMismatch when there are templates, but none of this encoder, and GalleryUnusable when all of
        them are damaged.
        """
        current = self.current()
        require_templates(current, self._encoder)
        return current.search(probes, k)

    def sizes(self) -> Sizes:
        """How many are enrolled, and how many rows are compared. Raises as `search` does."""
        current = self.current()
        require_templates(current, self._encoder)
        return Sizes(len(current.names), len(current))

    def current(self) -> Searchable:
        """What a search that begins now would search: the gallery as it is, or was since this was called.

        Where so much has changed that the index is to be built anew, one thread builds it while the others go on with
        what they have.
        """
        try:
            current = self._followed()
            if current.index.is_worn and self._building.acquire(blocking=False):
                try:
                    self._build_anew(current)
                finally:
                    self._building.release()
                current = self._followed()
        except MemoryError as error:
            raise GalleryUnusable("there is not enough memory for everybody enrolled: 530 bytes a template") from error
        return current

    def _followed(self) -> Searchable:
        current = self._current
        if current is not None and current.state == self._source.state():
            return current
        with self._lock:
            if self._current is None or self._current.state != self._source.state():
                self._current = self._next(self._current)
            return self._current

    def _build_anew(self, worn: Searchable) -> None:
        """Others change what is current meanwhile, so what is built is brought up to date before it takes its place."""
        if self._current is not None and self._current.index.base is not worn.index.base:
            return
        built = self._built(self._source.load(self._encoder))
        with self._lock:
            self._current = self._caught_up(built)

    def _next(self, current: Searchable | None) -> Searchable:
        if current is not None:
            changes = self._source.changes(self._encoder, current.state)
            if changes.touched is None:
                return self._caught_up(self._built(changes.templates))
            if changed := self._changed(current, changes):
                return changed
        return self._caught_up(self._built(self._source.load(self._encoder)))

    def _caught_up(self, built: Searchable) -> Searchable:
        """With what has changed while it was built, which may have taken minutes: somebody may have been removed."""
        if built.state == self._source.state():
            return built
        changes = self._source.changes(self._encoder, built.state)
        return built if changes.touched is None else self._changed(built, changes) or built

    def _built(self, stored: StoredEmbeddings) -> Searchable:
        searched = self._combine(stored)
        failpoint("index.before_build")
        index = kept_or_built(self._source, self._build, searched)
        failpoint("index.before_swap")
        owners, templates = searched.subject_ids, made_of(stored, searched)
        left_out = (stored.damaged, stored.missing)
        return Searchable(stored.state, stored.names, searched.template_ids, owners, templates, index, *left_out)

    def _changed(self, current: Searchable, changes: Changes) -> Searchable | None:
        """None where everything is to be read: nobody is left, or the number of templates does not come out right."""
        touched, stored = list(changes.touched or ()), changes.templates
        stays, still = ~np.isin(current.owners, touched), ~np.isin(current.damaged, touched)
        damaged = np.concatenate([current.damaged[still], stored.damaged])
        if not (number := current.templates[stays].sum() + len(stored)) or number + len(damaged) != changes.count:
            return None
        came = self._combine(stored)
        index = current.index.after(current.ids[~stays], came.template_ids, came.rows)
        ids = np.concatenate([current.ids[stays], came.template_ids])
        owners = np.concatenate([current.owners[stays], came.subject_ids])
        templates = np.concatenate([current.templates[stays], made_of(stored, came)])
        order = np.argsort(ids, kind="stable")
        gone = frozenset(touched)
        names = {key: name for key, name in current.names.items() if key not in gone} | stored.names
        left_out = (damaged, stored.missing)
        return Searchable(stored.state, names, ids[order], owners[order], templates[order], index, *left_out)


def made_of(stored: StoredEmbeddings, searched: StoredEmbeddings) -> Int64:
    """How many templates each row of `searched` was made of: (S,), which sum to the number stored."""
    if len(searched) == len(stored):
        return np.ones(len(searched), np.int64)
    owners, counts = np.unique(stored.subject_ids, return_counts=True)
    return counts[np.searchsorted(owners, searched.subject_ids)]


def require_templates(stored: StoredEmbeddings | Searchable, encoder: str) -> None:
    """Raise unless there is something to compare with, or nobody is enrolled at all.

    EncoderMismatch when faces are enrolled with other encoders only, GalleryUnusable when all that there is of this
    one is damaged: either would otherwise look as if nobody was alike.
    """
    if len(stored):
        return
    if len(stored.damaged):
        raise GalleryUnusable(f"all {len(stored.damaged)} templates are damaged: enroll their pictures again")
    if stored.missing:
        raise EncoderMismatch(
            f"{stored.missing} faces are enrolled, none with a template of encoder {encoder[:12]}: embeddings of "
            "different encoders are never compared; enroll the pictures again with this one"
        )
