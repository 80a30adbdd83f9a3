"""Which harms attacks were about, and which of them worked: Figure 9.

Whose tags count is a choice that the paper leaves open: an attack has a tag where *any* of its
reviewers gave it, a *majority* (more than half) or *all*; a lead's adjudication settles an attack
by itself. The released file holds the union of three reviewers' tags, which is "any"; the others
need each reviewer's own. What counts as success is open as well: here the attacker's own rating
from a threshold on, or a majority of reviewers who rate that high. An attack without such a rating
is in the total and in no rate.

An attack has several tags, so counts of tags add up to more than attacks. Intervals of
rates take members as their units where these are resampled.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
import polars as pl

from gadfly.analysis.bootstrap import Bootstrap, bootstrap, seed_of
from gadfly.analysis.sample import Sample
from gadfly.analysis.statistics.entropy import Entropy
from gadfly.analysis.statistics.success_rate import share
from gadfly.errors import PersonError
from gadfly.records.canonical import Record
from gadfly.records.estimate import Estimate
from gadfly.records.reviews import Review

__all__ = ["Rule", "Success", "TagCount", "TagsResult", "check_choices", "tags_result"]

Rule = Literal["any", "majority", "all"]
Success = Literal["author", "reviewers"]
_OTHER, _INVALID = "other", "n/a"  # how such tags begin, in any case


class TagCount(Record):
    """One tag."""

    tag: str
    """As the taxonomy or the file names it; hostile."""
    total: int
    """Attacks that have it."""
    successful: int
    """Those of them that succeeded."""
    unrated: int
    """Those of which nobody knows."""
    rate: Estimate
    """Share of successes among those that are known, exact interval."""


class TagsResult(Record):
    """Figure 9."""

    rule: Rule
    """Which of an attack's reviewers must have given a tag."""
    rules: tuple[Rule, ...]
    """The rules that could have been chosen: "any" alone where only the union is known."""
    success: Success
    """Whose verdict makes an attack a success: its author's, or the majority of its reviewers'."""
    threshold: float
    """The rating (0-4) from which it does."""
    n_attacks: int
    """All attacks."""
    n_reviewed: int
    """Attacks that were reviewed for tags."""
    n_untagged: int
    """Reviewed attacks without any tag by the rule."""
    n_tags: int
    """Tags of all attacks: the sum of the totals."""
    n_successful: int
    """The sum of the successes."""
    tags: tuple[TagCount, ...]
    """Most common first."""
    other: Estimate
    """Share of reviewed attacks that have a tag called "Other": what the taxonomy misses."""
    invalid: Estimate
    """Share of reviewed attacks that have a tag called "N/A": no attack at all."""
    entropy: Estimate
    """How evenly tags are spread, in nats; e to this power is the effective number of tags."""


def tags_result(
    frame: pl.DataFrame,
    *,
    reviews: Iterable[Review] | None = None,
    rule: Rule = "any",
    success: Success = "author",
    threshold: float = 3,
    taxonomy: str | None = None,
    how: Bootstrap | None = None,
) -> TagsResult | None:
    """Counts of attacks by tag; ``None`` where no attack was reviewed.

    :param frame: the columns ``number``, ``member``, ``rating`` and ``tags`` of attacks.
    :param reviews: the study's; their tags take the place of the column, by ``number``.
    :param taxonomy: label of the study's; reviews by another one are left out.
    :param how: how the interval of the entropy is made.
    :raises PersonError: the rule or the success needs reviews that are not given.
    """
    check_choices(rule, success, reviewed=reviews is not None)
    if reviews is not None:
        reviews = [r for r in reviews if taxonomy in (None, r.taxonomy)]
        frame = _by_reviews(frame, reviews, rule, success, threshold)
    if success == "author":
        frame = frame.with_columns(worked=pl.col("rating") >= threshold)
    reviewed = frame.drop_nulls("tags")
    if not reviewed.height:
        return None
    how = how or Bootstrap()
    tags = _counts(reviewed, how)
    return TagsResult(
        rule=rule,
        rules=("any",) if reviews is None else ("any", "majority", "all"),
        success=success,
        threshold=threshold,
        n_attacks=frame.height,
        n_reviewed=reviewed.height,
        n_untagged=reviewed.filter(pl.col("tags").list.len() == 0).height,
        n_tags=sum(tag.total for tag in tags),
        n_successful=sum(tag.successful for tag in tags),
        tags=tags,
        other=_share(reviewed, _OTHER, how),
        invalid=_share(reviewed, _INVALID, how),
        entropy=_entropy(reviewed, how),
    )


