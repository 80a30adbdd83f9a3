"""The rank correlation of two numbers that every attack has.

Definition: Kendall's τ_b = (C − D) / √((n₀ − n₁)(n₀ − n₂)), with C and D the numbers of pairs of
attacks that both numbers order alike and opposite, n₀ all pairs, n₁ and n₂ the pairs tied in each.
Between a harmlessness score and true harm −1 is a perfect order, 0 none.

In a resample an attack that was drawn twice is a pair tied in both.

Reference: Kendall 1945, "The treatment of ties in ranking problems", *Biometrika* 33(3).

>>> import numpy as np
>>> scores = np.array([-2.0, -1.0, 0.0, 3.0])
>>> RankCorrelation(scores, np.array([4, 3, 3, 0])).estimate(scores)
-0.9128709291752769
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gadfly.analysis.sample import Floats, Ints, Sample
from gadfly.analysis.statistics.ordering import below, runs, ties
from gadfly.analysis.statistics.protocol import Resampler, Statistic

__all__ = ["RankCorrelation"]


@dataclass(frozen=True)
class RankCorrelation(Statistic):
    """Kendall's τ_b of the values with a level that each has."""

    values: Floats
    """The values of the sample, ascending."""
    levels: Ints
    """The level of each."""
    name: str = "Kendall's tau-b"

    def estimate(self, values: Floats) -> float:
        """The correlation, −1 to 1."""
        return float(self._of(np.ones((1, len(values))))[0])

    def resampler(self, sample: Sample) -> Resampler:
        """The correlation in each resample; not a number where all its levels are the same."""
        return lambda draws: self._of(draws.weights.astype(np.float64))

    def _of(self, weights: Floats) -> Floats:
        starts = ties(self.values)
        total = weights.sum(axis=1)
        surplus = np.zeros(len(weights))  # C − D
        level_ties = np.zeros(len(weights))
        for level in np.unique(self.levels):
            here, lower = self.levels == level, self.levels < level
            n_here, n_lower = weights[:, here].sum(axis=1), weights[:, lower].sum(axis=1)
            surplus += 2 * below(weights, starts, lower, here) - n_here * n_lower
            level_ties += n_here * (n_here - 1) / 2
        equal = runs(weights, starts)
        pairs, value_ties = total * (total - 1) / 2, (equal * (equal - 1) / 2).sum(axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(surplus / np.sqrt((pairs - value_ties) * (pairs - level_ties)))

    def missing(self, n: int) -> str | None:
        """Both numbers must differ."""
        if not n:
            return "no attack has both numbers"
        if len(ties(self.values)) < 2:
            return "every attack has the same score, which orders nothing"
        if len(np.unique(self.levels)) < 2:
            return f"every attack has the same true harm ({self.levels[0]}), which orders nothing"
        return None
