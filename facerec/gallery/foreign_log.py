"""Does the log beside a gallery belong to it? SQLite does not ask: it would write another gallery's pages into it.

Every change of a gallery writes its row in `meta`, so the log holds that row with the gallery's id and generation, and
an event with a mark of its own. Own logs go on from the file: their first generation is at most one above the file's.
And what the file holds has come there by way of the log: its last generation is never below the file's, and where it
has events of the file's generation, the file's own mark is among them. The layout is SQLite's, documented at
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

MARK_BYTES = 16
"""Of the mark of an event."""

_find_meta = re.compile(rb"\x04\x00\x4d([\x01-\x06\x08\x09])([0-9a-f]{32})").finditer
"""A record of three: a row id, a text of 32 bytes, and an integer whose length its type says."""

_find_events = re.compile(
    rb"\x08\x00([\x01-\x06\x08\x09])([\x0d-\x7f])([\x0d-\x7f])([\x00-\x06\x08\x09])([\x01-\x06\x08\x09])\x2d"
).finditer
"""The header of a record of seven: row id, generation, moment, action, subject, templates, and a mark of 16 bytes."""

LOOKS = 3
"""Others may empty a log, begin it again or restore the file while it is looked at; nobody does so at each look."""

INTEGER_BYTES = {0: 0, 1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}
"""Of a record's integer, by its type; 8 and 9 are the constants 0 and 1."""


class Meta(NamedTuple):
    """Which gallery, and how often it had changed."""

    database: str
    generation: int


class Said(NamedTuple):
    """What a file says of itself; the mark is None where its tables are older than marks."""

    database: str
    generation: int
    mark: str | None


class Log(NamedTuple):
    """What a log says.

    first      the lowest generation in it, committed or not; infinite where there is none
    last       the one that was committed last, None where none was
    marks      of the committed events of the generation that was asked for
    """

    databases: frozenset[str]
    first: float
    last: int | None
    marks: frozenset[str]


def require_own_log(path: Path) -> None:
    """Raise GalleryUnusable, before anything is read by way of it, when a log beside the file is another's."""
    log = path.with_name(path.name + "-wal")
    try:
        is_own = any(_may_be_own(path, log) for _ in range(LOOKS))
    except OSError as error:
        raise GalleryUnusable(f"{log} cannot be read: {error.strerror}") from error
    if not is_own:
        raise GalleryUnusable(
            f"{log} belongs to another gallery, or to another copy of this one: put back the file that it belongs to, "
            "or move it away; nothing was written"
        )


def _may_be_own(path: Path, log: Path) -> bool:
    """Does nothing speak against it? The log is read between two looks at the file.

    What a living process moves from one to the other meanwhile only makes the file newer than at the first look, and
    the log no older than it was then.
    """
    if not log.exists() or (before := said_by_file(path)) is None:
        return True
    try:
        with log.open("rb") as content:
            found = _of_the_log(content, before.generation)
    except FileNotFoundError:
        return True
    if not found.databases:
        return True
    if found.databases != {before.database} or (found.last is not None and found.last < before.generation):
        return False
    if before.mark and found.marks and before.mark not in found.marks:
        return False
    return found.first <= before.generation + 1 or _has_come_to(path, found.first - 1)


def _has_come_to(path: Path, generation: float) -> bool:
    after = said_by_file(path)
    return after is None or after.generation >= generation


def _of_the_log(log: BinaryIO, generation: int) -> Log:
    """What was not committed may have been undone since, and counts for the first generation only."""
    databases, first = set(), math.inf
    last, marks = None, set()
    newest, asked = None, set()
    for is_commit, page in _pages(log):
        for meta in _metas_in(page):
            databases.add(meta.database)
            first, newest = min(first, meta.generation), meta.generation
        asked |= _marks_in(page, generation)
        if is_commit:
            last, marks = newest, set(asked)
    return Log(frozenset(databases), first, last, frozenset(marks))


def _pages(log: BinaryIO) -> Iterator[tuple[bool, bytes]]:
    """Each page of a log in the order of writing, and whether it ends a transaction; the log's leftovers excluded.

    Read frame by frame: a log that a reader keeps from being emptied may be larger than memory.
    """
    header = log.read(HEADER)
    if len(header) < HEADER:
        return
    size, salts = struct.unpack(">I", header[8:12])[0], header[16:24]
    if size > LARGEST_PAGE:
        return
    while len(frame := log.read(FRAME_HEADER + size)) == FRAME_HEADER + size and frame[8:16] == salts:
        yield frame[4:8] != bytes(4), frame[FRAME_HEADER:]


def _metas_in(page: bytes) -> Iterator[Meta]:
    return (Meta(match[2].decode(), _integer(page, match[1][0], match.end())) for match in _find_meta(page))


def _marks_in(page: bytes, generation: int) -> set[str]:
    """Marks of the events of a generation in a page of the table of events."""
    found = set()
    for match in _find_events(page):
        kinds = [match[number][0] for number in range(1, 6)]
        if _integer(page, kinds[0], match.end()) == generation:
            start = match.end() + sum(map(_length, kinds))
            found.add(page[start : start + MARK_BYTES].decode("latin-1"))
    return found


def _length(kind: int) -> int:
    """Bytes of a value, by its type in a record: a text from 13 on, in steps of two."""
    return (kind - 13) // 2 if kind > 12 else INTEGER_BYTES.get(kind, 0)


def _integer(page: bytes, kind: int, start: int) -> int:
    if kind in (8, 9):
        return kind - 8
    return int.from_bytes(page[start : start + INTEGER_BYTES[kind]], "big", signed=True)


def said_by_file(path: Path) -> Said | None:
    """What the file itself says, its log unseen; None where it says nothing, and so cannot be contradicted."""
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro&immutable=1", uri=True)) as connection:
            return said_by(connection)
    except sqlite3.Error:
        return None


def said_by(connection: sqlite3.Connection) -> Said | None:
    """What whoever has it open reads there. Raises sqlite3.Error."""
    row = connection.execute("SELECT database, generation FROM meta").fetchone()
    return Said(row[0], row[1], _mark_of(connection, row[1])) if row else None


def _mark_of(connection: sqlite3.Connection, generation: int) -> str | None:
    """Of the file's own generation; None where its tables have no marks, or where half of a change is in it so far."""
    query = "SELECT mark FROM audit_event WHERE generation = ? ORDER BY id DESC"
    try:
        row = connection.execute(query, (generation,)).fetchone()
    except sqlite3.Error:
        return None
    return row[0] if row else None
