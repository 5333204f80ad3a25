"""The tables. Names of constraints are fixed, so that a migration can name what it drops.

    subject 1--n face 1--n template     refusal   operating_point   calibration   setting   audit_event   erasure
    meta (one row)   encryption (one row, or none)

A subject is addressed by its name, and the name is unique: enrolling "Anna" twice must mean two pictures of one
Anna, which nothing could tell from two Annas. People who share a name get different ones ("Anna, sales").
Ids are never used again after a deletion, so an old id can not come to mean somebody else.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    DateTime,
    Double,
    ForeignKey,
    LargeBinary,
    MetaData,
    String,
    Text,
    UniqueConstraint,
    false,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

from facerec.gallery.embedding_column import EmbeddingBytes

NEVER_REUSE_IDS = {"sqlite_autoincrement": True}


class UtcDateTime(TypeDecorator[datetime]):
    """A moment, stored as UTC without zone (SQLite has none) and given back with it."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.replace(tzinfo=UTC)


class Tables(DeclarativeBase):
    """What every table shares: how constraints are named, how moments are stored."""

    metadata = MetaData(
        naming_convention={
            "pk": "pk_%(table_name)s",
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        }
    )
    type_annotation_map = {datetime: UtcDateTime, float: Double}  # noqa: RUF012  (read once by sqlalchemy)


