"""The owner's pages: who gets in, what is noted before it is shown, what is sent twice, and what
hostile texts do there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from gadfly.records.canonical import canonical_json
from gadfly.redteam.events import Abandoned
from gadfly.store.erasure import Erasure
from gadfly.store.letters import Letters
from gadfly.store.people import Person
from gadfly.store.quarantine import Quarantine
from tests.hostile import REPLIES
from tests.web.attacks import put_attack
from tests.web.site import Browser, Site, serve, write_study

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])
OWN = ("/study", "/study/members", "/study/briefs", "/study/flags", "/study/export")
HOSTILE = "".join(REPLIES[name] for name in ("script", "closing tags", "svg", "templates", "null"))


@pytest.fixture(params=["sqlite", "postgres"])
def town(request: pytest.FixtureRequest, tmp_path: Path, socket_enabled: None) -> Iterator[Site]:
    """A site with one study, on either database."""
    database = None
    if request.param == "postgres":
        database = str(request.getfixturevalue("postgres").new())
    with ExitStack() as stack:
        yield stack.enter_context(serve(write_study(tmp_path), database=database))


def put(site: Site, person: Person, **more: object) -> int:
    digest = site.serving.studies["town"].open.file.protocol_hash
    return put_attack(site.serving.store, person, digest, **more).id  # type: ignore[arg-type]


def audited(site: Site) -> list[tuple[str, str]]:
    study = site.serving.studies["town"].id
    return [(entry.what, entry.object) for entry in site.serving.audit.entries(study)]


def expects(browser: Browser, place: str, form: str) -> str:
    """What a form of a page expects."""
    found = re.search(rf'{form}".*?name="expects" value="(\d+)"', browser.get(place).text, re.S)
    assert found is not None
    return found[1]


def test_those_who_attack_or_review_see_no_arm_and_only_owners_the_audit(site: Site) -> None:
    for role in ("member", "reviewer", "expert", "review_lead", "care"):
        browser = site.browser(site.person(role))
        for place in (*OWN, "/study/audit", "/study/figure1.svg", "/study/attack/1"):
            assert browser.get(place).status_code == 403, (role, place)
    researcher = site.browser(site.person("researcher"))
    assert [researcher.get(place).status_code for place in OWN] == [200] * len(OWN)
    assert researcher.get("/study/audit").status_code == 403


def test_a_study_of_nothing_has_pages_that_say_so(site: Site) -> None:
    owner = site.browser(site.person("owner"))
    page = owner.get("/study").text
    assert "There is no figure yet" in page
    assert "no dialogue has ended in the last 3 hours" in page
    assert owner.get("/study/figure1.svg").status_code == 404
    assert "nothing of that to export" in owner.post("/study/export", what="attacks").text
    assert [owner.get(place).status_code for place in OWN] == [200] * len(OWN)


def test_a_running_study_shows_progress_figure_people_and_exposure(town: Site) -> None:
    people = [town.person("member") for _ in range(3)]
    for person in people:
        town.serving.work.sign(person, "attack", dialogues=2, severe=1)
        put(town, person)
        put(town, person, arm="prompted tiny", success=0)
    owner = town.browser(town.person("owner"))
    page = owner.get("/study").text
    assert "6 of 6 attacks are scored" in page
    assert "independent" in page
    assert "4.00 (interval not estimable: all values are" in page
    figure = owner.get("/study/figure1.svg")
    assert figure.headers["content-type"] == "image/svg+xml"
    dark = owner.get("/study/figure1.svg?dark=true").text
    assert "#ffffff" in figure.text
    assert "#ffffff" not in dark
    members = owner.get("/study/members").text
    assert all(person.name in members for person in people)
    assert "1.67 USD" in members  # five minutes at the floor
    assert owner.get(f"/study/members/{people[0].name}").status_code == 200
    assert "1.00 (1.00 to 1.00)" not in owner.get("/study/briefs").text
    assert "0.50 (interval not estimable" in owner.get("/study/briefs").text


def test_what_was_abandoned_is_over_and_told_as_of_no_use(town: Site) -> None:
    person = town.person("member")
    for left in (True, True, True, False):
        put(town, person, left=left)
    page = " ".join(town.browser(town.person("owner")).get("/study").text.split())
    assert "4 of 100 attacks are over, 1 of them usable" in page
    assert "about 25 of 100 will be usable" in page
    assert re.search(r"<dt>Usable attacks</dt> <dd>1 <", page)
    figure = page.partition("figure 1")[2]
    told = dict(re.findall(r'data-label="([^"]+)"[^>]*><bdi>([^<]+)', figure))
    assert told["Attacks (rated, scored)"] == "4 (1, 4)"


def test_a_transcript_is_noted_before_it_is_shown_and_not_without_a_reason(town: Site) -> None:
    person = town.person("member")
    put(town, person, said=f"a word of mine {HOSTILE}".replace("\0", ""))
    owner = town.browser(town.person("owner"))
    assert "a word of mine" not in owner.get("/study/attack/1").text
    assert owner.post("/study/attack/1", reason="").status_code == 422
    assert ("read transcript", "attack 1") not in audited(town)
    page = owner.post("/study/attack/1", reason="a doubt").text
    assert "a word of mine" in page
    assert "<script>document" not in page
    assert "<svg/onload" not in page
    assert ("read transcript", "attack 1") in audited(town)
    assert "a doubt" in owner.get("/study/audit").text
    assert owner.get("/study/attack/9").status_code == 404


def test_what_is_locked_away_or_withdrawn_is_opened_and_named_nowhere(town: Site) -> None:
    locked, gone, other = (town.person("member") for _ in range(3))
    hidden = put(town, locked, flag="a flag on the worst")
    put(town, gone, flag="a flag that was withdrawn")
    owner = town.browser(town.person("owner"))
    assert "a flag on the worst" in owner.get("/study/flags").text
    last = canonical_json(Abandoned(reason="reported")).decode()
    Quarantine(town.serving.store).lock(
        hidden, other, "look", last=last, because="we look at it", severe_from=3
    )
    Erasure(town.serving.store).erase(gone, by=gone.name)
    flags = owner.get("/study/flags").text
    assert "Attacks locked away: 1" in flags
    assert "a flag on the worst" not in flags
    assert "a flag that was withdrawn" not in flags
    for number, status in ((1, 403), (2, 404)):
        assert owner.get(f"/study/attack/{number}").status_code == status
        assert owner.post(f"/study/attack/{number}", reason="a doubt").status_code == status
    assert ("read transcript", "attack 1") not in audited(town)
    paused = f"/study/members/{locked.name}"
    assert "we look at it" not in owner.get(paused).text
    assert owner.post(f"{paused}/resume").status_code == 403
    assert owner.post(f"{paused}/letter", text="hello", expects=0).status_code == 200
    erased = f"/study/members/{gone.name}"
    assert owner.post(f"{erased}/letter", text="hello", expects=0).status_code == 400
    assert owner.post(f"{erased}/pause", reason="x").status_code == 409


def test_a_flag_is_settled_once_whoever_clicks(town: Site) -> None:
    person = town.person("member")
    put(town, person, flag="look <b>here</b>")
    Quarantine(town.serving.store).flag(person, "something else")
    owner = town.browser(town.person("owner"))
    page = owner.get("/study/flags").text
    assert "look &lt;b&gt;here&lt;/b&gt;" in page
    assert "something else" in page
    number = re.search(r"flags/(\d+)/settle", page)[1]  # type: ignore[index]
    for _ in range(2):
        owner.post(f"/study/flags/{number}/settle")
        owner.post("/study/attack/1/settle")
    assert "Nothing waits for you" in owner.get("/study/flags").text
    settled = [what for what, _ in audited(town) if what.startswith("settled")]
    assert sorted(settled) == ["settled flag", "settled flags of"]


def test_a_pause_is_told_to_the_person_and_noted_once(town: Site) -> None:
    person, owner = town.person("member"), town.browser(town.person("owner"))
    place = f"/study/members/{person.name}"
    for _ in range(2):
        assert owner.post(f"{place}/pause", reason="the server moves").status_code == 200
    found = town.serving.people.get(person.id)
    assert found is not None
    assert found.because == "Those who run the study paused your work: the server moves"
    for _ in range(2):
        owner.post(f"{place}/resume")
    changes = [what for what, who in audited(town) if who == person.name]
    assert changes == ["made active", "made paused", "added person"]
    staff = town.person("researcher")
    assert owner.post(f"/study/members/{staff.name}/pause", reason="x").status_code == 409


def test_a_letter_sent_twice_is_one_letter_sealed_and_read(town: Site) -> None:
    person, owner = town.person("member"), town.browser(town.person("owner"))
    text = HOSTILE.replace("\0", "") + " dear member"
    place = f"/study/members/{person.name}"
    assert owner.post(f"{place}/letter", text=text, expects=0).status_code == 200
    again = owner.post(f"{place}/letter", text=text, expects=0)
    assert again.status_code == 409
    assert "newer letters" in again.text
    kept = Letters(town.serving.store)
    assert kept.unread(person) == 1
    browser = town.browser(person)
    page = browser.get("/letters").text
    assert "dear member" in page
    assert "<script>document" not in page
    assert kept.unread(person) == 0
    assert browser.post("/letters", text="thank you", circle="study", expects=1).status_code == 200
    assert "thank you" in owner.get(place).text
    stranger = town.browser(town.person("member"))
    assert "dear member" not in stranger.get("/letters").text
    assert ("wrote to", person.name) in audited(town)


def test_links_are_shown_once_and_made_once(town: Site) -> None:
    owner = town.browser(town.person("owner"))
    number = expects(owner, "/study/members", "invitations")
    form = {"role": "member", "count": 3, "days": 5, "expects": number}
    page = owner.post("/study/invitations", **form).text
    links = re.findall(r"<code>(http[^<]+)</code>", page)
    assert len(links) == 3
    assert owner.post("/study/invitations", **form).status_code == 409
    assert not [link for link in links if link in owner.get("/study/members").text]
    assert len(town.serving.people.invitations(town.serving.studies["town"].id)) == 3
    for role in ("owner", "care", "researcher"):
        assert owner.post("/study/invitations", **form | {"role": role}).status_code == 422
    unknown = owner.post("/study/invitations", **form | {"role": "expert", "domain": "astrology"})
    assert unknown.status_code == 400
    assert "computer security" in unknown.text
    assert '<option value="computer security">' in owner.get("/study/members").text
    owner.post("/study/invitations/1/revoke")
    assert "revoked" in owner.get("/study/members").text
    token = links[0].rpartition("/")[2]
    assert town.browser().post(f"/come/{token}").status_code == 403


def test_sessions_end_at_a_click(site: Site) -> None:
    person = site.person("member")
    browser = site.browser(person)
    assert browser.get("/letters").status_code == 200
    owner = site.browser(site.person("owner"))
    assert owner.post(f"/study/members/{person.name}/sessions").status_code == 200
    assert browser.get("/letters").status_code == 401


def test_an_export_is_sent_after_it_is_noted_and_by_name_of_the_study(town: Site) -> None:
    put(town, town.person("member"))
    owner = town.browser(town.person("owner"))
    answer = owner.post("/study/export", what="table")
    assert answer.headers["content-disposition"] == 'attachment; filename="town-attacks.csv"'
    assert answer.text.startswith('"number","brief"')
    assert audited(town)[0] == ("exported", "table")
    assert owner.post("/study/export", what="people").status_code == 422
