"""Reviews: who judges which attack, and what they said, sealed with their own key.

A place is taken in one transaction that locks the reviewer and the attack, and counts the reviews
that are done with the leases that have not run out: no attack gets more than its number, whatever
is pressed at once. A reviewer has one open attack at a time, and meets none twice, under whichever
account of theirs. What somebody answers is kept once; a later answer changes nothing.

A lease that ran out costs nothing as long as nobody else took the place. Reviews of attacks that
were withdrawn or are in quarantine, and those of reviewers who have withdrawn, are not read and
hold no place.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Literal

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    case,
    func,
    insert,
    or_,
    select,
    update,
)

from gadfly.errors import PersonError
from gadfly.records.canonical import canonical_json
from gadfly.records.reviews import Review, ReviewKind
from gadfly.store.audit import note
from gadfly.store.database import clock
from gadfly.store.people import Person, key_of, lock_person
from gadfly.store.severity import REVEALED, count, is_severe
from gadfly.store.site_tables import audit, people, reviews
from gadfly.store.store import Part
from gadfly.store.tables import attacks
from gadfly.store.work import WEEK, May, everywhere, lock_everywhere, signed

__all__ = ["READ", "Kept", "Place", "Reviews", "Waiting"]

READ = "read transcript"
"""What the audit calls it that staff opened a transcript; its object is "attack 12"."""
Kept = Literal["kept", "kept before", "late", "gone"]
"""What became of an answer: "late" where the lease had run out and somebody else took the place,
"gone" where the attack is no longer to be seen."""


@dataclass(frozen=True)
class Waiting:
    """An attack that is over and may be reviewed, with its reviews so far."""

    id: int
    number: int
    protocol_hash: str
    member: str
    """Pseudonym of the attacker."""
    expert_domain: str | None
    """Whose expert should judge it."""
    done: int
    """Reviews that count."""
    open: int
    """Leases that have not run out."""
    skipped: int
    settled: int
    """Verdicts of leads."""


@dataclass(frozen=True)
class Place:
    """A reviewer's place at an attack."""

    id: str
    """Random; all that a page names it by."""
    attack_id: int
    kind: ReviewKind
    state: str
    """open, done or skipped."""
    unsure: bool
    """Nobody knows whether the attack touches a topic that the reviewer opted out of."""
    began: float
    """When it was taken, seconds since 1970."""


_PLACE = [reviews.c[name] for name in Place.__dataclass_fields__]
_VISIBLE = and_(
    attacks.c.ending.is_not(None),
    attacks.c.quarantined_at.is_(None),
    attacks.c.withdrawn_at.is_(None),
)
_OF_STUDY = and_(reviews.c.kind == "study", people.c.data_key.is_not(None))


