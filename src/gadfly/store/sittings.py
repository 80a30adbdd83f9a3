"""Dialogues of people: one request at a time, from any process.

A person's dialogue waits for the person most of the time, and then nobody holds it. While
assistants write, one process holds it under the lease of a runner (:meth:`Sittings.claim`); if that
process dies, the next request that comes by takes over. Every step names the number that its first
event would get, and is kept only if that is still the next one: what is sent twice is kept once,
and of two that come at the same moment one is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, func, insert, or_, select, update

from gadfly.records.values import Ending, Usage
from gadfly.store.audit import timestamp
from gadfly.store.database import clock
from gadfly.store.people import Person, key_of, lock_person
from gadfly.store.rows import Counts, StoredAttack
from gadfly.store.statements import ADD_COST, BODIES, COLUMNS, END, LIVE, OWN, PLACE, RELEASE
from gadfly.store.store import Part, cost_row
from gadfly.store.tables import attacks, events
from gadfly.store.work import WEEK, May, everywhere, lock_everywhere, signed

__all__ = ["Appended", "Found", "Sittings"]


@dataclass(frozen=True)
class Found:
    """A person's dialogue, as it is in the database."""

    attack: StoredAttack
    place: int
    """Which dialogue of its task it is, from 1."""
    bodies: list[tuple[int, str]]
    """Number and canonical JSON of each event."""


@dataclass(frozen=True)
class Appended:
    """What became of a step."""

    kept: bool
    """It is in the database, now or since an earlier sending."""
    number: int
    """Number that the next event gets."""
    again: bool = False
    """It had been kept before."""
    released: bool = False
    """Its runner holds the dialogue no longer."""


