"""Withdrawal: what somebody wrote is nowhere afterwards, and nothing that others need is lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import insert, inspect, select, text, update

from gadfly.errors import PersonError
from gadfly.store.audit import Audit
from gadfly.store.erasure import Erasure
from gadfly.store.feelings import Feeling, Feelings
from gadfly.store.letters import Letters
from gadfly.store.people import People, Person
from gadfly.store.quarantine import Quarantine
from gadfly.store.rows import StoredAttack, StoredScores
from gadfly.store.site_tables import demographics, people, reports, reviews
from gadfly.store.sittings import Sittings
from gadfly.store.store import Store
from gadfly.store.tables import attacks, studies
from gadfly.store.work import Work

SAID = "a sentence that nobody else writes"


class World:
    """A study with somebody who has left traces everywhere, and somebody who has judged them."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.study = store.add_study("town", "sha256:0", "{}")
        self.people = People(store)
        self.ada = self.people.add(self.study, ["member"], subject="hash-of-ada")
        self.bea = self.people.add(self.study, ["reviewer"])
        self.attack = self.attacked(self.ada)
        self.leave_traces()

    def attacked(self, person: Person) -> StoredAttack:
        kept = Sittings(self.store)
        attack = kept.begin(person, "sha256:0", 1, 5, lambda counts: ("arm", "{}"))
        assert attack is not None
        assert kept.append(attack, person, 0, [f'{{"text": "{SAID}"}}']).kept
        return attack

    def leave_traces(self) -> None:
        feelings, ada = Feelings(self.store), self.ada
        felt = Feeling(1, "before", "spane@1", {"sad": 4.0}, distressed=False)
        assert feelings.keep(ada, felt, step=(0, f'"{SAID}"'))
        feelings.keep_demographics(ada, {"gender": ["Woman"]}, named=True)
        for circle in ("study", "care"):
            Letters(self.store).send(ada, ada, SAID, circle=circle, expects=0)
        Quarantine(self.store).flag(ada, SAID)
        Work(self.store).sign(ada, "attack", dialogues=1)
        self.people.begin_session(ada.id, 3600)
        self.store.put_scores([StoredScores(self.attack.id, "constant", "1", "{}")])
        seal = self.store.vault.seal
        for who, key in ((self.bea, self.bea.key), (ada, ada.key)):
            attack = self.attack if who is self.bea else self.attacked(self.bea)
            row = {"attack_id": attack.id, "person_id": who.id, "kind": "study", "state": "done"}
            row |= {"id": f"review of {who.name}", "expires_at": 0.0, "began": 0.0}
            with self.store.database.writing() as c:
                c.execute(insert(reviews).values(**row, body=seal(key or "", SAID)))

    def secrets(self) -> set[str]:
        """The key, and every text that it seals, as they stand in the database."""
        found = set()
        for _, rows in tables(self.store).items():
            for row in rows:
                for value in row:
                    if isinstance(value, str) and self.opens(value):
                        found.add(value)
        return found | {(self.ada.key or "").removeprefix("open:")}

    def opens(self, value: str) -> bool:
        from gadfly.errors import OperatorError

        if not value.startswith("sealed:"):
            return False
        try:
            self.store.vault.open(self.ada.key or "", value)
        except OperatorError:
            return False
        return True


