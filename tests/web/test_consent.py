"""Attacking and reviewing each have a consent of their own, asked of whoever does both."""

from __future__ import annotations

import pytest

from gadfly.care.journey import Journey, read_step, travelled
from gadfly.store.people import Person, Role
from tests.web.journeys import begin, to_the_brief
from tests.web.site import Browser, Site

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])
YES = {"answer": "yes", "adult": "1"}
BOTH = pytest.mark.parametrize("roles", [("expert",), ("member", "reviewer")])


def stands(site: Site, person: Person) -> Journey:
    steps = [read_step(body) for body in site.serving.people.steps(person)]
    return travelled(steps, survey_every=2)


def somebody(site: Site, roles: tuple[Role, ...]) -> tuple[Person, Browser]:
    person = site.person(*roles)
    return person, site.browser(person)


@BOTH
def test_who_attacks_is_asked_again_before_reviewing(site: Site, roles: tuple[Role, ...]) -> None:
    person, browser = somebody(site, roles)
    assert "Dialogues in one task: 2." in " ".join(browser.get("/task").text.split())
    to_the_brief(browser)
    assert "Dialogues in one task: 10." in browser.get("/review").text
    for page in (browser.get("/review"), browser.get("/review/training")):
        assert "Reviewing for A study of the town" in page.text
    assert browser.post("/review/next").url.path == "/town/review/consent"
    assert browser.post("/review/consent", answer="yes").status_code == 422
    page = browser.post("/review/consent", **YES)
    assert page.url.path == "/town/review/training"  # their topics are known
    assert stands(site, person).agreed == {"attack", "review"}
    assert stands(site, person).place == "brief"
    assert begin(browser)
    last = read_step(site.serving.people.steps(person)[4])
    assert any(label.startswith("consent-reviewers@") for label in last.texts)  # type: ignore[union-attr]


@BOTH
def test_who_reviews_is_asked_again_before_attacking(site: Site, roles: tuple[Role, ...]) -> None:
    person, browser = somebody(site, roles)
    browser.post("/review/consent", **YES)
    assert browser.post("/topics").url.path == "/town/review/training"
    page = browser.get("/task")
    assert "Taking part in A study of the town" in page.text
    assert "What you may meet, and how often" in page.text
    site.browser(person).post("/about-you", act="skip")
    browser.post("/feel", act="skip")
    at = stands(site, person)
    assert at.place == "brief"
    assert "Taking part in" in browser.post("/begin", expects=at.taken).text
    browser.post("/consent", **YES)
    assert stands(site, person).agreed == {"attack", "review"}
    assert begin(browser)


def test_a_no_to_one_leaves_the_other(site: Site) -> None:
    person, browser = somebody(site, ("expert",))
    to_the_brief(browser)
    assert browser.post("/review/consent", answer="no").url.path == "/town/task"
    assert stands(site, person).agreed == {"attack"}
    assert begin(browser)
    assert browser.get("/review/training").url.path == "/town/review/consent"

    person, browser = somebody(site, ("expert",))
    browser.post("/review/consent", **YES)
    browser.post("/topics")
    assert browser.post("/consent", answer="no").url.path == "/town/review/training"
    assert stands(site, person).agreed == {"review"}
    assert "Taking part in" in browser.get("/task").text


def test_a_no_to_the_first_ends_it(site: Site) -> None:
    person, browser = somebody(site, ("expert",))
    assert browser.post("/consent", answer="no").url.path == "/town/done"
    for place in ("/review", "/task"):
        assert browser.get(place).url.path == "/town/done"
    browser.post("/review/consent", **YES)
    assert not stands(site, person).agreed
