"""The tables.

An event's body is its canonical JSON, stored as text and never rewritten: what was committed reads
back byte for byte. Everything else about a dialogue follows from its events; ``attacks.ending`` is
kept beside them only so that open attacks are found without reading any.
"""

from __future__ import annotations

from sqlalchemy import (
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

__all__ = ["attacks", "events", "metadata", "protocols", "scores", "studies"]

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
    UniqueConstraint("study_id", "number"),
    Index(None, "study_id", "member"),
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
