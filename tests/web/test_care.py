"""Limits, early exit, the worst content, withdrawal: by real requests of who tries to get past."""

from __future__ import annotations

import re
import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import insert, select, update

from gadfly.run.gather import gather
from gadfly.store.audit import Audit
from gadfly.store.people import Person
from gadfly.store.quarantine import Quarantine
from gadfly.store.site_tables import people, reports, work
from gadfly.store.tables import attacks, events, studies
from gadfly.web.telling import NO_MAIL, Post
from tests.web.attacks import put_attack
from tests.web.journeys import act, begin, dialogue, expects, to_the_brief, turn
from tests.web.site import Browser, Site, serve, write_study

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])
SAID = "a sentence of a member that nobody else writes"


@contextmanager
def two_studies(folder: Path, more: str) -> Iterator[Site]:
    """Two studies of one server; the first has these limits."""
    studies = [write_study(folder, name, more=more) for name in ("one", "two")]
    with serve(*studies, database=f"sqlite:///{folder / 'both.db'}") as site:
        yield site


def both(site: Site) -> list[tuple[Person, Browser]]:
    """The same person in both studies, each at the brief."""
    out = []
    for study in ("one", "two"):
        person = site.person(study=study, subject="the same person")
        browser = site.browser(person, study=study)
        to_the_brief(browser)
        out.append((person, browser))
    return out


def worked(site: Site, person: Person, *, ago: float, seconds: float, **more: int) -> None:
    now = site.serving.work.now()
    row = {"person_id": person.id, "activity": "attack", "ended": now - ago, **more}
    with site.serving.store.database.writing() as c:
        c.execute(insert(work).values(began=now - ago - seconds, **row))


def try_to_begin(browser: Browser) -> httpx2.Response:
    return browser.post("/begin", expects=4)


@pytest.mark.parametrize(
    ("ago", "told"),
    [(3600, "24 hours"), (-3600, "24 hours"), (25 * 3600, None)],
)
@pytest.mark.usefixtures("socket_enabled")
def test_hours_of_one_study_count_in_the_other_and_a_clock_that_goes_back_frees_nobody(
    tmp_path: Path, ago: float, told: str | None
) -> None:
    with two_studies(tmp_path, "") as site:
        (there, _), (_, here) = both(site)
        worked(site, there, ago=ago, seconds=121 * 60)
        page = try_to_begin(here)
        assert (page.status_code == 409) == (told is not None)
        assert told is None or told in page.text
        stranger = site.browser(site.person(study="two"), study="two")
        to_the_brief(stranger)
        assert try_to_begin(stranger).status_code == 200


@pytest.mark.usefixtures("socket_enabled")
def test_hard_dialogues_and_breaks_count_across_studies(tmp_path: Path) -> None:
    with two_studies(tmp_path, "") as site:
        (there, _), (_, here) = both(site)
        worked(site, there, ago=7200, seconds=60, dialogues=5, severe=5)
        assert "were hard" in try_to_begin(here).text
    (tmp_path / "more").mkdir()
    with two_studies(tmp_path / "more", "  limits: {minutes_before_break: 5}\n") as site:
        (there, _), (_, here) = both(site)
        worked(site, there, ago=10, seconds=301)
        assert "without a break" in try_to_begin(here).text


@pytest.mark.usefixtures("socket_enabled")
def test_two_tabs_of_two_studies_get_one_dialogue_where_one_is_allowed(tmp_path: Path) -> None:
    with two_studies(tmp_path, "  limits: {dialogues_per_day: 1}\n") as site:
        pages: list[httpx2.Response] = []
        tabs = [
            site.browser(person, study=browser.study)
            for person, browser in both(site)
            for _ in range(2)
        ]
        start = threading.Barrier(len(tabs))

        def press(tab: Browser) -> None:
            start.wait()
            pages.append(try_to_begin(tab))

        threads = [threading.Thread(target=press, args=(tab,)) for tab in tabs]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        with site.serving.store.database.reading() as c:
            assert len(c.execute(select(attacks.c.id)).all()) == 1


WAY = ("topics", "about-you", "feel", "brief", "attack", "rest", "after", "between")


def walk(browser: Browser, until: str) -> None:
    browser.post("/consent", answer="yes", adult="1")
    steps: dict[str, Any] = {
        "topics": lambda: browser.post("/topics"),
        "about-you": lambda: browser.post("/about-you", act="skip"),
        "feel": lambda: browser.post("/feel", act="skip"),
        "brief": lambda: begin(browser),
        "attack": lambda: finish(browser),
        "rest": lambda: browser.post("/go", place="rest", expects=expects(browser.get("/task"))),
        "after": lambda: browser.post("/feel", act="skip"),
    }
    for place, step in steps.items():
        if place == until:
            return
        step()


