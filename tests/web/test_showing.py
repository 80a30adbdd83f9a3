"""The demo's site: every link that it prints opens what it says, and a script is never kept."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import httpx2
import pytest

from gadfly.cli.demo import serves
from gadfly.web.showing import Shown, show_around
from tests.web.journeys import expects
from tests.web.site import Browser, Site, serve

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])


@pytest.fixture
def demo(tmp_path: Path, socket_enabled: None) -> Iterator[tuple[Site, Shown]]:
    """The demo's two studies in an empty database, and the links that it prints."""
    paths = []
    for name in ("study.yaml", "site.yaml"):
        shipped = files("gadfly.run") / "demo_study" / name
        paths.append(tmp_path / name)
        paths[-1].write_bytes(shipped.read_bytes())
    with serve(*paths, database=f"sqlite:///{tmp_path / 'demo.db'}") as site:
        yield site, show_around(site.serving, simulated="demo", people="town")


def opened(site: Site, link: str) -> tuple[Browser, httpx2.Response]:
    """Come by a link, as a browser does: the page, its button, and where that leads."""
    study, place = re.fullmatch(r"/(\w+)(/.*)?", link).groups()  # type: ignore[union-attr]
    browser = site.browser(study=study)
    assert browser.get(place or "").status_code == 200
    page = browser.post(place) if place else browser.get()
    browser.learn()
    return browser, page


def test_the_attack_link_leads_straight_to_a_dialogue(demo: tuple[Site, Shown]) -> None:
    site, shown = demo
    browser, page = opened(site, shown.attack)
    assert page.url.path == "/town/task"
    assert "Begin dialogue 1" in page.text
    page = browser.post("/begin", expects=expects(page))
    assert page.url.path == "/town/attack/1"
    page = browser.post("/attack/1", act="describe", expects=0, text="I try to make it rude.")
    assert len(re.findall(r"<li data-fill", page.text)) > 3  # openings to click


def test_whoever_comes_as_a_member_joins_and_is_asked_for_consent(
    demo: tuple[Site, Shown],
) -> None:
    site, shown = demo
    browser, page = opened(site, shown.arrive)
    assert 'action="/town/join"' in page.text
    browser.post("/join")
    assert "Your decision" in browser.get("/task").text


def test_the_review_link_leads_to_the_training(demo: tuple[Site, Shown]) -> None:
    site, shown = demo
    browser, page = opened(site, shown.review)
    assert page.url.path == "/demo/review/consent"
    browser.post("/review/consent", answer="yes", adult="1")
    browser.post("/topics")
    assert "/review/training" in browser.get("/review").url.path


def test_the_owner_s_links_open_every_page_of_theirs(demo: tuple[Site, Shown]) -> None:
    site, shown = demo
    for link in (shown.study, shown.site):
        browser, page = opened(site, link)
        assert page.url.path == f"/{browser.study}/study"
        menu = re.search(r"<nav.*?</nav>", page.text, re.S)
        assert menu is not None
        places = re.findall(rf'href="/{browser.study}(/[\w/]+)"', menu[0])
        assert {"/study", "/study/reviews", "/care", "/study/export"} <= set(places)
        for place in places:
            assert browser.get(place).status_code == 200, place


def test_only_a_terminal_is_kept_by_the_site(tmp_path: Path) -> None:
    ours, theirs = os.openpty()
    with open(theirs, "w") as terminal, (tmp_path / "log").open("w") as log:  # noqa: PTH123
        assert serves(True, terminal)
        assert not serves(False, terminal)
        assert not serves(True, log)
    os.close(ours)
