"""What a review that set out to break the site found, tried again."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from gadfly.store.site_tables import payments
from gadfly.web.passwords import hashed
from tests.web.attacks import put_attack
from tests.web.journeys import act, begin, to_the_brief
from tests.web.site import Site, serve, write_study

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])


@pytest.fixture
def untrained(tmp_path: Path, socket_enabled: None) -> Iterator[Site]:
    """A site whose reviewers begin at once."""
    with serve(write_study(tmp_path, more="review: {training: false}")) as running:
        yield running


def test_tries_elsewhere_do_not_wipe_out_the_count_of_guesses(site: Site) -> None:
    hit = site.serving.work.hit
    assert [hit("a guess", seconds=900, most=2) for _ in range(3)] == [True, True, False]
    hit("somebody's first link", seconds=60, most=30)
    assert not hit("a guess", seconds=900, most=2)


def test_guessing_under_many_logins_is_stopped_too(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gadfly.web.pages.door.matches", lambda *_: False)  # a slow hash each
    browser = site.browser()
    codes = [browser.post("/enter", login=f"u{n}", password="x").status_code for n in range(61)]
    assert codes == [403] * 60 + [429]


def test_the_audit_is_not_replaced(site: Site, tmp_path: Path) -> None:
    site.serving.audit.add(1, "ada", "looked", "attack 1")
    (file,) = tmp_path.glob("*.db")
    with closing(sqlite3.connect(file)) as c:
        (last,) = c.execute("SELECT max(id) FROM audit").fetchone()
        row = (last, 1, "", "nobody", "", "", "{}")
        with pytest.raises(sqlite3.IntegrityError, match="new rows only"):
            c.execute("INSERT OR REPLACE INTO audit VALUES (?, ?, ?, ?, ?, ?, ?)", row)


def test_who_is_paused_takes_no_review(untrained: Site) -> None:
    digest = untrained.serving.studies["town"].open.file.protocol_hash
    put_attack(untrained.serving.store, untrained.person(), digest)
    reviewer = untrained.person("reviewer")
    browser = untrained.browser(reviewer)
    browser.post("/review/consent", answer="yes", adult="1")
    browser.post("/topics")
    people = untrained.serving.people
    people.set_state(reviewer, "paused", by="x", because="A rest is due.")
    assert "A rest is due." in browser.post("/review/next").text
    people.set_state(reviewer, "active", by="x")
    assert untrained.serving.work.of(reviewer) == []  # nothing was begun
    assert "/review/item/" in browser.post("/review/next").url.path


def test_numbers_and_notes_beyond_measure_are_refused(site: Site) -> None:
    browser = site.browser(site.person())
    to_the_brief(browser)
    place = begin(browser)
    assert browser.post(place, act="say", expects=10**30, text="x").status_code == 422
    assert act(browser, place, "flag", note="x" * 10_001).status_code == 422
    assert act(browser, place, "flag", note="x" * 10_000).status_code == 200


def test_the_cookie_is_for_https_where_people_come_by_it(site: Site) -> None:
    site.person("owner", login="ada", password=hashed("a long enough password"))

    def cookie() -> str:
        data = {"login": "ada", "password": "a long enough password"}
        return (
            site.browser()
            .client.post("/town/enter", data=data, follow_redirects=False)
            .headers["set-cookie"]
        )

    assert "; Secure" not in cookie()
    object.__setattr__(site.serving, "public_url", "https://study.example")
    assert "; Secure" in cookie()


def test_withdrawing_takes_what_names_the_visit_out_of_the_payment(site: Site) -> None:
    member = site.person()
    browser = site.browser(member)
    to_the_brief(browser)
    browser.post("/stop")
    with site.serving.store.database.writing() as c:
        c.execute(payments.update().values(state="failed", detail="submission 5f3a"))
    browser.post("/withdraw", sure="1")
    (found,) = site.serving.payments.of_study(member.study_id)
    assert found[1].detail is None


def test_signs_of_life_alone_earn_no_more_than_the_limits_and_some_minutes(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [time.time()]
    monkeypatch.setattr("gadfly.store.work.Work.now", staticmethod(lambda: clock[0]))
    member = site.person()
    browser = site.browser(member)
    for _ in range(2 * 3600 // 140 + 40):  # a script: 93 minutes more than the limit of two hours
        assert browser.post("/beat/attack").status_code == 204
        clock[0] += 140
    worked = sum(one.ended - one.began for one in site.serving.work.of(member)) / 60
    assert 120 <= worked <= 140


def test_signs_of_life_are_no_flood(site: Site) -> None:
    member = site.person()
    browser = site.browser(member)
    kinds = ("attack", "other")
    codes = [browser.post(f"/beat/{kinds[n % 2]}").status_code for n in range(130)]
    assert 429 in codes  # two minutes may meet, each with its 60
    assert len(site.serving.work.of(member)) <= 120


def test_a_foreign_name_is_refused_with_all_headers(site: Site) -> None:
    answer = site.browser().client.get("/town", headers={"Host": "evil.example"})
    assert answer.status_code == 400
    assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_a_researcher_shuts_out_no_owner(site: Site) -> None:
    owner, member = site.person("owner"), site.person("member")
    theirs, people = site.browser(owner), site.serving.people
    people.link_for(owner, by="x")
    people.link_for(member, by="x")
    researcher = site.browser(site.person("researcher"))
    assert researcher.post(f"/study/members/{owner.name}/sessions").status_code == 403
    assert researcher.post("/study/invitations/1/revoke").status_code == 403
    assert theirs.get("/study").status_code == 200
    assert researcher.post(f"/study/members/{member.name}/sessions").status_code == 200
    assert researcher.post("/study/invitations/2/revoke").status_code == 200
    assert theirs.post("/study/invitations/1/revoke").status_code == 401  # themselves


def test_numbers_end_where_the_databases_do(site: Site) -> None:
    both = site.browser(site.person("member", "care"))
    for place in ("/attack", "/care/locked"):
        assert both.get(f"{place}/{2**31}").status_code == 422
