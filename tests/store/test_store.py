"""The store: made by migrations, durable, one writer at a time, clear when the machine fails."""

from __future__ import annotations

import multiprocessing
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, make_url, text

from gadfly.errors import OperatorError, PersonError
from gadfly.records.values import Usage
from gadfly.store import database
from gadfly.store.database import open_database
from gadfly.store.people import People
from gadfly.store.rows import Counts, Held, NewEvent, Spent, StoredAttack, StoredScores
from gadfly.store.store import Store
from gadfly.store.tables import metadata
from tests.postgres import Postgres


@pytest.fixture
def url(database_url: str) -> str:
    return database_url


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'study.db'}"


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    with closing(Store(url)) as opened:
        yield opened


def begin(store: Store, *, seconds: float = 60) -> tuple[int, int]:
    """A new study and a runner of it."""
    study = store.add_study("one", "hash", "{}")
    return study, store.enlist(study, seconds)


def take(
    store: Store, study: int, runner: int, member: str = "m", arm: str = "a", most: int = 10**6
) -> Held | None:
    """What the store gives a runner to drive, up to so many attacks in all."""

    def draw(counts: Counts) -> tuple[str, str] | None:
        return (arm, "{}") if counts.number <= most else None

    return store.next_attack(study, runner, "hash", lambda number: member, draw)


def assign(
    store: Store, study: int, runner: int, member: str = "m", arm: str = "a"
) -> StoredAttack:
    held = take(store, study, runner, member, arm)
    assert held is not None
    assert not held.begun
    return held.attack


def test_migrations_make_the_tables_that_the_code_uses(url: str) -> None:
    engine = open_database(url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, metadata) == []
        assert context.get_current_revision() is not None
    engine.dispose()


def test_a_database_of_the_first_version_is_brought_up_to_date(url: str) -> None:
    engine = create_engine(database._parsed(url).set(query={}), **database._options(make_url(url)))
    config = Config()
    config.set_main_option("script_location", str(Path(database.__file__).parent / "migrations"))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        connection.execute(text("INSERT INTO studies VALUES (1, 'one', 'now')"))
        connection.execute(text("INSERT INTO protocols VALUES (1, 1, 'hash', '{}', 'now')"))
        values = "1, 1, 1, 'hash', 'm', 'a', '{}', 'now', NULL, NULL"
        connection.execute(text(f"INSERT INTO attacks VALUES ({values})"))
        connection.execute(text("INSERT INTO events VALUES (1, 0, 'body', 'now')"))
    engine.dispose()
    with closing(Store(url)) as store:
        held = take(store, 1, store.enlist(1, 60), most=1)
        assert held is not None
        assert held.begun
        assert store.events_of(1) == [(0, "body")]
        assert store.spent(1) == []


def test_sqlite_is_durable(sqlite_url: str) -> None:
    with open_database(sqlite_url).connect() as connection:
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


def test_a_study_that_is_there_is_not_added_again(store: Store) -> None:
    study = store.add_study("one", "hash 1", "{}")
    assert store.add_study("one", "hash 2", "[]") == study
    assert store.add_protocol(study, "hash 2", "[]") == 2
    assert store.add_protocol(study, "hash 2", "[]") == 2
    assert [v.protocol_hash for v in store.protocol_versions(study)] == ["hash 1", "hash 2"]


def test_the_drawer_sees_every_attack_so_far(store: Store) -> None:
    study, runner = begin(store)
    other = store.add_study("two", "hash", "{}")
    assign(store, other, store.enlist(other, 60), "m", "a")
    seen: list[Counts] = []
    for member, arm in [("m", "a"), ("m", "b"), ("n", "a"), ("m", "a")]:

        def draw(counts: Counts, arm: str = arm) -> tuple[str, str]:
            seen.append(counts)
            return arm, "{}"

        store.next_attack(study, runner, "hash", lambda number, member=member: member, draw)
    assert seen[3] == Counts(number=4, by_arm={"a": 2, "b": 1}, by_arm_of_member={"a": 1, "b": 1})
    assert store.next_attack(study, runner, "hash", lambda n: "m", lambda counts: None) is None
    assert store.next_attack(study, runner, "hash", lambda n: None, lambda c: ("a", "{}")) is None
    assert [row.number for row in store.attacks(study)] == [1, 2, 3, 4]


