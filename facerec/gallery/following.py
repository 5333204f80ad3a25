"""What a copy of a gallery's templates must learn to be at its present state, and whose templates are."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, select

from facerec.errors import InvalidInput
from facerec.gallery import reads
from facerec.gallery.elsewhere import Changes
from facerec.gallery.results import State
from facerec.gallery.tables import FaceRow, SubjectRow, TemplateRow

IDS_AT_ONCE = 1000
"""In one question: databases take so many values, and not any number."""


def changes(connection: Connection, encoder: str, past: State) -> Changes:
    """What was added and removed since a past state, or everything where that is not in this gallery's past.

    Raises InvalidInput for an encrypted gallery: its templates would lie in plain elsewhere.
    """
    if reads.key_id(connection):
        raise InvalidInput(
            "an encrypted gallery is searched in this process only: elsewhere its templates lay in plain"
        )
    is_whole = not reads.has_passed(connection, past)
    which = TemplateRow.encoder == encoder
    found = reads.templates(connection, which if is_whole else which & (TemplateRow.generation > past.generation))
    gone = frozenset() if is_whole else frozenset(reads.removed_since(connection, past.generation))
    count = reads.count_templates(connection, encoder) - int((~found.sound).sum())
    arrays = (found.ids[found.sound], found.owners[found.sound], found.rows[found.sound])
    return Changes(reads.state(connection), is_whole, gone, *arrays, count)


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
