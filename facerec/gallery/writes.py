"""What one write transaction does, statement by statement. `Gallery` decides where it begins and ends."""

from __future__ import annotations

import functools
import json
import secrets
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

import numpy as np
from sqlalchemy import Connection, Select, bindparam, delete, insert, select, tuple_, update
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.sql.dml import ReturningInsert

from facerec.errors import InvalidInput, NotEnrolled
from facerec.gallery.checks import QUALITY_FIELDS
from facerec.gallery.codec import from_bytes, to_bytes
from facerec.gallery.origins import drop_origins
from facerec.gallery.results import Calibration, Refusal
from facerec.gallery.tables import (
    AuditEventRow,
    CalibrationRow,
    FaceRow,
    MetaRow,
    OperatingPointRow,
    RefusalRow,
    SettingRow,
    SubjectRow,
    TemplateRow,
)
from facerec.gallery.vault import Place, vault_of
from facerec.geometry import SAME_FACE_IOU, iou
from facerec.records import OperatingPoint, Template

SUBJECT_ID = select(SubjectRow.id).where(SubjectRow.name == bindparam("name"))
FACES_OF_PICTURE = (
    select(FaceRow.id, FaceRow.x1, FaceRow.y1, FaceRow.x2, FaceRow.y2)
    .where(FaceRow.image_sha256 == bindparam("image_sha256"), FaceRow.subject_id == bindparam("subject_id"))
    .order_by(FaceRow.id)
)
ADD_SUBJECT = insert(SubjectRow).returning(SubjectRow.id)
ADD_FACE = insert(FaceRow).returning(FaceRow.id)
ADD_TEMPLATE = insert(TemplateRow).returning(TemplateRow.id)
"""The statements of an enrolment are put together once, since that costs more time than running them."""


@dataclass(slots=True)
class Write:
    """A write under way.

    generation  the gallery's, once this is committed
    at          the moment that its rows carry
    mark        of this change and no other, 16 hex digits
    """

    connection: Connection
    generation: int
    at: datetime
    mark: str

    @classmethod
    def begin(cls, connection: Connection, at: datetime) -> Write:
        """Also makes later writers of a server wait (SQLite has seen to that already)."""
        generation = connection.execute(select(MetaRow.generation).with_for_update()).scalar_one()
        return cls(connection, generation + 1, at, secrets.token_hex(8))

    def record(self, action: str, subject_id: int | None = None, templates: int = 0) -> None:
        """Add an audit event and move the generation: both, or neither, come with the change."""
        self.connection.execute(update(MetaRow).values(generation=self.generation))
        event = {"generation": self.generation, "at": self.at, "action": action, "mark": self.mark}
        self.connection.execute(insert(AuditEventRow), {**event, "subject_id": subject_id, "templates": templates})

    def add(self, adding: ReturningInsert[int], values: dict[str, object]) -> int:
        """Add a row and return its id."""
        return self.connection.execute(adding, values).scalar_one()


@dataclass(frozen=True, slots=True)
class Stored:
    """Where one template lies now, and whether it was put there just now."""

    template_id: int
    subject_id: int
    is_new: bool


def store_template(write: Write, template: Template) -> Stored:
    """Store a template unless it is there. One whose bytes were damaged is put right, and counts as new."""
    subject_id = find_or_add_subject(write, template.subject)
    face_id = _face(write, subject_id, template)
    vault, face = vault_of(write.connection), {"face_id": face_id, "encoder": template.encoder}
    content = vault.closed(to_bytes(template.embedding), Place(subject_id, face_id, template.encoder))
    content["generation"] = write.generation
    there = write.connection.execute(template_of_face(vault.columns), face).first()
    if there is None:
        return Stored(write.add(ADD_TEMPLATE, face | content), subject_id, True)
    if from_bytes(vault.opened([there[1:]]))[1].all():
        return Stored(there.id, subject_id, False)
    write.connection.execute(update(TemplateRow).where(TemplateRow.id == there.id).values(content))
    return Stored(there.id, subject_id, True)


@functools.cache
def template_of_face(columns: tuple[InstrumentedAttribute[Any], ...]) -> Select[Any]:
    """A template's id, and what its vault needs, by face and encoder."""
    of_face = (TemplateRow.face_id == bindparam("face_id")) & (TemplateRow.encoder == bindparam("encoder"))
    joined = select(TemplateRow.id, *columns).join(FaceRow, FaceRow.id == TemplateRow.face_id)
    return joined.where(of_face)


