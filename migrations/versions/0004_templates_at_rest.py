"""Templates that may be encrypted, and vectors where the server can compare them."""

from __future__ import annotations

from typing import Any

import numpy as np
import sqlalchemy as sa
from alembic import op

from facerec.errors import GalleryUnusable
from facerec.gallery.codec import from_bytes
from facerec.gallery.embedding_column import EmbeddingBytes, as_vector

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

OLD = ("id", "face_id", "encoder", "embedding", "generation")
AT_ONCE = 2000
TEMPLATE = sa.table("template", sa.column("id"), sa.column("embedding"), sa.column("vector"), sa.column("bytes"))
ENCRYPTION = sa.table("encryption", sa.column("key_id"))
SEQUENCE = sa.table("sqlite_sequence", sa.column("name"), sa.column("seq"))
PLAIN_OR_SEALED = "(embedding IS NULL) <> (sealed IS NULL) AND (sealed IS NULL) = (key_id IS NULL)"
ADDED = {"ck_template_sealed_length": "length(sealed) = 540", "ck_template_plain_or_sealed": PLAIN_OR_SEALED}


def upgrade() -> None:
    op.create_table(
        "encryption",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("key_id", sa.String(16), nullable=False),
        sa.Column("since", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_encryption"),
        sa.CheckConstraint("id = 1", name=op.f("ck_encryption_one_row")),
    )
    if op.get_bind().dialect.name == "postgresql":
        upgrade_server()
    else:
        rebuild(sa.Column("embedding", sa.LargeBinary(), nullable=True), sealed_columns(), added_checks())


def downgrade() -> None:
    if op.get_bind().execute(sa.select(ENCRYPTION)).first():
        raise GalleryUnusable("not downgraded: older tables cannot hold encrypted templates")
    op.drop_table("encryption")
    if op.get_bind().dialect.name == "postgresql":
        downgrade_server()
    else:
        rebuild(sa.Column("embedding", sa.LargeBinary(), nullable=False), (), ())


def sealed_columns() -> tuple[sa.Column[Any], ...]:
    return sa.Column("sealed", sa.LargeBinary(), nullable=True), sa.Column("key_id", sa.String(16), nullable=True)


def added_checks() -> tuple[sa.CheckConstraint, ...]:
    return tuple(sa.CheckConstraint(condition, name=op.f(name)) for name, condition in ADDED.items())


def rebuild(embedding: sa.Column[Any], more: tuple[sa.Column[Any], ...], added: tuple[sa.CheckConstraint, ...]) -> None:
    """SQLite changes no constraint in place: the table is written anew, and its ids go on where they were."""
    op.create_table(
        "template_new",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("face_id", sa.Integer(), nullable=False),
        sa.Column("encoder", sa.String(64), nullable=False),
        embedding,
        sa.Column("generation", sa.Integer(), nullable=False),
        *more,
        sa.PrimaryKeyConstraint("id", name="pk_template"),
        sa.UniqueConstraint("face_id", "encoder", name="uq_template_face_id_encoder"),
        sa.ForeignKeyConstraint(["face_id"], ["face.id"], name="fk_template_face_id_face", ondelete="CASCADE"),
        sa.CheckConstraint("length(embedding) = 512", name=op.f("ck_template_embedding_length")),
        sa.CheckConstraint("length(encoder) = 64", name=op.f("ck_template_encoder_length")),
        *added,
        sqlite_autoincrement=True,
    )
    old, new = (sa.table(name, *map(sa.column, OLD)) for name in ("template", "template_new"))
    bind = op.get_bind()
    bind.execute(sa.insert(new).from_select(OLD, sa.select(old)))
    last = bind.execute(sa.select(SEQUENCE.c.seq).where(SEQUENCE.c.name == "template")).scalar()
    bind.execute(sa.delete(SEQUENCE).where(SEQUENCE.c.name == "template_new"))
    op.drop_table("template")
    op.rename_table("template_new", "template")
    if last is not None:
        bind.execute(sa.delete(SEQUENCE).where(SEQUENCE.c.name == "template"))
        bind.execute(sa.insert(SEQUENCE).values(name="template", seq=last))
    op.create_index("ix_template_generation", "template", ["generation"])


def upgrade_server() -> None:
    op.execute("CREATE EXTENSION IF NOT EXISTS vector")
    for column in (sa.Column("vector", EmbeddingBytes(), nullable=True), *sealed_columns()):
        op.add_column("template", column)
    bind = op.get_bind()
    for row in stored(TEMPLATE.c.embedding):
        (embedding,), _ = from_bytes([bytes(row[1])])  # one that is damaged stays one that resembles nobody
        change = sa.text("UPDATE template SET vector = :vector WHERE id = :id")
        bind.execute(change, {"id": row[0], "vector": as_vector(embedding.astype("<f4").tobytes())})
    op.drop_constraint("ck_template_embedding_length", "template")
    op.drop_column("template", "embedding")
    op.alter_column("template", "vector", new_column_name="embedding")
    for name, condition in ADDED.items():
        op.create_check_constraint(op.f(name), "template", condition)
    op.create_index(
        "ix_template_embedding", "template", ["embedding"], postgresql_using="hnsw",
        postgresql_ops={"embedding": "vector_ip_ops"},
    )  # fmt: skip


def downgrade_server() -> None:
    op.drop_index("ix_template_embedding", "template")
    op.add_column("template", sa.Column("bytes", sa.LargeBinary(), nullable=True))
    bind = op.get_bind()
    for row in stored(sa.cast(TEMPLATE.c.embedding, sa.Text())):
        numbers = np.array(row[1].strip("[]").split(","), np.float32)
        bind.execute(sa.update(TEMPLATE).where(TEMPLATE.c.id == row[0]).values(bytes=numbers.astype("<f4").tobytes()))
    for name in ADDED:
        op.drop_constraint(name, "template")
    for column in ("embedding", "sealed", "key_id"):
        op.drop_column("template", column)
    op.alter_column("template", "bytes", new_column_name="embedding", nullable=False)
    op.create_check_constraint(op.f("ck_template_embedding_length"), "template", "length(embedding) = 512")


def stored(what: sa.ColumnElement[Any]) -> Any:
    """Every template's id and embedding, a part at a time, so that a large table is not held twice."""
    last = 0
    while True:
        query = sa.select(TEMPLATE.c.id, what).where(TEMPLATE.c.id > last).order_by(TEMPLATE.c.id).limit(AT_ONCE)
        rows = op.get_bind().execute(query).all()
        if not rows:
            return
        yield from rows
        last = rows[-1][0]
