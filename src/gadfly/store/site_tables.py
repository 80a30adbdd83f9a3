"""The tables of the site: people, what they did and felt, what they are paid, who saw what.

* Tokens (sessions, invitations) are kept as hashes; what a person wrote is sealed (data_key).
* ``people.subject`` is a keyed hash of who somebody is on their platform, equal in every study of
  this server, so that limits hold across them; the platform's own id is sealed.
* ``demographics`` has no time, no order and no person unless the person agreed to be named there.
* ``audit`` takes new rows only; the database itself refuses anything else.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from gadfly.store.tables import metadata

__all__ = [
    "arrivals",
    "audit",
    "demographics",
    "feelings",
    "hooks",
    "invitations",
    "letters",
    "payments",
    "people",
    "rates",
    "reports",
    "reviews",
    "roles",
    "sessions",
    "steps",
    "work",
]

people = Table(
    "people",
    metadata,
    Column("id", String(32), primary_key=True),  # random
    Column("study_id", ForeignKey("studies.id"), nullable=False),
    Column("name", String(64), nullable=False),  # pseudonym within the study
    Column("login", String(200)),  # of staff
    Column("password", Text),  # argon2 hash, of staff
    Column("subject", String(80)),  # keyed hash of who they are elsewhere
    Column("data_key", Text),  # null once erased
    Column("state", String(16), nullable=False),  # active, paused, left, erased
    Column("because", Text),  # why paused
    Column("brief", String(200)),  # label of the variant that they were given
    Column("domains", Text),  # of an expert: canonical JSON list
    Column("created_at", String(32), nullable=False),
    UniqueConstraint("study_id", "name"),
    UniqueConstraint("study_id", "login"),
    Index(None, "subject"),
)

roles = Table(
    "roles",
    metadata,
    Column("person_id", ForeignKey("people.id"), primary_key=True),
    Column("role", String(16), primary_key=True),
)

invitations = Table(
    "invitations",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("study_id", ForeignKey("studies.id"), nullable=False),
    Column("token", String(64), nullable=False, unique=True),  # SHA-256
    Column("role", String(16), nullable=False),
    Column("domains", Text),
    Column("subject", String(80)),  # keyed hash of whom it was made for
    Column("made_at", String(32), nullable=False),
    Column("expires_at", Float),
    Column("person_id", ForeignKey("people.id")),  # who came by it
    Column("revoked_at", String(32)),
)

sessions = Table(
    "sessions",
    metadata,
    Column("token", String(64), primary_key=True),  # SHA-256
    Column("person_id", ForeignKey("people.id"), nullable=False),
    Column("began_at", String(32), nullable=False),
    Column("expires_at", Float, nullable=False),
    Index(None, "person_id"),
)

steps = Table(
    "steps",
    metadata,
    Column("person_id", ForeignKey("people.id"), primary_key=True),
    Column("number", Integer, primary_key=True),  # order on the way, from 0
    Column("body", Text, nullable=False),  # sealed canonical JSON of care.journey.Step
    Column("at", String(32), nullable=False),
)

feelings = Table(
    "feelings",
    metadata,
    Column("id", String(32), primary_key=True),  # random
    Column("study_id", ForeignKey("studies.id"), nullable=False),
    Column("person_id", ForeignKey("people.id"), nullable=False),
    Column("task", Integer, nullable=False),
    Column("moment", String(16), nullable=False),  # before, after, survey, week 1, week 4
    Column("instrument", String(200), nullable=False),  # id and version
    Column("body", Text, nullable=False),  # sealed
    Column("at", Float, nullable=False),  # seconds since 1970
    UniqueConstraint("person_id", "task", "moment", "instrument"),
)

demographics = Table(
    "demographics",
    metadata,
    Column("id", String(32), primary_key=True),  # random: the order tells nothing
    Column("study_id", ForeignKey("studies.id"), nullable=False),
    Column("person_id", ForeignKey("people.id")),  # only where the person agreed
    Column("body", Text, nullable=False),  # sealed where a person is named
    Column("counted", Integer, nullable=False),  # 1: in the counts, which grow by fives
    sqlite_with_rowid=False,
)

work = Table(
    "work",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("person_id", ForeignKey("people.id"), nullable=False),
    Column("activity", String(16), nullable=False),  # attack, review, other
    Column("began", Float, nullable=False),  # seconds since 1970
    Column("ended", Float, nullable=False),
    Column("dialogues", Integer, nullable=False, server_default="0"),  # begun in it
    Column("severe", Integer, nullable=False, server_default="0"),  # of them
    Index(None, "person_id", "ended"),
)

payments = Table(
    "payments",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("person_id", ForeignKey("people.id"), nullable=False),
    Column("visit", Integer, nullable=False),  # arrivals.id; 0 for who came by no platform
    Column("outcome", String(16), nullable=False),  # study.arrival.Outcome
    Column("seconds", Float, nullable=False),  # that are paid
    Column("amount", BigInteger, nullable=False),  # minor units
    Column("currency", String(3), nullable=False),
    Column("code", String(64), nullable=False),  # ours, that a person can show
    Column("state", String(16), nullable=False),  # owed, told, failed
    Column("detail", Text),  # why it failed
    Column("tries", Integer, nullable=False, server_default="0"),
    Column("try_at", Float, nullable=False),  # nobody tells the platform before
    Column("at", String(32), nullable=False),
    UniqueConstraint("person_id", "visit"),
)

arrivals = Table(
    "arrivals",
    metadata,
    Column("id", Integer, primary_key=True),  # the newest of a person counts
    Column("person_id", ForeignKey("people.id"), nullable=False),
    Column("platform", String(32), nullable=False),
    Column("submission", String(80), nullable=False, unique=True),  # keyed hash of the session
    Column("body", Text, nullable=False),  # sealed: the platform's own ids
    Column("state", String(16), nullable=False),  # here, finished, given back, refused
    Column("status", String(32)),  # the platform's last word
    Column("heard", Float, nullable=False, server_default="0"),  # when that was sent
    Column("at", String(32), nullable=False),
    Index(None, "person_id"),
)

hooks = Table(
    "hooks",
    metadata,
    Column("platform", String(32), primary_key=True),
    Column("event", String(200), primary_key=True),  # SHA-256 of an event's id or signature
    Column("at", String(32), nullable=False),
)

reviews = Table(
    "reviews",
    metadata,
    Column("id", String(32), primary_key=True),  # random
    Column("attack_id", ForeignKey("attacks.id")),  # null for training
    Column("person_id", ForeignKey("people.id"), nullable=False),
    Column("kind", String(16), nullable=False),  # study, gold, training, adjudication
    Column("state", String(16), nullable=False),  # open, done, skipped
    Column("unsure", Integer, nullable=False, server_default="0"),  # 1: of an opted-out topic
    Column("expires_at", Float, nullable=False),  # of the lease, while it is open
    Column("began", Float, nullable=False),  # seconds since 1970
    Column("body", Text),  # sealed canonical JSON of records.Review
    UniqueConstraint("attack_id", "person_id"),
    Index(None, "person_id"),
)

reports = Table(
    "reports",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("study_id", ForeignKey("studies.id"), nullable=False),
    Column("attack_id", ForeignKey("attacks.id")),
    Column("person_id", ForeignKey("people.id"), nullable=False),
    Column("kind", String(16), nullable=False),  # flag, worst
    Column("note", Text, nullable=False),  # sealed
    Column("at", String(32), nullable=False),
    Column("settled_at", String(32)),
    Column("settled_by", String(64)),
    Column("due", Float),  # when the legal contact is told next; null where nothing is to tell
    Column("tries", Integer, nullable=False, server_default="0"),
    Column("told_at", String(32)),
    Column("failure", Text),  # why telling failed last
    Index(None, "due"),
)

letters = Table(
    "letters",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("person_id", ForeignKey("people.id"), nullable=False),  # of the conversation
    Column("circle", String(16), nullable=False),  # study, care: who reads it beside the person
    Column("sender", String(64), nullable=False),
    Column("body", Text, nullable=False),  # sealed
    Column("at", String(32), nullable=False),
    Column("read_at", String(32)),
    Index(None, "person_id"),
)

audit = Table(
    "audit",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("study_id", ForeignKey("studies.id"), nullable=False),
    Column("at", String(32), nullable=False),
    Column("who", String(64), nullable=False),  # pseudonym, or "system"
    Column("what", String(64), nullable=False),
    Column("object", String(200), nullable=False),
    Column("detail", Text, nullable=False),  # canonical JSON
    Index(None, "study_id", "id"),
)

rates = Table(
    "rates",
    metadata,
    Column("key", String(128), primary_key=True),
    Column("window", BigInteger, nullable=False),
    Column("count", Integer, nullable=False),
)