class Sittings(Part):
    """The dialogues of people in one database."""

    def begin(
        self,
        person: Person,
        protocol_hash: str,
        task: int,
        most: int,
        draw: Callable[[Counts], tuple[str, str] | None],
        *,
        may: May | None = None,
    ) -> StoredAttack | None:
        """The person's open dialogue, or a new one, which counts as begun now, in one transaction.

        ``None`` where every quota is full, or the person has begun ``most`` in this task.

        :param draw: arm and canonical JSON of its assignment, from the counts so far.
        :param may: raises where a new one is too much, from the work of the last week in every
            study and the time; what is begun elsewhere at this moment waits, or is in it.
        :raises OperatorError: the study has a newer version than ``protocol_hash``.
        """
        with self._writing() as c:
            lock_everywhere(c, person)
            mine = select(*COLUMNS).where(attacks.c.person_id == person.id)
            open_one = c.execute(mine.where(attacks.c.ending.is_(None))).first()
            if open_one is not None:
                return StoredAttack(*open_one)
            if len(c.execute(mine.where(attacks.c.task == task)).all()) >= most:
                return None
            if may is not None:
                now = clock(c)
                may(everywhere(c, person, since=now - WEEK), now)
            attack = self._store.assign(
                c, person.study_id, protocol_hash, lambda number: person.name, draw
            )
            if attack is None:
                return None
            more = {
                "person_id": person.id,
                "task": task,
                "brief": person.brief,
                "team_type": "expert" if "expert" in person.roles else None,
            }
            c.execute(update(attacks).where(attacks.c.id == attack.id).values(more))
            signed(c, person, "attack", dialogues=1)
            return StoredAttack(*c.execute(select(*COLUMNS).where(attacks.c.id == attack.id)).one())

    def of(self, person: Person) -> list[StoredAttack]:
        """Everything that a person has attacked, in order."""
        query = select(*COLUMNS).where(attacks.c.person_id == person.id).order_by(attacks.c.number)
        with self._reading() as c:
            return [StoredAttack(*row) for row in c.execute(query)]

    def own(self, person: Person, nth: int) -> Found | None:
        """One of a person's own, in one look; none that was withdrawn, or is in quarantine.

        :param nth: which of all of theirs, from 1.
        """
        if person.key is None:
            return None
        keys: dict[str, str | int | None] = {"person": person.id}
        with self._reading() as c:
            row = c.execute(OWN, {**keys, "before": nth - 1}).one_or_none()
            if row is None:
                return None
            attack = StoredAttack(*row)
            if attack.quarantined_at or attack.withdrawn_at:
                return None
            this = {"task": attack.task, "number": attack.number}
            place = c.execute(PLACE, keys | this).scalar_one()
            sealed = c.execute(BODIES, {"attack": attack.id}).all()
        unseal = self._store.vault.open
        return Found(attack, place, [(n, unseal(person.key, body)) for n, body in sealed])

    def silent(self, study_id: int, seconds: float) -> list[tuple[StoredAttack, str]]:
        """People's open dialogues of a study in which nothing was kept for so long, and since when;
        those that were withdrawn or locked away are left out.
        """
        until = datetime.now(UTC) - timedelta(seconds=seconds)
        last = func.max(events.c.stored_at)
        query = (
            select(*COLUMNS, last)
            .join(events, events.c.attack_id == attacks.c.id)
            .where(
                attacks.c.study_id == study_id,
                attacks.c.ending.is_(None),
                attacks.c.person_id.is_not(None),
                attacks.c.withdrawn_at.is_(None),
                attacks.c.quarantined_at.is_(None),
            )
            .group_by(attacks.c.id)
            .having(last < until.isoformat(timespec="milliseconds"))
            .order_by(attacks.c.number)
        )
        with self._reading() as c:
            return [(StoredAttack(*row[:-1]), row[-1]) for row in c.execute(query)]

    def attack(self, study_id: int, number: int) -> StoredAttack | None:
        """One attack of a study."""
        this = attacks.c.study_id == study_id, attacks.c.number == number
        with self._reading() as c:
            row = c.execute(select(*COLUMNS).where(*this)).one_or_none()
            return None if row is None else StoredAttack(*row)

    def claim(self, attack_id: int, runner: int) -> bool:
        """Hold a dialogue while its assistants write; false where a living runner does already."""
        with self._writing() as c:
            free = or_(
                attacks.c.runner.is_(None),
                attacks.c.runner == runner,
                attacks.c.runner.not_in(LIVE),
            )
            this = attacks.c.id == attack_id, attacks.c.ending.is_(None), free
            done = c.execute(update(attacks).where(*this).values(runner=runner), {"now": clock(c)})
            return done.rowcount == 1

    def release(self, attack_id: int, runner: int) -> None:
        """Hold it no longer."""
        with self._writing() as c:
            c.execute(RELEASE, {"this": attack_id, "mine": runner})

    def append(
        self,
        attack: StoredAttack,
        person: Person,
        first: int,
        bodies: Sequence[str],
        *,
        ending: Ending | None = None,
        expert_domain: str | None = None,
        usage: Usage | None = None,
        severe: int | None = None,
        release: int | None = None,
    ) -> Appended:
        """Keep a step if its first event is the next one.

        A step that is there already, letter by letter, counts as kept. What was paid is booked
        whether or not the step is kept.

        :param first: number of its first event.
        :param bodies: canonical JSON of each event.
        :param ending: set where the step ends the dialogue.
        :param expert_domain: whose expert should judge it, where the person said so at the end.
        :param severe: the person took this step: their time goes on, with so many more dialogues
            that turned out severe.
        :param release: the runner that took it, and holds the dialogue no longer once it is kept.
        :raises PersonError: the person has withdrawn.
        """
        key, vault, at = key_of(person), self._store.vault, timestamp()
        sealed = [vault.seal(key, body) for body in bodies]
        with self._writing() as c:
            if severe is not None:
                lock_person(c, person.id)
            open_ = self._lock(c, attack.id)
            if usage is not None:
                c.execute(ADD_COST, cost_row(attack.id, usage))
            of_this = events.c.attack_id == attack.id
            number = c.scalar(select(func.count()).where(of_this)) or 0
            if open_ is None:
                return Appended(kept=False, number=number)
            if number != first or not open_:
                later = of_this, events.c.number >= first, events.c.number < first + len(bodies)
                there = c.scalars(select(events.c.body).where(*later).order_by(events.c.number))
                same = [vault.open(key, body) for body in there] == list(bodies)
                return Appended(kept=same, number=number, again=same)
            rows = [
                {"attack_id": attack.id, "number": first + place, "body": body, "stored_at": at}
                for place, body in enumerate(sealed)
            ]
            c.execute(insert(events), rows)
            if severe is not None:
                signed(c, person, "attack", severe=severe)
            if release is not None:
                c.execute(RELEASE, {"this": attack.id, "mine": release})
            if ending is not None:
                c.execute(END, {"this": attack.id, "how": ending, "at": at})
                this = attacks.c.id == attack.id
                c.execute(update(attacks).where(this).values(expert_domain=expert_domain))
            return Appended(True, first + len(bodies), released=release is not None)

    @staticmethod
    def _lock(c: Connection, attack_id: int) -> bool | None:
        """Whether a dialogue still lasts; ``None`` where it is locked away, or withdrawn."""
        this = select(*COLUMNS).where(attacks.c.id == attack_id).with_for_update()
        row = c.execute(this).one()
        return None if row.quarantined_at or row.withdrawn_at else row.ending is None
