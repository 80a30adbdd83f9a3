"""The queries: everything that a study does with its database.

Methods are plain and blocking; whoever awaits calls them through a thread. Each writes in one
transaction and returns after its commit, so that what a method has acknowledged is kept.

Any number of runners, on any number of machines, work on one study. Each holds the dialogues it
drives under a lease that it renews; what a dead runner held is free for the others once its lease
has run out, or at once where its process is seen to be gone. A runner that comes back late finds
its dialogues taken, and what it would still have written is refused.
"""

from __future__ import annotations

import os
import socket
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import (
    ColumnElement,
    Connection,
    Table,
    delete,
    func,
    insert,
    null,
    or_,
    select,
    update,
)

from gadfly.errors import OperatorError
from gadfly.records.values import Usage
from gadfly.store.database import Database, alone, clock
from gadfly.store.rows import (
    Counts,
    Held,
    NewEvent,
    Spent,
    StoredAttack,
    StoredProbe,
    StoredProtocol,
    StoredScores,
)
from gadfly.store.sealing import Vault
from gadfly.store.site_tables import people
from gadfly.store.statements import (
    ADD,
    ADD_COST,
    COLUMNS,
    END,
    FREE,
    LOCK_STUDY,
    MINE,
    NEWEST,
    SINCE,
)
from gadfly.store.tables import (
    assistants,
    attacks,
    events,
    probes,
    protocols,
    runners,
    scores,
    servers,
    studies,
)

__all__ = ["Part", "Store", "cost_row"]

_COSTS = ("calls", "tokens_in", "tokens_out")


@dataclass
class _Seen:
    """The assignments of a study up to a number, counted once."""

    number: int = 0
    by_arm: Counter[str] = field(default_factory=Counter)
    by_member: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))


