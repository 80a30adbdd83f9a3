"""Leaving and being paid: once, for what was done, and told whoever dies."""

from __future__ import annotations

import asyncio
import csv
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import delete, insert

from gadfly.care.journey import Felt, Left, Passed, TopicsChosen
from gadfly.records.canonical import canonical_json
from gadfly.store.site_tables import payments, work
from tests.web.journeys import act, begin, dialogue, expects, to_the_brief, turn
from tests.web.site import Browser, Site
from tests.web.town import World, agree, finish, whole_task, world

pytestmark = [pytest.mark.usefixtures("socket_enabled"), pytest.mark.allow_hosts(["127.0.0.1"])]


@pytest.fixture
def town(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with world(tmp_path, monkeypatch) as running:
        yield running


def test_arrive_work_complete(town: World) -> None:
    visit = town.fake.start("ann")
    browser = town.come(visit)
    whole_task(town, browser)
    page = finish(browser)
    assert page.url.path == "/town/done"
    assert "1.67 USD" in page.text  # five minutes at least, at 20 an hour
    assert "Ada Example" in page.text
    assert codes(page) == set()
    assert not any(code in page.text for code in town.fake.codes.values())
    assert town.fake.transitions == [(visit.id, town.fake.codes["complete"])]
    assert town.owed == [("complete", "told", 167)]
    assert "Thank you" in town.come(visit, browser).get("/task").text  # and back again
    text = Path(str(town.site.serving.store.database._engine.url.database)).read_bytes()
    assert b'"ann"' not in text  # the platform's ids are sealed
    assert not any(code.encode() in text for code in town.fake.codes.values())


def test_leaving_early_is_paid_and_claims_no_more(town: World) -> None:
    visit = town.fake.start("ann")
    browser = town.come(visit)
    agree(town, browser)
    begin(browser)
    town.site.serving.work.sign(town.person, "attack")
    page = browser.post("/stop")
    assert "1.67 USD" in page.text
    assert town.fake.transitions == [(visit.id, town.fake.codes["early_exit"])]
    browser.post("/stop")
    browser.post("/finish", expects=99)
    assert town.owed == [("early_exit", "told", 167)]
    kept = town.site.serving.studies["town"].sitting.kept
    assert [attack.ending for attack in kept.of(town.person)] == ["attacker_stopped"]


def test_no_consent_is_told_and_pays_nothing(town: World) -> None:
    visit = town.fake.start("ann")
    page = town.come(visit).post("/consent", answer="no")
    assert "chose not to take part" in page.text
    assert town.fake.transitions == [(visit.id, town.fake.codes["no_consent"])]
    assert town.owed == [("no_consent", "told", 0)]


def test_work_that_was_not_done_is_not_paid(town: World) -> None:
    first = town.come(town.fake.start("ann"))
    first.post("/stop")  # before any consent
    assert town.owed == [("no_consent", "told", 0)]
    second = town.come(town.fake.start("ben"))
    second.post("/consent", answer="yes", adult="1")
    second.post("/finish", expects=1)
    assert len(town.owed) == 1
    people = town.site.serving.people
    ben = people.of_study(town.site.serving.studies["town"].id)[-1]
    way = (  # a task without a single dialogue
        TopicsChosen(avoid=()),
        *(Passed(place="demographics"), Felt(moment="before", answered=False)),
        *(Passed(place=place) for place in ("brief", "dialogues", "rest")),
        Felt(moment="after", answered=False),
    )
    for number, step in enumerate(way, start=1):
        people.add_step(ben, number, canonical_json(step).decode())
    finish(second)
    assert town.owed[1][0] == "early_exit"


def left_at_once(browser: Browser) -> None:
    act(browser, begin(browser), "leave")


def of_one_turn(browser: Browser) -> None:
    dialogue(browser, turns=1)


def stopped_after_one(browser: Browser) -> None:
    place = begin(browser)
    act(browser, place, "describe", text="I try to make it rude.")
    turn(browser, place)
    sitting = browser.site.serving.studies["town"].sitting
    sitting._halted = True
    act(browser, place, "say", text="again")
    act(browser, place, "stop")
    sitting._halted = False
    act(browser, place, "finish")
    act(browser, place, "rate", success=1, harm=1, actionability=1)


def reported_at_once(browser: Browser) -> None:
    browser.post("/report", about=f"/town{begin(browser)}")


def whole(browser: Browser) -> None:
    dialogue(browser, turns=2)


@pytest.mark.parametrize(
    ("last", "outcome"),
    [
        (left_at_once, "early_exit"),
        (of_one_turn, "early_exit"),
        (stopped_after_one, "early_exit"),
        (reported_at_once, "complete"),
        (whole, "complete"),
    ],
)
def test_complete_needs_every_dialogue_of_a_task_with_the_turns_that_pages_state(
    site: Site, last: Callable[[Browser], None], outcome: str
) -> None:
    person = site.person()
    browser = site.browser(person)
    assert "with at least 2 turns" in to_the_brief(browser).text
    dialogue(browser, turns=2)
    last(browser)
    page = browser.post("/begin", expects=expects(browser.get("/task")))
    browser.post("/go", place="rest", expects=expects(page))
    page = browser.post("/feel", act="skip")
    browser.post("/stop") if "A pause" in page.text else finish(browser)
    paid = site.serving.payments.of(person)
    assert paid is not None
    assert (paid.outcome, paid.amount) == (outcome, 167)


def test_two_tabs_that_finish_at_once_are_paid_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, database_url: str
) -> None:
    with world(tmp_path, monkeypatch, database=database_url) as town:
        tabs = [town.come(town.fake.start("ann"))]
        whole_task(town, tabs[0])
        step = expects(tabs[0].get("/task"))
        for _ in range(5):
            tabs.append(town.site.browser(town.person))
        pages: list[httpx2.Response] = []
        threads = [
            threading.Thread(
                target=lambda tab=tab, n=n: pages.append(
                    tab.post("/finish", expects=step) if n % 2 else tab.post("/stop")
                )
            )
            for n, tab in enumerate(tabs)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert {page.status_code for page in pages} == {200}
        assert len(town.owed) == 1
        assert len(town.fake.transitions) == 1


def test_what_a_dead_process_recorded_the_next_one_tells_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, database_url: str
) -> None:
    with world(tmp_path, monkeypatch, database=database_url) as town:
        visit = town.fake.start("ann")
        town.come(visit)
        serving, served = town.site.serving, town.site.serving.studies["town"]
        counts = serving.arrivals.visit(town.person)
        assert counts is not None
        amount: dict[str, Any] = {"seconds": 300.0, "amount": 167, "currency": "USD", "code": ""}
        serving.payments.settle(
            town.person, counts.id, "early_exit", **amount, state="owed", hold=60
        )
        assert serving.payments.due(served.id, "prolific", hold=60) is None  # held by the dead one
        with serving.store.database.writing() as c:
            c.execute(payments.update().values(try_at=0.0))
        town.fake.loses_answers = 1
        wait_for(lambda: town.owed == [("early_exit", "told", 167)])
        assert town.fake.transitions == [(visit.id, town.fake.codes["early_exit"])]


