"""What each arm's assistant was called when the study began with it."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "assistants",
        sa.Column("study_id", sa.Integer, nullable=False),
        sa.Column("arm", sa.String(400), nullable=False),
        sa.Column("spec", sa.String(80), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("study_id", "arm", "spec", name="pk_assistants"),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], name="fk_assistants_study_id"),
    )


def downgrade() -> None:
    op.drop_table("assistants")
