"""Arriving from platforms and being paid: with the fake of Prolific, over real sockets."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx2
import pytest
from anyio.from_thread import start_blocking_portal

from gadfly.care.journey import Felt, Left, Passed, TopicsChosen
from gadfly.records.canonical import canonical_json
from gadfly.store.people import Person
from gadfly.store.site_tables import payments
from gadfly.web.platforms.fake import FakeProlific, FakeSubmission
from tests.web.journeys import begin, dialogue, expects
from tests.web.platforms.serving import serving
from tests.web.site import Browser, Site, serve, write_study

pytestmark = [pytest.mark.usefixtures("socket_enabled"), pytest.mark.allow_hosts(["127.0.0.1"])]

HOST = "study.example.org"


@dataclass
class World:
    """A study whose people come from a fake of Prolific."""

    site: Site
    fake: FakeProlific

    def come(self, visit: FakeSubmission, browser: Browser | None = None) -> Browser:
        browser = browser or self.site.browser()
        page = browser.get("/arrive", params=self.fake.arrival(visit))
        assert page.status_code == 200, page.text
        browser.learn()
        return browser

    def hook(self, visit: FakeSubmission, status: str) -> Callable[[], int]:
        """A delivery that can be sent as often as one likes."""
        visit.status = status
        headers, body = self.fake.delivery(visit)
        url = f"{self.site.url}/town/hooks/prolific"
        return lambda: httpx2.post(url, headers=headers, content=body).status_code

    @property
    def person(self) -> Person:
        (person,) = self.site.serving.people.of_study(self.site.serving.studies["town"].id)
        return person

    def state(self) -> str:
        return self.person.state

    @property
    def owed(self) -> list[tuple[str, str, int]]:
        """Outcome, state and amount of every payment."""
        kept = self.site.serving.payments
        study = self.site.serving.studies["town"].id
        return [(p.outcome, p.state, p.amount) for _, p in kept.of_study(study)]

    def pass_on(self, *steps: Any) -> None:
        """Steps of the person that other pages ask for."""
        people, person = self.site.serving.people, self.person
        for step in steps:
            at = len(people.steps(person))
            assert people.add_step(person, at, canonical_json(step).decode())


@contextmanager
def world(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    database: str | None = None,
    more: str = "",
) -> Iterator[World]:
    fake = FakeProlific(study_url="", audience=HOST)
    for name, value in fake.environ().items():
        monkeypatch.setenv(name, value)
    with ExitStack() as stack:
        portal = stack.enter_context(start_blocking_portal())
        address = stack.enter_context(portal.wrap_async_context_manager(serving(fake.app())))
        arrival = (
            f"arrival:\n  platform: {{kind: prolific, audience: {HOST}, "
            f"workspace: '{fake.workspace}', api: '{address}'{more}}}\n"
        )
        study = write_study(tmp_path, task_size=1, more=arrival)
        yield World(stack.enter_context(serve(study, database=database)), fake)


@pytest.fixture
def town(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with world(tmp_path, monkeypatch) as running:
        yield running


def agree(town: World, browser: Browser) -> None:
    """As far as the brief."""
    browser.post("/consent", answer="yes", adult="1")
    felt = Felt(moment="before", answered=False)
    town.pass_on(TopicsChosen(avoid=()), Passed(place="demographics"), felt)


def whole_task(town: World, browser: Browser) -> None:
    """One dialogue, and all that a task asks for after it."""
    agree(town, browser)
    dialogue(browser)
    browser.post("/begin", expects=expects(browser.get("/task")))
    town.pass_on(Passed(place="rest"), Felt(moment="after", answered=False))


def finish(browser: Browser) -> httpx2.Response:
    return browser.post("/finish", expects=expects(browser.get("/task")))


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


def test_a_visit_given_back_ends_what_was_open(town: World) -> None:
    visit = town.fake.start("ann")
    browser = town.come(visit)
    agree(town, browser)
    begin(browser)
    query = town.fake.arrival(visit)
    assert town.hook(visit, "RETURNED")() == 204
    person = town.person
    assert person.state == "left"
    assert browser.get("/task").status_code == 401
    kept = town.site.serving.studies["town"].sitting.kept
    assert [attack.ending for attack in kept.of(person)] == ["attacker_stopped"]
    assert "start the study there once more" in browser.get("/arrive", params=query).text
    assert town.owed == []
    again = town.come(town.fake.start("ann"))  # a new visit of the same person goes on
    assert town.person.id == person.id
    assert town.person.state == "active"
    assert "Begin dialogue" in again.get("/task").text or "task" in again.get("/task").url.path


def test_hooks_count_once_and_in_order(town: World) -> None:
    visit = town.fake.start("ann")
    browser = town.come(visit)
    later = town.hook(visit, "ACTIVE")
    visit.status = "RETURNED"
    headers, body = town.fake.delivery(visit)
    url = f"{town.site.url}/town/hooks/prolific"
    assert httpx2.post(url, headers=headers, content=b"x" + body).status_code == 403
    assert httpx2.post(url, content=body).status_code == 403
    assert town.state() == "active"
    assert httpx2.post(url, headers=headers, content=body).status_code == 204
    assert town.state() == "left"
    town.come(town.fake.start("ann"), browser)
    for mark in (headers["X-Event-ID"], "another-id"):
        again = headers | {"X-Event-ID": mark}
        assert httpx2.post(url, headers=again, content=body).status_code == 204
    assert later() == 204
    assert town.state() == "active"


def test_a_forged_link_opens_nothing(town: World) -> None:
    query = dict(town.fake.arrival(town.fake.start("ann")))
    browser = town.site.browser()
    for change in (
        {"PROLIFIC_PID": "ben"},
        {"prolific_token": "x"},
        {"prolific_token": ""},
        {"SESSION_ID": "else"},
    ):
        page = browser.get("/arrive", params=query | change)
        assert page.status_code == 403
        assert "Ada Example" in page.text
    assert town.site.serving.people.of_study(town.site.serving.studies["town"].id) == []


def test_a_link_opens_a_place_once(town: World) -> None:
    query = town.fake.arrival(town.fake.start("ann"))
    first, thief = town.site.browser(), town.site.browser()
    assert first.get("/arrive", params=query).status_code == 200
    page = thief.get("/arrive", params=query)
    assert page.status_code == 403
    assert "used before" in page.text
    assert thief.get("/task").status_code == 401
    assert first.get("/arrive", params=query).status_code == 200


def test_a_second_visit_after_the_first_is_over_is_refused(town: World) -> None:
    browser = town.come(town.fake.start("ann"))
    whole_task(town, browser)
    finish(browser)
    second = town.fake.start("ann")
    for _ in range(2):
        page = town.site.browser().get("/arrive", params=town.fake.arrival(second))
        assert page.status_code == 403
        assert "takes part once" in page.text
    assert town.fake.transitions[1:] == [(second.id, town.fake.codes["failed_check"])]
    assert town.owed == [("complete", "told", 167), ("failed_check", "told", 0)]
    assert "1.67 USD" in browser.get("/done").text


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
        assert ",1.67,USD,0.67 USD,," in owner.get("/study/pay.csv").text


RETURNS = "https://panel.example/end?pid={{id}}&c={{code}}&o="
REDIRECT = "arrival:\n  platform:\n    kind: redirect\n    name: panel\n    returns:\n" + "".join(
    f"      {outcome}: '{RETURNS.format()}{outcome}'\n"
    for outcome in ("complete", "early_exit", "no_consent", "failed_check")
)
TURK = "arrival:\n  platform:\n    kind: external_question\n"


def test_a_redirect_takes_people_back_with_a_code(tmp_path: Path) -> None:
    with serve(write_study(tmp_path, task_size=1, more=REDIRECT)) as site:
        browser = site.browser()
        assert browser.get("/arrive").status_code == 403
        assert browser.get("/arrive", params={"id": "a&b"}).status_code == 200
        browser.learn()
        browser.post("/consent", answer="yes", adult="1")
        page = browser.post("/stop")
        found = re.search(r"https://panel.example/end\?pid=a%26b&amp;c=(\w{16})", page.text)
        assert found is not None
        assert page.text.count(found[1]) == 2
        assert page.text == browser.get("/done").text
        ((_, payment),) = site.serving.payments.of_study(site.serving.studies["town"].id)
        assert (payment.code, payment.state) == (found[1], "told")


def test_a_frame_opens_the_study_in_a_tab_which_hands_in(tmp_path: Path) -> None:
    ids = {
        "assignmentId": "A1",
        "hitId": "H1",
        "workerId": "W1",
        "turkSubmitTo": "https://workersandbox.mturk.com",
    }
    with serve(write_study(tmp_path, task_size=1, more=TURK)) as site:
        people, study = site.serving.people, site.serving.studies["town"].id
        browser = site.browser()
        preview = browser.get(
            "/arrive", params={"assignmentId": "ASSIGNMENT_ID_NOT_AVAILABLE", "hitId": "H1"}
        )
        assert "This is a preview" in preview.text
        framed = browser.get("/arrive", params=ids)
        policy = framed.headers["content-security-policy"]
        assert "frame-ancestors https://worker.mturk.com https://workersandbox" in policy
        assert people.of_study(study) == []
        assert urlencode({"workerId": "W1"}) in framed.text
        evil = ids | {"turkSubmitTo": "https://evil.example"}
        assert browser.get("/arrive", params=evil).status_code == 403
        page = browser.get("/arrive", params=ids | {"tab": "1"})
        assert page.url.path == "/town/task"
        assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
        browser.learn()
        browser.post("/consent", answer="yes", adult="1")
        page = browser.post("/stop")
        assert 'action="https://workersandbox.mturk.com/mturk/externalSubmit"' in page.text
        assert 'name="assignmentId" value="A1"' in page.text
        policy = page.headers["content-security-policy"]
        assert "form-action 'self' https://workersandbox.mturk.com;" in policy
        other = ids | {"workerId": "W2", "tab": "1"}  # the visit is somebody else's
        assert site.browser().get("/arrive", params=other).status_code == 403


def test_without_a_platform_nobody_arrives_and_pay_is_by_hand(site: Site) -> None:
    assert site.browser().get("/arrive").status_code == 404
    browser = site.browser(site.person())
    browser.post("/consent", answer="yes", adult="1")
    page = browser.post("/stop")
    assert "You will be paid by hand" in page.text
    ((_, payment),) = site.serving.payments.of_study(site.serving.studies["town"].id)
    assert payment.state == "owed"
    assert payment.code in page.text


def test_leaving_that_was_cut_off_is_recorded_at_the_next_page(site: Site) -> None:
    browser = site.browser(person := site.person())
    browser.post("/consent", answer="yes", adult="1")
    people = site.serving.people
    people.add_step(person, len(people.steps(person)), canonical_json(Left()).decode())
    assert "1.67 USD" in browser.get("/done").text
