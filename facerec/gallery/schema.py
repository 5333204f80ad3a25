"""Which revision of the tables a gallery has, and how it comes to the newest.

The everyday path reads one row and compares it with a constant; alembic is imported only when there is something
to do. Everything between two revisions happens in one transaction: a process killed half-way leaves the old one.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, column, inspect, select, table, text

from facerec.errors import GalleryUnusable, MissingPart
from facerec.failpoint import failpoint
from facerec.gallery.connect import (
    BUSY_SECONDS,
    connect_file,
    create_file,
    engine_at,
    explained,
    is_vacant,
    is_writable,
    reading,
    require_file,
    shown,
    writing,
)
from facerec.gallery.foreign_log import require_own_log
from facerec.gallery.replaced_pages import overwrite_journal, undo_half_done

VERSION_TABLE = "facerec_version"
UNFINISHED = "facerec_move"
"""A table that is there while a gallery is moved here."""

REVISIONS = ("0001", "0002", "0003", "0004", "0005")
"""Every revision, oldest first, as in `migrations/versions`."""

UPGRADING = threading.Lock()


def let_go_in_a_fork() -> None:
    """The thread that held it was not taken along, and nobody else would ever let go of it."""
    if UPGRADING.locked():
        UPGRADING.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=let_go_in_a_fork)

MIGRATION_LOCK = 0xFACE
"""On a server: whoever makes or upgrades the tables holds it, and others who would wait."""


def prepare(place: Path | URL, create: bool) -> None:
    """Make sure that there is a gallery with the newest tables at `place`.

    Raises GalleryUnusable for a database that is no gallery, for one of a newer facerec, for one that must be
    upgraded and cannot be written, and, unless `create`, where there is none. None of these is written to.
    """
    if isinstance(place, Path):
        if create and is_vacant(place):
            create_file(place)
        require_file(place)
        require_own_log(place)
        if is_writable(place):
            undo_half_done(place)
    with explained(place):
        found = _revision(place)
        if found is None and not create:
            raise GalleryUnusable(f"there is no gallery at {shown(place)}: enroll somebody first")
        if found != REVISIONS[-1]:
            _upgrade(place, found)
        if isinstance(place, Path) and is_writable(place):
            _keep_a_log(place)


def scripts() -> Path:
    """The folder of the migrations: inside the installed package, or beside the package in a checkout."""
    package = Path(__file__).parents[1]
    for folder in (package / "migrations", package.parent / "migrations"):
        if (folder / "env.py").is_file():
            return folder
    raise MissingPart("the migrations are not installed: install facerec again")


@contextmanager
def migrating(engine: Engine) -> Iterator[Connection]:
    """A write transaction in which tables may be rebuilt; it is undone if a reference is left without its row."""
    with writing(engine) as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": MIGRATION_LOCK})
        yield connection
        failpoint("migration.before_commit")
        if connection.dialect.name == "sqlite" and connection.execute(text("PRAGMA foreign_key_check")).first():
            raise GalleryUnusable("the gallery was not migrated: rows would refer to rows that are gone")


@contextmanager
def closed_after(engine: Engine) -> Iterator[Engine]:
    """The engine, and none of its connections left open."""
    try:
        yield engine
    finally:
        engine.dispose()


def revision_of(engine: Engine, name: str) -> str | None:
    """The revision of the tables; None when there are none at all.

    Raises GalleryUnusable for others' tables, and for those of a newer facerec. `name` is what a message calls them.
    """
    with reading(engine) as connection:
        tables = set(inspect(connection).get_table_names())
        found = None
        if VERSION_TABLE in tables:
            found = connection.execute(select(column("version_num")).select_from(table(VERSION_TABLE))).scalar()
    if UNFINISHED in tables:
        raise GalleryUnusable(f"{name} is where a gallery was moved to, and that was not finished: move it again")
    if found is None and tables - {VERSION_TABLE}:
        raise GalleryUnusable(f"{name} is a database, but no gallery; a gallery needs one of its own")
    if found is not None and found not in REVISIONS:
        raise GalleryUnusable(
            f"{name} was made by a newer facerec (tables {found}, this one knows up to {REVISIONS[-1]}): "
            "upgrade facerec; the gallery was left as it is"
        )
    return found


def upgrade(engine: Engine, then: Callable[[Connection], object] | None = None) -> None:
    """Bring tables to the newest revision, in one transaction. Foreign keys must be off while they are rebuilt.

    `then` is called within the same transaction, once the tables are there.
    One thread at a time: alembic keeps what it is at in variables of its modules.
    """
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(scripts()).replace("%", "%%"))
    config.attributes.update(engine=engine, then=then)
    with UPGRADING:
        command.upgrade(config, "head")


def _revision(place: Path | URL) -> str | None:
    with closed_after(engine_at(place)) as engine:
        return revision_of(engine, shown(place))


def _upgrade(place: Path | URL, found: str | None) -> None:
    if not is_writable(place):
        raise GalleryUnusable(
            f"{shown(place)} has tables of an older facerec ({found or 'none'}) and cannot be written: "
            "open it once where it can be"
        )
    with closed_after(engine_at(place, foreign_keys=False)) as engine:
        upgrade(engine)


def _keep_a_log(path: Path) -> None:
    """Switch to WAL, once: the file remembers it.

    When two processes do so at one moment, SQLite now and then tells one of them "database is locked" without
    waiting (2 in 150 tries of 4 processes), so the waiting is done here.
    """
    deadline = time.monotonic() + BUSY_SECONDS
    with closing(connect_file(path)) as connection:
        while connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
            try:
                overwrite_journal(connection, path)  # of a restore that was killed once it had committed
                connection.execute("PRAGMA journal_mode = WAL")
            except sqlite3.OperationalError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.01)
