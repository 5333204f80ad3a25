"""What else a subject's faces were enrolled as: by the digests of uids that were merged, moved or imported into it.

Copies from before hold those faces under the other uid, so an erasure has to mean that one too. A digest is kept as
a setting of the subject's own, and so goes along into backups and moves.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, delete, insert, select

from facerec.gallery.tables import SettingRow


def origins(connection: Connection, subject_id: int) -> set[str]:
    """Digests of the other uids that faces of a subject came under."""
    return set(connection.execute(select(SettingRow.value).where(SettingRow.name == _name(subject_id))).scalars())


def add_origins(connection: Connection, subject_id: int, digests: set[str], at: datetime) -> None:
    """Note where faces of a subject came from; what is known stays as it is."""
    for digest in sorted(digests - origins(connection, subject_id)):
        connection.execute(insert(SettingRow).values(name=_name(subject_id), value=digest, created_at=at))


def drop_origins(connection: Connection, subject_id: int) -> None:
    """Delete what was noted of a subject that goes."""
    connection.execute(delete(SettingRow).where(SettingRow.name == _name(subject_id)))


def _name(subject_id: int) -> str:
    return f"earlier uid of {subject_id}"
