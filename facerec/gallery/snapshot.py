"""A file that holds what an index is made of: ids and embeddings of one encoder at one state of a gallery.

    header   magic, format version, its own length; database, encoder, metric, mark; generation, dimension, rows;
             length, kind and SHA-256 of the payload (each of its arrays behind its length in bytes, so that no header
             can divide it otherwise); SHA-256 of the header up to here
    payload  template ids (N) int64, subject ids (N) int64, embeddings (N, 128) float32, as this machine has them

Files of another kind have the same header: `facerec.gallery.kept_index`.

It is read into memory and its digest compared before anything looks at a byte of it: search libraries do not notice
damage, and a mapped file could change after the check. It holds no names. What lies in it is personal data.
"""

from __future__ import annotations

import hashlib
import os
import struct
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from facerec.errors import DamagedFile
from facerec.gallery.results import State, StoredEmbeddings
from facerec.records import DIM, Float32, Int64

MAGIC = b"FRSNAP\r\n"
"""With a line end that a transfer as text would change."""
VERSION = 2
METRIC = f"inner product {sys.byteorder[:1]}".encode()
"""How rows are compared, and l or b for the order of the machine's bytes: a snapshot is not carried to another."""
LAYOUT = struct.Struct("<8sII 32s64s16s16s qIQQ 32s32s")
SIZE = LAYOUT.size + 32
BYTES_PER_ROW = 8 + 8 + 4 * DIM
EMBEDDINGS = bytes(32)
"""The kind of a file that holds embeddings."""
BLOCK = 1 << 22
"""Bytes hashed and written at a time."""


@dataclass(frozen=True, slots=True)
class Header:
    """What a file says about itself.

    length          bytes of the payload
    kind            32 bytes: what the payload is
    payload_sha256  32 bytes
    """

    state: State
    encoder: str
    rows: int
    length: int
    kind: bytes
    payload_sha256: bytes

    def pack(self) -> bytes:
        """The header as it lies in the file."""
        texts = (self.state.database, self.encoder, self.state.mark or "")
        database, encoder, mark = (text.encode("ascii") for text in texts)
        packed = LAYOUT.pack(
            MAGIC, VERSION, SIZE, database, encoder, METRIC, mark, self.state.generation, DIM, self.rows,
            self.length, self.kind, self.payload_sha256,
        )  # fmt: skip
        return packed + hashlib.sha256(packed).digest()


def blocks(stored: StoredEmbeddings) -> Iterator[bytes | memoryview]:
    """A snapshot's content, header first."""
    arrays = (stored.template_ids, stored.subject_ids, stored.rows)
    return sealed_blocks(stored.state, stored.encoder, EMBEDDINGS, arrays)


def sealed_blocks(
    state: State, encoder: str, kind: bytes, arrays: Sequence[np.ndarray]
) -> Iterator[bytes | memoryview]:
    """The content of a file that holds arrays, header first; the first of them has an element for each row."""
    parts, digest = [_bytes(array) for array in arrays], hashlib.sha256()
    for part in parts:
        digest.update(_length(part))
        digest.update(part)
    yield Header(state, encoder, len(arrays[0]), sum(map(len, parts)), kind, digest.digest()).pack()
    for part in parts:
        for start in range(0, len(part), BLOCK):
            yield part[start : start + BLOCK]


def read_header(handle: BinaryIO) -> Header:
    """The header of an open file. Raises DamagedFile unless it is whole, known, and fits the file's size."""
    packed = handle.read(SIZE)
    if len(packed) < SIZE or not packed.startswith(MAGIC):
        raise DamagedFile("it is no snapshot, or its beginning is lost")
    if hashlib.sha256(packed[: LAYOUT.size]).digest() != packed[LAYOUT.size :]:
        raise DamagedFile("its header is damaged")
    fields = LAYOUT.unpack(packed[: LAYOUT.size])
    _, version, size, database, encoder, metric, mark, generation, dimension, rows, length, kind, digest = fields
    if (version, size, dimension, metric.rstrip(b"\0")) != (VERSION, SIZE, DIM, METRIC):
        raise DamagedFile("it has another format")
    is_sized = length == rows * BYTES_PER_ROW if kind == EMBEDDINGS else length >= rows
    if not is_sized or os.fstat(handle.fileno()).st_size != SIZE + length:
        raise DamagedFile("it is shorter or longer than it says")
    state = State(_text(database), generation, _text(mark.rstrip(b"\0")) or None)
    return Header(state, _text(encoder), rows, length, kind, digest)


def read_payload(handle: BinaryIO, header: Header) -> tuple[Int64, Int64, Float32]:
    """Template ids (N,), subject ids (N,), embeddings (N, 128). Raises DamagedFile unless they have their digest."""
    if header.kind != EMBEDDINGS:
        raise DamagedFile("it holds no embeddings")
    ids, owners = np.empty(header.rows, np.int64), np.empty(header.rows, np.int64)
    rows = np.empty((header.rows, DIM), np.float32)
    read_arrays(handle, header, (ids, owners, rows))
    return ids, owners, rows


def read_arrays(handle: BinaryIO, header: Header, arrays: Sequence[np.ndarray]) -> None:
    """Fill arrays, as long together as the payload, with it. Raises DamagedFile unless it has its digest."""
    digest = hashlib.sha256()
    for array in arrays:
        _fill(handle, _bytes(array), digest)
    if digest.digest() != header.payload_sha256:
        raise DamagedFile("its content is not what its digest says")


def _text(content: bytes) -> str:
    """Of a header that says what it likes: whatever it is, it can be compared."""
    return content.decode("ascii", "replace")


def _bytes(array: np.ndarray) -> memoryview:
    """The memory of an array, without copying it where it lies in one piece."""
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8).data


def _length(part: memoryview) -> bytes:
    return struct.pack("<Q", len(part))


def _fill(handle: BinaryIO, part: memoryview, digest: hashlib._Hash) -> None:
    """Read exactly this much, and take it into the digest while it is still in the processor's cache."""
    digest.update(_length(part))
    for start in range(0, len(part), BLOCK):
        block = part[start : start + BLOCK]
        if handle.readinto(block) != len(block):  # type: ignore[attr-defined]
            raise DamagedFile("it ends too early")
        digest.update(block)
