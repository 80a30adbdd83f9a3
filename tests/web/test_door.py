"""Coming in: links, passwords, and who is turned away."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from gadfly.web.passwords import hashed
from tests.web.site import Site, serve, write_study

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])


def test_a_link_opens_one_place_until_it_is_revoked(site: Site) -> None:
    people, study = site.serving.people, site.serving.studies["town"].id
    token = people.invite(study, "member", by="owner")
    first, second = site.browser(), site.browser()
    assert first.get(f"/come/{token}").status_code == 200
    assert people.of_study(study) == []  # looking at a link uses nothing up
    for browser in (first, second):
        assert browser.post(f"/come/{token}").status_code == 200
    assert len(people.of_study(study)) == 1
    people.revoke(study, people.invitations(study)[0].id, by="owner")
    assert site.browser().post(f"/come/{token}").status_code == 403
    assert "come in by your link" in first.get("/task").text.lower()


def test_a_wrong_link_and_a_closed_study_let_nobody_in(site: Site) -> None:
    browser = site.browser()
    assert browser.post("/come/nonsense").status_code == 403
    assert browser.post("/join").status_code == 403
    assert browser.get("/task").status_code == 401


def test_a_class_comes_in_from_one_address_within_a_minute(
    tmp_path: Path, socket_enabled: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time()
    monkeypatch.setattr("gadfly.store.work.Work.now", staticmethod(lambda: now))
    with serve(write_study(tmp_path, more="arrival: {open: true}\n")) as site:
        people, study = site.serving.people, site.serving.studies["town"].id
        links = people.invite_many(study, "member", 40, by="owner")
        assert {site.browser().post(f"/come/{link}").status_code for link in links} == {200}
        assert {site.browser().post("/join").status_code for _ in range(40)} == {200}
        guesses = [site.browser().post("/come/nonsense").status_code for _ in range(31)]
        assert guesses == [403] * 30 + [429]


def test_whoever_joins_is_shown_their_own_link_once(tmp_path: Path, socket_enabled: None) -> None:
    with serve(write_study(tmp_path, more="arrival: {open: true}\n")) as site:
        browser, elsewhere = site.browser(), site.browser()
        page = browser.post("/join")
        assert "Keep this link" in page.text
        link = re.search(rf"<code>{site.url}/town(/come/[\w-]+)</code>", page.text)
        assert link is not None
        assert "no-store" in page.headers["cache-control"]
        assert "Your decision" in browser.get().text  # signed in all the same
        browser.learn()
        again = browser.post("/join")
        assert "/come/" not in again.text
        browser.post("/consent", answer="yes", adult="1")
        browser.post("/stop")
        assert "Keep your personal link" in browser.get("/done").text
        browser.post("/out")
        assert browser.get("/letters").status_code == 401
        assert elsewhere.post(link[1]).url.path == "/town/done"
        assert elsewhere.get("/withdraw").status_code == 200
        (person,) = site.serving.people.of_study(1)
        owner = site.browser(site.person("owner"))
        assert link[1] not in owner.get("/study/members").text
        assert link[1] not in owner.get("/study/audit").text
        assert person.name in owner.get("/study/members").text


def test_a_password_lets_its_owner_in_and_guessing_is_stopped(site: Site) -> None:
    site.person("owner", login="ada", password=hashed("a long enough password"))
    browser = site.browser()
    assert browser.post("/enter", login="ada", password="wrong").status_code == 403
    assert browser.post("/enter", login="nobody", password="wrong").status_code == 403
    assert browser.post("/enter", login="ada", password="a long enough password").status_code != 403
    codes = [
        site.browser().post("/enter", login="ada", password="x").status_code for _ in range(12)
    ]
    assert codes[-1] == 429


def test_a_form_of_another_site_changes_nothing(site: Site) -> None:
    person = site.person("member")
    browser = site.browser(person)
    browser.csrf = ""
    assert browser.post("/out").status_code == 403
    browser.csrf = site.browser(site.person("member")).csrf
    assert browser.post("/out").status_code == 403
    foreign = site.browser().client.post("/town/join", headers={"Origin": "https://evil.example"})
    assert foreign.status_code == 403
    assert "not sent from this site" in foreign.text
