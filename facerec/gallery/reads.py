"""What can be asked of a gallery, each question answered within one transaction."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, CompoundSelect, Connection, Row, Select, func, select, true, union

from facerec.errors import NotEnrolled
from facerec.gallery.checks import QUALITY_FIELDS
from facerec.gallery.codec import from_bytes
from facerec.gallery.results import (
    Calibration,
    FaceDetail,
    GalleryStats,
    State,
    StoredEmbeddings,
    SubjectDetail,
    SubjectSummary,
)
from facerec.gallery.tables import (
    AuditEventRow,
    CalibrationRow,
    EncryptionRow,
    FaceRow,
    MetaRow,
    OperatingPointRow,
    RefusalRow,
    SettingRow,
    SubjectRow,
    TemplateRow,
)
from facerec.gallery.vault import PLAIN, Vault, current_vault
from facerec.metrics.operating_points import OperatingPoints
from facerec.records import DIM, Float32, Int64, OperatingPoint

ADDITIONS = ("enroll", "embed")
"""Actions of audit events that a template's own generation tells as well, and of which encoder it is."""

REMOVALS = ("remove", "forget")
"""Actions of audit events after which a subject's templates are gone."""

STATE = (
    select(MetaRow.database, MetaRow.generation, AuditEventRow.mark)
    .outerjoin(AuditEventRow, AuditEventRow.generation == MetaRow.generation)
    .order_by(AuditEventRow.id.desc())
    .limit(1)
)
"""Put together once: it is asked before every search."""

ROWS_AT_ONCE = 8192
"""Templates decoded together: 4 MB of embeddings, so that reading many holds each byte about once."""


def generation(connection: Connection) -> int:
    """How often the gallery has changed."""
    return connection.execute(select(MetaRow.generation)).scalar_one()


def state(connection: Connection) -> State:
    """Which state of which gallery this is."""
    return State(*connection.execute(STATE).one())


def key_id(connection: Connection) -> str | None:
    """Of the key that templates are encrypted with; None where they are not."""
    return connection.execute(select(EncryptionRow.key_id)).scalar()


def has_passed(connection: Connection, past: State) -> bool:
    """Was this gallery once in that state, and has it only gone forward since?"""
    if past.mark is None or past.database != state(connection).database:
        return False
    same = (AuditEventRow.generation == past.generation) & (AuditEventRow.mark == past.mark)
    return connection.execute(select(AuditEventRow.id).where(same).limit(1)).first() is not None


def removed_since(connection: Connection, generation: int) -> set[int]:
    """Ids of the subjects that were removed after a generation."""
    query = select(AuditEventRow.subject_id).where(AuditEventRow.generation > generation)
    found = connection.execute(query.where(AuditEventRow.action.in_(REMOVALS))).scalars()
    return {subject_id for subject_id in found if subject_id is not None}


def touched_since(connection: Connection, encoder: str, generation: int) -> frozenset[int]:
    """Ids of the subjects of whom something changed after a generation, by what an encoder has of them.

    Those among them that are gone are included.
    """
    return frozenset(connection.execute(_touched_since(encoder, generation)).scalars())


def embeddings_touched_since(connection: Connection, encoder: str, generation: int) -> StoredEmbeddings:
    """All templates of one encoder of those subjects."""
    touched = _touched_since(encoder, generation).subquery()
    query = select(SubjectRow.id, SubjectRow.name).where(SubjectRow.id.in_(select(touched)))
    named = {row[0]: row[1] for row in connection.execute(query)}
    return _embeddings(connection, encoder, FaceRow.subject_id.in_(select(touched)), named)


def _touched_since(encoder: str, generation: int) -> CompoundSelect[int]:
    events = select(AuditEventRow.subject_id).where(AuditEventRow.generation > generation)
    others = AuditEventRow.subject_id.is_not(None) & AuditEventRow.action.not_in(ADDITIONS)
    stored = select(FaceRow.subject_id).join(TemplateRow, TemplateRow.face_id == FaceRow.id)
    added = (TemplateRow.generation > generation) & (TemplateRow.encoder == encoder)
    return union(events.where(others), stored.where(added))


