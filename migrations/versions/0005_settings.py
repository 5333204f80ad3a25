"""What was chosen for a gallery: the encoder that it is searched with, the kind of index."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from facerec.errors import GalleryUnusable

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

SETTING = sa.table("setting", sa.column("name"))


def upgrade() -> None:
    op.create_table(
        "setting",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(40), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_setting"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_setting_name", "setting", ["name"])


def downgrade() -> None:
    if op.get_bind().execute(sa.select(SETTING).where(SETTING.c.name.like("earlier uid of %"))).first():
        raise GalleryUnusable("not downgraded: older tables would lose whom an erasure has to mean")
    if op.get_bind().execute(sa.select(SETTING).where(SETTING.c.name == "encoder")).first():
        raise GalleryUnusable("not downgraded: older tables would search with another encoder than the one chosen")
    op.drop_index("ix_setting_name", "setting")
    op.drop_table("setting")