def tables(store: Store) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table."""
    with store.database.reading() as c:
        names = inspect(c).get_table_names()
        return {n: [tuple(r) for r in c.execute(text(f"SELECT * FROM {n}"))] for n in names}


def on_disk(url: str, store: Store) -> bytes:
    """Everything that a database holds, as bytes; of SQLite its file and its log."""
    if url.startswith("sqlite"):
        path = Path(url.removeprefix("sqlite:///"))
        return b"".join(p.read_bytes() for p in path.parent.glob(path.name + "*"))
    return repr(tables(store)).encode()


@pytest.fixture
def world(database_url: str) -> Iterator[World]:
    store = Store(database_url)
    yield World(store)
    store.close()


def test_after_withdrawal_no_key_and_no_text_is_in_the_database(
    world: World, database_url: str
) -> None:
    secrets = world.secrets()
    assert len(secrets) >= 8
    before = on_disk(database_url, world.store)
    assert all(secret.encode() in before for secret in secrets)
    Erasure(world.store).erase(world.ada, by=world.ada.name)
    after = on_disk(database_url, world.store)
    assert [s for s in secrets if s.encode() in after] == []
    assert SAID.encode() not in after
    assert world.people.get(world.ada.id).key is None  # type: ignore[union-attr]


def test_what_is_left_is_the_work_the_name_and_a_line_in_the_audit(world: World) -> None:
    work = Work(world.store)
    seconds = work.of(world.ada)
    Erasure(world.store).erase(world.ada, by=world.ada.name)
    Erasure(world.store).erase(world.ada, by=world.ada.name)
    left = world.people.get(world.ada.id)
    assert left is not None
    assert (left.state, left.key, left.subject) == ("erased", None, "hash-of-ada")
    assert work.of(world.ada) == seconds
    entries = Audit(world.store.database).entries(world.study)
    assert [e.what for e in entries if e.what == "withdrew"] == ["withdrew"]
    attack = Sittings(world.store).attack(world.study, world.attack.number)
    assert attack is not None
    assert attack.withdrawn_at
    assert attack.ending == "attacker_stopped"
    assert world.store.events_of(world.attack.id) == []
    assert world.store.scores(world.study, "constant", "1") == {}
    with world.store.database.reading() as c:
        assert c.execute(select(reviews)).all() == []  # theirs, and those that may quote them
        assert set(c.scalars(select(reports.c.note))) == {""}
    assert [Letters(world.store).of(left, circle) for circle in ("study", "care")] == [[], []]


def test_others_lose_nothing(world: World) -> None:
    attack = world.attacked(world.people.add(world.study, ["member"]))
    Feelings(world.store).keep_demographics(world.bea, {"gender": ["Man"]}, named=False)
    Erasure(world.store).erase(world.ada, by=world.ada.name)
    assert SAID in world.store.events_of(attack.id)[0][1]
    with world.store.database.reading() as c:
        assert len(c.execute(select(demographics)).all()) == 1
        keys = c.execute(select(people.c.data_key).where(people.c.id != world.ada.id)).all()
    assert all(row.data_key for row in keys)


def test_nothing_can_be_kept_for_who_withdrew_not_even_by_who_still_holds_the_key(
    world: World,
) -> None:
    stale = world.people.get(world.ada.id)
    Erasure(world.store).erase(world.ada, by=world.ada.name)
    assert stale is not None
    said = Sittings(world.store).append(world.attack, stale, 1, ['{"late": 1}'])
    assert not said.kept
    world.people.set_state(stale, "active", by="care")
    now = world.people.get(stale.id)
    assert now is not None
    assert now.state == "erased"
    with pytest.raises(PersonError, match="withdrawn"):
        world.people.add_step(now, 5, "{}")


def test_after_release_nobody_can_withdraw_and_is_told_why(world: World) -> None:
    with world.store.database.writing() as c:
        c.execute(update(studies).values(released_at="2031-05-04T00:00:00"))
    with pytest.raises(PersonError, match="released on 2031-05-04"):
        Erasure(world.store).erase(world.ada, by=world.ada.name)
    assert SAID in world.store.events_of(world.attack.id)[0][1]
    assert Erasure(world.store).released_at(world.study)


def test_a_locked_attack_goes_with_its_person(world: World) -> None:
    quarantine = Quarantine(world.store)
    quarantine.lock(
        world.attack.id, world.bea, "", last='{"type": "end"}', because="reported", severe_from=3
    )
    with world.store.database.reading() as c:
        key = c.scalar(select(attacks.c.quarantine_key).where(attacks.c.id == world.attack.id))
    assert key
    Erasure(world.store).erase(world.ada, by=world.ada.name)
    assert key not in repr(tables(world.store))
    with pytest.raises(PersonError, match="withdrawn"):
        quarantine.open(world.study, world.attack.number, by="care", why="law")
    with pytest.raises(PersonError, match="withdrawn"):
        quarantine.lock(
            world.attack.id, world.bea, "", last="{}", because="reported", severe_from=3
        )
