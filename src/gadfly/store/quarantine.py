"""The worst content: locked away in one transaction, and the legal contact told of it.

A report locks the dialogue and everything that is said of it at once: its text is sealed anew, with
a key of its own that the server's keys wrap, so that neither its person's key nor any page but the
named role's opens it; it ends, if it still lasted; open reviews of it are closed without loss; its
member's work pauses, in every study of this server; the report waits for the legal contact; the
audit has it. From then on every reader of attacks passes over it (``attacks.quarantined_at``).

Whoever tells the legal contact takes the report for a while (``reports.due`` moves on), so that of
several processes one tells it, and another does where the first one died. It is tried until it
worked, each time after a longer wait.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Connection, insert, or_, select, update

from gadfly.errors import PersonError
from gadfly.store.audit import SYSTEM, note, timestamp
from gadfly.store.database import clock
from gadfly.store.people import Person, key_of, persons, set_state
from gadfly.store.rows import StoredAttack
from gadfly.store.severity import count, is_severe
from gadfly.store.site_tables import people, reports, reviews
from gadfly.store.statements import COLUMNS, END
from gadfly.store.store import Part
from gadfly.store.tables import attacks, events

__all__ = ["Due", "Notice", "Quarantine"]

_FIRST_WAIT, _LONGEST_WAIT = 60.0, 3600.0  # seconds between two tries


@dataclass(frozen=True)
class Due:
    """A report that its study's legal contact does not know of yet."""

    id: int
    study_id: int
    attack: int
    """The attack's number."""
    at: str


@dataclass(frozen=True)
class Notice:
    """A report of the worst content, as owners see it: what became of it, and no word of it."""

    id: int
    attack: int
    """The attack's number."""
    at: str
    told_at: str | None
    """When the legal contact was told; ``None`` where that is still due."""
    tries: int
    failure: str | None
    """Why the last try failed."""