class MetaRow(Tables):
    """One row: which gallery this is, and how often it has changed."""

    __tablename__ = "meta"
    __table_args__ = (CheckConstraint("id = 1", name="one_row"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    database: Mapped[str] = mapped_column(String(32))
    generation: Mapped[int]


class SubjectRow(Tables):
    """A person, addressed by name.

    `uid` is random and goes along into backups and exports: it says who this is when the name has changed, and whom
    an erasure meant.
    """

    __tablename__ = "subject"
    __table_args__ = (
        UniqueConstraint("name"),
        CheckConstraint("length(name) BETWEEN 1 AND 200", name="name_length"),
        NEVER_REUSE_IDS,
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    uid: Mapped[str] = mapped_column(String(32), server_default="", index=True, unique=True)
    name: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime]


class FaceRow(Tables):
    """One face in one picture: whose, where from, and how usable. The picture itself is not kept."""

    __tablename__ = "face"
    __table_args__ = (
        CheckConstraint("length(image_sha256) = 64", name="image_sha256_length"),
        CheckConstraint("x2 > x1 AND y2 > y1", name="box_has_area"),
        NEVER_REUSE_IDS,
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    subject_id: Mapped[int] = mapped_column(ForeignKey("subject.id", ondelete="CASCADE"), index=True)
    source: Mapped[str] = mapped_column(Text)
    image_sha256: Mapped[str] = mapped_column(String(64), index=True)
    x1: Mapped[float]
    y1: Mapped[float]
    x2: Mapped[float]
    y2: Mapped[float]
    score: Mapped[float | None]
    eye_distance: Mapped[float | None]
    sharpness: Mapped[float | None]
    yaw: Mapped[float | None]
    pitch: Mapped[float | None]
    roll: Mapped[float | None]
    created_at: Mapped[datetime]


class TemplateRow(Tables):
    """The embedding of one face by one encoder: 128 little-endian float32, 512 bytes, or the same encrypted.

    `sealed` holds nonce, ciphertext and tag, and `key_id` says of which key: see `facerec.gallery.vault`.
    `generation` is the gallery's at the moment of storing: an index can ask for what came since.
    """

    __tablename__ = "template"
    __table_args__ = (
        UniqueConstraint("face_id", "encoder"),
        CheckConstraint("length(embedding) = 512", name="embedding_length").ddl_if("sqlite"),
        CheckConstraint("length(encoder) = 64", name="encoder_length"),
        CheckConstraint("length(sealed) = 540", name="sealed_length"),
        CheckConstraint(
            "(embedding IS NULL) <> (sealed IS NULL) AND (sealed IS NULL) = (key_id IS NULL)", name="plain_or_sealed"
        ),
        NEVER_REUSE_IDS,
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    face_id: Mapped[int] = mapped_column(ForeignKey("face.id", ondelete="CASCADE"))
    encoder: Mapped[str] = mapped_column(String(64))
    embedding: Mapped[bytes | None] = mapped_column(EmbeddingBytes)
    generation: Mapped[int] = mapped_column(index=True)
    sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    key_id: Mapped[str | None] = mapped_column(String(16))


class RefusalRow(Tables):
    """A picture that was looked at and not enrolled. It names its subject by text: there may be no such row."""

    __tablename__ = "refusal"
    __table_args__ = (
        UniqueConstraint("image_sha256", "pipeline", "subject"),
        CheckConstraint("length(image_sha256) = 64", name="image_sha256_length"),
        NEVER_REUSE_IDS,
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    subject: Mapped[str] = mapped_column(String(200))
    source: Mapped[str] = mapped_column(Text)
    image_sha256: Mapped[str] = mapped_column(String(64))
    reason: Mapped[str] = mapped_column(String(40))
    pipeline: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime]


class OperatingPointRow(Tables):
    """A measured threshold. The newest of an encoder is the one in use; the older ones stay as its history."""

    __tablename__ = "operating_point"
    __table_args__ = (
        CheckConstraint("fmr >= 0 AND fmr <= 1", name="fmr_is_a_share"),
        CheckConstraint("length(encoder) = 64", name="encoder_length"),
        NEVER_REUSE_IDS,
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    encoder: Mapped[str] = mapped_column(String(64), index=True)
    threshold: Mapped[float]
    fmr: Mapped[float]
    impostors: Mapped[int]
    subjects: Mapped[int]
    evidence: Mapped[str] = mapped_column(Text)
    extrapolated: Mapped[bool] = mapped_column(server_default=false())
    created_at: Mapped[datetime]


class CalibrationRow(Tables):
    """The thresholds that `identify` chooses from, as JSON, and the FPIR that it keeps. The newest is in use."""

    __tablename__ = "calibration"
    __table_args__ = (
        CheckConstraint("length(encoder) = 64", name="encoder_length"),
        CheckConstraint("target_fpir > 0 AND target_fpir < 1", name="target_fpir_is_a_share"),
        NEVER_REUSE_IDS,
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    encoder: Mapped[str] = mapped_column(String(64), index=True)
    target_fpir: Mapped[float]
    points: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime]


class SettingRow(Tables):
    """What was chosen for this gallery, under a name. The newest is in use, the older ones are ways back.

    What is known of where a subject's faces came from lies here too, all of it in use: see `facerec.gallery.origins`.
    """

    __tablename__ = "setting"
    __table_args__ = (NEVER_REUSE_IDS,)

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(40), index=True)
    value: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime]


class AuditEventRow(Tables):
    """What was changed and when. Rows are only ever added, and hold no name, no picture and no embedding.

    `subject_id` is no foreign key: it must outlive the subject, so that an index learns whom it has to drop.
    `mark` is random and the same in all events of one transaction: it tells a generation from the one of the same
    number that was reached another way, after a backup was restored. Null in events older than that column.
    """

    __tablename__ = "audit_event"
    __table_args__ = (NEVER_REUSE_IDS,)

    id: Mapped[int] = mapped_column(primary_key=True)
    generation: Mapped[int] = mapped_column(index=True)
    at: Mapped[datetime]
    action: Mapped[str] = mapped_column(String(40))
    subject_id: Mapped[int | None]
    templates: Mapped[int]
    mark: Mapped[str | None] = mapped_column(String(16))


class ErasureRow(Tables):
    """Who must not come back, when a backup or an export that still holds them is read: sha256 of the subject's uid."""

    __tablename__ = "erasure"
    __table_args__ = (
        UniqueConstraint("digest"),
        CheckConstraint("length(digest) = 64", name="digest_length"),
        NEVER_REUSE_IDS,
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    digest: Mapped[str] = mapped_column(String(64))
    erased_at: Mapped[datetime]


class EncryptionRow(Tables):
    """There is a row where templates are encrypted: with which key, and since when."""

    __tablename__ = "encryption"
    __table_args__ = (CheckConstraint("id = 1", name="one_row"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    key_id: Mapped[str] = mapped_column(String(16))
    since: Mapped[datetime]
