"""The pages of those who run a study: every one looked at; the live figure; what is taken out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from gadfly.store.people import Person
from tests.web.attacks import put_attack
from tests.web.browser.conftest import Opener
from tests.web.browser.eyes import Eyes
from tests.web.browser.steps import send
from tests.web.site import Site

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])


@pytest.fixture
def member(site: Site) -> Person:
    """Somebody who attacked three times and flagged one of them."""
    person = site.person()
    digest = site.serving.studies["town"].open.file.protocol_hash
    for flag in (None, None, "look at this one"):
        put_attack(site.serving.store, person, digest, flag=flag)
    return person


def places(page: Page) -> list[str]:
    """Where the menu leads."""
    return [str(link.get_attribute("href")) for link in page.locator("nav a").all()]


def test_every_page_of_the_menu(site: Site, tab: Opener, eyes: Eyes, member: Person) -> None:
    page = tab(site, site.person("owner", "researcher", "review_lead", "care"))
    page.goto("/town/study")
    menu = places(page)
    assert len(menu) >= 10
    for place in menu:
        page.goto(place)
        expect(page.locator("nav [aria-current=page]")).to_have_count(1)
        eyes.look(page, "staff-" + place.removeprefix("/town/").replace("/", "-"))


def test_one_person_and_one_attack(site: Site, tab: Opener, eyes: Eyes, member: Person) -> None:
    page = tab(site, site.person("owner", "review_lead", "care"))
    page.goto(f"/town/study/members/{member.name}")
    eyes.look(page, "staff-member")
    page.goto(f"/town/care/{member.name}")
    eyes.look(page, "staff-care-person")
    page.goto("/town/study/reviews/1")
    eyes.look(page, "staff-settle")
    page.goto("/town/study/attack/1")
    assert "reply 1.0" not in page.content()
    eyes.look(page, "staff-attack-ask")
    page.get_by_label("What do you need it for?").fill("to see how it looks")
    send(page, "Open the transcript")
    expect(page.locator("main")).to_contain_text("reply 1.0")
    eyes.look(page, "staff-attack")
    page.goto("/town/study/audit")
    expect(page.locator("main")).to_contain_text("to see how it looks")


def test_figure_1_is_live(site: Site, tab: Opener, member: Person) -> None:
    page = tab(site, site.person("owner"))
    figure = page.locator("img[src$='figure1.svg']")
    for _ in range(20):  # it is drawn while nobody waits
        page.goto("/town/study")
        if figure.count():
            break
        page.wait_for_timeout(500)
    assert figure.evaluate("(image) => image.decode().then(() => image.naturalWidth)") > 300


def test_exports_are_downloads(site: Site, tab: Opener, member: Person, tmp_path: Path) -> None:
    page = tab(site, site.person("owner"))
    page.goto("/town/study/export")
    for _ in range(2):
        with page.expect_download() as waiting:
            page.get_by_role("button", name="Download attacks").click()
        path = tmp_path / waiting.value.suggested_filename
        waiting.value.save_as(path)
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        assert len(lines) == 3
        page.wait_for_timeout(3_500)  # a second click at once is a double click