def test_events_are_kept_byte_for_byte_and_end_their_attack(store: Store) -> None:
    study, runner = begin(store)
    first, second = assign(store, study, runner), assign(store, study, runner)
    body = '{"text":"\\u0000 ☃ \\ud83d \x01\x1b\u2028"}  '
    store.append([NewEvent(first.id, 0, body), NewEvent(second.id, 0, "x")], runner=runner)
    store.append([NewEvent(first.id, 1, "y", ending="complete")], runner=runner)
    assert store.events(study) == {first.id: [(0, body), (1, "y")], second.id: [(0, "x")]}
    assert store.events_of(first.id) == [(0, body), (1, "y")]
    assert [row.id for row in store.attacks(study, open_only=True)] == [second.id]
    assert store.attacks(study)[0].ending == "complete"
    assert store.attacks(study)[0].ended_at is not None
    assert store.counts(study) == {"a": (1, 1)}


def test_a_batch_is_kept_whole_or_not_at_all(store: Store) -> None:
    study, runner = begin(store)
    attack = assign(store, study, runner)
    store.append([NewEvent(attack.id, 0, "first")], runner=runner)
    with pytest.raises(OperatorError, match="another runner"):
        store.append(
            [NewEvent(attack.id, 1, "new"), NewEvent(attack.id, 0, "again")], runner=runner
        )
    assert store.events(study) == {attack.id: [(0, "first")]}


def test_what_attacks_cost_is_summed(store: Store) -> None:
    study, runner = begin(store)
    first = assign(store, study, runner, "m", "a")
    second = assign(store, study, runner, "m", "a")
    assign(store, study, runner, "n", "a")
    usage = Usage(calls=2, tokens_in=10, tokens_out=3)
    for number in range(2):
        step = [NewEvent(row, number, "x", usage=usage) for row in (first.id, second.id)]
        store.append(step, runner=runner)
    total = Usage(calls=8, tokens_in=40, tokens_out=12)
    assert store.spent(study) == [Spent("hash", "a", "m", total)]


def test_scores_are_kept_by_scorer_and_version(store: Store) -> None:
    study, runner = begin(store)
    attack = assign(store, study, runner)
    both = [StoredScores(attack.id, "s", "1", "a"), StoredScores(attack.id, "s", "2", "b")]
    store.put_scores(both)
    store.put_scores([])
    store.put_scores([StoredScores(attack.id, "s", "2", "another runner's")])
    assert store.scores(study, "s", "2") == {attack.id: "b"}
    assert store.scores(study, "t", "2") == {}


def test_what_is_known_of_a_server_is_kept(store: Store) -> None:
    place = ("http://127.0.0.1:8000/v1", "m", "chat")
    assert store.dialect(*place) is None
    for body in ("old", "new"):
        store.put_dialect(*place, body)
    assert store.dialect(*place) == "new"
    assert store.dialect(*place[:2], "completions") is None


def test_two_writers_never_get_one_number(url: str) -> None:
    with closing(Store(url)) as store:
        study = store.add_study("one", "hash", "{}")
    found: list[int] = []

    def work() -> None:
        with closing(Store(url)) as mine:
            runner = mine.enlist(study, 60)
            found.extend(assign(mine, study, runner).number for _ in range(25))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == list(range(1, 101))


