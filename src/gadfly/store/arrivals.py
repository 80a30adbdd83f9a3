"""People who come from a crowd platform, and what the platform says of their visits.

A person is known by a keyed hash of their id there, a visit ("submission" on Prolific, "assignment"
on Mechanical Turk) by a keyed hash of its id; the ids themselves are sealed. The same visit is the
same person, whoever asks when. Somebody takes part in a study once: whoever gave a visit back goes
on where they were with the next one, and whoever has finished is refused.

What a platform delivers counts once (its id and its signature are both remembered), and nothing
older than what it said last is believed. A visit given back ends its person's sessions; what they
had open is :meth:`Arrivals.lingering` until somebody has ended it, whichever process that is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Connection, delete, insert, select, update

from gadfly.errors import PersonError
from gadfly.store.audit import SYSTEM, note, timestamp
from gadfly.store.database import alone
from gadfly.store.people import People, Person, lock_person, persons, set_state
from gadfly.store.rows import StoredAttack
from gadfly.store.site_tables import arrivals, hooks, payments, people, sessions
from gadfly.store.statements import COLUMNS, LOCK_STUDY
from gadfly.store.store import Part, Store
from gadfly.store.tables import attacks

__all__ = ["Arrivals", "Came", "Visit"]

VisitState = Literal["here", "finished", "given back", "refused"]


@dataclass(frozen=True)
class Came:
    """Who came."""

    person: Person
    visit: int
    state: VisitState
    """How their visit stands; refused: they have finished their part in an earlier one."""
    again: bool
    """The very link that they came by was used before."""
    new: bool
    """They were never here before."""


@dataclass(frozen=True)
class Visit:
    """A person's visit."""

    id: int
    platform: str
    body: str
    """Whatever :meth:`Arrivals.arrive` was given."""


class Arrivals(Part):
    """The visits to the studies of one database."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self._people = People(store)

    def arrive(
        self,
        study_id: int,
        platform: str,
        subject: str,
        submission: str,
        body: str,
        *,
        link: str | None = None,
    ) -> Came:
        """Who comes by a visit: somebody new, or somebody known.

        :param subject: keyed hash of who they are on the platform.
        :param submission: keyed hash of the visit.
        :param body: the platform's own ids; kept sealed.
        :param link: what was signed for this one coming, if anything was.
        :raises PersonError: the visit is somebody else's, or the person has withdrawn.
        """
        with self._writing() as c:
            c.execute(LOCK_STUDY, {"study": study_id})
            again = link is not None and not _first(c, platform, link)
            row = c.execute(select(arrivals).where(arrivals.c.submission == submission)).first()
            if row is None:
                known = people.c.study_id == study_id, people.c.subject == subject
                found = persons(c, *known)
            else:
                found = persons(c, people.c.id == row.person_id)
            new = not found
            person = (
                self._people.added(c, study_id, ["member"], None, None, subject, (), SYSTEM)
                if new
                else found[0]
            )
            if (person.study_id, person.subject) != (study_id, subject):
                raise PersonError("This visit is somebody else's. Open your own on the platform.")
            if person.key is None:
                raise PersonError("You have withdrawn from this study; your part in it is over.")
            if row is not None:
                return Came(person, row.id, row.state, again, new=False)
            state: VisitState = "refused" if _has_finished(c, person) else "here"
            visit = self._visit(c, person, platform, submission, body, state)
            return Came(persons(c, people.c.id == person.id)[0], visit, state, again, new)

    def _visit(
        self,
        c: Connection,
        person: Person,
        platform: str,
        submission: str,
        body: str,
        state: VisitState,
    ) -> int:
        row = {
            "person_id": person.id,
            "platform": platform,
            "submission": submission,
            "body": self._store.vault.seal(person.key or "", body),
            "state": state,
            "at": timestamp(),
        }
        visit = c.execute(insert(arrivals).values(row).returning(arrivals.c.id)).scalar_one()
        note(c, person.study_id, SYSTEM, "arrived", person.name, platform=platform, state=state)
        if state == "here" and person.state == "left":  # they gave an earlier visit back
            back: Literal["paused", "active"] = "paused" if person.because else "active"
            set_state(c, person, back, by=SYSTEM, because=person.because)
        return int(visit)

    def visit(self, person: Person) -> Visit | None:
        """The visit that counts: a person's newest that was let in; ``None`` without a platform."""
        mine = arrivals.c.person_id == person.id, arrivals.c.state != "refused"
        query = select(arrivals.c.id, arrivals.c.platform, arrivals.c.body).where(*mine)
        with self._reading() as c:
            row = c.execute(query.order_by(arrivals.c.id.desc()).limit(1)).first()
        if row is None or person.key is None:
            return None
        return Visit(row.id, row.platform, self._store.vault.open(person.key, row.body))

    def hear(
        self,
        study_ids: Collection[int],
        platform: str,
        marks: Collection[str],
        submission: str,
        status: str,
        *,
        sent: float,
        frees: bool,
    ) -> bool:
        """What a platform says of a visit, taken once; true where that gave the visit back.

        :param study_ids: studies that this sender may speak of.
        :param marks: whatever tells a delivery; one that was seen with any of them is dropped.
        :param sent: seconds since 1970; older than what was heard last is dropped.
        :param frees: the platform gives the place to somebody else.
        """
        with self._writing() as c:
            alone(c)
            if not all([_first(c, platform, mark) for mark in sorted(marks)]):
                return False
            this = arrivals.c.platform == platform, arrivals.c.submission == submission
            row = c.execute(select(arrivals).where(*this).with_for_update()).first()
            if row is None or sent < row.heard:
                return False
            lock_person(c, row.person_id)
            person = persons(c, people.c.id == row.person_id)[0]
            if person.study_id not in study_ids:
                return False
            gives_back = frees and row.state == "here"
            values = {"status": status[:32], "heard": sent}
            if gives_back:
                values["state"] = "given back"
                c.execute(delete(sessions).where(sessions.c.person_id == person.id))
                if person.state != "erased":
                    set_state(c, person, "left", by=platform, because=person.because)
            c.execute(update(arrivals).where(arrivals.c.id == row.id).values(values))
            note(c, person.study_id, platform, "said of visit", person.name, status=status[:32])
            return gives_back

    def lingering(self, study_id: int) -> list[tuple[StoredAttack, Person]]:
        """What people who have left still have open."""
        gone = people.c.study_id == study_id, people.c.state == "left"
        query = select(*COLUMNS, attacks.c.person_id).where(
            attacks.c.ending.is_(None), attacks.c.person_id.in_(select(people.c.id).where(*gone))
        )
        with self._reading() as c:
            rows = c.execute(query).all()
            who = {p.id: p for p in persons(c, people.c.id.in_({row[-1] for row in rows}))}
        return [(StoredAttack(*row[:-1]), who[row[-1]]) for row in rows]


def _first(c: Connection, platform: str, mark: str) -> bool:
    """Whether a mark is new; it is remembered. The caller has seen to it that nobody else asks."""
    row = {"platform": platform, "event": hashlib.sha256(mark.encode()).hexdigest()}
    known = hooks.c.platform == platform, hooks.c.event == row["event"]
    if c.scalar(select(hooks.c.at).where(*known)) is not None:
        return False
    c.execute(insert(hooks).values(row | {"at": timestamp()}))
    return True


def _has_finished(c: Connection, person: Person) -> bool:
    paid = payments.c.person_id == person.id, payments.c.outcome != "failed_check"
    return c.scalar(select(payments.c.id).where(*paid).limit(1)) is not None