def finish(browser: Browser) -> None:
    place = browser.get("/task").url.path.removeprefix(f"/{browser.study}")
    act(browser, place, "leave")
    dialogue(browser)
    browser.post("/begin", expects=expects(browser.get("/task")))


@pytest.mark.parametrize("place", WAY)
def test_one_click_ends_it_and_pays_from_everywhere(site: Site, place: str) -> None:
    person = site.person()
    browser = site.browser(person)
    walk(browser, place)
    page = browser.get("/task")
    assert 'action="/town/stop"' in page.text
    assert place in str(page.url) or place in ("brief", "rest", "after", "between")
    page = browser.post("/stop")
    assert page.url.path.endswith("/done")
    assert re.search(
        r"1\.6[78] USD|[1-9]\.\d\d USD", page.text
    )  # at least five minutes of 20 an hour
    paid = site.serving.payments.of(person)
    assert paid is not None
    assert paid.amount >= 167
    assert try_to_begin(browser).status_code != 500
    with site.serving.store.database.reading() as c:
        assert None not in set(c.scalars(select(attacks.c.ending)))


# The worst content


def reported(site: Site) -> tuple[Person, Browser, str]:
    """A member who reports the dialogue that they are in."""
    person = site.person()
    browser = site.browser(person)
    to_the_brief(browser)
    place = begin(browser)
    act(browser, place, "describe", text=SAID)
    turn(browser, place)
    page = browser.post("/report", about=f"/town{place}")
    assert page.url.path.endswith("/report/done"), page.text
    assert "Your work is paused" in page.text
    assert "ada@example.org" in page.text
    return person, browser, place


def test_one_click_locks_a_dialogue_away_from_everybody(site: Site) -> None:
    person, browser, place = reported(site)
    kept, study = site.serving.studies["town"], site.serving.studies["town"].id
    assert gather(kept.open, over_only=False) == {}
    assert site.serving.store.events(study) == {}
    with site.serving.store.database.reading() as c:
        row = c.execute(select(attacks)).one()
        bodies = list(c.scalars(select(events.c.body)))
        state = c.scalar(select(people.c.state).where(people.c.id == person.id))
    assert (row.ending, state) == ("attacker_stopped", "paused")
    for body in bodies:  # their own key opens it no more
        with pytest.raises(Exception, match="does not open"):
            site.serving.store.vault.open(person.key or "", body)
    assert browser.get(place).status_code == 404
    assert browser.post(place, act="say", text="more", expects=4).status_code == 404
    assert browser.post("/begin", expects=5).status_code == 409
    for role in ("owner", "researcher", "review_lead", "reviewer", "care"):
        looker = site.browser(site.person(role))
        for where in ("/study", "/study/attack/1", "/study/flags", "/study/reviews", "/review"):
            assert SAID not in looker.get(where).text, (role, where)
    assert "paid" in browser.post("/stop").text.lower()
    paid = site.serving.payments.of(person)
    assert paid is not None
    assert paid.amount > 0


def test_replies_that_come_after_the_report_are_not_kept(site: Site) -> None:
    person = site.person()
    browser = site.browser(person)
    to_the_brief(browser)
    place = begin(browser)
    act(browser, place, "describe", text=SAID)
    act(browser, place, "say", text="hello")
    browser.post("/report", about=f"/town{place}")
    before = lines(site)
    time.sleep(0.5)
    assert lines(site) == before
    browser.post("/report", about=f"/town{place}")  # a second click
    with site.serving.store.database.reading() as c:
        assert len(c.execute(select(reports.c.id)).all()) == 1


def state(site: Site, person: Person) -> str:
    found = site.serving.people.get(person.id)
    assert found is not None
    return found.state


def lines(site: Site) -> int:
    with site.serving.store.database.reading() as c:
        return len(c.execute(select(events.c.number)).all())


