"""An approximate index that faiss makes by a factory string, such as `HNSW32` or `IVF1024,SQ8;nprobe=16`.

It only says where to look: whatever it names is compared again with the embeddings themselves, so a similarity is never
approximate and a threshold keeps its FMR. What is approximate is whether the best is among what it names.
"""

from __future__ import annotations

import functools
import hashlib
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from facerec.errors import DamagedFile, InvalidInput, TooFewTemplates
from facerec.gallery.index import ExactIndex, Index, build_index, faiss_library, in_id_order, require_search
from facerec.records import DIM, Candidates, Float32, Int64

Naming = Callable[[Float32, int], Int64]
"""Probes (Q, 128) and n -> positions of the rows to be compared (Q, n), -1 where there are no more."""

WIDER, AT_LEAST = 4, 32
"""So many times as many as are asked for are taken from the index and compared again, and no fewer than so many."""

TRAINED_ON_EACH = 64
"""Embeddings per list that an inverted file is trained on; faiss warns below 39 and takes up to 256."""

TRAINED_ON = 100_000
"""Embeddings that any other index is trained on."""

READ_AT_ONCE = 1 << 20
"""Bytes of a kept index."""

log = logging.getLogger(__name__)


class Rescored:
    """What a `Naming` names, compared again."""

    def __init__(self, ids: Int64, embeddings: Float32, make: Callable[[Float32], Naming]):
        self._ids, self._embeddings = in_id_order(ids, embeddings)
        self._named = make(self._embeddings)

    def __len__(self) -> int:
        return len(self._ids)

    def search(self, probes: Float32, k: int) -> Candidates:
        """(Q, 128) -> (Q, min(k, N)), best of those found first; ties among them go to the lower id.

        A probe for which fewer than k are named (where lists are short) is compared with everybody.
        """
        require_search(probes, k)
        k = min(k, len(self))
        if not k or not len(probes):
            return self._exact.search(probes, max(1, k))
        named = self._named(np.ascontiguousarray(probes), min(len(self), max(AT_LEAST, WIDER * k)))
        alike = np.einsum("qd,qnd->qn", probes, self._embeddings[np.maximum(named, 0)])
        alike = np.where(named < 0, np.float32(-2), np.clip(alike, -1, 1))
        best = np.lexsort((named, -alike), axis=1)[:, :k]
        positions, scores = np.take_along_axis(named, best, axis=1), np.take_along_axis(alike, best, axis=1)
        ids, short = self._ids[np.maximum(positions, 0)], (positions < 0).any(axis=1)
        if short.any():
            ids[short], scores[short] = self._exact.search(probes[short], k)
        return Candidates(ids, scores)

    @functools.cached_property
    def _exact(self) -> ExactIndex:
        return ExactIndex(self._ids, self._embeddings)


class FactoryIndex(Rescored):
    """Approximate search behind the same Protocol as `ExactIndex`."""

    def __init__(self, ids: Int64, embeddings: Float32, spec: str, content: np.ndarray | None = None):
        """`spec` is a factory string, and behind `;` settings for the search (faiss.ParameterSpace).

        `content` is what `in_bytes` made of an index of the same embeddings, under ascending ids. Raises InvalidInput
        where faiss cannot make one of it, TooFewTemplates for too few embeddings, DamagedFile for another content.
        """
        super().__init__(ids, embeddings, lambda rows: self._made(spec, rows, content))

    def tune(self, settings: str) -> None:
        """Settings for the search, such as `nprobe=16`. Raises InvalidInput; not while others search."""
        tune(self._index, settings)

    def in_bytes(self) -> np.ndarray:
        """The index as faiss writes it, (L,) uint8: codes, or embeddings once more."""
        faiss = faiss_library()
        writer = faiss.VectorIOWriter()
        faiss.write_index(self._index, writer)
        content: np.ndarray = faiss.vector_to_array(writer.data)
        return content

    def _made(self, spec: str, rows: Float32, content: np.ndarray | None) -> Naming:
        self._index = built(spec, rows) if content is None else from_bytes(spec, content, len(rows))
        return names_of(self._index)


@dataclass(frozen=True, slots=True)
class Factory:
    """What builds approximate indexes of one spec, and exact ones of too few rows for it."""

    spec: str

    def __call__(self, ids: Int64, rows: Float32) -> Index:
        return exact_of_too_few(lambda ids, rows: FactoryIndex(ids, rows, self.spec), ids, rows)

    @property
    def kind(self) -> bytes:
        """32 bytes. An index in bytes is of use only to a Factory of the same kind: same factory string, settings of
        the same names, same version of faiss.

        The names count because faiss writes what was set: who reads it and sets nothing would search by that.
        """
        factory, _, settings = self.spec.partition(";")
        names = sorted(setting.partition("=")[0] for setting in settings.split(","))
        return hashlib.sha256("\n".join([faiss_library().__version__, factory, *names]).encode()).digest()


