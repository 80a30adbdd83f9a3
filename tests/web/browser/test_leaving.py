"""Leaving early, limits, the worst content, withdrawing: each from the page where it happens."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import insert

from gadfly.store.site_tables import work
from tests.web.browser.conftest import Opener
from tests.web.browser.eyes import Eyes
from tests.web.browser.steps import attack, begin, consent, describe, follow, ready, say, send
from tests.web.site import Site

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])


def at(page: Page, place: str) -> None:
    """Walk to one of the pages of the way."""
    page.goto("/town/task")
    if place == "consent":
        return
    if place in ("topics", "about-you"):
        consent(page)
        if place == "about-you":
            send(page, "Go on")
        return
    if place == "break":
        follow(page, "Take a break")
        return
    if place != "brief":
        begin(page)
        describe(page)
        page.locator("#text").fill("a message that is never sent")
    if place == "replies":
        say(page)


@pytest.mark.parametrize(
    "place", ["consent", "topics", "about-you", "brief", "break", "message", "replies"]
)
def test_one_click_ends_it_paid(site: Site, tab: Opener, place: str) -> None:
    early = place in ("consent", "topics", "about-you")
    person = site.person() if early else ready(site)
    page = tab(site, person)
    at(page, place)
    send(page, "End my part and be paid")
    expect(page).to_have_url(f"{site.url}/town/done")
    expect(page.get_by_role("heading", name="Thank you", exact=True)).to_be_visible()
    paid = page.get_by_text("You are paid", exact=True)
    expect(paid).to_have_count(0 if place == "consent" else 1)  # nobody agreed yet
    page.goto("/town/task")
    expect(page).to_have_url(f"{site.url}/town/done")
    expect(page.get_by_role("button", name="End my part and be paid")).to_have_count(0)
    kept = page.evaluate("Object.keys(localStorage).filter((key) => key.startsWith('gadfly|'))")
    assert kept == []  # nothing of a dialogue stays behind in this browser


def test_a_limit_holds_in_the_middle_of_a_dialogue(site: Site, tab: Opener) -> None:
    person = ready(site)
    page = tab(site, person)
    at(page, "replies")
    now = site.serving.work.now()
    limit = site.serving.studies["town"].study.care.limits.minutes_per_day
    with site.serving.store.database.writing() as c:
        c.execute(
            insert(work).values(
                person_id=person.id, activity="attack", began=now - 60 * limit, ended=now
            )
        )
    page.locator("label[for=step-1]").click()
    page.get_by_role("button", name="Confirm").click()
    page.locator("#text").fill("one more")
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.locator(".notice.error")).to_contain_text("You can go on in")
    expect(page.locator("#text")).to_have_value("one more")
    page.get_by_role("button", name="Finish and rate").click()
    expect(page.get_by_role("heading", name="How did it go?")).to_be_visible()
    send(page, "I would rather not rate it")
    expect(page.get_by_role("heading", name="A pause")).to_be_visible()


def test_the_worst_is_locked_away_at_once(site: Site, tab: Opener, eyes: Eyes) -> None:
    page = tab(site, ready(site))
    page.goto("/town/task")
    attack(page)
    begin(page)
    describe(page, "an aim to be locked away")
    say(page, "a message to be locked away")
    gone = page.url
    send(page, "Report this dialogue")
    expect(page.get_by_role("heading", name="Thank you for reporting it")).to_be_visible()
    eyes.look(page, "reported")
    answer = page.goto(gone)
    assert answer is not None
    assert answer.status == 404
    page.goto("/town/task")
    expect(page.get_by_role("heading", name="A pause")).to_be_visible()
    owner = tab(site, site.person("owner"))
    number = gone.rpartition("/")[2]
    for place in ("/town/study", "/town/study/flags", f"/town/study/attack/{number}"):
        owner.goto(place)
        assert "to be locked away" not in owner.content()
    owner.goto("/town/study/reports")
    expect(owner.get_by_role("cell", name="ada@example.org")).to_have_count(0)
    eyes.look(owner, "reports")
    care = tab(site, site.person("care"))
    care.goto(f"/town/care/locked/{number}")
    care.get_by_role("textbox").fill("to tell the legal contact")
    eyes.look(care, "locked-ask")
    care.locator("main form button").first.click()
    expect(care.locator("main")).to_contain_text("a message to be locked away")
    eyes.look(care, "locked")


def test_withdrawing_destroys_and_says_so(site: Site, tab: Opener, eyes: Eyes) -> None:
    person = ready(site)
    page = tab(site, person)
    page.goto("/town/task")
    attack(page)
    follow(page, "Withdraw what you gave")
    follow(page, "Go on to the last step")
    expect(page.get_by_role("heading", name="Withdraw for good?")).to_be_visible()
    eyes.look(page, "withdraw-sure")
    page.get_by_role("button", name="Destroy what I gave").click()
    expect(page.get_by_role("heading", name="You have withdrawn")).to_be_visible()
    eyes.look(page, "withdrawn")
    kept = site.serving.people.get(person.id)
    assert kept is not None
    assert (kept.state, kept.key) == ("erased", None)
    page.goto("/town/task")
    expect(page.get_by_role("button", name="Begin dialogue")).to_have_count(0)