def wait_for(fact: Callable[[], bool]) -> None:
    async def look() -> None:
        async with asyncio.timeout(15):
            while not fact():
                await asyncio.sleep(0.05)

    asyncio.run(look())


def codes(page: httpx2.Response) -> set[str]:
    return set(re.findall(r"[>\b]([A-Z2-9]{16})[<\b]", page.text))


def test_a_failure_that_passes_is_told_later_and_another_is_the_owners(town: World) -> None:
    owner = town.site.browser(town.site.person("owner", login="ada"))
    browser = town.come(town.fake.start("ann"))
    browser.post("/consent", answer="yes", adult="1")
    town.fake.failures = [503] * 4
    page = browser.post("/stop")
    assert "will be told that you are done" in page.text
    assert town.owed == [("early_exit", "owed", 167)]
    second = town.fake.start("ben")
    browser = town.come(second)
    browser.post("/consent", answer="yes", adult="1")
    second.status = "TIMED-OUT"
    assert "paid by hand" in browser.post("/stop").text
    assert [state for _, state, _ in town.owed] == ["owed", "failed"]
    page = owner.get("/study/pay")
    assert "TIMED-OUT" in page.text
    assert codes(browser.get("/done")) < codes(page)  # a receipt, for whoever pays by hand
    numbers = re.findall(r"/study/pay/(\d+)", page.text)
    second.status = "ACTIVE"
    owner.post(f"/study/pay/{numbers[1]}", act="again")
    owner.post(f"/study/pay/{numbers[0]}", act="by hand")
    assert owner.post(f"/study/pay/{numbers[0]}", act="again").status_code == 400
    wait_for(lambda: [state for _, state, _ in town.owed] == ["told", "told"])
    table = owner.get("/study/pay.csv").text.splitlines()
    assert len(table) == 3
    assert "paid by hand (ada)" in table[1]


