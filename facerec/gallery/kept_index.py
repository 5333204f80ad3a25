"""A file that holds an approximate index as it was built, so that the next process need not build it.

    header   as `facerec.gallery.snapshot` has it; its kind says which index this is, by which version of faiss
    payload  ids (N) int64, rising; digests (N) uint64 of the rows (N, 128) that were indexed; what faiss made of them

The embeddings are not in it: whoever searches has them. Row by row, their digests say which of them are still those
that were indexed. What faiss made (codes, or the embeddings once more) is personal data as well.

faiss trusts what it reads, so nothing here is shown to it before the SHA-256 of all of it was compared. That tells
damage, not forgery: a file of another user is not read at all.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from facerec.errors import DamagedFile
from facerec.gallery.results import State
from facerec.gallery.snapshot import read_arrays, read_header, sealed_blocks
from facerec.records import DIM, Float32, Int64

BYTES_PER_ROW = 8 + 8

AT_ONCE = 1 << 11
"""Rows whose digests are computed together: 1 MB, which stays in the processor's cache."""

WEIGHTS = np.random.default_rng(8128).integers(0, 1 << 63, DIM // 2, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
"""Odd, so that no bit of a row is multiplied away. They are part of the format."""


@dataclass(frozen=True, slots=True, eq=False)
class KeptIndex:
    """An approximate index, and what it is over.

    state    of the gallery when it was built
    kind     32 bytes: see `facerec.gallery.factory_index.Factory`
    ids      (N,)  int64   rising
    digests  (N,)  uint64  of the rows
    content  (L,)  uint8   the index in bytes
    """

    state: State
    encoder: str
    kind: bytes
    ids: Int64
    digests: np.ndarray
    content: np.ndarray

    def blocks(self) -> Iterator[bytes | memoryview]:
        """The file's content, header first."""
        return sealed_blocks(self.state, self.encoder, self.kind, (self.ids, self.digests, self.content))


def read_kept(handle: BinaryIO, encoder: str, kind: bytes, is_trusted: Callable[[State], bool]) -> KeptIndex:
    """What an open file holds. Raises DamagedFile unless it is whole, one's own, of that kind and of this gallery.

    `is_trusted` says whether a state is in the gallery's past and nobody has left since.
    """
    if os.fstat(handle.fileno()).st_uid != os.geteuid():
        raise DamagedFile("it belongs to another user")
    header = read_header(handle)
    if header.encoder != encoder or not is_trusted(header.state):
        raise DamagedFile("it belongs to another encoder, another gallery, or somebody in it has left")
    if header.kind != kind:
        raise DamagedFile("it is of another kind, or by another version of faiss")
    if header.length < header.rows * BYTES_PER_ROW:
        raise DamagedFile("it is shorter than it says")
    ids, digests = np.empty(header.rows, np.int64), np.empty(header.rows, np.uint64)
    content = np.empty(header.length - header.rows * BYTES_PER_ROW, np.uint8)
    read_arrays(handle, header, (ids, digests, content))
    if (np.diff(ids) <= 0).any():
        raise DamagedFile("its ids do not rise")
    return KeptIndex(header.state, encoder, kind, ids, digests, content)


def digests_of(rows: Float32, places: Int64) -> np.ndarray:
    """64 bits of each chosen row (N, 128) -> (P,) uint64: rows that differ have, but for chance, other digests."""
    digests = np.empty(len(places), np.uint64)
    for start in range(0, len(places), AT_ONCE):
        part = rows[places[start : start + AT_ONCE]].view(np.uint64)
        mixed = (part ^ (part >> np.uint64(29))) * WEIGHTS
        digests[start : start + AT_ONCE] = (mixed ^ (mixed >> np.uint64(32))).sum(axis=1, dtype=np.uint64)
    return digests
