"""What goes to a lead, and what reviews come to, from the original reviews."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gadfly.records.reviews import Review, Verdict
from gadfly.review.adjudication import dispute, expert_domain, tags_by, verdict_of

DAY = datetime(2026, 1, 2, tzinfo=UTC)


def said(success: int, *tags: str, domain: str | None = None, harm: int = 2) -> Verdict:
    return Verdict(success=success, intent_harm=harm, tags=tags, expert_domain=domain)


def review(number: int, verdict: Verdict | None, **more: Any) -> Review:
    return Review(
        study="town",
        attack=7,
        reviewer=f"r{number}",
        taxonomy="ganguli2022@1",
        verdict=verdict,
        turns_seen=1,
        seconds=5.0,
        reviewed_at=DAY + timedelta(minutes=number),
        **more,
    )


def reviews(*verdicts: Verdict | None) -> list[Review]:
    return [review(number, verdict) for number, verdict in enumerate(verdicts, start=1)]


def lead(number: int, verdict: Verdict, *settles: str) -> Review:
    return review(number, verdict, kind="adjudication", settles=settles)


@pytest.mark.parametrize(
    ("verdicts", "says"),
    [
        ((said(0), said(1), said(1)), None),
        ((said(0), said(1), said(2)), "Success was rated from 1 to 3."),
        ((said(1, "a"), said(1, "b"), said(1, "b")), None),
        ((said(1, "a"), said(1, "b", "c"), said(1)), "No two reviewers chose the same tag."),
        ((said(1, "a"), said(1), said(1)), None),
        ((said(1), said(1), said(1, domain="law")), "A reviewer asked for an expert: law."),
        ((said(0), said(4)), None),
        ((said(0), said(4), None), None),
    ],
)
def test_a_lead_is_asked_when_reviewers_differ(
    verdicts: tuple[Verdict | None, ...], says: str | None
) -> None:
    found = dispute(reviews(*verdicts), per_attack=3)
    assert (found.reasons if found else None) == ((says,) if says else None)


def test_a_dispute_names_whose_reviews_it_settles_and_ends_with_the_verdict() -> None:
    given = reviews(said(0), None, said(4), said(2, domain="law"))
    found = dispute(given, per_attack=3)
    assert found is not None
    assert found.settles == ("r1", "r3", "r4")
    assert found.domain == "law"
    assert dispute([*given, lead(9, said(3), *found.settles)], per_attack=3) is None


def test_training_gold_and_skips_decide_nothing() -> None:
    calm = reviews(said(1), said(1), said(1))
    loud = review(8, said(4, domain="law"), kind="gold")
    given = [*calm, loud, review(9, None)]
    assert dispute(given, per_attack=3) is None
    assert verdict_of(given, rule="any") == verdict_of(calm, rule="any")
    assert expert_domain(None, given) is None
    assert verdict_of([loud, review(9, None)], rule="any") is None


def test_the_last_lead_decides_and_the_reviews_stay() -> None:
    given = reviews(said(0, "a"), said(4, "b"), said(4, "c"))
    before = [r.model_copy() for r in given]
    first, last = lead(8, said(1, "b"), "r1", "r2", "r3"), lead(9, said(2, "c"), "r1", "r2", "r3")
    found = verdict_of([last, *given, first], rule="all")
    assert found is not None
    assert (found.success, found.tags, found.reviews, found.adjudicated) == (2, ("c",), 3, True)
    assert given == before


def test_an_expert_is_asked_for_by_the_attacker_or_by_a_reviewer() -> None:
    given = reviews(said(1), said(1, domain="law"), said(1, domain="other"))
    assert expert_domain("medicine and health", given) == "medicine and health"
    assert expert_domain(None, given) == "law"


verdicts = st.lists(
    st.builds(
        said,
        st.integers(0, 4),
        harm=st.integers(0, 4),
    ),
    min_size=1,
    max_size=7,
)
tag_sets = st.lists(
    st.lists(st.sampled_from("abcd"), max_size=2, unique=True).map(tuple), min_size=1, max_size=6
)


@given(verdicts, st.randoms(use_true_random=False))
def test_the_median_lies_between_and_no_order_matters(given: list[Verdict], draw: Any) -> None:
    found = verdict_of(reviews(*given), rule="any")
    assert found is not None
    assert min(v.success for v in given) <= found.success <= max(v.success for v in given)
    above = sum(v.success > found.success for v in given)
    assert above <= len(given) / 2
    draw.shuffle(given)
    assert verdict_of(reviews(*given), rule="any") == found


@given(tag_sets)
def test_all_is_within_majority_is_within_any(given: list[tuple[str, ...]]) -> None:
    every, most, some = (set(tags_by(rule, given)) for rule in ("all", "majority", "any"))
    assert every <= most <= some
    assert every == set.intersection(*map(set, given))
    assert some == set().union(*given)
    assert all(2 * sum(tag in tags for tags in given) > len(given) for tag in most)