class Quarantine(Part):
    """The locked attacks of one database, and the reports that locked them."""

    def lock(
        self,
        attack_id: int,
        reporter: Person,
        text: str,
        *,
        last: str,
        because: str,
        severe_from: int,
    ) -> None:
        """Report an attack, and lock it away unless it is already.

        :param text: what the reporter writes about it, may be empty.
        :param last: canonical JSON of the event that ends it where it still lasts.
        :param because: why its member's work pauses, as they are told.
        :param severe_from: rating (0-4) from which it counted as severe before; it does now.
        :raises PersonError: the reporter has withdrawn, or the attack was withdrawn.
        """
        sealed = self._store.vault.seal(key_of(reporter), text)
        with self._writing() as c:
            this = attacks.c.id == attack_id
            row = c.execute(select(attacks).where(this).with_for_update()).one()
            if row.withdrawn_at is not None:
                raise PersonError("this dialogue was withdrawn; nothing of it is left to report")
            thing = f"attack {row.number}"
            mine = reports.c.attack_id == attack_id, reports.c.person_id == reporter.id
            worst = *mine, reports.c.kind == "worst"
            if c.scalar(select(reports.c.id).where(*worst)) is not None:
                return
            c.execute(
                insert(reports).values(
                    study_id=reporter.study_id,
                    attack_id=attack_id,
                    person_id=reporter.id,
                    kind="worst",
                    note=sealed,
                    at=timestamp(),
                    due=clock(c),
                )
            )
            note(c, reporter.study_id, reporter.name, "reported", thing)
            if row.quarantined_at is not None:
                return
            vault = self._store.vault
            counts = row.ending and is_severe(c, vault, attack_id, severe_from=severe_from)
            key = vault.new()
            values = {"quarantined_at": timestamp(), "quarantine_key": key}
            c.execute(update(attacks).where(this).values(values))
            owner = select(people.c.data_key).where(people.c.id == row.person_id)
            self._seal_anew(c, attack_id, c.scalar(owner), key, None if row.ending else last)
            if not counts:
                count(c, attack_id, 1)
            open_ones = reviews.c.attack_id == attack_id, reviews.c.state == "open"
            c.execute(update(reviews).where(*open_ones).values(state="skipped"))
            for one in _whoever(c, row.person_id):  # in every study of this server
                set_state(c, one, "paused", by=SYSTEM, because=because)
            note(c, reporter.study_id, SYSTEM, "quarantined", thing)

    def _seal_anew(
        self, c: Connection, attack_id: int, old: str | None, new: str, last: str | None
    ) -> None:
        vault = self._store.vault
        of_this = events.c.attack_id == attack_id
        rows = c.execute(select(events.c.number, events.c.body).where(of_this)).all()
        for row in rows:
            text = row.body if old is None else vault.open(old, row.body)
            one = update(events).where(of_this, events.c.number == row.number)
            c.execute(one.values(body=vault.seal(new, text)))
        if last is not None:
            body = {"attack_id": attack_id, "number": len(rows), "body": vault.seal(new, last)}
            c.execute(insert(events).values(**body, stored_at=timestamp()))
            c.execute(END, {"this": attack_id, "how": "attacker_stopped", "at": timestamp()})

    # For the named role

    def locked(self, study_id: int) -> list[StoredAttack]:
        """The attacks of a study that are locked, in order."""
        this = attacks.c.study_id == study_id, attacks.c.quarantine_key.is_not(None)
        with self._reading() as c:
            rows = c.execute(select(*COLUMNS).where(*this).order_by(attacks.c.number))
            return [StoredAttack(*row) for row in rows]

    def open(self, study_id: int, number: int, *, by: str, why: str) -> list[tuple[int, str]]:
        """Number and body of every event of a locked attack; noted before it is read.

        :raises PersonError: there is no such attack.
        """
        this = attacks.c.study_id == study_id, attacks.c.number == number
        with self._writing() as c:
            row = c.execute(select(attacks.c.id, attacks.c.quarantine_key).where(*this)).first()
            if row is None or row.quarantine_key is None:
                raise PersonError(f"attack {number} is not in quarantine, or was withdrawn")
            note(c, study_id, by, "read quarantined transcript", f"attack {number}", why=why)
        bodies = select(events.c.number, events.c.body).where(events.c.attack_id == row.id)
        with self._reading() as c:
            found = c.execute(bodies.order_by(events.c.number)).all()
        return [(n, self._store.vault.open(row.quarantine_key, body)) for n, body in found]

    # Telling the legal contact

    def notices(self, study_id: int) -> list[Notice]:
        """Every report of the worst content, the newest first."""
        columns = [reports.c[name] for name in ("at", "told_at", "tries", "failure")]
        query = (
            select(reports.c.id, attacks.c.number, *columns)
            .join(attacks, attacks.c.id == reports.c.attack_id)
            .where(reports.c.study_id == study_id, reports.c.kind == "worst")
            .order_by(reports.c.id.desc())
        )
        with self._reading() as c:
            return [Notice(*row) for row in c.execute(query)]

    def take(self, study_ids: Collection[int]) -> Due | None:
        """A report that is to be told now; nobody else gets it until its wait is over."""
        waiting = reports.c.study_id.in_(study_ids), reports.c.due.is_not(None)
        with self._reading() as c:  # most often there is nothing, and nobody need wait for that
            if c.scalar(select(reports.c.id).where(*waiting).limit(1)) is None:
                return None
        with self._writing() as c:
            now = clock(c)
            query = (
                select(reports, attacks.c.number)
                .join(attacks, attacks.c.id == reports.c.attack_id)
                .where(*waiting, reports.c.due <= now)
                .order_by(reports.c.due)
                .limit(1)
                .with_for_update(skip_locked=True, of=reports)
            )
            row = c.execute(query).first()
            if row is None:
                return None
            wait = min(_FIRST_WAIT * 2**row.tries, _LONGEST_WAIT)
            more = {"tries": row.tries + 1, "due": now + wait}
            c.execute(update(reports).where(reports.c.id == row.id).values(more))
            return Due(row.id, row.study_id, row.number, row.at)

    def told(self, due: Due, *, failure: str | None = None) -> None:
        """What came of telling: it is done, or why not yet."""
        values: dict[str, object] = {"failure": failure}
        if failure is None:
            values |= {"due": None, "told_at": timestamp()}
        with self._writing() as c:
            c.execute(update(reports).where(reports.c.id == due.id).values(values))
            if failure is None:
                note(c, due.study_id, SYSTEM, "told legal contact", f"attack {due.attack}")

    def flag(self, reporter: Person, text: str, attack_id: int | None = None) -> None:
        """Something for the owners to look at, and nothing more."""
        sealed = self._store.vault.seal(key_of(reporter), text)
        row = {
            "study_id": reporter.study_id,
            "attack_id": attack_id,
            "person_id": reporter.id,
            "kind": "flag",
            "note": sealed,
            "at": timestamp(),
        }
        with self._writing() as c:
            c.execute(insert(reports).values(row))


def _whoever(c: Connection, person_id: str) -> list[Person]:
    """Every account at work of whoever this is, held until the transaction ends."""
    subject = select(people.c.subject).where(people.c.id == person_id).scalar_subquery()
    same = or_(people.c.id == person_id, people.c.subject == subject), people.c.state == "active"
    c.execute(select(people.c.id).where(*same).order_by(people.c.id).with_for_update())
    return persons(c, *same)
