"""Is a gallery what it should be? Looks at every row; for `facerec doctor`, and for tests after every fault."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection, func, select, text

from facerec.gallery.codec import from_bytes
from facerec.gallery.reads import ROWS_AT_ONCE
from facerec.gallery.tables import AuditEventRow, FaceRow, MetaRow, SubjectRow, TemplateRow
from facerec.gallery.vault import current_vault

SHOWN = 3
"""Pictures that a sentence names."""


def problems(connection: Connection) -> Iterator[str]:
    """What is wrong with this gallery, one sentence each; nothing when all is well."""
    if connection.dialect.name == "sqlite":
        yield from problems_of_file(connection)
    yield from _of_the_count(connection)
    yield from _of_the_rows(connection)


def problems_of_file(connection: Connection) -> Iterator[str]:
    """What is wrong with an SQLite file as such: damaged pages, references that lead nowhere."""
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
    damaged = damaged_templates(connection)
    for number, what in ((empty, "subjects without a face"), (bare, "faces without a template")):
        if number:
            yield f"{number} {what}"
    if damaged:
        where = ", ".join(_sources(connection, damaged[:SHOWN])) + (", ..." if len(damaged) > SHOWN else "")
        yield f"{len(damaged)} templates hold no unit embedding: enroll their pictures again ({where})"


def damaged_templates(connection: Connection) -> list[int]:
    """Ids of the templates whose bytes are no embedding, or were not sealed for the row that they lie in."""
    found: list[int] = []
    vault = current_vault(connection)
    query = select(TemplateRow.id, *vault.columns).outerjoin(FaceRow, FaceRow.id == TemplateRow.face_id)
    for block in connection.execute(query).partitions(ROWS_AT_ONCE):
        sound = from_bytes(vault.opened([row[1:] for row in block]))[1]
        found += [row[0] for row, is_sound in zip(block, sound, strict=True) if not is_sound]
    return found


def _sources(connection: Connection, templates: list[int]) -> list[str]:
    query = select(FaceRow.source).join(TemplateRow, TemplateRow.face_id == FaceRow.id)
    return list(connection.execute(query.where(TemplateRow.id.in_(templates)).order_by(TemplateRow.id)).scalars())
