"""What puts a gallery right: a face forgotten, a face that goes to another subject, two names that become one.

Whoever follows the gallery by its audit events learns of it as of an enrolment and a removal: a template that has
another subject carries the new generation, and so do those that are left of a subject that lost one.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sqlalchemy import Connection, Row, delete, select, update

from facerec.errors import InvalidInput
from facerec.gallery.erasure import digest_of
from facerec.gallery.origins import add_origins, drop_origins, origins
from facerec.gallery.results import MendResult
from facerec.gallery.tables import FaceRow, RefusalRow, SubjectRow, TemplateRow
from facerec.gallery.vault import Place, vault_of
from facerec.gallery.writes import FACES_OF_PICTURE, Write, find_or_add_subject, subject_id_of
from facerec.geometry import SAME_FACE_IOU, iou


def forget_face(write: Write, face_id: int) -> MendResult:
    """Delete one face with its templates; its subject goes with its last face. Raises InvalidInput."""
    face = _face(write.connection, face_id)
    templates = _delete(write, face_id)
    left = select(FaceRow.id).where(FaceRow.subject_id == face.subject_id)
    _renew(write, list(write.connection.execute(left).scalars()))
    is_gone = _remove_if_empty(write, face.subject_id)
    write.record("remove", face.subject_id, templates)
    return MendResult(face.name, None, 1, templates, is_gone, write.generation)


def move_face(write: Write, face_id: int, name: str) -> MendResult:
    """Give one face to another subject, who is made where there is none of that name. Raises InvalidInput."""
    face = _face(write.connection, face_id)
    return _move(write, [face_id], (face.subject_id, face.name), (find_or_add_subject(write, name), name))


def merge(write: Write, name: str, into: str) -> MendResult:
    """Give all faces of a subject to another one. Raises NotEnrolled, and InvalidInput for one subject twice."""
    old, new = subject_id_of(write.connection, name), subject_id_of(write.connection, into)
    faces = write.connection.execute(select(FaceRow.id).where(FaceRow.subject_id == old).order_by(FaceRow.id))
    return _move(write, list(faces.scalars()), (old, name), (new, into))


def _move(write: Write, faces: Sequence[int], old: tuple[int, str], new: tuple[int, str]) -> MendResult:
    """Move faces from one subject, (id, name), to another. What the other has already is kept once."""
    if old[0] == new[0]:
        raise InvalidInput(f"nothing to do: that is {new[1]}'s already")
    for face_id in faces:
        if _is_known(write.connection, face_id, new[0]):
            _delete(write, face_id)
        else:
            _give(write, face_id, new[0])
    templates = _renew(write, faces)
    uid = write.connection.execute(select(SubjectRow.uid).where(SubjectRow.id == old[0])).scalar_one()
    add_origins(write.connection, new[0], {digest_of(uid), *origins(write.connection, old[0])}, write.at)
    is_gone = _remove_if_empty(write, old[0])
    write.record("remove" if is_gone else "move", old[0], templates)
    write.record("move", new[0], templates)
    return MendResult(old[1], new[1], len(faces), templates, is_gone, write.generation)


def _face(connection: Connection, face_id: int) -> Row[int, str]:
    """A face's subject, its id and its name."""
    query = select(FaceRow.subject_id, SubjectRow.name).join(SubjectRow, SubjectRow.id == FaceRow.subject_id)
    if (found := connection.execute(query.where(FaceRow.id == face_id)).first()) is None:
        raise InvalidInput(f"no face {face_id} in this gallery: `facerec gallery show SUBJECT` lists them by number")
    return found


def _is_known(connection: Connection, face_id: int, subject_id: int) -> bool:
    """Has the subject this face of this picture already?"""
    box = (FaceRow.x1, FaceRow.y1, FaceRow.x2, FaceRow.y2)
    face = connection.execute(select(FaceRow.image_sha256, *box).where(FaceRow.id == face_id)).one()
    picture = {"image_sha256": face.image_sha256, "subject_id": subject_id}
    there = connection.execute(FACES_OF_PICTURE, picture).all()
    boxes = np.array([row[1:] for row in there]).reshape(-1, 4)
    return bool((iou(boxes, np.array([face[1:]])) >= SAME_FACE_IOU).any())


def _give(write: Write, face_id: int, subject_id: int) -> None:
    """Give a face to a subject; a template that is bound to its subject is sealed anew, a damaged one left."""
    vault = vault_of(write.connection)
    query = select(TemplateRow.id, TemplateRow.encoder, *vault.columns).join(FaceRow, FaceRow.id == TemplateRow.face_id)
    rows = write.connection.execute(query.where(FaceRow.id == face_id)).all() if vault.key_id else []
    write.connection.execute(update(FaceRow).where(FaceRow.id == face_id).values(subject_id=subject_id))
    for row, content in zip(rows, vault.opened([row[2:] for row in rows]), strict=True):
        if content:
            closed = vault.closed(content, Place(subject_id, face_id, row.encoder))
            write.connection.execute(update(TemplateRow).where(TemplateRow.id == row.id).values(closed))


def _renew(write: Write, faces: Sequence[int]) -> int:
    """Let the templates of some faces be read again by whoever follows; how many there are."""
    mine = update(TemplateRow).where(TemplateRow.face_id.in_(faces))
    return write.connection.execute(mine.values(generation=write.generation)).rowcount


def _delete(write: Write, face_id: int) -> int:
    """Delete a face; how many templates went with it."""
    templates = write.connection.execute(delete(TemplateRow).where(TemplateRow.face_id == face_id)).rowcount
    write.connection.execute(delete(FaceRow).where(FaceRow.id == face_id))
    return templates


def _remove_if_empty(write: Write, subject_id: int) -> bool:
    """A subject without a face can be found by nobody: it goes, with what was refused in its name."""
    if write.connection.execute(select(FaceRow.id).where(FaceRow.subject_id == subject_id).limit(1)).first():
        return False
    name = select(SubjectRow.name).where(SubjectRow.id == subject_id).scalar_subquery()
    write.connection.execute(delete(RefusalRow).where(RefusalRow.subject == name))
    write.connection.execute(delete(SubjectRow).where(SubjectRow.id == subject_id))
    drop_origins(write.connection, subject_id)
    return True
