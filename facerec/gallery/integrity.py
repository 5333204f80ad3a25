"""Is a gallery what it should be? Looks at every row; for `facerec doctor`, and for tests after every fault."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection, func, select, text

from facerec.gallery.codec import from_bytes
from facerec.gallery.reads import ROWS_AT_ONCE
from facerec.gallery.tables import AuditEventRow, FaceRow, MetaRow, SubjectRow, TemplateRow


def problems(connection: Connection) -> Iterator[str]:
    """What is wrong with this gallery, one sentence each; nothing when all is well."""
    if connection.dialect.name == "sqlite":
        yield from _of_the_file(connection)
    yield from _of_the_count(connection)
    yield from _of_the_rows(connection)


def _of_the_file(connection: Connection) -> Iterator[str]:
    for found in connection.execute(text("PRAGMA integrity_check")).scalars():
        if found != "ok":
            yield f"the file is damaged: {found}"
    for table, row, parent, _ in connection.execute(text("PRAGMA foreign_key_check")):
        yield f"row {row} of {table} refers to a row of {parent} that is not there"


def _of_the_count(connection: Connection) -> Iterator[str]:
    generation = connection.execute(select(MetaRow.generation)).scalar()
    recorded = connection.execute(select(func.max(AuditEventRow.generation))).scalar() or 0
    if generation != recorded:
        yield f"the gallery is at generation {generation}, its last audit event at {recorded}"


def _of_the_rows(connection: Connection) -> Iterator[str]:
    has_face = select(FaceRow.id).where(FaceRow.subject_id == SubjectRow.id).exists()
    has_template = select(TemplateRow.id).where(TemplateRow.face_id == FaceRow.id).exists()
    empty = connection.execute(select(func.count(SubjectRow.id)).where(~has_face)).scalar_one()
    bare = connection.execute(select(func.count(FaceRow.id)).where(~has_template)).scalar_one()
    stored = connection.execute(select(TemplateRow.embedding)).scalars().partitions(ROWS_AT_ONCE)
    damaged = sum(int((~from_bytes(block)[1]).sum()) for block in stored)
    for number, what in ((empty, "subjects without a face"), (bare, "faces without a template")):
        if number:
            yield f"{number} {what}"
    if damaged:
        yield f"{damaged} templates hold no unit embedding: enroll their pictures again"
