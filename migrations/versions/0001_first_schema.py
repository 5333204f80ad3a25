"""The first tables: subjects, faces, templates, refusals, operating points, audit events, the gallery's own id."""

from __future__ import annotations

import uuid

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

AUDIT_IS_APPEND_ONLY = {
    "sqlite": [
        """CREATE TRIGGER audit_event_no_update BEFORE UPDATE ON audit_event
           BEGIN SELECT RAISE(ABORT, 'audit events are only ever added'); END""",
        """CREATE TRIGGER audit_event_no_delete BEFORE DELETE ON audit_event
           BEGIN SELECT RAISE(ABORT, 'audit events are only ever added'); END""",
    ],
    "postgresql": [
        """CREATE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS
           $$ BEGIN RAISE EXCEPTION 'audit events are only ever added'; END $$""",
        """CREATE TRIGGER audit_event_no_change BEFORE UPDATE OR DELETE ON audit_event
           FOR EACH ROW EXECUTE FUNCTION refuse_audit_change()""",
    ],
}


def upgrade() -> None:
    create_meta()
    create_subjects()
    create_faces()
    create_templates()
    create_refusals()
    create_operating_points()
    create_audit_events()


def downgrade() -> None:
    for table in ("audit_event", "operating_point", "refusal", "template", "face", "subject", "meta"):
        op.drop_table(table)
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION refuse_audit_change")


def create_meta() -> None:
    meta = op.create_table(
        "meta",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("database", sa.String(32), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_meta"),
        sa.CheckConstraint("id = 1", name=op.f("ck_meta_one_row")),
    )
    op.bulk_insert(meta, [{"id": 1, "database": uuid.uuid4().hex, "generation": 0}])


def create_subjects() -> None:
    op.create_table(
        "subject",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_subject"),
        sa.UniqueConstraint("name", name="uq_subject_name"),
        sa.CheckConstraint("length(name) BETWEEN 1 AND 200", name=op.f("ck_subject_name_length")),
        sqlite_autoincrement=True,
    )


def create_faces() -> None:
    op.create_table(
        "face",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("subject_id", sa.Integer(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("image_sha256", sa.String(64), nullable=False),
        *(sa.Column(name, sa.Double(), nullable=False) for name in ("x1", "y1", "x2", "y2")),
        *(
            sa.Column(name, sa.Double(), nullable=True)
            for name in ("score", "eye_distance", "sharpness", "yaw", "pitch", "roll")
        ),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_face"),
        sa.ForeignKeyConstraint(["subject_id"], ["subject.id"], name="fk_face_subject_id_subject", ondelete="CASCADE"),
        sa.CheckConstraint("length(image_sha256) = 64", name=op.f("ck_face_image_sha256_length")),
        sa.CheckConstraint("x2 > x1 AND y2 > y1", name=op.f("ck_face_box_has_area")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_face_subject_id", "face", ["subject_id"])
    op.create_index("ix_face_image_sha256", "face", ["image_sha256"])


def create_templates() -> None:
    op.create_table(
        "template",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("face_id", sa.Integer(), nullable=False),
        sa.Column("encoder", sa.String(64), nullable=False),
        sa.Column("embedding", sa.LargeBinary(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_template"),
        sa.UniqueConstraint("face_id", "encoder", name="uq_template_face_id_encoder"),
        sa.ForeignKeyConstraint(["face_id"], ["face.id"], name="fk_template_face_id_face", ondelete="CASCADE"),
        sa.CheckConstraint("length(embedding) = 512", name=op.f("ck_template_embedding_length")),
        sa.CheckConstraint("length(encoder) = 64", name=op.f("ck_template_encoder_length")),
        sqlite_autoincrement=True,
    )


def create_refusals() -> None:
    op.create_table(
        "refusal",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("subject", sa.String(200), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("image_sha256", sa.String(64), nullable=False),
        sa.Column("reason", sa.String(40), nullable=False),
        sa.Column("pipeline", sa.String(200), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_refusal"),
        sa.UniqueConstraint("image_sha256", "pipeline", "subject", name="uq_refusal_image_sha256_pipeline_subject"),
        sa.CheckConstraint("length(image_sha256) = 64", name=op.f("ck_refusal_image_sha256_length")),
        sqlite_autoincrement=True,
    )


def create_operating_points() -> None:
    op.create_table(
        "operating_point",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("encoder", sa.String(64), nullable=False),
        sa.Column("threshold", sa.Double(), nullable=False),
        sa.Column("fmr", sa.Double(), nullable=False),
        sa.Column("impostors", sa.Integer(), nullable=False),
        sa.Column("subjects", sa.Integer(), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_operating_point"),
        sa.CheckConstraint("fmr >= 0 AND fmr <= 1", name=op.f("ck_operating_point_fmr_is_a_share")),
        sa.CheckConstraint("length(encoder) = 64", name=op.f("ck_operating_point_encoder_length")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_operating_point_encoder", "operating_point", ["encoder"])


def create_audit_events() -> None:
    op.create_table(
        "audit_event",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("action", sa.String(40), nullable=False),
        sa.Column("subject_id", sa.Integer(), nullable=True),
        sa.Column("templates", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit_event"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_audit_event_generation", "audit_event", ["generation"])
    for statement in AUDIT_IS_APPEND_ONLY.get(op.get_bind().dialect.name, []):
        op.execute(statement)
