"""The statements of the hot path, built once: building one costs more than running it."""

from __future__ import annotations

from sqlalchemy import and_, bindparam, func, insert, or_, select, update

from gadfly.store.rows import StoredAttack
from gadfly.store.tables import attacks, events, protocols, runners, studies

__all__ = [
    "ADD",
    "ADD_COST",
    "BODIES",
    "COLUMNS",
    "END",
    "FREE",
    "LIVE",
    "LOCK_STUDY",
    "MINE",
    "NEWEST",
    "OWN",
    "PLACE",
    "RELEASE",
    "SINCE",
]

COLUMNS = [attacks.c[name] for name in StoredAttack.__dataclass_fields__]
LIVE = select(runners.c.id).where(runners.c.expires_at > bindparam("now"))
FREE = (
    select(*COLUMNS)
    .where(
        attacks.c.study_id == bindparam("study"),
        attacks.c.ending.is_(None),
        attacks.c.person_id.is_(None),  # a person drives their own
        or_(
            attacks.c.runner.is_(None),
            # Its own are its own, lease or not: it drives them.
            and_(attacks.c.runner != bindparam("mine"), attacks.c.runner.not_in(LIVE)),
        ),
    )
    .order_by(attacks.c.number + 0)  # by its index a planner would walk through every attack
    .limit(1)
    .with_for_update(skip_locked=True)
)
LOCK_STUDY = select(studies.c.id).where(studies.c.id == bindparam("study")).with_for_update()
NEWEST = (
    select(protocols.c.version, protocols.c.protocol_hash)
    .where(protocols.c.study_id == bindparam("study"))
    .order_by(protocols.c.version.desc())
    .limit(1)
)
SINCE = (
    select(attacks.c.number, attacks.c.arm, attacks.c.member)
    .where(attacks.c.study_id == bindparam("study"), attacks.c.number > bindparam("number"))
    .order_by(attacks.c.number)
)
ADD = insert(attacks).returning(attacks.c.id)
MINE = (
    select(attacks.c.id)
    .where(attacks.c.runner == bindparam("mine"), attacks.c.ending.is_(None))
    .order_by(attacks.c.id)
    .with_for_update()
)
THIS = attacks.c.id == bindparam("this")
ADD_COST = (
    update(attacks)
    .where(THIS)
    .values(
        calls=attacks.c.calls + bindparam("more_calls"),
        tokens_in=attacks.c.tokens_in + bindparam("more_in"),
        tokens_out=attacks.c.tokens_out + bindparam("more_out"),
    )
)
END = (
    update(attacks)
    .where(THIS)
    .values(ending=bindparam("how"), ended_at=bindparam("at"), runner=None)
)
RELEASE = update(attacks).where(THIS, attacks.c.runner == bindparam("mine")).values(runner=None)
# By the index of persons, who are of one study each: by the study's, every attack would be read.
_OF_PERSON = attacks.c.person_id == bindparam("person")
OWN = (
    select(*COLUMNS)
    .where(_OF_PERSON)
    .order_by(attacks.c.number + 0)  # as above
    .limit(1)
    .offset(bindparam("before"))
)
PLACE = select(func.count()).where(
    _OF_PERSON,
    attacks.c.task == bindparam("task"),
    attacks.c.number <= bindparam("number"),
)
BODIES = (
    select(events.c.number, events.c.body)
    .where(events.c.attack_id == bindparam("attack"))
    .order_by(events.c.number)
)
