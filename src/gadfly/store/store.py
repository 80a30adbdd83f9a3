"""The queries: everything that a study does with its database.

Methods are plain and blocking; whoever awaits calls them through a thread. Each writes in one
transaction and returns after its commit, so that what a method has acknowledged is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime

from sqlalchemy import Connection, Engine, func, insert, select, update
from sqlalchemy.engine import Row

from gadfly.records.values import Ending
from gadfly.store.database import open_database, operator_errors
from gadfly.store.tables import attacks, events, protocols, scores, studies

__all__ = ["Counts", "NewEvent", "Store", "StoredAttack", "StoredProtocol", "StoredScores"]


@dataclass(frozen=True)
class Counts:
    """Attacks of a study so far, for whoever assigns the next."""

    number: int
    """Number that the next attack gets, from 1."""
    by_arm: dict[str, int]
    """Attacks assigned to each arm."""
    by_arm_of_member: dict[str, int]
    """Those of the member who is to attack now."""


@dataclass(frozen=True)
class StoredAttack:
    """One attack's row."""

    id: int
    number: int
    protocol_hash: str
    member: str
    arm: str
    assignment: str
    """Canonical JSON of the assignment."""
    assigned_at: str
    ending: Ending | None
    ended_at: str | None


@dataclass(frozen=True)
class NewEvent:
    """One event to keep."""

    attack_id: int
    number: int
    """Its place in the dialogue, from 0."""
    body: str
    """Its canonical JSON."""
    ending: Ending | None = None
    """Set where this event ends the dialogue."""


@dataclass(frozen=True)
class StoredProtocol:
    """One version of a study's protocol."""

    version: int
    protocol_hash: str
    body: str


@dataclass(frozen=True)
class StoredScores:
    """Scores of one attack to keep."""

    attack_id: int
    scorer: str
    version: str
    body: str
    """Canonical JSON of the scores."""


