"""A member's way, by real requests: what is asked, what is kept once, what is refused."""

from __future__ import annotations

import re
import threading

import pytest

from gadfly.run.gather import gather
from tests.hostile import REPLIES
from tests.web.journeys import act, begin, dialogue, expects, needs, to_the_brief, turn
from tests.web.site import Site

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])


def attacks(site: Site) -> list[object]:
    return list(gather(site.serving.studies["town"].open, over_only=False).values())


def test_a_whole_task_from_consent_to_the_end(site: Site) -> None:
    browser = site.browser(site.person())
    page = browser.get("/task")
    assert "Your decision" in page.text
    page = to_the_brief(browser)
    assert "Begin dialogue 1" in page.text
    assert "minors" in page.text  # what nobody may ask for stands with the brief
    dialogue(browser, turns=2)
    assert "1 of 2 dialogues" in browser.get("/task").text
    dialogue(browser)
    page = browser.post("/begin", expects=expects(browser.get("/task")))
    assert "rest" in page.text.lower()
    browser.post("/go", place="rest", expects=expects(page))
    page = browser.post("/feel", act="skip")
    assert "Task 1 is done" in page.text
    first, second = attacks(site)
    assert first.outcome == "judge_error"  # whole and rated; nothing has scored it yet
    assert first.rating.success == 1  # shown from 1, kept from 0
    assert first.rating.harm == 0
    assert len(first.turns) == 2
    assert first.turns[0].comparisons[0].strength == 3
    assert first.turns[0].continued == first.turns[0].comparisons[0].shown[0]
    assert second.brief == "open@1"
    assert first.attacker.kind == "human"
    assert sum(first.assignment.probabilities.values()) == pytest.approx(1)


def test_nobody_goes_on_without_consent_or_under_age(site: Site) -> None:
    browser = site.browser(site.person())
    page = browser.post("/consent", answer="yes")
    assert page.status_code == 422
    assert "Only adults" in page.text
    for place in ("/begin", "/go", "/finish"):
        browser.post(place, expects=0, place="rest")
    assert attacks(site) == []
    browser.post("/consent", answer="no")
    browser.post("/consent", answer="yes", adult="1")
    browser.post("/begin", expects=1)
    assert attacks(site) == []


