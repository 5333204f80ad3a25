"""Where a gallery is, and how it is opened: the file or the URL, the pragmas, the transactions, the reasons.

SQLite: WAL, so that readers and a writer do not wait for each other; synchronous=FULL, so that what was
acknowledged survives a power cut; BEGIN IMMEDIATE for writes, since a transaction that starts as a reader and then
writes fails with "database is locked" whatever the timeout; secure_delete, so that a removed template is
overwritten and not only unlinked; temp_store=MEMORY, so that what is sorted or rebuilt never lies in a folder for
temporary files, where nobody overwrites it. A connection is opened for each transaction and closed after it: that
costs half a millisecond, no connection ever crosses a thread or a fork, and the last one to close empties the log.
"""

from __future__ import annotations

import logging
import os
import random
import re
import sqlite3
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import cast
from weakref import WeakSet

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.pool import NullPool

from facerec.errors import GalleryUnusable, InvalidInput, MissingPart
from facerec.gallery.again import Interrupted
from facerec.replacing import DISK
from facerec.settings import data_folder

BUSY_SECONDS = 30
"""How long a writer waits for other writers. Each holds the lock for milliseconds: hundreds of turns."""

WAIT_AS_BEFORE = f"PRAGMA busy_timeout = {1000 * BUSY_SECONDS}"

ASKED_AGAIN = 0.002, 0.012
"""Seconds between two tries to be the one who writes."""

TELLING_NOTHING = {"hide_parameters": True, "logging_name": "facerec"}
"""How an engine is made: what it logs and what its errors say holds no name and no embedding."""

# At DEBUG sqlalchemy logs every row that it reads, whatever hide_parameters says.
logging.getLogger("sqlalchemy.engine.Engine.facerec").setLevel(logging.WARNING)

READ_AND_WRITE, READ_ONLY, IMMUTABLE = "mode=rw", "mode=ro", "mode=ro&immutable=1"

is_kept_beside = re.compile(r"-wal|-shm|-journal|\.erased|\..*\.snapshot|\.damaged-.*", re.DOTALL).fullmatch
"""Is this what follows a gallery's name in that of a file that lies beside it? docs/gallery.md says what each is."""

REASONS = {
    sqlite3.SQLITE_NOTADB: "is no gallery: the file is not an SQLite database, and was left as it is",
    sqlite3.SQLITE_CORRUPT: "is damaged; restore it from a backup: `facerec gallery restore FILE`",
    sqlite3.SQLITE_BUSY: f"is busy: another process has been writing to it for {BUSY_SECONDS} s; try again",
    sqlite3.SQLITE_READONLY: "cannot be written: the file or its folder is read-only; nothing was stored",
    sqlite3.SQLITE_IOERR: "could not be read or written: the disk is full or failing; do it again once it is well",
    sqlite3.SQLITE_FULL: "cannot grow: the disk is full; nothing was stored",
    sqlite3.SQLITE_CANTOPEN: "cannot be opened: look at the permissions of the file and its folder",
}

SERVER_REASONS = {
    "42501": "may not be changed by the user of the URL; nothing was stored",
    "25006": "is read-only: nothing was stored",
    "53100": "cannot grow: the server's disk is full; nothing was stored",
    "53300": "has no connection left: the server has as many as it may have",
    "0A000": "needs the extension pgvector: install it on the server",
}
"""By PostgreSQL's SQLSTATE."""

OTHERS_WERE_FIRST = ("40001", "40P01", "55P03")
"""Serialization failure, deadlock, lock not available."""

CONNECTION_LOST = ("08", "57P")
"""Classes of SQLSTATE: connection exceptions, and servers that shut down or start."""


def locate(where: str | Path) -> Path | URL:
    """The file that `where` names, or the URL of a database server.

    Raises InvalidInput for a URL that sqlalchemy cannot read, for one of neither SQLite nor PostgreSQL, and for
    one that keeps nothing (in memory).
    """
    if isinstance(where, Path) or "://" not in where:
        return Path(where).expanduser().absolute()
    try:
        url = make_url(where)
    except (ArgumentError, ValueError):  # a port that is no number; what was read may be a password
        words = "the gallery's URL cannot be read; expected sqlite:///PATH or postgresql://USER@HOST:PORT/DATABASE"
        raise InvalidInput(words) from None
    if url.get_backend_name() == "postgresql" and "+" not in url.drivername:
        return url.set(drivername="postgresql+psycopg")
    if url.get_backend_name() not in ("sqlite", "postgresql"):
        raise InvalidInput(
            f"a gallery is an SQLite file or in PostgreSQL (postgresql://...), not in {url.get_backend_name()}"
        )
    if url.get_backend_name() != "sqlite":
        return url
    if url.database in (None, "", ":memory:"):
        raise InvalidInput("a gallery in memory would keep nothing: give a path")
    return Path(url.database).expanduser().absolute()


