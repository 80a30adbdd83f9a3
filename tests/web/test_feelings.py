"""Feelings: kept once, seen by the care role alone, and never in the way of pay or work."""

from __future__ import annotations

import re
import threading
from html import unescape
from pathlib import Path

import httpx2
import pytest
from fastapi.routing import APIRoute
from sqlalchemy import insert, select

from gadfly.care.limits import WEEK
from gadfly.store.audit import Audit
from gadfly.store.feelings import Feelings
from gadfly.store.people import Person
from gadfly.store.site_tables import demographics, work
from gadfly.web.routes import ROUTERS
from tests.web.journeys import dialogue, expects, to_the_brief
from tests.web.site import Browser, Site, serve, write_study

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])
SAD = {"arousal": 37, "arousal_set": 1, "pleasure": 3, "pleasure_set": 1}
FINE = {"arousal": 61, "arousal_set": 1, "pleasure": 83, "pleasure_set": 1}
OWN = """\
id: own
version: 3
title: Our own questions
prompt: How was it?
credit: Ours.
score: mean
low: 0.0
high: 10.0
items:
  - {id: calm, label: Calm, low_label: not at all, high_label: very, scale: mood}
"""


def at_the_slider(browser: Browser, *, follow_up: bool = False) -> httpx2.Response:
    browser.post("/consent", answer="yes", adult="1", **({"follow_up": "1"} if follow_up else {}))
    browser.post("/topics")
    return browser.post("/about-you", act="skip")


def kept(site: Site, person: Person) -> list[tuple[str, str, dict[str, float], bool]]:
    found = Feelings(site.serving.store).own(person)
    return [(f.moment, f.instrument, f.answers, f.distressed) for f in found]


def finish_task(browser: Browser) -> httpx2.Response:
    """From the brief to the slider after a task."""
    for _ in range(2):
        dialogue(browser)
    page = browser.post("/begin", expects=expects(browser.get("/task")))
    return browser.post("/go", place="rest", expects=expects(page))


def test_the_slider_is_shown_in_its_own_words_with_its_credit(site: Site) -> None:
    slider = site.serving.studies["town"].open.file.forms.slider
    page = unescape(at_the_slider(site.browser(site.person())).text)
    for item in slider.items:
        for said in (f">{item.label}<", f'"{item.low_label}"', f'"{item.high_label}"'):
            assert said in page
    assert slider.prompt in page
    assert "The Affective Slider: A Digital" in page
    assert "https://doi.org/10.1371/journal.pone.0148037" in page


