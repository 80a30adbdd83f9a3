"""A reviewer's way over a real socket, and everything that a reviewer must not be able to do."""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape
from pathlib import Path
from typing import Any

import httpx2
import pytest

from gadfly.care.journey import Consented, Step, TopicsChosen
from gadfly.records.canonical import canonical_json
from gadfly.records.reviews import Review
from gadfly.store.feelings import Feelings
from gadfly.store.people import Person, Role
from gadfly.store.rows import StoredAttack
from tests.hostile import REPLIES
from tests.web.attacks import ARM, put_attack
from tests.web.site import Browser, Site, serve, write_study

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])
RIGHT: dict[str, Any] = {"success": 2, "intent_harm": 4, "tags": "Weapons", "shown": 3}
OTHER_ARM = "context distillation tiny"


class Bench:
    """A site with attacks to review, and people."""

    def __init__(self, site: Site) -> None:
        self.site, self.served = site, site.serving.studies["town"]
        self.kept = self.served.reviewing.kept

    def attack(self, who: Person | None = None, **more: Any) -> StoredAttack:
        who = who or self.site.person("member")
        digest = self.served.open.file.protocol_hash
        return put_attack(self.site.serving.store, who, digest, **more)

    def reviewer(
        self, *roles: Role, avoid: tuple[str, ...] = (), **more: Any
    ) -> tuple[Person, Browser]:
        """Somebody who has agreed and chosen topics."""
        person = self.site.person(*(roles or ("reviewer",)), **more)
        steps: list[Step] = [
            Consented(task="review", agreed=True, adult=True, texts=()),
            TopicsChosen(avoid=avoid),
        ]
        for number, step in enumerate(steps):
            body = canonical_json(step).decode()
            assert self.site.serving.people.add_step(person, number, body)
        return person, self.site.browser(person)

    def reviews(self) -> list[Review]:
        return self.kept.of_study(self.served.id)


def begin(browser: Browser) -> httpx2.Response:
    """Take the next attack; the answer is its preview."""
    return browser.post("/review/next")


def here(page: httpx2.Response) -> str:
    """The place that a page is about, without the study."""
    assert "/review/item/" in str(page.url), page.text
    return page.url.path.removeprefix("/town")


@contextmanager
def serve_bench(folder: Path, review: str, database: str | None = None) -> Iterator[Bench]:
    """A site whose limits nobody reaches."""
    limits = "{dialogues_per_day: 300, dialogues_per_week: 300, severe_per_day: 300}"
    more = f"  limits: {limits}\nreview: {review}"
    with serve(write_study(folder, more=more), database=database) as site:
        yield Bench(site)


@pytest.fixture
def bench(tmp_path: Path, socket_enabled: None) -> Iterator[Bench]:
    """No training; three turns open one by one."""
    with serve_bench(tmp_path, "{training: false, task_size: 2}") as made:
        yield made


def test_a_reviewer_agrees_practises_and_judges(tmp_path: Path, socket_enabled: None) -> None:
    with serve_bench(tmp_path, "{task_size: 2}") as bench:
        bench.attack()
        person = bench.site.person("reviewer")
        browser = bench.site.browser(person)
        assert "Reviewing for A study of the town" in browser.get("/review").text
        assert browser.post("/review/consent", answer="yes").status_code == 422
        page = browser.post("/review/consent", answer="yes", adult="1")
        assert page.url.path == "/town/topics"
        page = browser.post("/topics")
        assert page.url.path == "/town/review/training"
        assert "/training" in begin(browser).url.path  # nothing real before practice
        for item in bench.served.open.file.materials.worked.items:
            assert item.task_description in unescape(page.text)
            low, high = item.expected.success[0], item.expected.intent_harm[1]
            tags = item.expected.tags["ganguli2022"]
            wrong = {"success": 5 - 4 * (low > 2), "intent_harm": high + 1, "tags": tags[:1]}
            page = browser.post(f"/review/training/{item.id}", **wrong)
            assert "Not quite" in page.text
            assert item.task_description in unescape(page.text)  # a second try
            right = {"success": low + 1, "intent_harm": high + 1, "tags": tags[:1]}
            page = browser.post(f"/review/training/{item.id}", **right)
            assert "As expected" in page.text
        assert "You are ready" in page.text
        place = here(begin(browser))
        assert browser.post(place, **RIGHT).url.path == "/town/review"
        kinds = Counter(review.kind for review in bench.reviews())
        assert kinds == {
            "training": 2 * len(bench.served.open.file.materials.worked.items),
            "study": 1,
        }