def shown(place: Path | URL) -> str:
    """The place in words that may be printed: a URL without its passwords, of which libpq knows some behind the `?`.

    >>> shown(make_url("postgresql://anna:secret@db.example/faces?sslpassword=other"))
    'postgresql://anna:***@db.example/faces?sslpassword=***'
    """
    if isinstance(place, Path):
        return str(place)
    hidden = {key: "***" for key in place.query if "password" in key.lower()}
    return place.update_query_dict(hidden).render_as_string(hide_password=True).replace("%2A%2A%2A", "***")


def engine_at(place: Path | URL, foreign_keys: bool = True) -> Engine:
    """An engine whose transactions begin as told by `reading` and `writing`. Opens nothing yet.

    `foreign_keys` is switched off only while tables are rebuilt by a migration: dropping the old copy of a table
    would otherwise delete the rows that refer to it.
    """
    if isinstance(place, Path):
        connect = partial(connect_file, place, foreign_keys)
        engine = create_engine("sqlite://", creator=connect, poolclass=NullPool, **TELLING_NOTHING)
        event.listen(engine, "begin", begin)
        return engine
    try:
        engine = create_engine(place, pool_pre_ping=True, **TELLING_NOTHING)
    except (ModuleNotFoundError, NoSuchModuleError) as error:
        raise MissingPart(
            f"{shown(place)} needs a driver that is not installed ({error}): for PostgreSQL, "
            "pip install 'facerec[postgres]'"
        ) from error
    POOLED.add(engine)
    return engine


POOLED: WeakSet[Engine] = WeakSet()
"""Engines of servers, which keep connections: what a fork inherits of them is its parent's."""


def let_go_in_a_fork() -> None:
    for engine in POOLED:
        engine.dispose(close=False)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=let_go_in_a_fork)


def connect_file(path: Path, foreign_keys: bool = True) -> sqlite3.Connection:
    """A connection in autocommit mode, so that BEGIN is said by us and not guessed by the driver."""
    uri = f"{path.as_uri()}?{_access(path)}"
    connection = sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None)
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("PRAGMA foreign_keys = ON" if foreign_keys else "PRAGMA foreign_keys = OFF")
    return leaving_nothing(connection)


def leaving_nothing(connection: sqlite3.Connection) -> sqlite3.Connection:
    """The connection, that from now on overwrites what is deleted, and writes no temporary file."""
    connection.execute("PRAGMA secure_delete = ON")
    connection.execute("PRAGMA temp_store = MEMORY")
    return connection


def is_writable(place: Path | URL) -> bool:
    """False when the file or its folder cannot be written; a server is asked when it comes to it."""
    return not isinstance(place, Path) or (os.access(place, os.W_OK) and os.access(place.parent, os.W_OK))


def is_owner(path: Path) -> bool:
    """May this process leave files beside it? Another user's could be read and removed by its owner no more."""
    try:
        return not hasattr(os, "geteuid") or path.stat().st_uid == os.geteuid()
    except OSError:
        return False


def require_file(path: Path, otherwise: str = "there is no gallery; enroll somebody") -> None:
    """Raise GalleryUnusable unless this is a file, or a link to one: a pipe or a device is never opened."""
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError) as error:
        if path.parent.is_dir() or path.parent == data_folder():
            raise GalleryUnusable(f"{path}: {error.strerror}: {otherwise}") from error
        raise GalleryUnusable(f"there is no folder {path.parent}: correct its name") from error
    except OSError as error:
        raise GalleryUnusable(f"{path}: {error.strerror}: {otherwise}") from error
    if not stat.S_ISREG(mode):
        raise GalleryUnusable(f"{path} is not a file")


def target_path(target: Path, place: Path | URL, what: str) -> Path:
    """The whole path of a file to write. Raises InvalidInput without its folder, and for one that a gallery needs."""
    path = target.absolute()
    if path.is_dir():
        raise InvalidInput(f"{target} is a folder: name a file for the {what}")
    require_folder(path, what)
    if not isinstance(place, Path):
        return path
    if place.exists() and path.exists() and path.samefile(place):
        raise InvalidInput(f"{target} is the gallery itself: give the {what} another name")
    for gallery in {place, place.resolve()}:
        is_beside = gallery.parent.is_dir() and gallery.parent.samefile(path.parent)
        if is_beside and path.name.startswith(gallery.name) and is_kept_beside(path.name[len(gallery.name) :]):
            raise InvalidInput(f"{target} is a name of the gallery's own files: give the {what} another one")
    return path


def require_folder(path: Path, what: str) -> None:
    """Raise InvalidInput unless there is the folder that a file is to be in.

    No folder is made: below a mount point with a slip in its name it would lie on another disk than it was meant for.
    """
    if not path.parent.is_dir():
        raise InvalidInput(f"there is no folder {path.parent}: make it first, or name another for the {what}")


def require_folder_for_gallery(path: Path) -> None:
    """The same for a new gallery; the one folder that is made is that of the gallery that nobody named.

    Raises GalleryUnusable where that cannot be made.
    """
    try:
        if not path.parent.exists() and path.parent == data_folder():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        require_folder(path, "gallery")
    except OSError as error:
        raise GalleryUnusable(f"no gallery can be made at {path}: {error.strerror}") from error


