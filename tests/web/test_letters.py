"""Letters to the two circles: who reads them, and who is told of them."""

from __future__ import annotations

import re

import pytest

from gadfly.run.exporting import FILES
from gadfly.store.letters import Letters
from gadfly.store.people import Role
from tests.web.attacks import put_attack
from tests.web.journeys import act, begin, to_the_brief
from tests.web.site import Browser, Site
from tests.web.test_access import MATRIX

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])
ASKED, ANSWERED = "how are you since the break", "not well if I am honest"


def everything(browser: Browser, role: Role, name: str) -> dict[str, str]:
    """Every page that a role can look at about somebody, and every file that it can take away."""
    pages = {}
    for route in (name for name, roles in MATRIX.items() if role in roles):
        method, path = route.split(" ")
        place = path.removeprefix("/{study}").replace("{name}", name)
        if method == "GET" and "/out" not in place:
            pages[place] = browser.get(re.sub(r"\{\w+\}", "1", place)).text
    for what in FILES:
        pages[what] = browser.post("/study/export", what=what).text
    assert name in pages[f"/study/members/{name}"]
    return pages


@pytest.mark.parametrize("role", ["owner", "researcher"])
def test_what_care_and_a_person_write_reaches_nobody_who_runs_the_study(
    site: Site, role: Role
) -> None:
    person, carer = site.person("member"), site.person("care")
    runs, own, care = (site.browser(who) for who in (site.person(role), person, carer))
    before = everything(runs, role, person.name)
    care.post(f"/care/{person.name}/letter", text=ASKED, expects=0)
    page = own.get("/letters").text
    assert ASKED in page
    assert "Only they read these letters" in page
    assert own.post("/letters", text=ANSWERED, circle="care", expects=1).status_code == 200
    after = everything(runs, role, person.name)
    assert not [place for place, text in after.items() if ASKED in text or ANSWERED in text]
    for place in ("/study/members", f"/study/members/{person.name}"):
        assert after[place] == before[place]
    told = [(e.what, e.object) for e in site.serving.audit.entries(person.study_id)]
    assert ("wrote to", "letter 1") in told  # noted, by a number that is on no page of theirs
    assert ("wrote to", person.name) not in told
    assert ANSWERED in care.get(f"/care/{person.name}").text


def test_one_circle_opens_and_answers_nothing_of_the_other(site: Site) -> None:
    person = site.person("member")
    owner, own, care = (
        site.browser(w) for w in (site.person("owner"), person, site.person("care"))
    )
    for circle in ("study", "care"):
        sent = own.post("/letters", text=f"to {circle} alone", circle=circle, expects=0)
        assert sent.status_code == 200
    kept, study = Letters(site.serving.store), person.study_id
    page = care.get(f"/care/{person.name}").text
    assert "to care alone" in page
    assert "to study alone" not in page
    assert kept.unanswered(study, "care") == {}
    assert kept.unanswered(study, "study") == {person.name: 1}
    page = owner.get(f"/study/members/{person.name}").text
    assert "to study alone" in page
    assert "to care alone" not in page
    assert kept.unanswered(study, "study") == {}
    owner.post(f"/study/members/{person.name}/letter", text="hello", expects=1)
    care.post(f"/care/{person.name}/letter", text="hello", expects=1)
    assert kept.unread(person) == 2
    assert own.post("/letters", text="to whom", expects=2).status_code == 422


def test_many_letters_and_reports_at_once_are_refused_and_nothing_typed_is_lost(site: Site) -> None:
    person, other = site.person("member"), site.browser(site.person("member"))
    own, elsewhere = site.browser(person), site.browser(person)
    forms: tuple[tuple[str, dict[str, object], str], ...] = (
        ("/letters", {"circle": "study", "expects": 9999}, "text"),
        ("/report", {"kind": "other"}, "note"),
    )
    for place, form, field in forms:
        for sent in range(61):  # two windows may meet, each with its 30
            browser = (own, elsewhere)[sent % 2]  # two sessions are one person
            page = browser.post(place, **form, **{field: f"what I typed {sent}"})
            if page.status_code == 429:
                break
        assert page.status_code == 429
        assert sent >= 30
        assert f"what I typed {sent}" in page.text
    assert other.post("/letters", text="hello", circle="study", expects=0).status_code == 200
    assert other.post("/report", kind="other", note="a note").status_code == 200
    digest = site.serving.studies["town"].open.file.protocol_hash
    put_attack(site.serving.store, person, digest)
    assert own.post("/report", about="/town/attack/1").url.path == "/town/report/done"


def test_a_letter_that_comes_too_late_stays_in_its_own_form(site: Site) -> None:
    person = site.person("member")
    own = site.browser(person)
    own.post("/letters", text="the first", circle="care", expects=0)
    page = own.post("/letters", text="half a thought", circle="care", expects=0)
    assert page.status_code == 409
    study, care = page.text.split('id="to-care"')
    assert "half a thought" in care
    assert "half a thought" not in study


def test_many_flags_of_a_dialogue_are_refused_and_the_dialogue_goes_on(site: Site) -> None:
    browser = site.browser(site.person("member"))
    to_the_brief(browser)
    place = begin(browser)
    codes = [
        browser.post(place, act="flag", note=f"note {sent}", expects=0).status_code
        for sent in range(61)
    ]
    assert codes.index(429) >= 30
    assert act(browser, place, "describe", text="I ask about the mill").status_code == 200
