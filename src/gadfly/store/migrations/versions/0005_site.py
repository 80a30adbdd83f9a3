"""The site: people, what they did and felt, what they are paid, who saw what."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_OF_A_PERSON: dict[str, sa.types.TypeEngine[Any]] = {
    "person_id": sa.String(32),
    "task": sa.Integer(),
    "brief": sa.String(200),
    "team_type": sa.String(16),
    "quarantined_at": sa.String(32),
    "quarantine_key": sa.Text(),
    "expert_domain": sa.String(200),
    "withdrawn_at": sa.String(32),
}
_NEW_ROWS_ONLY = {
    "sqlite": [
        "CREATE TRIGGER audit_{what} BEFORE {what} ON audit "
        "BEGIN SELECT RAISE(ABORT, 'the audit takes new rows only'); END",
    ],
    "postgresql": [
        "CREATE OR REPLACE FUNCTION audit_kept() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'the audit takes new rows only'; END $$",
        "CREATE TRIGGER audit_{what} BEFORE {what} ON audit "
        "FOR EACH STATEMENT EXECUTE FUNCTION audit_kept()",
    ],
}


def upgrade() -> None:
    op.add_column("studies", sa.Column("released_at", sa.String(32)))
    for name, kind in _OF_A_PERSON.items():
        op.add_column("attacks", sa.Column(name, kind))
    op.create_index("ix_attacks_person_id", "attacks", ["person_id"])
    op.create_table(
        "people",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("study_id", sa.Integer, nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("login", sa.String(200)),
        sa.Column("password", sa.Text),
        sa.Column("subject", sa.String(80)),
        sa.Column("data_key", sa.Text),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("because", sa.Text),
        sa.Column("brief", sa.String(200)),
        sa.Column("domains", sa.Text),
        sa.Column("created_at", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_people"),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], name="fk_people_study_id"),
        sa.UniqueConstraint("study_id", "login", name="uq_people_study_id_login"),
        sa.UniqueConstraint("study_id", "name", name="uq_people_study_id_name"),
    )
    op.create_index("ix_people_subject", "people", ["subject"])
    op.create_table(
        "roles",
        sa.Column("person_id", sa.String(32), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.PrimaryKeyConstraint("person_id", "role", name="pk_roles"),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name="fk_roles_person_id"),
    )
    op.create_table(
        "invitations",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("study_id", sa.Integer, nullable=False),
        sa.Column("token", sa.String(64), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("domains", sa.Text),
        sa.Column("subject", sa.String(80)),
        sa.Column("made_at", sa.String(32), nullable=False),
        sa.Column("expires_at", sa.Float),
        sa.Column("person_id", sa.String(32)),
        sa.Column("revoked_at", sa.String(32)),
        sa.PrimaryKeyConstraint("id", name="pk_invitations"),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], name="fk_invitations_study_id"),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name="fk_invitations_person_id"),
        sa.UniqueConstraint("token", name="uq_invitations_token"),
    )
    op.create_table(
        "sessions",
        sa.Column("token", sa.String(64), nullable=False),
        sa.Column("person_id", sa.String(32), nullable=False),
        sa.Column("began_at", sa.String(32), nullable=False),
        sa.Column("expires_at", sa.Float, nullable=False),
        sa.PrimaryKeyConstraint("token", name="pk_sessions"),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name="fk_sessions_person_id"),
    )
    op.create_index("ix_sessions_person_id", "sessions", ["person_id"])
    op.create_table(
        "steps",
        sa.Column("person_id", sa.String(32), nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("at", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("person_id", "number", name="pk_steps"),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name="fk_steps_person_id"),
    )
    op.create_table(
        "feelings",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("study_id", sa.Integer, nullable=False),
        sa.Column("person_id", sa.String(32), nullable=False),
        sa.Column("task", sa.Integer, nullable=False),
        sa.Column("moment", sa.String(16), nullable=False),
        sa.Column("instrument", sa.String(200), nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("at", sa.Float, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_feelings"),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], name="fk_feelings_study_id"),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name="fk_feelings_person_id"),
        sa.UniqueConstraint(
            "person_id",
            "task",
            "moment",
            "instrument",
            name="uq_feelings_person_id_task_moment_instrument",
        ),
    )
    op.create_table(
        "demographics",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("study_id", sa.Integer, nullable=False),
        sa.Column("person_id", sa.String(32)),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("counted", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_demographics"),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], name="fk_demographics_study_id"),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name="fk_demographics_person_id"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "work",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("person_id", sa.String(32), nullable=False),
        sa.Column("activity", sa.String(16), nullable=False),
        sa.Column("began", sa.Float, nullable=False),
        sa.Column("ended", sa.Float, nullable=False),
        sa.Column("dialogues", sa.Integer, nullable=False, server_default="0"),
        sa.Column("severe", sa.Integer, nullable=False, server_default="0"),
        sa.PrimaryKeyConstraint("id", name="pk_work"),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name="fk_work_person_id"),
    )
    op.create_index("ix_work_person_id_ended", "work", ["person_id", "ended"])
    op.create_table(
        "payments",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("person_id", sa.String(32), nullable=False),
        sa.Column("visit", sa.Integer, nullable=False),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("seconds", sa.Float, nullable=False),
        sa.Column("amount", sa.BigInteger, nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("code", sa.String(64), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("detail", sa.Text),
        sa.Column("tries", sa.Integer, nullable=False, server_default="0"),
        sa.Column("try_at", sa.Float, nullable=False),
        sa.Column("at", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_payments"),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name="fk_payments_person_id"),
        sa.UniqueConstraint("person_id", "visit", name="uq_payments_person_id_visit"),
    )
    op.create_table(
        "arrivals",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("person_id", sa.String(32), nullable=False),
        sa.Column("platform", sa.String(32), nullable=False),
        sa.Column("submission", sa.String(80), nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("status", sa.String(32)),
        sa.Column("heard", sa.Float, nullable=False, server_default="0"),
        sa.Column("at", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_arrivals"),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name="fk_arrivals_person_id"),
        sa.UniqueConstraint("submission", name="uq_arrivals_submission"),
    )
    op.create_index("ix_arrivals_person_id", "arrivals", ["person_id"])
    op.create_table(
        "hooks",
        sa.Column("platform", sa.String(32), nullable=False),
        sa.Column("event", sa.String(200), nullable=False),
        sa.Column("at", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("platform", "event", name="pk_hooks"),
    )
    op.create_table(
        "reviews",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("attack_id", sa.Integer),
        sa.Column("person_id", sa.String(32), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("unsure", sa.Integer, nullable=False, server_default="0"),
        sa.Column("expires_at", sa.Float, nullable=False),
        sa.Column("began", sa.Float, nullable=False),
        sa.Column("body", sa.Text),
        sa.PrimaryKeyConstraint("id", name="pk_reviews"),
        sa.ForeignKeyConstraint(["attack_id"], ["attacks.id"], name="fk_reviews_attack_id"),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name="fk_reviews_person_id"),
        sa.UniqueConstraint("attack_id", "person_id", name="uq_reviews_attack_id_person_id"),
    )
    op.create_index("ix_reviews_person_id", "reviews", ["person_id"])
    op.create_table(
        "reports",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("study_id", sa.Integer, nullable=False),
        sa.Column("attack_id", sa.Integer),
        sa.Column("person_id", sa.String(32), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("at", sa.String(32), nullable=False),
        sa.Column("settled_at", sa.String(32)),
        sa.Column("settled_by", sa.String(64)),
        sa.Column("due", sa.Float),
        sa.Column("tries", sa.Integer, nullable=False, server_default="0"),
        sa.Column("told_at", sa.String(32)),
        sa.Column("failure", sa.Text),
        sa.PrimaryKeyConstraint("id", name="pk_reports"),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], name="fk_reports_study_id"),
        sa.ForeignKeyConstraint(["attack_id"], ["attacks.id"], name="fk_reports_attack_id"),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name="fk_reports_person_id"),
    )
    op.create_index("ix_reports_due", "reports", ["due"])
    op.create_table(
        "letters",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("person_id", sa.String(32), nullable=False),
        sa.Column("circle", sa.String(16), nullable=False),
        sa.Column("sender", sa.String(64), nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("at", sa.String(32), nullable=False),
        sa.Column("read_at", sa.String(32)),
        sa.PrimaryKeyConstraint("id", name="pk_letters"),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name="fk_letters_person_id"),
    )
    op.create_index("ix_letters_person_id", "letters", ["person_id"])
    op.create_table(
        "audit",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("study_id", sa.Integer, nullable=False),
        sa.Column("at", sa.String(32), nullable=False),
        sa.Column("who", sa.String(64), nullable=False),
        sa.Column("what", sa.String(64), nullable=False),
        sa.Column("object", sa.String(200), nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit"),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], name="fk_audit_study_id"),
    )
    op.create_index("ix_audit_study_id_id", "audit", ["study_id", "id"])
    op.create_table(
        "rates",
        sa.Column("key", sa.String(128), nullable=False),
        sa.Column("window", sa.BigInteger, nullable=False),
        sa.Column("count", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_rates"),
    )
    dialect = op.get_bind().dialect.name
    whats = ("UPDATE", "DELETE") if dialect == "sqlite" else ("UPDATE", "DELETE", "TRUNCATE")
    for what in whats:
        for statement in _NEW_ROWS_ONLY[dialect]:
            op.execute(statement.format(what=what))
    if dialect == "sqlite":  # INSERT OR REPLACE deletes without the trigger of DELETE
        op.execute(
            "CREATE TRIGGER audit_replace BEFORE INSERT ON audit "
            "WHEN EXISTS (SELECT 1 FROM audit WHERE id = NEW.id) "
            "BEGIN SELECT RAISE(ABORT, 'the audit takes new rows only'); END"
        )


def downgrade() -> None:
    for table in (
        "rates",
        "audit",
        "letters",
        "reports",
        "reviews",
        "hooks",
        "arrivals",
        "payments",
        "work",
        "demographics",
        "feelings",
        "steps",
        "sessions",
        "invitations",
        "roles",
        "people",
    ):
        op.drop_table(table)
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION audit_kept")
    op.drop_index("ix_attacks_person_id", "attacks")
    for name in reversed(_OF_A_PERSON):
        op.drop_column("attacks", name)
    op.drop_column("studies", "released_at")
