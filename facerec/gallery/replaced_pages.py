"""What a restore replaces must not lie on: not in the pages of the file, and not in the journal that could undo it.

SQLite cuts a file that becomes shorter, and deletes its journal, a copy of every page as it was. Neither is overwritten
by it: the bytes stay on the disk with no name. So the file keeps its length, and the journal is overwritten first. (The
journal of a restore that was killed half-way holds what is there still, and is deleted by SQLite when it is undone.)
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from facerec.errors import GalleryUnusable
from facerec.replacing import DISK

AT_ONCE = 1 << 20
"""Bytes that are written, or left blank, in one step."""


def lengthen(copy: sqlite3.Connection, length: int) -> None:
    """Add blank pages, free for later rows, to a database in memory until it has `length` bytes at least."""
    (pages,), (size,) = copy.execute("PRAGMA page_count").fetchone(), copy.execute("PRAGMA page_size").fetchone()
    missing = length - pages * size
    if missing <= 0:
        return
    copy.execute("BEGIN")
    copy.execute("CREATE TABLE blank (content BLOB)")
    for _ in range(0, missing, AT_ONCE):
        copy.execute("INSERT INTO blank VALUES (zeroblob(?))", (min(missing, AT_ONCE),))
    copy.execute("DROP TABLE blank")
    copy.execute("COMMIT")


def overwrite_journal(connection: sqlite3.Connection, path: Path) -> None:
    """Write zeros over the journal that a committed transaction has left beside the file of this connection.

    Nothing where there is none. Alone: SQLite has undone by then what was not committed, and nobody begins anything.
    """
    journal = path.with_name(path.name + "-journal")
    if not journal.exists():
        return
    connection.execute("BEGIN EXCLUSIVE")
    try:
        _overwrite(journal)
    except OSError as error:
        raise GalleryUnusable(
            f"{journal} holds what was replaced and cannot be overwritten: {error.strerror}; do it again"
        ) from error
    finally:
        connection.execute("COMMIT")


def _overwrite(path: Path) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_NOFOLLOW)
    except FileNotFoundError:  # SQLite has undone it and removed it
        return
    try:
        length = os.fstat(descriptor).st_size
        for start in range(0, length, AT_ONCE):
            DISK.write(descriptor, bytes(min(AT_ONCE, length - start)))
        DISK.sync(descriptor)
    finally:
        os.close(descriptor)