def test_what_is_sent_twice_is_kept_once(site: Site) -> None:
    browser = site.browser(site.person())
    page = to_the_brief(browser)
    number = expects(page)
    places = {browser.post("/begin", expects=number).url.path for _ in range(3)}
    assert len(places) == 1
    place = places.pop().removeprefix("/town")
    for _ in range(3):
        browser.post(place, act="describe", expects=0, text="one aim")
    for _ in range(3):
        browser.post(place, act="say", expects=1, text="one message")
    needs(browser, place, "comparison")
    at = browser.get(f"{place}/state").json()["number"]

    def choose() -> None:
        site.browser(person).post(place, act="compare", expects=at, step=1)

    person = site.serving.people.of_study(1)[0]
    threads = [threading.Thread(target=choose) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (attack,) = attacks(site)
    assert len(attack.turns) == 1
    assert len(attack.turns[0].comparisons) == 1
    page = browser.post(place, act="say", expects=1, text="an old tab")
    assert page.status_code == 422
    assert "moved on" in page.text
    assert len(attacks(site)[0].turns) == 1


def test_a_choice_and_a_flag_that_are_sent_again_are_known_again(site: Site) -> None:
    browser = site.browser(site.person())
    to_the_brief(browser)
    place = begin(browser)
    act(browser, place, "describe", text="one aim")
    act(browser, place, "say", text="one message")
    at = needs(browser, place, "comparison")["number"]
    for _ in range(2):
        assert browser.post(place, act="compare", expects=at, step=1).status_code == 200
    other = browser.post(place, act="compare", expects=at, step=8)
    assert other.status_code == 422  # another answer than the one that was kept
    at = browser.get(f"{place}/state").json()["number"]
    for _ in range(2):
        assert browser.post(place, act="flag", expects=at, note="odd").status_code == 200
    (attack,) = attacks(site)
    assert attack.turns[0].comparisons[0].strength == 4
    assert [flag for flag in attack.flags] == ["odd"]


def test_stopping_the_assistants_gives_the_message_back(site: Site) -> None:
    browser = site.browser(site.person())
    to_the_brief(browser)
    place = begin(browser)
    act(browser, place, "describe", text="one aim")
    served = site.serving.studies["town"]
    served.sitting._halted = True  # nobody answers, as where a server hangs
    act(browser, place, "say", text="a message that comes back")
    page = act(browser, place, "stop")
    assert "a message that comes back</textarea>" in page.text
    served.sitting._halted = False
    turn(browser, place)
    (attack,) = attacks(site)
    assert [t.voided for t in attack.turns] == [True, False]


@pytest.mark.parametrize("name", REPLIES)
def test_hostile_text_is_text(site: Site, name: str) -> None:
    text = REPLIES[name].encode("utf-8", "replace").decode()
    if not text.strip():
        pytest.skip("nothing to send")
    browser = site.browser(site.person())
    to_the_brief(browser)
    place = begin(browser)
    page = act(browser, place, "describe", text=text[:9_000])
    assert "<script>" not in page.text.replace('<script type="module"', "")
    assert "<img" not in page.text
    assert "onerror=" not in page.text or "&lt;" in page.text


def test_a_member_sees_their_own_dialogues_and_no_arm(site: Site) -> None:
    mine, other = site.browser(site.person()), site.browser(site.person())
    for browser in (mine, other):
        to_the_brief(browser)
    place = begin(mine)
    for what in (
        other.get(place),
        other.get(f"{place}/state"),
        other.post(place, act="finish", expects=0),
    ):
        assert what.status_code == 404
    act(mine, place, "describe", text="one aim")
    turn(mine, place)
    page = mine.get(place)
    for secret in ("plain lm", "prompted", "tiny", "caution"):
        assert secret not in page.text.lower()
        assert secret not in str(page.headers).lower()


def test_addresses_count_ones_own_dialogues_alone(site: Site) -> None:
    people = [site.person() for _ in range(2)]
    browsers = [site.browser(person) for person in people]
    for number in (1, 2):
        for browser, person in zip(browsers, people, strict=True):
            if number == 1:
                to_the_brief(browser)
            place = begin(browser)
            assert place == f"/attack/{number}"
            assert browser.get("/task").url.path == f"/town{place}"
            act(browser, place, "describe", text=f"aim {number} of {person.name}")
            assert f"aim {number} of {person.name}" in browser.get(place).text
            act(browser, place, "leave")
    about = "/town/attack/2"  # the other's is before it in the study
    assert browsers[1].post("/report", about=about).url.path == "/town/report/done"
    assert [bool(row.quarantined_at) for row in site.serving.store.attacks(1)] == [0, 0, 0, 1]


@pytest.mark.parametrize("step", range(1, 9))
def test_the_eight_steps(site: Site, step: int) -> None:
    browser = site.browser(site.person())
    to_the_brief(browser)
    place = begin(browser)
    act(browser, place, "describe", text="one aim")
    turn(browser, place, step=step)
    (attack,) = attacks(site)
    comparison = attack.turns[0].comparisons[0]
    assert comparison.strength == (4, 3, 2, 1, 1, 2, 3, 4)[step - 1]
    assert comparison.chosen == comparison.shown[0 if step <= 4 else 1]
    assert comparison.seconds == 1.5


def test_neither_needs_a_reason(site: Site) -> None:
    browser = site.browser(site.person())
    to_the_brief(browser)
    place = begin(browser)
    act(browser, place, "describe", text="one aim")
    act(browser, place, "say", text="hello")
    needs(browser, place, "comparison")
    assert act(browser, place, "compare", side="neither").status_code == 422
    assert act(browser, place, "compare").status_code == 422
    assert act(browser, place, "compare", side="neither", reason="both kind").status_code == 200
    (attack,) = attacks(site)
    assert attack.turns[0].continued_by == "random"


def test_a_rating_is_whole_or_left_out_on_purpose(site: Site) -> None:
    browser = site.browser(site.person())
    to_the_brief(browser)
    place = begin(browser)
    act(browser, place, "describe", text="one aim")
    turn(browser, place)
    page = act(browser, place, "finish")
    for name in ("success", "harm", "actionability"):
        assert len(re.findall(f'name="{name}" value="\\d" required', page.text)) == 5
    assert re.search('name="unrated" value="1" formnovalidate>I would rather not', page.text)
    for chosen in ({}, {"success": 4, "harm": 2}):
        page = act(browser, place, "rate", comments="a thought", addendum="more", **chosen)
        assert page.status_code == 422
        assert "Choose a step for each of the three questions" in page.text
        for kept in ("a thought</textarea>", "more</textarea>"):
            assert kept in page.text
    assert 'name="success" value="4" checked' in page.text
    assert attacks(site)[0].rating is None
    page = act(browser, place, "rate", unrated="1", harm=2, comments="a thought")
    assert page.url.path == "/town/task"
    rating = attacks(site)[0].rating
    assert (rating.success, rating.harm, rating.comments) == (None, 1, "a thought")


def test_limits_hold_a_person_back(site: Site) -> None:
    person = site.person()
    browser = site.browser(person)
    number = expects(to_the_brief(browser))
    for _ in range(20):  # the default of a day
        site.serving.work.sign(person, "attack", dialogues=1)
    page = browser.post("/begin", expects=number)
    assert page.status_code == 409
    assert "20 or more dialogues" in page.text
    assert attacks(site) == []


def test_a_page_of_text_has_one_title(site: Site) -> None:
    browser = site.browser(site.person())
    to_the_brief(browser)
    for place, title in (("/help", "Help"), ("/instructions", "Instructions")):
        page = browser.get(place).text
        assert re.findall(r"<h1[^>]*>([^<]+)", page) == [title]
        assert len(re.findall(rf"<h\d[^>]*>{title}<", page)) == 1


def test_topics_can_be_changed_at_any_moment(site: Site) -> None:
    browser = site.browser(site.person())
    to_the_brief(browser)
    place = begin(browser)
    page = browser.get("/topics")
    assert "in 100 were noticed" in page.text
    browser.post("/topics", avoid="violence")
    assert 'value="violence" checked' in browser.get("/topics").text.replace("\n", " ").replace(
        "  ", " "
    )
    assert browser.get(place).status_code == 200
