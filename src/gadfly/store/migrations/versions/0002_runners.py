"""Runners with leases, what an attack cost, what is known of servers."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("attacks", sa.Column("runner", sa.Integer))
    for name in ("calls", "tokens_in", "tokens_out"):
        op.add_column("attacks", sa.Column(name, sa.BigInteger, nullable=False, server_default="0"))
    op.drop_index("ix_attacks_study_id_member", "attacks")
    op.create_index("ix_attacks_runner", "attacks", ["runner"])
    op.create_table(
        "runners",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("study_id", sa.Integer, nullable=False),
        sa.Column("place", sa.String(300), nullable=False),
        sa.Column("pid", sa.Integer, nullable=False),
        sa.Column("started_at", sa.String(32), nullable=False),
        sa.Column("expires_at", sa.Float, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_runners"),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], name="fk_runners_study_id"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "servers",
        sa.Column("base_url", sa.String(2000), nullable=False),
        sa.Column("model", sa.String(400), nullable=False),
        sa.Column("api", sa.String(32), nullable=False),
        sa.Column("dialect", sa.Text, nullable=False),
        sa.Column("found_at", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("base_url", "model", "api", name="pk_servers"),
    )


def downgrade() -> None:
    for table in ("servers", "runners"):
        op.drop_table(table)
    op.drop_index("ix_attacks_runner", "attacks")
    op.create_index("ix_attacks_study_id_member", "attacks", ["study_id", "member"])
    for name in ("tokens_out", "tokens_in", "calls", "runner"):
        op.drop_column("attacks", name)
