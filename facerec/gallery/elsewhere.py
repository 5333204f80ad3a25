"""Searching where the embeddings are not in this process: in the gallery's own server, or in a Milvus beside it.

Both answer as `Searcher` does. SQL stays the truth: what is found elsewhere counts only if it is still enrolled, and
gets its name here. Each template counts by itself: a subject is as alike as its most alike template.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from facerec.errors import EncoderMismatch, InvalidInput
from facerec.gallery.fusion import EACH
from facerec.gallery.milvus_kinds import MILVUS, milvus_place
from facerec.records import Candidates, Float32, Int64

if TYPE_CHECKING:
    from facerec.gallery.store import Gallery

SERVER, SERVER_EXACT = "server", "server-exact"
SEARCH_HERE = "search with --index exact, or from now on: `facerec gallery index exact`"
"""What to do where a gallery cannot be searched elsewhere."""
Named = tuple[tuple[str, float], ...]


class Sizes(NamedTuple):
    """How many subjects are enrolled, and how many rows a search compares with."""

    enrolled: int
    compared: int


class Elsewhere(Protocol):
    """Where the embeddings are."""

    def settle(self, gallery: Gallery, encoder: str) -> None:
        """Be at the gallery's present state with all that makes searches fast; a search needs none of it."""
        ...

    def search(self, gallery: Gallery, encoder: str, probes: Float32, k: int) -> Candidates:
        """The k best templates per probe, of the gallery's present state: (Q, 128) -> (Q, <= k), best first.

        An id that is not there has no name.
        """
        ...


class RemoteSearcher:
    """The subjects of a gallery most like a probe, found elsewhere. Safe to share between threads."""

    def __init__(self, gallery: Gallery, encoder: str, elsewhere: Elsewhere):
        self._gallery, self._encoder, self._elsewhere = gallery, encoder, elsewhere

    def sizes(self) -> Sizes:
        """Raises EncoderMismatch where there are templates, but none of this encoder."""
        numbers = self._gallery.stats()
        compared = numbers.templates.get(self._encoder, 0)
        if numbers.faces and not compared:
            raise EncoderMismatch(f"no face has a template of encoder {self._encoder[:12]}: `facerec gallery migrate`")
        return Sizes(numbers.subjects, compared)

    def search(self, probes: Float32, k: int) -> list[Named]:
        """(Q, 128) -> for each probe up to k (subject, similarity), best first."""
        if not len(probes):
            return []
        asked = 2 * k
        while True:
            found = self._elsewhere.search(self._gallery, self._encoder, probes, asked)
            if not found.ids.size:
                self.sizes()
                return [()] * len(probes)
            owners = self._gallery.owners(sorted(set(found.ids.reshape(-1).tolist())))
            rows = zip(found.ids.tolist(), found.similarities.tolist(), strict=True)
            named = [first_of_each(ids, alike, owners)[:k] for ids, alike in rows]
            if found.ids.shape[1] < asked or all(len(one) == k for one in named):
                return named
            asked *= 4


class InTheServer:
    """Search by PostgreSQL itself: exact, or by its HNSW index."""

    def __init__(self, exact: bool = False):
        self._exact = exact

    def settle(self, gallery: Gallery, encoder: str) -> None:
        """The server always is."""

    def search(self, gallery: Gallery, encoder: str, probes: Float32, k: int) -> Candidates:
        return gallery.search_in_server(encoder, probes, k, self._exact)


def first_of_each(ids: Sequence[int], alike: Sequence[float], owners: dict[int, tuple[int, str]]) -> Named:
    """Each subject once, by its best template; ids that nobody owns are passed over.

    >>> first_of_each([7, 8, 9], [0.9, 0.8, 0.7], {7: (1, "Anna"), 8: (1, "Anna"), 9: (2, "Ben")})
    (('Anna', 0.9), ('Ben', 0.7))
    """
    best: dict[int, tuple[str, float]] = {}
    for template, similarity in zip(ids, alike, strict=True):
        if template in owners:
            subject, name = owners[template]
            best.setdefault(subject, (name, similarity))
    return tuple(best.values())


def compared_again(gallery: Gallery, encoder: str, probes: Float32, ids: Int64) -> Candidates:
    """Probes (Q, 128) and the templates that were named for them (Q, W), by the embeddings in SQL: (Q, W), best first.

    A template that is not enrolled, or not of this encoder, becomes id 0 at -1, as 0 itself does.
    """
    known, rows = gallery.rows_of(encoder, np.unique(ids))
    places = np.searchsorted(known, ids)
    there = np.isin(ids, known)
    found, alike = np.zeros(ids.shape, np.int64), np.full(ids.shape, -1, np.float32)
    for row, (probe, own) in enumerate(zip(probes, there, strict=True)):
        again = np.clip(rows[places[row, own]] @ probe, -1, 1)
        order = np.lexsort((ids[row, own], -again))
        found[row, : len(order)], alike[row, : len(order)] = ids[row, own][order], again[order]
    return Candidates(found, alike)


IN_SERVER: dict[str, Callable[[], Elsewhere]] = {SERVER: InTheServer, SERVER_EXACT: lambda: InTheServer(True)}


def elsewhere_named(name: str) -> Elsewhere | None:
    """By the name of an index: server, server-exact, or milvus:URI#KIND; None for one in this process."""
    if name.startswith(MILVUS):
        from facerec.gallery.milvus import Milvus

        return Milvus(*milvus_place(name))
    if name not in IN_SERVER and "://" in name:  # never said back: it may hold a password
        raise InvalidInput("only an index in Milvus has a URL, and its name begins with milvus: in small letters")
    return IN_SERVER[name]() if name in IN_SERVER else None


def require_no_gpu(device: str) -> None:
    """Raise InvalidInput where a GPU of this machine was asked for: it would not be used."""
    if device == "cuda":
        raise InvalidInput("elsewhere no GPU of this machine searches: leave --device cuda out, or say --index exact")


def require_each(templates: str) -> None:
    """Raise InvalidInput unless every template is to be compared by itself."""
    if templates != EACH:
        raise InvalidInput(f"elsewhere every template is compared by itself: say --templates {EACH}")
