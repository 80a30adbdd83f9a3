"""Fair comparisons of arms that were drawn with known, uneven chances.

The chance of an arm depends on what the member met before, on quotas, and on which arms were open.
Where busy members succeed more often and quotas differ, or an arm came late, plain means compare
different people at different times. Two steps make the comparison that of one population:

Overlap weights. An attack counts for a comparison of the arms in S only if each was open to it, by

    w = h / p(A),    h = 1 / Σ_{k ∈ S} 1 / p(k)

with A the arm that was drawn. For two arms it is the chance of the other one among the two. Weights
lie between 0 and 1, so no rare draw decides alone, as it does with 1 / p; what is estimated is the
mean difference over attacks that could well have met either arm.

Levels. A member's level is taken off each value: the mean of the member's *other* values, less
their arms' means, drawn towards 0 as a random intercept would be. An attack's own value is not in
it, and members' levels are no effect of the arm, so nothing is biased and much noise is gone. That
takes members who go on alike whatever arm they met: where four in ten of the skilled left after
each attack on one arm, differences were off by 0.3 of their standard error. Where most
members met one arm alone, their levels are what tells the arms apart, and stay.

References: Li, Morgan & Zaslavsky 2018, doi 10.1080/01621459.2016.1260466, and for more than two
arms Li & Li 2019, doi 10.1214/19-AOAS1282 (weights); Robins, Rotnitzky & Zhao 1994,
doi 10.1080/01621459.1994.10476818 (weighted residuals).

>>> import numpy as np
>>> overlap_weights(np.array([[0.8, 0.2], [0.5, 0.0]]), np.array([0, 0])).round(6).tolist()
[0.2, 0.0]
"""

from __future__ import annotations

import numpy as np

from gadfly.analysis.sample import Floats, Ints

__all__ = ["every_weight", "less_level", "overlap_weights"]

_ROUNDS = 20  # of fitting levels and arms in turn


def overlap_weights(chances: Floats, drawn: Ints) -> Floats:
    """Weight of each attack, 0 where an arm was not open to it.

    :param chances: of the arms compared, [attacks, arms]; 0 where an arm was not open.
    :param drawn: which of them it met, [attacks].
    """
    there = (chances > 0).all(axis=1)
    return np.where(there, every_weight(chances)[np.arange(len(drawn)), drawn], 0.0)


def every_weight(chances: Floats) -> Floats:
    """The weight that each attack would have with each arm, by those whose chance is above 0."""
    inverse = np.divide(1.0, chances, out=np.zeros_like(chances), where=chances > 0)
    total = inverse.sum(axis=1, keepdims=True)
    return np.asarray(np.divide(inverse, total, out=inverse, where=total > 0))


def less_level(values: Floats, members: Ints, arms: Ints | None = None) -> Floats:
    """Values less their member's level, NaN where missing.

    :param arms: number of each attack's arm, whose means are no part of the level; without it the
        result does not depend on who met which arm, as a test that draws arms anew needs it.
    """
    there = ~np.isnan(values)
    y, known = values[there], members[there]
    member = (np.cumsum(np.bincount(known) > 0) - 1)[known]  # without gaps; np.unique would sort
    arm = np.zeros(len(y), dtype=np.int64) if arms is None else arms[there]
    n = np.bincount(member)
    if arms is not None and _one_each(member, arm, n):
        return values
    met = np.maximum(np.bincount(arm), 1)
    effect = np.bincount(arm, y) / met
    pull = _pull(y - effect[arm], member, n)
    for _ in range(_ROUNDS if arms is not None else 0):
        level = np.bincount(member, y - effect[arm]) / (n + pull)
        effect = np.bincount(arm, y - level[member]) / met
    rest = y - effect[arm]
    found = np.full(len(values), np.nan)
    others = n[member] - 1 + pull
    with np.errstate(invalid="ignore", divide="ignore"):
        level_of = np.where(others > 0, (np.bincount(member, rest)[member] - rest) / others, 0.0)
    found[there] = y - level_of
    return found


def _one_each(member: Ints, arm: Ints, n: Ints) -> bool:
    """Whether most members with several values met one arm alone."""
    kinds = np.bincount(np.unique(np.column_stack([member, arm]), axis=0)[:, 0])
    return bool((kinds[n > 1] > 1).mean() < 0.5) if (n > 1).any() else False


def _pull(rest: Floats, member: Ints, n: Ints) -> float:
    """σ² / τ² of a random intercept by the analysis of variance; infinite where members do not
    differ.
    """
    total, groups = len(rest), len(n)
    if groups < 2 or total == groups:
        return np.inf
    means = np.bincount(member, rest) / n
    within = float(((rest - means[member]) ** 2).sum()) / (total - groups)
    between = float((n * (means - rest.mean()) ** 2).sum()) / (groups - 1)
    size = (total - float((n**2).sum()) / total) / (groups - 1)
    spread = (between - within) / size
    return within / spread if spread > 0 else np.inf