def test_a_report_pauses_whoever_it_is_in_every_study_and_nobody_else(tmp_path: Path) -> None:
    with two_studies(tmp_path, "") as site:
        (first, browser), (second, other) = both(site)
        left = site.person(study="two", subject="the same person")
        site.serving.people.set_state(left, "left", by=left.name)
        nobody, else_ = site.person(study="two"), site.person(study="two", subject="another")
        place = begin(browser)
        act(browser, place, "describe", text=SAID)
        assert browser.post("/report", about=f"/one{place}").status_code == 200
        assert [state(site, one) for one in (first, second, left)] == ["paused", "paused", "left"]
        assert [state(site, one) for one in (nobody, else_)] == ["active", "active"]
        assert "Nobody blames you" in other.get("/task").text
        assert try_to_begin(other).status_code in (403, 409)
        for person in (first, second):
            entries = Audit(site.serving.store.database).entries(person.study_id)
            assert ("made paused", person.name) in [(e.what, e.object) for e in entries]


def test_care_reads_it_for_a_reason_that_the_audit_keeps_first(site: Site) -> None:
    reported(site)
    carer = site.person("care")
    care = site.browser(carer)
    assert "Attack 1" in care.get("/care").text
    assert SAID not in care.get("/care/locked/1").text
    assert care.post("/care/locked/1").status_code == 422
    assert SAID in care.post("/care/locked/1", why="The police asked.").text
    entries = Audit(site.serving.store.database).entries(carer.study_id)
    read = next(e for e in entries if e.what == "read quarantined transcript")
    assert (read.who, read.object) == (carer.name, "attack 1")
    assert "The police asked." in read.detail
    for role in ("owner", "researcher", "review_lead", "member", "reviewer"):
        other = site.browser(site.person(role))
        assert other.post("/care/locked/1", why="curious").status_code == 403


def test_a_reviewer_reports_the_same_way_and_loses_nothing(site: Site) -> None:
    served = site.serving.studies["town"]
    author, reviewer = site.person(), site.person("reviewer")
    protocol = served.open.file.protocol_hash
    put_attack(site.serving.store, author, protocol, description=SAID)
    kept = served.reviewing.kept
    place = kept.claim(reviewer, 1, most=3, seconds=600)
    assert place is not None
    browser = site.browser(reviewer)
    other = site.browser(site.person("reviewer"))
    other.post("/report", about=f"/town/review/item/{place.id}")  # it is not theirs
    assert gather(served.open)
    page = browser.post("/report", about=f"/town/review/item/{place.id}")
    assert page.url.path.endswith("/report/done")
    assert "Your work is paused" not in page.text
    assert gather(served.open) == {}
    assert kept.waiting(served.id) == []
    closed = kept.place(reviewer, place.id)
    assert closed is not None
    assert closed.state == "skipped"
    assert state(site, author) == "paused"
    assert state(site, reviewer) == "active"


def test_nobody_locks_away_what_is_not_theirs(site: Site) -> None:
    served = site.serving.studies["town"]
    put_attack(site.serving.store, site.person(), served.open.file.protocol_hash)
    stranger = site.browser(site.person())
    for about in ("/town/attack/1", "/other/attack/1", "/town/attack/1/", "/town/review/item/1"):
        assert stranger.post("/report", about=about).status_code == 422
    assert len(gather(served.open)) == 1


def test_the_report_page_names_each_dialogue_and_chooses_none(site: Site) -> None:
    browser = site.browser(site.person())
    to_the_brief(browser)
    for number in (1, 2):
        place = begin(browser)
        act(browser, place, "describe", text=f"aim {number} " + "and more of it " * 20)
        act(browser, place, "leave")
    for place, where in (("rest", "/begin"), ("between", "/feel")):
        page = browser.post(where, act="skip", expects=expects(browser.get("/task")))
        browser.post("/go", place=place, expects=expects(page))
    browser.post("/feel", act="skip")
    begin(browser)
    page = browser.get("/report").text
    told = re.findall(
        r'<input type="radio"[^>]*(/town/attack/\d)" required>\s*<span><bdi>(.*?)<', page
    )
    assert [address[-1] for address, _ in told] == ["3", "2", "1"]
    names = [name for _, name in told]
    assert names[0] == "Dialogue 1 of 2: no aim yet"
    assert names[1].startswith("Task 1, dialogue 2 of 2: “aim 2 and more")
    assert max(map(len, names)) < 140
    assert "checked" not in page  # nothing is locked away by a slip
    assert browser.post("/report").status_code == 422


def test_any_other_report_is_a_flag_for_the_owner(site: Site) -> None:
    person = site.person()
    browser = site.browser(person)
    assert browser.post("/report", kind="other", note=" ").status_code == 422
    browser.post("/report", kind="other", note="The button jumps.")
    assert "The button jumps." in site.browser(site.person("owner")).get("/study/flags").text
    assert state(site, person) == "active"


# Telling the legal contact


