"""Studies, their protocols, attacks, events and scores."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "studies",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("created_at", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_studies"),
        sa.UniqueConstraint("name", name="uq_studies_name"),
    )
    op.create_table(
        "protocols",
        sa.Column("study_id", sa.Integer, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("protocol_hash", sa.String(80), nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("created_at", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("study_id", "version", name="pk_protocols"),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], name="fk_protocols_study_id"),
    )
    op.create_table(
        "attacks",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("study_id", sa.Integer, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("protocol_hash", sa.String(80), nullable=False),
        sa.Column("member", sa.String(200), nullable=False),
        sa.Column("arm", sa.String(400), nullable=False),
        sa.Column("assignment", sa.Text, nullable=False),
        sa.Column("assigned_at", sa.String(32), nullable=False),
        sa.Column("ending", sa.String(32)),
        sa.Column("ended_at", sa.String(32)),
        sa.PrimaryKeyConstraint("id", name="pk_attacks"),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], name="fk_attacks_study_id"),
        sa.UniqueConstraint("study_id", "number", name="uq_attacks_study_id_number"),
    )
    op.create_index("ix_attacks_study_id_member", "attacks", ["study_id", "member"])
    op.create_index("ix_attacks_study_id_ending", "attacks", ["study_id", "ending"])
    op.create_table(
        "events",
        sa.Column("attack_id", sa.Integer, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("stored_at", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("attack_id", "number", name="pk_events"),
        sa.ForeignKeyConstraint(["attack_id"], ["attacks.id"], name="fk_events_attack_id"),
    )
    op.create_table(
        "scores",
        sa.Column("attack_id", sa.Integer, nullable=False),
        sa.Column("scorer", sa.String(200), nullable=False),
        sa.Column("version", sa.String(80), nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("scored_at", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("attack_id", "scorer", "version", name="pk_scores"),
        sa.ForeignKeyConstraint(["attack_id"], ["attacks.id"], name="fk_scores_attack_id"),
    )


def downgrade() -> None:
    for table in ("scores", "events", "attacks", "protocols", "studies"):
        op.drop_table(table)
