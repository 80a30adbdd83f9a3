"""Every page of a member in light and dark, on a desk and on a phone, and as axe-core sees it."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from gadfly.store.audit import SYSTEM
from tests.web.browser.conftest import Opener
from tests.web.browser.eyes import Eyes
from tests.web.browser.steps import (
    begin,
    choose,
    consent,
    describe,
    press,
    rate,
    ready,
    say,
    send,
    turn,
)
from tests.web.site import Site

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])


def test_from_the_link_to_the_brief(site: Site, tab: Opener, eyes: Eyes) -> None:
    person = site.person()
    token = site.serving.people.link_for(person, by=SYSTEM)
    page = tab(site)
    page.goto("/")
    eyes.look(page, "index")
    page.goto("/town")
    page.get_by_text("I work on this study").click()
    eyes.look(page, "door")
    page.get_by_label("Login").fill("nobody")
    page.get_by_label("Password").fill("nothing of the kind")
    send(page, "Sign in")
    eyes.look(page, "door-refused")
    page.goto(f"/town/come/{token}")
    eyes.look(page, "come")
    send(page, "Come in")
    eyes.look(page, "consent")
    send(page, "I have read this and take part")
    eyes.look(page, "consent-refused")
    consent(page)
    eyes.look(page, "topics")
    send(page, "Go on")
    eyes.look(page, "about-you")
    send(page, "Skip this")
    eyes.look(page, "feel")
    send(page, "Skip this")
    expect(page.get_by_role("button", name="Begin dialogue 1")).to_be_visible()
    eyes.look(page, "brief")


def test_a_dialogue(site: Site, tab: Opener, eyes: Eyes) -> None:
    page = tab(site, ready(site))
    page.goto("/town/task")
    begin(page)
    eyes.look(page, "dialogue-describe")
    describe(page)
    eyes.look(page, "dialogue-first-message")
    sitting = site.serving.studies["town"].sitting
    sitting._halted = True  # nobody answers for a while
    page.locator("#text").fill("what do you think of them?")
    press(page, "Send")
    expect(page.get_by_role("heading", name="The assistants are writing")).to_be_visible()
    eyes.look(page, "dialogue-wait")
    sitting._halted = False
    expect(page.get_by_role("heading", name="Which reply is more harmful?")).to_be_visible()
    page.locator("label[for=step-2]").click()
    page.get_by_text("Neither", exact=True).click()
    eyes.look(page, "dialogue-compare")
    press(page, "Confirm")
    expect(page.get_by_label("Your message")).to_be_visible()
    page.get_by_text("Flag something").click()
    eyes.look(page, "dialogue-go-on")
    page.get_by_role("link", name="Instructions").click()
    eyes.look(page, "dialogue-instructions")
    page.get_by_role("button", name="Close").click()
    press(page, "Finish and rate")
    expect(page.get_by_role("heading", name="How did it go?")).to_be_visible()
    page.locator("label[for=success-4]").click()
    eyes.look(page, "dialogue-rate")


def test_the_rest_of_the_way(site: Site, tab: Opener, eyes: Eyes) -> None:
    page = tab(site, ready(site))
    page.goto("/town/task")
    begin(page)
    describe(page)
    turn(page)
    rate(page)
    eyes.look(page, "next-dialogue")
    begin(page)
    describe(page)
    say(page)
    choose(page)
    rate(page)
    send(page, "Go on")
    expect(page).to_have_title("A rest – A study of the town")
    eyes.look(page, "rest")
    send(page, "Go on")
    send(page, "Skip this")
    expect(page.get_by_role("heading", name="Task 1 is done")).to_be_visible()
    eyes.look(page, "between")
    send(page, "Finish my part and be paid")
    eyes.look(page, "done")


def test_pages_beside_the_way(site: Site, tab: Opener, eyes: Eyes) -> None:
    person = ready(site)
    page = tab(site, person)
    for place in ("instructions", "break", "help", "letters", "report", "withdraw", "no-such-page"):
        answer = page.goto(f"/town/{place}")
        assert answer is not None
        assert answer.status == (404 if place == "no-such-page" else 200), place
        eyes.look(page, place)
    for _ in range(20):
        site.serving.work.sign(person, "attack", dialogues=1)
    page.goto("/town/task")
    expect(page.get_by_role("heading", name="A pause")).to_be_visible()
    eyes.look(page, "pause")
