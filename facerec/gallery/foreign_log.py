"""Does the log beside a gallery belong to it? SQLite does not ask: it would write another gallery's pages into it.

Every change of a gallery writes its row in `meta`, so the log holds that row with the gallery's id and generation. Own
logs go on from the file: their first generation is at most one above the file's. The layout is SQLite's, documented at
https://www.sqlite.org/fileformat2.html.
"""

from __future__ import annotations

import math
import re
import sqlite3
import struct
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import BinaryIO, NamedTuple

from facerec.errors import GalleryUnusable

HEADER, FRAME_HEADER = 32, 24
"""Bytes before the first frame, and before the page in each frame."""

LARGEST_PAGE = 65_536
"""Bytes of a page, at most."""

_find_meta = re.compile(rb"\x04\x00\x4d([\x01-\x06\x08\x09])([0-9a-f]{32})").finditer
"""A record of three: a row id, a text of 32 bytes, and an integer whose length its type says."""

INTEGER_BYTES = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}
"""Of a record's integer, by its type; 8 and 9 are the constants 0 and 1."""


class Meta(NamedTuple):
    """Which gallery, and how often it had changed."""

    database: str
    generation: int


def require_own_log(path: Path) -> None:
    """Raise GalleryUnusable, before anything is read by way of it, when a log beside the file is another's.

    The log is read before the file: what a living process moves from one to the other then only makes the file newer.
    """
    log, databases, first = path.with_name(path.name + "-wal"), set(), math.inf
    try:
        with log.open("rb") as content:
            for meta in metas(content):
                databases.add(meta.database)
                first = min(first, meta.generation)
    except FileNotFoundError:
        return
    except OSError as error:
        raise GalleryUnusable(f"{log} cannot be read: {error.strerror}") from error
    own = _of_the_file(path) if databases else None
    if own and (databases != {own.database} or first > own.generation + 1):
        raise GalleryUnusable(
            f"{log} belongs to another gallery, or to another copy of this one: put back the file that it belongs to, "
            "or move it away; nothing was written"
        )


def metas(log: BinaryIO) -> Iterator[Meta]:
    """The row of `meta` in each page of a log that holds it, in the order of writing; the log's leftovers excluded.

    Read frame by frame: a log that a reader keeps from being emptied may be larger than memory.
    """
    header = log.read(HEADER)
    if len(header) < HEADER:
        return
    size, salts = struct.unpack(">I", header[8:12])[0], header[16:24]
    if size > LARGEST_PAGE:
        return
    while len(frame := log.read(FRAME_HEADER + size)) == FRAME_HEADER + size and frame[8:16] == salts:
        page = frame[FRAME_HEADER:]
        yield from (Meta(match[2].decode(), _integer(page, match)) for match in _find_meta(page))


def _integer(page: bytes, match: re.Match[bytes]) -> int:
    kind = match[1][0]
    if kind in (8, 9):
        return kind - 8
    return int.from_bytes(page[match.end() : match.end() + INTEGER_BYTES[kind]], "big", signed=True)


def _of_the_file(path: Path) -> Meta | None:
    """What the file itself says, its log unseen; None where it says nothing, and so cannot be contradicted."""
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro&immutable=1", uri=True)) as connection:
            row = connection.execute("SELECT database, generation FROM meta").fetchone()
    except sqlite3.Error:
        return None
    return Meta(*row) if row else None