def test_what_a_runner_holds_is_nobody_elses_until_it_leaves(store: Store) -> None:
    study, one = begin(store)
    two = store.enlist(study, 60)
    attack = assign(store, study, one)
    assert take(store, study, two, most=1) is None
    assert store.held_elsewhere(study, two) == 1
    assert store.held_elsewhere(study, one) == 0
    assert store.append([NewEvent(attack.id, 0, "not its own")], runner=two) == {attack.id}
    store.append([NewEvent(attack.id, 0, "one's")], runner=one)
    store.dismiss(one)
    assert take(store, study, two, most=1) == Held(attack, begun=True)
    assert store.append([NewEvent(attack.id, 1, "late")], runner=one) == {attack.id}
    assert store.append([NewEvent(attack.id, 1, "two's")], runner=two) == set()
    assert store.events_of(attack.id) == [(0, "one's"), (1, "two's")]


def test_a_lease_that_runs_out_frees_dialogues_unless_it_is_renewed(store: Store) -> None:
    study, dead = begin(store, seconds=0.3)
    live, next_one = store.enlist(study, 0.3), store.enlist(study, 60)
    left, kept = assign(store, study, dead), assign(store, study, live)
    store.renew(live, 60)
    time.sleep(0.4)
    assert take(store, study, next_one, most=2) == Held(left, begun=True)
    assert take(store, study, next_one, most=2) is None
    assert store.append([NewEvent(left.id, 0, "x"), NewEvent(kept.id, 0, "y")], runner=live) == {
        left.id
    }
    assert store.events(study) == {kept.id: [(0, "y")]}
    store.dismiss(live)
    with pytest.raises(OperatorError, match="struck off"):
        store.renew(live, 60)


def test_a_runner_whose_lease_is_over_does_not_take_its_own_again(store: Store) -> None:
    study, late = begin(store, seconds=0.1)
    attack = assign(store, study, late)
    time.sleep(0.2)
    assert take(store, study, late, most=1) is None
    assert store.append([NewEvent(attack.id, 0, "x")], runner=late) == set()


def test_what_was_paid_is_booked_whoever_holds_the_dialogue(store: Store) -> None:
    study, one = begin(store)
    attack = assign(store, study, one)
    store.dismiss(one)
    usage = Usage(calls=1, tokens_in=5, tokens_out=2)
    assert store.append([NewEvent(attack.id, 0, "x", usage=usage)], runner=one) == {attack.id}
    store.add_cost(attack.id, usage)
    assert [row.usage for row in store.spent(study)] == [usage + usage]
    assert store.events(study) == {}


def test_what_others_have_just_let_go_counts_as_open(store: Store) -> None:
    study, one = begin(store)
    two = store.enlist(study, 60)
    assign(store, study, one)
    store.dismiss(one)
    assert store.held_elsewhere(study, two) == 1


def test_what_a_server_defaults_to_does_not_matter(postgres: Postgres) -> None:
    url = postgres.new()
    name = url.partition("?")[0].rpartition("/")[2]
    for setting in (
        "default_transaction_isolation = 'repeatable read'",
        "synchronous_commit = off",
    ):
        postgres.run(f"ALTER DATABASE {name} SET {setting}")
    with closing(Store(url)) as store, store._writing() as c:
        assert c.scalar(text("SHOW transaction_isolation")) == "read committed"
        assert c.scalar(text("SHOW synchronous_commit")) == "on"


def test_a_runner_that_hangs_in_a_transaction_does_not_hold_up_the_others(
    postgres: Postgres, monkeypatch: pytest.MonkeyPatch, broken_connections: None
) -> None:
    url = postgres.new()
    with closing(Store(url)) as store:
        study, runner = begin(store)
        monkeypatch.setattr(database, "_IDLE_SECONDS", 1.0)  # of connections from now on

        def hang() -> None:
            with closing(Store(url)) as hanging, hanging._writing() as c:
                c.execute(text("SELECT id FROM studies FOR UPDATE"))
                started = time.monotonic()
                assert assign(store, study, runner).number == 1
                assert 0.5 < time.monotonic() - started < 10
                c.execute(text("SELECT 1"))

        with pytest.raises(OperatorError, match="is the server still running"):
            hang()


