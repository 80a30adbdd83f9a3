"""Pauses: a task that is over still leads out, and who is paused finds help wherever they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from gadfly.store.letters import Letters
from gadfly.store.people import Person
from tests.web.journeys import act, begin, dialogue, expects, to_the_brief
from tests.web.site import Browser, Site, serve, write_study
from tests.web.test_care import worked

pytestmark = [pytest.mark.allow_hosts(["127.0.0.1"]), pytest.mark.usefixtures("socket_enabled")]
WHY = "Care wants to hear how you are."
LIMITS = (
    ("dialogues_per_day: 2", {}),
    ("severe_per_day: 2", {}),
    ("minutes_before_break: 5", {"ago": 1, "seconds": 301}),
)


def at_the_brief(site: Site) -> tuple[Person, Browser]:
    person = site.person()
    browser = site.browser(person)
    to_the_brief(browser)
    return person, browser


def out_of_the_task(browser: Browser) -> None:
    """From the page of a task that is over to the end: debrief, rest, feeling, pay."""
    page = browser.post("/begin", expects=expects(browser.get("/task")))
    assert "Stepping out of the role" in page.text
    assert "Time for a rest" in page.text
    page = browser.post("/go", place="rest", expects=expects(page))
    assert page.url.path == "/town/feel"


@pytest.mark.parametrize(("limit", "more"), LIMITS)
def test_a_limit_at_the_last_dialogue_stands_before_no_debrief(
    tmp_path: Path, limit: str, more: dict[str, float]
) -> None:
    with serve(write_study(tmp_path, more=f"  limits: {{{limit}}}\n")) as site:
        person, browser = at_the_brief(site)
        for _ in range(2):
            dialogue(browser, turns=2, success=5, harm=5)
        if more:
            worked(site, person, **more)
        out_of_the_task(browser)
        page = browser.post("/feel", act="skip")
        assert "Finish my part and be paid" in page.text
        browser.post("/go", place="between", expects=expects(page))
        browser.post("/feel", act="skip")
        assert "A pause" in browser.get("/task").text  # the next task does wait
        browser.post("/stop")  # a whole task is done, whatever the button
        paid = site.serving.payments.of(person)
        assert paid is not None
        assert paid.outcome == "complete"


def test_a_limit_within_a_task_says_how_to_step_out_of_the_role(tmp_path: Path) -> None:
    more = "  limits: {dialogues_per_day: 1}\n"
    with serve(write_study(tmp_path, more=more)) as site:
        _, browser = at_the_brief(site)
        dialogue(browser)
        page = browser.get("/task")
        assert "You can go on in 24 hours." in page.text  # a day is not 25
        assert "Stepping out of the role" in page.text


def test_a_report_of_the_last_dialogue_leads_to_help_and_out(site: Site) -> None:
    _, browser = at_the_brief(site)
    dialogue(browser)
    browser.post("/report", about=f"/town{begin(browser)}")
    page = browser.get("/task")
    for part in ("A pause", "Nobody blames you", "call the emergency number"):
        assert part in page.text
    out_of_the_task(browser)
    assert "A pause" in browser.post("/feel", act="skip").text


@pytest.mark.parametrize("place", ["before", "between", "dialogue", "review"])
def test_a_pause_is_seen_at_once_with_help_and_a_letter(site: Site, place: str) -> None:
    person = site.person("expert")
    browser = site.browser(person)
    browser.post("/consent", answer="yes", adult="1")
    browser.post("/topics")
    browser.post("/about-you", act="skip")
    if place != "before":
        browser.post("/feel", act="skip")
    if place == "between":
        dialogue(browser)
        dialogue(browser)
        out_of_the_task(browser)
        browser.post("/feel", act="skip")
    open_one = begin(browser) if place == "dialogue" else ""
    if place == "review":
        browser.post("/review/consent", answer="yes", adult="1")
    site.serving.people.set_state(person, "paused", by="care", because=WHY)
    page = browser.get("/review" if place == "review" else "/task")
    for part in (WHY, "call the emergency number", "Write to the people who look after you"):
        assert part in page.text
    assert "Another task" not in page.text
    sent = browser.post("/letters", circle="care", text="I am well", expects=expects(page))
    assert "I am well" in sent.text
    assert [x.text for x in Letters(site.serving.store).of(person, "care")] == ["I am well"]
    if open_one:
        assert f'href="/town{open_one}"' in page.text
        page = browser.get(open_one)
        assert "Your work is paused" in page.text
        assert 'value="leave"' in page.text
        assert 'value="describe"' not in page.text  # nothing is asked that would be refused
        assert WHY in act(browser, open_one, "leave").text


def test_stopping_for_today_is_told_apart_from_ending_ones_part(site: Site) -> None:
    _, browser = at_the_brief(site)
    for place in ("/break", "/help"):
        page = browser.get(place).text
        assert "End my part and be paid</button>" in page
        assert "close the page" in page
        assert "your link brings you back" in page.replace("\n", " ")
    for _ in range(2):
        dialogue(browser)
    out_of_the_task(browser)
    page = browser.post("/feel", act="skip")
    assert "closing the page: your link brings you back" in page.text
    assert "To end your part in the study for good, finish here" in page.text
