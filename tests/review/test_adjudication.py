"""What goes to a lead, from the original reviews."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gadfly.records.reviews import Review, Verdict
from gadfly.review.adjudication import dispute, expert_domain

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
    assert expert_domain(None, given) is None


def test_an_expert_is_asked_for_by_the_attacker_or_by_a_reviewer() -> None:
    given = reviews(said(1), said(1, domain="law"), said(1, domain="other"))
    assert expert_domain("medicine and health", given) == "medicine and health"
    assert expert_domain(None, given) == "law"
