"""The mean.

Definition: the sum of the values over their number, x̄ = (1/n) Σ xᵢ.

Every attack counts once, so a member who attacked often weighs more: the estimand is the mean over
attacks, not over members. Resampling members makes the interval, not the estimate, feel that. In a
resample it is the ratio Σ wₘ sₘ / Σ wₘ nₘ of two sums over members m (wₘ how often drawn, sₘ the
sum and nₘ the number of the member's values).

Below 100 effective members the interval is the wild cluster bootstrap's (``wild.py``); from there
on the cluster bootstrap's percentiles, which by then agree with it. Where nearly all values are
equal, surprises by a few members carry the mean and neither holds its level, so the share of values
that differ from the commonest must be worth 3 effective members. Nor does it hold where members
who attack more often have higher or lower values (``activity.py``).

Reference: Davison & Hinkley 1997, *Bootstrap Methods and their Application*, section 2.4 (ratios).

>>> import numpy as np
>>> Mean().estimate(np.array([0.0, 1.0, 4.0, 4.0]))
2.25
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from gadfly.analysis.sample import Floats, Sample
from gadfly.analysis.statistics.effective_members import effective_members
from gadfly.analysis.statistics.protocol import (
    PERCENTILES,
    Interval,
    Regime,
    Resampler,
    Statistic,
)
from gadfly.analysis.statistics.wild import Clusters, of_clusters

__all__ = ["RATED", "REGIME", "Mean"]

REGIME = Regime("approximate", members=5, related=True)
"""Where the interval of a mean over members holds its level."""

_MANY = 100  # effective members from which percentiles do
_DIFFERENT = 3  # effective members that the values which differ from the commonest are worth


@dataclass(frozen=True)
class Mean(Statistic):
    """The mean of the values."""

    name: str = "mean"
    scale: tuple[float, float] | None = None
    """Least and largest value that there can be. An interval is cut there: no mean lies beyond, so
    it holds the truth as often as before."""

    def estimate(self, values: Floats) -> float:
        """The mean, in the unit of the values."""
        return float(np.mean(values))

    def resampler(self, sample: Sample) -> Resampler:
        """The mean of each resample."""
        sums = sample.sums(sample.values)
        return lambda draws: draws.ratio(sums)

    def interval(
        self, sample: Sample, *, clustered: bool, level: float, resamples: int, seed: int
    ) -> Interval | None:
        """By the wild cluster bootstrap where members are few; none where too few or too alike."""
        worth = effective_members(sample.masses)
        if not clustered or sample.n_clusters < 2 or sample.values[0] == sample.values[-1]:
            return None
        method = f"wild cluster bootstrap by member, {resamples:,} resamples"
        different = worth * (1 - _commonest(sample.values))
        reason = REGIME.few(worth)
        if not reason and different < _DIFFERENT:
            reason = (
                "interval not estimable: the values that differ from the commonest are worth "
                f"{different:.2g} effective members, it takes {_DIFFERENT}"
            )
        if reason or worth >= _MANY:
            return Interval(method, None, reason) if reason else None
        sizes = sample.masses.astype(np.float64)
        sums = Clusters(sizes[:, None, None], sample.sums(sample.values)[:, None])
        ends = of_clusters(sums, of=0, level=level, resamples=resamples, seed=seed)
        if not ends:
            return Interval(method, None, "interval not estimable: it has no end")
        if self.scale:
            low, high = (float(end) for end in np.clip(ends, *self.scale))
            ends, method = (low, high), f"{method}, cut to {self.scale[0]:g} to {self.scale[1]:g}"
        return Interval(method, ends)

    @property
    def regime(self) -> Regime:
        """The same for percentiles, of which it takes more."""
        return replace(PERCENTILES, related=True)


RATED = Mean(scale=(0.0, 4.0))
"""The mean of ratings, which are stored 0 to 4."""


def _commonest(values: Floats) -> float:
    """Share of the commonest value, of values in ascending order."""
    starts = np.flatnonzero(np.diff(values, prepend=-np.inf))
    return float(np.diff(starts, append=len(values)).max()) / len(values)
