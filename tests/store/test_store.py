"""The store: made by migrations, durable, one writer at a time, clear when the machine fails."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text

from gadfly.errors import OperatorError
from gadfly.store import database
from gadfly.store.database import open_database
from gadfly.store.store import Counts, NewEvent, Store, StoredAttack, StoredScores
from gadfly.store.tables import metadata


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'study.db'}"


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    with closing(Store(url)) as opened:
        yield opened


def assign(store: Store, study: int, member: str = "m", arm: str = "a") -> StoredAttack:
    attack = store.assign(study, "hash", lambda number: member, lambda counts: (arm, "{}"))
    assert attack is not None
    return attack


def test_migrations_make_the_tables_that_the_code_uses(url: str) -> None:
    with open_database(url).connect() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, metadata) == []
        assert context.get_current_revision() is not None


def test_sqlite_is_durable(url: str) -> None:
    with open_database(url).connect() as connection:
        assert connection.execute(text("PRAGMA synchronous")).scalar() == 2  # FULL
        assert connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"
        assert connection.execute(text("PRAGMA foreign_keys")).scalar() == 1


def test_studies_and_protocols_are_kept(store: Store, url: str) -> None:
    assert store.study_id("one") is None
    study = store.add_study("one", "hash 1", "{}")
    assert store.add_protocol(study, "hash 2", "[]") == 2
    store.close()
    with closing(Store(url)) as again:
        assert again.study_id("one") == study
        versions = again.protocol_versions(study)
    assert [(v.version, v.protocol_hash, v.body) for v in versions] == [
        (1, "hash 1", "{}"),
        (2, "hash 2", "[]"),
    ]


def test_the_drawer_sees_every_attack_so_far(store: Store) -> None:
    study = store.add_study("one", "hash", "{}")
    other = store.add_study("two", "hash", "{}")
    assign(store, other, "m", "a")
    seen: list[Counts] = []
    for member, arm in [("m", "a"), ("m", "b"), ("n", "a"), ("m", "a")]:

        def draw(counts: Counts, arm: str = arm) -> tuple[str, str]:
            seen.append(counts)
            return arm, "{}"

        store.assign(study, "hash", lambda number, member=member: member, draw)
    assert seen[3] == Counts(number=4, by_arm={"a": 2, "b": 1}, by_arm_of_member={"a": 1, "b": 1})
    assert store.assign(study, "hash", lambda number: "m", lambda counts: None) is None
    assert [row.number for row in store.attacks(study)] == [1, 2, 3, 4]


def test_events_are_kept_byte_for_byte_and_end_their_attack(store: Store) -> None:
    study = store.add_study("one", "hash", "{}")
    first, second = assign(store, study), assign(store, study)
    body = '{"text":"\\u0000 ☃ \\ud83d"}  '
    store.append([NewEvent(first.id, 0, body), NewEvent(second.id, 0, "x")])
    store.append([NewEvent(first.id, 1, "y", ending="complete")])
    assert store.events(study) == {first.id: [(0, body), (1, "y")], second.id: [(0, "x")]}
    assert store.events(study, open_only=True) == {second.id: [(0, "x")]}
    assert [row.id for row in store.attacks(study, open_only=True)] == [second.id]
    assert store.attacks(study)[0].ending == "complete"
    assert store.attacks(study)[0].ended_at is not None


def test_a_batch_is_kept_whole_or_not_at_all(store: Store) -> None:
    study = store.add_study("one", "hash", "{}")
    attack = assign(store, study)
    store.append([NewEvent(attack.id, 0, "first")])
    with pytest.raises(OperatorError, match="another runner"):
        store.append([NewEvent(attack.id, 1, "new"), NewEvent(attack.id, 0, "again")])
    assert store.events(study) == {attack.id: [(0, "first")]}


def test_scores_are_kept_by_scorer_and_version(store: Store) -> None:
    study = store.add_study("one", "hash", "{}")
    attack = assign(store, study)
    store.put_scores(
        [StoredScores(attack.id, "s", "1", "a"), StoredScores(attack.id, "s", "2", "b")]
    )
    store.put_scores([])
    assert store.scores(study, "s", "2") == {attack.id: "b"}
    assert store.scores(study, "t", "2") == {}


def test_two_writers_never_get_one_number(url: str) -> None:
    with closing(Store(url)) as store:
        study = store.add_study("one", "hash", "{}")
    found: list[int] = []

    def work() -> None:
        with closing(Store(url)) as mine:
            found.extend(assign(mine, study).number for _ in range(25))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == list(range(1, 101))


WRITER = """
import sys
from gadfly.store.store import NewEvent, Store
store = Store(sys.argv[1])
study = store.add_study("one", "hash", "{}")
attack = store.assign(study, "hash", lambda n: "m", lambda c: ("a", "{}"))
for number in range(100_000):
    store.append([NewEvent(attack.id, number, f"body {number}")])
    print(number, flush=True)