def check_choices(rule: Rule, success: Success, *, reviewed: bool) -> None:
    """Refuse what only each reviewer's own words could tell, where they are not there.

    :param reviewed: whether they are.
    :raises PersonError: the rule or the success needs them.
    """
    if reviewed or (rule == "any" and success == "author"):
        return
    asked = f"tags by rule {rule!r}" if rule != "any" else "success by the reviewers"
    raise PersonError(
        f"{asked}: there are no reviews; a file holds the union of the reviewers' tags alone, not "
        "who gave them; allowed: rule 'any' with success by the 'author', or a study with its "
        "reviews"
    )


def _counts(reviewed: pl.DataFrame, how: Bootstrap) -> tuple[TagCount, ...]:
    """Every tag, the most common first."""
    each = (
        reviewed.select(pl.col("tags").list.unique(), "worked", "member")
        .explode("tags")
        .drop_nulls("tags")
    )
    counts = each.group_by("tags").agg(
        "worked",
        "member",
        total=pl.len(),
        known=pl.col("worked").count(),
        successful=pl.col("worked").sum(),
    )
    ordered = counts.sort(["total", "tags"], descending=[True, False])
    return tuple(
        TagCount(
            tag=row["tags"],
            total=row["total"],
            successful=row["successful"],
            unrated=row["total"] - row["known"],
            rate=_rate(row["worked"], row["member"], how, "share of successes"),
        )
        for row in ordered.iter_rows(named=True)
    )


def _share(reviewed: pl.DataFrame, begins: str, how: Bootstrap) -> Estimate:
    """The share of attacks with a tag that begins so."""
    element = pl.element().str.to_lowercase().str.starts_with(begins)
    has = reviewed.select(pl.col("tags").list.eval(element).list.any()).to_series().to_list()
    return _rate(has, reviewed["member"].to_list(), how, f"share with a tag {begins!r}")


def _rate(
    worked: Sequence[bool | None], members: Sequence[str], how: Bootstrap, what: str
) -> Estimate:
    """The share of those that are known."""
    flags = np.array(worked, dtype=np.float64)
    known = ~np.isnan(flags)
    owners = np.unique(members, return_inverse=True)[1]
    return share(
        flags[known],
        owners[known],
        how=replace(how, weighting="attack"),
        what=what,
        none="of no attack is it known whether it succeeded",
    )


def _entropy(reviewed: pl.DataFrame, how: Bootstrap) -> Estimate:
    """The entropy of all tags, with the interval of members, or attacks, resampled."""
    each = reviewed.with_row_index("attack").explode("tags").drop_nulls("tags")
    codes = (each["tags"].rank("dense") - 1).cast(pl.Float64).to_numpy()
    unit = "member" if how.ci == "cluster" else "attack"
    owners = (each[unit].rank("dense") - 1).cast(pl.Int64).to_numpy()
    sample = Sample.of(codes, owners)
    (found,) = bootstrap(sample, [Entropy()], how=how, seed=seed_of(sample, "tags", how.ci))
    return found


def _by_reviews(
    frame: pl.DataFrame, reviews: Sequence[Review], rule: Rule, success: Success, threshold: float
) -> pl.DataFrame:
    """The frame with tags by a rule, and success where reviewers decide it, from reviews."""
    by_attack = defaultdict(list)
    for review in reviews:
        if review.counts and review.verdict is not None:
            by_attack[review.attack].append(review.verdict)
    for review in sorted(reviews, key=lambda r: r.reviewed_at):
        if review.kind == "adjudication" and review.verdict is not None:
            by_attack[review.attack] = [review.verdict]
    rows = []
    for attack, verdicts in by_attack.items():
        n = len(verdicts)
        least = {"any": 1, "majority": n // 2 + 1, "all": n}[rule]
        given = [tag for verdict in verdicts for tag in verdict.tags]
        worked = sum(verdict.success >= threshold for verdict in verdicts) * 2 > n
        rows.append((attack, sorted(t for t in set(given) if given.count(t) >= least), worked))
    schema = {"number": pl.Int64(), "tags": pl.List(pl.String()), "worked": pl.Boolean()}
    found = pl.DataFrame(rows, schema=schema, orient="row")
    if success == "author":
        found = found.drop("worked")
    return frame.drop("tags").join(found, on="number", how="left", maintain_order="left")