def exact_of_too_few(build: Callable[[Int64, Float32], Index], ids: Int64, rows: Float32) -> Index:
    """What `build` makes of ids (N,) and rows (N, 128); where those are too few, exact search, which is logged."""
    try:
        return build(ids, rows)
    except TooFewTemplates as error:
        log.info("everybody is compared: %s", error)
        return build_index(ids, rows)


def names_of(index: Any) -> Naming:
    """What a faiss index answers, without its scores."""

    def named(probes: Float32, count: int) -> Int64:
        positions: Int64 = index.search(probes, count)[1]
        return positions

    return named


def built(spec: str, embeddings: Float32) -> Any:
    """A trained and filled faiss index over rows (N, 128). Raises InvalidInput, and TooFewTemplates."""
    factory, _, settings = spec.partition(";")
    index = empty(factory)
    try:
        fill(index, embeddings)
    except RuntimeError as error:
        raise TooFewTemplates(f"{len(embeddings)} rows are too few for {factory!r}{_why(error)}") from error
    if settings:
        tune(index, settings)
    return index


def empty(factory: str) -> Any:
    """A faiss index by its factory string, neither trained nor filled. Raises InvalidInput where there is none."""
    faiss = faiss_library()
    try:
        return faiss.index_factory(DIM, factory, faiss.METRIC_INNER_PRODUCT)
    except RuntimeError as error:
        raise InvalidInput(f"faiss makes no index {factory!r}{_why(error)}") from error


def fill(index: Any, embeddings: Float32) -> None:
    """Train an index where it must be, and add rows (N, 128). Raises RuntimeError, as of too few."""
    if not index.is_trained:
        if not len(embeddings):
            raise RuntimeError("there is nothing to train it on")
        be_silent_about_few(index)
        index.train(sample(embeddings, lists_of(index)))
    index.add(embeddings)


def from_bytes(spec: str, content: np.ndarray, count: int) -> Any:
    """The faiss index of `count` rows that became `content`. Raises DamagedFile where it is another.

    Only for bytes of which it is known that they are whole: faiss trusts the lengths that it finds in them. They are
    copied, and need not be kept.
    """
    faiss = faiss_library()
    try:
        index = faiss.read_index(faiss.PyCallbackIOReader(reader_of(content), READ_AT_ONCE))
    except RuntimeError as error:
        raise DamagedFile(f"faiss does not read it{_why(error)}") from error
    if (index.d, index.ntotal, index.metric_type) != (DIM, count, faiss.METRIC_INNER_PRODUCT):
        raise DamagedFile("it is an index of something else")
    if settings := spec.partition(";")[2]:
        tune(index, settings)
    return index


def reader_of(content: np.ndarray) -> Callable[[int], bytes]:
    """What reads (L,) uint8 from its beginning on, a copy of so many bytes at a time."""
    rest = content.data

    def read(count: int) -> bytes:
        nonlocal rest
        part, rest = bytes(rest[:count]), rest[count:]
        return part

    return read


def tune(index: Any, settings: str) -> None:
    """Set what a search looks at. Raises InvalidInput for what this kind of index does not know or cannot search by."""
    try:
        faiss_library().ParameterSpace().set_index_parameters(index, settings)
        index.search(
            np.eye(1, DIM, dtype=np.float32), 1
        )  # faiss takes a number as it is, and stumbles when it searches
    except RuntimeError as error:
        raise InvalidInput(f"this index cannot be searched with {settings!r}{_why(error)}") from error


def lists_of(index: Any) -> int:
    """Lists of an inverted file, 0 for any other index."""
    faiss = faiss_library()
    try:
        return int(faiss.extract_index_ivf(index).nlist)
    except RuntimeError:
        return 0


def be_silent_about_few(index: Any) -> None:
    """No warning of faiss's, which it prints at every start, for k-means of few rows: what comes of it is measured."""
    faiss = faiss_library()
    while isinstance(index, faiss.IndexPreTransform | faiss.IndexRefine):
        inner = index.index if isinstance(index, faiss.IndexPreTransform) else index.base_index
        index = faiss.downcast_index(inner)
    for part in (index, getattr(index, "pq", None)):
        if clustering := getattr(part, "cp", None):
            clustering.min_points_per_centroid = 1


def sample(embeddings: Float32, lists: int) -> Float32:
    """What an index is trained on: all, or as many as it needs, drawn evenly so that it comes out the same again."""
    wanted = max(TRAINED_ON_EACH * lists, 1) if lists else TRAINED_ON
    if len(embeddings) <= wanted:
        return embeddings
    return np.ascontiguousarray(embeddings[np.linspace(0, len(embeddings) - 1, wanted).astype(np.int64)])


def _why(error: RuntimeError) -> str:
    """What faiss says behind a colon, without its place in its source and the condition that failed there."""
    words = re.sub(r"^.* at \S+:\d+: ", "", str(error).strip().splitlines()[-1])
    words = re.sub(r"^Error: ('.*?' failed(: |$))?", "", words)
    return words and f": {words.strip()}"