class Store:
    """One study's part of a database."""

    def __init__(self, url: str, vault: Vault | None = None) -> None:
        self.database = Database(url)
        self.vault = vault or Vault()
        self._reading, self._writing = self.database.reading, self.database.writing
        self._seen: dict[int, _Seen] = {}

    def close(self) -> None:
        """Give every connection back."""
        self.database.close()

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
        """A new study with the first version of its protocol, or the one that is there."""
        with self._writing() as c:
            alone(c)
            found: int | None = c.scalar(select(studies.c.id).where(studies.c.name == name))
            if found is not None:  # another runner was faster
                return found
            row = insert(studies).values(name=name, created_at=_now())
            study_id: int = c.scalars(row.returning(studies.c.id)).one()
            self._add_version(c, study_id, 1, protocol_hash, body)
            return study_id

    def add_protocol(self, study_id: int, protocol_hash: str, body: str) -> int:
        """The next version of a study's protocol; returns its number.

        Where the newest version is this very one, it is not added again.
        """
        with self._writing() as c:
            alone(c)
            newest = c.execute(NEWEST, {"study": study_id}).one()
            if newest.protocol_hash == protocol_hash:
                return int(newest.version)
            version = int(newest.version) + 1
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

    # Runners

    def enlist(self, study_id: int, seconds: float) -> int:
        """A new runner of a study, with a lease of so many seconds; returns its id.

        Runners of this machine whose process is gone lose their lease at once.
        """
        place, pid = _place(), os.getpid()
        with self._writing() as c:
            here = select(runners.c.id, runners.c.pid).where(runners.c.place == place)
            for row in c.execute(here).all():
                if not _alive(row.pid):
                    _release(c, row.id)
            new = insert(runners).values(
                study_id=study_id,
                place=place,
                pid=pid,
                started_at=_now(),
                expires_at=clock(c) + seconds,
            )
            runner: int = c.scalars(new.returning(runners.c.id)).one()
            return runner

    def renew(self, runner: int, seconds: float) -> None:
        """Prolong a runner's lease."""
        with self._writing() as c:
            this = runners.c.id == runner
            done = c.execute(update(runners).where(this).values(expires_at=clock(c) + seconds))
            if done.rowcount == 0:
                raise OperatorError(
                    "this runner was struck off by another one, which took its process for dead; "
                    "every step is kept: start it again"
                )

    def dismiss(self, runner: int) -> None:
        """End a runner; what it held is free."""
        with self._writing() as c:
            _release(c, runner)

    # Attacks

    def next_attack(
        self,
        study_id: int,
        runner: int,
        protocol_hash: str,
        member: Callable[[int], str | None],
        draw: Callable[[Counts], tuple[str, str] | None],
        *,
        look: bool = True,
    ) -> Held | None:
        """An attack for this runner, in one transaction: an open one that nobody holds, or else the
        next one assigned; ``None`` where there is neither.

        :raises OperatorError: the study has a newer version than ``protocol_hash``.

        :param member: who attacks, by the attack's number; ``None`` assigns no attack.
        :param draw: arm and canonical JSON of its assignment, from the counts so far.
        :param look: look for one that nobody holds first; else only where none can be assigned.
        """
        with self._writing() as c:
            held = self._adopted(c, study_id, runner) if look else None
            if held is None:
                new = self.assign(c, study_id, protocol_hash, member, draw, runner=runner)
                held = None if new is None else Held(new, begun=False)
            if held is None and not look:
                held = self._adopted(c, study_id, runner)
            return held

    @staticmethod
    def _adopted(c: Connection, study_id: int, runner: int) -> Held | None:
        row = c.execute(FREE, {"study": study_id, "mine": runner, "now": clock(c)}).one_or_none()
        if row is None:
            return None
        attack = StoredAttack(*row)
        c.execute(update(attacks).where(attacks.c.id == attack.id).values(runner=runner))
        return Held(attack, begun=True)

    def assign(
        self,
        c: Connection,
        study_id: int,
        protocol_hash: str,
        member: Callable[[int], str | None],
        draw: Callable[[Counts], tuple[str, str] | None],
        *,
        runner: int | None = None,
    ) -> StoredAttack | None:
        """The next attack of a study, in a transaction that does more; see :meth:`next_attack`."""
        c.execute(LOCK_STUDY, {"study": study_id})
        if c.execute(NEWEST, {"study": study_id}).one().protocol_hash != protocol_hash:
            raise OperatorError(
                "another runner has amended this study since, and its next dialogues begin under "
                "the new version of its file. Every step is kept: run again with that file"
            )
        seen = self._counted(c, study_id)
        number = seen.number + 1
        name = member(number)
        if name is None:
            return None
        drawn = draw(Counts(number, dict(seen.by_arm), dict(seen.by_member[name])))
        if drawn is None:
            return None
        row = {
            "study_id": study_id,
            "number": number,
            "protocol_hash": protocol_hash,
            "member": name,
            "arm": drawn[0],
            "assignment": drawn[1],
            "assigned_at": _now(),
            "runner": runner,
        }
        attack_id = c.execute(ADD, row).scalar_one()
        return StoredAttack(*c.execute(select(*COLUMNS).where(attacks.c.id == attack_id)).one())

    def _counted(self, c: Connection, study_id: int) -> _Seen:
        """The assignments so far; the caller holds the study's lock."""
        seen = self._seen.setdefault(study_id, _Seen())
        new = c.execute(SINCE, {"study": study_id, "number": seen.number}).all()
        for row in new:  # in the order of assignment; rows are never taken back
            seen.number = row.number
            seen.by_arm[row.arm] += 1
            seen.by_member[row.member][row.arm] += 1
        return seen

    def held_elsewhere(self, study_id: int, runner: int) -> int:
        """Open attacks that this runner does not hold: others do, or have just let go."""
        query = select(func.count()).where(
            attacks.c.study_id == study_id,
            attacks.c.ending.is_(None),
            or_(attacks.c.runner.is_(None), attacks.c.runner != runner),
        )
        with self._reading() as c:
            return c.scalar(query) or 0

    def counts(self, study_id: int) -> dict[str, tuple[int, int]]:
        """For each arm, attacks that are over and attacks that still last."""
        query = (
            select(attacks.c.arm, func.count(attacks.c.ending), func.count())
            .where(attacks.c.study_id == study_id)
            .group_by(attacks.c.arm)
        )
        with self._reading() as c:
            return {arm: (over, every - over) for arm, over, every in c.execute(query)}

    def spent(self, study_id: int) -> list[Spent]:
        """What the attacks of a study have cost so far, those that still last among them, and its
        harmless requests.
        """
        keys = (attacks.c.protocol_hash, attacks.c.arm, attacks.c.member)
        by_member = (
            select(*keys, *_sums(attacks))
            .where(attacks.c.study_id == study_id, attacks.c.calls > 0)
            .group_by(*keys)
        )
        asked = (probes.c.protocol_hash, probes.c.arm)
        by_nobody = (
            select(*asked, null(), *_sums(probes))
            .where(probes.c.study_id == study_id, probes.c.calls > 0)
            .group_by(*asked)
        )
        with self._reading() as c:
            rows = [*c.execute(by_member), *c.execute(by_nobody)]
        return [
            Spent(digest, arm, member, Usage(calls=int(n), tokens_in=int(i), tokens_out=int(o)))
            for digest, arm, member, n, i, o in rows
        ]

    def attacks(self, study_id: int, *, open_only: bool = False) -> list[StoredAttack]:
        """A study's attacks in the order of assignment."""
        query = select(*COLUMNS).where(attacks.c.study_id == study_id).order_by(attacks.c.number)
        if open_only:
            query = query.where(attacks.c.ending.is_(None))
        with self._reading() as c:
            return [StoredAttack(*row) for row in c.execute(query)]

    # Events

    def append(self, new: Sequence[NewEvent], *, runner: int) -> set[int]:
        """Keep events of any number of dialogues in one transaction.

        Returns the ids of attacks that the runner no longer holds: none of their events was kept.
        """
        stored_at = _now()
        asked = {e.attack_id for e in new}
        with self._writing() as c:
            held = asked & set(c.scalars(MINE, {"mine": runner}))
            keep = [e for e in new if e.attack_id in held]
            if keep:
                c.execute(insert(events), [_event_row(e, stored_at) for e in keep])
            # What was paid is paid, whoever holds the dialogue now.
            if costs := [cost_row(e.attack_id, e.usage) for e in new if e.usage is not None]:
                c.execute(ADD_COST, costs)
            for e in keep:
                if e.ending is not None:
                    c.execute(END, {"this": e.attack_id, "how": e.ending, "at": stored_at})
        return asked - held

    def add_cost(self, attack_id: int, usage: Usage) -> None:
        """Book what was paid for a reply that never came to be an event."""
        with self._writing() as c:
            c.execute(ADD_COST, cost_row(attack_id, usage))

    def events_of(self, attack_id: int) -> list[tuple[int, str]]:
        """Number and body of every event of one attack, in order; none of one that was
        withdrawn, or is in quarantine (:mod:`gadfly.store.quarantine`).
        """
        return self._events(attacks.c.id == attack_id).get(attack_id, [])

    def events(self, study_id: int) -> dict[int, list[tuple[int, str]]]:
        """Number and body of every event, by attack id, in order; as :meth:`events_of`."""
        return self._events(attacks.c.study_id == study_id)

    def _events(self, which: ColumnElement[bool]) -> dict[int, list[tuple[int, str]]]:
        query = (
            select(events.c.attack_id, events.c.number, events.c.body, people.c.data_key)
            .join(attacks, attacks.c.id == events.c.attack_id)
            .outerjoin(people, people.c.id == attacks.c.person_id)
            .where(which, attacks.c.withdrawn_at.is_(None), attacks.c.quarantined_at.is_(None))
            .order_by(events.c.attack_id, events.c.number)
        )
        found: dict[int, list[tuple[int, str]]] = {}
        with self._reading() as c:
            for attack_id, number, body, key in c.execute(query):
                text = body if key is None else self.vault.open(key, body)
                found.setdefault(attack_id, []).append((number, text))
        return found

    # Harmless requests

    def put_probe(self, study_id: int, probe: StoredProbe, usage: Usage) -> None:
        """Keep a reply to a harmless request; the first one is kept, and whatever was paid."""
        key = (
            probes.c.study_id == study_id,
            probes.c.protocol_hash == probe.protocol_hash,
            probes.c.arm == probe.arm,
            probes.c.number == probe.number,
        )
        cost = {name: getattr(usage, name) for name in _COSTS}
        with self._writing() as c:
            c.execute(LOCK_STUDY, {"study": study_id})  # nobody else asks whether it is there
            more = {name: probes.c[name] + value for name, value in cost.items()}
            body = func.coalesce(probes.c.body, probe.body)
            if c.execute(update(probes).where(*key).values(body=body, **more)).rowcount == 0:
                row = {"study_id": study_id, **asdict(probe), "stored_at": _now(), **cost}
                c.execute(insert(probes).values(row))

    def probes(self, study_id: int) -> list[StoredProbe]:
        """Every reply to a harmless request, of every version, in the order of the list."""
        columns = [probes.c[name] for name in StoredProbe.__dataclass_fields__]
        query = (
            select(*columns)
            .where(probes.c.study_id == study_id, probes.c.body.is_not(None))
            .order_by(probes.c.number, probes.c.stored_at)
        )
        with self._reading() as c:
            return [StoredProbe(*row) for row in c.execute(query)]

    # Assistants

    def assistant(self, study_id: int, arm: str, spec: str, name: str) -> str:
        """What an arm's assistant was called when it was first put here: now, if never before."""
        place = {"study_id": study_id, "arm": arm, "spec": spec}
        here = [assistants.c[column] == value for column, value in place.items()]
        with self._writing() as c:
            alone(c)
            known: str | None = c.scalar(select(assistants.c.name).where(*here))
            if known is None:
                c.execute(insert(assistants).values(place | {"name": name}))
            return known or name

    # Servers

    def dialect(self, base_url: str, model: str, api: str) -> str | None:
        """What is known of a server, as it was put; ``None`` where nothing is."""
        with self._reading() as c:
            found: str | None = c.scalar(
                select(servers.c.dialect).where(*_server(base_url, model, api))
            )
            return found

    def put_dialect(self, base_url: str, model: str, api: str, dialect: str) -> None:
        """Keep what was found out about a server."""
        with self._writing() as c:
            alone(c)
            c.execute(delete(servers).where(*_server(base_url, model, api)))
            c.execute(
                insert(servers).values(
                    base_url=base_url, model=model, api=api, dialect=dialect, found_at=_now()
                )
            )

    # Scores

    def put_scores(self, new: Iterable[StoredScores]) -> None:
        """Keep scores; an attack has one row for each scorer and version, the first one kept."""
        scored_at = _now()
        rows = [asdict(one) | {"scored_at": scored_at} for one in new]
        with self._writing() as c:
            alone(c)
            key = (scores.c.attack_id, scores.c.scorer, scores.c.version)
            of_these = scores.c.attack_id.in_([row["attack_id"] for row in rows])
            there = {tuple(row) for row in c.execute(select(*key).where(of_these))}
            due = [r for r in rows if (r["attack_id"], r["scorer"], r["version"]) not in there]
            if due:
                c.execute(insert(scores), due)

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


