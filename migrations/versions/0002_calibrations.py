"""Thresholds measured on the gallery's own people, and operating points that lie beyond what was measured."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("operating_point", sa.Column("extrapolated", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_table(
        "calibration",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("encoder", sa.String(64), nullable=False),
        sa.Column("target_fpir", sa.Double(), nullable=False),
        sa.Column("points", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_calibration"),
        sa.CheckConstraint("length(encoder) = 64", name=op.f("ck_calibration_encoder_length")),
        sa.CheckConstraint("target_fpir > 0 AND target_fpir < 1", name=op.f("ck_calibration_target_fpir_is_a_share")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_calibration_encoder", "calibration", ["encoder"])


def downgrade() -> None:
    op.drop_table("calibration")
    with op.batch_alter_table("operating_point") as table:
        table.drop_column("extrapolated")