def remove_subject(write: Write, name: str, action: str = "remove") -> tuple[int, int]:
    """Delete a subject with everything that names it; how many faces and templates went. Raises NotEnrolled."""
    subject_id = subject_id_of(write.connection, name)
    faces = select(FaceRow.id).where(FaceRow.subject_id == subject_id)
    templates = write.connection.execute(delete(TemplateRow).where(TemplateRow.face_id.in_(faces))).rowcount
    removed = write.connection.execute(delete(FaceRow).where(FaceRow.subject_id == subject_id)).rowcount
    write.connection.execute(delete(SubjectRow).where(SubjectRow.id == subject_id))
    write.connection.execute(delete(RefusalRow).where(RefusalRow.subject == name))
    drop_origins(write.connection, subject_id)
    write.record(action, subject_id, templates)
    return removed, templates


def rename_subject(write: Write, old: str, new: str) -> None:
    """Raises NotEnrolled, and InvalidInput when `new` is taken: two subjects are never merged by the way.

    Of a picture that was refused under both names, what was remembered of `old` stays.
    """
    subject_id = subject_id_of(write.connection, old)
    if write.connection.execute(SUBJECT_ID, {"name": new}).first():
        raise InvalidInput(f"{new} is enrolled already: remove one of the two, or choose another name")
    write.connection.execute(update(SubjectRow).where(SubjectRow.id == subject_id).values(name=new))
    pictures = select(RefusalRow.image_sha256, RefusalRow.pipeline).where(RefusalRow.subject == old)
    known = tuple_(RefusalRow.image_sha256, RefusalRow.pipeline).in_(pictures)
    write.connection.execute(delete(RefusalRow).where(RefusalRow.subject == new, known))
    write.connection.execute(update(RefusalRow).where(RefusalRow.subject == old).values(subject=new))
    write.record("rename", subject_id)


def store_refusal(write: Write, refusal: Refusal) -> bool:
    """Remember a refused picture; False when it was known, in which case the newer reason is kept."""
    same = (
        (RefusalRow.image_sha256 == refusal.image_sha256)
        & (RefusalRow.pipeline == refusal.pipeline)
        & (RefusalRow.subject == refusal.subject)
    )
    known = write.connection.execute(select(RefusalRow.reason).where(same)).scalar()
    if known is None:
        write.connection.execute(insert(RefusalRow).values(**asdict(refusal), created_at=write.at))
    elif known != refusal.reason:
        write.connection.execute(update(RefusalRow).where(same).values(reason=refusal.reason))
    return known is None


def store_operating_point(write: Write, point: OperatingPoint) -> None:
    """Add a measured threshold; the one before it stays as history."""
    write.connection.execute(insert(OperatingPointRow).values(**asdict(point), created_at=write.at))
    write.record("operating_point")


def store_calibration(write: Write, encoder: str, calibration: Calibration) -> None:
    """Add thresholds for searches; those before them stay as history."""
    content = {"target_fpir": calibration.target_fpir, "points": json.dumps(calibration.points.as_dict())}
    write.connection.execute(insert(CalibrationRow).values(encoder=encoder, **content, created_at=write.at))
    write.record("calibration")


def store_setting(write: Write, name: str, value: str) -> None:
    """Add what was chosen; what was before stays, as a way back."""
    write.connection.execute(insert(SettingRow).values(name=name, value=value, created_at=write.at))
    write.record("setting")


def subject_id_of(connection: Connection, name: str) -> int:
    """Raises NotEnrolled."""
    found = connection.execute(SUBJECT_ID, {"name": name}).scalar()
    if found is None:
        raise NotEnrolled(name)
    return found


def find_or_add_subject(write: Write, name: str) -> int:
    """The row of this subject: the one that is there, or a new one."""
    found = write.connection.execute(SUBJECT_ID, {"name": name}).scalar()
    return (
        write.add(ADD_SUBJECT, {"uid": uuid4().hex, "name": name, "created_at": write.at}) if found is None else found
    )


def _face(write: Write, subject_id: int, template: Template) -> int:
    """The row of this face of this picture: the one that is there, or a new one."""
    picture = {"image_sha256": template.image_sha256, "subject_id": subject_id}
    there = write.connection.execute(FACES_OF_PICTURE, picture).all()
    if there:
        overlap = iou(np.array([row[1:] for row in there]), np.array([template.box]))[:, 0]
        if overlap.max() >= SAME_FACE_IOU:
            return int(there[int(overlap.argmax())][0])
    box = dict(zip(("x1", "y1", "x2", "y2"), map(float, template.box), strict=True))
    quality = {name: _number(template.quality.get(name)) for name in QUALITY_FIELDS}
    origin = {"source": template.source, "created_at": write.at}
    return write.add(ADD_FACE, {**picture, **origin, **box, **quality})


def _number(value: float | None) -> float | None:
    """A plain float: the driver does not know those of numpy."""
    return None if value is None else float(value)
