"""Gwet's AC1 and AC2: agreement that does not collapse where nearly all ratings are one value.

κ and α fall towards 0 when one value is very common, however well raters agree ("the kappa
paradox"); AC expects less agreement by chance then. With r_ik how often item i got value k, r_i its
number of ratings, w_kl the closeness of two values, and q values that occur:

    AC  = (p_a − p_e) / (1 − p_e)
    p_a = mean over items with r_i ≥ 2 of Σ_k r_ik (Σ_l w_kl r_il − 1) / (r_i (r_i − 1))
    p_e = Σ_kl w_kl / (q (q − 1)) · Σ_k π_k (1 − π_k),   π_k = mean over items of r_ik / r_i

AC1 has w = 1 for equal values and else 0; AC2 has linear or quadratic closeness. Items with one
rating count in π alone. The values are those that occur: one that nobody used changes AC.

References: Gwet 2008, doi 10.1348/000711006X126600; Gwet 2014, *Handbook of Inter-Rater
Reliability*, 4th edition, chapters 2 to 5.

>>> found = gwet_ac([[0, 0], [0, 0], [0, 0], [0, 1]])
>>> round(found.estimate, 3), found.n
(0.68, 4)
"""

from __future__ import annotations

import numpy as np

from gadfly.analysis.bootstrap import Bootstrap
from gadfly.analysis.sample import Floats
from gadfly.analysis.statistics.agreement import (
    OVER_ITEMS,
    SAME,
    Ratings,
    closeness,
    counted,
    one_of,
    over_items,
)
from gadfly.analysis.statistics.weighted_kappa import WEIGHTS, Weights
from gadfly.records.estimate import Estimate

__all__ = ["gwet_ac"]


def gwet_ac(
    ratings: Ratings, *, weights: Weights = "unweighted", how: Bootstrap = OVER_ITEMS
) -> Estimate:
    """AC1 (unweighted) or AC2 (linear, quadratic); ``n`` is the number of items with a rating."""
    one_of("weights", weights, WEIGHTS)
    found = counted(ratings, least=1)
    counts, q = found.rows, len(found.values)
    m = counts.sum(axis=1)
    paired = m >= 2
    near = closeness(found.values, WEIGHTS[weights])
    agree = (counts * (counts @ near - 1)).sum(axis=1) / np.maximum(m * (m - 1), 1)
    parts = np.column_stack([paired, np.where(paired, agree, 0), counts / m[:, None]])

    def of(weighting: Floats) -> Floats:
        sums = weighting @ parts
        pi = sums[:, 2:] / weighting.sum(axis=1, keepdims=True)
        chance = near.sum() / (q * (q - 1)) * (pi * (1 - pi)).sum(axis=1)
        return np.asarray((sums[:, 1] / sums[:, 0] - chance) / (1 - chance))

    missing = SAME if q < 2 else None
    missing = missing if paired.any() else f"no {how.unit} has two ratings or more"
    name = "Gwet's AC1" if weights == "unweighted" else f"Gwet's AC2, {weights}"
    return over_items(name, of, found, how=how, missing=missing)
