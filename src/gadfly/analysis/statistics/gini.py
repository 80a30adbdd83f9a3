"""How unevenly members share the attacks: Gini's coefficient, shares of the top, members for 80%.

Gini's coefficient of n counts in ascending order, x₁ ≤ … ≤ xₙ:

    G = 2 Σ i xᵢ / (n Σ xᵢ) − (n + 1) / n

0 where all made as many, towards 1 where one made all ((n − 1) / n exactly). No correction by
n / (n − 1): it is the number that Ganguli et al. 2022 (figure 5) call 0.80. In a resample of the
members, value xᵢ stands wᵢ times and fills the ranks up to Cᵢ = w₁ + … + wᵢ, so that
Σ i xᵢ = Σ wᵢ xᵢ (2 Cᵢ − wᵢ + 1) / 2. Its interval speaks of studies with other members like these;
what these members did is known without one.

References: Gini 1912; Gastwirth 1972, "The estimation of the Lorenz curve and Gini index",
*Review of Economics and Statistics* 54(3).

>>> import numpy as np
>>> counts = np.array([97.0, 1.0, 1.0, 1.0])
>>> round(Gini().estimate(np.sort(counts)), 2), top_share(counts, 1), members_for(counts, 0.8)
(0.72, 0.97, 1)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gadfly.analysis.sample import Draws, Floats, Ints, Sample
from gadfly.analysis.statistics.protocol import Resampler, Statistic

__all__ = ["Gini", "members_for", "top_share"]


@dataclass(frozen=True)
class Gini(Statistic):
    """Gini's coefficient of counts that are not all 0."""

    name: str = "Gini coefficient"

    def estimate(self, values: Floats) -> float:
        """The coefficient, 0 to 1, of counts in ascending order."""
        return float(_of(values, np.ones((1, len(values)), dtype=np.int64))[0])

    def resampler(self, sample: Sample) -> Resampler:
        """The coefficient of each resample of members; each count is a member's."""

        def each(draws: Draws) -> Floats:
            return _of(sample.values, draws.weights)

        return each

    def missing(self, n: int) -> str | None:
        """One member shares with nobody."""
        return None if n > 1 else f"not estimable: it takes 2 members, there is {n}"


def _of(values: Floats, weights: Ints) -> Floats:
    cumulated = np.cumsum(weights, axis=1)
    n = cumulated[:, -1]
    ranked = (weights * (2 * cumulated - weights + 1)) @ values
    return np.asarray(ranked / (n * (weights @ values)) - (n + 1) / n)


def top_share(counts: Floats, top: int) -> float:
    """Share of all that the ``top`` members with the most hold, 0 to 1."""
    return float(np.sort(counts)[::-1][:top].sum() / counts.sum())


def members_for(counts: Floats, share: float) -> int:
    """The fewest members who hold at least this share (0 to 1) of all."""
    held = np.cumsum(np.sort(counts)[::-1]) / counts.sum()
    return int(np.searchsorted(held, share - 1e-12) + 1)