def test_saying_no_ends_it(bench: Bench) -> None:
    browser = bench.site.browser(bench.site.person("reviewer"))
    browser.post("/review/consent", answer="no")
    bench.attack()
    assert "/review/item" not in begin(browser).url.path
    assert bench.reviews() == []


def test_the_preview_comes_first_and_turns_open_one_by_one(bench: Bench) -> None:
    bench.attack()
    person, browser = bench.reviewer()
    page = begin(browser)
    place = here(page)
    assert "I want to know how the mill" in page.text
    for shown in range(4):
        page = browser.get(place + (f"?shown={shown}" if shown else ""))
        told = re.findall(r"reply (\d)\.0", page.text)
        assert told == [str(n + 1) for n in range(shown)]  # what was not opened was not sent
        assert ("Your judgement" in page.text) == (shown == 3)
        assert ("I have seen enough" in page.text) == (shown in (1, 2))
    assert "Your judgement" in browser.get(f"{place}?shown=1&judge=1").text
    assert re.findall(r"reply (\d)\.0", browser.get(f"{place}?shown=9").text) == ["1", "2", "3"]
    browser.post(place, **{**RIGHT, "shown": 1, "comments": " seen "})
    (review,) = bench.reviews()
    assert (review.turns_seen, review.seen_enough, review.reviewer) == (1, True, person.name)
    assert review.verdict is not None
    assert (review.verdict.success, review.verdict.intent_harm) == (1, 3)
    assert (review.verdict.tags, review.verdict.comments) == (("Weapons",), "seen")


def test_nothing_received_tells_the_arm_the_member_or_another_verdict(bench: Bench) -> None:
    """Attacks that differ in arm alone come as the same bytes, but for the place's own name."""
    member = bench.site.person("member")
    bench.attack(member), bench.attack(member, arm=OTHER_ARM)
    first, other = bench.reviewer()
    sees: dict[int, list[str]] = {}
    for _ in range(2):
        pages = [begin(other)]
        place = here(pages[0])
        pages += [other.get(f"{place}?shown=3"), other.get(place)]
        for page in pages:
            raw = f"{page.headers}{page.text}"
            for secret in (ARM, OTHER_ARM, "plain lm", "distillation", member.name, "telling-name"):
                assert secret not in raw
            assert "secret comment" not in raw
            assert "constant" not in raw
        key = place.rsplit("/", 1)[1]
        row = bench.kept.place(first, key)
        assert row is not None
        names = ("date", "content-length")
        sees[row.attack_id] = [
            "".join(f"{n}:{v}" for n, v in page.headers.items() if n not in names)
            + page.text.replace(key, "KEY")
            for page in pages
        ]
        sent = other.post(place, **RIGHT, comments="nobody else may read this")
        assert "nobody else" not in sent.text
    one, two = sees.values()
    assert one == two
    _, third = bench.reviewer()
    page = begin(third)
    text = page.text + third.get(f"{here(page)}?shown=3").text
    assert "nobody else" not in text
    assert first.name not in text


def test_ones_own_attack_never_comes(bench: Bench) -> None:
    person, browser = bench.reviewer("member", "reviewer", subject="same")
    twin = bench.site.person("member", subject="same")
    bench.attack(person), bench.attack(twin)
    assert "Nothing waits" in begin(browser).text
    other = bench.attack()
    place = bench.kept.place(person, here(begin(browser)).rsplit("/", 1)[1])
    assert place is not None
    assert place.attack_id == other.id


def test_anothers_place_opens_nothing(bench: Bench) -> None:
    bench.attack()
    _, mine = bench.reviewer()
    place = here(begin(mine))
    mine.post(place, **RIGHT)
    _, other = bench.reviewer()
    begin(other)
    for key in (place, "/review/item/1", "/review/item/nonsense"):
        assert other.get(f"{key}?shown=3").status_code == 404
        assert other.post(key, **RIGHT).status_code == 404
    assert len(bench.reviews()) == 1


def test_double_clicks_reloads_and_back_change_nothing(bench: Bench) -> None:
    for _ in range(3):
        bench.attack()
    person, browser = bench.reviewer()
    place = here(begin(browser))
    assert here(begin(browser)) == place  # still the same one
    assert here(browser.get(place)) == place
    browser.post(place, **RIGHT)
    again = browser.post(place, **{**RIGHT, "success": 5})
    assert again.url.path == "/town/review"
    assert browser.get(place).url.path == "/town/review"  # back
    (review,) = bench.reviews()
    assert review.verdict is not None
    assert review.verdict.success == 1
    stretches = bench.site.serving.work.of(person)
    assert sum(stretch.dialogues for stretch in stretches) == 1
    assert sum(stretch.severe for stretch in stretches) == 1  # harm 4 of 1-5 is severe


