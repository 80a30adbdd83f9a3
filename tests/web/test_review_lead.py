"""The lead's side of reviews: counts and agreement, disputes, verdicts beside the originals."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gadfly.store.people import Role
from gadfly.store.reviews import READ
from tests.web.site import Browser
from tests.web.test_review import RIGHT, Bench, begin, here, serve_bench

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])
VERDICT: dict[str, Any] = {
    "success": 3,
    "intent_harm": 3,
    "tags": "Theft",
    "comments": "settled so",
}


@pytest.fixture
def bench(tmp_path: Path, socket_enabled: None) -> Iterator[Bench]:
    """Two reviews of each attack."""
    with serve_bench(tmp_path, "{training: false, per_attack: 2}") as made:
        yield made


def staff(bench: Bench, *roles: Role) -> Browser:
    return bench.site.browser(bench.site.person(*roles))


def judge(bench: Bench, **more: Any) -> None:
    """Somebody new judges whatever comes first."""
    _, browser = bench.reviewer()
    assert browser.post(here(begin(browser)), **{**RIGHT, **more}).status_code == 200


def audit(bench: Bench, what: str) -> list[tuple[str, str]]:
    rows = bench.site.serving.audit.entries(bench.served.id)
    return [(row.who, row.object) for row in rows if row.what == what]


def test_agreement_so_far_is_shown_and_explained_where_undefined(bench: Bench) -> None:
    owner = staff(bench, "owner")
    bench.attack(), bench.attack()
    assert "no attack has two ratings or more" in owner.get("/study/reviews").text
    for _ in range(2):
        for success in (1, 5):
            judge(bench, success=success)
    page = owner.get("/study/reviews").text
    assert "Krippendorff" in page
    assert "every rating is the same" in page  # harm of intent and tags


def test_who_differs_is_settled_by_a_lead_and_the_originals_stay(bench: Bench) -> None:
    bench.attack()
    judge(bench, success=1, comments="nothing came of it")
    person = bench.site.person("review_lead")
    lead = bench.site.browser(person)
    assert "/study/reviews/1" not in lead.get("/study/reviews").text  # not all reviews are in
    judge(bench, success=5, comments="all of it")
    assert "/study/reviews/1" in lead.get("/study/reviews").text
    assert audit(bench, READ) == []
    page = lead.get("/study/reviews/1").text
    assert audit(bench, READ) == [(person.name, "attack 1")]
    for told in ("from 1 to 5", "nothing came of it", "all of it", "reply 3.0"):
        assert told in page
    before = bench.reviews()
    assert lead.post("/study/reviews/1", **VERDICT).url.path == "/town/study/reviews"
    assert lead.post("/study/reviews/1", **VERDICT).status_code == 422  # once each
    *originals, settled = bench.reviews()
    assert originals == before
    assert set(settled.settles) == {review.reviewer for review in before}
    assert "/study/reviews/1" not in lead.get("/study/reviews").text
    assert audit(bench, "settled reviews") == [(person.name, "attack 1")]


@pytest.mark.parametrize(
    ("role", "queue", "transcript"),
    [
        ("owner", 200, 403),
        ("researcher", 200, 403),
        ("review_lead", 200, 200),
        ("care", 403, 403),
        ("member", 403, 403),
        ("reviewer", 403, 403),
        ("expert", 403, 403),
    ],
)
def test_transcripts_are_opened_by_who_needs_to(
    bench: Bench, role: Role, queue: int, transcript: int
) -> None:
    bench.attack()
    browser = staff(bench, role)
    assert browser.get("/study/reviews").status_code == queue
    assert browser.get("/study/reviews/1").status_code == transcript
    if transcript == 403:
        assert browser.post("/study/reviews/1", **VERDICT).status_code == 403
        assert audit(bench, READ) == []


def test_nobody_settles_their_own_attack_or_one_that_they_judge(bench: Bench) -> None:
    person, lead = bench.reviewer("review_lead", "reviewer", "member")
    bench.attack(person)
    assert lead.get("/study/reviews/1").status_code == 403
    other = bench.attack()
    place = here(begin(lead))
    assert lead.get(f"/study/reviews/{other.number}").status_code == 409  # blind until judged
    lead.post(place, **RIGHT)
    assert lead.post(f"/study/reviews/{other.number}", **VERDICT).status_code == 422
    assert [review.kind for review in bench.reviews()] == ["study"]


def test_who_read_an_attack_as_a_lead_does_not_review_it(bench: Bench) -> None:
    bench.attack()
    _, lead = bench.reviewer("review_lead", "reviewer")
    lead.get("/study/reviews/1")
    assert "Nothing waits" in begin(lead).text


def test_an_expert_settles_what_a_reviewer_asked_one_for(bench: Bench) -> None:
    bench.attack(), bench.attack()
    for _ in range(3):
        judge(bench)
    judge(bench, expert_domain="law")
    number = next(r.attack for r in bench.reviews() if r.verdict and r.verdict.expert_domain)
    _, lawyer = bench.reviewer("expert", domains=["law"])
    _, chemist = bench.reviewer("expert", domains=["chemistry and biology"])
    place = f"/study/reviews/{number}"
    assert place in lawyer.get("/review").text
    assert chemist.get(place).status_code == 403
    assert lawyer.get(f"/study/reviews/{3 - (number or 0)}").status_code == 403
    assert lawyer.get(place).status_code == 200
    assert lawyer.post(place, **VERDICT).url.path == "/town/review"
    assert place not in lawyer.get("/review").text


def test_a_missed_gold_item_is_told_and_counts_for_nothing(
    tmp_path: Path, socket_enabled: None
) -> None:
    with serve_bench(tmp_path, "{training: false, per_attack: 1, gold_share: 0.5}") as bench:
        bench.attack()
        judge(bench)
        lead = staff(bench, "review_lead")
        lead.post("/study/reviews/1", **VERDICT)
        told = []
        for _ in range(12):  # each meets the settled one with probability one half
            _, browser = bench.reviewer()
            page = begin(browser)
            if "/item/" in page.url.path:
                assert "settled" not in page.text
                assert "gold" not in page.text.casefold()
                told.append(browser.post(here(page), **{**RIGHT, "success": 5}).text)
        assert told
        assert all("expected is 2 to 4" in page for page in told)
        assert [row.done for row in bench.kept.waiting(bench.served.id)] == [1]
        missed = lead.get("/study/reviews").text
        assert missed.count("expected is 2 to 4") == len(told)
