"""Letters between a person and those who run the study: sealed as everything that is written here.

A letter belongs to the conversation with one person, whoever wrote it, and is sealed with that
person's key: it goes with them when they withdraw. Whoever writes names how many letters they have
seen; where there are more by now nothing is kept, so a letter that is sent twice is kept once.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, insert, select, update

from gadfly.errors import PersonError
from gadfly.store.audit import note, timestamp
from gadfly.store.people import Person, lock_person
from gadfly.store.site_tables import letters, people
from gadfly.store.store import Store

__all__ = ["Letter", "Letters"]


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


class Letters:
    """The letters of one database."""

    def __init__(self, store: Store) -> None:
        self._vault = store.vault
        self._reading, self._writing = store.database.reading, store.database.writing

    def of(self, person: Person) -> list[Letter]:
        """The conversation with a person, the oldest first; nothing where they have withdrawn."""
        if (key := person.key) is None:
            return []
        columns = [letters.c[name] for name in ("id", "sender", "body", "at", "read_at")]
        query = select(*columns).where(letters.c.person_id == person.id).order_by(letters.c.id)
        with self._reading() as c:
            return [
                Letter(row.id, row.sender, self._vault.open(key, row.body), row.at, row.read_at)
                for row in c.execute(query)
            ]

    def send(self, person: Person, sender: Person, text: str, *, expects: int) -> bool:
        """Add a letter; false where the conversation has more letters than were seen.

        :param person: with whom the conversation is.
        :param expects: how many letters the sender has seen.
        :raises PersonError: the person has withdrawn.
        """
        if person.key is None:
            raise PersonError(f"{person.name} has withdrawn; nobody can write to them any more")
        row = {
            "person_id": person.id,
            "sender": sender.name,
            "body": self._vault.seal(person.key, text),
            "at": timestamp(),
        }
        of_this = letters.c.person_id == person.id
        with self._writing() as c:
            lock_person(c, person.id)
            if c.scalar(select(func.count()).where(of_this)) != expects:
                return False
            c.execute(insert(letters).values(row))
            if sender.id != person.id:
                note(c, person.study_id, sender.name, "wrote to", person.name)
            return True

    def opened(self, person: Person, *, by: Person) -> None:
        """Note that somebody has seen what the other side wrote."""
        other = letters.c.sender == person.name
        if by.id == person.id:
            other = letters.c.sender != person.name
        new = letters.c.person_id == person.id, other, letters.c.read_at.is_(None)
        with self._writing() as c:
            c.execute(update(letters).where(*new).values(read_at=timestamp()))

    def unread(self, person: Person) -> int:
        """Letters to a person that they have not opened."""
        new = (
            letters.c.person_id == person.id,
            letters.c.sender != person.name,
            letters.c.read_at.is_(None),
        )
        with self._reading() as c:
            return c.scalar(select(func.count()).where(*new)) or 0

    def unanswered(self, study_id: int) -> dict[str, int]:
        """Letters of people that nobody who runs the study has opened, by pseudonym."""
        query = (
            select(people.c.name, func.count())
            .join(letters, letters.c.person_id == people.c.id)
            .where(people.c.study_id == study_id)
            .where(letters.c.sender == people.c.name, letters.c.read_at.is_(None))
            .group_by(people.c.name)
        )
        with self._reading() as c:
            return {name: count for name, count in c.execute(query)}
