"""What arms answered to harmless requests."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "probes",
        sa.Column("study_id", sa.Integer, nullable=False),
        sa.Column("protocol_hash", sa.String(80), nullable=False),
        sa.Column("arm", sa.String(400), nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("body", sa.Text),
        sa.Column("stored_at", sa.String(32), nullable=False),
        sa.Column("calls", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("tokens_in", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("tokens_out", sa.BigInteger, nullable=False, server_default="0"),
        sa.PrimaryKeyConstraint("study_id", "protocol_hash", "arm", "number", name="pk_probes"),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], name="fk_probes_study_id"),
    )


def downgrade() -> None:
    op.drop_table("probes")
