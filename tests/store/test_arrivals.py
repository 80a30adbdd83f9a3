"""Visits from platforms and what is owed for them: once, whoever asks at the same moment."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any, TypeVar

import pytest

from gadfly.errors import PersonError
from gadfly.store.arrivals import Arrivals, Came
from gadfly.store.payments import Payment, Payments
from gadfly.store.people import People, Person
from gadfly.store.site_tables import arrivals, people
from gadfly.store.store import Store

T = TypeVar("T")


@pytest.fixture
def stores(database_url: str) -> Iterator[list[Store]]:
    """Two processes' stores on one database."""
    with closing(Store(database_url)) as one, closing(Store(database_url)) as two:
        yield [one, two]


@pytest.fixture
def study(stores: list[Store]) -> int:
    return stores[0].add_study("one", "hash", "{}")


def come(store: Store, study: int, who: str = "ann", visit: str = "v1", **more: Any) -> Came:
    return Arrivals(store).arrive(study, "panel", who, visit, f"ids of {visit}", **more)


def settle(store: Store, person: Person, outcome: str = "complete") -> tuple[Payment, bool]:
    visit = Arrivals(store).visit(person)
    return Payments(store).settle(
        person,
        visit.id if visit else 0,
        outcome,
        seconds=60.0,
        amount=100,
        currency="USD",
        code="",
        state="owed",
        hold=0.0,
    )


def hear(store: Store, study: int, mark: str, status: str, sent: float, visit: str = "v1") -> bool:
    frees = status == "RETURNED"
    return Arrivals(store).hear(
        [study], "panel", (mark, f"signature of {mark}"), visit, status, sent=sent, frees=frees
    )


def at_once(*calls: Callable[[], T]) -> list[T]:
    """Results of calls that begin together; an error of one is raised here."""
    gate = threading.Barrier(len(calls))

    def run(call: Callable[[], T]) -> T:
        gate.wait()
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return [future.result() for future in [pool.submit(run, call) for call in calls]]


def test_the_same_visit_is_the_same_person(stores: list[Store], study: int) -> None:
    came = at_once(*[lambda s=s: come(s, study, link="l1") for s in stores * 4])
    assert len({one.person.id for one in came}) == 1
    assert sorted(one.again for one in came) == [False] + [True] * 7
    assert len(People(stores[0]).of_study(study)) == 1
    other = come(stores[0], study, who="ben", visit="v2")
    assert other.person.name != came[0].person.name
    with pytest.raises(PersonError, match="somebody else's"):
        come(stores[0], study, who="ben", visit="v1")
    two = stores[0].add_study("two", "hash", "{}")
    with pytest.raises(PersonError, match="somebody else's"):
        come(stores[0], two)


def test_ids_are_sealed_and_go_with_the_key(stores: list[Store], study: int) -> None:
    person = come(stores[0], study).person
    visit = Arrivals(stores[0]).visit(person)
    assert visit is not None
    assert visit.body == "ids of v1"
    settle(stores[0], person)
    with stores[0].database.writing() as c:
        assert "ids of v1" not in str(c.execute(arrivals.select()).one())
        c.execute(people.update().values(data_key=None, state="erased"))
    due = Payments(stores[0]).due(study, "panel", hold=0)
    assert due is not None
    assert due.body is None
    with pytest.raises(PersonError, match="withdrawn"):
        come(stores[0], study)


def test_a_visit_is_settled_once(stores: list[Store], study: int) -> None:
    person = come(stores[0], study).person
    outcomes = ("complete", "early_exit") * 4
    done = at_once(
        *[lambda o=o, n=n: settle(stores[n % 2], person, o) for n, o in enumerate(outcomes)]
    )
    assert sum(first for _, first in done) == 1
    assert len({payment for payment, _ in done}) == 1
    assert len(Payments(stores[0]).of_study(study)) == 1
    assert come(stores[0], study).state == "finished"


def test_a_new_visit_goes_on_or_is_refused(stores: list[Store], study: int) -> None:
    first = come(stores[0], study)
    People(stores[0]).set_state(first.person, "paused", by="care", because="a rest")
    assert hear(stores[0], study, "e1", "RETURNED", 10)
    assert come(stores[0], study).state == "given back"
    second = come(stores[0], study, visit="v2")
    assert (second.person.id, second.state) == (first.person.id, "here")
    assert (second.person.state, second.person.because) == ("paused", "a rest")  # still so
    settle(stores[0], second.person)
    third = come(stores[0], study, visit="v3")
    assert third.state == "refused"
    counting = Arrivals(stores[0]).visit(third.person)
    assert counting is not None
    assert counting.id == second.visit


def test_what_a_platform_says_counts_once_and_in_order(stores: list[Store], study: int) -> None:
    session = People(stores[0]).begin_session(come(stores[0], study).person.id, 60)
    assert not hear(stores[0], study, "e0", "RETURNED", 5, visit="unknown")
    assert not hear(stores[0], study, "e1", "ACTIVE", 20)
    assert not hear(stores[0], study, "e2", "RETURNED", 10)  # older than what was said last
    assert People(stores[0]).of_session(session) is not None
    said = at_once(*[lambda s=s: hear(s, study, "e3", "RETURNED", 30) for s in stores * 4])
    assert sum(said) == 1
    assert People(stores[0]).of_session(session) is None
    assert not Arrivals(stores[0]).hear(
        [study], "panel", ("e9", "signature of e3"), "v1", "RETURNED", sent=40, frees=True
    )


def test_a_finished_visit_is_not_given_back_and_others_are_not_spoken_of(
    stores: list[Store], study: int
) -> None:
    person = come(stores[0], study).person
    assert not Arrivals(stores[0]).hear(
        [study + 1], "panel", ("e1",), "v1", "RETURNED", sent=10, frees=True
    )
    settle(stores[0], person)
    assert not hear(stores[0], study, "e2", "RETURNED", 10)
    assert come(stores[0], study).state == "finished"


def test_one_process_tells_while_it_lives(stores: list[Store], study: int) -> None:
    kept = Payments(stores[0])
    for n in range(3):
        settle(stores[0], come(stores[0], study, who=f"p{n}", visit=f"v{n}").person)
    due = at_once(*[lambda s=s: Payments(s).due(study, "panel", hold=60) for s in stores * 3])
    held = [one.payment.id for one in due if one is not None]
    assert len(held) == len(set(held)) == 3
    kept.told(held[0])
    kept.failed(held[1], "no such visit")
    kept.put_off(held[2], -1, "busy")  # its time has come again
    again = kept.due(study, "panel", hold=60)
    assert again is not None
    assert (again.payment.id, again.payment.tries) == (held[2], 1)
    kept.again(study, held[1], by="ada")
    retried = kept.due(study, "panel", hold=60)
    assert retried is not None
    assert retried.payment.id == held[1]
    kept.by_hand(study, held[1], by="ada")
    kept.failed(held[1], "too late")  # whoever was telling comes back
    assert [p.state for _, p in kept.of_study(study)].count("told") == 2
    for number, where in ((held[0], study), (held[2], study + 1)):
        with pytest.raises(PersonError, match="not owed or failed"):
            kept.by_hand(where, number, by="ada")
