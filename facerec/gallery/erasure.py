"""Who was erased, remembered so that no old copy brings them back: the sha256 of a random number that was theirs.

The list is a table of the gallery, so it is in every backup made later, and a small file beside the gallery, for the
day when the gallery itself is lost. To somebody who has no copy from before an erasure it says nothing.
"""

from __future__ import annotations

import logging
import os
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, insert, select

from facerec.digest import sha256
from facerec.gallery.checks import is_digest
from facerec.gallery.origins import origins
from facerec.gallery.tables import ErasureRow, SubjectRow
from facerec.gallery.writes import Write, remove_subject, subject_id_of
from facerec.replacing import part_of, replacing

log = logging.getLogger(__name__)


def digest_of(uid: str) -> str:
    """What is remembered of an erased subject, 64 hex digits."""
    return sha256(f"erased {uid}".encode())


def forget_subject(write: Write, name: str) -> tuple[int, int]:
    """Delete a subject with everything that names it, and remember its erasure; faces and templates gone.

    Subjects whose faces it was given are remembered with it, but for those who are enrolled. Raises NotEnrolled.
    """
    subject_id = subject_id_of(write.connection, name)
    uid = write.connection.execute(select(SubjectRow.uid).where(SubjectRow.id == subject_id)).scalar_one()
    others = origins(write.connection, subject_id)
    gone = remove_subject(write, name, "forget")
    if others:
        others -= {digest_of(one) for one in write.connection.execute(select(SubjectRow.uid)).scalars()}
    remember(write.connection, {digest_of(uid), *others}, write.at)
    return gone


def remember(connection: Connection, digests: set[str], at: datetime) -> None:
    """Add erasures to the table; those that it knows stay as they are."""
    for digest in sorted(digests - erased(connection)):
        connection.execute(insert(ErasureRow).values(digest=digest, erased_at=at))


def erased(connection: Connection) -> set[str]:
    """Digests of everybody erased."""
    return set(connection.execute(select(ErasureRow.digest)).scalars())


def returned(connection: Connection, digests: set[str]) -> list[str]:
    """Names of the enrolled who were erased: by an older copy of the file, for instance, that was put back by hand."""
    rows = connection.execute(select(SubjectRow.uid, SubjectRow.name).order_by(SubjectRow.name)) if digests else ()
    return [name for uid, name in rows if digest_of(uid) in digests]


def list_beside(gallery: Path) -> Path:
    """The file that holds the same list as the table: `gallery.db.erased`."""
    return gallery.with_name(f"{gallery.name}.erased")


def half_written(gallery: Path) -> Path:
    """What a process that is killed while it writes that file leaves."""
    return part_of(list_beside(gallery))


def read_list(gallery: Path) -> set[str]:
    """Digests in the file beside a gallery; none where there is no file, and unreadable lines are said and left out."""
    try:
        lines = list_beside(gallery).read_text("ascii", "replace").split()
    except FileNotFoundError:
        return set()
    found = {line for line in lines if is_digest(line)}
    if len(found) < len(lines):
        log.warning("%s: %d lines cannot be read", list_beside(gallery).name, len(lines) - len(found))
    return found


def write_list(gallery: Path, digests: set[str]) -> None:
    """Write the file beside a gallery, with what it held and these. Raises OSError."""
    path, known = list_beside(gallery), read_list(gallery)
    if digests <= known:
        return
    with replacing(path) as fresh:
        fresh.touch(0o600)
        fresh.write_text("".join(f"{digest}\n" for digest in sorted(known | digests)), "ascii")
        _give(fresh, gallery.stat())


def _give(fresh: Path, owner: os.stat_result) -> None:
    """To the gallery's owner, who must be able to read it, as SQLite does with its log; what cannot be is said."""
    if not hasattr(os, "geteuid") or os.geteuid() == owner.st_uid:
        return
    try:
        os.chown(fresh, owner.st_uid, owner.st_gid)
    except OSError as error:
        log.warning("the list of erasures cannot be given to the gallery's owner: %s", error.strerror)
