"""What people say of each attack: 1 a success, 0 none, null where nobody judged or they are even.

Three kinds of people can be asked: the attackers, who rate their own attacks; the reviewers of the
study; and whoever filled a file of ratings. Several verdicts make a label by majority of those that
reach the threshold; where that is a tie there is no label. A lead's adjudication settles an attack
by itself. A label stands on the frame of attacks as a column of its own, ``people``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import polars as pl

from gadfly.analysis.sample import Floats
from gadfly.records.reviews import Review

__all__ = ["PEOPLE", "by_attackers", "by_items", "by_reviewers", "majority"]

PEOPLE = "people"
"""Name of the column."""


def by_attackers(frame: pl.DataFrame, *, threshold: float) -> pl.DataFrame:
    """The frame with the attackers' own verdicts: a rating that reaches ``threshold``."""
    return frame.with_columns((pl.col("rating") >= threshold).cast(pl.Float64).alias(PEOPLE))


def by_reviewers(
    frame: pl.DataFrame, reviews: Iterable[Review], *, threshold: float
) -> pl.DataFrame:
    """The frame with the reviewers' verdicts, by the attack's ``number``."""
    said: dict[int, list[float]] = {}
    settled: dict[int, float] = {}
    for review in reviews:
        if review.verdict is None or review.attack is None:
            continue
        if review.kind == "adjudication":
            settled[review.attack] = float(review.verdict.success)
        elif review.counts:
            said.setdefault(review.attack, []).append(float(review.verdict.success))
    said |= {attack: [verdict] for attack, verdict in settled.items()}
    most = max(map(len, said.values()), default=0)
    table = np.full((len(said), most), np.nan)
    for row, given in zip(table, said.values(), strict=True):
        row[: len(given)] = given
    return by_items(frame, [str(attack) for attack in said], table, threshold=threshold)


def by_items(
    frame: pl.DataFrame, items: Sequence[str], ratings: Floats, *, threshold: float
) -> pl.DataFrame:
    """The frame with verdicts of a file of ratings, items named by the attack's ``number``.

    :param items: names of the rows of ``ratings``.
    :param ratings: by item and rater, NaN where there is none.
    """
    labels = pl.DataFrame(
        {"item": list(items), PEOPLE: majority(ratings, threshold=threshold)},
        schema={"item": pl.String, PEOPLE: pl.Float64},
    ).with_columns(pl.col(PEOPLE).fill_nan(None))
    named = frame.with_columns(item=pl.col("number").cast(pl.String))
    joined = named.drop(PEOPLE, strict=False).join(
        labels, on="item", how="left", maintain_order="left"
    )
    return joined.drop("item")


def majority(ratings: Floats, *, threshold: float) -> Floats:
    """For each row 1 where most of its ratings reach the threshold, 0 where most do not, else NaN.

    >>> majority(np.array([[3.0, 4.0, 0.0], [4.0, 0.0, np.nan]]), threshold=3).tolist()
    [1.0, nan]
    """
    given = np.isfinite(ratings)
    margin = 2 * (given & (ratings >= threshold)).sum(axis=1) - given.sum(axis=1)
    return np.where(margin == 0, np.nan, (margin > 0).astype(np.float64))
