"""What a restore replaces must not lie on: not in the pages of the file, and not in the journal that could undo it.

SQLite cuts a file that becomes shorter, and deletes its journal, a copy of every page as it was. Neither is overwritten
by it: the bytes stay on the disk with no name. So the file keeps its length, and the journal is overwritten first.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from facerec.errors import GalleryUnusable
from facerec.replacing import DISK

AT_ONCE = 1 << 20
"""Bytes that are written, or left blank, in one step."""

ROW_BYTES = 64
"""Of a page that holds one row, at most, beside what is in it."""


def lengthen(copy: sqlite3.Connection, length: int) -> None:
    """Add blank pages, free for later rows, to a database in memory until it has `length` bytes."""
    (size,) = copy.execute("PRAGMA page_size").fetchone()
    if _missing(copy, size, length) <= 0:
        return
    copy.execute("BEGIN")
    copy.execute("CREATE TABLE blank (content BLOB)")
    while (missing := _missing(copy, size, length)) > 0:
        blank = AT_ONCE if missing > 2 * AT_ONCE else size - ROW_BYTES
        copy.execute("INSERT INTO blank VALUES (zeroblob(?))", (blank,))
    copy.execute("DROP TABLE blank")
    copy.execute("COMMIT")


def _missing(copy: sqlite3.Connection, size: int, length: int) -> int:
    (pages,) = copy.execute("PRAGMA page_count").fetchone()
    return length - size * int(pages)


def undo_half_done(path: Path) -> None:
    """Undo what a killed process had half done, and overwrite the journal that it is undone by.

    Any connection would undo it, but delete the journal then. Nothing while somebody has the file open.
    """
    if not _journal_of(path).exists():
        return
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True, isolation_level=None, timeout=0)) as alone:
            alone.execute("PRAGMA locking_mode = EXCLUSIVE")  # SQLite keeps a journal in this mode
            overwrite_journal(alone, path)
    except sqlite3.Error:
        return  # whoever opens it next says why


def overwrite_journal(connection: sqlite3.Connection, path: Path) -> None:
    """Write zeros over the journal that a committed transaction has left beside this connection's file, and remove it.

    Nothing where there is none. Alone: SQLite has undone by then what was not committed, and nobody begins anything.
    """
    journal = _journal_of(path)
    if not journal.exists():
        return
    connection.execute("BEGIN EXCLUSIVE")
    try:
        _overwrite(journal)
        journal.unlink(missing_ok=True)  # whoever finds a log in use next would leave it for ever
    except OSError as error:
        raise GalleryUnusable(
            f"{journal} holds what was replaced and cannot be overwritten: {error.strerror}; do it again"
        ) from error
    finally:
        connection.execute("COMMIT")


def _journal_of(path: Path) -> Path:
    return path.with_name(path.name + "-journal")


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
