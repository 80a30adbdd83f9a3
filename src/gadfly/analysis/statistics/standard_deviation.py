"""The standard deviation.

Definition: s = √(Σ (xᵢ − x̄)² / n), of the attacks as they are; over n, not n − 1, since it
describes them. In a resample of members it is the same of the values that were drawn; the interval
is the bootstrap's of t.

Reference: Davison & Hinkley 1997, *Bootstrap Methods and their Application*, section 2.4.

>>> import numpy as np
>>> StandardDeviation().estimate(np.array([0.0, 0.0, 2.0, 2.0]))
1.0
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gadfly.analysis.sample import Draws, Floats, Sample
from gadfly.analysis.statistics.protocol import Regime, Resampler, Statistic

__all__ = ["StandardDeviation"]


@dataclass(frozen=True)
class StandardDeviation(Statistic):
    """The standard deviation of the values."""

    name: str = "standard deviation"

    def estimate(self, values: Floats) -> float:
        """The standard deviation, in the unit of the values."""
        return float(np.std(values))

    def resampler(self, sample: Sample) -> Resampler:
        """The standard deviation of each resample."""
        centred = sample.values - sample.values.mean()  # small sums keep their digits
        first, second = sample.sums(centred), sample.sums(centred**2)

        def of(draws: Draws) -> Floats:
            variance = draws.ratio(second) - draws.ratio(first) ** 2
            return np.asarray(np.sqrt(np.maximum(variance, 0)))

        return of

    def errors(self, sample: Sample) -> Resampler:
        """The standard error of each resample, from what each cluster adds at first order:
        Σ ((xᵢ − x̄)² − s²) / 2sn over its values.
        """
        centred = sample.values - sample.values.mean()
        sums = [sample.sums(centred**power) for power in (0, 1, 2)]

        def each(draws: Draws) -> Floats:
            times = draws.multiplicities.astype(np.float64)
            mean, square = draws.ratio(sums[1])[:, None], draws.ratio(sums[2])[:, None]
            variance = square - mean**2
            adds = sums[2] - 2 * mean * sums[1] + (mean**2 - variance) * sums[0]
            with np.errstate(invalid="ignore", divide="ignore"):
                scale = 2 * np.sqrt(variance[:, 0]) * draws.totals
                return np.asarray(np.sqrt((times * adds**2).sum(axis=1)) / scale)

        return each

    @property
    def regime(self) -> Regime:
        """It takes more members than a mean."""
        return Regime("approximate", members=50)
