"""Krippendorff's α: agreement of any number of raters, with ratings missing.

α = 1 − D_o / D_e. With n_uc how often item u got value c, m_u its number of ratings (items with one
rating alone are left out), n_c = Σ_u n_uc, n = Σ_c n_c, and δ_ck the distance of two values:

    D_o = (1/n) Σ_u Σ_ck n_uc n_uk δ_ck / (m_u − 1)          disagreement within items
    D_e = Σ_ck n_c n_k δ_ck / (n (n − 1))                    disagreement of any two ratings

    nominal    δ = 1 for different values
    interval   δ = (c − k)²
    ordinal    δ = (r_c − r_k)², r_c = Σ_{g<c} n_g + n_c/2 the midrank of a value
    jaccard    δ = 1 − |A ∩ B| / |A ∪ B| for sets of tags; two empty sets are alike
    masi       δ = 1 − |A ∩ B| / |A ∪ B| · M, M = 1 for equal sets, 2/3 where one holds the other,
               1/3 where they overlap, 0 where they do not

It is 1 for perfect agreement, 0 for what chance gives, and below 0 for less.

References: Krippendorff 2019, *Content Analysis*, 4th edition, chapter 12 (and 2011, "Computing
Krippendorff's Alpha-Reliability"); Passonneau 2006, "Measuring Agreement on Set-valued Items
(MASI)".

>>> found = krippendorff_alpha([[0, 0], [4, 3], [1, 1], [3, 4]], scale="ordinal")
>>> round(found.estimate, 3), found.n
(0.825, 4)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from gadfly.analysis.bootstrap import Bootstrap
from gadfly.analysis.sample import Floats, Ints
from gadfly.analysis.statistics.agreement import (
    OVER_ITEMS,
    SAME,
    Of,
    Patterns,
    Ratings,
    coded,
    counted,
    one_of,
    over_items,
    table,
)
from gadfly.records.estimate import Estimate

__all__ = ["TagSets", "krippendorff_alpha", "tag_alpha"]

TagSets = Sequence[Sequence[frozenset[str] | None]]
"""For each item the sets of tags that it got; ``None`` is a missing one."""


def krippendorff_alpha(
    ratings: Ratings,
    *,
    scale: Literal["nominal", "ordinal", "interval"],
    how: Bootstrap = OVER_ITEMS,
) -> Estimate:
    """Krippendorff's α; ``n`` is the number of items with two ratings or more."""
    one_of("scale", scale, ("nominal", "ordinal", "interval"))
    of: Of
    if scale == "interval":  # as many values as ratings: no table of them
        rows = np.sort(table(ratings), axis=1)
        most = int(np.isfinite(rows).sum(axis=1).max(initial=0))
        found = coded(rows[:, :most])
        of = _interval(found.values, found.rows.astype(np.int64))
    else:
        found = counted(ratings)
        nominal = _fixed(found.rows, 1 - np.eye(len(found.values)))
        of = _ordinal(found.rows) if scale == "ordinal" else nominal
    return _estimate(f"Krippendorff's alpha, {scale}", found, of, how)


def tag_alpha(
    tags: TagSets, *, distance: Literal["masi", "jaccard"] = "masi", how: Bootstrap = OVER_ITEMS
) -> Estimate:
    """Krippendorff's α of sets of tags; ``n`` is the number of items with two sets or more."""
    one_of("distance", distance, ("masi", "jaccard"))
    sets = sorted({s for row in tags for s in row if s is not None}, key=sorted)
    place = {given: float(i) for i, given in enumerate(sets)}
    found = counted([[place[s] for s in row if s is not None] for row in tags])
    sets = [sets[int(i)] for i in found.values]
    delta = np.array([[_apart(a, b, distance) for b in sets] for a in sets])
    of = _fixed(found.rows, delta.reshape(len(sets), len(sets)))
    return _estimate(f"Krippendorff's alpha of tags, {distance}", found, of, how)


def _estimate(name: str, found: Patterns, of: Of, how: Bootstrap) -> Estimate:
    missing = SAME if len(found.values) < 2 else None
    missing = missing if found.n else f"no {how.unit} has two ratings or more"
    return over_items(name, of, found, how=how, missing=missing)


def _fixed(counts: Floats, delta: Floats) -> Of:
    """α where the distance of two values is always the same."""
    within = ((counts @ delta) * counts).sum(axis=1) / (counts.sum(axis=1) - 1)

    def of(weights: Floats) -> Floats:
        marginals = weights @ counts
        between = ((marginals @ delta) * marginals).sum(axis=1)
        return np.asarray(1 - (marginals.sum(axis=1) - 1) * (weights @ within) / between)

    return of


def _interval(values: Floats, codes: Ints) -> Of:
    """α of squared differences, from moments: any number of values."""
    v = values - values.mean() if len(values) else values  # small numbers cancel less
    x = np.append(v, 0.0)[codes]  # the last one where a rating is missing
    m, one, two = (codes >= 0).sum(axis=1), x.sum(axis=1), (x**2).sum(axis=1)
    parts = np.column_stack([m, one, two, (m * two - one**2) / (m - 1)])

    def of(weights: Floats) -> Floats:
        n, first, second, within = (weights @ parts).T
        between = n * second - first**2
        between = np.where(between > 1e-9 * n**2 * np.ptp(v) ** 2, between, np.nan)  # rounding: 0
        return np.asarray(1 - (n - 1) * within / between)

    return of


def _ordinal(counts: Floats) -> Of:
    """α where the distance of two values is the square of how many ratings lie between."""
    items, values = counts.shape
    spread = counts / (counts.sum(axis=1, keepdims=True) - 1)
    pairs = (counts[:, :, None] * spread[:, None, :]).reshape(items, values * values)

    def of(weights: Floats) -> Floats:
        marginals = weights @ counts
        rank = np.cumsum(marginals, axis=1) - marginals / 2
        delta = (rank[:, :, None] - rank[:, None, :]) ** 2
        within = ((weights @ pairs).reshape(delta.shape) * delta).sum(axis=(1, 2))
        total, first = marginals.sum(axis=1), (marginals * rank).sum(axis=1)
        between = 2 * (total * (marginals * rank**2).sum(axis=1) - first**2)
        between = np.where(between > 1e-12 * total**4, between, np.nan)  # rounding: 0
        return np.asarray(1 - (total - 1) * within / between)

    return of


def _apart(a: frozenset[str], b: frozenset[str], distance: str) -> float:
    """The distance of two sets of tags, 0 to 1."""
    if a == b:
        return 0.0
    jaccard = len(a & b) / len(a | b)
    if distance == "jaccard":
        return 1 - jaccard
    return 1 - jaccard * (2 / 3 if a <= b or b <= a else 1 / 3)