def subjects(connection: Connection) -> list[SubjectSummary]:
    """Every subject, by name."""
    counts = (func.count(FaceRow.id.distinct()), func.count(TemplateRow.id))
    rows = connection.execute(
        select(SubjectRow.name, *counts, SubjectRow.created_at)
        .outerjoin(FaceRow, FaceRow.subject_id == SubjectRow.id)
        .outerjoin(TemplateRow, TemplateRow.face_id == FaceRow.id)
        .group_by(SubjectRow.id, SubjectRow.name, SubjectRow.created_at)
        .order_by(SubjectRow.name)
    )
    return [SubjectSummary(*row) for row in rows]


def show(connection: Connection, name: str) -> SubjectDetail:
    """One subject with its faces. Raises NotEnrolled."""
    subject = connection.execute(select(SubjectRow).where(SubjectRow.name == name)).first()
    if subject is None:
        raise NotEnrolled(name)
    encoders: dict[int, list[str]] = {}
    of_subject = select(TemplateRow.face_id, TemplateRow.encoder).join(FaceRow, FaceRow.id == TemplateRow.face_id)
    for face_id, encoder in connection.execute(of_subject.where(FaceRow.subject_id == subject.id)):
        encoders.setdefault(face_id, []).append(encoder)
    faces = connection.execute(select(FaceRow).where(FaceRow.subject_id == subject.id).order_by(FaceRow.id))
    detail = tuple(face_detail(row, sorted(encoders.get(row.id, []))) for row in faces)
    return SubjectDetail(subject.name, subject.created_at, detail)


def stats(connection: Connection, schema: str) -> GalleryStats:
    """The gallery in numbers."""
    meta = connection.execute(select(MetaRow.database, MetaRow.generation)).one()
    templates = connection.execute(
        select(TemplateRow.encoder, func.count()).group_by(TemplateRow.encoder).order_by(TemplateRow.encoder)
    )
    return GalleryStats(
        database=meta.database,
        schema=schema,
        generation=meta.generation,
        subjects=_count(connection, select(SubjectRow.id)),
        faces=_count(connection, select(FaceRow.id)),
        templates={row[0]: row[1] for row in templates},
        refusals=_count(connection, select(RefusalRow.id)),
        key_id=key_id(connection),
    )


def embeddings(connection: Connection, encoder: str, subject: str | None) -> StoredEmbeddings:
    """The templates of one encoder, of everybody or of one subject. Raises NotEnrolled."""
    named = names(connection, subject)
    return _embeddings(connection, encoder, true() if subject is None else FaceRow.subject_id.in_(named), named)


def _embeddings(
    connection: Connection, encoder: str, whose: ColumnElement[bool], named: dict[int, str]
) -> StoredEmbeddings:
    found = templates(connection, (TemplateRow.encoder == encoder) & whose)
    owners = found.owners[found.sound]
    return StoredEmbeddings(
        state=state(connection),
        encoder=encoder,
        template_ids=found.ids[found.sound],
        subject_ids=owners,
        rows=found.rows if found.sound.all() else found.rows[found.sound],
        names={key: named[key] for key in np.unique(owners).tolist()},
        damaged=found.owners[~found.sound],
        missing=_count(connection, select(FaceRow.id).where(whose)) - len(found.ids),
    )


class Templates(NamedTuple):
    """Stored templates as they lie: ids and subject ids (N,) int64, embeddings (N, 128), and which are sound (N,)."""

    ids: Int64
    owners: Int64
    rows: Float32
    sound: NDArray[np.bool_]


def templates(connection: Connection, which: ColumnElement[bool]) -> Templates:
    """The templates that a condition on template and face holds for, in id order."""
    vault = current_vault(connection)
    query = (
        select(TemplateRow.id, FaceRow.subject_id, *vault.columns)
        .join(FaceRow, FaceRow.id == TemplateRow.face_id)
        .where(which)
        .order_by(TemplateRow.id)
    )
    blocks = [_decode(vault, rows) for rows in connection.execute(query).partitions(ROWS_AT_ONCE)]
    return Templates(*(np.concatenate(parts) for parts in zip(_decode(PLAIN, ()), *blocks, strict=True)))


def count_faces(connection: Connection) -> int:
    """Faces of everybody."""
    return _count(connection, select(FaceRow.id))


def count_templates(connection: Connection, encoder: str) -> int:
    """Templates of one encoder, damaged ones included."""
    return _count(connection, select(TemplateRow.id).where(TemplateRow.encoder == encoder))


