"""Letters between a person and one of two circles: those who run the study, or those who care.

A letter belongs to one circle's conversation with one person, whoever wrote it, and is read by that
person and that circle alone; what one circle opens or counts tells nothing of the other. The audit
names a letter of the care circle by its number, not by the person, because owners read the audit.
It is sealed with the person's key: it goes with them when they withdraw. Whoever writes names how
many letters they have seen; where there are more by now nothing is kept, so a letter that is sent
twice is kept once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sqlalchemy import ColumnElement, func, insert, select, update

from gadfly.store.audit import note, timestamp
from gadfly.store.people import Person, key_of, lock_person
from gadfly.store.site_tables import letters, people
from gadfly.store.store import Part

__all__ = ["Circle", "Letter", "Letters"]

Circle = Literal["study", "care"]
"""Who reads a letter beside the person: owners and researchers, or the care role."""


@dataclass(frozen=True)
class Letter:
    """One letter."""

    id: int
    sender: str
    """Pseudonym of who wrote it."""
    text: str
    """Hostile input."""
    at: str
    read_at: str | None
    """When the other side first opened it."""


class Letters(Part):
    """The letters of one database."""

    def of(self, person: Person, circle: Circle) -> list[Letter]:
        """A circle's letters with a person, the oldest first; none where they have withdrawn."""
        if (key := person.key) is None:
            return []
        columns = [letters.c[name] for name in ("id", "sender", "body", "at", "read_at")]
        query = select(*columns).where(*_with(person, circle)).order_by(letters.c.id)
        with self._reading() as c:
            return [
                Letter(id_, sender, self._store.vault.open(key, body), at, read_at)
                for id_, sender, body, at, read_at in c.execute(query)
            ]

    def send(
        self, person: Person, sender: Person, text: str, *, circle: Circle, expects: int
    ) -> bool:
        """Add a letter; false where the conversation has more letters than were seen.

        :param person: with whom the conversation is.
        :param expects: how many letters the sender has seen.
        :raises PersonError: the person has withdrawn.
        """
        row = {
            "person_id": person.id,
            "circle": circle,
            "sender": sender.name,
            "body": self._store.vault.seal(key_of(person), text),
            "at": timestamp(),
        }
        with self._writing() as c:
            lock_person(c, person.id)
            if c.scalar(select(func.count()).where(*_with(person, circle))) != expects:
                return False
            made = c.scalar(insert(letters).values(row).returning(letters.c.id))
            if sender.id != person.id:
                to = person.name if circle == "study" else f"letter {made}"
                note(c, person.study_id, sender.name, "wrote to", to)
            return True

    def opened(self, person: Person, circle: Circle, *, by: Person) -> None:
        """Note that somebody has seen what the other side wrote."""
        other = letters.c.sender == person.name
        if by.id == person.id:
            other = letters.c.sender != person.name
        new = *_with(person, circle), other, letters.c.read_at.is_(None)
        with self._writing() as c:
            c.execute(update(letters).where(*new).values(read_at=timestamp()))

    def unread(self, person: Person) -> int:
        """Letters of either circle to a person that they have not opened."""
        new = (
            letters.c.person_id == person.id,
            letters.c.sender != person.name,
            letters.c.read_at.is_(None),
        )
        with self._reading() as c:
            return c.scalar(select(func.count()).where(*new)) or 0

    def unanswered(self, study_id: int, circle: Circle) -> dict[str, int]:
        """Letters of people to a circle that nobody of it has opened, by pseudonym."""
        query = (
            select(people.c.name, func.count())
            .join(letters, letters.c.person_id == people.c.id)
            .where(people.c.study_id == study_id, letters.c.circle == circle)
            .where(letters.c.sender == people.c.name, letters.c.read_at.is_(None))
            .group_by(people.c.name)
        )
        with self._reading() as c:
            return {name: count for name, count in c.execute(query)}


def _with(person: Person, circle: Circle) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return letters.c.person_id == person.id, letters.c.circle == circle