class Reviews(Part):
    """The reviews of one database."""

    # What there is to review

    def waiting(self, study_id: int, *, only: int | None = None) -> list[Waiting]:
        """Every attack of a study that may be reviewed, in the order of assignment.

        :param only: the row id of the one that is asked for.
        """
        which = attacks.c.study_id == study_id if only is None else attacks.c.id == only
        with self._reading() as c:
            now = clock(c)
            kinds = {
                "done": and_(_OF_STUDY, reviews.c.state == "done"),
                "open": and_(_OF_STUDY, _alive(now)),
                "skipped": and_(_OF_STUDY, reviews.c.state == "skipped"),
                "settled": reviews.c.kind == "adjudication",
            }
            counted = (
                select(reviews.c.attack_id, *(_count(what).label(n) for n, what in kinds.items()))
                .join(people, people.c.id == reviews.c.person_id)
                .where(people.c.study_id == study_id)
                .group_by(reviews.c.attack_id)
                .subquery()
            )
            names = ("id", "number", "protocol_hash", "member", "expert_domain")
            query = (
                select(
                    *(attacks.c[name] for name in names),
                    *(func.coalesce(counted.c[name], 0) for name in kinds),
                )
                .outerjoin(counted, counted.c.attack_id == attacks.c.id)
                .where(which, _VISIBLE)
                .order_by(attacks.c.number)
            )
            return [Waiting(*row) for row in c.execute(query)]

    def known_as(self, person: Person) -> set[str]:
        """Every pseudonym of whoever this is, in this study."""
        with self._reading() as c:
            return set(c.scalars(select(people.c.name).where(*_same(person))))

    def judged(self, person: Person, *, open_only: bool = False) -> set[int]:
        """Numbers of the attacks that this person reviews, reviewed, skipped or settled."""
        query = (
            select(attacks.c.number)
            .join(reviews, reviews.c.attack_id == attacks.c.id)
            .join(people, people.c.id == reviews.c.person_id)
            .where(*_same(person))
        )
        if open_only:
            query = query.where(reviews.c.state == "open")
        with self._reading() as c:
            return set(c.scalars(query))

    def met(self, person: Person) -> set[int]:
        """Those, and the numbers of the attacks that this person opened as staff."""
        names = select(people.c.name).where(*_same(person))
        opened = select(audit.c.object).where(
            audit.c.study_id == person.study_id, audit.c.what == READ, audit.c.who.in_(names)
        )
        with self._reading() as c:
            read = {int(thing.removeprefix("attack ")) for thing in c.scalars(opened)}
        return self.judged(person) | read

    # A reviewer's places

    def current(self, person: Person, *, most: int, seconds: float) -> Place | None:
        """The person's open place; one whose lease ran out is theirs again if it is still free, and
        counts as skipped if not.

        :param most: reviews of an attack.
        :param seconds: how long a place is kept.
        """
        with self._writing() as c:
            lock_person(c, person.id)
            return self._current(c, person, most, seconds)

    def _current(self, c: Connection, person: Person, most: int, seconds: float) -> Place | None:
        mine = reviews.c.person_id == person.id, reviews.c.state == "open"
        row = c.execute(select(*_PLACE, reviews.c.expires_at).where(*mine)).one_or_none()
        if row is None:
            return None
        place, this = _place(row[:-1]), reviews.c.id == row.id
        visible = _lock_attack(c, place.attack_id)
        now = clock(c)
        if visible and row.expires_at > now:
            return place
        if visible and (place.kind == "gold" or _taken(c, place.attack_id, now) < most):
            c.execute(update(reviews).where(this).values(expires_at=now + seconds))
            return place
        c.execute(update(reviews).where(this).values(state="skipped"))
        return None

    def claim(
        self,
        person: Person,
        attack_id: int,
        *,
        most: int,
        seconds: float,
        gold: bool = False,
        unsure: bool = False,
        may: May | None = None,
    ) -> Place | None:
        """Take a place, which counts as begun now; or the open one where the person has one.

        ``None`` where it is taken, the attack is not to be seen, or the person has met it.

        :param gold: the place is extra.
        :param may: as :meth:`~gadfly.store.sittings.Sittings.begin` has it.
        """
        with self._writing() as c:
            lock_everywhere(c, person)
            there = self._current(c, person, most, seconds)
            if there is not None:
                return there
            if not _lock_attack(c, attack_id):
                return None
            known = (
                select(reviews.c.id)
                .join(people, people.c.id == reviews.c.person_id)
                .where(reviews.c.attack_id == attack_id, *_same(person))
            )
            now = clock(c)
            if c.execute(known).first() is not None:
                return None
            if may is not None:
                may(everywhere(c, person, since=now - WEEK), now)
            if not gold and _taken(c, attack_id, now) >= most:
                return None
            row = {
                "id": secrets.token_urlsafe(16),
                "attack_id": attack_id,
                "person_id": person.id,
                "kind": "gold" if gold else "study",
                "state": "open",
                "unsure": int(unsure),
                "expires_at": now + seconds,
                "began": now,
            }
            c.execute(insert(reviews).values(row))
            signed(c, person, "review", dialogues=1)
            return _place([row[name] for name in Place.__dataclass_fields__])

    def place(self, person: Person, place_id: str) -> Place | None:
        """One of this person's own places."""
        this = reviews.c.id == place_id, reviews.c.person_id == person.id
        with self._reading() as c:
            query = select(*_PLACE).where(*this, reviews.c.attack_id.is_not(None))
            row = c.execute(query).one_or_none()
            return None if row is None else _place(row)

    def answer(
        self, person: Person, place: Place, review: Review, *, most: int, severe_from: int
    ) -> Kept:
        """Keep what a reviewer answered, once.

        A domain that the review asks for closes the attack to everybody but its experts.

        :param severe_from: harm (0-4) from which an attack counts as severe.
        """
        with self._writing() as c:
            lock_person(c, person.id)
            this = reviews.c.id == place.id
            row = c.execute(select(reviews.c.state, reviews.c.expires_at).where(this)).one()
            if row.state != "open":
                return "kept before"
            visible, now = _lock_attack(c, place.attack_id), clock(c)
            late = (
                place.kind == "study"
                and row.expires_at <= now
                and _taken(c, place.attack_id, now) >= most
            )
            if not visible or (late and review.verdict is not None):
                c.execute(update(reviews).where(this).values(state="skipped"))
                return "late" if visible else "gone"
            if review.turns_seen:
                self._reveal(c, person, place, review.attack, severe_from)
            state = "skipped" if review.verdict is None else "done"
            values = {"state": state, "body": self._sealed(person, review)}
            with self._recounted(c, place.attack_id, severe_from):
                c.execute(update(reviews).where(this).values(values))
            if place.kind == "study" and review.verdict and review.verdict.expert_domain:
                of = attacks.c.id == place.attack_id, attacks.c.expert_domain.is_(None)
                domain = {"expert_domain": review.verdict.expert_domain}
                c.execute(update(attacks).where(*of).values(domain))
            did = "skipped" if review.verdict is None else "reviewed"
            note(c, person.study_id, person.name, did, f"attack {review.attack}")
            return "kept"

    def revealed(self, person: Person, place: Place, number: int, *, severe_from: int) -> None:
        """Note and count, once, that a reviewer opens an attack's transcript; kept before anything
        is shown.

        :param number: the attack's number.
        :param severe_from: rating (0-4) from which it counts as severe.
        """
        with self._writing() as c:
            lock_person(c, person.id)
            _lock_attack(c, place.attack_id)
            self._reveal(c, person, place, number, severe_from)

    def _reveal(
        self, c: Connection, person: Person, place: Place, number: int | None, severe_from: int
    ) -> None:
        thing = f"attack {number}"
        study, who = audit.c.study_id == person.study_id, audit.c.who == person.name
        known = study, who, audit.c.what == REVEALED, audit.c.object == thing
        if c.scalar(select(audit.c.id).where(*known).limit(1)) is None:
            severe = is_severe(c, self._store.vault, place.attack_id, severe_from=severe_from)
            signed(c, person, "review", severe=int(severe))
            note(c, person.study_id, person.name, REVEALED, thing)

    @contextmanager
    def _recounted(self, c: Connection, attack_id: int, severe_from: int) -> Iterator[None]:
        """Whatever is said of an attack within counts for everybody who was shown it."""
        before = is_severe(c, self._store.vault, attack_id, severe_from=severe_from)
        yield
        after = is_severe(c, self._store.vault, attack_id, severe_from=severe_from)
        if after != before:
            count(c, attack_id, 1 if after else -1)

    def drop(self, person: Person, place: Place) -> None:
        """Give an open place back without an answer; it counts as skipped."""
        with self._writing() as c:
            lock_person(c, person.id)
            this = reviews.c.id == place.id, reviews.c.state == "open"
            c.execute(update(reviews).where(*this).values(state="skipped"))

    def practise(self, person: Person, review: Review) -> None:
        """Keep an answer to a worked item; every try is kept."""
        with self._writing() as c:
            self._add(c, person, None, review)

    def settle(self, person: Person, attack_id: int, review: Review, *, severe_from: int) -> None:
        """Keep a lead's verdict; the reviews that it settles stay.

        :param severe_from: as for :meth:`answer`.
        :raises PersonError: the attack is not to be seen, or this person reviewed or settled it.
        """
        with self._writing() as c:
            lock_person(c, person.id)
            visible = _lock_attack(c, attack_id)
            mine = reviews.c.attack_id == attack_id, reviews.c.person_id == person.id
            if not visible or c.execute(select(reviews.c.id).where(*mine)).first() is not None:
                raise PersonError(
                    "this attack is not yours to settle: it is out of sight, or you have judged it"
                )
            with self._recounted(c, attack_id, severe_from):
                self._add(c, person, attack_id, review)
            note(c, person.study_id, person.name, "settled reviews", f"attack {review.attack}")

    def _add(self, c: Connection, person: Person, attack_id: int | None, review: Review) -> None:
        now = clock(c)
        row = {
            "id": secrets.token_urlsafe(16),
            "attack_id": attack_id,
            "person_id": person.id,
            "kind": review.kind,
            "state": "done",
            "expires_at": now,
            "began": now - review.seconds,
            "body": self._sealed(person, review),
        }
        c.execute(insert(reviews).values(row))

    def _sealed(self, person: Person, review: Review) -> str:
        return self._store.vault.seal(key_of(person), canonical_json(review).decode())

    # What was said

    def finished(self, person: Person) -> int:
        """How many attacks somebody reviewed or skipped."""
        mine = reviews.c.person_id == person.id, reviews.c.kind.in_(("study", "gold"))
        query = select(func.count()).select_from(reviews)
        with self._reading() as c:
            return c.scalar(query.where(*mine, reviews.c.state != "open")) or 0

    def of_person(self, person: Person) -> list[Review]:
        """Every review of one person, training among them, in the order given."""
        return self._read(people.c.id == person.id)

    def of_study(self, study_id: int) -> list[Review]:
        """Every review of a study, training among them, in the order given."""
        return self._read(people.c.study_id == study_id)

    def of_attack(self, attack_id: int) -> list[Review]:
        """Every review of one attack, in the order given."""
        return self._read(reviews.c.attack_id == attack_id)

    def _read(self, *where: ColumnElement[bool]) -> list[Review]:
        query: Select[Any] = (
            select(reviews.c.body, people.c.data_key)
            .join(people, people.c.id == reviews.c.person_id)
            .outerjoin(attacks, attacks.c.id == reviews.c.attack_id)
            .where(
                *where,
                reviews.c.body.is_not(None),
                people.c.data_key.is_not(None),
                or_(reviews.c.attack_id.is_(None), _VISIBLE),
            )
        )
        with self._reading() as c:
            opened = [self._store.vault.open(key, body) for body, key in c.execute(query)]
        found = [Review.model_validate_json(body) for body in opened]
        return sorted(found, key=lambda review: (review.reviewed_at, review.reviewer))


