"""Fleiss' κ: what the paper reports for its reviewers (Ganguli et al. 2022, section 3.5).

κ = (P̄ − P_e) / (1 − P_e), with P̄ the mean over items of the share of pairs of ratings that are
alike and P_e = Σ_c (n_c/n)². It needs the same number of ratings for every item and knows no order;
1 is perfect agreement, 0 what chance gives, −1 / (raters − 1) the least.

Reference: Fleiss 1971, doi 10.1037/h0031619.

>>> found = fleiss_kappa([[0, 0, 1], [1, 1, 1], [0, 0, 0], [0, 1, 1]], raters=3)
>>> round(found.estimate, 3), found.n
(0.333, 4)
"""

from __future__ import annotations

import numpy as np

from gadfly.analysis.bootstrap import Bootstrap
from gadfly.analysis.sample import Floats
from gadfly.analysis.statistics.agreement import (
    OVER_ITEMS,
    SAME,
    Ratings,
    counted,
    over_items,
    table,
)
from gadfly.records.estimate import Estimate

__all__ = ["fleiss_kappa"]


def fleiss_kappa(ratings: Ratings, *, raters: int, how: Bootstrap = OVER_ITEMS) -> Estimate:
    """Fleiss' κ over the items with exactly ``raters`` ratings (2 or more); ``n`` counts these."""
    rows = table(ratings)
    found = counted(rows[np.isfinite(rows).sum(axis=1) == raters])
    counts = found.rows
    alike = ((counts**2).sum(axis=1) - raters) / (raters * max(raters - 1, 1))

    def of(weights: Floats) -> Floats:
        marginals = weights @ counts
        p = marginals / marginals.sum(axis=1, keepdims=True)
        chance = (p**2).sum(axis=1)
        return np.asarray((weights @ alike / weights.sum(axis=1) - chance) / (1 - chance))

    missing = SAME if len(found.values) < 2 else None
    if raters < 2 or not found.n:
        missing = f"no {how.unit} has exactly {raters} ratings"
    name = f"Fleiss' kappa of {how.unit}s with {raters} ratings each"
    return over_items(name, of, found, how=how, missing=missing)
