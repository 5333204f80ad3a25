"""Templates together with the faces that they were made of, for whoever looks over a whole gallery."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, select

from facerec.gallery import reads
from facerec.gallery.results import FaceDetail, StoredEmbeddings
from facerec.gallery.tables import FaceRow, TemplateRow


@dataclass(frozen=True, slots=True, eq=False)
class EnrolledFaces:
    """The sound templates of one encoder, and row for row the face of each."""

    stored: StoredEmbeddings
    faces: tuple[FaceDetail, ...]


def enrolled_faces(connection: Connection, encoder: str) -> EnrolledFaces:
    """Everybody's templates of one encoder with their faces; `encoders` of a face names this one only."""
    stored = reads.embeddings(connection, encoder, None)
    query = (
        select(TemplateRow.id.label("template_id"), *FaceRow.__table__.columns)
        .join(FaceRow, FaceRow.id == TemplateRow.face_id)
        .where(TemplateRow.encoder == encoder)
    )
    faces = {row.template_id: reads.face_detail(row, [encoder]) for row in connection.execute(query)}
    return EnrolledFaces(stored, tuple(faces[template_id] for template_id in stored.template_ids.tolist()))
