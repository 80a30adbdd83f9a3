"""How people feel, sealed with their own key, and who they say they are, kept apart from them.

* An answer is kept with the step that it belongs to, in one transaction: neither is there without
  the other, and what is sent twice is kept once. An answer that was given stays.
* Reading one person's answers is noted in the audit before they are handed over; there is no way to
  read them that is not.
* Group summaries read one answer of each person (:meth:`Feelings.groups`), for the rule in
  ``care.feelings``, or all without their names (:meth:`Feelings.unnamed`); they name nobody.
* Who people say they are stands in rows without person, time or order: every new row is written
  together with all that were there, in a new random order, so that neither the file nor a
  transaction's number tells which is whose. It is counted with four others or not yet.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import Row, delete, insert, select

from gadfly.records.canonical import canonical_json
from gadfly.store.audit import note
from gadfly.store.database import clock
from gadfly.store.people import Person, keep_step, key_of, lock_person
from gadfly.store.site_tables import demographics, feelings
from gadfly.store.statements import LOCK_STUDY
from gadfly.store.store import Part

__all__ = ["Feeling", "Feelings"]

_TOGETHER = 5
"""As many answers as :data:`gadfly.care.feelings.LEAST` come into the counts at once."""


@dataclass(frozen=True)
class Feeling:
    """One answer of one person to one instrument."""

    task: int
    """Of the person, from 1."""
    moment: str
    """before, after or survey of a task; week 1, week 4 for a follow-up."""
    instrument: str
    """Id and version: "spane@1"."""
    answers: dict[str, float]
    """By item; empty where the person passed on."""
    distressed: bool
    """The person was shown help at once."""
    at: float = 0.0
    """When, seconds since 1970; set by the store."""


class Feelings(Part):
    """The feelings of the people of one database."""

    def keep(self, person: Person, felt: Feeling, *, step: tuple[int, str] | None = None) -> bool:
        """Keep an answer, and the step that it completes, or neither.

        False where that step, or another answer to this, is there already.

        :param step: number and canonical JSON of the step on the person's way.
        :raises PersonError: the person has withdrawn.
        """
        this = (
            feelings.c.person_id == person.id,
            feelings.c.task == felt.task,
            feelings.c.moment == felt.moment,
            feelings.c.instrument == felt.instrument,
        )
        body = {"answers": felt.answers, "distressed": felt.distressed}
        sealed = self._store.vault.seal(key_of(person), canonical_json(body).decode())
        with self._writing() as c:
            lock_person(c, person.id)
            if c.scalar(select(feelings.c.id).where(*this)) is not None:
                return False
            if step is not None and not keep_step(c, self._store, person, *step):
                return False
            row = {
                "id": secrets.token_urlsafe(16),
                "study_id": person.study_id,
                "person_id": person.id,
                "task": felt.task,
                "moment": felt.moment,
                "instrument": felt.instrument,
                "body": sealed,
                "at": clock(c),
            }
            c.execute(insert(feelings).values(row))
            return True

    def own(self, person: Person) -> list[Feeling]:
        """What somebody has answered so far, for their own pages."""
        query = select(feelings).where(feelings.c.person_id == person.id).order_by(feelings.c.at)
        with self._reading() as c:
            rows = c.execute(query).all()
        return [self._read(person, row) for row in rows]

    def read(self, person: Person, *, by: str) -> list[Feeling]:
        """One person's answers, for the care role; noted before they are read."""
        with self._writing() as c:
            note(c, person.study_id, by, "read feelings", person.name)
        return self.own(person)

    def worried(self, people: Sequence[Person], *, by: str) -> dict[str, float]:
        """When people were last shown help, by pseudonym, for the care role; noted first."""
        if not people:
            return {}
        with self._writing() as c:
            note(c, people[0].study_id, by, "read who needs help", "all", people=len(people))
        out = {}
        for person, felt in self._of(people):
            if felt.distressed:
                out[person.name] = felt.at
        return out

    def groups(
        self, people: Sequence[Person], instrument: str, item: str
    ) -> dict[str, list[tuple[float, float | None, float]]]:
        """One answer of each person after their first task, by the brief that they were given.

        The one split there is: when it was given, the same item before that task, and after it.
        """
        before: dict[str, float] = {}
        out: dict[str, list[tuple[float, float | None, float]]] = {}
        for person, felt in self._of(people):
            value = felt.answers.get(item)
            if felt.task != 1 or felt.instrument != instrument or value is None:
                continue
            if felt.moment == "before":
                before[person.id] = value
            elif felt.moment == "after":
                row = (felt.at, before.get(person.id), value)
                out.setdefault(person.brief or "none", []).append(row)
        return out

    def unnamed(self, people: Sequence[Person]) -> list[tuple[int, Feeling]]:
        """Every answer with a number that stands for its person, and means nothing, drawn anew.

        For summaries of groups alone (``analysis.topics.surveys``); it names nobody.
        """
        order = list(range(len(people)))
        secrets.SystemRandom().shuffle(order)
        numbers = {person.id: number for person, number in zip(people, order, strict=True)}
        return [(numbers[person.id], felt) for person, felt in self._of(people)]

    def answered(self, people: Sequence[Person]) -> dict[str, set[str]]:
        """Which moments somebody was asked at, by pseudonym; not what they said."""
        out: dict[str, set[str]] = {person.name: set() for person in people}
        names = {person.id: person.name for person in people}
        query = select(feelings.c.person_id, feelings.c.moment)
        with self._reading() as c:
            for person_id, moment in c.execute(query.where(feelings.c.person_id.in_(names))):
                out[names[person_id]].add(moment)
        return out

    def _of(self, people: Sequence[Person]) -> list[tuple[Person, Feeling]]:
        by_id = {person.id: person for person in people if person.key is not None}
        query = select(feelings).where(feelings.c.person_id.in_(by_id)).order_by(feelings.c.at)
        with self._reading() as c:
            rows = c.execute(query).all()
        return [(by_id[row.person_id], self._read(by_id[row.person_id], row)) for row in rows]

    def _read(self, person: Person, row: Row[Any]) -> Feeling:
        body = orjson.loads(self._store.vault.open(key_of(person), row.body))
        return Feeling(row.task, row.moment, row.instrument, **body, at=row.at)

    # Who people say they are

    def keep_demographics(
        self, person: Person, chosen: Mapping[str, Sequence[str]], *, named: bool
    ) -> None:
        """Keep what somebody chose; with their name only where they agreed to it."""
        body = canonical_json({name: list(choices) for name, choices in chosen.items()}).decode()
        row = {"study_id": person.study_id, "person_id": None, "body": body, "counted": 0}
        if named:
            sealed = self._store.vault.seal(key_of(person), body)
            row |= {"person_id": person.id, "body": sealed, "counted": 1}
        alike = demographics.c.study_id == person.study_id, demographics.c.person_id.is_(None)
        with self._writing() as c:
            c.execute(LOCK_STUDY, {"study": person.study_id})
            rows = [row]
            if not named:
                there = c.execute(select(demographics).where(*alike))
                rows += [dict(one) for one in there.mappings()]
                c.execute(delete(demographics).where(*alike))
            waiting = [one for one in rows if not one["counted"]]
            for one in waiting if len(waiting) >= _TOGETHER else ():
                one["counted"] = 1
            fresh = [one | {"id": secrets.token_urlsafe(16)} for one in rows]
            c.execute(insert(demographics), sorted(fresh, key=lambda one: str(one["id"])))

    def demographics(self, people: Sequence[Person]) -> list[dict[str, list[str]]]:
        """What people chose, of those who are counted, in no order.

        :param people: everybody of the study.
        """
        if not people:
            return []
        by_id = {person.id: person for person in people if person.key is not None}
        this = demographics.c.study_id == people[0].study_id, demographics.c.counted == 1
        with self._reading() as c:
            rows = c.execute(select(demographics).where(*this).order_by(demographics.c.id)).all()
        out = []
        for row in rows:
            named = by_id.get(row.person_id)
            body = row.body if named is None else self._store.vault.open(key_of(named), row.body)
            out.append(orjson.loads(body))
        return out
