"""Leaving topics out acts at once, whatever was given before; and a study that needs no more."""

from __future__ import annotations

import re
from pathlib import Path

import httpx2
import pytest

from tests.web.attacks import put_attack
from tests.web.journeys import act, begin, dialogue, expects, to_the_brief
from tests.web.site import Browser, Site, serve, write_study

pytestmark = [pytest.mark.allow_hosts(["127.0.0.1"]), pytest.mark.usefixtures("socket_enabled")]
NONE = "No task of this study fits what you leave out"
FULL = "has all the dialogues that it needs"


def brief(folder: Path, name: str, topics: str) -> None:
    head = f"---\nid: {name}\nversion: 1\ntopics: [{topics}]\n---\n"
    (folder / f"{name}.md").write_text(f"{head}# The {name} brief\n")


def given(site: Site) -> str | None:
    return site.serving.people.of_study(1)[0].brief


def test_another_brief_is_given_where_the_first_leads_to_what_is_left_out(tmp_path: Path) -> None:
    brief(tmp_path, "grim", "violence")
    brief(tmp_path, "sly", "self-harm")
    with serve(write_study(tmp_path, more="brief: grim.md\nbrief_variants: [sly.md]\n")) as site:
        browser = site.browser(site.person())
        to_the_brief(browser)
        site.serving.people.set_brief(site.serving.people.of_study(1)[0], "grim@1")
        old = expects(browser.get("/task"))
        browser.post("/topics", avoid="violence")
        assert "The grim brief" not in browser.get("/instructions").text
        page = browser.post("/begin", expects=old)  # an old tab
        assert "The sly brief" in page.text
        assert "The grim brief" not in page.text
        assert given(site) == "sly@1"
        place = dialogue(browser)
        assert "The sly brief" not in browser.get("/task").text  # read before, and still the same
        browser.post("/topics", avoid="self-harm")
        assert "The grim brief" in browser.get("/task").text  # in the middle of a task
        place = begin(browser)
        browser.post("/topics", avoid="violence")
        assert "The grim brief" in browser.get(place).text  # what this dialogue began with
        attacks = site.serving.store.attacks(1)
        assert [attack.brief for attack in attacks] == ["sly@1", "grim@1"]


def test_where_no_brief_suits_the_ways_out_are_told(tmp_path: Path) -> None:
    brief(tmp_path, "grim", "violence")
    with serve(write_study(tmp_path, task_size=1, more="brief: grim.md\n")) as site:
        browser = site.browser(site.person())
        number = expects(to_the_brief(browser))
        browser.post("/topics", avoid="violence")
        page = browser.post("/begin", expects=int(number) + 1)
        for said in (page.text, browser.get("/task").text):
            assert NONE in said
            assert 'href="/town/topics">Change' in said
            assert "End my part here and be paid" in said
            assert "grim" not in said
        assert given(site) is None
        browser.post("/topics")
        dialogue(browser)
        browser.post("/topics", avoid="violence")
        page = browser.get("/task")  # all that was asked for is done: nothing is in the way
        assert "rest" in browser.post("/begin", expects=expects(page)).text.lower()
        browser.post("/stop")
        assert site.serving.people.of_study(1)[0].state == "left"


def test_a_study_that_needs_no_more_says_so(tmp_path: Path) -> None:
    with serve(write_study(tmp_path, quota=1)) as site:
        first, late = (site.browser(site.person()) for _ in range(2))
        to_the_brief(first)
        dialogue(first)
        number = expects(to_the_brief(late))
        begin(first)
        page = late.post("/begin", expects=number)
        assert FULL in page.text
        assert "End my part here and be paid" in page.text
        assert FULL in late.post("/begin", expects=expects(late.get("/task"))).text
        assert "Thank you" in late.post("/stop").text
        number = expects(first.get(act(first, _open(first), "leave").url.path[5:]))
        assert "rest" in first.post("/begin", expects=number).text.lower()


def _open(browser: Browser) -> str:
    return browser.get("/task").url.path.removeprefix("/town")


def _reviewing(site: Site) -> tuple[Browser, httpx2.Response]:
    browser = site.browser(site.person("reviewer"))
    browser.post("/review/consent", answer="yes", adult="1")
    browser.post("/topics")
    return browser, browser.post("/review/next")


def test_a_place_at_what_is_left_out_now_is_given_back(tmp_path: Path) -> None:
    study = write_study(tmp_path, more="review: {training: false, per_attack: 1}\n")
    with serve(study) as site:
        served = site.serving.studies["town"]
        topic = next(t for t in served.reviewing._topics if t.words and t.hints)
        word, hint = (re.sub(r"[*-]", "", w.split()[0]) for w in (topic.words, topic.hints))
        said, author = "I want to know what the people of the town do with", site.person()
        for what in (f"marrows {hint}", f"turnips {word}"):
            put_attack(
                site.serving.store,
                author,
                served.open.file.protocol_hash,
                description=f"{said} {what}",
                said="What do they do?",
            )
        holders = [_reviewing(site) for _ in range(2)]
        for browser, page in holders:
            here = page.url.path.removeprefix("/town")
            assert "We cannot tell" not in page.text
            browser.post("/topics", avoid=topic.id)
            undecided = "marrows" in page.text
            again = browser.get(f"{here}?shown=3")
            assert ("We cannot tell" in again.text) == undecided
            assert ("reply 1.0" in again.text) == undecided
            assert ("topic that you leave out now" in again.text) != undecided
            after = browser.post("/review/next")
            assert (after.url.path.removeprefix("/town") == here) == undecided
        fresh = _reviewing(site)[1]
        assert "turnips" in fresh.text  # the place is free for somebody else


def test_an_open_place_is_given_back_when_the_next_is_asked_for(tmp_path: Path) -> None:
    study = write_study(tmp_path, more="review: {training: false, per_attack: 1}\n")
    with serve(study) as site:
        served = site.serving.studies["town"]
        topic = next(t for t in served.reviewing._topics if t.words)
        word = re.sub(r"[*-]", "", topic.words.split()[0])
        digest, author = served.open.file.protocol_hash, site.person()
        put_attack(site.serving.store, author, digest, description=f"about the {word}")
        browser, page = _reviewing(site)
        assert "/review/item/" in page.url.path
        put_attack(site.serving.store, author, digest, description="about the weather")
        browser.post("/topics", avoid=topic.id)
        assert "about the weather" in browser.post("/review/next").text