def test_a_skip_asks_nothing_costs_nothing_and_does_not_come_back(bench: Bench) -> None:
    bench.attack()
    _, browser = bench.reviewer()
    assert browser.post(here(begin(browser)), act="skip").status_code == 200
    assert "Nothing waits" in begin(browser).text
    (review,) = bench.reviews()
    assert review.skipped
    assert review.turns_seen == 0
    assert [row.done for row in bench.kept.waiting(bench.served.id)] == [0]
    assert "1 of 2 dialogues of this task" in browser.get("/review").text


def test_the_audit_has_what_a_reviewer_opened_and_did_and_no_word_of_it(bench: Bench) -> None:
    for _ in range(2):
        bench.attack()
    person, browser = bench.reviewer()

    def noted() -> list[tuple[str, str, str]]:
        entries = bench.site.serving.audit.entries(bench.served.id)
        return [(e.what, e.object, e.detail) for e in entries if e.who == person.name]

    place = here(begin(browser))
    browser.get(place)
    assert noted() == []  # the preview is no transcript
    for shown in (1, 2, 2):
        browser.get(f"{place}?shown={shown}")
    place_of = bench.kept.place(person, place.rsplit("/", 1)[1])
    assert place_of is not None
    attack = next(f"attack {r.number}" for r in bench.kept.waiting(1) if r.id == place_of.attack_id)
    assert noted() == [("revealed transcript", attack, "{}")]
    for _ in range(2):
        browser.post(place, **RIGHT, comments="a word on it")
    assert noted() == [("reviewed", attack, "{}"), ("revealed transcript", attack, "{}")]
    place = here(begin(browser))  # that it was opened takes no later one away
    assert browser.post(place, shown=3).status_code == 422  # nor is a wrong form a way around
    assert noted()[0][0] == "revealed transcript"
    browser.post(place, act="skip")
    assert [what for what, *_ in noted()][:2] == ["skipped", "revealed transcript"]
    assert len(noted()) == 4


def test_after_a_task_comes_a_rest(bench: Bench) -> None:
    for _ in range(2):
        bench.attack()
    _, browser = bench.reviewer()
    assert browser.post(here(begin(browser)), **RIGHT).url.path == "/town/review"
    assert browser.post(here(begin(browser)), **RIGHT).url.path == "/town/review/rest"


def test_every_so_many_tasks_a_reviewer_is_asked_how_they_feel(
    tmp_path: Path, socket_enabled: None
) -> None:
    more = "  survey_every: 1\nreview: {training: false, task_size: 1}"
    with serve(write_study(tmp_path, more=more)) as site:
        bench = Bench(site)
        bench.attack()
        person, browser = bench.reviewer()
        page = browser.post(here(begin(browser)), **RIGHT)
        assert page.url.path == "/town/review/feel"
        assert browser.post("/review/feel", act="skip").url.path == "/town/review/rest"
        (felt,) = Feelings(site.serving.store).own(person)
        assert (felt.moment, felt.task, felt.answers) == ("review", 1, {})
        assert browser.get("/review/feel").url.path == "/town/review/rest"


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        ({"intent_harm": 3}, "Two answers are needed"),
        ({**RIGHT, "tags": ["Weapons", "Theft", "Other"]}, "3 tags are chosen|at most two"),
        ({**RIGHT, "tags": ["No such tag"]}, "no tag of"),
        ({**RIGHT, "expert_domain": "astrology"}, "no field of this study"),
        ({**RIGHT, "success": 6}, "success"),
    ],
)
def test_a_wrong_form_is_explained_and_nothing_typed_is_lost(
    bench: Bench, sent: dict[str, Any], told: str
) -> None:
    bench.attack()
    _, browser = bench.reviewer()
    place = here(begin(browser))
    page = browser.post(place, **sent, comments="what I typed")
    assert page.status_code == 422
    assert re.search(told, page.text)
    if sent.get("success") != 6:
        assert "what I typed" in page.text
        assert "Your judgement" in page.text
    assert bench.reviews() == []


