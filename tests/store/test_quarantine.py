"""Locked attacks and their reports, on both databases: one lock, one process that tells of it."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from sqlalchemy import select, update

from gadfly.errors import OperatorError
from gadfly.store.database import clock
from gadfly.store.people import People
from gadfly.store.quarantine import Due, Quarantine
from gadfly.store.sealing import Vault, new_key
from gadfly.store.site_tables import reports
from gadfly.store.sittings import Sittings
from gadfly.store.store import Store
from gadfly.store.tables import attacks

OLD, NEW = new_key(), new_key()


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    store = Store(database_url, Vault([OLD]))
    yield store
    store.close()


def locked(store: Store) -> tuple[Quarantine, int]:
    """One attack that its member reported twice."""
    study = store.add_study("town", "sha256:0", "{}")
    person = People(store).add(study, ["member"])
    attack = Sittings(store).begin(person, "sha256:0", 1, 5, lambda counts: ("arm", "{}"))
    assert attack is not None
    Sittings(store).append(attack, person, 0, ['{"text": "said"}'])
    quarantine = Quarantine(store)
    for _ in range(2):
        quarantine.lock(
            attack.id, person, "", last='{"type": "end"}', because="reported", severe_from=3
        )
    return quarantine, study


def test_of_many_processes_one_tells_and_the_others_wait(store: Store) -> None:
    quarantine, study = locked(store)
    assert len(quarantine.notices(study)) == 1
    taken: list[Due | None] = []
    start = threading.Barrier(6)

    def look() -> None:
        start.wait()
        taken.append(quarantine.take([study]))

    threads = [threading.Thread(target=look) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(due is not None for due in taken) == 1
    with store.database.writing() as c:  # whoever took it has died
        c.execute(update(reports).values(due=0.0))
    assert quarantine.take([study + 1]) is None
    due = quarantine.take([study])
    assert due is not None
    quarantine.told(due)
    assert quarantine.take([study]) is None


def test_its_key_is_wrapped_and_turns_with_the_servers_keys(
    store: Store, database_url: str
) -> None:
    quarantine, study = locked(store)
    with store.database.reading() as c:
        key = c.scalar(select(attacks.c.quarantine_key))
    assert key is not None
    assert key.startswith("wrapped:")
    turned = Store(database_url, Vault([NEW, OLD]))
    People(turned).rewrap_keys()
    turned.close()
    with pytest.raises(OperatorError, match="GADFLY_KEYS"):
        quarantine.open(study, 1, by="care", why="law")
    store.vault = Vault([NEW])
    said = quarantine.open(study, 1, by="care", why="law")
    assert said == [(0, '{"text": "said"}'), (1, '{"type": "end"}')]


def test_telling_is_tried_again_until_it_works_each_time_later(store: Store) -> None:
    quarantine, study = locked(store)
    waits = []
    for _ in range(8):
        with store.database.writing() as c:
            c.execute(update(reports).values(due=0.0))
        due = quarantine.take([study])
        assert due is not None
        quarantine.told(due, failure="nobody answers")
        with store.database.reading() as c:
            waits.append((c.scalar(select(reports.c.due)) or 0) - clock(c))
    assert [round(wait / 60) for wait in waits[:4]] == [1, 2, 4, 8]
    assert 3500 < waits[-1] <= 3601
    assert quarantine.notices(study)[0].failure == "nobody answers"
