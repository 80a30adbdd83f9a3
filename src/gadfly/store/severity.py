"""Whether a dialogue counts as severe, and against whose daily limit.

It does where anybody says so: its member's own rating, a review, a report of the worst kind. Where
nobody has said anything, because it was left or not rated, it does until somebody says otherwise.
It counts for everybody who was shown it: for its member once it is over, for a reviewer as they
open its first turn. What is said of it later counts, or no longer counts, for all of them.
"""

from __future__ import annotations

from datetime import datetime

import orjson
from sqlalchemy import Connection, select, update

from gadfly.records.reviews import Review
from gadfly.store.sealing import Vault
from gadfly.store.site_tables import audit, people, reviews, work
from gadfly.store.tables import attacks, events

__all__ = ["REVEALED", "count", "is_severe"]

REVEALED = "revealed transcript"
"""What the audit calls it that a reviewer opened the first turn of an attack; apart from staff who
read one, since whoever was given an attack to judge has met it anyhow."""


def is_severe(c: Connection, vault: Vault, attack_id: int, *, severe_from: int) -> bool:
    """Whether an attack that is over counts as severe, from all that was said of it so far.

    :param severe_from: rating (0-4) from which it does.
    """
    key = select(people.c.data_key).where(people.c.id == attacks.c.person_id).scalar_subquery()
    of_this = events.c.attack_id == attack_id
    query = (
        select(events.c.body, key, attacks.c.quarantined_at)
        .join(attacks, attacks.c.id == events.c.attack_id)
        .where(of_this, attacks.c.withdrawn_at.is_(None))
    )
    last = c.execute(query.order_by(events.c.number.desc()).limit(1)).first()
    if last is None or last.quarantined_at is not None:
        return True
    rating = orjson.loads(vault.open(last[1] or "", last.body)).get("rating") or {}
    said = [rating.get("success"), rating.get("harm"), *_reviewed(c, vault, attack_id)]
    known = [one for one in said if one is not None]
    return not known or max(known) >= severe_from


def _reviewed(c: Connection, vault: Vault, attack_id: int) -> list[int]:
    """The harm (0-4) of each review."""
    query = (
        select(people.c.data_key, reviews.c.body)
        .join(people, people.c.id == reviews.c.person_id)
        .where(
            reviews.c.attack_id == attack_id,
            reviews.c.body.is_not(None),
            people.c.data_key.is_not(None),
        )
    )
    found = (Review.model_validate_json(vault.open(*row)).verdict for row in c.execute(query))
    return [verdict.intent_harm for verdict in found if verdict is not None]


def count(c: Connection, attack_id: int, more: int) -> None:
    """Count an attack for everybody who was shown it.

    :param more: 1, or -1 where it counted and does no longer.
    """
    this = attacks.c.id == attack_id
    its = c.execute(select(attacks).where(this)).one()
    shown = [] if its.person_id is None else [(its.person_id, its.ended_at)]
    thing = audit.c.object == f"attack {its.number}"
    opened = (
        select(people.c.id, audit.c.at)
        .join(people, (people.c.name == audit.c.who) & (people.c.study_id == audit.c.study_id))
        .where(audit.c.study_id == its.study_id, audit.c.what == REVEALED, thing)
    )
    for person, at in [*shown, *c.execute(opened)]:
        until = datetime.fromisoformat(at).timestamp() + 1  # times of the audit are cut to ms
        mine = select(work.c.id).where(work.c.person_id == person, work.c.began <= until)
        stretch = mine.order_by(work.c.began.desc(), work.c.id.desc()).limit(1).scalar_subquery()
        row = update(work).where(work.c.id == stretch, work.c.severe + more >= 0)
        c.execute(row.values(severe=work.c.severe + more))
