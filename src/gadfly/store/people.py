"""People: who may come in, by which link or password, and what is kept of them.

A person is a random id and a pseudonym. Whoever they are elsewhere is a keyed hash (``subject``).
A link belongs to one person: it opens their place again until it is revoked. Sessions and links are
kept as hashes, so that a stolen copy of the database opens no door.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import orjson
from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from gadfly.errors import OperatorError, PersonError, show
from gadfly.store.audit import SYSTEM, note, timestamp
from gadfly.store.database import clock
from gadfly.store.site_tables import invitations, people, roles, sessions, steps
from gadfly.store.statements import LOCK_STUDY
from gadfly.store.store import Part, Store
from gadfly.store.tables import attacks

__all__ = ["ROLES", "Invitation", "People", "Person", "PersonState", "Role"]

Role = Literal["owner", "researcher", "review_lead", "care", "member", "reviewer", "expert"]
ROLES: tuple[Role, ...] = get_args(Role)
PersonState = Literal["active", "paused", "left", "erased"]
_LETTER = {"member": "m", "reviewer": "r", "expert": "x"}


@dataclass(frozen=True)
class Person:
    """Somebody who may be here."""

    id: str
    study_id: int
    name: str
    """Pseudonym within the study; stands on attacks and reviews."""
    login: str | None
    subject: str | None
    """Keyed hash of who they are elsewhere; the same in every study of this server."""
    key: str | None = field(repr=False)
    """Their data key as stored; ``None`` once erased."""
    state: PersonState
    because: str | None
    """Why they are paused."""
    brief: str | None
    """Label of the brief that they were given."""
    domains: tuple[str, ...]
    """What an expert is expert in."""
    created_at: str
    roles: frozenset[Role]


@dataclass(frozen=True)
class Invitation:
    """A link that was made, without its secret."""

    id: int
    role: Role
    made_at: str
    person: str | None
    """Pseudonym of who came by it."""
    revoked_at: str | None
    expires_at: float | None
    """Until when it can be used for the first time, seconds since 1970."""


_PERSON = (
    people.c.id,
    people.c.study_id,
    people.c.name,
    people.c.login,
    people.c.subject,
    people.c.data_key,
    people.c.state,
    people.c.because,
    people.c.brief,
    people.c.domains,
    people.c.created_at,
)


_OF_SESSION = (
    select(*_PERSON, roles.c.role)
    .join(sessions, sessions.c.person_id == people.c.id)
    .outerjoin(roles, roles.c.person_id == people.c.id)
    .where(sessions.c.token == bindparam("token"), sessions.c.expires_at > bindparam("now"))
)


class People(Part):
    """The people of the studies of one database."""

    # Who there is

    def add(
        self,
        study_id: int,
        held: Iterable[Role],
        *,
        login: str | None = None,
        password: str | None = None,
        subject: str | None = None,
        domains: Sequence[str] = (),
        by: str = SYSTEM,
    ) -> Person:
        """Somebody new.

        :param password: as it is to be stored: hashed.
        :raises PersonError: the login is taken.
        """
        with self._writing() as c:
            return self.added(c, study_id, held, login, password, subject, domains, by)

    def added(
        self,
        c: Connection,
        study_id: int,
        held: Iterable[Role],
        login: str | None,
        password: str | None,
        subject: str | None,
        domains: Sequence[str],
        by: str,
    ) -> Person:
        """As :meth:`add`, in a transaction that does more."""
        held = frozenset(held)
        same = people.c.study_id == study_id, people.c.login == login
        if login is not None and c.scalar(select(people.c.id).where(*same)) is not None:
            raise PersonError(f"login {show(login)} is taken in this study; choose another")
        letter = next((_LETTER[role] for role in _LETTER if role in held), "s")
        name = f"{letter}-{secrets.token_hex(4)}"
        row = {
            "id": secrets.token_urlsafe(16),
            "study_id": study_id,
            "name": name,
            "login": login,
            "password": password,
            "subject": subject,
            "data_key": self._store.vault.new(),
            "state": "active",
            "domains": orjson.dumps(list(domains)).decode(),
            "created_at": timestamp(),
        }
        c.execute(insert(people).values(row))
        c.execute(insert(roles), [{"person_id": row["id"], "role": r} for r in sorted(held)])
        note(c, study_id, by, "added person", name, roles=sorted(held))
        return persons(c, people.c.id == row["id"])[0]

    def get(self, person_id: str) -> Person | None:
        """One of them."""
        return self._one(people.c.id == person_id)

    def named(self, study_id: int, name: str) -> Person | None:
        """By pseudonym."""
        return self._one(people.c.study_id == study_id, people.c.name == name)

    def of_study(self, study_id: int) -> list[Person]:
        """Everybody, in the order in which they came."""
        with self._reading() as c:
            return persons(c, people.c.study_id == study_id)

    def _one(self, *where: Any) -> Person | None:
        with self._reading() as c:
            return next(iter(persons(c, *where)), None)

    def password(self, study_id: int, login: str) -> tuple[str, str] | None:
        """Person's id and stored password of a login."""
        query = select(people.c.id, people.c.password).where(
            people.c.study_id == study_id, people.c.login == login, people.c.state == "active"
        )
        with self._reading() as c:
            row = c.execute(query).one_or_none()
            return None if row is None or row.password is None else (row.id, row.password)

    def set_password(self, person: Person, password: str, *, by: str) -> None:
        """A new password, hashed; whoever is signed in with the old one is signed out."""
        with self._writing() as c:
            c.execute(update(people).where(people.c.id == person.id).values(password=password))
            c.execute(delete(sessions).where(sessions.c.person_id == person.id))
            note(c, person.study_id, by, "set password", person.name)

    def set_roles(self, person: Person, held: Iterable[Role], *, by: str) -> None:
        """What somebody may do from now on."""
        held = sorted(set(held))
        with self._writing() as c:
            c.execute(delete(roles).where(roles.c.person_id == person.id))
            c.execute(insert(roles), [{"person_id": person.id, "role": role} for role in held])
            note(c, person.study_id, by, "set roles", person.name, roles=held)

    def set_brief(self, person: Person, label: str | None) -> None:
        """Which brief somebody was given; ``None`` takes it back."""
        with self._writing() as c:
            c.execute(update(people).where(people.c.id == person.id).values(brief=label))

    def set_state(
        self, person: Person, state: PersonState, *, by: str, because: str | None = None
    ) -> None:
        """Pause somebody, let them go on, or let them go."""
        with self._writing() as c:
            set_state(c, person, state, by=by, because=because)

    # Coming in

    def begin_session(self, person_id: str, seconds: float) -> str:
        """A new session; returns its token, which is not kept."""
        token = secrets.token_urlsafe(32)
        with self._writing() as c:
            now = clock(c)
            c.execute(delete(sessions).where(sessions.c.expires_at < now))
            c.execute(
                insert(sessions).values(
                    token=_hash(token),
                    person_id=person_id,
                    began_at=timestamp(),
                    expires_at=now + seconds,
                )
            )
        return token

    def of_session(self, token: str) -> Person | None:
        """Whose session it is, while it lasts."""
        with self._reading() as c:
            found = c.execute(_OF_SESSION, {"token": _hash(token), "now": time.time()}).all()
            if not found:
                return None
            return _person(found[0], (row.role for row in found if row.role is not None))

    def end_session(self, token: str) -> None:
        """Sign out."""
        with self._writing() as c:
            c.execute(delete(sessions).where(sessions.c.token == _hash(token)))

    def end_sessions(self, person: Person, *, by: str) -> None:
        """Sign somebody out everywhere."""
        with self._writing() as c:
            c.execute(delete(sessions).where(sessions.c.person_id == person.id))
            note(c, person.study_id, by, "ended sessions", person.name)

    def invite(
        self,
        study_id: int,
        role: Role,
        *,
        by: str,
        subject: str | None = None,
        domains: Sequence[str] = (),
        seconds: float | None = None,
    ) -> str:
        """A link's secret for one person; it is told once and not kept."""
        more = {"domains": orjson.dumps(list(domains)).decode(), "subject": subject}
        return self._invite(study_id, role, 1, None, more, by=by, seconds=seconds)[0]

    def invite_many(
        self,
        study_id: int,
        role: Role,
        count: int,
        *,
        by: str,
        domains: Sequence[str] = (),
        seconds: float | None = None,
        expects: int | None = None,
    ) -> list[str]:
        """Secrets of so many links, as :meth:`invite` makes one.

        :param expects: how many links the study had when they were asked for; none are made where
            it has more by now, so that asking twice makes them once.
        """
        more = {"domains": orjson.dumps(list(domains)).decode(), "subject": None}
        return self._invite(study_id, role, count, expects, more, by=by, seconds=seconds)

    def link_for(self, person: Person, *, by: str) -> str:
        """Secret of a link that opens the place of somebody who is here already."""
        role = sorted(person.roles)[0]
        more = {"domains": None, "subject": person.subject, "person_id": person.id}
        (token,) = self._invite(person.study_id, role, 1, None, more, by=by, seconds=None)
        return token

    def _invite(
        self,
        study_id: int,
        role: Role,
        count: int,
        expects: int | None,
        more: dict[str, Any],
        *,
        by: str,
        seconds: float | None,
    ) -> list[str]:
        tokens = [secrets.token_urlsafe(24) for _ in range(count)]
        of_this = invitations.c.study_id == study_id
        with self._writing() as c:
            c.execute(LOCK_STUDY, {"study": study_id})
            if expects not in (None, c.scalar(select(func.count()).where(of_this))):
                return []
            row = more | {
                "study_id": study_id,
                "role": role,
                "made_at": timestamp(),
                "expires_at": None if seconds is None else clock(c) + seconds,
            }
            c.execute(insert(invitations), [row | {"token": _hash(token)} for token in tokens])
            note(c, study_id, by, "invited", role, links=count)
        return tokens

    def redeem(self, study_id: int, token: str) -> Person | None:
        """Who comes by a link: somebody new the first time, then always the same person.

        ``None`` where there is no such link, or it was revoked or has run out unused.
        """
        with self._writing() as c:
            this = invitations.c.token == _hash(token), invitations.c.study_id == study_id
            row = c.execute(select(invitations).where(*this).with_for_update()).one_or_none()
            if row is None or row.revoked_at is not None:
                return None
            if row.person_id is not None:
                return persons(c, people.c.id == row.person_id)[0]
            if row.expires_at is not None and row.expires_at < clock(c):
                return None
            known = people.c.study_id == study_id, people.c.subject == row.subject
            there = persons(c, *known) if row.subject else []
            person = (
                there[0]
                if there
                else self.added(
                    c, study_id, [row.role], None, None, row.subject, _list(row.domains), SYSTEM
                )
            )
            c.execute(update(invitations).where(*this).values(person_id=person.id))
            return person

    def invitations(self, study_id: int) -> list[Invitation]:
        """Every link that was made."""
        columns = (invitations.c.id, invitations.c.role, invitations.c.made_at)
        query = (
            select(*columns, people.c.name, invitations.c.revoked_at, invitations.c.expires_at)
            .outerjoin(people, people.c.id == invitations.c.person_id)
            .where(invitations.c.study_id == study_id)
            .order_by(invitations.c.id)
        )
        with self._reading() as c:
            return [Invitation(*row) for row in c.execute(query)]

    def revoke(self, study_id: int, invitation_id: int, *, by: str) -> None:
        """A link that opens nothing any more; who came by it is signed out.

        :raises PersonError: there is none of that number.
        """
        with self._writing() as c:
            this = invitations.c.id == invitation_id, invitations.c.study_id == study_id
            row = c.execute(select(invitations.c.person_id).where(*this)).one_or_none()
            if row is None:
                raise PersonError(f"invitation {invitation_id} does not exist in this study")
            c.execute(update(invitations).where(*this).values(revoked_at=timestamp()))
            c.execute(delete(sessions).where(sessions.c.person_id == row.person_id))
            note(c, study_id, by, "revoked invitation", str(invitation_id))

    # On their way

    def steps(self, person: Person) -> list[str]:
        """What a person has done on the way through the study, in order: canonical JSON."""
        key = key_of(person)
        query = select(steps.c.body).where(steps.c.person_id == person.id).order_by(steps.c.number)
        with self._reading() as c:
            return [self._store.vault.open(key, body) for body in c.scalars(query)]

    def add_step(self, person: Person, number: int, body: str) -> bool:
        """Keep a step; false where another one has its number already."""
        with self._writing() as c:
            lock_person(c, person.id)
            return keep_step(c, self._store, person, number, body)

    def check_keys(self) -> None:
        """Refuse to go on without the server's keys where data keys are wrapped by them: what is
        written would be sealed for nobody, or lie open beside what is not.

        :raises OperatorError: GADFLY_KEYS is not set, and it was.
        """
        wrapped = select(people.c.id).where(people.c.data_key.startswith("wrapped:")).limit(1)
        with self._reading() as c:
            if not self._store.vault.locked and c.scalar(wrapped) is not None:
                raise OperatorError(
                    "GADFLY_KEYS is not set, and people's texts in this database are sealed with "
                    "the server's keys; set it to the keys that it was served with"
                )

    def rewrap_keys(self) -> int:
        """Wrap every data key by the newest of the server's keys; returns how many there are."""
        with self._writing() as c:
            query = select(people.c.id, people.c.data_key).where(people.c.data_key.is_not(None))
            rows = c.execute(query).all()
            for row in rows:
                fresh = self._store.vault.rewrap(row.data_key)
                c.execute(update(people).where(people.c.id == row.id).values(data_key=fresh))
            locked = select(attacks.c.id, attacks.c.quarantine_key)
            for row in c.execute(locked.where(attacks.c.quarantine_key.is_not(None))).all():
                fresh = self._store.vault.rewrap(row.quarantine_key)
                this = update(attacks).where(attacks.c.id == row.id)
                c.execute(this.values(quarantine_key=fresh))
            return len(rows)


