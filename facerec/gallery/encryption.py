"""Templates of a gallery become encrypted, and get another key: what is done to the rows, and how it is gone on with.

Searches need embeddings in memory, so this protects what lies on disks, in backups and in exports, and nothing in a
process that has been taken over. Pictures are not kept, and names and file names are not encrypted.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, insert, select, update

from facerec.errors import InvalidInput
from facerec.failpoint import failpoint
from facerec.gallery import reads
from facerec.gallery.keys import Key, KeyRing
from facerec.gallery.progress import Progress, silent
from facerec.gallery.tables import EncryptionRow, FaceRow, MetaRow, TemplateRow
from facerec.gallery.vault import PLAIN, Place, Sealed, Vault
from facerec.gallery.writes import Write

AT_ONCE = 2000
"""Templates sealed anew in one transaction."""

Writing = Callable[[], AbstractContextManager[Write]]


@dataclass(frozen=True, slots=True)
class Resealed:
    """What became of the templates.

    key_id        of the key that they are sealed with now
    sealed        how many were sealed
    left          how many could not be opened, and were left as they were
    is_log_empty  False where a reader kept the database's log, which then still holds what lay there before
    """

    key_id: str
    sealed: int
    left: int
    is_log_empty: bool = True


def vault_at(connection: Connection, find: Callable[[], KeyRing]) -> Vault:
    """How templates lie in this gallery. Raises GalleryUnusable naming the key where it is not at hand."""
    key_id = reads.key_id(connection)
    if key_id is None:
        return PLAIN
    database = connection.execute(select(MetaRow.database)).scalar_one()
    return Sealed(database, key_id, find())


def encrypt(write: Write, key: Key, progress: Progress = silent) -> Resealed:
    """Seal every template, within one transaction. Raises InvalidInput where they are sealed already."""
    if reads.key_id(write.connection) is not None:
        raise InvalidInput("this gallery is encrypted already: `facerec gallery rotate-key` changes its key")
    database = write.connection.execute(select(MetaRow.database)).scalar_one()
    vault = Sealed(database, key.id, KeyRing({key.id: key}, "the key"))
    write.connection.execute(insert(EncryptionRow).values(id=1, key_id=key.id, since=write.at))
    total, done, last = _count(write.connection), 0, 0
    while rows := _rows(write.connection, TemplateRow.embedding.is_not(None) & (TemplateRow.id > last), PLAIN):
        _seal(write.connection, vault, rows)
        done, last = done + len(rows), rows[-1][0].id
        progress(done, total)
    write.record("encrypt")
    failpoint("encrypt.sealed")
    return Resealed(key.id, done, 0)


def rotate(writing: Writing, ring: KeyRing, progress: Progress = silent) -> Resealed:
    """Seal every template with the newest key, some at a time; what was stopped is gone on with by starting it again.

    Raises InvalidInput for a gallery that is not encrypted.
    """
    newest = ring.newest
    with writing() as write:
        current = reads.key_id(write.connection)
        if current is None:
            raise InvalidInput("this gallery is not encrypted: `facerec gallery encrypt` does that")
        if current != newest.id:
            write.connection.execute(update(EncryptionRow).values(key_id=newest.id, since=write.at))
            write.record("rotate_key")
        vault = Sealed(write.connection.execute(select(MetaRow.database)).scalar_one(), newest.id, ring)
        total = _count(write.connection)
    done = left = last = 0
    while True:
        with writing() as write:
            others = (TemplateRow.key_id != newest.id) & (TemplateRow.id > last)
            rows = _rows(write.connection, others, vault)
            _seal(write.connection, vault, [(row, content) for row, content in rows if content])
            failpoint("rotate.mid")
        if not rows:
            return Resealed(newest.id, done, left)
        left += sum(not content for _, content in rows)
        done, last = done + sum(bool(content) for _, content in rows), rows[-1][0].id
        progress(done, total)


def _rows(connection: Connection, which: Any, vault: Vault) -> list[tuple[Any, bytes]]:
    """The next templates, with what lies in each."""
    query = (
        select(TemplateRow.id, FaceRow.subject_id, TemplateRow.face_id, TemplateRow.encoder)
        .add_columns(*(column.label(f"v{number}") for number, column in enumerate(vault.columns)))
        .join(FaceRow, FaceRow.id == TemplateRow.face_id)
        .where(which)
        .order_by(TemplateRow.id)
        .limit(AT_ONCE)
    )
    rows = connection.execute(query).all()
    return list(zip(rows, vault.opened([row[4:] for row in rows]), strict=True))


def _seal(connection: Connection, vault: Vault, rows: list[tuple[Any, bytes]]) -> None:
    for row, content in rows:
        closed = vault.closed(content, Place(row.subject_id, row.face_id, row.encoder))
        connection.execute(update(TemplateRow).where(TemplateRow.id == row.id).values(closed))


def _count(connection: Connection) -> int:
    return connection.execute(select(func.count()).select_from(TemplateRow)).scalar_one()
