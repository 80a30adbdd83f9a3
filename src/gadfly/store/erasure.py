"""Withdrawing: a person's key is destroyed, and what it sealed is deleted, in one transaction.

What stays is the person's row without key, login or reason, their work and payments under the
pseudonym (the pay stays owed), the keyed hash of who they are elsewhere (so that limits hold and
nobody begins anew), the rows of their attacks without any text, scores or key, and a line in the
audit. What others wrote about their attacks goes as well, for it may quote them; so does what is in
quarantine. Answers about who they are stay where nobody was named with them: nothing tells which
they are.

After the commit the database is made to overwrite what it has let go of, as far as it can
(:meth:`Database.scrub`). A backup that was made before holds everything until it is deleted.
"""

from __future__ import annotations

from sqlalchemy import delete, or_, select, update

from gadfly.errors import PersonError
from gadfly.store.audit import note, timestamp
from gadfly.store.people import Person, lock_person
from gadfly.store.site_tables import (
    arrivals,
    demographics,
    feelings,
    invitations,
    letters,
    payments,
    people,
    reports,
    reviews,
    sessions,
    steps,
)
from gadfly.store.statements import LOCK_STUDY
from gadfly.store.store import Part
from gadfly.store.tables import attacks, events, scores, studies

__all__ = ["Erasure"]


class Erasure(Part):
    """Withdrawals from the studies of one database."""

    def released_at(self, study_id: int) -> str | None:
        """When a study's data were released, from which on nobody can withdraw."""
        with self._reading() as c:
            return c.scalar(select(studies.c.released_at).where(studies.c.id == study_id))

    def erase(self, person: Person, *, by: str) -> None:
        """Withdraw somebody, for good; asked again, nothing more happens.

        :raises PersonError: the study's data are released.
        """
        with self._writing() as c:
            lock_person(c, person.id)  # first the person, then the study: as whoever begins does
            c.execute(LOCK_STUDY, {"study": person.study_id})
            released = select(studies.c.released_at).where(studies.c.id == person.study_id)
            if (at := c.scalar(released)) is not None:
                raise PersonError(
                    f"The data of this study were released on {at[:10]}, and what is published "
                    "cannot be taken back. You can still leave; nothing more of you will be kept."
                )
            mine = select(attacks.c.id).where(attacks.c.person_id == person.id)
            c.execute(delete(events).where(events.c.attack_id.in_(mine)))
            c.execute(delete(scores).where(scores.c.attack_id.in_(mine)))
            about = or_(reviews.c.person_id == person.id, reviews.c.attack_id.in_(mine))
            c.execute(delete(reviews).where(about))
            gone = {
                "withdrawn_at": timestamp(),
                "quarantine_key": None,
                "runner": None,
                "expert_domain": None,
            }
            theirs = attacks.c.person_id == person.id
            c.execute(update(attacks).where(theirs).values(gone))
            ended = {"ending": "attacker_stopped", "ended_at": timestamp()}
            c.execute(update(attacks).where(theirs, attacks.c.ending.is_(None)).values(ended))
            for table in (feelings, steps, letters, demographics, sessions):
                c.execute(delete(table).where(table.c.person_id == person.id))
            for table, emptied in (
                (reports, {"note": "", "failure": None}),
                (arrivals, {"body": ""}),
                (invitations, {"revoked_at": timestamp(), "domains": None}),
                (payments, {"detail": None}),  # may name their visit on the platform
            ):
                c.execute(update(table).where(table.c.person_id == person.id).values(emptied))
            bare = dict.fromkeys(("data_key", "because", "login", "password", "domains"))
            this = people.c.id == person.id
            done = update(people).where(this, people.c.state != "erased")
            if c.execute(done.values(state="erased", **bare)).rowcount:
                note(c, person.study_id, by, "withdrew", person.name)
        self._store.database.scrub()
