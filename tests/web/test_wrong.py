"""What somebody with a session sees when something goes wrong: the way out, help and support."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx2
import pytest

from tests.web.journeys import begin, to_the_brief
from tests.web.site import Site

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])


@contextmanager
def database(folder: Path) -> Iterator[sqlite3.Connection]:
    (file,) = folder.glob("*.db")
    with closing(sqlite3.connect(file)) as connection, connection:
        yield connection


def leads_out(page: httpx2.Response, status: int) -> None:
    assert page.status_code == status, page.text
    for part in ("End my part and be paid", 'href="/town/help"', "ada@example.org"):
        assert part in page.text
    assert "data-beat" not in page.text


def test_an_error_page_leads_out_and_to_help(site: Site) -> None:
    browser = site.browser(site.person())
    to_the_brief(browser)
    place = begin(browser)
    leads_out(browser.get("/attack/99"), 404)
    leads_out(browser.get("/no/such/page"), 404)
    leads_out(browser.get("/study"), 403)
    leads_out(browser.client.post("/town/stop"), 403)
    leads_out(browser.post("/consent", answer="perhaps"), 422)
    leads_out(browser.post(place, act="say", expects=1, text="x" * 300_000), 413)
    leads_out(browser.client.patch("/town/stop"), 405)


def test_an_address_with_control_characters_is_none(site: Site) -> None:
    browser = site.browser(site.person("owner"))
    for place in ("/come/%00", "/come/a%0Ab", "/study/members/%00", "/study/members/%1b"):
        page = browser.get(place)
        assert page.status_code == 404, place
        assert not re.search(r"[\x00-\x09\x0b-\x1f]|a\nb", page.text)


def test_trying_too_often_leads_out_too(site: Site) -> None:
    browser = site.browser(site.person())
    pages = (browser.post("/come/none") for _ in range(500))
    leads_out(next(page for page in pages if page.status_code == 429), 429)


def test_a_fault_of_ours_leads_out_as_long_as_somebody_is_known(site: Site, tmp_path: Path) -> None:
    browser = site.browser(site.person())
    to_the_brief(browser)
    with database(tmp_path) as c:
        c.execute("UPDATE steps SET body = 'torn'")
    page = browser.get("/task")
    leads_out(page, 500)
    assert "script-src" in page.headers["content-security-policy"]
    assert page.headers["connection"] == "close"  # the next request takes a new line
    with database(tmp_path) as c:
        c.execute("DROP TABLE steps")
    leads_out(browser.get("/task"), 503)
    with database(tmp_path) as c:
        c.execute("DROP TABLE sessions")
    page = browser.get("/task")
    assert page.status_code == 503
    assert "Something of ours is not working" in page.text
    assert "End my part and be paid" not in page.text  # nobody knows who this is


def test_an_error_page_knows_nobody_without_a_session(site: Site) -> None:
    page = site.browser().get("/task")
    assert page.status_code == 401
    assert "End my part and be paid" not in page.text
    assert site.browser(study="elsewhere").get().status_code == 404
