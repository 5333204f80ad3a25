"""A gallery's file as a whole: a copy taken while others write, and a copy put back in one step.

A copy of the file made by other means lacks what lies in the log beside it, and one made during a write may be torn.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import URL, Engine, create_engine, event, func, select
from sqlalchemy.pool import StaticPool

from facerec.errors import GalleryUnusable, InvalidInput
from facerec.failpoint import failpoint
from facerec.gallery import erasure, integrity
from facerec.gallery.alone import A_MOMENT, nothing_beside, take_alone
from facerec.gallery.beside import Beside
from facerec.gallery.connect import (
    TELLING_NOTHING,
    begin,
    connect_file,
    create_file,
    explained,
    is_vacant,
    leaving_nothing,
    locate,
    reading,
    require_file,
    shown,
    target_path,
    writing,
)
from facerec.gallery.foreign_log import Said, require_own_log, said_by, said_by_file
from facerec.gallery.progress import Progress, silent
from facerec.gallery.replaced_pages import lengthen, overwrite_journal, undo_half_done
from facerec.gallery.schema import REVISIONS, prepare, revision_of, upgrade
from facerec.gallery.tables import SubjectRow, TemplateRow
from facerec.gallery.writes import Write
from facerec.replacing import replacing

PAGES_AT_ONCE = 4096
"""16 MB between two calls of the progress callback."""

QUESTIONS = {"erasure": "SELECT digest FROM erasure", "encryption": "SELECT key_id FROM encryption"}
"""What is asked of the gallery that is to be replaced, by the table that older ones may lack."""


@dataclass(frozen=True, slots=True)
class Copied:
    """What a backup holds, or what was restored.

    erased  subjects of the backup who were erased since, and so were not restored
    aside   where the damaged file went that was in the way
    """

    subjects: int
    templates: int
    erased: int = 0
    aside: Path | None = None


def backup(where: str | Path, target: Path, progress: Progress = silent) -> Copied:
    """Copy a gallery as it is at one moment, while others go on writing; an existing `target` is replaced.

    The copy is a gallery itself, in one file. Raises GalleryUnusable when the gallery cannot be read or the copy cannot
    be written, and where another process has the older copy open, or a log lies beside it that is not its own; and
    InvalidInput for a gallery on a server, or a target that is the gallery.
    """
    place = _file(where)
    target = target_path(target, place, "backup")
    prepare(place, create=False)
    try:
        with nothing_beside(target, A_MOMENT):
            pass  # refused before anything is copied, where it is refused
        with ExitStack() as until_replaced, replacing(target) as fresh, explained(place):
            fresh.unlink(missing_ok=True)
            create_file(fresh)
            _copy_out(place, fresh, progress)
            copied, said = _look_at(fresh), said_by_file(fresh)
            until_replaced.enter_context(nothing_beside(target))
    except OSError as error:
        raise GalleryUnusable(f"the backup {target} cannot be written: {error.strerror}") from error
    _require_it_says(target, said)
    return copied


def restore(source: Path, where: str | Path, progress: Progress = silent, plain: bool = False) -> Copied:
    """Put a backup in the place of a gallery, or where none is; readers see the old one or the new, nothing between.

    Whoever was erased since the backup was taken is not restored: the list of erasures is read from the gallery that is
    there, and from the file beside it, and once more when nobody else can write. A file in the way that is damaged is
    moved aside. Raises GalleryUnusable for a backup that is no sound gallery, and leaves everything as it was. Raises
    InvalidInput, unless `plain`, for a backup that is not encrypted where the gallery is, or where that cannot be read.
    """
    place, source = _file(where), source.absolute()
    require_file(source, "there is no backup")
    if place.exists() and place.samefile(source):
        raise InvalidInput(f"{source} is the gallery itself: give a backup")
    require_own_log(source)
    memory = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    with closing(leaving_nothing(memory)) as copy:
        with explained(source), closing(connect_file(source)) as original:
            original.backup(copy, pages=PAGES_AT_ONCE, progress=_told(progress))
        copied = _made_right(_engine_of(copy), source, erasure.read_list(place) | _erased_in(place))
        may_be_plain = plain or bool(copy.execute("SELECT 1 FROM encryption").fetchall())
        if not may_be_plain:
            _require_no_encryption(place, source)
        aside = _make_room(place)
        with explained(place), closing(connect_file(place)) as target:
            take_alone(target)
            copied = _made_right_late(copied, copy, target, source)
            if not may_be_plain:
                _require_no_key(_answers(target, "encryption"), place, source)
            _copy_in(copy, target, place)
    Beside(place).leave_no_trace()
    Beside(place).write_erasures()
    prepare(place, create=False)
    return Copied(copied.subjects, copied.templates, copied.erased, aside)


def _file(where: str | Path) -> Path:
    place = locate(where)
    if isinstance(place, URL):
        raise InvalidInput(f"{shown(place)} is on a server, whose own tools make backups (pg_dump)")
    return place


def _told(progress: Progress) -> Callable[[int, int, int], None]:
    return lambda status, remaining, total: progress(total - remaining, total)


def _copy_out(place: Path, fresh: Path, progress: Progress) -> None:
    """Within one read transaction: what is written meanwhile neither enters the copy nor starts it again."""
    with closing(connect_file(place)) as original, closing(sqlite3.connect(fresh)) as copy:
        original.execute("BEGIN")
        original.execute("SELECT generation FROM meta").fetchone()
        original.backup(copy, pages=PAGES_AT_ONCE, progress=_told(progress))
        failpoint("backup.copied")
        copy.execute("PRAGMA journal_mode = DELETE")  # one file, with no log beside it


def _look_at(fresh: Path) -> Copied:
    """Read every row of the copy back. Raises GalleryUnusable where it is not sound."""
    written = sqlite3.connect(f"{fresh.as_uri()}?mode=ro", uri=True, isolation_level=None)
    with closing(leaving_nothing(written)) as copy:
        return _sound(_engine_of(copy), fresh)


def _require_it_says(target: Path, said: Said | None) -> None:
    """Raise GalleryUnusable unless whoever opens the copy by its name finds what was written."""
    with explained(target), closing(connect_file(target)) as connection:
        if said_by(connection) != said:
            raise GalleryUnusable(f"{target} was changed by another process as soon as it was written: back up again")


def _sound(engine: Engine, name: Path) -> Copied:
    with explained(name), reading(engine) as connection:
        if found := list(integrity.problems_of_file(connection)):
            raise GalleryUnusable(f"{name} is damaged: {'; '.join(found[:3])}")
        subjects, templates = (
            connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in (SubjectRow, TemplateRow)
        )
        return Copied(subjects, templates)


def _engine_of(connection: sqlite3.Connection) -> Engine:
    """An engine over one connection that is open already."""
    engine = create_engine("sqlite://", creator=lambda: connection, poolclass=StaticPool, **TELLING_NOTHING)
    event.listen(engine, "begin", begin)
    return engine


def _made_right(engine: Engine, source: Path, digests: set[str]) -> Copied:
    """The copy in memory with the newest tables, and without those who were erased."""
    with explained(source):
        if (found := revision_of(engine, str(source))) is None:
            raise GalleryUnusable(f"{source} is no gallery: it is empty")
        if found != REVISIONS[-1]:
            upgrade(engine)
        with writing(engine) as connection:
            write = Write.begin(connection, datetime.now(UTC))
            names = erasure.returned(connection, digests | erasure.erased(connection))
            for name in names:
                erasure.forget_subject(write, name)
            erasure.remember(connection, digests, write.at)
            write.record("restore")
    sound = _sound(engine, source)
    return Copied(sound.subjects, sound.templates, len(names))


def _ask(place: Path, table: str) -> set[str] | None:
    """What the gallery that is to be replaced answers; None where it cannot be read."""
    if is_vacant(place):
        return set()
    try:
        require_own_log(place)
        undo_half_done(place)
        with closing(connect_file(place)) as connection:
            return _answers(connection, table)
    except (sqlite3.Error, GalleryUnusable):
        return None


def _answers(connection: sqlite3.Connection, table: str) -> set[str]:
    """What stands in a table of which a restore must know; nothing where there is no such table."""
    if not connection.execute("SELECT name FROM sqlite_master WHERE name = ?", (table,)).fetchone():
        return set()
    return {answer for (answer,) in connection.execute(QUESTIONS[table])}


def _erased_in(place: Path) -> set[str]:
    """Whom the gallery that is to be replaced has erased; nobody where it cannot be read: the file beside it counts."""
    return _ask(place, "erasure") or set()


def _made_right_late(copied: Copied, copy: sqlite3.Connection, target: sqlite3.Connection, source: Path) -> Copied:
    """Leave out who was erased while the backup was read, now that nobody else can erase; what is restored then."""
    late = _answers(target, "erasure") - _answers(copy, "erasure")
    if not late:
        return copied
    again = _made_right(_engine_of(copy), source, late)
    return replace(again, erased=copied.erased + again.erased)


def _require_no_encryption(place: Path, source: Path) -> None:
    """Raise InvalidInput where the gallery that is to be replaced is encrypted, or may be."""
    keys = _ask(place, "encryption")
    if keys is None:
        raise InvalidInput(
            f"{place} cannot be read, so nobody can tell whether it is encrypted, and the backup {source} is not: "
            "say --plain if templates may lie in plain"
        )
    _require_no_key(keys, place, source)


def _require_no_key(keys: set[str], place: Path, source: Path) -> None:
    if keys:
        raise InvalidInput(
            f"the gallery {place} is encrypted and the backup {source} is not: say --plain to have its templates "
            "in plain, and encrypt them afterwards with `facerec gallery encrypt`"
        )


def _make_room(place: Path) -> Path | None:
    """Move what is no database, or a damaged one, aside with its log; where it went."""
    if is_vacant(place):
        create_file(place)
        return None
    require_file(place)
    try:
        require_own_log(place)
        with closing(connect_file(place)) as connection:
            if connection.execute("PRAGMA integrity_check(1)").fetchone() == ("ok",):
                return None
    except (sqlite3.DatabaseError, GalleryUnusable):
        pass
    aside = place.with_name(f"{place.name}.damaged-{datetime.now(UTC):%Y%m%dT%H%M%S}")
    for end in ("-wal", "-shm", ""):
        if (file := place.with_name(place.name + end)).exists():
            os.replace(file, aside.with_name(aside.name + end))
    create_file(place)
    return aside


def _copy_in(copy: sqlite3.Connection, target: sqlite3.Connection, place: Path) -> None:
    """Write the copy over the gallery as one transaction, with a journal that belongs to this file by its name.

    A log would be read as another gallery's by whoever opens the file after a crash. Nothing is left of what lay there.
    """
    lengthen(copy, place.stat().st_size)
    copy.backup(target, pages=PAGES_AT_ONCE, progress=lambda *_: failpoint("restore.mid_copy"))
    failpoint("restore.copied")
    overwrite_journal(target, place)