def test_a_share_of_the_reward_is_what_the_time_is_worth(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    more = ", early_exit_dynamic: true, reward: 4.00"
    with world(tmp_path, monkeypatch, more=more) as town:
        visit = town.fake.start("ann")
        browser = town.come(visit)
        browser.post("/consent", answer="yes", adult="1")
        browser.post("/stop")
        assert visit.percentage == 42  # 1.67 of 4.00
        owner = town.site.browser(town.site.person("owner"))
        assert "0.00 USD" in owner.get("/study/pay").text  # no bonus is due


def test_what_time_is_worth_beyond_the_reward_is_a_bonus_by_hand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with world(tmp_path, monkeypatch, more=", reward: 1.00") as town:
        browser = town.come(town.fake.start("ann"))
        whole_task(town, browser)
        finish(browser)
        owner = town.site.browser(town.site.person("owner"))
        assert "0.67 USD" in owner.get("/study/pay").text
        (row,) = csv.DictReader(owner.get("/study/pay.csv").text.splitlines())
        assert (row["amount"], row["currency"], row["bonus"]) == ("1.67", "USD", "0.67 USD")


def test_without_a_platform_nobody_arrives_and_pay_is_by_hand(site: Site) -> None:
    assert site.browser().get("/arrive").status_code == 404
    browser = site.browser(site.person())
    browser.post("/consent", answer="yes", adult="1")
    page = browser.post("/stop")
    assert "You will be paid by hand" in page.text
    ((_, payment),) = site.serving.payments.of_study(site.serving.studies["town"].id)
    assert payment.state == "owed"
    assert payment.code in page.text


def test_who_closed_the_page_is_listed_and_after_a_week_settled_by_the_owner(site: Site) -> None:
    quiet, lately, paused = (site.person() for _ in range(3))
    for person in (quiet, lately, paused):
        site.browser(person).post("/consent", answer="yes", adult="1")
        ago = 3600 if person is lately else 8 * 24 * 3600
        began = site.serving.work.now() - ago - 7200
        row = {"person_id": person.id, "activity": "attack", "began": began, "ended": began + 7200}
        with site.serving.store.database.writing() as c:
            c.execute(delete(work).where(work.c.person_id == person.id))
            c.execute(insert(work).values(row))
    site.serving.people.set_state(paused, "paused", by="care")
    owner = site.browser(site.person("owner"))
    page = owner.get("/study/pay").text
    for person in (quiet, lately, paused):
        assert f"{person.name}</bdi>: not left yet, 2.0 hours, 40.00 USD" in page
        settles = f"/study/pay/silent/{person.name}" in page
        assert settles == (person is quiet)
    rows = list(csv.DictReader(owner.get("/study/pay.csv").text.splitlines()))
    assert {(r["outcome"], r["minutes"], r["amount"]) for r in rows} == {
        ("not left yet", "120", "40.00")
    }
    for person in (lately, paused):
        assert owner.post(f"/study/pay/silent/{person.name}").status_code == 409
    assert owner.post(f"/study/pay/silent/{quiet.name}").status_code == 200
    assert owner.post(f"/study/pay/silent/{quiet.name}").status_code == 409  # once
    ((name, payment),) = site.serving.payments.of_study(quiet.study_id)
    assert (name, payment.outcome, payment.amount) == (quiet.name, "early_exit", 4000)
    entries = site.serving.audit.entries(quiet.study_id)
    assert ("ended the visit of", quiet.name) in [(e.what, e.object) for e in entries]


def test_leaving_that_was_cut_off_is_recorded_at_the_next_page(site: Site) -> None:
    browser = site.browser(person := site.person())
    browser.post("/consent", answer="yes", adult="1")
    people = site.serving.people
    people.add_step(person, len(people.steps(person)), canonical_json(Left()).decode())
    assert "1.67 USD" in browser.get("/done").text