"""


def test_what_was_acknowledged_survives_a_killed_process(url: str) -> None:
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, url], stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout is not None
    for line in writer.stdout:
        if int(line) >= 50:
            break
    writer.send_signal(signal.SIGKILL)
    acknowledged = [int(line), *map(int, writer.stdout.read().split())][-1]
    writer.stdout.close()
    writer.wait()
    with closing(Store(url)) as store:
        (kept,) = store.events(1).values()
    assert len(kept) >= acknowledged + 1
    assert kept == [(number, f"body {number}") for number in range(len(kept))]


def test_a_locked_database_is_waited_for_then_told(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "_BUSY_SECONDS", 0.2)
    with closing(Store(url)) as store, closing(sqlite3.connect(url[10:])) as other:
        study = store.add_study("one", "hash", "{}")
        other.isolation_level = None
        other.execute("BEGIN IMMEDIATE")
        started = time.monotonic()
        with pytest.raises(OperatorError, match="another process holds it"):
            assign(store, study)
        assert time.monotonic() - started >= 0.2
        assert store.attacks(study) == []  # reading goes on meanwhile
        other.execute("ROLLBACK")
        assert assign(store, study).number == 1


def test_a_full_disk_is_told_and_loses_nothing(store: Store) -> None:
    study = store.add_study("one", "hash", "{}")
    attack = assign(store, study)
    store.append([NewEvent(attack.id, 0, "kept")])
    with store._engine.connect() as connection:  # the only connection of the pool
        connection.exec_driver_sql("PRAGMA max_page_count=1")
    with pytest.raises(OperatorError, match="the disk is full"):
        store.append([NewEvent(attack.id, n, "x" * 10_000) for n in range(1, 50)])
    assert store.events(study) == {attack.id: [(0, "kept")]}


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda folder: f"sqlite:///{folder}/none/study.db", "does not exist"),
        (lambda folder: "nonsense", "give a URL such as"),
        (lambda folder: "oracle+nothing://x/y", "give a URL such as"),
        (lambda folder: f"sqlite:///{folder}", "unable to open|it cannot be opened"),
    ],
)
def test_what_cannot_be_opened_says_why(tmp_path: Path, make: object, said: str) -> None:
    with pytest.raises(OperatorError, match=said):
        Store(make(tmp_path))  # type: ignore[operator]


def test_other_files_and_newer_databases_are_refused(tmp_path: Path, url: str) -> None:
    (tmp_path / "note.db").write_text("this is a note, not a database, and long enough to tell" * 9)
    with pytest.raises(OperatorError, match="no SQLite database"):
        Store(f"sqlite:///{tmp_path / 'note.db'}")
    Store(url).close()
    with closing(sqlite3.connect(url[10:])) as raw:
        raw.execute("UPDATE alembic_version SET version_num = '9999'")
        raw.commit()
    with pytest.raises(OperatorError, match="newer Gadfly"):
        Store(url)