class Store:
    """One study's part of a database."""

    def __init__(self, url: str) -> None:
        self._engine: Engine = open_database(url)

    def close(self) -> None:
        """Give every connection back."""
        self._engine.dispose()

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        with operator_errors(self._engine), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with operator_errors(self._engine), self._engine.connect() as connection:
            yield connection.execution_options(reads=True)

    # Studies and protocols

    def study_id(self, name: str) -> int | None:
        """The study of this name, or ``None``."""
        with self._reading() as c:
            found: int | None = c.scalar(select(studies.c.id).where(studies.c.name == name))
            return found

    def protocol_versions(self, study_id: int) -> list[StoredProtocol]:
        """Every version of a study's protocol, the newest last."""
        query = (
            select(protocols.c.version, protocols.c.protocol_hash, protocols.c.body)
            .where(protocols.c.study_id == study_id)
            .order_by(protocols.c.version)
        )
        with self._reading() as c:
            return [StoredProtocol(*row) for row in c.execute(query)]

    def add_study(self, name: str, protocol_hash: str, body: str) -> int:
        """A new study with the first version of its protocol."""
        with self._writing() as c:
            row = insert(studies).values(name=name, created_at=_now())
            study_id: int = c.scalars(row.returning(studies.c.id)).one()
            self._add_version(c, study_id, 1, protocol_hash, body)
            return study_id

    def add_protocol(self, study_id: int, protocol_hash: str, body: str) -> int:
        """The next version of a study's protocol; returns its number."""
        with self._writing() as c:
            newest = select(func.max(protocols.c.version)).where(protocols.c.study_id == study_id)
            version = (c.scalar(newest) or 0) + 1
            self._add_version(c, study_id, version, protocol_hash, body)
            return version

    @staticmethod
    def _add_version(c: Connection, study_id: int, version: int, digest: str, body: str) -> None:
        c.execute(
            insert(protocols).values(
                study_id=study_id,
                version=version,
                protocol_hash=digest,
                body=body,
                created_at=_now(),
            )
        )

    # Attacks

    def assign(
        self,
        study_id: int,
        protocol_hash: str,
        member: Callable[[int], str],
        draw: Callable[[Counts], tuple[str, str] | None],
    ) -> StoredAttack | None:
        """Assign the next attack in one transaction, or ``None`` where nothing is open.

        :param member: who attacks, by the attack's number.
        :param draw: arm and canonical JSON of its assignment, from the counts so far.
        """
        with self._writing() as c:
            of_study = attacks.c.study_id == study_id
            number = (c.scalar(select(func.max(attacks.c.number)).where(of_study)) or 0) + 1
            name = member(number)
            per_arm = select(attacks.c.arm, func.count()).where(of_study).group_by(attacks.c.arm)
            counts = Counts(
                number=number,
                by_arm=_counted(c.execute(per_arm)),
                by_arm_of_member=_counted(c.execute(per_arm.where(attacks.c.member == name))),
            )
            drawn = draw(counts)
            if drawn is None:
                return None
            attack = StoredAttack(
                id=0,
                number=number,
                protocol_hash=protocol_hash,
                member=name,
                arm=drawn[0],
                assignment=drawn[1],
                assigned_at=_now(),
                ending=None,
                ended_at=None,
            )
            row = {key: value for key, value in asdict(attack).items() if key != "id"}
            new = insert(attacks).values(study_id=study_id, **row).returning(attacks.c.id)
            return replace(attack, id=c.scalars(new).one())

    def attacks(self, study_id: int, *, open_only: bool = False) -> list[StoredAttack]:
        """A study's attacks in the order of assignment."""
        columns = [c for c in attacks.c if c.name != "study_id"]
        query = select(*columns).where(attacks.c.study_id == study_id).order_by(attacks.c.number)
        if open_only:
            query = query.where(attacks.c.ending.is_(None))
        with self._reading() as c:
            return [StoredAttack(**row._mapping) for row in c.execute(query)]

    # Events

    def append(self, new: Sequence[NewEvent]) -> None:
        """Keep events of any number of dialogues in one transaction."""
        stored_at = _now()
        rows = [
            {"attack_id": e.attack_id, "number": e.number, "body": e.body, "stored_at": stored_at}
            for e in new
        ]
        with self._writing() as c:
            c.execute(insert(events), rows)
            for e in new:
                if e.ending is not None:
                    this = attacks.c.id == e.attack_id
                    c.execute(
                        update(attacks).where(this).values(ending=e.ending, ended_at=stored_at)
                    )

    def events(self, study_id: int, *, open_only: bool = False) -> dict[int, list[tuple[int, str]]]:
        """Number and body of every event, by attack id, in order."""
        query = (
            select(events.c.attack_id, events.c.number, events.c.body)
            .join(attacks, attacks.c.id == events.c.attack_id)
            .where(attacks.c.study_id == study_id)
            .order_by(events.c.attack_id, events.c.number)
        )
        if open_only:
            query = query.where(attacks.c.ending.is_(None))
        found: dict[int, list[tuple[int, str]]] = {}
        with self._reading() as c:
            for attack_id, number, body in c.execute(query):
                found.setdefault(attack_id, []).append((number, body))
        return found

    # Scores

    def put_scores(self, new: Iterable[StoredScores]) -> None:
        """Keep scores; one attack has one row for each scorer and version."""
        scored_at = _now()
        rows = [
            {
                "attack_id": s.attack_id,
                "scorer": s.scorer,
                "version": s.version,
                "body": s.body,
                "scored_at": scored_at,
            }
            for s in new
        ]
        if rows:
            with self._writing() as c:
                c.execute(insert(scores), rows)

    def scores(self, study_id: int, scorer: str, version: str) -> dict[int, str]:
        """Canonical JSON of one scorer's scores, by attack id."""
        query = (
            select(scores.c.attack_id, scores.c.body)
            .join(attacks, attacks.c.id == scores.c.attack_id)
            .where(
                attacks.c.study_id == study_id,
                scores.c.scorer == scorer,
                scores.c.version == version,
            )
        )
        with self._reading() as c:
            return {row.attack_id: row.body for row in c.execute(query)}


def _counted(rows: Iterable[Row[str, int]]) -> dict[str, int]:
    return {row[0]: row[1] for row in rows}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
