"""Having a database file to oneself: to write over it, or to give its name to another.

SQLite finds a log and a journal by their names alone. What lies beside a file when another takes its name would be read
into that one, silently: it is put into the file that it belongs to first.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from facerec.errors import GalleryUnusable
from facerec.gallery.connect import BUSY_SECONDS, connect_file
from facerec.gallery.foreign_log import require_own_log

A_MOMENT = 1.0
"""Seconds that who is only passing by needs no longer than."""

ENDS = ("-wal", "-journal", "-shm")
"""Of the names of what SQLite keeps beside a file."""


def take_alone(target: sqlite3.Connection) -> None:
    """Wait until nobody else has the file open, keep it so, and leave the mode with a log."""
    target.execute("PRAGMA locking_mode = EXCLUSIVE")
    _begin_alone(target, BUSY_SECONDS)
    target.execute("COMMIT")


def _begin_alone(target: sqlite3.Connection, patience: float) -> None:
    deadline = time.monotonic() + patience
    while True:
        try:
            target.execute("PRAGMA journal_mode = DELETE")
            target.execute("BEGIN EXCLUSIVE")
            return
        except sqlite3.OperationalError as error:
            if not _is_busy(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.02)


@contextmanager
def nothing_beside(path: Path, patience: float | None = None) -> Iterator[None]:
    """A block within which another file may take this name: what lay beside is in the file, and nobody has it open.

    Raises GalleryUnusable, and nothing is lost, where that cannot be had within `patience` seconds: BUSY_SECONDS
    unless said.
    """
    if not (found := _beside(path)):
        yield
        return
    if not path.exists():
        raise GalleryUnusable(f"{found[0]} lies there and {path.name} does not: move it away, or name another file")
    require_own_log(path)
    try:
        with closing(connect_file(path)) as connection:
            connection.execute("PRAGMA busy_timeout = 0")
            _begin_alone(connection, BUSY_SECONDS if patience is None else patience)
            if path.with_name(f"{path.name}-wal").exists():
                raise GalleryUnusable(
                    f"{path}-wal cannot be put into {path.name}: move both away, or name another file"
                )
            for left in _beside(path):  # without a log, and once it is undone: they say nothing any more
                left.unlink()
            yield
    except sqlite3.Error as error:
        reason = "another process has it open" if _is_busy(error) else str(error)
        raise GalleryUnusable(
            f"{path} cannot be replaced: {found[0].name} lies beside it, and {reason}; name another file, or try again"
        ) from error


def _beside(path: Path) -> list[Path]:
    return [file for end in ENDS if (file := path.with_name(path.name + end)).exists()]


def _is_busy(error: sqlite3.Error) -> bool:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
