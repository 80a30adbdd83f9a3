"""Coming in: links, passwords, and who is turned away."""

from __future__ import annotations

import pytest

from gadfly.web.passwords import hashed
from tests.web.site import Site

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
