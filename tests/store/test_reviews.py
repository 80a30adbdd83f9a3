"""Places at attacks: never too many, never one's own twice, whatever is pressed at once."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from sqlalchemy import update

from gadfly.errors import PersonError
from gadfly.records.reviews import Review, Verdict
from gadfly.store.people import People, Person
from gadfly.store.reviews import Place, Reviews
from gadfly.store.site_tables import people as people_table
from gadfly.store.site_tables import reviews as review_table
from gadfly.store.store import Store
from gadfly.store.tables import attacks
from gadfly.store.work import Stretch, Work
from tests.web.attacks import put_attack

HASH = "sha256:x"
LONG = 3600.0


class Bench:
    """A store with a study, its attacks and as many people as are asked for."""

    def __init__(self, url: str) -> None:
        self.store = Store(url)
        self.study = self.store.add_study("town", HASH, "{}")
        self.people, self.reviews = People(self.store), Reviews(self.store)

    def person(self, role: str = "reviewer", **more: str) -> Person:
        return self.people.add(self.study, [role], **more)  # type: ignore[list-item]

    def attack(self, who: Person | None = None, **more: object) -> int:
        return put_attack(self.store, who or self.person("member"), HASH, **more).id  # type: ignore[arg-type]

    def claim(
        self, person: Person, attack: int, most: int = 3, seconds: float = LONG
    ) -> Place | None:
        return self.reviews.claim(person, attack, most=most, seconds=seconds)

    def review(self, person: Person, verdict: Verdict | None = None, **more: object) -> Review:
        return Review(
            study="town",
            attack=1,
            reviewer=person.name,
            taxonomy="ganguli2022@1",
            verdict=verdict,
            turns_seen=1,
            seconds=3.0,
            reviewed_at=datetime.now(UTC),
            **more,  # type: ignore[arg-type]
        )

    def say(self, person: Person, place: Place, success: int = 2, most: int = 3) -> str:
        said = self.review(person, Verdict(success=success, intent_harm=2))
        return self.reviews.answer(person, place, said, most=most, severe_from=3)


@pytest.fixture
def bench(database_url: str):  # type: ignore[no-untyped-def]
    made = Bench(database_url)
    yield made
    made.store.close()


def test_many_at_once_never_exceed_the_number(bench: Bench) -> None:
    wanted = [bench.attack() for _ in range(3)]
    crowd = [bench.person() for _ in range(16)]
    ready = threading.Barrier(len(crowd))
    got: list[tuple[str, int]] = []

    def press(person: Person) -> None:
        ready.wait()
        for attack in wanted:
            place = bench.claim(person, attack, most=2)
            if place is not None and place.attack_id == attack:
                got.append((person.name, attack))
                bench.say(person, place, most=2)

    threads = [threading.Thread(target=press, args=(person,)) for person in crowd]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Counter(attack for _, attack in got) == dict.fromkeys(wanted, 2)
    assert len(set(got)) == len(got)
    assert [row.done for row in bench.reviews.waiting(bench.study)] == [2, 2, 2]


def test_a_double_click_takes_one_place(bench: Bench) -> None:
    wanted, person = [bench.attack() for _ in range(4)], bench.person()
    ready, got = threading.Barrier(4), []

    def press(attack: int) -> None:
        ready.wait()
        got.append(bench.reviews.claim(person, attack, most=3, seconds=LONG))

    threads = [threading.Thread(target=press, args=(attack,)) for attack in wanted]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({claimed.id for claimed in got if claimed}) == 1
    assert sum(s.dialogues for s in Work(bench.store).of(person)) == 1  # it counts once


def test_a_lease_that_ran_out_frees_its_place_and_costs_nothing_while_nobody_took_it(
    bench: Bench,
) -> None:
    attack, slow, fast = bench.attack(), bench.person(), bench.person()
    late = bench.claim(slow, attack, most=1, seconds=-1)
    assert late is not None
    again = bench.reviews.current(slow, most=1, seconds=-1)
    assert again == late  # still free: theirs again
    taken = bench.claim(fast, attack, most=1)
    assert taken is not None
    assert bench.say(slow, late, most=1) == "late"
    assert bench.say(fast, taken, most=1) == "kept"
    assert [row.done for row in bench.reviews.waiting(bench.study)] == [1]
    assert bench.claim(slow, attack, most=3) is None  # it does not come back


def test_a_place_that_was_lost_is_not_handed_out_again(bench: Bench) -> None:
    attack, slow, fast = bench.attack(), bench.person(), bench.person()
    assert bench.claim(slow, attack, most=1, seconds=-1) is not None
    assert bench.claim(fast, attack, most=1) is not None
    assert bench.reviews.current(slow, most=1, seconds=LONG) is None
    assert [row.open for row in bench.reviews.waiting(bench.study)] == [1]


def test_an_expired_answer_is_kept_where_the_place_is_still_free(bench: Bench) -> None:
    attack, slow = bench.attack(), bench.person()
    place = bench.claim(slow, attack, most=1, seconds=-1)
    assert place is not None
    assert bench.say(slow, place, most=1) == "kept"


def test_the_first_answer_stands(bench: Bench) -> None:
    attack, person = bench.attack(), bench.person()
    place = bench.claim(person, attack)
    assert place is not None
    assert bench.say(person, place, success=1) == "kept"
    assert bench.say(person, place, success=4) == "kept before"
    (only,) = bench.reviews.of_attack(attack)
    assert only.verdict is not None
    assert only.verdict.success == 1


def test_a_second_account_of_the_same_person_meets_nothing_twice(bench: Bench) -> None:
    attack = bench.attack()
    first, second = (bench.person(subject="same") for _ in range(2))
    assert bench.claim(first, attack) is not None
    assert bench.claim(second, attack) is None
    assert bench.reviews.judged(second) == {1}
    assert bench.reviews.known_as(second) == {first.name, second.name}


@pytest.mark.parametrize("column", ["quarantined_at", "withdrawn_at"])
def test_what_is_out_of_sight_is_neither_given_nor_answered_nor_read(
    bench: Bench, column: str
) -> None:
    attack, done, open_, late = bench.attack(), bench.person(), bench.person(), bench.person()
    place = bench.claim(done, attack)
    assert place is not None
    bench.say(done, place)
    waiting = bench.claim(open_, attack)
    assert waiting is not None
    with bench.store.database.writing() as c:
        c.execute(update(attacks).values({column: "2026-01-01"}))
    assert bench.reviews.waiting(bench.study) == []
    assert bench.reviews.of_study(bench.study) == []
    assert bench.claim(late, attack) is None
    assert bench.say(open_, waiting) == "gone"
    assert bench.reviews.current(open_, most=3, seconds=LONG) is None
    said = bench.review(late, Verdict(success=1, intent_harm=1))
    with pytest.raises(PersonError, match="out of sight"):
        bench.reviews.settle(late, attack, said, severe_from=3)


def test_a_reviewer_who_withdrew_holds_no_place_and_is_not_read(bench: Bench) -> None:
    attack, gone = bench.attack(), bench.person()
    place = bench.claim(gone, attack, most=1)
    assert place is not None
    bench.say(gone, place, most=1)
    with bench.store.database.writing() as c:
        c.execute(update(people_table).where(people_table.c.id == gone.id).values(data_key=None))
    assert bench.reviews.of_study(bench.study) == []
    assert bench.claim(bench.person(), attack, most=1) is not None


def test_what_a_reviewer_wrote_is_sealed(bench: Bench) -> None:
    attack, person = bench.attack(), bench.person()
    place = bench.claim(person, attack)
    assert place is not None
    verdict = Verdict(success=1, intent_harm=1, comments="what I noticed")
    bench.reviews.answer(person, place, bench.review(person, verdict), most=3, severe_from=3)
    with bench.store.database.reading() as c:
        stored = c.execute(review_table.select()).one()
    assert "noticed" not in str(stored)
    assert bench.reviews.of_study(bench.study)[0].verdict == verdict


def test_a_settled_verdict_stands_beside_the_reviews_and_in_the_audit(bench: Bench) -> None:
    attack, person, lead = bench.attack(), bench.person(), bench.person("review_lead")
    place = bench.claim(person, attack)
    assert place is not None
    bench.say(person, place)
    verdict = Verdict(success=4, intent_harm=4)
    more = {"kind": "adjudication", "settles": (person.name,)}
    bench.reviews.settle(lead, attack, bench.review(lead, verdict, **more), severe_from=3)
    assert [r.kind for r in bench.reviews.of_attack(attack)] == ["study", "adjudication"]
    with pytest.raises(PersonError, match="not yours to settle"):
        bench.reviews.settle(person, attack, bench.review(person, verdict, **more), severe_from=3)


def test_no_two_studies_at_once_give_one_person_more_than_their_limit(bench: Bench) -> None:
    """Who is here twice, under one keyed hash, begins one review in both together."""
    other = bench.store.add_study("other", HASH, "{}")
    wanted = [bench.attack() for _ in range(8)]
    here = bench.person(subject="one and the same")
    there = bench.people.add(other, ["reviewer"], subject="one and the same")
    ready = threading.Barrier(8)
    got: list[Place] = []

    class TooMuch(Exception):
        pass

    def may(stretches: Sequence[Stretch], now: float) -> None:
        if sum(stretch.dialogues for stretch in stretches) >= 1:
            raise TooMuch

    def press(place: int) -> None:
        ready.wait()
        with suppress(TooMuch):
            person = (here, there)[place % 2]
            found = bench.reviews.claim(person, wanted[place], most=3, seconds=LONG, may=may)
            got.append(found) if found is not None else None

    threads = [threading.Thread(target=press, args=(place,)) for place in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({place.id for place in got}) == 1  # their open place may be shown again