def test_a_topic_opted_out_of_does_not_come_and_an_undecided_one_says_so(bench: Bench) -> None:
    topic = next(t for t in bench.served.reviewing._topics if t.words and t.hints)
    word, hint = (re.sub(r"[*-]", "", w.split()[0]) for w in (topic.words, topic.hints))
    plain = "I want to know what the people of the town do with"
    bench.attack(description=f"{plain} {word}", said="What is it that they do?")
    _, browser = bench.reviewer(avoid=(topic.id,))
    assert "topics that you opted out of" in begin(browser).text
    bench.attack(description=f"{plain} {hint}", said="What is it that they do?")
    assert "We cannot tell" in begin(browser).text
    _, open_to_all = bench.reviewer()
    assert "We cannot tell" not in begin(open_to_all).text


def test_an_experts_attack_comes_to_that_expert_alone(bench: Bench) -> None:
    bench.attack(domain="law")
    _, anybody = bench.reviewer()
    _, chemist = bench.reviewer("expert", domains=["chemistry and biology"])
    _, lawyer = bench.reviewer("expert", domains=["law"])
    for browser in (anybody, chemist):
        assert "waits for an expert" in begin(browser).text
    bench.attack()
    assert here(begin(lawyer))
    assert here(begin(anybody))


def test_a_reviewer_can_hand_an_attack_to_an_expert(bench: Bench) -> None:
    bench.attack()
    _, first = bench.reviewer()
    first.post(here(begin(first)), **RIGHT, expert_domain="law")
    assert "waits for an expert" in begin(bench.reviewer()[1]).text
    assert here(begin(bench.reviewer("expert", domains=["law"])[1]))


def test_hostile_texts_stay_texts(bench: Bench) -> None:
    texts = [text[:9_000] for text in REPLIES.values() if text.strip()]
    for text in texts:
        bench.attack(description=text, said=text, turns=1)
    _, browser = bench.reviewer()
    lead = bench.site.browser(bench.site.person("review_lead"))
    pages = []
    for text in texts:
        place = here(begin(browser))
        pages.append(browser.get(f"{place}?shown=1"))
        browser.post(place, **RIGHT, comments=text[:5_000])
    pages += [lead.get(f"/study/reviews/{number}") for number in range(1, len(texts) + 1)]
    for page in pages:
        assert page.status_code == 200
        for live in ("<script>document", "<img src=x", "<svg/onload", "</title></td>", "<a href=j"):
            assert live not in page.text
        own = re.findall(r'<script type="module" src="/static/', page.text)
        assert page.text.count("<script") == len(own)
    assert len(bench.reviews()) == len(texts)


def test_a_limit_stops_the_next_one_but_not_the_open_one(
    tmp_path: Path, socket_enabled: None
) -> None:
    more = "  limits: {dialogues_per_day: 1, dialogues_per_week: 5}\nreview: {training: false}"
    with serve(write_study(tmp_path, more=more)) as site:
        bench = Bench(site)
        bench.attack(), bench.attack()
        person, browser = bench.reviewer()
        place = here(begin(browser))
        assert here(begin(browser)) == place
        assert browser.post(place, **RIGHT).status_code == 200
        page = begin(browser)
        assert "1 or more dialogues in the last 24 hours" in page.text
        assert "You can go on in" in page.text
        assert len(bench.reviews()) == 1
        bench.site.serving.people.set_state(person, "paused", by="care", because="A rest first.")
        assert "A rest first." in browser.get("/review").text
        assert browser.get(place).status_code == 403


def test_many_reviewers_at_once_never_exceed_the_number(
    tmp_path: Path, socket_enabled: None, database_url: str
) -> None:
    with serve_bench(tmp_path, "{training: false, per_attack: 2}", database_url) as bench:
        for _ in range(3):
            bench.attack(turns=1)
        crowd = [bench.reviewer() for _ in range(8)]
        ready = threading.Barrier(len(crowd))
        failed: list[str] = []

        def press(browser: Browser) -> None:
            ready.wait()
            while True:
                page = begin(browser)
                if "/item/" not in page.url.path:
                    return
                if browser.post(here(page), **RIGHT).status_code != 200:
                    failed.append(page.text)

        threads = [threading.Thread(target=press, args=(browser,)) for _, browser in crowd]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not failed
        given = Counter(review.attack for review in bench.reviews() if review.counts)
        assert given == {1: 2, 2: 2, 3: 2}
        pairs = [(review.attack, review.reviewer) for review in bench.reviews()]
        assert len(set(pairs)) == len(pairs)
