"""What tells states, subjects and erasures apart in copies of a gallery: snapshots, backups, exports."""

from __future__ import annotations

import hashlib
import secrets
from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

from facerec.errors import GalleryUnusable

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

META = sa.table("meta", sa.column("database"), sa.column("generation"))
SUBJECT = sa.table("subject", sa.column("id"), sa.column("uid"), sa.column("created_at", sa.DateTime()))
ERASURE = sa.table("erasure", sa.column("id"))
EVENT = sa.table(
    "audit_event",
    sa.column("generation"),
    sa.column("at", sa.DateTime()),
    sa.column("action"),
    sa.column("templates"),
    sa.column("mark"),
)


def upgrade() -> None:
    op.add_column("audit_event", sa.Column("mark", sa.String(16), nullable=True))
    op.add_column("subject", sa.Column("uid", sa.String(32), nullable=False, server_default=""))
    name_subjects()
    op.create_index("ix_subject_uid", "subject", ["uid"], unique=True)
    op.create_index("ix_template_generation", "template", ["generation"])
    op.create_table(
        "erasure",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("erased_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_erasure"),
        sa.UniqueConstraint("digest", name="uq_erasure_digest"),
        sa.CheckConstraint("length(digest) = 64", name=op.f("ck_erasure_digest_length")),
        sqlite_autoincrement=True,
    )
    mark_the_present_state()


def downgrade() -> None:
    if op.get_bind().execute(sa.select(ERASURE)).first():
        raise GalleryUnusable(
            "not downgraded: older tables cannot remember who was erased, and a backup would bring them back"
        )
    op.drop_table("erasure")
    op.drop_index("ix_template_generation", "template")
    op.drop_index("ix_subject_uid", "subject")
    op.drop_column("subject", "uid")
    op.drop_column("audit_event", "mark")


def name_subjects() -> None:
    """The same subject gets the same uid in every copy of this gallery that is upgraded."""
    bind = op.get_bind()
    database = bind.execute(sa.select(META.c.database)).scalar_one()
    for subject in bind.execute(sa.select(SUBJECT.c.id, SUBJECT.c.created_at)).all():
        uid = hashlib.sha256(f"{database} {subject.id} {subject.created_at.isoformat()}".encode()).hexdigest()[:32]
        bind.execute(sa.update(SUBJECT).where(SUBJECT.c.id == subject.id).values(uid=uid))


def mark_the_present_state() -> None:
    """One more event, where there is any: those before it have no mark."""
    bind = op.get_bind()
    if not bind.execute(sa.select(EVENT.c.generation)).first():
        return
    generation = bind.execute(sa.select(META.c.generation)).scalar_one() + 1
    bind.execute(sa.update(META).values(generation=generation))
    event = {"generation": generation, "at": datetime.now(UTC).replace(tzinfo=None), "action": "upgrade"}
    bind.execute(sa.insert(EVENT).values(**event, templates=0, mark=secrets.token_hex(8)))
