"""A gallery moves as a whole: from a file to a server, or back; every row, under the ids that it has.

The source is only read. Rows go over some at a time, each part in a transaction of its own, into a target that is
marked as unfinished and that nothing else opens. Whoever starts an interrupted move again goes on after the last part,
unless the source has changed since: then from the beginning. In the end the rows of every table are counted, and their
digests compared, before the target becomes a gallery. Encrypted templates travel as they lie, so no key is needed.
A gallery that its server searched is searched exactly once it is a file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import (
    URL,
    Column,
    Connection,
    CursorResult,
    Engine,
    Integer,
    MetaData,
    String,
    Table,
    column,
    delete,
    func,
    insert,
    inspect,
    select,
    table,
    text,
    update,
)

from facerec.errors import GalleryUnusable, InvalidInput
from facerec.failpoint import failpoint
from facerec.gallery import reads
from facerec.gallery.connect import (
    create_file,
    engine_at,
    explained,
    is_vacant,
    is_writable,
    locate,
    reading,
    shown,
    undisturbed,
    writing,
)
from facerec.gallery.elsewhere import IN_SERVER
from facerec.gallery.kinds import EXACT, INDEX_SETTING
from facerec.gallery.progress import Progress, silent
from facerec.gallery.results import State
from facerec.gallery.schema import UNFINISHED, VERSION_TABLE, closed_after, prepare, revision_of, upgrade
from facerec.gallery.store import utc_now
from facerec.gallery.tables import MetaRow, SubjectRow, Tables, TemplateRow
from facerec.gallery.writes import Write, store_setting

AT_ONCE = 2000
"""Rows in one transaction."""

MOVING = Table(
    UNFINISHED, MetaData(), Column("database", String(32)), Column("generation", Integer), Column("mark", String(16)),
)  # fmt: skip
"""Of which state of which gallery the rows are that are arriving."""

SEQUENCE = table("sqlite_sequence", column("name"), column("seq"))
SEQUENCES = table("pg_sequences", column("sequencename"), column("last_value"))


@dataclass(frozen=True, slots=True)
class Side:
    """The source or the target: what its database says is told of this place, and not of the other."""

    place: Path | URL
    engine: Engine

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        with explained(self.place), reading(self.engine) as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        with explained(self.place), writing(self.engine) as connection:
            yield connection


@dataclass(frozen=True, slots=True)
class Moved:
    """What lies in the target now.

    rows           of all tables
    went           rows that went over in this run; fewer where a move was gone on with
    dropped_index  the one in use before, where the target is a file and has no server for it; else None
    """

    subjects: int
    templates: int
    rows: int
    went: int
    dropped_index: str | None


def move(where: str | Path, to: str | Path, progress: Progress = silent) -> Moved:
    """Copy a gallery to another place, which must hold nothing, and compare both; the source stays as it is.

    Raises InvalidInput where the target holds something, and GalleryUnusable where the source is written to meanwhile
    or the copy does not come out as the source: the target is no gallery then.
    """
    source, target = locate(where), locate(to)
    if source == target:
        raise InvalidInput(f"{shown(source)} is there already: name another place")
    prepare(source, create=False)
    with ExitStack() as stack:
        here = Side(source, stack.enter_context(closed_after(engine_at(source))))
        there = Side(target, stack.enter_context(closed_after(_engine_of(target))))
        with undisturbed(source):
            old = stack.enter_context(here.reading())
            state = reads.state(old)
            _begin(there, state)
            total = sum(_count(old, one) for one in _tables())
            went = _copy(old, there, total, progress)
            _compare(old, there, state)
        with _held(here) as now:
            if now != state:
                raise GalleryUnusable(f"{shown(source)} was written to while it was moved: move it again")
            dropped = _finish(old, there, state)
        subjects, templates = (_count(old, one.__table__) for one in (SubjectRow, TemplateRow))
    return Moved(subjects, templates, total, went, dropped)


@contextmanager
def _held(here: Side) -> Iterator[State]:
    """The state that the source has by now, and keeps within the block: whoever writes to it waits.

    What was acknowledged before the target is a gallery is in it, or the move says that it is not. Where this process
    may not write, nobody can be made to wait, and a change within these milliseconds goes unseen.
    """
    if not _may_hold(here):
        with here.reading() as connection:
            yield reads.state(connection)
        return
    with here.writing() as connection:
        connection.execute(select(MetaRow.generation).with_for_update())
        yield reads.state(connection)


def _may_hold(here: Side) -> bool:
    if isinstance(here.place, Path):
        return is_writable(here.place)
    with here.reading() as connection:
        can_write, is_replica = func.has_table_privilege(MetaRow.__tablename__, "UPDATE"), func.pg_is_in_recovery()
        return connection.execute(select(can_write & ~is_replica)).scalar_one()


def _tables() -> list[Table]:
    """All but `meta`, which makes a gallery of the others; rows that others refer to first."""
    return [one for one in Tables.metadata.sorted_tables if one is not MetaRow.__table__]


def _engine_of(target: Path | URL) -> Engine:
    if isinstance(target, Path) and is_vacant(target):
        create_file(target)
    return engine_at(target, foreign_keys=False)


def _begin(there: Side, state: State) -> None:
    """Leave the target marked, with the newest tables, and with no row of another state."""
    with there.reading() as connection:
        is_marked = inspect(connection).has_table(UNFINISHED)
        known = State(*connection.execute(select(MOVING)).one()) if is_marked else None
    if known == state:
        return
    if known:
        _clear(there)
    elif _is_used(there):
        raise InvalidInput(f"{shown(there.place)} holds a gallery already: move into an empty database, or a new file")
    with explained(there.place):
        upgrade(there.engine)
    with there.writing() as connection:
        MOVING.create(connection)
        connection.execute(insert(MOVING).values(database=state.database, generation=state.generation, mark=state.mark))
    failpoint("move.marked")


def _is_used(there: Side) -> bool:
    with explained(there.place):
        if revision_of(there.engine, shown(there.place)) is None:
            return False
    with there.reading() as connection:
        return bool(reads.generation(connection))


def _clear(there: Side) -> None:
    """Take away what a move of an earlier state has left."""
    with there.writing() as connection:
        Tables.metadata.drop_all(connection)
        for name in (VERSION_TABLE, UNFINISHED):
            Table(name, MetaData()).drop(connection, checkfirst=True)
        if connection.dialect.name == "postgresql":
            connection.execute(text("DROP FUNCTION IF EXISTS refuse_audit_change"))


def _copy(old: Connection, there: Side, total: int, progress: Progress) -> int:
    """Bring over what is not there yet; how many rows."""
    done = went = 0
    for one in _tables():
        with there.reading() as new:
            done += _count(new, one)
            last = new.execute(select(func.max(one.c.id))).scalar() or 0
        while (
            rows := old.execute(select(one).where(one.c.id > last).order_by(one.c.id).limit(AT_ONCE)).mappings().all()
        ):
            with there.writing() as new:
                new.execute(insert(one), [dict(row) for row in rows])
                failpoint("move.mid")
            last, done, went = rows[-1]["id"], done + len(rows), went + len(rows)
            progress(done, total)
    return went


def _compare(old: Connection, there: Side, state: State) -> None:
    """Raise GalleryUnusable unless every table holds the same rows; the next move begins anew then."""
    with there.reading() as new:
        copied = [_digest(new, one) for one in _tables()]
    differing = [one.name for one, digest in zip(_tables(), copied, strict=True) if _digest(old, one) != digest]
    if differing:
        with there.writing() as new:
            new.execute(update(MOVING).values(generation=-1))
        raise GalleryUnusable(f"the copy differs from the gallery in {', '.join(differing)}: move it again")


def _digest(connection: Connection, one: Table) -> tuple[int, str]:
    """How many rows a table has, and the SHA-256 of them in the order of their ids."""
    count, digest = 0, hashlib.sha256()
    for row in _rows(connection, one):
        digest.update(repr(tuple(row)).encode())
        count += 1
    return count, digest.hexdigest()


def _rows(connection: Connection, one: Table) -> Iterator[Any]:
    last = 0
    while rows := _after(connection, one, last).all():
        yield from rows
        last = rows[-1].id


def _after(connection: Connection, one: Table, last: int) -> CursorResult[Any]:
    """The next rows of a table."""
    return connection.execute(select(one).where(one.c.id > last).order_by(one.c.id).limit(AT_ONCE))


def _finish(old: Connection, there: Side, state: State) -> str | None:
    """The target becomes the gallery, in one transaction; the index that it cannot be searched by, and is not."""
    given = _highest(old)
    with there.writing() as new:
        for name, highest in given.items():
            _go_on_after(new, name, highest)
        new.execute(update(MetaRow).values(database=state.database, generation=state.generation))
        MOVING.drop(new)
        dropped = _useless_index(new)
        if dropped:
            store_setting(Write.begin(new, utc_now()), INDEX_SETTING, EXACT)
        failpoint("move.before_commit")
    return dropped


def _useless_index(new: Connection) -> str | None:
    """The index in use, where it is a server's and this is a file."""
    chosen = reads.setting(new, INDEX_SETTING, 0)
    return chosen if new.dialect.name == "sqlite" and chosen in IN_SERVER else None


def _highest(old: Connection) -> dict[str, int]:
    """The highest id that each table has ever given: it is never given again, also when its row is gone."""
    if old.dialect.name == "sqlite":
        return {row.name: row.seq for row in old.execute(select(SEQUENCE))}
    rows = old.execute(select(SEQUENCES).where(SEQUENCES.c.last_value.is_not(None)))
    return {row.sequencename.removesuffix("_id_seq"): row.last_value for row in rows}


def _go_on_after(new: Connection, name: str, highest: int) -> None:
    if new.dialect.name == "sqlite":
        new.execute(delete(SEQUENCE).where(SEQUENCE.c.name == name))
        new.execute(insert(SEQUENCE).values(name=name, seq=highest))
    elif name in Tables.metadata.tables and highest:
        new.execute(select(func.setval(func.pg_get_serial_sequence(name, "id"), highest)))


def _count(connection: Connection, one: Any) -> int:
    return connection.execute(select(func.count()).select_from(one)).scalar_one()
