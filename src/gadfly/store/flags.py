"""What members flagged, and what became of it.

A flag is noted in the dialogue itself (an event, and so in the record of the attack) or reported on
a page (a row of ``reports``). Who settles a flag of a dialogue adds the row that it lacks, in the
name of its member. Flags on what is in quarantine are counted here and shown to the named roles
alone; those on what was withdrawn are gone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, func, insert, select, update

from gadfly.store.audit import note, timestamp
from gadfly.store.rows import StoredAttack
from gadfly.store.site_tables import people, reports
from gadfly.store.store import Part
from gadfly.store.tables import attacks

__all__ = ["Flag", "Flags"]

_OPEN = attacks.c.quarantined_at.is_(None)
_THERE = attacks.c.withdrawn_at.is_(None)


@dataclass(frozen=True)
class Flag:
    """One flag that was reported."""

    id: int
    attack: int | None
    """The attack's number; ``None`` where the person named none."""
    member: str
    """Pseudonym of who flagged."""
    text: str
    """What they wrote; hostile input."""
    at: str
    settled_at: str | None
    settled_by: str | None


class Flags(Part):
    """The flags of one database."""

    def of(self, study_id: int) -> list[Flag]:
        """Those reported in a study, the newest first."""
        columns = (reports.c.id, attacks.c.number, people.c.name, people.c.data_key, reports.c.note)
        rest = (reports.c.at, reports.c.settled_at, reports.c.settled_by)
        query = (
            select(*columns, *rest)
            .join(people, people.c.id == reports.c.person_id)
            .outerjoin(attacks, attacks.c.id == reports.c.attack_id)
            .where(reports.c.study_id == study_id, reports.c.kind == "flag")
            .where(_OPEN, _THERE, people.c.data_key.is_not(None))
            .order_by(reports.c.id.desc())
        )
        with self._reading() as c:
            return [
                Flag(number, attack, name, self._store.vault.open(key, text), *more)
                for number, attack, name, key, text, *more in c.execute(query)
            ]

    def hidden(self, study_id: int) -> int:
        """How many attacks of a study are in quarantine."""
        query = select(func.count()).where(attacks.c.study_id == study_id, _THERE, ~_OPEN)
        with self._reading() as c:
            return c.scalar(query) or 0

    def settle(self, study_id: int, flag: int, *, by: str) -> bool:
        """Say that a reported flag is dealt with; false where it is already, or is none."""
        with self._writing() as c:
            this = (reports.c.study_id == study_id, reports.c.id == flag, reports.c.kind == "flag")
            done = update(reports).where(*this, reports.c.settled_at.is_(None))
            if c.execute(done.values(settled_at=timestamp(), settled_by=by)).rowcount == 0:
                return False
            note(c, study_id, by, "settled flag", str(flag))
            return True

    def settle_in(self, study_id: int, attack: StoredAttack, texts: list[str], *, by: str) -> bool:
        """Say that the flags of a dialogue are dealt with; false where all of them are already."""
        with self._writing() as c:
            c.execute(select(attacks.c.id).where(attacks.c.id == attack.id).with_for_update())
            person = select(people).where(people.c.id == attack.person_id)
            member = c.execute(person).one_or_none()
            if member is None or member.data_key is None:
                return False
            known = set(self._texts(c, attack, member.data_key))
            new = [text for text in dict.fromkeys(texts) if text not in known]
            at = timestamp()
            for text in new:
                row = {
                    "study_id": study_id,
                    "attack_id": attack.id,
                    "person_id": member.id,
                    "kind": "flag",
                    "note": self._store.vault.seal(member.data_key, text),
                    "at": at,
                    "settled_at": at,
                    "settled_by": by,
                }
                c.execute(insert(reports).values(row))
            if new:
                note(c, study_id, by, "settled flags of", f"attack {attack.number}", n=len(new))
            return bool(new)

    def _texts(self, c: Connection, attack: StoredAttack, key: str) -> Iterator[str]:
        this = reports.c.attack_id == attack.id, reports.c.kind == "flag"
        for text in c.scalars(select(reports.c.note).where(*this)):
            yield self._store.vault.open(key, text)