class Mail(socketserver.StreamRequestHandler):
    """Enough of a mail server."""

    letters: list[str]

    def handle(self) -> None:
        self.wfile.write(b"220 here\r\n")
        while line := self.rfile.readline().decode().strip():
            word = line.split()[0].upper()
            if word == "DATA":
                self.wfile.write(b"354 go on\r\n")
                text = b""
                while (part := self.rfile.readline()) != b".\r\n":
                    text += part
                self.letters.append(text.decode())
            self.wfile.write(b"221 bye\r\n" if word == "QUIT" else b"250 ok\r\n")
            if word == "QUIT":
                return


@contextmanager
def mail_server() -> Iterator[tuple[int, list[str]]]:
    class Handler(Mail):
        letters: list[str] = []  # noqa: RUF012

    with socketserver.TCPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server.server_address[1], Handler.letters
        server.shutdown()
        thread.join()


def test_without_a_mail_server_owners_are_told_what_to_do(site: Site) -> None:
    reported(site)
    owner = site.browser(site.person("owner"))
    until = time.monotonic() + 10
    while NO_MAIL not in (page := owner.get("/study/reports")).text:
        assert time.monotonic() < until
        time.sleep(0.2)
    assert "not told yet" in page.text
    assert "Tell them yourself now" in page.text
    assert SAID not in page.text


def test_the_legal_contact_is_told_once_and_without_the_content(site: Site) -> None:
    person, _, _ = reported(site)
    quarantine, study = Quarantine(site.serving.store), site.serving.studies["town"]
    contact = study.study.care.legal_contact
    assert contact is not None
    with mail_server() as (port, letters):
        smtp = f"smtp://127.0.0.1:{port}/?from=study@example.org"
        post = Post(smtp, "https://study.example.org", {study.id: ("town", contact)})
        while (due := quarantine.take([study.id])) is None:  # the site itself has tried
            with site.serving.store.database.writing() as c:
                c.execute(update(reports).values(due=0.0))
        assert quarantine.take([study.id]) is None  # no other process has it meanwhile
        post.send(due)
        quarantine.told(due)
    assert quarantine.take([study.id]) is None
    (letter,) = letters
    assert "To: bea@example.org" in letter
    assert "From: study@example.org" in letter
    assert "https://study.example.org/town/care" in letter
    assert SAID not in letter
    assert person.name not in letter
    assert "told 2" in site.browser(site.person("owner")).get("/study/reports").text


# Withdrawal


def test_withdrawing_takes_two_steps_and_leaves_nothing_but_the_pay(site: Site) -> None:
    person = site.person()
    browser = site.browser(person)
    to_the_brief(browser)
    dialogue(browser)
    served = site.serving.studies["town"]
    assert gather(served.open)
    link = 'href="/town/withdraw"'
    assert link in browser.get("/task").text
    assert "destroyed" in browser.get("/withdraw").text
    assert browser.post("/withdraw").url.path.endswith("/withdraw")  # one click is not enough
    assert gather(served.open)
    page = browser.post("/withdraw", sure="1")
    assert "You have withdrawn" in page.text
    assert re.search(r"\d\.\d\d USD", page.text)
    assert gather(served.open, over_only=False) == {}
    assert browser.get("/task").status_code == 401
    paid = site.serving.payments.of(person)
    assert paid is not None
    assert paid.amount > 0
    assert served.reviewing.kept.waiting(served.id) == []
    owner = site.browser(site.person("owner"))
    for place in ("/study", "/study/members", "/study/reviews", "/study/audit", "/study/flags"):
        assert owner.get(place).status_code == 200
        assert "I try to make it rude" not in owner.get(place).text


def test_after_the_release_withdrawal_is_refused_with_its_reason(site: Site) -> None:
    browser = site.browser(site.person())
    to_the_brief(browser)
    with site.serving.store.database.writing() as c:
        c.execute(update(studies).values(released_at="2031-05-04T00:00:00"))
    assert "released on 2031-05-04" in browser.get("/withdraw").text
    assert "released on 2031-05-04" in browser.post("/withdraw", sure="1").text
    assert "Begin dialogue 1" in browser.get("/task").text


def test_who_withdrew_does_not_come_back_by_their_link(site: Site) -> None:
    served = site.serving.studies["town"]
    token = site.serving.people.invite(served.id, "member", by="owner")
    browser = site.browser()
    browser.post(f"/come/{token}")
    browser.learn()
    browser.post("/withdraw", sure="1")
    assert site.serving.people.of_study(served.id)[0].state == "erased"
    assert site.browser().post(f"/come/{token}").status_code == 403
