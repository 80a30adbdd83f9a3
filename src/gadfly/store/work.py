"""When people work: stretches of time that signs of life make longer.

A sign of life is any request of a page that is in use. One that comes soon after the last makes the
stretch longer; after a longer silence a new one begins, because nobody knows what the silence was.
Stretches are summed for pay, and held against the limits of every study of this server, by the
keyed hash of who somebody is elsewhere.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    bindparam,
    case,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.exc import DBAPIError

from gadfly.store.people import Person, lock_person
from gadfly.store.site_tables import people, rates, work
from gadfly.store.store import Part

__all__ = [
    "SILENCE",
    "WEEK",
    "Activity",
    "May",
    "Stretch",
    "Work",
    "everywhere",
    "lock_everywhere",
    "signed",
]

Activity = Literal["attack", "review", "other"]
WEEK = 7 * 24 * 3600.0
"""Seconds back that limits look."""
SILENCE = 150.0
"""Seconds after the last sign of life for which time still counts."""
_FORGOTTEN = 24 * 3600  # longer than any window of tries


@dataclass(frozen=True)
class Stretch:
    """Some time of a person."""

    activity: Activity
    began: float
    """Seconds since 1970, as the next."""
    ended: float
    dialogues: int
    """Dialogues begun in it, attacked or reviewed."""
    severe: int
    """How many of them were severe."""


_STRETCH = (work.c.activity, work.c.began, work.c.ended, work.c.dialogues, work.c.severe)


May = Callable[[Sequence[Stretch], float], None]
"""Raises where one more dialogue is too much: from the work of the last week in every study of the
server, and the time."""


class Work(Part):
    """The time of the people of one database."""

    def sign(
        self, person: Person, activity: Activity, *, dialogues: int = 0, severe: int = 0
    ) -> None:
        """A sign of life, now; with what began, or turned out severe, at this moment."""
        with self._writing() as c:
            lock_person(c, person.id)
            signed(c, person, activity, dialogues=dialogues, severe=severe)

    def of(self, person: Person) -> list[Stretch]:
        """All time of one person in their study, in order."""
        return self._stretches(work.c.person_id == person.id)

    def everywhere(self, person: Person, *, since: float) -> list[Stretch]:
        """Time since a moment of whoever this is, in every study of this server."""
        with self._reading() as c:
            return everywhere(c, person, since=since)

    def _stretches(self, *where: Any) -> list[Stretch]:
        with self._reading() as c:
            rows = c.execute(select(*_STRETCH).where(*where).order_by(work.c.began, work.c.id))
            return [Stretch(*row) for row in rows]

    def of_everybody(self, study_id: int) -> dict[str, list[Stretch]]:
        """All time of everybody in a study, in order, by person's id."""
        query = select(people.c.id, *_STRETCH).join(people, people.c.id == work.c.person_id)
        return self._grouped(query.where(people.c.study_id == study_id))

    def of_everybody_everywhere(self, study_id: int, *, since: float) -> dict[str, list[Stretch]]:
        """Time since a moment, in every study of this server, of everybody in one of them, by their
        id in that one.
        """
        here = people.alias()
        same = or_(here.c.id == people.c.id, here.c.subject == people.c.subject)
        query = (
            select(here.c.id, *_STRETCH)
            .join(people, people.c.id == work.c.person_id)
            .join(here, same)
            .where(here.c.study_id == study_id, work.c.ended > since)
        )
        return self._grouped(query)

    def _grouped(self, query: Select[Any]) -> dict[str, list[Stretch]]:
        found: dict[str, list[Stretch]] = {}
        with self._reading() as c:
            for person_id, *stretch in c.execute(query.order_by(work.c.began, work.c.id)):
                found.setdefault(person_id, []).append(Stretch(*stretch))
        return found

    @staticmethod
    def now() -> float:
        """Seconds since 1970, by this machine: work is measured in seconds and paid in minutes, so
        the clocks of the site's machines need to agree no better than they do.
        """
        return time.time()

    def totals(self, study_id: int) -> dict[str, tuple[float, int]]:
        """Seconds and severe dialogues of everybody, by pseudonym."""
        query = (
            select(people.c.name, func.sum(work.c.ended - work.c.began), func.sum(work.c.severe))
            .join(people, people.c.id == work.c.person_id)
            .where(people.c.study_id == study_id)
            .group_by(people.c.name)
        )
        with self._reading() as c:
            return {name: (float(s), int(n)) for name, s, n in c.execute(query)}

    # How often somebody may try

    def hit(self, key: str, *, seconds: int, most: int) -> bool:
        """Count one try; false where there were too many in this window of so many seconds."""
        with self._writing() as c:
            now = int(self.now())
            window = now - now % seconds  # when it began
            this = rates.c.key == key
            more = case((rates.c.window == window, rates.c.count + 1), else_=1)
            done = c.execute(update(rates).where(this).values(count=more, window=window))
            if done.rowcount == 0:
                c.execute(delete(rates).where(rates.c.window < now - _FORGOTTEN))
                try:
                    with c.begin_nested():
                        c.execute(insert(rates).values(key=key, window=window, count=1))
                    return True
                except DBAPIError:  # another first try was faster
                    c.execute(update(rates).where(this).values(count=more, window=window))
            return int(c.execute(select(rates.c.count).where(this)).scalar_one()) <= most


_LAST = (
    select(work)
    .where(work.c.person_id == bindparam("person"))
    .order_by(work.c.ended.desc(), work.c.id.desc())
    .limit(1)
)
_LONGER = (
    update(work)
    .where(work.c.id == bindparam("this"))
    .values(
        ended=bindparam("until"),
        dialogues=work.c.dialogues + bindparam("begun"),
        severe=work.c.severe + bindparam("hard"),
    )
)


def everywhere(c: Connection, person: Person, *, since: float) -> list[Stretch]:
    """As :meth:`Work.everywhere`, in a transaction that does more."""
    chosen = work.c.person_id.in_(select(people.c.id).where(_same(person)))
    rows = select(*_STRETCH).where(chosen, work.c.ended > since)
    return [Stretch(*row) for row in c.execute(rows.order_by(work.c.began, work.c.id))]


def lock_everywhere(c: Connection, person: Person) -> None:
    """Whoever this is begins nothing else, in any study, until the transaction ends."""
    rows = select(people.c.id).where(_same(person)).order_by(people.c.id)
    c.execute(rows.with_for_update())


def _same(person: Person) -> ColumnElement[bool]:
    here = people.c.id == person.id
    return here if person.subject is None else or_(here, people.c.subject == person.subject)


def signed(
    c: Connection, person: Person, activity: Activity, *, dialogues: int = 0, severe: int = 0
) -> None:
    """As :meth:`Work.sign`, in a transaction that has locked the person and does more."""
    now = began = Work.now()
    last = c.execute(_LAST, {"person": person.id}).first()
    same = False
    if last is not None and now - last.ended <= SILENCE:
        same = last.activity == activity
        if same or activity != "other":  # what passed since belongs to what was done
            more = (dialogues, severe) if same else (0, 0)
            until = max(now, last.ended)
            c.execute(_LONGER, {"this": last.id, "until": until, "begun": more[0], "hard": more[1]})
        else:  # but a letter is no work, and in a break makes no pause longer
            began = min(now, last.ended)
    if not same:
        row = {"person_id": person.id, "activity": activity, "began": began, "ended": now}
        c.execute(insert(work).values(row | {"dialogues": dialogues, "severe": severe}))
