"""A study's reviews as ratings in long form, so that agreement asks one form of everybody.

Criteria: success on five steps and cut at the threshold, each by the reviewers alone and with the
attacker's own rating as one rater more (the paper's four raters: Ganguli et al. 2022, section 3.5);
harm of intent; and 0 or 1 for each tag. Only original reviews count: no skip, no training or gold
item, no adjudication. Tags of another taxonomy than the study's are missing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

import polars as pl

from gadfly.records.ratings import RATING_COLUMNS
from gadfly.records.reviews import Review

__all__ = ["AUTHOR", "review_ratings"]

AUTHOR = "the attacker"
"""The rater that an attack's own author is, whoever it was."""


def review_ratings(
    reviews: Iterable[Review], *, own: Mapping[int, float], threshold: float, taxonomy: str
) -> pl.DataFrame:
    """A study's reviews as ratings in long form, the columns of ``RATING_COLUMNS``.

    :param own: the attacker's own rating (0-4) by number of the attack.
    :param threshold: the rating from which an attack counts as a success.
    :param taxonomy: label of the study's taxonomy.
    """
    given = [(r, r.verdict) for r in reviews if r.counts and r.verdict is not None]
    tagged = [(r, v) for r, v in given if r.taxonomy == taxonomy]
    cut = f"success of {threshold:g} or more"
    rows: list[tuple[str, str, str, str]] = []

    def add(attack: int | None, rater: str, criterion: str, value: float) -> None:
        rows.append((str(attack), rater, criterion, f"{value:g}"))

    reviewed = {r.attack for r, _ in given}
    authors = [(n, AUTHOR, value) for n, value in own.items() if n in reviewed]
    reviewers = [(r.attack, r.reviewer, float(v.success)) for r, v in given]
    for beside, who in (("", reviewers), (", the attacker's rating too", [*reviewers, *authors])):
        for attack, rater, value in who:
            add(attack, rater, f"success{beside}", value)
            add(attack, rater, f"{cut}{beside}", value >= threshold)
    for r, v in given:
        add(r.attack, r.reviewer, "harm of intent", v.intent_harm)
    for tag, _ in Counter(tag for _, v in tagged for tag in v.tags).most_common():
        for r, v in tagged:
            add(r.attack, r.reviewer, f"tag {tag}", tag in v.tags)
    schema = dict.fromkeys(RATING_COLUMNS, pl.String())
    return pl.DataFrame(rows, schema=schema, orient="row")
