"""Arriving from platforms, and what they say of visits: with the fake of Prolific."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import httpx2
import pytest

from tests.web.journeys import begin
from tests.web.site import serve, write_study
from tests.web.town import World, agree, finish, whole_task, world

pytestmark = [pytest.mark.usefixtures("socket_enabled"), pytest.mark.allow_hosts(["127.0.0.1"])]


@pytest.fixture
def town(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with world(tmp_path, monkeypatch) as running:
        yield running


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


def test_another_study_of_the_workspace_leads_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with world(tmp_path, monkeypatch, more=", study: abc") as town:
        page = town.site.browser().get("/arrive", params=town.fake.arrival(town.fake.start("ann")))
        assert page.status_code == 403
        town.fake.study = "abc"
        town.come(town.fake.start("ann"))


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


def test_who_knows_anothers_id_does_not_get_their_place(tmp_path: Path) -> None:
    """Nobody signs such a link: it opens a new place alone, which has a link of its own."""
    with serve(write_study(tmp_path, task_size=1, more=REDIRECT)) as site:
        mine = site.browser()
        page = mine.get("/arrive", params={"id": "W1"})
        (link,) = re.findall(r"<code>\S+(/come/\S+)</code>", page.text)
        assert mine.get("/arrive", params={"id": "W1"}).url.path == "/town/task"
        thief = site.browser()
        refused = thief.get("/arrive", params={"id": "W1"})
        assert refused.status_code == 403
        assert "personal link" in refused.text
        assert thief.get("/task").status_code == 401
        elsewhere = site.browser()
        assert elsewhere.post(link).url.path == "/town/task"


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
        assert "Your personal link" in page.text
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