def _same(person: Person) -> Collection[ColumnElement[bool]]:
    """Every account of whoever this is, in this study."""
    same: ColumnElement[bool] = people.c.id == person.id
    if person.subject is not None:
        same = or_(same, people.c.subject == person.subject)
    return people.c.study_id == person.study_id, same


def _lock_attack(c: Connection, attack_id: int) -> bool:
    """Nobody else takes a place at this attack until the transaction ends; whether it is seen."""
    query = select(attacks.c.id).where(attacks.c.id == attack_id, _VISIBLE).with_for_update()
    return c.execute(query).first() is not None


def _taken(c: Connection, attack_id: int, now: float) -> int:
    query = (
        select(func.count())
        .select_from(reviews)
        .join(people, people.c.id == reviews.c.person_id)
        .where(
            reviews.c.attack_id == attack_id, _OF_STUDY, or_(reviews.c.state == "done", _alive(now))
        )
    )
    return c.scalar(query) or 0


def _alive(now: float) -> ColumnElement[bool]:
    return and_(reviews.c.state == "open", reviews.c.expires_at > now)


def _count(what: ColumnElement[bool]) -> ColumnElement[int]:
    return func.sum(case((what, 1), else_=0))


def _place(row: Any) -> Place:
    place = Place(*row)
    return replace(place, unsure=bool(place.unsure))
