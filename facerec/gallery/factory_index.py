"""An approximate index that faiss makes by a factory string, such as `HNSW32` or `IVF1024,SQ8;nprobe=16`.

It only says where to look: whatever it names is compared again with the embeddings themselves, so a similarity is never
approximate and a threshold keeps its FMR. What is approximate is whether the best is among what it names.
"""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from facerec.errors import DamagedFile, InvalidInput
from facerec.gallery.index import ExactIndex, faiss_library, in_id_order, require_search
from facerec.records import DIM, Candidates, Float32, Int64

Named = Callable[[Float32, int], Int64]

WIDER, AT_LEAST = 4, 32
"""So many times as many as are asked for are taken from the index and compared again, and no fewer than so many."""

TRAINED_ON_EACH = 64
"""Embeddings per list that an inverted file is trained on; faiss warns below 39 and takes up to 256."""

TRAINED_ON = 100_000
"""Embeddings that any other index is trained on."""

READ_AT_ONCE = 1 << 20
"""Bytes of a kept index."""


class Rescored:
    """What `named` names, compared again: (Q, 128) and n -> positions (Q, n), -1 where it has no more to name."""

    def __init__(self, ids: Int64, embeddings: Float32, make: Callable[[Float32], Named]):
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
        where faiss cannot make one of it, or not of so few embeddings, and DamagedFile for another content.
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

    def _made(self, spec: str, rows: Float32, content: np.ndarray | None) -> Named:
        self._index = built(spec, rows) if content is None else from_bytes(spec, content, len(rows))
        return names_of(self._index)


@dataclass(frozen=True, slots=True)
class Factory:
    """What builds approximate indexes of one spec."""

    spec: str

    def __call__(self, ids: Int64, rows: Float32) -> FactoryIndex:
        return FactoryIndex(ids, rows, self.spec)

    @property
    def kind(self) -> bytes:
        """32 bytes. An index in bytes is of use only to a Factory of the same kind: same factory string, settings of
        the same names, same version of faiss."""
        factory, _, settings = self.spec.partition(";")
        names = sorted(setting.partition("=")[0] for setting in settings.split(","))
        return hashlib.sha256("\n".join([faiss_library().__version__, factory, *names]).encode()).digest()


def names_of(index: Any) -> Named:
    """What a faiss index answers, without its scores."""

    def named(probes: Float32, count: int) -> Int64:
        positions: Int64 = index.search(probes, count)[1]
        return positions

    return named


def built(spec: str, embeddings: Float32) -> Any:
    """A trained and filled faiss index over rows (N, 128)."""
    faiss = faiss_library()
    factory, _, settings = spec.partition(";")
    try:
        index = faiss.index_factory(DIM, factory, faiss.METRIC_INNER_PRODUCT)
        if not index.is_trained:
            index.train(sample(embeddings, lists_of(index)))
        index.add(embeddings)
    except RuntimeError as error:
        raise InvalidInput(
            f"faiss makes no index {factory!r} of {len(embeddings)} embeddings: {_last(error)}"
        ) from error
    if settings:
        tune(index, settings)
    return index


def from_bytes(spec: str, content: np.ndarray, count: int) -> Any:
    """The faiss index of `count` rows that became `content`. Raises DamagedFile where it is another.

    Only for bytes of which it is known that they are whole: faiss trusts the lengths that it finds in them. They are
    copied, and need not be kept.
    """
    faiss = faiss_library()
    try:
        index = faiss.read_index(faiss.PyCallbackIOReader(reader_of(content), READ_AT_ONCE))
    except RuntimeError as error:
        raise DamagedFile(f"faiss does not read it: {_last(error)}") from error
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
    """Set what a search looks at. Raises InvalidInput for what this kind of index does not know."""
    try:
        faiss_library().ParameterSpace().set_index_parameters(index, settings)
    except RuntimeError as error:
        raise InvalidInput(f"this index knows no setting {settings!r}: {_last(error)}") from error


def lists_of(index: Any) -> int:
    """Lists of an inverted file, 0 for any other index."""
    faiss = faiss_library()
    try:
        return int(faiss.extract_index_ivf(index).nlist)
    except RuntimeError:
        return 0


def sample(embeddings: Float32, lists: int) -> Float32:
    """What an index is trained on: all, or as many as it needs, drawn evenly so that it comes out the same again."""
    wanted = max(TRAINED_ON_EACH * lists, 1) if lists else TRAINED_ON
    if len(embeddings) <= wanted:
        return embeddings
    return np.ascontiguousarray(embeddings[np.linspace(0, len(embeddings) - 1, wanted).astype(np.int64)])


def _last(error: RuntimeError) -> str:
    """What faiss says, without its place in its source."""
    return re.sub(r"^.* at \S+:\d+: |^Error: ", "", str(error).strip().splitlines()[-1])
