"""Cohen's weighted κ of two raters, and of more the mean over their pairs.

For two raters, over the items that both rated, with p_cd the share of items that got c from the one
and d from the other, p_c· and p_·d its margins, and w_cd the closeness of two values:

    κ_w = 1 − Σ_cd (1 − w_cd) p_cd / Σ_cd (1 − w_cd) p_c· p_·d

    unweighted   w = 1 for equal values, else 0                (Cohen 1960)
    linear       w = 1 − |c − d| / range
    quadratic    w = 1 − (c − d)² / range²                     (Cohen 1968)

With more raters it is Light's κ: the plain mean of κ_w over all pairs of raters, each over the
items that the pair has in common; pairs without any, or whose ratings are all one value, have no
κ_w and are left out. (It is not Conger's κ, which averages observed and expected agreement before
it divides.) Who rated counts here: raters with different habits are not expected to agree.

References: Cohen 1960, 1968; Light 1971, "Measures of response agreement for qualitative data".

>>> found = weighted_kappa([[1, 1], [2, 3], [3, 3], [1, 2]], weights="quadratic")
>>> round(found.estimate, 3), found.n
(0.692, 4)
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Literal

import numpy as np
from scipy.sparse import csr_array

from gadfly.analysis.bootstrap import Bootstrap
from gadfly.analysis.sample import Floats
from gadfly.analysis.statistics.agreement import (
    OVER_ITEMS,
    Ratings,
    closeness,
    coded,
    one_of,
    over_items,
    table,
)
from gadfly.records.estimate import Estimate

__all__ = ["WEIGHTS", "Weights", "weighted_kappa"]

Weights = Literal["unweighted", "linear", "quadratic"]
WEIGHTS: dict[Weights, int] = {"unweighted": 0, "linear": 1, "quadratic": 2}
"""The power of the distance of two values."""


def weighted_kappa(
    ratings: Ratings, *, weights: Weights, of_rater: int | None = None, how: Bootstrap = OVER_ITEMS
) -> Estimate:
    """Cohen's κ of two raters (columns), Light's of more; ``n`` counts items with a pair.

    :param of_rater: take only the pairs with this rater: how far it agrees with the others.
    """
    one_of("weights", weights, WEIGHTS)
    rows = table(ratings)
    if of_rater is not None:
        rows = rows[np.isfinite(rows[:, of_rater])]
    found = coded(rows)
    pairs = [
        (a, b)
        for a, b in combinations(range(rows.shape[1]), 2)
        if of_rater in (None, a, b) and ((found.rows[:, [a, b]] >= 0).all(axis=1)).any()
    ]
    which = "Cohen's kappa" if len(pairs) == 1 else "Light's kappa"
    name = f"{which}, {weights}"
    if len(pairs) > 1:
        name += f", the mean over {len(pairs)} pairs of raters"
    if not pairs:
        missing = f"no {how.unit} has ratings by two raters"
        return over_items(name, np.sum, found, how=how, missing=missing)
    distance = 1 - closeness(found.values, WEIGHTS[weights])
    columns = _columns(found.rows, distance, pairs)

    def of(weighting: Floats) -> Floats:
        sums = (columns @ weighting.T).T.reshape(len(weighting), len(pairs), -1)
        both, apart, margins = sums[..., 0], sums[..., 1], sums[..., 2:]
        one, other = np.split(margins, 2, axis=-1)
        expected = ((one @ distance) * other).sum(axis=-1)
        kappas = 1 - apart * both / expected
        there = np.isfinite(kappas)
        return np.asarray(np.where(there, kappas, 0).sum(axis=1) / there.sum(axis=1))

    return over_items(name, of, found, how=how)


def _columns(rows: Floats, distance: Floats, pairs: Sequence[tuple[int, int]]) -> csr_array:
    """For each pair of raters by pattern (columns): whether both rated, how far apart they are, and
    which value each gave.
    """
    width = len(distance)
    data, places, patterns = [], [], []
    for pair, (a, b) in enumerate(pairs):
        both = np.flatnonzero((rows[:, a] >= 0) & (rows[:, b] >= 0))
        one, other = (rows[both, rater].astype(np.int64) for rater in (a, b))
        ones, zeros = np.ones(len(both)), np.zeros(len(both), dtype=np.int64)
        start = pair * (2 + 2 * width)
        data += [ones, distance[one, other], ones, ones]
        places += [start + p for p in (zeros, zeros + 1, one + 2, other + 2 + width)]
        patterns += [both] * 4
    shape = (len(pairs) * (2 + 2 * width), len(rows))
    where = (np.concatenate(places), np.concatenate(patterns))
    return csr_array((np.concatenate(data), where), shape=shape)
