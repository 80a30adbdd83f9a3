"""The conditional value at risk: how bad the worst share of attacks is on average.

Definition: with the values in ascending order and k = αn, the mean of the lowest k values, the last
one weighted by its fraction: (x₀ + … + x₍⌊k⌋₋₁₎ + (k − ⌊k⌋) x₍⌊k⌋₎) / k.

Lower scores are worse, so the lower tail is meant. A mean can improve while this gets worse, which
is why both are reported. Below αn = 10 the tail holds too few attacks to say anything and there is
no estimate.

The interval is the cluster bootstrap's of t. The standard error over members m takes the cut-off
x₍k₎ as given, which costs nothing at first order since the definition is stationary in it: with
uₘ = Σ x₍k₎ + min(xᵢ − x₍k₎, 0)/α over the attacks of m, it is that of the ratio Σ uₘ / Σ nₘ. Its
variance is drawn up as a rate's is (``likeness.py``, c = 1, for resamples know the rest), and where
members are shown to differ more than the attacks of one do there is no interval.

Reference: Rockafellar & Uryasev 2002, "Conditional value-at-risk for general loss distributions",
*Journal of Banking & Finance* 26(7), which calls it expected shortfall too.

>>> import numpy as np
>>> CVaR(0.5).estimate(np.array([-3.0, -1.0, 0.0, 2.0, 5.0]))
-1.6
>>> CVaR(0.01).missing(60)
'not estimable: the lowest 1% of 60 attacks is 0.6 attacks, it takes 10'
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gadfly.analysis.sample import Draws, Floats, Sample, alike
from gadfly.analysis.statistics.effective_members import effective_members
from gadfly.analysis.statistics.likeness import drawn_up, moved
from gadfly.analysis.statistics.protocol import Regime, Resampler, Statistic

__all__ = ["CVaR"]

_NEEDED = 10  # attacks in the tail
_WEIGHT = 1.0  # degrees of freedom that likeness counts as where data say little of it


@dataclass(frozen=True)
class CVaR(Statistic):
    """The mean of the lowest share ``alpha`` of the values."""

    alpha: float
    """The share, above 0 and at most 1."""

    @property
    def name(self) -> str:
        """The tail mean with its share."""
        return f"mean of the lowest {self.alpha:.0%} (CVaR)"

    def estimate(self, values: Floats) -> float:
        """The tail mean, in the unit of the values."""
        k = self.alpha * len(values)
        whole = int(k)
        last = values[min(whole, len(values) - 1)]
        return float((values[:whole].sum() + (k - whole) * last) / k)

    def resampler(self, sample: Sample) -> Resampler:
        """The statistic of each resample, exactly."""
        return self._resampled

    def _resampled(self, draws: Draws) -> Floats:
        count = np.asarray(draws.totals * self.alpha, dtype=np.float64)
        return np.asarray(draws.lowest_sum(count) / count)

    def errors(self, sample: Sample) -> Resampler:
        """The standard error of each resample over members."""
        sums = sample.sums(self._shortfalls(sample))
        sizes = sample.masses.astype(np.float64)
        squares = np.stack([sums**2, sums * sizes, sizes**2], axis=1)

        def each(draws: Draws) -> Floats:
            times = draws.multiplicities.astype(np.float64)
            mean, (a, b, c) = draws.ratio(sums), (times @ squares).T
            return np.asarray(np.sqrt(np.maximum(a - 2 * mean * b + mean**2 * c, 0)) / draws.totals)

        return each

    def guard(self, sample: Sample) -> float:
        """For how little few members say of how alike their attacks are."""
        u = self._shortfalls(sample)
        sizes, sums, n = sample.masses.astype(np.float64), sample.sums(u), len(u)
        if len(sizes) < 2 or alike(u):
            return 1.0
        mean, worth = float(sums.sum()) / n, effective_members(sizes)
        moves = (sums - mean * sizes) / (n - sizes)
        if float(moves @ moves) <= 1e-24 * mean**2:
            return 1.0
        variance, df = moved(moves, worth)
        single = float(sample.sums((u - mean) ** 2).sum()) / n
        drawn = drawn_up(variance, df, single=single, n=n, worth=worth, by=_WEIGHT)
        return float(np.sqrt(drawn / variance))

    def _shortfalls(self, sample: Sample) -> Floats:
        values, n = sample.values, len(sample.values)
        ends = np.cumsum(np.ones(n) if sample.weights is None else sample.weights)
        cut = values[min(int(np.searchsorted(ends, self.alpha * n, side="right")), n - 1)]
        return np.asarray(cut + np.minimum(values - cut, 0) / self.alpha)

    @property
    def regime(self) -> Regime:
        """Tails rest on few members: it takes more of them than a mean does."""
        return Regime("approximate", members=20, related=True, alike=True)

    def missing(self, n: int) -> str | None:
        """Too few attacks in the tail."""
        tail = self.alpha * n
        if tail >= _NEEDED:
            return None
        share = f"the lowest {self.alpha:.0%} of {n:,} attacks"
        return f"not estimable: {share} is {tail:.3g} attacks, it takes {_NEEDED}"