def is_vacant(path: Path) -> bool:
    """True where there is nothing, or an empty file: a gallery can be made here."""
    return not path.exists() or (path.is_file() and path.stat().st_size == 0)


def create_file(path: Path) -> None:
    """Make an empty file that only its owner may read: what will be in it is personal data.

    By SQLite's own hand: a file opened and closed by others drops the locks that SQLite holds in this process. Raises
    InvalidInput without a folder for it.
    """
    require_folder_for_gallery(path)
    try:
        with explained(path):
            sqlite3.connect(f"{path.as_uri()}?mode=rwc", uri=True).close()
        path.chmod(0o600)
        for folder in path.parents[:2]:
            DISK.sync_folder(folder)
    except OSError as error:
        raise GalleryUnusable(f"no gallery can be made at {path}: {error.strerror}") from error


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A transaction that sees one state of the database throughout."""
    level = {} if engine.dialect.name == "sqlite" else {"isolation_level": "REPEATABLE READ"}
    with engine.connect().execution_options(**level) as connection, connection.begin():
        yield connection


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A transaction that is committed at the end of the block, whole or not at all."""
    with engine.connect().execution_options(begin="BEGIN IMMEDIATE") as connection, connection.begin():
        yield connection


@contextmanager
def undisturbed(place: Path | URL) -> Iterator[None]:
    """Raise GalleryUnusable if an immutable file was changed within the block: by somebody who may write it.

    SQLite takes no locks on a file that it opens as immutable, so what was read may be half old and half new.
    """
    before = _state(place)
    yield
    if _state(place) != before:
        raise GalleryUnusable(f"the gallery {shown(place)} was changed while it was read: try again")


@contextmanager
def explained(place: Path | URL) -> Iterator[None]:
    """Turn what the database says into GalleryUnusable with the reason, and without SQL or parameters."""
    try:
        yield
    except DBAPIError as error:
        if is_passing(error):
            words = "let go of what was under way and nothing was stored: try again"
            raise Interrupted(f"the gallery {shown(place)} {words} ({_first_line(error.orig)})") from error
        raise GalleryUnusable(f"the gallery {shown(place)} {_reason(error.orig)}") from error
    except sqlite3.Error as error:
        raise GalleryUnusable(f"the gallery {shown(place)} {_reason(error)}") from error


def is_passing(error: DBAPIError) -> bool:
    """Is this a reason that may be gone at the next try? The connection is lost, or others were first."""
    state = getattr(error.orig, "sqlstate", None) or ""
    return error.connection_invalidated or state in OTHERS_WERE_FIRST or state.startswith(CONNECTION_LOST)


def _reason(error: BaseException | None) -> str:
    state = getattr(error, "sqlstate", None) or ""
    if state in SERVER_REASONS:
        return SERVER_REASONS[state]
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the upper bits only refine it
    return REASONS.get(code, f"cannot be used: {_first_line(error)}")


def _first_line(error: BaseException | None) -> str:
    """A server adds lines with the statement and its values: they are nobody's business."""
    return str(error).strip().split("\n")[0]


def begin(connection: Connection) -> None:
    """Say BEGIN as `reading` and `writing` mean it."""
    if connection.get_execution_options().get("begin"):
        begin_writing(cast(sqlite3.Connection, connection.connection.driver_connection))
    else:
        connection.exec_driver_sql("BEGIN")


def begin_writing(connection: sqlite3.Connection) -> None:
    """Take the lock for writing; raises sqlite3.OperationalError where others have it all the while.

    SQLite's own waiting asks less and less often, down to ten times a second, so that on a slow disk whoever waits
    longest wins least, and some waited for half a minute. Here everybody asks as often as everybody else.
    """
    deadline = time.monotonic() + BUSY_SECONDS
    connection.execute("PRAGMA busy_timeout = 0")
    try:
        while True:
            try:
                connection.execute("BEGIN IMMEDIATE")
                return
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                    raise
            time.sleep(random.uniform(*ASKED_AGAIN))
    finally:
        connection.execute(WAIT_AS_BEFORE)


def _access(path: Path) -> str:
    """How SQLite may open the file. In a folder that it cannot write it can keep no log beside it.

    There the file is opened as immutable, unless a log with content lies beside it: ignoring that would lose what
    it holds.
    """
    if is_writable(path):
        return READ_AND_WRITE
    log = path.with_name(path.name + "-wal")
    has_log = log.exists() and log.stat().st_size > 0
    return READ_ONLY if has_log or os.access(path.parent, os.W_OK) else IMMUTABLE


def _state(place: Path | URL) -> tuple[int, int] | None:
    """Size and time of an immutable file; None for any other, which SQLite or the server looks after."""
    if not isinstance(place, Path) or _access(place) != IMMUTABLE:
        return None
    found = place.stat()
    return found.st_size, found.st_mtime_ns