def names(connection: Connection, subject: str | None = None) -> dict[int, str]:
    """Names by subject id, of everybody or of one subject. Raises NotEnrolled."""
    query = select(SubjectRow.id, SubjectRow.name)
    if subject is not None:
        query = query.where(SubjectRow.name == subject)
    found = {row[0]: row[1] for row in connection.execute(query)}
    if subject is not None and not found:
        raise NotEnrolled(subject)
    return found


def enrolled_images(connection: Connection, encoder: str) -> set[str]:
    """sha256 of every picture with a template of this encoder."""
    query = select(FaceRow.image_sha256).join(TemplateRow, TemplateRow.face_id == FaceRow.id)
    return set(connection.execute(query.where(TemplateRow.encoder == encoder)).scalars())


def images_of(connection: Connection, encoder: str, subjects: Collection[str]) -> dict[str, set[str]]:
    """Name -> sha256 of every picture of that subject with a template of this encoder; known or not."""
    query = select(SubjectRow.name, FaceRow.image_sha256).join(FaceRow, FaceRow.subject_id == SubjectRow.id)
    query = query.join(TemplateRow, TemplateRow.face_id == FaceRow.id).where(TemplateRow.encoder == encoder)
    found: dict[str, set[str]] = {subject: set() for subject in subjects}
    for name, digest in connection.execute(query.where(SubjectRow.name.in_(subjects))):
        found[name].add(digest)
    return found


def refused_images(connection: Connection, pipeline: str) -> dict[tuple[str, str], str]:
    """Subject and sha256 of every picture that this pipeline refused -> the reason."""
    query = select(RefusalRow.subject, RefusalRow.image_sha256, RefusalRow.reason)
    found = connection.execute(query.where(RefusalRow.pipeline == pipeline).order_by(RefusalRow.id))
    return {(row[0], row[1]): row[2] for row in found}


def operating_point(connection: Connection, encoder: str) -> OperatingPoint | None:
    """The newest threshold that was measured for an encoder."""
    newest = (
        select(OperatingPointRow)
        .where(OperatingPointRow.encoder == encoder)
        .order_by(OperatingPointRow.id.desc())
        .limit(1)
    )
    row = connection.execute(newest).first()
    if row is None:
        return None
    stated = (row.threshold, row.fmr, row.impostors, row.subjects, row.encoder, row.evidence, row.extrapolated)
    return OperatingPoint(*stated)


def calibration(connection: Connection, encoder: str) -> Calibration | None:
    """The newest thresholds for searches, and the FPIR that they are to keep."""
    newest = (
        select(CalibrationRow.target_fpir, CalibrationRow.points)
        .where(CalibrationRow.encoder == encoder)
        .order_by(CalibrationRow.id.desc())
        .limit(1)
    )
    row = connection.execute(newest).first()
    return None if row is None else Calibration(row.target_fpir, OperatingPoints.of(json.loads(row.points)))


def setting(connection: Connection, name: str, before: int) -> str | None:
    """What was chosen under a name; `before` goes so many choices back. None where there is none."""
    newest = select(SettingRow.value).where(SettingRow.name == name).order_by(SettingRow.id.desc())
    return connection.execute(newest.offset(before).limit(1)).scalar()


def _decode(vault: Vault, rows: Sequence[Any]) -> Templates:
    """From rows of (template id, subject id, what the vault needs)."""
    decoded, sound = from_bytes(vault.opened([row[2:] for row in rows]))
    ids, owners = (np.array([row[column] for row in rows], np.int64) for column in (0, 1))
    return Templates(ids, owners, decoded.reshape(-1, DIM), sound)


def face_detail(row: Row[Any], encoders: list[str]) -> FaceDetail:
    """A face from its row, with the encoders that have a template of it."""
    quality = {name: getattr(row, name) for name in sorted(QUALITY_FIELDS) if getattr(row, name) is not None}
    box = (row.x1, row.y1, row.x2, row.y2)
    return FaceDetail(row.id, row.source, row.image_sha256, box, quality, tuple(encoders), row.created_at)


def _count(connection: Connection, query: Select[Any]) -> int:
    return connection.execute(select(func.count()).select_from(query.subquery())).scalar_one()
