"""What counts as time at work, and what does not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from sqlalchemy import insert

from gadfly.store.people import Person
from gadfly.store.site_tables import work
from tests.web.journeys import expects, to_the_brief
from tests.web.site import Browser, Site, serve, write_study

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])
BEAT = re.compile(r'data-beat="([^"]*)"')


def seen(browser: Browser, place: str) -> str:
    """Open a page and beat as its script would; returns its text."""
    page = browser.get(place)
    assert page.status_code == 200, page.text
    found = BEAT.search(page.text)
    if found is not None:
        answer = browser.client.post(found[1], headers={"X-CSRF-Token": browser.csrf})
        assert answer.status_code == 204
    return page.text


def worked(site: Site, person: Person, *, since: float, until: float) -> None:
    """Minutes before now at which the person worked."""
    now = site.serving.work.now()
    row = {"person_id": person.id, "activity": "attack", "dialogues": 0, "severe": 0}
    times = {"began": now - since * 60, "ended": now - until * 60}
    with site.serving.store.database.writing() as c:
        c.execute(insert(work).values(row | times))


def test_a_page_at_work_beats_and_a_rest_does_not(site: Site) -> None:
    person = site.person("expert")
    browser = site.browser(person)
    to_the_brief(browser)
    kept = site.serving.work
    for place in ("/break", "/help"):
        assert BEAT.search(seen(browser, place)) is None
        assert kept.of(person) == []
    assert BEAT.search(seen(browser, "/task")) is not None
    assert len(kept.of(person)) == 1


def test_letters_are_paid_in_a_pause_too_and_make_none_longer(site: Site) -> None:
    person = site.person()
    browser = site.browser(person)
    to_the_brief(browser)
    worked(site, person, since=52, until=1)
    pause = browser.get("/task").text
    assert "without a break" in pause
    assert "You can go on in 9 minutes" in pause
    for _ in range(2):
        seen(browser, "/letters")
    work, letters = site.serving.work.of(person)
    assert (letters.activity, letters.began) == ("other", work.ended)
    assert letters.ended - letters.began >= 60
    assert "You can go on in 9 minutes" in browser.get("/task").text


def test_who_is_paused_is_paid_to_talk_with_care_and_not_beyond_all_bounds(site: Site) -> None:
    person = site.person()
    browser = site.browser(person)
    to_the_brief(browser)
    site.serving.people.set_state(person, "paused", by="care", because="Let us talk.")
    for place in ("/task", "/letters"):
        seen(browser, place)
    (talk,) = site.serving.work.of(person)
    assert talk.activity == "other"
    old_tab = browser.client.post("/town/beat/attack", headers={"X-CSRF-Token": browser.csrf})
    assert old_tab.status_code == 204
    worked(site, person, since=185, until=4)  # an hour beyond two
    before = site.serving.work.of(person)
    assert talk in before
    assert len(before) == 2
    seen(browser, "/letters")
    assert site.serving.work.of(person) == before


def test_looking_at_a_pause_does_not_make_it_longer(tmp_path: Path, socket_enabled: None) -> None:
    with serve(write_study(tmp_path, more="review: {training: false}")) as site:
        person = site.person("expert")
        browser = site.browser(person)
        to_the_brief(browser)
        browser.post("/review/consent", answer="yes", adult="1")
        begins = expects(browser.get("/task"))
        worked(site, person, since=52, until=1)
        before = site.serving.work.of(person)
        for _ in range(3):
            assert "without a break" in seen(browser, "/task")
            page = browser.post("/begin", expects=begins)
            assert page.status_code == 409
            assert BEAT.search(page.text) is None
            assert "without a break" in seen(browser, "/review")
        assert site.serving.work.of(person) == before


def test_who_has_left_works_no_more(site: Site) -> None:
    person = site.person()
    browser = site.browser(person)
    to_the_brief(browser)
    worked(site, person, since=20, until=1)
    browser.post("/stop")
    before = site.serving.work.of(person)
    for place in ("/done", "/withdraw", "/help"):
        assert BEAT.search(seen(browser, place)) is None
    old_tab = browser.client.post("/town/beat/attack", headers={"X-CSRF-Token": browser.csrf})
    assert old_tab.status_code == 204
    assert site.serving.work.of(person) == before
