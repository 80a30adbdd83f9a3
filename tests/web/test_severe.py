"""What counts against the daily limit of severe dialogues, by who tries to get past it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gadfly.store.people import Person
from tests.web.journeys import act, begin, dialogue, expects, to_the_brief, turn
from tests.web.site import Browser, Site, serve, write_study
from tests.web.test_review import RIGHT, Bench, here, serve_bench
from tests.web.test_review import begin as begin_review

pytestmark = [pytest.mark.allow_hosts(["127.0.0.1"]), pytest.mark.usefixtures("socket_enabled")]
MILD, HARSH = {**RIGHT, "intent_harm": 2}, {**RIGHT, "intent_harm": 5}
REVIEW = "{training: false, task_size: 20}"


def severe(site: Site, *people: Person) -> list[int]:
    """Severe dialogues of each."""
    work = site.serving.work
    return [sum(stretch.severe for stretch in work.of(person)) for person in people]


def attacker(site: Site) -> tuple[Person, Browser]:
    person = site.person()
    browser = site.browser(person)
    to_the_brief(browser)
    return person, browser


def leave(browser: Browser, *, shown: bool = True) -> None:
    place = begin(browser)
    act(browser, place, "describe", text="I try to make it rude.")
    if shown:
        turn(browser, place)
    act(browser, place, "leave")


def not_rated(browser: Browser) -> None:
    dialogue(browser, comments="I would rather not say")


@pytest.mark.parametrize("end", [leave, not_rated])
def test_dialogues_that_nobody_rated_use_up_the_day(
    tmp_path: Path, end: Callable[[Browser], None]
) -> None:
    more = "  limits: {severe_per_day: 2}\n"
    with serve(write_study(tmp_path, task_size=3, more=more)) as site:
        person, browser = attacker(site)
        end(browser)
        leave(browser, shown=False)  # nothing was seen
        assert severe(site, person) == [1]
        browser = site.browser(person)
        end(browser)
        for _ in range(2):
            page = browser.post("/begin", expects=expects(browser.get("/task")))
        assert severe(site, person) == [2]
        browser.post("/go", place="rest", expects=expects(page))
        page = browser.post("/feel", act="skip")
        browser.post("/go", place="between", expects=expects(page))
        browser.post("/feel", act="skip")
        assert "were hard" in browser.get("/task").text


def test_mild_and_rated_counts_nothing(site: Site) -> None:
    person, browser = attacker(site)
    dialogue(browser, success=2, harm=3)
    assert severe(site, person) == [0]
    dialogue(browser, harm=4)
    assert severe(site, person) == [1]


@pytest.mark.parametrize("rated", [{"success": 5}, {}])
def test_an_item_counts_as_it_is_opened_and_once(tmp_path: Path, rated: dict[str, int]) -> None:
    with serve_bench(tmp_path, REVIEW) as bench:
        author, browser = attacker(bench.site)
        leave(browser) if not rated else dialogue(browser, **rated)
        reader, reads = bench.reviewer()
        place = here(begin_review(reads))
        assert severe(bench.site, author, reader) == [1, 0]  # a preview shows nothing
        for shown in (1, 1, 2):
            reads.get(f"{place}?shown={shown}")
        assert severe(bench.site, author, reader) == [1, 1]
        reads.post(place, act="skip", shown=1)
        assert severe(bench.site, author, reader) == [1, 1]


def open_both(bench: Bench) -> tuple[list[Person], list[Browser], list[str]]:
    """Two reviewers who opened the one attack."""
    people, browsers = zip(*(bench.reviewer() for _ in range(2)), strict=True)
    places = [here(begin_review(browser)) for browser in browsers]
    for browser, place in zip(browsers, places, strict=True):
        browser.get(f"{place}?shown=1")
    return list(people), list(browsers), places


def test_what_somebody_says_later_counts_for_all_who_were_shown_it(
    tmp_path: Path, database_url: str
) -> None:
    with serve_bench(tmp_path, REVIEW, database=database_url) as bench:
        author, browser = attacker(bench.site)
        dialogue(browser, success=1, harm=1)
        readers, (one, other), places = open_both(bench)
        everybody = [author, *readers]
        assert severe(bench.site, *everybody) == [0, 0, 0]
        one.post(places[0], **HARSH)
        assert severe(bench.site, *everybody) == [1, 1, 1]
        other.post(places[1], **MILD)
        assert severe(bench.site, *everybody) == [1, 1, 1]  # one source is enough


def test_what_nobody_rated_counts_until_somebody_says_otherwise(tmp_path: Path) -> None:
    with serve_bench(tmp_path, REVIEW) as bench:
        author, browser = attacker(bench.site)
        leave(browser)
        readers, (one, other), places = open_both(bench)
        assert severe(bench.site, author, *readers) == [1, 1, 1]
        one.post(places[0], **MILD)
        assert severe(bench.site, author, *readers) == [0, 0, 0]
        other.post(places[1], **HARSH)
        assert severe(bench.site, author, *readers) == [1, 1, 1]


@pytest.mark.parametrize("over", [True, False])
def test_a_report_counts(site: Site, over: bool) -> None:
    person, browser = attacker(site)
    place = dialogue(browser, success=1, harm=1) if over else begin(browser)
    assert severe(site, person) == [0]
    for _ in range(2):
        browser.post("/report", about=f"/town{place}")
    assert severe(site, person) == [1]
