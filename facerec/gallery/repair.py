"""What can be put right without knowing more than the gallery does: `facerec doctor --repair`.

Damaged pages are a matter for a backup, and damaged embeddings for the pictures that they were made of: nothing here
invents what is lost.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import delete, func, select, text, update

from facerec.errors import GalleryUnusable
from facerec.gallery import erasure, integrity
from facerec.gallery.tables import AuditEventRow, FaceRow, MetaRow, SubjectRow, TemplateRow
from facerec.gallery.writes import Write


def repaired(write: Write, erased: set[str]) -> list[str]:
    """Put right what is wrong within one transaction; one sentence for each thing done.

    `erased` are digests of subjects who must not be here, from outside the gallery. Raises GalleryUnusable where the
    file itself is damaged in more than its indexes.
    """
    done = [*_indexes(write), *_generation(write), *_rows(write), *_erased(write, erased)]
    if done:
        write.record("repair")
    return done


def _indexes(write: Write) -> Iterator[str]:
    """The database's own indexes can be made again from its tables."""
    if write.connection.dialect.name != "sqlite" or not list(integrity.problems_of_file(write.connection)):
        return
    write.connection.execute(text("REINDEX"))
    if left := list(integrity.problems_of_file(write.connection)):
        raise GalleryUnusable(
            f"the gallery is damaged ({left[0]}); restore it from a backup: `facerec gallery restore FILE`"
        )
    yield "the database's indexes were made again"


def _generation(write: Write) -> Iterator[str]:
    """The gallery's generation is that of its last event, and never goes back."""
    recorded = write.connection.execute(select(func.max(AuditEventRow.generation))).scalar() or 0
    if recorded == write.generation - 1:
        return
    write.generation = max(recorded + 1, write.generation)
    write.connection.execute(update(MetaRow).values(generation=write.generation))
    yield "the gallery's generation was counted again"


def _rows(write: Write) -> Iterator[str]:
    """Faces that nothing can be compared with, and subjects without a face: their pictures can be enrolled again."""
    has_template = select(TemplateRow.id).where(TemplateRow.face_id == FaceRow.id).exists()
    has_face = select(FaceRow.id).where(FaceRow.subject_id == SubjectRow.id).exists()
    faces = write.connection.execute(delete(FaceRow).where(~has_template)).rowcount
    subjects = write.connection.execute(delete(SubjectRow).where(~has_face)).rowcount
    for number, what in ((faces, "faces without a template"), (subjects, "subjects without a face")):
        if number:
            yield f"{number} {what} were removed"


def _erased(write: Write, digests: set[str]) -> Iterator[str]:
    """Subjects who were erased and are here again, by an old copy that was put back by hand."""
    erasure.remember(write.connection, digests, write.at)
    back = erasure.returned(write.connection, digests | erasure.erased(write.connection))
    for name in back:
        erasure.forget_subject(write, name)
    if back:
        yield f"{len(back)} erased subjects were back and were removed"
