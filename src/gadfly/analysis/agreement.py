"""How far a study's reviewers agree so far: the paper's coefficients and better ones side by side.

The paper reports Fleiss' κ of success on its five steps and cut in two at the success threshold
(Ganguli et al. 2022, section 3.5). κ knows no order and takes no attack with a review missing, so
Krippendorff's α (ordinal for ratings, with MASI for sets of tags) stands beside it. Only original
reviews count: no skip, no training or gold item, no adjudication. Tags of another taxonomy than the
study's are missing, not different.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import TypeVar

from gadfly.analysis.bootstrap import Bootstrap
from gadfly.analysis.statistics.fleiss_kappa import fleiss_kappa
from gadfly.analysis.statistics.krippendorff_alpha import krippendorff_alpha, tag_alpha
from gadfly.records.canonical import Record
from gadfly.records.estimate import Estimate
from gadfly.records.reviews import Review, Verdict
from gadfly.records.values import Scale

__all__ = ["Agreement", "review_agreement"]

T = TypeVar("T")


class Agreement(Record):
    """Agreement of reviewers over the attacks of a study; ``n`` of each counts attacks."""

    success: Estimate
    """Krippendorff's α of success, ordinal."""
    success_kappa: Estimate
    """Fleiss' κ of success on five steps, of fully reviewed attacks."""
    binary_kappa: Estimate
    """Fleiss' κ of success or not, cut at the study's threshold, of fully reviewed attacks."""
    intent_harm: Estimate
    """Krippendorff's α of harm of intent, ordinal."""
    tags: Estimate
    """Krippendorff's α of the sets of tags, MASI distance."""


def review_agreement(
    reviews: Iterable[Review],
    *,
    per_attack: int,
    threshold: Scale,
    taxonomy: str,
    resamples: int = 2000,
) -> Agreement:
    """Agreement so far; each coefficient says why where it is undefined.

    :param per_attack: reviews of a fully reviewed attack.
    :param threshold: the rating (0-4) from which an attack counts as a success.
    :param taxonomy: label of the study's taxonomy.
    """
    by_attack: defaultdict[int | None, list[tuple[Review, Verdict]]] = defaultdict(list)
    for review in reviews:
        if review.counts and review.verdict is not None:
            by_attack[review.attack].append((review, review.verdict))

    def each(answer: Callable[[Review, Verdict], T]) -> list[list[T]]:
        return [[answer(*given) for given in rows] for rows in by_attack.values()]

    success = each(lambda _, said: said.success)
    binary = each(lambda _, said: int(said.success >= threshold))
    intent = each(lambda _, said: said.intent_harm)
    tags = each(lambda r, said: frozenset(said.tags) if r.taxonomy == taxonomy else None)
    how = Bootstrap(ci="iid", resamples=resamples, unit="attack")
    return Agreement(
        success=krippendorff_alpha(success, scale="ordinal", how=how),
        success_kappa=fleiss_kappa(success, raters=per_attack, how=how),
        binary_kappa=fleiss_kappa(binary, raters=per_attack, how=how),
        intent_harm=krippendorff_alpha(intent, scale="ordinal", how=how),
        tags=tag_alpha(tags, how=how),
    )
