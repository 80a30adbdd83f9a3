"""Agreement of a study's reviews: which of them count, and what a new study is told."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gadfly.analysis.agreement import Agreement, review_agreement
from gadfly.records.reviews import Review, Verdict
from tests.reviews import review as made


def review(
    attack: int | None, number: int, success: int | None, tag: str = "a", **more: Any
) -> Review:
    said = None if success is None else Verdict(success=success, intent_harm=4, tags=(tag,))
    return made(attack, f"r{number}", 0, **({"verdict": said} | more))


def agreement(reviews: list[Review]) -> Agreement:
    return review_agreement(reviews, per_attack=3, threshold=3, taxonomy="ours@1", resamples=300)


def study(seed: int = 1) -> list[Review]:
    """Thirty attacks whose reviewers agree on success or not and on the tag, not on the step."""
    rng = np.random.default_rng(seed)
    low_high = [(0, 3), (3, 5)]
    return [
        review(attack, number, int(rng.integers(*low_high[attack % 2])), "ab"[attack % 2])
        for attack in range(1, 31)
        for number in range(3)
    ]


def test_each_coefficient_is_of_what_it_says() -> None:
    found = agreement(study())
    assert found.binary_kappa.estimate == pytest.approx(1)
    assert found.tags.estimate == pytest.approx(1)
    assert found.success.estimate is not None
    assert found.success_kappa.estimate is not None
    assert found.success_kappa.estimate < 0.6 < found.success.estimate < 0.95
    assert found.intent_harm.estimate is None
    assert found.intent_harm.reason is not None
    assert "every rating is the same" in found.intent_harm.reason


def test_only_original_reviews_count() -> None:
    more = [
        review(1, 7, None),
        review(1, 8, 4, "b", kind="gold"),
        review(1, 9, 4, "b", kind="adjudication", settles=("r0", "r1", "r2")),
        review(None, 9, 4, "b", kind="training", item="the-door"),
    ]
    assert agreement([*study(), *more]) == agreement(study())


def test_tags_of_another_taxonomy_are_missing() -> None:
    other = [review(40, n, 3, tag, taxonomy="old@1") for n, tag in enumerate("xyz")]
    assert agreement([*study(), *other]).tags == agreement(study()).tags


def test_a_study_without_reviews_is_told_so() -> None:
    found = agreement([review(1, 1, 2)])
    for one in (found.success, found.tags):
        assert (one.estimate, one.n) == (None, 0)
        assert one.reason == "no attack has two ratings or more"
    for one in (found.success_kappa, found.binary_kappa):
        assert (one.estimate, one.n) == (None, 0)
        assert one.reason == "no attack has exactly 3 ratings"
