"""The tables.

An event's body is its canonical JSON, stored as text and never rewritten: what was committed reads
back byte for byte. Everything else about a dialogue follows from its events; ``attacks.ending`` and
what an attack has cost are kept beside them only so that open attacks are found, and spending is
summed, without reading any.

A runner holds its dialogues under a lease: ``attacks.runner`` names who holds one, and a runner
whose ``expires_at`` has passed holds nothing.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

__all__ = [
    "attacks",
    "events",
    "metadata",
    "probes",
    "protocols",
    "runners",
    "scores",
    "servers",
    "studies",
]

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

studies = Table(
    "studies",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(64), nullable=False, unique=True),
    Column("created_at", String(32), nullable=False),
    Column("released_at", String(32)),  # from then on nobody can withdraw
)

protocols = Table(
    "protocols",
    metadata,
    Column("study_id", ForeignKey("studies.id"), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("protocol_hash", String(80), nullable=False),
    Column("body", Text, nullable=False),  # canonical JSON of study and brief
    Column("created_at", String(32), nullable=False),
)

attacks = Table(
    "attacks",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("study_id", ForeignKey("studies.id"), nullable=False),
    Column("number", Integer, nullable=False),  # order of assignment, from 1
    Column("protocol_hash", String(80), nullable=False),
    Column("member", String(200), nullable=False),  # pseudonym within the study
    Column("arm", String(400), nullable=False),  # Arm.name
    Column("assignment", Text, nullable=False),  # canonical JSON of records.Assignment
    Column("assigned_at", String(32), nullable=False),
    Column("ending", String(32)),  # null while it lasts
    Column("ended_at", String(32)),
    Column("runner", Integer),  # runners.id of who holds it; that row may be gone
    Column("calls", BigInteger, nullable=False, server_default="0"),  # requests to servers
    Column("tokens_in", BigInteger, nullable=False, server_default="0"),
    Column("tokens_out", BigInteger, nullable=False, server_default="0"),
    Column("person_id", String(32)),  # people.id; null where the member is none
    Column("task", Integer),  # of the person, from 1
    Column("brief", String(200)),  # label of the brief that the person was shown
    Column("team_type", String(16)),  # of the person, where it is not the study's
    Column("quarantined_at", String(32)),  # out of everything but the named roles' sight
    Column("quarantine_key", Text),  # what then seals its text, in place of its person's key
    Column("expert_domain", String(200)),  # whose expert should judge it, if anybody said so
    Column("withdrawn_at", String(32)),  # its person has left, and its text with them
    UniqueConstraint("study_id", "number"),
    Index(None, "runner"),
    Index(None, "person_id"),
    Index(None, "study_id", "ending"),
)

events = Table(
    "events",
    metadata,
    Column("attack_id", ForeignKey("attacks.id"), primary_key=True),
    Column("number", Integer, primary_key=True),  # order in the dialogue, from 0
    Column("body", Text, nullable=False),  # canonical JSON of the event
    Column("stored_at", String(32), nullable=False),
)

scores = Table(
    "scores",
    metadata,
    Column("attack_id", ForeignKey("attacks.id"), primary_key=True),
    Column("scorer", String(200), primary_key=True),
    Column("version", String(80), primary_key=True),
    Column("body", Text, nullable=False),  # canonical JSON of records.Scores
    Column("scored_at", String(32), nullable=False),
)

probes = Table(
    "probes",
    metadata,
    Column("study_id", ForeignKey("studies.id"), primary_key=True),
    Column("protocol_hash", String(80), primary_key=True),  # under which it was asked
    Column("arm", String(400), primary_key=True),  # Arm.name
    Column("number", Integer, primary_key=True),  # place of the request in its list, from 1
    Column("body", Text),  # canonical JSON of records.Reply; null where only its cost is known
    Column("stored_at", String(32), nullable=False),
    Column("calls", BigInteger, nullable=False, server_default="0"),  # requests to servers
    Column("tokens_in", BigInteger, nullable=False, server_default="0"),
    Column("tokens_out", BigInteger, nullable=False, server_default="0"),
)

assistants = Table(
    "assistants",
    metadata,
    Column("study_id", ForeignKey("studies.id"), primary_key=True),
    Column("arm", String(400), primary_key=True),  # Arm.name
    Column("spec", String(80), primary_key=True),  # hash of what the study file says of it
    Column("name", Text, nullable=False),  # Assistant.name, weights and filter told apart
)

runners = Table(
    "runners",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("study_id", ForeignKey("studies.id"), nullable=False),
    Column("place", String(300), nullable=False),  # machine and process namespace
    Column("pid", Integer, nullable=False),
    Column("started_at", String(32), nullable=False),
    Column("expires_at", Float, nullable=False),  # seconds since 1970, by the database's clock
    sqlite_autoincrement=True,  # an id is never used again: attacks may still name it
)

servers = Table(
    "servers",
    metadata,
    Column("base_url", String(2000), primary_key=True),
    Column("model", String(400), primary_key=True),
    Column("api", String(32), primary_key=True),
    Column("dialect", Text, nullable=False),  # canonical JSON of assistants.endpoint.Dialect
    Column("found_at", String(32), nullable=False),
)