def test_an_answer_is_kept_once_whoever_presses_how_often(site: Site) -> None:
    person = site.person()
    browser = site.browser(person)
    page = at_the_slider(browser)
    number = expects(page)
    threads = [
        threading.Thread(
            target=site.browser(person).post,
            args=("/feel",),
            kwargs={"act": "answer", "expects": number, **FINE},
        )
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    browser.post("/feel", act="answer", expects=number, **SAD)
    answers = {"arousal": 0.61, "pleasure": 0.83}
    assert kept(site, person) == [("before", "affective-slider@1", answers, False)]
    assert "Begin dialogue 1" in browser.get("/task").text


def test_a_slider_that_nobody_touched_says_nothing(site: Site) -> None:
    person = site.person()
    browser = site.browser(person)
    at_the_slider(browser)
    browser.post("/feel", act="answer", arousal=50, pleasure=10, pleasure_set=1)
    assert kept(site, person)[0][2] == {"pleasure": 0.1}
    skipped = site.person()
    browser = site.browser(skipped)
    at_the_slider(browser)
    browser.post("/feel", act="skip", **SAD)
    assert kept(site, skipped) == [("before", "affective-slider@1", {}, False)]


@pytest.mark.parametrize("value", ["101", "-1", "nan", "1e1", "٣", "0.5", "9" * 400])
def test_a_slider_takes_nothing_that_no_page_sends(site: Site, value: str) -> None:
    person = site.person()
    browser = site.browser(person)
    at_the_slider(browser)
    page = browser.post("/feel", act="answer", pleasure=value, pleasure_set=1)
    assert page.status_code == 422
    assert kept(site, person) == []


def test_distress_leads_to_help_at_once_and_changes_neither_work_nor_pay(site: Site) -> None:
    sad, fine = site.person(), site.person()
    pages: dict[str, object] = {}
    for person, answers in ((sad, SAD), (fine, FINE)):
        browser = site.browser(person)
        at_the_slider(browser)
        page = browser.post("/feel", act="answer", **answers)
        assert page.url.path.endswith("/help") == (person is sad)
        assert ("ada@example.org" in page.text) or person is fine
        text = browser.get("/task").text
        pages[person.name] = re.sub(r'content="\w{64}"|value="\w{64}"|[mx]-\w{8}', "", text)
        done = browser.post("/stop").text
        pages[person.name + " paid"] = re.findall(r"[\d.]+ USD", done)
    assert pages[sad.name] == pages[fine.name]
    assert pages[f"{sad.name} paid"] == pages[f"{fine.name} paid"]
    assert pages[f"{sad.name} paid"]


def test_the_studys_own_questions_are_asked_after_so_many_tasks(
    tmp_path: Path, socket_enabled: None
) -> None:
    (tmp_path / "own.yaml").write_text(OWN)
    more = "  survey: [spane, own.yaml]\n  survey_every: 1\n"
    with serve(write_study(tmp_path, task_size=2, more=more)) as site:
        person = site.person()
        browser = site.browser(person)
        to_the_brief(browser)
        finish_task(browser)
        page = browser.post("/feel", act="skip")
        first = expects(page)
        assert "SPANE" in page.text
        page = browser.post("/feel", act="answer", sad=4, happy=2, expects=first)
        assert "Our own questions" in page.text
        browser.post("/feel", act="answer", sad=4, happy=2, expects=first)  # pressed twice
        page = browser.post("/feel", act="answer", calm=40, calm_set=1, expects=expects(page))
        assert "Task 1 is done" in page.text
        assert kept(site, person)[2:] == [
            ("survey", "spane@1", {"sad": 4.0, "happy": 2.0}, False),
            ("survey", "own@3", {"calm": 4.0}, False),
        ]


def test_a_study_whose_questions_are_broken_does_not_start(tmp_path: Path) -> None:
    from gadfly.errors import FileProblem
    from gadfly.study.protocol import load_study

    (tmp_path / "own.yaml").write_text(OWN.replace("score: mean", "score: cleverly"))
    with pytest.raises(FileProblem, match="score"):
        load_study(write_study(tmp_path, more="  survey: [own.yaml]\n"))
    with pytest.raises(FileProblem, match="list of questions"):
        load_study(write_study(tmp_path, more="  demographics: nowhere\n"))


def test_nobody_but_care_finds_a_persons_feelings_by_any_route(site: Site) -> None:
    person = site.person()
    browser = site.browser(person)
    at_the_slider(browser)
    browser.post("/feel", act="answer", **SAD)
    dialogue(browser)
    words = re.compile(r"0\.37\b|0\.03\b|arousal 0|distress", re.IGNORECASE)
    care = site.browser(site.person("care"))
    assert words.search(care.get(f"/care/{person.name}").text)
    places = {
        "study": "town",
        "name": person.name,
        "number": "1",
        "payment": "1",
        "key": "1",
        "item": "1",
        "token": "x",
        "activity": "other",
    }
    for role in ("owner", "researcher", "review_lead", "reviewer", "member"):
        looker = site.browser(site.person(role))
        for route in (r for router in ROUTERS for r in router.routes if isinstance(r, APIRoute)):
            for method in route.methods or ():
                url = route.path.format_map(places)
                data = {"csrf": looker.csrf} if method == "POST" else None
                page = looker.client.request(method, url, data=data)
                assert not words.search(page.text), (role, method, url)
            if route.path.endswith(("/out", "/withdraw")):
                looker = site.browser(site.person(role))
    assert care.get(f"/care/{person.name}").status_code == 200
    entries = Audit(site.serving.store.database).entries(person.study_id, most=1000)
    reads = [e for e in entries if e.what == "read feelings"]
    assert len(reads) == 2  # each look, and no look of anybody else
    assert {e.object for e in reads} == {person.name}
    page = site.browser(site.person("owner")).get("/study/audit").text
    rows = [row for row in page.split("<tr") if "read feelings" in row]
    assert rows
    assert not any(person.name in row for row in rows)  # the audit has it, an owner does not


def answered(site: Site, pleasure: float, brief: str = "open@1") -> None:
    from gadfly.store.feelings import Feeling

    person = site.person()
    site.serving.people.set_brief(person, brief)
    mine = site.serving.people.get(person.id)
    assert mine is not None
    keep = Feelings(site.serving.store).keep
    for moment, value in (("before", 0.5), ("after", pleasure)):
        answers = {"pleasure": value}
        keep(mine, Feeling(1, moment, "affective-slider@1", answers, distressed=False))


def test_owners_see_groups_of_five_and_no_sixth_person(site: Site) -> None:
    owner = site.browser(site.person("owner"))
    for _ in range(4):
        answered(site, 0.7)
    assert "fewer than 5" in owner.get("/study/wellbeing").text
    answered(site, 0.7)
    five = owner.get("/study/wellbeing").text
    assert "0.7" in five
    answered(site, 0.01)  # one more changes nothing, so that nobody can subtract
    table = re.compile(r"<table.*?</table>", re.DOTALL)
    assert table.findall(owner.get("/study/wellbeing").text)[0] == table.findall(five)[0]
    answered(site, 0.9, brief="other@1")  # a small group hides with another
    assert "0.7" not in table.findall(owner.get("/study/wellbeing").text)[0]


def test_who_people_are_is_in_no_way_tied_to_them(site: Site) -> None:
    names = []
    for place in range(11):
        person = site.person()
        names.append(person)
        browser = site.browser(person)
        browser.post("/consent", answer="yes", adult="1")
        browser.post("/topics")
        gender = "Woman" if place < 5 else "Man"
        page = browser.post("/about-you", act="answer", gender=gender, education=["Other"])
        assert page.url.path.endswith("/feel")
        browser.post("/about-you", act="answer", gender="Man")  # asked once
    with site.serving.store.database.reading() as c:
        rows = c.execute(select(demographics)).all()
    assert len(rows) == 11
    assert {row.person_id for row in rows} == {None}
    assert not any(one.id in row.body or one.name in row.body for row in rows for one in names)
    ids = [row.id for row in rows]
    browser = site.browser(site.person())
    browser.post("/consent", answer="yes", adult="1")
    browser.post("/topics")
    browser.post("/about-you", act="answer", gender="Man", named="1")
    with site.serving.store.database.reading() as c:
        named = c.execute(select(demographics).where(demographics.c.person_id.is_not(None))).one()
    assert "Man" not in named.body
    owner = site.browser(site.person("owner"))
    text = owner.get("/study/wellbeing/about.csv").text
    assert '"What is your gender?","Man",6' in text  # ten of eleven, and the one who gave a name
    assert '"What is your gender?","Woman",""' in text  # withheld, as those whom nobody chose
    assert len(ids) == len(set(ids))


def test_what_is_not_offered_is_not_kept(site: Site) -> None:
    person = site.person()
    browser = site.browser(person)
    browser.post("/consent", answer="yes", adult="1")
    browser.post("/topics")
    for sent in ({"gender": "Ada"}, {"gender": ["Man", "Woman"]}):
        assert browser.post("/about-you", act="answer", **sent).status_code == 422
    with site.serving.store.database.reading() as c:
        assert c.execute(select(demographics)).all() == []


@pytest.mark.parametrize(
    ("weeks_ago", "agreed", "asked"),
    [(0.9, True, None), (1.1, True, "week 1"), (4.2, True, "week 4"), (4.2, False, None)],
)
def test_follow_ups_are_asked_of_who_agreed_when_their_week_has_come(
    site: Site, weeks_ago: float, agreed: bool, asked: str | None
) -> None:
    person = site.person()
    browser = site.browser(person)
    at_the_slider(browser, follow_up=agreed)
    then = site.serving.work.now() - weeks_ago * WEEK
    row = {"person_id": person.id, "activity": "attack", "began": then - 60, "ended": then}
    with site.serving.store.database.writing() as c:
        c.execute(insert(work).values(row))
    care = site.browser(site.person("care"))
    due = re.compile(r"week \d")
    assert due.findall(care.get("/care").text) == ([asked] if asked else [])
    page = browser.get()
    assert page.url.path.endswith("/follow-up") == (asked is not None)
    if asked is None:
        browser.post("/follow-up", act="answer", sad=5)
        assert kept(site, person) == []
        return
    page = browser.post("/follow-up", act="answer", sad=5, expects=expects(page))
    assert page.url.path.endswith("/help")
    assert kept(site, person) == [(asked, "spane@1", {"sad": 5.0}, True)]
    assert not browser.get().url.path.endswith("/follow-up")
    assert due.findall(care.get("/care").text) == []


def test_the_pause_of_care_holds_and_can_be_lifted(site: Site) -> None:
    person = site.person()
    browser = site.browser(person)
    to_the_brief(browser)
    care = site.browser(site.person("care"))
    care.post(f"/care/{person.name}/state", act="pause", because="Let us talk first.")
    assert "Let us talk first." in browser.get("/task").text
    assert browser.post("/begin", expects=4).status_code == 409
    care.post(f"/care/{person.name}/state", act="resume")
    assert "Begin dialogue 1" in browser.get("/task").text
    left = site.person()
    site.serving.people.set_state(left, "left", by="test")
    care.post(f"/care/{left.name}/state", act="resume")
    assert site.serving.people.get(left.id).state == "left"  # type: ignore[union-attr]
