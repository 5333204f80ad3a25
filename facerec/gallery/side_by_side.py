"""Templates of another encoder beside those that there are: which faces lack one, and how one is added.

A face is never made here: somebody who was removed while the picture was looked at does not come back.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, select

from facerec.gallery import reads
from facerec.gallery.codec import to_bytes
from facerec.gallery.results import FaceDetail
from facerec.gallery.tables import FaceRow, SubjectRow, TemplateRow
from facerec.gallery.vault import Place, vault_of
from facerec.gallery.writes import ADD_TEMPLATE, Write
from facerec.records import Float32


@dataclass(frozen=True, slots=True)
class Lacking:
    """A face without a template of some encoder, and whose it is."""

    subject: str
    face: FaceDetail


def lacking(connection: Connection, encoder: str) -> tuple[Lacking, ...]:
    """Every face without a template of an encoder, oldest first."""
    has_one = select(TemplateRow.id).where(TemplateRow.face_id == FaceRow.id, TemplateRow.encoder == encoder).exists()
    query = (
        select(SubjectRow.name.label("subject_name"), *FaceRow.__table__.columns)
        .join(SubjectRow, SubjectRow.id == FaceRow.subject_id)
        .where(~has_one)
        .order_by(FaceRow.id)
    )
    return tuple(Lacking(row.subject_name, reads.face_detail(row, [])) for row in connection.execute(query))


def add(write: Write, encoder: str, embeddings: Mapping[int, Float32]) -> int:
    """Store the embedding (128,) of each face that is still there and has none; how many were stored."""
    has_one = select(TemplateRow.id).where(TemplateRow.face_id == FaceRow.id, TemplateRow.encoder == encoder).exists()
    query = select(FaceRow.id, FaceRow.subject_id).where(FaceRow.id.in_(embeddings), ~has_one)
    vault, stored = vault_of(write.connection), Counter[int]()
    for face_id, subject_id in write.connection.execute(query).all():
        content = vault.closed(to_bytes(embeddings[face_id]), Place(subject_id, face_id, encoder))
        row = {"face_id": face_id, "encoder": encoder, "generation": write.generation}
        write.add(ADD_TEMPLATE, row | content)
        stored[subject_id] += 1
    for subject_id, number in stored.items():
        write.record("embed", subject_id, number)
    return stored.total()