DIES = """
import os, sys
from gadfly.store.store import Store
store = Store(sys.argv[1])
runner = store.enlist(1, 3600)
assert store.next_attack(1, runner, "hash", lambda n: "m", lambda c: ("a", "{}"))
os.kill(os.getpid(), 9)
"""


def test_a_runner_that_is_seen_to_be_dead_holds_nothing(url: str) -> None:
    with closing(Store(url)) as store:
        study, runner = begin(store)
        subprocess.run([sys.executable, "-c", DIES, url], check=False)
        assert take(store, study, runner, most=1) is None  # its lease is long
        store.enlist(study, 60)  # whoever comes next looks who is alive
        held = take(store, study, runner, most=1)
        assert held is not None
        assert held.begun


WRITER = """
import sys
from gadfly.store.store import NewEvent, Store
store = Store(sys.argv[1])
study = store.add_study("one", "hash", "{}")
runner = store.enlist(study, 60)
attack = store.next_attack(study, runner, "hash", lambda n: "m", lambda c: ("a", "{}")).attack
for number in range(100_000):
    store.append([NewEvent(attack.id, number, f"body {number}")], runner=runner)
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
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "_BUSY_SECONDS", 0.2)
    with closing(Store(sqlite_url)) as store, closing(sqlite3.connect(sqlite_url[10:])) as other:
        study, runner = begin(store)
        other.isolation_level = None
        other.execute("BEGIN IMMEDIATE")
        started = time.monotonic()
        with pytest.raises(OperatorError, match="another process holds it"):
            assign(store, study, runner)
        assert time.monotonic() - started >= 0.2
        assert store.attacks(study) == []  # reading goes on meanwhile
        other.execute("ROLLBACK")
        assert assign(store, study, runner).number == 1


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


def test_other_files_and_newer_databases_are_refused(tmp_path: Path, sqlite_url: str) -> None:
    (tmp_path / "note.db").write_text("this is a note, not a database, and long enough to tell" * 9)
    with pytest.raises(OperatorError, match="no SQLite database"):
        Store(f"sqlite:///{tmp_path / 'note.db'}")
    Store(sqlite_url).close()
    with closing(sqlite3.connect(sqlite_url[10:])) as raw:
        raw.execute("UPDATE alembic_version SET version_num = '9999'")
        raw.commit()
    with pytest.raises(OperatorError, match="newer Gadfly"):
        Store(sqlite_url)


def _open_each(urls: list[str], together: Any, told: Any) -> None:
    """In a process of its own: open one after another, each at the same moment as the others."""
    for url in urls:
        together.wait()
        try:
            Store(url).close()
        except OperatorError as error:
            told.put(str(error))
    told.put(None)


def test_many_may_make_a_new_file_at_once(tmp_path: Path) -> None:
    """SQLite turns away one of two that switch a new file to WAL; whoever is turned away waits."""
    context, many = multiprocessing.get_context("spawn"), 6
    together, told = context.Barrier(many), context.Queue()
    urls = [f"sqlite:///{tmp_path}/{number}.db" for number in range(25)]
    openers = [context.Process(target=_open_each, args=(urls, together, told)) for _ in range(many)]
    for opener in openers:
        opener.start()
    ended, errors = 0, []
    while ended < many:
        error = told.get(timeout=120)
        ended += error is None
        errors += [error] if error else []
    for opener in openers:
        opener.join()
    assert errors == []


def test_a_nul_character_is_nobodys_fault_but_the_senders(url: str) -> None:
    """SQLite keeps one; PostgreSQL cannot, and whoever sent it is told."""
    with closing(Store(url)) as store:
        study = store.add_study("one", "hash", "{}")
        people = People(store)
        if url.startswith("sqlite"):
            assert people.password(study, "a\x00b") is None
        else:
            with pytest.raises(PersonError, match="NUL"):
                people.password(study, "a\x00b")
