"""What a copy of a gallery's templates must learn to be at its present state, and what templates are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from sqlalchemy import Connection, select

from facerec.gallery import reads
from facerec.gallery.results import Changes, State
from facerec.gallery.tables import FaceRow, SubjectRow, TemplateRow
from facerec.records import DIM, Float32, Int64

IDS_AT_ONCE = 1000
"""In one question: databases take so many values, and not any number."""


def changes(connection: Connection, encoder: str, past: State) -> Changes:
    """What was done since a past state, or everything where that is not in this gallery's past."""
    key_id = reads.key_id(connection)
    if not reads.has_passed(connection, past):
        everybody = reads.embeddings(connection, encoder, None)
        return Changes(None, everybody, len(everybody) + everybody.quarantined, key_id)
    found = reads.embeddings_touched_since(connection, encoder, past.generation)
    stored = reads.count_templates(connection, encoder)
    found = replace(found, missing=reads.count_faces(connection) - stored)
    touched = reads.touched_since(connection, encoder, past.generation)
    return Changes(touched, found, stored, key_id)


def owners(connection: Connection, templates: Sequence[int]) -> dict[int, tuple[int, str]]:
    """Template id -> its subject's id and name, of those that are enrolled."""
    query = (
        select(TemplateRow.id, SubjectRow.id, SubjectRow.name)
        .join(FaceRow, FaceRow.id == TemplateRow.face_id)
        .join(SubjectRow, SubjectRow.id == FaceRow.subject_id)
    )
    found: dict[int, tuple[int, str]] = {}
    for start in range(0, len(templates), IDS_AT_ONCE):
        part = templates[start : start + IDS_AT_ONCE]
        found |= {row[0]: (row[1], row[2]) for row in connection.execute(query.where(TemplateRow.id.in_(part)))}
    return found


def rows_of(connection: Connection, encoder: str, templates: Int64) -> tuple[Int64, Float32]:
    """Of these templates (N,) those of the encoder that are enrolled and sound: ids (M,) in order, rows (M, 128)."""
    ids, rows = [np.zeros(0, np.int64)], [np.zeros((0, DIM), np.float32)]
    for start in range(0, len(templates), IDS_AT_ONCE):
        part = TemplateRow.id.in_(np.sort(templates)[start : start + IDS_AT_ONCE].tolist())
        found = reads.templates(connection, part & (TemplateRow.encoder == encoder))
        ids.append(found.ids[found.sound])
        rows.append(found.rows[found.sound])
    return np.concatenate(ids), np.concatenate(rows)