def set_state(
    c: Connection, person: Person, state: PersonState, *, by: str, because: str | None = None
) -> None:
    """As :meth:`People.set_state`, in a transaction that does more."""
    this = people.c.id == person.id, people.c.state != "erased"
    if c.execute(update(people).where(*this).values(state=state, because=because)).rowcount:
        note(c, person.study_id, by, f"made {state}", person.name)


def keep_step(c: Connection, store: Store, person: Person, number: int, body: str) -> bool:
    """As :meth:`People.add_step`, in a transaction that has locked the person and does more."""
    there = steps.c.person_id == person.id, steps.c.number == number
    if c.scalar(select(steps.c.number).where(*there)) is not None:
        return False
    sealed = store.vault.seal(key_of(person), body)
    row = {"person_id": person.id, "number": number, "body": sealed, "at": timestamp()}
    c.execute(insert(steps).values(row))
    return True


def lock_person(c: Connection, person_id: str) -> None:
    """Nobody else changes this person until the transaction ends."""
    c.execute(select(people.c.id).where(people.c.id == person_id).with_for_update())


def persons(c: Connection, *where: Any) -> list[Person]:
    """Whoever fits, in the order in which they came, in a transaction that does more."""
    rows = c.execute(select(*_PERSON).where(*where).order_by(people.c.created_at)).all()
    held = defaultdict(set)
    chosen = roles.c.person_id.in_([row.id for row in rows])
    for person_id, role in c.execute(select(roles.c.person_id, roles.c.role).where(chosen)):
        held[person_id].add(role)
    return [_person(row, held[row.id]) for row in rows]


def _person(row: Any, held: Iterable[Role]) -> Person:
    values: Any = (*row[:9], _list(row.domains), row.created_at, frozenset(held))
    return Person(*values)


def _list(stored: str | None) -> tuple[str, ...]:
    return tuple(orjson.loads(stored)) if stored else ()


def key_of(person: Person) -> str:
    """What seals a person's texts.

    :raises PersonError: they have withdrawn.
    """
    if person.key is None:
        raise PersonError(f"{person.name} has withdrawn; nothing of theirs can be read or kept")
    return person.key


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