class Part:
    """What works on some tables of a store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._reading, self._writing = store.database.reading, store.database.writing


def _sums(table: Table) -> list[ColumnElement[int]]:
    return [func.sum(table.c[name]) for name in _COSTS]


def _server(base_url: str, model: str, api: str) -> tuple[ColumnElement[bool], ...]:
    return (servers.c.base_url == base_url, servers.c.model == model, servers.c.api == api)


def _event_row(e: NewEvent, stored_at: str) -> dict[str, object]:
    return {"attack_id": e.attack_id, "number": e.number, "body": e.body, "stored_at": stored_at}


def cost_row(attack_id: int, usage: Usage) -> dict[str, int]:
    """What ``ADD_COST`` takes."""
    return {
        "this": attack_id,
        "more_calls": usage.calls,
        "more_in": usage.tokens_in,
        "more_out": usage.tokens_out,
    }


def _release(c: Connection, runner: int) -> None:
    c.execute(update(attacks).where(attacks.c.runner == runner).values(runner=None))
    c.execute(delete(runners).where(runners.c.id == runner))


def _place() -> str:
    """Machine and process namespace: within it a process id names one process."""
    parts = [socket.gethostname()]
    for source in ("/proc/sys/kernel/random/boot_id", "/proc/self/ns/pid"):
        path = Path(source)
        try:
            parts.append(str(path.readlink()) if path.is_symlink() else path.read_text().strip())
        except OSError:  # not Linux: the lease alone decides
            parts.append(f"process {os.getpid()}")
    return " ".join(parts)[:300]


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
